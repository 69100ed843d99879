//! What people do from their machine with an installation in AWS: run and wait, stop, run again, send
//! dead letters back.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr};

use longshore::event::{Container, LastStatus, StopCode};
use longshore::ledger::Ledger as _;
use longshore::run::{Run, Verdict};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::functions::{event, one_job, tasks};
use crate::installation::Installation;

/// An installation whose job has a run with a task, and the functions.
async fn started()
-> (Installation, String, crate::runtime_api::Running, crate::runtime_api::Running) {
    let (jobs, cluster) = one_job().await;
    let there = Installation::new(&jobs).await;
    let mut dispatch = there.function("dispatch").await;
    let record = there.function("record").await;
    there.send("events", &event("s3-object-created.json")).await;
    assert_eq!(there.pump("events", &mut dispatch).await, 1);
    assert_eq!(tasks(&there.aws, &cluster).await.len(), 1);
    (there, cluster, dispatch, record)
}

async fn load(there: &Installation, id: &Value) -> Run {
    let id = id.as_str().and_then(|id| id.parse().ok()).expect("a run id");
    there.ledger().load(&id).await.expect("loaded").expect("the run")
}

#[tokio::test]
async fn a_run_is_stopped_and_its_verdict_says_by_whom_and_why() {
    let (there, cluster, _dispatch, mut record) = started().await;
    let task = tasks(&there.aws, &cluster).await.remove(0);
    let mut asked = there.begin(&["stop", "upload-", "--reason", "wrong file", "-o", "json"]);
    let mut said = String::new();
    let mut stderr = BufReader::new(asked.stderr.take().expect("what it says"));
    stderr.read_line(&mut said).expect("a line");
    assert!(said.contains("is asked to stop"), "{said}");
    // By then ECS has been told; its events come from us.
    let mut stopped = there.describe(&cluster, &task).await;
    assert_eq!(stopped.stopped_reason.as_deref(), Some("longshore: cancelled"));
    // moto knows the reason and nothing else of how ECS stops a task.
    stopped.version = 9;
    stopped.last_status = LastStatus::Stopped;
    stopped.stop_code = Some(StopCode::UserInitiated);
    let container =
        Container { name: "main".to_owned(), exit_code: Some(143), ..Container::default() };
    stopped.containers = vec![container];
    let event = stopped.to_event("aws.ecs", "9", jiff::Timestamp::now());
    there.send("states", &event.to_string()).await;
    there.pump("states", &mut record).await;
    let (code, run) = there.end(asked);
    assert_eq!((code, &run["verdict"]), (Some(0), &json!("Cancelled")), "{run:#}");
    assert_eq!(run["stop"]["by"], "ana", "{run:#}");
    let reason = run["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("stopped by ana: wrong file; "), "{reason}");
    // Once more is no news, and good.
    let (code, again) = there.longshore(&["stop", "upload-", "-o", "json"]);
    assert_eq!((code, &again["asked"]), (Some(0), &json!(false)), "{again:#}");
}

#[tokio::test]
async fn a_run_is_done_again_for_its_object_once_for_each_key() {
    let (there, cluster, mut dispatch, mut record) = started().await;
    let (code, early) = there.longshore(&["rerun", "upload-"]);
    assert_eq!(code, Some(1), "{early:#}");
    assert!(early.as_str().is_some_and(|said| said.contains("has not ended")), "{early}");
    let task = tasks(&there.aws, &cluster).await.remove(0);
    there.tell_states(&cluster, &task).await;
    there.pump("states", &mut record).await;
    let (_, old) = there.longshore(&["show", "upload-", "-o", "json"]);
    let again = ["rerun", "upload-", "-p", "day=monday", "--key", "k", "-o", "json"];
    let (code, first) = there.longshore(&again);
    assert_eq!(code, Some(0), "{first:#}");
    // A second time, before the first was received.
    assert_eq!(there.longshore(&again).1, first);
    assert_eq!(there.pump("events", &mut dispatch).await, 2);
    let new = load(&there, &first["runId"]).await;
    assert_eq!(new.values["key"], "incoming/cargo manifest (1).csv");
    assert_eq!(new.values["parameters.day"], "monday");
    let old = load(&there, &old["runId"]).await;
    assert_eq!(old.verdict(), Some(Verdict::Succeeded));
    let reruns: Vec<_> = old.reruns.iter().map(|rerun| &rerun.run_id).collect();
    assert_eq!(reruns, [&new.id]);
    let (_, shown) = there.longshore(&["show", new.id.as_str(), "-o", "json"]);
    assert_eq!(shown["rerunOf"], old.id.as_str(), "{shown:#}");
}

#[tokio::test]
async fn dead_letters_are_shown_and_go_back_to_where_they_belong() {
    let (there, cluster, mut dispatch, mut record) = started().await;
    let state = json!({ "longshore": "observation", "run": format!("upload-{}", "a".repeat(20)),
                        "attempt": 1, "observed": "lost", "task": null, "reason": "r" });
    let rejected =
        |reason: &str, body: String| json!({ "reason": reason, "body": body }).to_string();
    there.send("events-dead", &json!({ "job": "upload" }).to_string()).await;
    there.send("states-dead", &state.to_string()).await;
    there.send("reject", &rejected("misdirected", state.to_string())).await;
    there.send("reject", &rejected("no job", json!({ "job": "uplaod" }).to_string())).await;
    there.send("reject", &rejected("not_json_object", "hunter2".to_owned())).await;

    let dry = there.longshore(&["replay", "--dry-run", "-o", "json"]);
    assert_eq!((dry.0, &dry.1["stay"], &dry.1["sent"]), (Some(1), &json!(2), &json!(0)), "{dry:?}");
    assert_eq!(there.pump("events", &mut dispatch).await, 0);
    let only = there.longshore(&["replay", "--queue", "events", "-o", "json"]);
    assert_eq!((only.0, &only.1["sent"]), (Some(0), &json!(1)), "{only:?}");
    let letter = &only.1["letters"][0];
    assert_eq!((&letter["kinds"], &letter["jobs"]), (&json!(["manual"]), &json!(["upload"])));
    assert!(letter["receives"].as_u64() >= Some(2), "it was looked at before: {letter:#}");
    // Whoever sends the same message back twice has one run: it is known by the dead letter.
    let sent = there.pump_twice("events", &mut dispatch).await;
    assert_eq!((sent, tasks(&there.aws, &cluster).await.len()), (2, 2));

    let (code, all) = there.longshore(&["replay", "-o", "json"]);
    assert_eq!((code, &all["sent"], &all["stay"]), (Some(1), &json!(2), &json!(2)), "{all:#}");
    assert!(!all.to_string().contains("hunter2"), "{all:#}");
    assert_eq!(there.pump("states", &mut record).await, 2);
    assert_eq!(there.take("reject").await.len(), 2);
    for queue in ["events-dead", "states-dead"] {
        assert_eq!(there.take(queue).await.len(), 0, "{queue}");
    }
}

#[tokio::test]
async fn more_letters_than_one_call_gives_go_back_up_to_the_limit() {
    let (jobs, _) = one_job().await;
    let there = Installation::new(&jobs).await;
    for key in 0..23 {
        let body = json!({ "job": "upload", "key": key.to_string() });
        there.send("events-dead", &body.to_string()).await;
    }
    let dry = there.longshore(&["replay", "--queue", "events", "--dry-run", "-o", "json"]);
    assert_eq!(dry.1["letters"].as_array().map(Vec::len), Some(23), "{dry:?}");
    let replay = ["replay", "--queue", "events", "--limit", "15", "-o", "json"];
    let (code, told) = there.longshore(&replay);
    assert_eq!((code, &told["sent"]), (Some(0), &json!(15)), "{told:#}");
    let sent = there.take("events").await;
    let left = there.take("events-dead").await;
    assert_eq!((sent.len(), left.len()), (15, 8));
    let bodies = sent.iter().chain(&left).filter_map(|message| message.body());
    assert_eq!(bodies.collect::<std::collections::BTreeSet<_>>().len(), 23);
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named() {
    let (jobs, _) = one_job().await;
    let mut there = Installation::new(&jobs).await;
    there.namespace = "elsewhere".parse().expect("a namespace");
    let (code, said) = there.longshore(&["replay"]);
    assert_eq!(code, Some(3), "{said}");
    let said = said.as_str().unwrap_or_default();
    assert!(said.contains("there is no queue `elsewhere-events-dead`"), "{said}");
}

/// A run that a person asked for and waits for, until its first moments are told.
async fn waited_for(there: &Installation, arguments: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let mut waiting = there.begin(&[&["run", "upload", "--wait"], arguments].concat());
    let mut stderr = BufReader::new(waiting.stderr.take().expect("what it says"));
    let mut said = String::new();
    stderr.read_line(&mut said).expect("a line");
    assert!(said.starts_with("asked for upload-"), "{said}");
    (waiting, stderr)
}

#[tokio::test]
async fn whoever_waits_for_a_run_sees_its_moments_and_exits_as_it_does() {
    let (jobs, cluster) = one_job().await;
    let there = Installation::new(&jobs).await;
    let (waiting, _stderr) = waited_for(&there, &[]).await;
    let mut dispatch = there.function("dispatch").await;
    let mut record = there.function("record").await;
    assert_eq!(there.pump("events", &mut dispatch).await, 1);
    let task = tasks(&there.aws, &cluster).await.remove(0);
    there.tell_states(&cluster, &task).await;
    there.pump("states", &mut record).await;
    let done = waiting.wait_with_output().expect("its end");
    let told = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{told}");
    for moment in ["claimed", "launch   attempt 1", "Succeeded", "Succeeded, exit code 0"] {
        assert!(told.contains(moment), "{moment}: {told}");
    }
    assert_eq!(told.matches("claimed").count(), 1, "{told}");
}

#[tokio::test]
async fn whoever_is_interrupted_without_a_terminal_leaves_the_run_and_knows_how_to_find_it() {
    let (jobs, _) = one_job().await;
    let there = Installation::new(&jobs).await;
    for signal in [Signal::INT, Signal::TERM] {
        let (mut waiting, mut stderr) = waited_for(&there, &["-o", "json"]).await;
        let pid = i32::try_from(waiting.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("a signal");
        assert_eq!(waiting.wait().expect("its end").code(), Some(130));
        let mut said = String::new();
        stderr.read_to_string(&mut said).expect("what it says");
        let told = " goes on: `longshore show upload-";
        assert!(said.contains(told) && said.contains("`longshore stop upload-"), "{said}");
    }
}
