//! Keeps the documents true: what the README says is printed is printed, the reference is what the
//! types say, every link leads somewhere.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use longshore::identity::Namespace;
use longshore::jobs::problem::{Problem, Severity};
use longshore::metrics::Measure;
use longshore::queue::QueueName;
use longshore::run::Verdict;
use longshore::sweep::Swept;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The blocks of one language in a Markdown text.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A text with every digit of a clock, duration and task id made 0.
fn timeless(text: &str) -> String {
    text.lines()
        // `2026-11-25`, alone: the run was claimed on a later day than its event's.
        .filter(|line| line.trim().parse::<jiff::civil::Date>().is_err())
        .map(|line| match line.split_once("  ") {
            // `  09:14:09.000  running`: the second field, after the indent, is a time.
            Some(("", rest)) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
                let words = rest.split_once("  ").unwrap_or((rest, "")).1;
                let id = words.strip_prefix("task     ").is_some();
                if id { "task\n".to_owned() } else { format!("{words}\n") }
            }
            _ => {
                let ran = line.split(", ran ").next().unwrap_or_default();
                format!("{ran}\n")
            }
        })
        .collect()
}

#[test]
fn the_first_command_prints_what_the_readme_shows() {
    let readme = read("README.md");
    let command = blocks(&readme, "sh")[0].trim();
    assert_eq!(command, "cargo run --no-default-features -- local events/s3-object-created.json");
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.db");
    let run = || {
        let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
            .current_dir(root())
            .args(["local", "events/s3-object-created.json", "--ledger"])
            .arg(&ledger)
            // The job's own file there has the run's name, which is the same in every test.
            .env("TMPDIR", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (stdout.replace(ledger.to_str().unwrap(), ".longshore/longshore.db"), stderr)
    };
    let shown = blocks(&readme, "text");
    let (stdout, stderr) = run();
    // The task's own output goes to standard error, and stands among the rest on a terminal.
    let (own, story): (Vec<&str>, Vec<&str>) =
        shown[0].lines().partition(|line| line.starts_with("inspect-upload |"));
    assert_eq!(timeless(&stdout), timeless(&story.join("\n")));
    assert!(own.len() > 3);
    for line in own {
        assert!(stderr.contains(line), "{line}\nis not in\n{stderr}");
    }
    let (stdout, _) = run();
    assert!(stdout.ends_with(shown[1]), "{stdout}");
}

/// A whole jobs.yaml around what a page shows of one.
fn whole(part: &str) -> String {
    let job = "jobs:\n  report:\n";
    let indented: String = part.lines().map(|line| format!("    {line}\n")).collect();
    match part.split(':').next().unwrap() {
        "defaults" | "jobs" => part.to_owned(),
        "prices" => format!("{part}{job}    task: {{ image: report }}\n"),
        "task" => format!("{job}{indented}"),
        _ => format!("{job}    task: {{ image: report }}\n{indented}"),
    }
}

#[test]
fn every_example_of_jobs_yaml_passes_its_check() {
    let mut count = 0;
    for page in ["README.md", "docs/jobs.md", "docs/retries-and-limits.md"] {
        let text = read(page);
        for example in blocks(&text, "yaml").into_iter().map(whole) {
            count += 1;
            let reading = longshore::jobs::read(example.as_bytes(), Timestamp::now());
            let errors = reading.problems.iter().filter(|told| told.severity == Severity::Error);
            assert_eq!(errors.collect::<Vec<_>>(), Vec::<&Problem>::new(), "{page}: {example}");
            if page == "README.md" {
                assert_eq!(reading.problems, [], "{example}");
            }
        }
    }
    assert_eq!(count, 7);
}

#[test]
fn every_command_in_the_readme_s_table_works() {
    let readme = read("README.md");
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.db");
    let rows = readme.lines().filter_map(|line| {
        let command = line.strip_prefix("| ")?.split("| `longshore ").nth(1)?;
        command.split('`').next()
    });
    let mut count = 0;
    for command in rows {
        count += 1;
        let verb = command.split(' ').next().unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_longshore"));
        program.current_dir(root()).args(command.split(' ')).env("TMPDIR", folder.path());
        let on_ledger = ["local", "run", "runs", "show", "logs", "why", "stop", "rerun", "replay"];
        if on_ledger.contains(&verb) {
            // The rows before `show` have not run the job it asks for.
            let mut first = Command::new(env!("CARGO_BIN_EXE_longshore"));
            first.args(["local", "events/s3-object-created.json", "--ledger"]).arg(&ledger);
            first.env("TMPDIR", folder.path());
            assert!(first.current_dir(root()).output().unwrap().status.success());
            program.arg("--ledger").arg(&ledger);
        }
        let output = program.output().unwrap();
        if verb == "stop" {
            // It has ended by then.
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("had ended before: Succeeded"), "{command}: {output:?}");
            continue;
        }
        assert!(output.status.success(), "{command}: {output:?}");
    }
    assert_eq!(count, 12);
}

