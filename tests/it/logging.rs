//! What is logged, in which form, and what never is.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use serde_json::{Value, json};

use crate::local::check_end;
use crate::program::{Done, Project, Running, job, task};

/// Runs the program with these variables set.
fn run(project: &Project, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
    let mut command = project.command(arguments);
    command.envs(variables.iter().copied());
    Running::start(command).finish()
}

/// The lines that are JSON objects.
fn records(done: &Done) -> Vec<Value> {
    let objects = done.stderr.lines().filter(|line| line.starts_with('{'));
    objects.map(|line| serde_json::from_str(line).expect("a whole object in one line")).collect()
}

#[test]
fn a_json_log_names_run_job_attempt_and_task_in_fields_of_their_own() {
    let project = Project::new(&job("exit 0", &[]));
    let event = project.event("once");
    let variables = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "INFO")];
    let done = run(&project, &variables, &["local", "-q", "-o", "json", &event]);
    let records = records(&done);
    let started = records.iter().find(|record| record["message"] == "started");
    let started = started.unwrap_or_else(|| panic!("no `started`: {done:#?}"));
    let told = done.only_run();
    assert_eq!(started["level"], "INFO", "{started:#}");
    assert_eq!(
        started["target"].as_str().map(|target| target.starts_with("longshore")),
        Some(true)
    );
    assert_eq!((&started["run"], &started["job"]), (&told["runId"], &told["job"]), "{started:#}");
    assert_eq!(started["attempt"], 1, "{started:#}");
    assert_eq!(started["task"], told["attempts"][0]["launches"][0]["task"], "{started:#}");
    assert!(started["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{started:#}");
    let ended = records.iter().find(|record| record["message"] == "ended");
    assert_eq!(ended.map(|record| &record["verdict"]), Some(&json!("Succeeded")), "{records:#?}");
}

#[test]
fn who_logs_what_follows_from_lambdas_level_then_rust_log_then_errors() {
    for (variables, logs) in [
        (&[][..], false),
        (&[("RUST_LOG", "longshore=info")], true),
        (&[("RUST_LOG", "longshore=warn")], false),
        (&[("RUST_LOG", "longshore::record=info")], false),
        (&[("AWS_LAMBDA_LOG_LEVEL", "INFO")], true),
        (&[("AWS_LAMBDA_LOG_LEVEL", "WARN"), ("RUST_LOG", "longshore=trace")], false),
        (&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("RUST_LOG", "off")], true),
    ] {
        let project = Project::new(&job("exit 0", &[]));
        let event = project.event("once");
        let done = run(&project, variables, &["local", "-q", &event]);
        let claimed = done.stderr.contains("INFO") && done.stderr.contains(": claimed run=work-");
        assert_eq!(claimed, logs, "{variables:?}: {done:#?}");
        assert_eq!(records(&done), [Value::Null; 0], "{variables:?}: {done:#?}");
        assert!(!done.stderr.contains('\u{1b}'), "{variables:?}: {done:#?}");
    }
}

const IN_ENVIRONMENT: &str = "marker-environment";
const IN_SECRET: &str = "marker-secret";
const IN_PASSED: &str = "marker-passed";
const IN_BODY: &str = "marker-body";
const IN_KEY: &str = "marker-key";
/// Of these nothing may be logged.
const HIDDEN: [&str; 4] = [IN_ENVIRONMENT, IN_SECRET, IN_PASSED, IN_BODY];
const EVERYTHING: [(&str, &str); 2] =
    [("RUST_LOG", "longshore=trace"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];

#[track_caller]
fn check_hides(done: &Done, least: usize) {
    let records = records(done);
    assert!(records.len() >= least, "only {} records: {done:#?}", records.len());
    for marker in HIDDEN {
        assert!(!done.stderr.contains(marker), "{marker} is told: {}", done.stderr);
    }
    let logs: String = records.iter().map(Value::to_string).collect();
    assert!(!logs.contains(IN_KEY), "{logs}");
}

/// A job that gets a value from everywhere, and tries every way to fail with it.
fn confidant(script: &str) -> Project {
    Project::new(&task(&[
        "triggers: [{ s3: { bucket: uploads } }]",
        "parameters: { day: { pattern: '[0-9]+', default: '1' } }",
        "retry: { attempts: 2, on: [anyExitCode], backoff: { delay: 1s } }",
        "task.image: alpine",
        &format!("task.command: {}", json!(["sh", "-c", script])),
        &format!(
            "task.environment: {{ OPEN: {IN_ENVIRONMENT}, KEY: '{{{{ key | default(0) }}}}' }}"
        ),
        "task.secrets: { HIDDEN: 'arn:aws:ssm:eu-west-1:123456789012:parameter/hidden' }",
        "task.executionRoleArn: arn:aws:iam::123456789012:role/exec",
    ]))
}

#[test]
fn what_a_task_is_given_is_not_logged_even_when_it_fails() {
    let script = "test \"$OPEN$HIDDEN$PASSED\" = marker-environmentmarker-secretmarker-passed \
                  && echo x >> marker; exit 75";
    let project = confidant(script);
    let object = json!({
        "version": "0", "id": "1", "source": "aws.s3", "detail-type": "Object Created",
        "time": "2026-11-24T09:14:07Z",
        "detail": {
            "bucket": { "name": "uploads" }, "reason": IN_BODY,
            "object": { "key": IN_KEY, "size": 1, "etag": "e" },
        },
    });
    project.write("event.json", object.to_string());
    let arguments = ["local", "-q", "-o", "json", "--pass-env", "PASSED", "event.json"];
    let variables = [&EVERYTHING[..], &[("HIDDEN", IN_SECRET), ("PASSED", IN_PASSED)]].concat();
    let done = run(&project, &variables, &arguments);
    check_end(&done, 75, "Failed", Some(75), "");
    assert_eq!(project.lines("marker"), 2, "the task knows them: {done:#?}");
    check_hides(&done, 6);
}

#[test]
fn what_an_event_says_is_not_logged_even_when_it_is_refused() {
    let project = confidant("exit 0");
    let good = project.event("good");
    let sqs = |body: String| {
        json!({ "Records": [
            { "messageId": "1", "eventSource": "aws:sqs", "body": body },
            { "messageId": "2", "eventSource": "aws:sqs", "body": r#"{"job": "work", "key": "1"}"# },
        ] })
    };
    for body in [
        format!("{{ {IN_BODY}"),
        json!({ "what": IN_BODY }).to_string(),
        json!({ "job": "work", "key": { "not": IN_BODY } }).to_string(),
        json!({ "job": "work", "key": "2", "parameters": { "day": IN_BODY } }).to_string(),
        json!({ "source": "aws.s3", "detail-type": "Object Created", "time": IN_BODY }).to_string(),
        json!({ "source": "aws.ecs", "detail-type": "ECS Task State Change", "id": IN_BODY,
                "detail": { "taskArn": 1, "lastStatus": IN_BODY } })
        .to_string(),
    ] {
        project.write("event.json", sqs(body.clone()).to_string());
        let done = run(&project, &EVERYTHING, &["local", "-q", "event.json", &good]);
        assert_eq!(done.code, Some(1), "{body}: {done:#?}");
        assert!(done.stderr.contains("error: event.json: "), "{body}: {done:#?}");
        check_hides(&done, 1);
    }
}
