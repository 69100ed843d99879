//! Tasks as containers: the program and a stand-in for docker that writes down how it was called,
//! keeps one container, and can be made to fail.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::local::check_end;
use crate::program::{Done, Project, Running, job};

/// A stand-in for docker that writes down how it was called.
pub(crate) const DOCKER: &str = r#"#!/bin/sh
verb=$1; line=$1; shift; for word; do line="$line [$word]"; done
cd "$(dirname "$0")/.."
# One write: two may be called at once.
printf '%s\n' "$line" >> calls
# The last line of a file is taken away: whether there was one.
take() { [ -s "$1" ] && sed -i '$d' "$1"; }
case $verb in
ps) if [ -e down ]; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi ;;
info) cat controllers ;;
image) [ ! -e refuses ] ;;
create) if [ -e pulls ]; then exec sleep 60; fi
    if [ -e refuses ]; then echo "pull access denied for alpine" >&2; exit 1; fi
    if [ -e options ]; then echo "invalid option" >&2; exit 1; fi
    if [ -e warns ]; then echo "WARNING: limitation discarded" >&2; fi; echo id ;;
start) if [ -e dies ]; then echo "Error: exec: no such program" >&2; exit 127; fi
    echo from the container; if [ -e blocks ]; then until [ -e killed ]; do sleep 0.02; done; fi
    if [ -e small ]; then : > "$OLDPWD/oom"; fi; : > over ;;
kill) take deaf || : > killed ;;
inspect)
    case $line in *StopSignal*) cat signal 2>/dev/null; exit ;; esac
    # An answer that is late: it was true when it was asked for.
    if [ ! -e over ] && take late; then until [ -e over ]; do sleep 0.02; done; echo '{"Status":"created"}'; exit; fi
    if take restarting; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi
    if [ -e gone ]; then echo "Error: No such object: $3" >&2; exit 1; fi
    cat state.json ;;
esac
"#;

/// A project with the stand-in under the name of an engine, and the command that runs its job.
fn standing_in(engine: &str, files: &[(&str, &str)], settings: &[&str]) -> (Project, Command) {
    let project = Project::new(&job("echo hello", settings));
    let program = format!("bin/{engine}");
    fs::create_dir(project.path("bin")).expect("a folder for programs");
    project.write(&program, DOCKER);
    fs::set_permissions(project.path(&program), fs::Permissions::from_mode(0o755))
        .expect("an executable");
    for (name, content) in files {
        project.write(name, content);
    }
    let event = project.event("once");
    let mut command = project.command(&["local", "-o", "json", "--runtime", engine, &event]);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", project.path("bin").display()));
    command.env("TOKEN", "hunter2").env("PASSED", "hunter3").args(["--pass-env", "PASSED"]);
    (project, command)
}

/// Runs a job through the stand-in; the calls, with the container's name shortened to `NAME`. How
/// often it was asked for the container's state, and when, depends on the moment: that is left out.
fn through_docker(files: &[(&str, &str)], settings: &[&str]) -> (Project, Done, Vec<String>) {
    through("docker", files, settings, &[])
}

fn through(
    engine: &str,
    files: &[(&str, &str)],
    settings: &[&str],
    arguments: &[&str],
) -> (Project, Done, Vec<String>) {
    let (project, mut command) = standing_in(engine, files, settings);
    let done = Running::start({
        command.args(arguments);
        command
    })
    .finish();
    let task = done.only_run()["attempts"][0]["launches"][0]["task"].clone();
    let id = task.as_str().and_then(|arn| arn.rsplit('/').next()).expect("a task").to_owned();
    let calls = String::from_utf8_lossy(&project.read("calls")).into_owned();
    let calls = calls.lines().map(|line| line.replace(&format!("longshore-{id}"), "NAME"));
    let mut calls: Vec<String> = calls.collect();
    calls.retain(|call| !call.starts_with("inspect ") && call != "ps [--quiet]");
    (project, done, calls)
}

const REMOVE: &str = "rm [--volumes] [NAME]";
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
    let run = done.only_run();
    let task = run["attempts"][0]["launches"][0]["task"].as_str().unwrap_or_default();
    let create = format!(
        "create [--name] [NAME] [--label=longshore.task={task}] [--env] [PASSED] [--env] [COLOUR=red; blue] [--env] [LONGSHORE_ATTEMPT=1] \
         [--env] [LONGSHORE_JOB=work] [--env] [LONGSHORE_RUN_ID={}] [--cpus=0.5] \
         [--memory=2048m] [--memory-swap=2048m] [--] [alpine] [sh] [-c] [echo hello]",
        run["runId"].as_str().unwrap_or_default()
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
    let reason = done.only_run()["reason"].to_string();
    assert!(reason.contains("CannotPullContainerError: docker: pull access denied"), "{reason}");
    assert_eq!(calls.iter().skip(1).collect::<Vec<_>>(), ["image [inspect] [alpine]", REMOVE]);
}

#[test]
fn an_option_that_the_engine_refuses_is_not_blamed_on_the_image() {
    let (_project, done, _) = through_docker(&[("options", "")], &["launches: { max: 1 }"]);
    check_end(&done, 1, "Failed", None, "CannotCreateContainerError: docker: invalid option");
}

#[test]
fn an_engine_that_does_not_answer_ends_the_command_before_anything_starts() {
    let (project, command) = standing_in("docker", &[("down", "")], &[]);
    let done = Running::start(command).finish();
    assert_eq!(done.code, Some(3), "{done:#?}");
    let told = "`docker` does not answer: Cannot connect to the Docker daemon; start it, or leave \
                out --runtime";
    assert!(done.stderr.contains(told), "{done:#?}");
    assert!(!project.path(".longshore").exists());
}