#[test]
fn the_reference_is_what_the_types_say() {
    let written = longshore::jobs::reference::markdown(&longshore::jobs::schema());
    assert!(read("docs/reference.md") == written, "renew it: make reference");
}

#[test]
fn every_metric_is_in_the_table_with_its_dimensions() {
    let job: longshore::identity::JobName = "report".parse().unwrap();
    let took = Some(SignedDuration::from_secs(1));
    let verdict = Verdict::Failed;
    let ended =
        Measure::RunEnded { job: job.clone(), verdict, start_latency: took, run_time: took };
    let mut measured = Vec::new();
    for measure in [
        ended,
        Measure::LaunchRefused(job),
        Measure::MessageRejected(QueueName::Events),
        Measure::UnknownRun,
        Measure::SecondTask,
        Measure::Swept(Swept::default()),
    ] {
        let line = measure.to_emf(&Namespace::default(), Timestamp::UNIX_EPOCH);
        let told = &line["_aws"]["CloudWatchMetrics"][0];
        let quoted = |name: &Value| format!("`{}`", name.as_str().unwrap());
        let widest = told["Dimensions"].as_array().unwrap().last().unwrap();
        let dimensions: Vec<String> = widest.as_array().unwrap().iter().map(quoted).collect();
        let metrics = told["Metrics"].as_array().unwrap().iter();
        measured.extend(
            metrics.map(|one| format!("| {} | {} |", quoted(&one["Name"]), dimensions.join(", "))),
        );
    }
    let page = read("docs/operating.md");
    let table = page.split("| metric |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(rows.len(), measured.len(), "{measured:?}");
    for (row, start) in rows.iter().zip(&measured) {
        assert!(row.starts_with(start.as_str()), "{row} is not of {start}");
    }
    // What a month without runs is reckoned with.
    let sweeps = measured.iter().skip_while(|row| !row.contains("`Sweeps`")).count();
    assert!(read("docs/cost.md").contains(&format!("| {sweeps}, which each sweep sends |")));
}

/// The names by which a page's headings are linked to.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let named = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(named).collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut links = 0;
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    for file in pages.chain(["README.md", "ARCHITECTURE.md"].map(|name| root().join(name))) {
        let text = fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there =
                if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(there.exists(), "{} links to {target}", file.display());
            let found = anchor.is_empty()
                || anchors(&fs::read_to_string(&there).unwrap()).iter().any(|name| name == anchor);
            assert!(found, "{} links to {target}", file.display());
        }
    }
    assert!(links > 100, "{links}");
}

#[test]
fn every_sample_event_that_a_job_wants_runs_here_to_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for entry in fs::read_dir(root().join("events")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // What happens to tasks, a run that has to be there before, and what wants nothing.
        let starts =
            !name.starts_with("ecs-") && !["rerun.json", "s3-test-event.json"].contains(&&*name);
        if !path.is_file() || !starts {
            continue;
        }
        count += 1;
        let ledger = folder.path().join(format!("{name}.db"));
        let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
            .current_dir(root())
            .args(["local", "--quiet", "--ledger"])
            .args([&ledger, &path])
            .env("TMPDIR", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
    }
    assert!(count > 7, "{count}");
}
