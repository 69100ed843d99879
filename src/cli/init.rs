//! `init`: makes a folder a project, from flags or from what a person answers.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::jobs_file;
use super::output::{self, GOOD, WARN, printable};
use super::{Common, Format};
use crate::project::{self, Choices, Fault, File, Plan, Question, YOURS};

mod flags;
mod interview;
mod next;
mod write;

use flags::{Flags, flag};
use next::Step;

pub(super) const HELP: &str = "\
Example:
  longshore init my-jobs
  longshore init my-jobs --region eu-west-1 --image alpine --schedule 'rate(1 day)' \\
    --cluster batch --vpc vpc-0a1b2c3d4e5f60718 --subnet-tags Type=private";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder; made when it is missing.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    flags: Flags,
    /// Ask nothing: take what is proposed where no flag says otherwise.
    #[arg(short, long)]
    yes: bool,
    /// Replace files that are there. A jobs.yaml is kept, and with it triggers.yaml, samconfig.toml
    /// and events/first.json: the rest becomes this version's.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let mut plan = arguments.flags.plan(common.namespace.clone());
    // Bad flags are told before anybody waits or answers.
    judge(&plan, now)?;
    let jobs_file = arguments.folder.join("jobs.yaml");
    let is_upgrade = arguments.force && jobs_file.is_file();
    let questions = if is_upgrade { &Question::OF_UPGRADE[..] } else { &Question::ALL };
    complete(&mut plan, questions, arguments, now).await?;
    let files = if is_upgrade { project::upgrade(&plan) } else { project::files(&plan, now) };
    let files = files.map_err(|faults| refuse(&faults))?;
    let written = write::write(&arguments.folder, &files, arguments.force)?;
    let steps = if is_upgrade { next::after_upgrade(&plan) } else { next::steps(&plan) };
    let exit = print(common, arguments, &files, &written, &steps)?;
    if !is_upgrade {
        warn(&jobs_file)?;
    }
    Ok(exit)
}

/// What `check` would say of the file, told while the answers are still in mind.
fn warn(jobs_file: &Path) -> Result<(), Failure> {
    let shown = jobs_file.strip_prefix(".").unwrap_or(jobs_file);
    let file = jobs_file::open(jobs_file)?;
    output::print_aside(&jobs_file::report(shown, &file.source, &file.problems));
    Ok(())
}

/// Fills in what no flag says: by asking whoever sits there, else with what is proposed.
async fn complete(
    plan: &mut Plan,
    questions: &[Question],
    arguments: &Arguments,
    now: Timestamp,
) -> Result<(), Failure> {
    let person = !arguments.yes && interview::is_possible();
    let must_know = |question: &Question| question.is_open(plan) && !question.is_optional();
    if !questions.iter().any(must_know) {
        return Ok(());
    }
    let choices = if person || arguments.yes { discover(plan).await } else { Choices::default() };
    if person {
        interview::ask(questions, plan, &choices, now)?;
    } else {
        propose(questions, plan, &choices)?;
    }
    if plan.settle_address(&choices) {
        note("the subnets are public, so tasks get a public address");
    }
    Ok(())
}

/// Looks at each answer that is there.
fn judge(plan: &Plan, now: Timestamp) -> Result<(), Failure> {
    let faults: Vec<Fault> = plan
        .answers
        .iter()
        .filter_map(|(answer, value)| {
            let message = project::fault(*answer, value, &plan.namespace, now)?;
            Some(Fault { answer: Some(*answer), message })
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(refuse(&faults)) }
}

/// Takes what is proposed, and names the flags of what is not.
fn propose(questions: &[Question], plan: &mut Plan, choices: &Choices) -> Result<(), Failure> {
    let mut missing = Vec::new();
    for question in questions {
        if !question.is_open(plan) {
            continue;
        }
        match question.proposal(plan, choices) {
            Some(proposal) => plan.answers.extend(question.read(&proposal)),
            None if question.is_optional() => {}
            None => {
                let flags: Vec<&str> =
                    question.answers().iter().map(|answer| flag(*answer)).collect();
                missing.push(flags.join(" or "));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "nobody can be asked here, and nothing says what to take: give {}",
        missing.join(", ")
    )))
}

/// What the account has to choose from; what it does not tell is noted.
#[cfg(feature = "aws")]
async fn discover(plan: &Plan) -> Choices {
    output::print_aside("asking AWS what there is ..\n");
    let region = plan.answers.get(&project::Answer::Region).map(String::as_str);
    let choices = crate::gather::choices(&crate::aws::connect().await, region).await;
    choices.notes.iter().for_each(|seen| note(seen));
    choices
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "it waits where AWS is built in")]
async fn discover(_: &Plan) -> Choices {
    note("this longshore was built without AWS, and cannot look what there is");
    Choices::default()
}

fn note(text: &str) {
    output::print_aside(&format!("{WARN}note:{WARN:#} {}\n", printable(text)));
}

/// Every fault by the flag that has it.
fn refuse(faults: &[Fault]) -> Failure {
    let line = |fault: &Fault| match fault.answer {
        Some(answer) => format!("{}: {}", flag(answer), printable(&fault.message)),
        None => format!("jobs.yaml would not be right: {}", printable(&fault.message)),
    };
    let lines: Vec<String> = faults.iter().map(line).collect();
    Failure::usage(lines.join("\n       "))
}

fn print(
    common: &Common,
    arguments: &Arguments,
    files: &[File],
    written: &[&File],
    steps: &[Step],
) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    let is_kept =
        |path: &&str| !written.iter().any(|file| file.path == *path) && folder.join(path).exists();
    let kept = YOURS.into_iter().chain(files.iter().map(|file| file.path)).filter(is_kept);
    if common.output == Format::Json {
        let told = |path, is_new| json!({ "path": folder.join(path), "written": is_new });
        let files = written.iter().map(|file| told(file.path, true));
        let files: Vec<Value> = files.chain(kept.map(|path| told(path, false))).collect();
        let next = steps.first().map(|step| &step.command);
        return output::print_json(&json!({ "folder": folder, "files": files, "next": next }));
    }
    let mut text: String = kept.map(|path| format!("kept: {}\n", shown(folder, path))).collect();
    for file in written {
        text += &format!("{GOOD}written:{GOOD:#} {}\n", shown(folder, file.path));
    }
    output::print_text(&format!("{text}next:\n{}", next::to_text(folder, steps)))
}

/// A file as whoever called us can name it.
fn shown(folder: &Path, path: &str) -> String {
    let path = folder.join(path);
    printable(&path.strip_prefix(".").unwrap_or(&path).display().to_string())
}
