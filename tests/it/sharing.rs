//! One ledger, many processes and many looks at it: none of them is in another's way.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::process::Stdio;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::local::{LEDGER, UNTIL_GATE, check_end};
use crate::program::{Project, Running, job, wait_for};

/// Commands that are ready and wait for their event.
fn crowd(project: &Project, size: usize) -> Vec<Running> {
    let ready = || {
        let mut command = project.command(&["local", "-q", "-o", "json", "-"]);
        command.stdin(Stdio::piped());
        Running::start(command)
    };
    std::iter::repeat_with(ready).take(size).collect()
}

/// What a queue of the project's ledger holds.
fn messages(project: &Project, queue: &str) -> Vec<Value> {
    let file = Connection::open(project.path(LEDGER)).expect("the ledger opens");
    let mut found = file.prepare("SELECT body FROM messages WHERE queue = ?1").expect("messages");
    let bodies = found.query_map([queue], |row| row.get::<_, String>(0)).expect("messages");
    bodies
        .map(|body| serde_json::from_str(&body.expect("a body")).expect("a message is JSON"))
        .collect()
}

#[test]
fn many_processes_with_one_event_start_one_task() {
    for round in 0..15 {
        let project = Project::new(&job("echo x >> marker", &[]));
        let mut crowd = crowd(&project, 8);
        // All of them wait for the event: it comes to all of them at once.
        for running in &mut crowd {
            running.feed(r#"{"job": "work", "key": "the same"}"#);
        }
        let mut started = 0;
        for running in crowd {
            let done = running.finish();
            check_end(&done, 0, "Succeeded", Some(0), "");
            started += done.json()["started"].as_u64().unwrap_or_default();
        }
        assert_eq!((started, project.lines("marker")), (1, 1), "round {round}");
    }
}

/// An SQS batch of manual events of the job `work`.
fn batch(keys: &[&str]) -> String {
    let record = |key: &&str| {
        json!({
            "messageId": key, "eventSource": "aws:sqs",
            "body": json!({ "job": "work", "key": key }).to_string(),
        })
    };
    json!({ "Records": keys.iter().map(record).collect::<Vec<Value>>() }).to_string()
}

#[test]
fn many_processes_at_the_same_runs_are_no_failure() {
    const KEYS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];
    for round in 0..4 {
        let project = Project::new(&job("echo x >> marker", &[]));
        let mut crowd = crowd(&project, 12);
        for running in &mut crowd {
            running.feed(&batch(&KEYS));
        }
        let mut started = 0;
        for running in crowd {
            let done = running.finish();
            assert_eq!(done.code, Some(0), "round {round}: {done:#?}");
            started += done.json()["started"].as_u64().unwrap_or_default();
        }
        assert_eq!((started, project.lines("marker")), (6, 6), "round {round}");
    }
}

#[test]
fn a_run_that_others_keep_changing_is_tried_again_until_it_works() {
    // Every change of a run that meets the condition comes too late, twenty times.
    let contention = |condition: &str| {
        format!(
            "CREATE TABLE late (times INTEGER); INSERT INTO late VALUES (20);
             CREATE TRIGGER too_late BEFORE UPDATE ON runs
             WHEN {condition} AND (SELECT times FROM late) > 0
             BEGIN UPDATE late SET times = times - 1; SELECT RAISE(IGNORE); END;"
        )
    };
    for (what, condition, code, verdict) in [
        ("dispatch", "new.verdict IS NULL", 0, "Succeeded"),
        ("record", "new.verdict IS NOT NULL", 0, "Succeeded"),
        ("sweep", "json_extract(new.body, '$.stop') IS NOT NULL", 143, "TimedOut"),
    ] {
        let script = "[ ! -e slow ] || exec sleep 60";
        let project = Project::new(&job(script, &["timeout: 1s"]));
        let (first, second) = (project.event("first"), project.event("second"));
        check_end(&project.run(&["local", "-o", "json", &first]), 0, "Succeeded", Some(0), "");
        let file = Connection::open(project.path(LEDGER)).expect("the ledger opens");
        file.execute_batch(&contention(condition)).expect("a trigger");
        if what == "sweep" {
            project.write("slow", "");
        }
        let done = project.run(&["local", "-o", "json", &second]);
        check_end(&done, code, verdict, Some(code), "");
        let left: i64 =
            file.query_row("SELECT times FROM late", [], |row| row.get(0)).expect("a count");
        assert_eq!(left, 0, "{what} met nobody");
    }
}

