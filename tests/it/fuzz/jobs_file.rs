//! jobs.yaml: it is read, or told wrong at a line.

use jiff::Timestamp;
use longshore::event::Values;
use longshore::identity::{Namespace, RunId};
use longshore::jobs::problem::{Severity, render};
use longshore::jobs::{Path, RunSpec, read};
use proptest::prelude::*;

use super::{config, corpus, mutated};

const WORDS: &[&str] = &[
    ": ",
    "\n",
    "\n  ",
    "- ",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "'",
    "\"",
    "#",
    "|",
    ">",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "---\n",
    "\t",
    "~",
    "{{ key }}",
    "{{",
    "}}",
    "jobs:",
    "task:",
    "image:",
    "command:",
    "retry:",
    "\r\n",
    "\u{feff}",
    "\\0",
    ".nan",
    "-1",
    "1e9",
    "99999999999999999999",
    "15m",
    "null",
    "yes",
    "environment:",
    "parameters:",
    "schedule:",
    "network:",
    "defaults:",
];

fn sources() -> impl Strategy<Value = Vec<u8>> {
    let sample = include_bytes!("../../../jobs.yaml").to_vec();
    mutated([corpus("jobs_file"), vec![sample]].concat(), WORDS)
}

fn check(source: &[u8]) -> Result<(), TestCaseError> {
    let reading = read(source, "2026-11-24T03:00:00Z".parse::<Timestamp>().unwrap_or_default());
    let text = String::from_utf8_lossy(source);
    let failed = reading.problems.iter().any(|problem| problem.severity == Severity::Error);
    prop_assert_eq!(reading.jobs.is_none(), failed, "{:?}", reading.problems);
    let lines = text.lines().count() + 1;
    for problem in &reading.problems {
        let record = problem.record(&text);
        prop_assert!(!problem.message.is_empty(), "{:?}", problem);
        let whole = problem.path == Path::root();
        prop_assert!(whole || record.line.is_some(), "no line: {:?}", problem);
        prop_assert!(record.line.is_none_or(|line| (1..=lines).contains(&line)), "{:?}", problem);
    }
    render(&reading.problems, "jobs.yaml", &text, true);
    let (namespace, values) = (Namespace::default(), Values::new());
    for job in reading.jobs.iter().flat_map(|jobs| jobs.iter()) {
        let run = RunId::derive(&job.name, "s3", &["x"]);
        // Right or wrong, it says so.
        let _ =
            job.request(RunSpec { namespace: &namespace, run: &run, attempt: 1, values: &values });
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_file_is_read_or_told_wrong_at_a_line(source in sources()) {
        check(&source)?;
    }
}
