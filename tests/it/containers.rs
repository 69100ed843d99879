//! Tasks as containers: the program and a stand-in for docker that writes down how it was called,
//! keeps one container, and can be made to fail.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::local::check_end;
use crate::program::{Done, Project, Running, job};

/// A stand-in for docker that writes down how it was called.
pub(crate) const DOCKER: &str = r#"#!/bin/sh
verb=$1; line=$1; shift; for word; do line="$line [$word]"; done
# One write: two may be called at once.
printf '%s\n' "$line" >> calls
# The last line of a file is taken away: whether there was one.
take() { [ -s "$1" ] && sed -i '$d' "$1"; }
case $verb in
create) if [ -e pulls ]; then exec sleep 60; fi
    if [ -e refuses ]; then echo "pull access denied for alpine" >&2; exit 1; fi; echo id ;;
start) echo from the container; if [ -e blocks ]; then until [ -e killed ]; do sleep 0.02; done; fi ;;
kill) take deaf || : > killed ;;
inspect)
    if take restarting; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi
    if [ -e gone ]; then echo "Error: No such object: $3" >&2; exit 1; fi
    cat state.json ;;
esac
"#;

/// Runs a job through the stand-in; the calls, with the container's name shortened to `NAME`. How
/// often it was asked for the container's state, and when, depends on the moment: that is left out.
fn through_docker(files: &[(&str, &str)], settings: &[&str]) -> (Project, Done, Vec<String>) {
    let project = Project::new(&job("echo hello", settings));
    fs::create_dir(project.path("bin")).expect("a folder for programs");
    project.write("bin/docker", DOCKER);
    fs::set_permissions(project.path("bin/docker"), fs::Permissions::from_mode(0o755))
        .expect("an executable");
    for (name, content) in files {
        project.write(name, content);
    }
    let event = project.event("once");
    let mut command = project.command(&["local", "-o", "json", "--runtime", "docker", &event]);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", project.path("bin").display()));
    command.env("TOKEN", "hunter2").env("PASSED", "hunter3").args(["--pass-env", "PASSED"]);
    let done = Running::start(command).finish();
    let task = done.only_run()["attempts"][0]["launches"][0]["task"].clone();
    let id = task.as_str().and_then(|arn| arn.rsplit('/').next()).expect("a task").to_owned();
    let calls = String::from_utf8_lossy(&project.read("calls")).into_owned();
    let calls = calls.lines().map(|line| line.replace(&format!("longshore-{id}"), "NAME"));
    let mut calls: Vec<String> = calls.collect();
    calls.retain(|call| call != INSPECT);
    (project, done, calls)
}

const REMOVE: &str = "rm [--force] [NAME]";
const INSPECT: &str = "inspect [--format] [{{json .State}}] [NAME]";
const START: &str = "start [--attach] [NAME]";

#[test]
fn a_container_is_made_started_and_removed() {
    let state = r#"{"Status":"exited","ExitCode":5,"OOMKilled":false}"#;
    let (project, done, calls) = through_docker(
        &[("state.json", state)],
        &["task.environment: { COLOUR: 'red; blue' }", "task.cpu: 512", "task.memory: 2048"],
    );
    check_end(&done, 5, "Failed", Some(5), "exited with code 5");
    assert!(done.stderr.starts_with("longshore: tasks run as containers through docker"));
    let run = done.only_run()["runId"].clone();
    let create = format!(
        "create [--name] [NAME] [--env] [PASSED] [--env] [COLOUR=red; blue] [--env] [LONGSHORE_ATTEMPT=1] \
         [--env] [LONGSHORE_JOB=work] [--env] [LONGSHORE_RUN_ID={}] [--cpus=0.5] \
         [--memory=2048m] [alpine] [sh] [-c] [echo hello]",
        run.as_str().unwrap_or_default()
    );
    assert_eq!(calls, [&create, START, REMOVE]);
    assert_eq!(project.run(&["logs", "work"]).stdout, "from the container\n");
}

#[test]
fn a_container_short_of_memory_says_so() {
    let state = r#"{"Status":"exited","ExitCode":137,"OOMKilled":true}"#;
    let (_project, done, _) = through_docker(&[("state.json", state)], &[]);
    check_end(&done, 137, "Failed", Some(137), "OutOfMemoryError");
    let container = done.only_run()["attempts"][0]["launches"][0]["containers"][0].clone();
    assert!(container["reason"].to_string().contains("OutOfMemoryError"), "{container:#}");
}