#[test]
fn looking_at_runs_that_wait_leaves_nothing_behind() {
    let project = Project::new(&job(
        &format!("echo x >> marker; {UNTIL_GATE}"),
        &["concurrency: { limit: 1, whenFull: wait }"],
    ));
    let (one, two) = (project.event("one"), project.event("two"));
    let first = project.start(&["local", &one, &two]);
    wait_for("the first task", || project.lines("marker") == 1);
    let waits = || project.runs().iter().any(|run| run["status"] == "Waiting for a slot");
    wait_for("a run that waits", waits);
    first.kill();
    let before = messages(&project, "events");
    for verb in [&["runs"][..], &["runs", "--failed"], &["show", "work-"], &["runs"]] {
        project.run(verb);
    }
    assert_eq!(messages(&project, "events"), before);
    project.write("gate", "");
    let done = project.run(&["local", "-o", "json"]);
    assert_eq!((done.code, project.lines("marker")), (Some(0), 2), "{done:#?}");
}

#[test]
fn an_event_that_nobody_wants_goes_to_the_reject_queue_with_its_reason() {
    let schedule = r#"{"schedule": "elsewhere", "scheduledTime": "2026-11-24T02:00:00Z"}"#;
    let manual = r#"{"job": "wrok", "key": "once"}"#;
    let object = json!({
        "source": "aws.s3", "detail-type": "Object Created", "id": "1", "version": "0",
        "time": "2026-11-24T09:14:07Z",
        "detail": { "bucket": { "name": "elsewhere" }, "object": { "key": "a", "size": 1, "etag": "e" } },
    });
    for (event, reason) in [
        (schedule.to_owned(), "no job is named after the schedule `elsewhere`"),
        (manual.to_owned(), "did you mean `work`?"),
        (object.to_string(), "no trigger names the bucket `elsewhere`"),
    ] {
        let project = Project::new(&job("echo x >> marker", &[]));
        let good = project.event("good");
        project.write("bad.json", &event);
        let done = project.run(&["local", "-o", "json", "bad.json", &good]);
        check_end(&done, 1, "Succeeded", Some(0), "");
        assert!(done.stderr.contains("error: bad.json: "), "{done:#?}");
        assert!(done.stderr.contains(reason), "{done:#?}");
        let rejected = messages(&project, "reject");
        assert_eq!(rejected.len(), 1, "{rejected:#?}");
        assert_eq!(rejected[0]["body"], event.as_str());
        assert!(rejected[0]["reason"].as_str().is_some_and(|text| text.contains(reason)));
    }
}

#[test]
fn an_object_that_every_trigger_excludes_is_no_failure_and_is_not_kept() {
    let trigger = "triggers: [{ s3: { bucket: uploads, suffix: .csv } }]";
    let project = Project::new(&job("echo x >> marker", &[trigger]));
    let object = json!({
        "source": "aws.s3", "detail-type": "Object Created", "id": "1", "version": "0",
        "time": "2026-11-24T09:14:07Z",
        "detail": { "bucket": { "name": "uploads" }, "object": { "key": "a.png", "size": 1, "etag": "e" } },
    });
    project.write("event.json", object.to_string());
    let done = project.run(&["local", "event.json"]);
    assert_eq!((done.code, project.lines("marker")), (Some(0), 0), "{done:#?}");
    assert!(done.stdout.contains("no job wants this event"), "{done:#?}");
    assert_eq!(messages(&project, "reject"), [Value::Null; 0]);
}