#[test]
fn options_for_the_engine_come_last_and_word_for_word() {
    let state = r#"{"Status":"exited","ExitCode":0,"OOMKilled":false}"#;
    let options = ["--engine-option=--ulimit=nofile=64", "--engine-option", "--network=host"];
    let (project, done, calls) = through("docker", &[("state.json", state)], &[], &options);
    check_end(&done, 0, "Succeeded", Some(0), "");
    let create = calls.first().map(String::as_str).unwrap_or_default();
    assert!(create.contains("m] [--ulimit=nofile=64] [--network=host] [--] [alpine]"), "{create}");
    for (arguments, told) in [
        (&["--runtime", "process", "--engine-option=--network=host"][..], "is for containers: add"),
        (&["--runtime", "docker", "--engine-option=--rm"][..], "leave --rm out"),
    ] {
        let done = project.run(&[&["run", "work"], arguments].concat());
        assert!(done.code == Some(2) && done.stderr.contains(told), "{done:#?}");
    }
}

#[test]
fn limits_that_podman_cannot_hold_are_left_out_and_told() {
    let state = r#"{"Status":"exited","ExitCode":0,"OOMKilled":false}"#;
    for (controllers, limits, told) in [
        (r#"["cpu","memory"]"#, "[--cpus=0.25] [--memory=512m] [--memory-swap=512m] [--]", ""),
        (r#"["memory"]"#, "[--memory=512m] [--memory-swap=512m] [--]", "cannot limit cpu here"),
        ("null", "[--] [alpine]", "cannot limit cpu and memory here"),
    ] {
        let files = [("state.json", state), ("controllers", controllers)];
        let (project, done, calls) = through("podman", &files, &[], &[]);
        check_end(&done, 0, "Succeeded", Some(0), "");
        let create = calls.iter().find(|call| call.starts_with("create ")).expect("a container");
        assert!(create.contains(limits), "{create}");
        assert_eq!(create.contains("--cpus"), !told.contains("cpu"), "{create}");
        let log = project.run(&["logs", "work"]).stdout;
        assert!(log.contains(told) && log.contains("longshore:") != told.is_empty(), "{log}");
    }
}

#[test]
fn what_the_engine_warns_of_is_in_the_log() {
    let state = r#"{"Status":"exited","ExitCode":0,"OOMKilled":false}"#;
    let (project, _done, _) = through_docker(&[("state.json", state), ("warns", "")], &[]);
    let log = project.run(&["logs", "work"]).stdout;
    let warning = "[longshore: docker: WARNING: limitation discarded]\nfrom the container\n";
    assert_eq!(log, warning);
}

#[test]
fn an_engine_that_leaves_a_note_of_the_memory_is_understood() {
    let state = r#"{"Status":"exited","ExitCode":137,"OOMKilled":false}"#;
    let files = [("state.json", state), ("small", ""), ("controllers", "null")];
    let (project, done, _) = through("podman", &files, &[], &[]);
    check_end(&done, 137, "Failed", Some(137), "OutOfMemoryError");
    assert!(!project.path("oom").exists());
}

#[test]
fn an_answer_that_is_late_is_no_word_on_the_end() {
    let state = r#"{"Status":"exited","ExitCode":5,"OOMKilled":false}"#;
    let files = [("state.json", state), ("late", "1\n")];
    let (_project, done, _) = through_docker(&files, &["launches: { max: 1 }"]);
    check_end(&done, 5, "Failed", Some(5), "exited with code 5");
}

#[test]
fn a_container_is_asked_to_end_by_the_signal_of_its_image() {
    let state = r#"{"Status":"exited","ExitCode":0,"OOMKilled":false}"#;
    for (signal, sent) in [("\"SIGQUIT\"", "SIGQUIT"), ("3", "3"), ("\"\"", "TERM")] {
        let files = [("state.json", state), ("blocks", ""), ("signal", signal)];
        let (_project, _done, calls) = through_docker(&files, &["timeout: 1s"]);
        let kill = format!("kill [--signal] [{sent}] [NAME]");
        assert!(calls.contains(&kill), "{calls:#?}");
    }
}

#[test]
fn a_container_that_never_ran_failed_to_start() {
    let state = r#"{"Status":"created","ExitCode":127,"StartedAt":"0001-01-01T00:00:00Z",
                    "Error":"exec: \"sh\": not found","OOMKilled":false}"#;
    let (_project, done, calls) =
        through_docker(&[("state.json", state)], &["launches: { max: 1 }"]);
    check_end(&done, 1, "Failed", None, "CannotStartContainerError: exec: \"sh\": not found");
    // It was never told of as running.
    let launch = done.only_run()["attempts"][0]["launches"][0].clone();
    assert_eq!(launch["times"]["startedAt"], Value::Null, "{launch:#}");
    assert_eq!(calls.last().map(String::as_str), Some(REMOVE), "{calls:#?}");
}

#[test]
fn why_a_container_never_ran_is_what_the_engine_printed_where_it_keeps_nothing() {
    let state = r#"{"Status":"created","StartedAt":"0001-01-01T00:00:00Z","Error":""}"#;
    let files = [("state.json", state), ("dies", ""), ("warns", "")];
    let (_project, done, _) = through_docker(&files, &["launches: { max: 1 }"]);
    check_end(&done, 1, "Failed", None, "CannotStartContainerError: exec: no such program");
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
