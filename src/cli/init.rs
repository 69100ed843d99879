//! `init`: makes a folder a project, from flags or from what a person answers.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::{self, GOOD, WARN, printable};
use super::{Common, Format};
use crate::project::{self, Choices, Fault, File, Plan, Question};

mod flags;
mod interview;
mod write;

use flags::{Flags, flag};

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
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let mut plan = arguments.flags.plan(common.namespace.clone());
    // Bad flags are told before anybody waits or answers.
    judge(&plan, now)?;
    complete(&mut plan, arguments, now).await?;
    let files = project::files(&plan, now).map_err(|faults| refuse(&faults))?;
    let written = write::write(&arguments.folder, &files, arguments.force)?;
    print(common, arguments, &files, &written)
}

/// Fills in what no flag says: by asking whoever sits there, else with what is proposed.
async fn complete(plan: &mut Plan, arguments: &Arguments, now: Timestamp) -> Result<(), Failure> {
    let person = !arguments.yes && interview::is_possible();
    let must_know = |question: &Question| question.is_open(plan) && !question.is_optional();
    if !Question::ALL.iter().any(must_know) {
        return Ok(());
    }
    let choices = if person || arguments.yes { discover(plan).await } else { Choices::default() };
    if person {
        interview::ask(plan, &choices, now)?;
    } else {
        propose(plan, &choices)?;
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
fn propose(plan: &mut Plan, choices: &Choices) -> Result<(), Failure> {
    let mut missing = Vec::new();
    for question in Question::ALL {
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
) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    let next = match common.namespace.as_str() {
        "longshore" => "longshore explain events/first.json".to_owned(),
        other => format!("longshore explain events/first.json --namespace {other}"),
    };
    if common.output == Format::Json {
        let files = files.iter().map(
            |file| json!({ "path": folder.join(file.path), "written": written.contains(&file) }),
        );
        return output::print_json(&json!({
            "folder": folder,
            "files": files.collect::<Vec<_>>(),
            "next": next,
        }));
    }
    let shown = printable(&folder.display().to_string());
    let mut text = String::new();
    for file in written {
        text += &format!("{GOOD}written:{GOOD:#} {}\n", printable(&path(folder, file)));
    }
    let enter = if shown == "." { String::new() } else { format!("cd {shown} && ") };
    output::print_text(&format!("{text}next: {enter}{next}\n"))
}

/// A file as whoever called us can name it.
fn path(folder: &Path, file: &File) -> String {
    let path = folder.join(file.path);
    path.strip_prefix(".").unwrap_or(&path).display().to_string()
}
