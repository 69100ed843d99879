//! Templates: what an event brings becomes as many arguments as the job has, and is never looked at
//! again.

use jiff::Timestamp;
use longshore::event::Values;
use longshore::identity::{Namespace, RunId};
use longshore::jobs::{Job, RunSpec, TaskRequest, read};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::{config, corpus, mutated_text, texts};

const WORDS: &[&str] = &[
    "{{ key }}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "key",
    "bucket",
    "runId",
    "job",
    "parameters.day",
    "|",
    "upper",
    "default('')",
    "date",
    "self",
    "range(9)",
    "loop",
    "~",
    "(",
    ")",
    "'",
    "\"",
    ".",
    "[0]",
    "-",
];

/// The one job of a file with this command and this variable; `None` where `check` refuses it.
fn job(command: &[String], variable: &str) -> Option<Job> {
    let file = json!({ "jobs": { "work": {
        "triggers": [{ "s3": { "bucket": "uploads" } }],
        "allowLeadingDash": true,
        "task": { "image": "x:1", "command": command, "environment": { "VALUE": variable } },
    } } });
    let read = read(file.to_string().as_bytes(), Timestamp::UNIX_EPOCH);
    read.jobs?.get("work").cloned()
}

fn request(job: &Job, key: &str) -> Option<TaskRequest> {
    let values: Values = [("bucket", "uploads"), ("key", key), ("size", "1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let run = RunId::derive(&job.name, "s3", &["x"]);
    let namespace = Namespace::default();
    job.request(RunSpec { namespace: &namespace, run: &run, attempt: 1, values: &values }).ok()
}

/// Keys that look like templates, code and options.
fn keys() -> impl Strategy<Value = String> {
    let looks = select(texts("templates"));
    let any = "[^\0]{1,60}";
    prop_oneof![any, looks.clone(), (looks, any).prop_map(|(one, other)| format!("{one}{other}"))]
        .prop_filter("a key is set", |key| !key.is_empty() && key.len() < 1024)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_inserted_is_one_argument_and_stays_as_it_is(
        elements in vec(prop_oneof![
            Just("{{ key }}"), Just("a{{ key }}b"), Just("{{key}}{{ key }}"), Just("plain"), Just("{% raw %}"),
        ], 0..6),
        key in keys(),
    ) {
        let command: Vec<String> =
            ["run"].iter().chain(&elements).map(|element| (*element).to_owned()).collect();
        let job = job(&command, "<{{ key }}>").ok_or_else(|| TestCaseError::fail("it is refused"))?;
        let request = request(&job, &key).ok_or_else(|| TestCaseError::fail("it is not made"))?;
        prop_assert_eq!(&request.environment["VALUE"], &format!("<{key}>"));
        let expected: Vec<String> = command.iter().map(|element| {
            ["{{ key }}", "{{key}}"].iter().fold(element.clone(), |text, placeholder| {
                text.split(placeholder).collect::<Vec<_>>().join("\u{0}")
            }).replace('\0', &key)
        }).collect();
        // A command without a placeholder is the task definition's.
        prop_assert_eq!(request.command.unwrap_or(command), expected);
    }

    #[test]
    fn whatever_the_template_the_arguments_are_as_many_as_the_job_has(
        element in mutated_text(corpus("templates"), WORDS),
        key in keys(),
    ) {
        let command = ["run".to_owned(), element.clone(), "last".to_owned()];
        let Some(job) = job(&command, &element) else { return Ok(()) };
        let Some(request) = request(&job, &key) else { return Ok(()) };
        if let Some(filled) = request.command {
            prop_assert_eq!(filled.len(), 3);
            prop_assert_eq!((filled[0].as_str(), filled[2].as_str()), ("run", "last"));
        }
        let names: Vec<&str> = request.environment.keys().map(String::as_str).collect();
        prop_assert!(names.iter().all(|name| *name == "VALUE" || name.starts_with("LONGSHORE_")));
    }
}
