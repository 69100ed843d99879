//! Events: every step of every task reaches whoever is told, in order, also after an outage.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::client::{Served, request, text};
use super::receiver::{Receiver, nobody};
use crate::program::wait_for;

const LIFE: [&str; 5] = ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"];

/// The steps of each task, in the order they came.
fn steps(events: &[Value]) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut steps: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for event in events {
        let detail = &event["detail"];
        let step = (detail["version"].as_u64().unwrap(), text(&detail["lastStatus"]));
        steps.entry(text(&detail["taskArn"])).or_default().push(step);
    }
    steps
}

#[track_caller]
fn check_lives(events: &[Value], tasks: usize) {
    let steps = steps(events);
    assert_eq!(steps.len(), tasks, "{steps:#?}");
    let life: Vec<(u64, String)> = (1..).zip(LIFE.map(str::to_owned)).collect();
    for (task, steps) in steps {
        assert_eq!(steps, life, "{task}");
    }
}

#[test]
fn events_come_in_order_and_again_until_they_are_taken() {
    let receiver = Receiver::listen("127.0.0.1:0", 7);
    let url = format!("http://{}/events?a=b", receiver.address);
    let served = Served::start(&["--events-to", &url]);
    served.register("work", "exit 3");
    served.ok("RunTask", request(json!({ "count": 4, "startedBy": "ours/x/1" })));
    wait_for("all events", || receiver.taken().len() == 4 * LIFE.len());
    assert_eq!(receiver.refusals_left(), 0);
    let taken = receiver.taken();
    assert!(taken[0].head.starts_with("POST /events?a=b HTTP/1.1\r\n"), "{}", taken[0].head);
    let events: Vec<Value> = taken.into_iter().map(|request| request.body).collect();
    check_lives(&events, 4);
    let stopped = events.iter().find(|event| event["detail"]["lastStatus"] == "STOPPED").unwrap();
    assert_eq!(
        (&stopped["source"], &stopped["detail-type"], &stopped["version"]),
        (&json!("aws.ecs"), &json!("ECS Task State Change"), &json!("0"))
    );
    let detail = &stopped["detail"];
    assert_eq!(stopped["resources"], json!([detail["taskArn"]]));
    assert_eq!(
        (&detail["startedBy"], &detail["group"]),
        (&json!("ours/x/1"), &json!("family:work"))
    );
    assert_eq!(detail["attachments"][0]["type"], "eni");
    assert_eq!(detail["containers"][0]["exitCode"], 3);
    // ISO strings, which answers do not have.
    assert!(text(&detail["createdAt"]).parse::<jiff::Timestamp>().is_ok(), "{detail:#}");
    assert_eq!(detail["updatedAt"], detail["stoppedAt"]);
    assert_eq!(text(&stopped["time"]).len(), "2026-11-24T09:14:07Z".len());
    assert_eq!(detail["tags"], Value::Null);
    // With this as its file, `explain` and `local` read it as the event it is.
    served.project.write("stopped.json", stopped.to_string());
    let explained = served.project.run(&["explain", "stopped.json"]);
    assert!(explained.stdout.contains("task"), "{explained:#?}");
    served.end();
}

#[test]
fn events_outlive_an_outage_of_the_receiver_and_the_end_of_the_server() {
    let address = nobody();
    let url = format!("http://{address}/");
    let served = Served::start(&["--events-to", &url]);
    served.register("work", "exit 0");
    let first = served.run(json!({}));
    served.await_status(&first, "STOPPED");
    // Its tasks go on without it.
    served.register("work", "echo x >> started; while ! [ -e go ]; do sleep 0.05; done; exit 4");
    let second = served.run(json!({ "startedBy": "b" }));
    wait_for("its start", || served.project.lines("started") == 1);
    let Served { project, running, .. } = served;
    running.kill();
    project.write("go", "");

    let receiver = Receiver::listen(&address, 0);
    let served = Served::start_in(project, &["--events-to", &url]);
    wait_for("all events", || receiver.taken().len() == 2 * LIFE.len());
    let events: Vec<Value> = receiver.taken().into_iter().map(|request| request.body).collect();
    check_lives(&events, 2);
    assert_eq!(steps(&events).into_keys().min(), Some(first.min(second.clone())));
    assert_eq!(served.describe(&second)["containers"][0]["exitCode"], 4);
    served.end();
}

#[test]
fn a_server_that_ends_says_what_nobody_took() {
    let url = format!("http://{}/", nobody());
    let served = Served::start(&["--events-to", &url]);
    served.register("work", "exit 0");
    let task = served.run(json!({}));
    served.await_status(&task, "STOPPED");
    served.running.signal(rustix::process::Signal::TERM);
    let done = served.running.finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr.contains("5 events were not taken"), "{done:#?}");
}

#[test]
fn a_queue_gets_each_event_as_a_message() {
    let receiver = Receiver::listen("127.0.0.1:0", 0);
    let url = format!("http://{}/000000000000/states", receiver.address);
    let served = Served::start(&["--events-queue", &url]);
    served.register("work", "exit 0");
    served.run(json!({}));
    wait_for("all events", || receiver.taken().len() == LIFE.len());
    let taken = receiver.taken();
    let head = taken[0].head.to_lowercase();
    for line in [
        "post / http/1.1",
        "x-amz-target: amazonsqs.sendmessage",
        "content-type: application/x-amz-json-1.0",
        "/us-east-1/sqs/aws4_request",
    ] {
        assert!(head.contains(line), "{line} is not in\n{head}");
    }
    let bodies: Vec<Value> = taken
        .iter()
        .map(|request| {
            assert_eq!(request.body["QueueUrl"], url.as_str());
            serde_json::from_str(request.body["MessageBody"].as_str().unwrap()).unwrap()
        })
        .collect();
    check_lives(&bodies, 1);
    served.end();
}

#[test]
fn without_a_receiver_events_are_printed() {
    let served = Served::start(&[]);
    served.register("work", "exit 0");
    served.run(json!({}));
    wait_for("all events", || served.running.stdout().lines().count() == 1 + LIFE.len());
    let stdout = served.running.stdout();
    let events: Vec<Value> =
        stdout.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    check_lives(&events, 1);
    served.end();
}
