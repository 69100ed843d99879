//! `longshore stop`, on this machine: whoever runs the task, and where nobody does.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use serde_json::json;

use crate::local::UNTIL_GATE;
use crate::program::{Done, Project, Running, job, wait_for};

const ENDLESS: &str = "echo x >> marker; while :; do sleep 0.02; done";

/// A job that never ends, and the command that watches its run.
fn endless(script: &str) -> (Project, Running) {
    let settings = ["retry: { attempts: 3 }", "task.stopTimeout: 2s"];
    let project = Project::new(&job(script, &settings));
    let running = project.start(&["run", "work", "--key", "once"]);
    wait_for("the task", || project.lines("marker") == 1);
    wait_for("its news", || project.runs()[0]["status"] == "Running");
    (project, running)
}

/// `stop` by a person who is called ana.
fn stop(project: &Project, arguments: &[&str]) -> Done {
    let mut command = project.command(&[&["stop"], arguments].concat());
    command.env("USER", "ana");
    Running::start(command).finish()
}

#[test]
fn a_run_that_another_command_watches_is_stopped_and_both_tell_how_it_ended() {
    let (project, running) = endless(ENDLESS);
    let done = stop(&project, &["work", "--reason", "wrong day"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.contains("Cancelled, exit code 143"), "{done:#?}");
    assert!(done.stderr.contains("is asked to stop"), "{done:#?}");
    let watched = running.finish();
    assert_eq!(watched.code, Some(143), "{watched:#?}");
    let shown = project.run(&["show", "work"]).stdout;
    assert!(shown.contains("stop     asked for by ana: wrong day"), "{shown}");
    assert!(shown.contains("stopped by ana: wrong day; container `main`"), "{shown}");
    assert_eq!(project.runs()[0]["stop"]["reason"], "wrong day");
}

#[test]
fn no_name_is_not_the_name_of_the_only_run() {
    let (project, running) = endless(ENDLESS);
    for verb in ["stop", "show", "logs", "rerun"] {
        let done = project.run(&[verb, ""]);
        assert_eq!(done.code, Some(2), "{verb}: {done:#?}");
        assert!(done.stderr.contains("no run is named"), "{verb}: {done:#?}");
    }
    assert_eq!(project.runs()[0]["status"], "Running");
    assert_eq!(stop(&project, &["work"]).code, Some(0));
    running.finish();
}

#[test]
fn a_run_that_nobody_watches_is_stopped_as_well() {
    let (project, running) = endless(ENDLESS);
    assert!(running.kill());
    let done = stop(&project, &["work", "-o", "json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let run = done.json();
    assert_eq!((&run["verdict"], &run["exitCode"]), (&json!("Cancelled"), &json!(143)), "{run:#}");
    assert_eq!((&run["asked"], &run["stop"]["by"]), (&json!(true), &json!("ana")), "{run:#}");
    assert_eq!(project.lines("marker"), 1, "it was tried again");
}

#[test]
fn a_run_that_waits_for_its_next_attempt_ends_without_one() {
    let retry = "retry: { attempts: 2, backoff: { delay: 10m } }";
    let project = Project::new(&job("echo x >> marker; exit 3", &[retry]));
    let running = project.start(&["run", "work"]);
    wait_for("the first attempt", || project.lines("marker") == 1);
    wait_for("the wait", || project.runs().iter().any(|run| run["status"] == "Waiting"));
    assert!(running.kill());
    let done = stop(&project, &["work"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let run = &project.runs()[0];
    let told = (&run["verdict"], &run["reason"]);
    assert_eq!(told, (&json!("Cancelled"), &json!("cancelled by ana before it had a task")));
    assert_eq!(project.lines("marker"), 1);
}

#[test]
fn a_second_stop_waits_for_the_same_end_and_the_first_reason_stays() {
    let script = format!("trap '' TERM; echo x >> marker; {UNTIL_GATE}; sleep 60");
    let (project, running) = endless(&script);
    assert!(running.kill());
    let first = project.start(&["stop", "work", "--reason", "first"]);
    wait_for("the first", || !project.runs()[0]["stop"].is_null());
    let second = stop(&project, &["work", "--reason", "second"]);
    for done in [first.finish(), second] {
        assert_eq!(done.code, Some(0), "{done:#?}");
        assert!(done.stdout.contains("Cancelled, exit code 137"), "{done:#?}");
    }
    assert_eq!(project.runs()[0]["stop"]["reason"], "first");
}

#[test]
fn what_ended_before_is_told_and_only_what_was_cancelled_is_good() {
    let (project, running) = endless(ENDLESS);
    let cancelled = stop(&project, &["work"]);
    assert_eq!(cancelled.code, Some(0), "{cancelled:#?}");
    running.finish();
    let again = stop(&project, &["work"]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(again.stdout.contains("had ended before: Cancelled"), "{again:#?}");
    let json = stop(&project, &["work", "-o", "json"]);
    assert_eq!((json.code, &json.json()["asked"]), (Some(0), &json!(false)), "{json:#?}");

    let project = Project::new(&job("true", &[]));
    assert_eq!(project.run(&["run", "work"]).code, Some(0));
    let late = stop(&project, &["work"]);
    assert_eq!((late.code, late.stdout.as_str()), (Some(1), ""), "{late:#?}");
    assert!(late.stderr.contains("had ended before: Succeeded, exit code 0"), "{late:#?}");
}

#[test]
fn a_mistyped_run_is_answered_with_the_one_that_is_meant() {
    let project = Project::new(&job("true", &[]));
    assert_eq!(project.run(&["run", "work"]).code, Some(0));
    let id = project.runs()[0]["runId"].as_str().map(str::to_owned).expect("an id");
    let mistyped = id.replacen("work-", "wrok-", 1);
    for verb in ["stop", "show", "logs"] {
        let done = project.run(&[verb, &mistyped[..9]]);
        assert_eq!(done.code, Some(1), "{done:#?}");
        let hint = format!("no run begins with `{}`: did you mean {id}?", &mistyped[..9]);
        assert!(done.stderr.contains(&hint), "{done:#?}");
    }
    // One more than are told.
    for _ in 0..5 {
        assert_eq!(project.run(&["run", "work"]).code, Some(0));
    }
    let several = project.run(&["show", "work"]);
    assert_eq!(several.code, Some(1), "{several:#?}");
    let told: Vec<&str> = several.stderr.lines().collect();
    assert_eq!(told[0], "error: several runs begin with `work`; write more of the id:");
    let newest = project.runs().into_iter().rev().take(5);
    for (run, line) in newest.zip(&told[1..]) {
        let id = run["runId"].as_str().expect("an id");
        assert!(line.starts_with(&format!("  {id}  Succeeded  ")), "{several:#?}");
        assert!(line.ends_with(" ago"), "{several:#?}");
    }
    assert_eq!(told[6..], ["  and more: `longshore runs` lists them"], "{several:#?}");
    let empty = stop(&project, &["work", "--reason", " "]);
    assert_eq!(empty.code, Some(2), "{empty:#?}");
    assert!(empty.stderr.contains("write 1 to 160 characters"), "{empty:#?}");
}
