//! Ctrl-C and SIGTERM while tasks run.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use rusqlite::Connection;
use rustix::process::Signal;

use crate::local::{LEDGER, check_end};
use crate::program::{Project, Running, job, wait_for};

/// A task that goes on until it is stopped, and whose news has come.
fn endless(trap: &str) -> (Project, Running) {
    let script = format!("{trap}echo x >> marker; while :; do sleep 0.05; done");
    let project = Project::new(&job(&script, &["retry: { attempts: 3 }", "task.stopTimeout: 2s"]));
    let event = project.event("once");
    let mut command = project.command(&["local", "-o", "json", &event]);
    command.env("USER", "ana");
    let running = Running::start(command);
    wait_for("the task", || project.lines("marker") == 1);
    wait_for("its news", || project.runs()[0]["status"] == "Running");
    (project, running)
}

#[test]
fn the_first_interrupt_stops_the_tasks() {
    for signal in [Signal::INT, Signal::TERM] {
        let (project, running) = endless("");
        running.signal(signal);
        let done = running.finish();
        let reason = project.runs()[0]["reason"].clone();
        assert!(reason.as_str().is_some_and(|text| text.starts_with("stopped by ana")), "{reason}");
        check_end(&done, 143, "Cancelled", Some(143), "");
        assert!(done.stderr.contains("stopping the tasks"), "{done:#?}");
    }
}

#[test]
fn the_second_interrupt_leaves_before_the_tasks_have_ended_and_they_end_all_the_same() {
    let (project, running) = endless("trap '' TERM; ");
    running.signal(Signal::INT);
    let asked = || project.run(&["show", "work"]).stdout.contains("stop     asked for");
    wait_for("the first interrupt", asked);
    running.signal(Signal::INT);
    let done = running.finish();
    assert_eq!((done.code, done.stdout.as_str()), (Some(130), ""), "{done:#?}");
    assert!(done.stderr.contains("is being stopped: `longshore show work-"), "{done:#?}");
    wait_for("the end of the task", || project.runs()[0]["verdict"] == "Cancelled");
    assert_eq!(project.runs()[0]["exitCode"], 137);
}

#[test]
fn an_interrupt_while_events_are_handed_in_stops_what_they_start() {
    let project = Project::new(&job("[ -e first ] || exit 0; while :; do sleep 0.05; done", &[]));
    let (first, second) = (project.event("first-event"), project.event("second-event"));
    check_end(&project.run(&["local", "-o", "json", &first]), 0, "Succeeded", Some(0), "");
    project.write("first", "");
    let file = Connection::open(project.path(LEDGER)).expect("the ledger opens");
    // Nobody else can write: the event is not handed in before the lock is given back.
    file.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let running = project.start(&["local", "-o", "json", &second]);
    wait_for("its first line", || running.stderr().contains("the ledger is"));
    running.signal(Signal::INT);
    file.execute_batch("ROLLBACK").expect("the write lock is given back");
    let done = running.finish();
    assert_eq!(done.only_run()["verdict"], "Cancelled", "{done:#?}");
}