#[test]
fn a_container_that_cannot_be_made_failed_to_start() {
    let (_project, done, calls) = through_docker(&[("refuses", "")], &["launches: { max: 1 }"]);
    check_end(&done, 1, "Failed", None, "failed to start");
    assert!(done.only_run()["reason"].to_string().contains("pull access denied"), "{done:#?}");
    assert_eq!(calls.iter().skip(1).collect::<Vec<_>>(), [REMOVE]);
}

#[test]
fn a_container_that_never_ran_failed_to_start() {
    let state = r#"{"Status":"created","ExitCode":127,"StartedAt":"0001-01-01T00:00:00Z",
                    "Error":"exec: \"sh\": not found","OOMKilled":false}"#;
    let (_project, done, calls) =
        through_docker(&[("state.json", state)], &["launches: { max: 1 }"]);
    check_end(&done, 1, "Failed", None, "failed to start");
    // It was never told of as running.
    let launch = done.only_run()["attempts"][0]["launches"][0].clone();
    assert_eq!(launch["times"]["startedAt"], Value::Null, "{launch:#}");
    assert_eq!(calls.last().map(String::as_str), Some(REMOVE), "{calls:#?}");
}

#[test]
fn a_container_is_stopped_through_its_engine() {
    let state = r#"{"Status":"exited","ExitCode":143,"OOMKilled":false}"#;
    let (_project, done, calls) =
        through_docker(&[("state.json", state), ("blocks", "")], &["timeout: 1s"]);
    check_end(&done, 143, "TimedOut", Some(143), "exit code 143");
    let rest: Vec<&str> = calls.iter().skip(1).map(String::as_str).collect();
    assert_eq!(rest, [START, "kill [--signal] [TERM] [NAME]", REMOVE]);
}

#[test]
fn a_kill_is_repeated_until_it_is_heard() {
    let state = r#"{"Status":"exited","ExitCode":137,"OOMKilled":false}"#;
    let settings = ["timeout: 1s", "task.stopTimeout: 2s"];
    let files = [("state.json", state), ("blocks", ""), ("deaf", "TERM\nKILL\n")];
    let (_project, done, calls) = through_docker(&files, &settings);
    check_end(&done, 137, "TimedOut", Some(137), "timeout");
    let kills = |name: &str| calls.iter().filter(|call| call.contains(name)).count();
    assert_eq!((kills("[TERM]"), kills("[KILL]")), (1, 2), "{calls:#?}");
}

#[test]
fn an_engine_that_is_starting_anew_does_not_end_the_container() {
    let state = r#"{"Status":"exited","ExitCode":0,"OOMKilled":false}"#;
    let files = [("state.json", state), ("restarting", "1\n2\n3\n4\n")];
    let (_project, done, calls) = through_docker(&files, &[]);
    check_end(&done, 0, "Succeeded", Some(0), "");
    assert_eq!(calls.last().map(String::as_str), Some(REMOVE), "{calls:#?}");
}

#[test]
fn a_container_that_somebody_took_away_is_lost() {
    let state = r#"{"Status":"exited","ExitCode":0,"OOMKilled":false}"#;
    let (project, done, _) = through_docker(&[("state.json", state), ("gone", "")], &[]);
    check_end(&done, 1, "Lost", None, "look at its log");
    let log = project.run(&["logs", "work"]).stdout;
    assert!(log.contains("gave up: the container longshore-"), "{log}");
}

#[test]
fn what_comes_from_our_own_environment_is_on_no_command_line() {
    let state = r#"{"Status":"exited","ExitCode":0,"OOMKilled":false}"#;
    let secret = "task.secrets: { TOKEN: 'arn:aws:ssm:eu-west-1:123456789012:parameter/token' }";
    let role = "task.executionRoleArn: 'arn:aws:iam::123456789012:role/execution'";
    let (_project, done, calls) = through_docker(&[("state.json", state)], &[secret, role]);
    check_end(&done, 0, "Succeeded", Some(0), "");
    let create = calls.first().map(String::as_str).unwrap_or_default();
    assert!(create.contains(" [--env] [TOKEN] ") && create.contains(" [PASSED] "), "{create}");
    assert!(!create.contains("hunter"), "{create}");
}

#[test]
fn a_container_that_does_not_start_in_time_is_given_up() {
    let (_project, done, calls) =
        through_docker(&[("pulls", "")], &["startWithin: 1s", "launches: { max: 1 }"]);
    check_end(&done, 1, "Failed", None, "took longer than 1s");
    assert!(calls.iter().all(|call| !call.starts_with("start ")), "{calls:#?}");
}
