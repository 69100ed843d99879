//! Every shape that may arrive and what becomes of it: the samples of `events/`, the spellings of
//! AWS, and what strangers send.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::identity::StartedBy;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events");
const RUN: &str = "nightly-report-r3yvogbrkgrbq44uurlc";

type Read = Result<Event, Unreadable>;

/// The samples by name.
fn samples() -> BTreeMap<String, Vec<u8>> {
    let paths = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap()))
        .collect()
}

fn sample(name: &str) -> Value {
    serde_json::from_slice(&samples()[name]).unwrap()
}

fn events(payload: impl AsRef<[u8]>) -> Vec<Read> {
    read(payload.as_ref(), "request-1").into_iter().flat_map(|delivery| delivery.events).collect()
}

fn only(payload: impl AsRef<[u8]>) -> Read {
    let mut events = events(payload);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn good(payload: &Value) -> Event {
    only(payload.to_string()).unwrap_or_else(|unreadable| panic!("{unreadable}: {payload}"))
}

fn occurrence(payload: &Value) -> Occurrence {
    good(payload).occurrence().unwrap()
}

fn task_state(payload: &Value) -> TaskState {
    match good(payload) {
        Event::TaskState(state) => *state,
        other => panic!("{other:?}"),
    }
}

/// `payload` is refused, and the message says `why`.
fn check_refused(payload: impl AsRef<[u8]>, why: &str) {
    let shown: String = String::from_utf8_lossy(payload.as_ref()).chars().take(200).collect();
    match only(payload) {
        Ok(event) => panic!("{shown} was read as {event:?}"),
        Err(unreadable) => {
            assert!(unreadable.to_string().contains(why), "{shown}: {unreadable}, not {why}");
        }
    }
}

/// `value` with the value at `pointer` replaced.
fn with(mut value: Value, pointer: &str, new: Value) -> Value {
    *value.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = new;
    value
}

/// `value` without the field `name` of the object at `pointer`.
fn without(mut value: Value, pointer: &str, name: &str) -> Value {
    value.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    value
}

/// Pointers to everything within `value`, outermost first.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, v)| (key.clone(), v)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    let below = |(key, child): (String, &Value)| {
        let inner = pointers(child).into_iter();
        inner.map(move |pointer| format!("/{key}{pointer}")).collect::<Vec<_>>()
    };
    [String::new()].into_iter().chain(children.into_iter().flat_map(below)).collect()
}

/// A notification of one record with the key in form encoding.
fn notification(key: &str) -> Value {
    with(sample("s3-notification.json"), "/Records/0/s3/object/key", key.into())
}

/// EventBridge's event with the key as it is.
fn object_created(key: &str) -> Value {
    with(sample("s3-object-created.json"), "/detail/object/key", key.into())
}

fn form_encode(key: &str) -> String {
    utf8_percent_encode(key, NON_ALPHANUMERIC).to_string().replace("%20", "+")
}

fn message(id: &str, body: &str) -> Value {
    let mut message = sample("sqs-batch.json")["Records"][0].clone();
    message["messageId"] = id.into();
    message["body"] = body.into();
    message
}

fn sns(inner: &Value) -> Value {
    json!({ "Type": "Notification", "MessageId": "n-1", "Message": inner.to_string() })
}

/// One line for an event: its occurrence, or where the task stands.
fn line(read: &Read) -> String {
    let event = read.as_ref().unwrap_or_else(|unreadable| panic!("{unreadable}"));
    if let Event::TaskState(state) = event {
        let code = state.stop_code.as_ref().map_or("-", |code| code.as_str());
        let exit = state.main_container(None).and_then(|container| container.exit_code);
        return format!("taskState {} {code} {exit:?}", state.last_status);
    }
    event.occurrence().map_or(event.kind().to_owned(), |occurrence| {
        format!("{} {}", occurrence.kind, occurrence.parts.join(" "))
    })
}

#[test]
fn every_sample_is_read_as_what_it_shows() {
    let nightly = "schedule longshore-nightly-report 2026-11-24T02:00:00Z";
    let cargo = "s3 longshore-uploads incoming/cargo manifest (1).csv \
                 kJ7xq2vZr0Yt_Lw8.Hc5sNfD3bGmPa1e 006B05555F6536FC62";
    let expected: &[(&str, &[&str])] = &[
        ("schedule-rule.json", &[nightly]),
        ("schedule-scheduler.json", &[nightly]),
        ("schedule-input.json", &[nightly]),
        ("s3-object-created.json", &[cargo]),
        ("s3-notification.json", &[cargo]),
        ("sns-s3.json", &[cargo]),
        ("sqs-sns-s3.json", &[cargo]),
        ("s3-test-event.json", &["s3TestEvent"]),
        ("sqs-batch.json", &[cargo, "manual 2c91275e-6056-460c-80b2-2f85ecbb04ea"]),
        ("manual.json", &["manual rerun-2026-11-23"]),
        ("rerun.json", &["rerun nightly-report-lxq7uetqf4c3m5shmv5f 2026-11-23-again"]),
        (
            "s3-notification-batch.json",
            &[
                "s3 longshore-uploads incoming/Müller + Söhne 100%.csv",
                "s3 longshore-uploads incoming/2026/11/24/containers.csv",
                "s3 longshore-uploads incoming/empty.csv",
            ],
        ),
        ("ecs-task-running.json", &["taskState RUNNING - None"]),
        ("ecs-task-stopped.json", &["taskState STOPPED EssentialContainerExited Some(0)"]),
        ("ecs-task-stopped-failed.json", &["taskState STOPPED EssentialContainerExited Some(1)"]),
        ("ecs-task-out-of-memory.json", &["taskState STOPPED EssentialContainerExited Some(137)"]),
        ("ecs-task-spot-interruption.json", &["taskState STOPPED SpotInterruption Some(143)"]),
        ("ecs-task-failed-to-start.json", &["taskState STOPPED TaskFailedToStart None"]),
    ];
    let samples = samples();
    let names: BTreeSet<&str> = samples.keys().map(String::as_str).collect();
    assert_eq!(names, expected.iter().map(|(name, _)| *name).collect());
    for (name, lines) in expected {
        let events = events(&samples[*name]);
        assert_eq!(events.len(), lines.len(), "{name}: {events:?}");
        for (event, expected) in events.iter().zip(*lines) {
            assert!(line(event).starts_with(expected), "{name}: {} not {expected}", line(event));
        }
    }
}

#[test]
fn one_occurrence_gives_one_run_however_it_is_told() {
    let nightly: JobName = "nightly-report".parse().unwrap();
    let run = |name: &str| {
        let events = events(&samples()[name]);
        events[0].as_ref().unwrap().occurrence().unwrap().run_id(&nightly)
    };
    for name in ["schedule-rule.json", "schedule-scheduler.json", "schedule-input.json"] {
        assert_eq!(run(name).as_str(), RUN, "{name}");
    }
    let object = run("s3-object-created.json");
    for name in ["s3-notification.json", "sns-s3.json", "sqs-sns-s3.json", "sqs-batch.json"] {
        assert_eq!(run(name), object, "{name}");
    }
    // Whatever makes it another write or another time makes it another run.
    let other = |payload: Value| occurrence(&payload).run_id(&nightly);
    let written = sample("s3-object-created.json");
    let due = sample("schedule-rule.json");
    let rule = "arn:aws:events:eu-west-1:123456789012:rule/longshore-hourly-report";
    let runs = [
        other(with(written.clone(), "/detail/object/sequencer", "006B05555F6536FC63".into())),
        other(with(written.clone(), "/detail/object/version-id", "v2".into())),
        other(with(written.clone(), "/detail/object/key", "incoming/b".into())),
        other(with(written, "/detail/bucket/name", "longshore-uploads-2".into())),
        other(with(due.clone(), "/time", "2026-11-24T02:01:00Z".into())),
        other(with(due, "/resources/0", rule.into())),
        other(sample("manual.json")),
        object,
        RUN.parse().unwrap(),
    ];
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), runs.len(), "{runs:?}");
}

#[test]
fn the_task_samples_belong_to_the_run_of_the_schedule_samples() {
    for name in samples().keys().filter(|name| name.starts_with("ecs-task-")) {
        let state = task_state(&sample(name));
        let started_by: StartedBy = state.started_by.as_deref().unwrap().parse().unwrap();
        assert_eq!((started_by.run.as_str(), started_by.attempt), (RUN, 1), "{name}");
        let overrides = &state.overrides.container_overrides;
        let main = overrides.iter().find(|over| over.name == "main").unwrap();
        let environment: Vec<_> =
            main.environment.iter().map(|v| (v.name.as_str(), v.value.as_str())).collect();
        let job = ("LONGSHORE_JOB", "nightly-report");
        let ours = [("LONGSHORE_ATTEMPT", "1"), job, ("LONGSHORE_RUN_ID", RUN)];
        assert_eq!(environment, ours, "{name}");
    }
}

#[test]
fn events_carry_their_values_and_their_time() {
    let check = |name: &str, time: &str, values: &str| {
        let event = good(&sample(name));
        let pairs: Vec<String> = event.values().iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(pairs.join(" "), values, "{name}");
        assert_eq!(event.happened_at().map(|t| t.to_string()).unwrap_or_default(), time, "{name}");
    };
    let due = "2026-11-24T02:00:00Z";
    let nightly = "scheduleName=longshore-nightly-report scheduledTime=2026-11-24T02:00:00Z";
    let cargo = "bucket=longshore-uploads etag=4ef5ed72014e90b82285ea7888b4a091 \
                 key=incoming/cargo manifest (1).csv size=312 \
                 versionId=kJ7xq2vZr0Yt_Lw8.Hc5sNfD3bGmPa1e";
    check("schedule-rule.json", due, nightly);
    check("schedule-input.json", due, nightly);
    check("s3-object-created.json", "2026-11-24T09:14:07Z", cargo);
    check("s3-notification.json", "2026-11-24T09:14:07.482Z", cargo);
    check("manual.json", "", "");
    check("ecs-task-stopped.json", "", "");
}

#[test]
fn a_key_comes_out_byte_for_byte() {
    for key in [
        "incoming/a+b%20(1) ü;rm -rf $(x).png",
        "a;rm -rf /.csv`id`|$(curl x)\n\r\t.csv",
        "--output=/etc/passwd",
        "..//../x",
        "/",
        "\u{202e}gpj.\u{1b}[2J\u{2028}{{ bucket }}",
        "%2B%zz%",
        &"k".repeat(1024),
        &"ü".repeat(512),
    ] {
        for payload in [object_created(key), notification(&form_encode(key))] {
            assert_eq!(occurrence(&payload).parts[1], key);
        }
    }
    // AWS leaves some bytes as they are; a stray percent sign stands for itself.
    assert_eq!(occurrence(&notification("in/a%2bb+(1)!'*%zz")).parts[1], "in/a+b (1)!'*%zz");
}

#[test]
fn a_key_that_s3_would_not_allow_is_refused() {
    for key in [String::new(), "k".repeat(1025), "ü".repeat(513)] {
        check_refused(object_created(&key).to_string(), "within 1024 bytes");
        check_refused(notification(&form_encode(&key)).to_string(), "within 1024 bytes");
    }
    check_refused(notification("a%00b").to_string(), "malformed S3 event");
    check_refused(notification("%ff%fe").to_string(), "the key is not UTF-8");
    check_refused(notification("%ed%a0%80").to_string(), "the key is not UTF-8");
    check_refused(with(object_created("a"), "/detail/object/key", 7.into()).to_string(), "string");
}

#[test]
fn a_size_is_a_whole_number_of_bytes() {
    let check = |size: Value, expected: Option<u64>| {
        let bridge = with(object_created("a"), "/detail/object/size", size.clone());
        let notified = with(notification("a"), "/Records/0/s3/object/size", size);
        for payload in [bridge, notified] {
            match (expected, only(payload.to_string())) {
                (Some(bytes), Ok(Event::S3(object))) => assert_eq!(object.size, bytes),
                (None, Err(error)) => {
                    assert!(error.to_string().contains("whole number"), "{error}")
                }
                (expected, read) => panic!("{read:?}, not {expected:?}"),
            }
        }
    };
    check(0.into(), Some(0));
    check(5_497_558_138_880_u64.into(), Some(5_497_558_138_880));
    for size in [json!(-1), json!("312"), json!(1.5), json!(null), json!([312])] {
        check(size, None);
    }
}

#[test]
fn a_write_needs_something_that_tells_it_from_the_next() {
    let payload = |etag: Value, version: Value, sequencer: Value| {
        let object = json!({ "key": "a", "size": 1, "etag": etag, "version-id": version, "sequencer": sequencer });
        with(sample("s3-object-created.json"), "/detail/object", object)
    };
    let null = || Value::Null;
    for (payload, parts) in [
        (payload(null(), null(), "01".into()), ["", "01"]),
        (payload("e".into(), null(), null()), ["", "e"]),
        (payload("\"e\"".into(), null(), null()), ["", "e"]),
        (payload("e".into(), null(), "".into()), ["", "e"]),
        (payload("e".into(), "v".into(), "01".into()), ["v", "01"]),
    ] {
        assert_eq!(occurrence(&payload).parts[2..], parts, "{payload}");
    }
    for empty in [null(), "".into()] {
        let payload = payload(empty.clone(), empty.clone(), empty);
        check_refused(payload.to_string(), "none of sequencer, version id and etag");
    }
    let long = "x".repeat(1025);
    check_refused(payload(long.into(), null(), "01".into()).to_string(), "longer than S3");
}

#[test]
fn one_bad_record_leaves_its_neighbours() {
    let batch = sample("s3-notification-batch.json");
    for bad in [json!(42), json!({}), json!(null), json!({ "eventSource": "aws:s3", "s3": {} })] {
        let events = events(with(batch.clone(), "/Records/1", bad.clone()).to_string());
        let good: Vec<bool> = events.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, false, true], "{bad}");
    }
}

#[test]
fn an_unreadable_message_leaves_its_neighbours_and_every_message_its_id() {
    let job = r#"{"job":"nightly-report"}"#;
    let mut rows = vec![json!({ "messageId": "m1", "eventSource": "aws:sqs" })];
    rows.push(with(message("m1", job), "/attributes", "none".into()));
    rows.push(with(message("m1", job), "/body", json!({ "job": "nightly-report" })));
    let big = format!(r#"{{"job":"nightly-report","key":"{}"}}"#, "k".repeat(64 * 1024));
    let twice = r#"{"job":"a","job":"b"}"#;
    for body in ["", "null", "{", "{\"job\":\"a\"}\0", twice, &"[".repeat(10_000), &big] {
        rows.push(message("m1", body));
    }
    for bad in rows {
        let again = with(message("m2", job), "/attributes/ApproximateReceiveCount", "7".into());
        let batch = json!({ "Records": [message("m0", job), bad, again] });
        let deliveries = read(batch.to_string().as_bytes(), "request-1");
        let seen: Vec<(&str, u32, bool)> =
            deliveries.iter().map(|d| (d.id.as_str(), d.receives, d.events[0].is_ok())).collect();
        assert_eq!(seen, [("m0", 1, true), ("m1", 1, false), ("m2", 7, true)], "{bad}");
    }
}

#[test]
fn a_manual_event_without_key_is_known_by_its_message() {
    let keyless = r#"{"job":"nightly-report"}"#;
    let keyed = r#"{"job":"nightly-report","key":"k"}"#;
    let check = |id: &str, body: &str, receives: &str, key: &str| {
        let message =
            with(message(id, body), "/attributes/ApproximateReceiveCount", receives.into());
        assert_eq!(occurrence(&json!({ "Records": [message] })).parts, [key], "{id} {body}");
    };
    check("m0", keyless, "1", "m0");
    check("m0", keyless, "2", "m0");
    check("m1", keyless, "1", "m1");
    check("m0", keyed, "1", "k");
    check("m1", keyed, "1", "k");
    check("m0", r#"{"job":"nightly-report","key":null,"parameters":null}"#, "1", "m0");
    assert_eq!(only(keyless).unwrap().occurrence().unwrap().parts, ["request-1"]);
}

#[test]
fn envelopes_are_taken_off_up_to_a_limit() {
    let mut payload = sample("s3-notification.json");
    let expected = occurrence(&payload);
    for _ in 0..WRAPPERS_MAX {
        payload = sns(&payload);
        assert_eq!(occurrence(&payload), expected);
        let queued = json!({ "Records": [message("m0", &payload.to_string())] });
        assert_eq!(occurrence(&queued), expected);
    }
    check_refused(sns(&payload).to_string(), "too_large: more than 4 envelopes");
    check_refused(sns(&json!(42)).to_string(), "not_json_object: it is a number");
    check_refused(r#"{"Type":"Notification"}"#, "malformed SNS notification");
    check_refused(r#"{"Records":{}}"#, "malformed Records: it must be a list");
    check_refused(r#"{"Records":[]}"#, "malformed Records");
    let test = sns(&sample("s3-test-event.json"));
    assert_eq!(good(&json!({ "Records": [message("m0", &test.to_string())] })), Event::Test);
    // Two notifications in one SNS event, one of them unreadable.
    let mut two = sample("sns-s3.json");
    let record = with(two["Records"][0].clone(), "/Sns/Message", "{".into());
    two["Records"].as_array_mut().unwrap().push(record);
    let good: Vec<bool> = events(two.to_string()).iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false]);
}

#[test]
fn a_schedule_is_known_by_its_name_and_its_minute() {
    let rule = sample("schedule-rule.json");
    let first = occurrence(&rule);
    for time in ["02:00:41Z", "02:00:59.999Z", "03:00:00+01:00"] {
        let again = with(rule.clone(), "/time", format!("2026-11-24T{time}").into());
        let again = with(again, "/id", "a-second-firing".into());
        assert_eq!(occurrence(&again), first, "{time}");
    }
    for detail in [json!("{}"), json!({}), json!(null), json!("anything")] {
        let payload = with(sample("schedule-scheduler.json"), "/detail", detail);
        assert_eq!(occurrence(&payload), first);
    }
    let arn =
        "arn:aws:scheduler:eu-west-1:123456789012:schedule/longshore/longshore-nightly-report";
    let input = sample("schedule-input.json");
    assert_eq!(occurrence(&with(input.clone(), "/schedule", arn.into())), first);
    let by_job = occurrence(&without(input.clone(), "", "schedule"));
    assert_eq!(by_job.parts, ["nightly-report", "2026-11-24T02:00:00Z"]);
    assert_eq!(occurrence(&without(input, "", "job")), first);
}

#[test]
fn a_schedule_without_name_or_time_is_refused() {
    let rule = sample("schedule-rule.json");
    let input = sample("schedule-input.json");
    let unfilled = "<aws.scheduler.scheduled-time>";
    for (payload, why) in [
        (without(rule.clone(), "", "time"), "`time`"),
        (without(rule.clone(), "", "resources"), "names no rule or schedule"),
        (with(rule.clone(), "/resources/0", "arn:aws:s3:::b".into()), "names no rule or schedule"),
        (with(rule.clone(), "/resources/0", "x:rule/".into()), "not one AWS allows"),
        (with(rule, "/resources/0", "x:rule/a b".into()), "not one AWS allows"),
        (with(input.clone(), "/schedule", "s".repeat(65).into()), "not one AWS allows"),
        (with(input.clone(), "/scheduledTime", unfilled.into()), "is no time like"),
        (with(input.clone(), "/scheduledTime", "2026-11-24T02:00:00".into()), "is no time like"),
        (with(input.clone(), "/scheduledTime", 1_795_485_600.into()), "must be a string"),
        (with(input.clone(), "/job", "../x".into()), "is no job name"),
        (with(input.clone(), "/job", 42.into()), "`job`"),
        (with(input, "/schedule", 42.into()), "`schedule`"),
        (json!({ "scheduledTime": "2026-11-24T02:00:00Z" }), "neither `job` nor `schedule`"),
    ] {
        check_refused(payload.to_string(), why);
    }
}

#[test]
fn fields_that_aws_may_add_are_tolerated_everywhere() {
    for (name, bytes) in samples() {
        if name == "manual.json" || name == "rerun.json" {
            continue; // A person's own object: what we do not know there is refused below.
        }
        let mut payload = sample(&name);
        for pointer in pointers(&payload.clone()) {
            // Those are no fields but the sender's own names, with a type for each.
            if !pointer.ends_with("/messageAttributes")
                && let Some(object) = payload.pointer_mut(&pointer).unwrap().as_object_mut()
            {
                object.insert("novelty".to_owned(), "new".into());
            }
        }
        assert_eq!(events(payload.to_string()), events(bytes), "{name}");
    }
    let mut batch = sample("sqs-batch.json");
    batch["Records"][0]["messageAttributes"]["Priority"] = json!({
        "stringValue": "100", "stringListValues": [], "binaryListValues": [], "dataType": "Number"
    });
    assert_eq!(events(batch.to_string()), events(&samples()["sqs-batch.json"]));
}

#[test]
fn what_is_of_no_known_kind_is_named() {
    let removed = |name: &str| with(notification("a"), "/Records/0/eventName", name.into());
    let envelope = |source: &str, kind: &str| {
        let payload = with(object_created("a"), "/source", source.into());
        with(payload, "/detail-type", kind.into())
    };
    for (payload, named) in [
        (json!({}), "an empty object"),
        (json!({ "version": 2, "task": "x" }), "an object with `task`, `version`"),
        (removed("ObjectRemoved:Delete"), "S3's `ObjectRemoved:Delete`"),
        (removed("s3:ObjectRestore:Post"), "S3's `s3:ObjectRestore:Post`"),
        (envelope("aws.s3", "Object Deleted"), "`Object Deleted` from `aws.s3`"),
        (envelope("my.shop", "Object Created"), "`Object Created` from `my.shop`"),
        (envelope("my.shop", "Scheduled Event"), "`Scheduled Event` from `my.shop`"),
        (envelope("aws.ecs", "ECS Service Action"), "`ECS Service Action` from `aws.ecs`"),
        (json!({ "Records": [{ "eventSource": "aws:dynamodb" }] }), "from `aws:dynamodb`"),
        (with(notification("a"), "/Records/0/eventSource", "minio:s3".into()), "from `minio:s3`"),
        (json!({ "Type": "SubscriptionConfirmation" }), "an object with `Type`"),
    ] {
        check_refused(payload.to_string(), "unknown_kind: ");
        check_refused(payload.to_string(), named);
        check_refused(payload.to_string(), "known are EventBridge's Scheduled Event");
    }
    for name in ["ObjectCreated:Post", "ObjectCreated:Copy", "s3:ObjectCreated:Put"] {
        good(&removed(name));
    }
}

#[test]
fn what_is_no_single_json_object_is_refused() {
    let nested = "[".repeat(10_000);
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
    let rows: &[(&[u8], &str)] = &[
        (b"", "not_json_object: it is empty"),
        (b" \n", "not_json_object: it is empty"),
        (b"null", "not_json_object: it is null"),
        (b"[]", "not_json_object: it is a list"),
        (b"42", "not_json_object: it is a number"),
        (b"true", "not_json_object: it is true or false"),
        (br#""{}""#, "not_json_object: it is a string"),
        (br#"{"job":"#, "not_json_object: EOF"),
        (br#"{"job":"a"} {}"#, "not_json_object: trailing"),
        (b"{'job': 'a'}", "not_json_object: "),
        (b"eyJqb2IiOiJhIn0=", "base64"),
        (b"\x1f\x8b\x08\x00", "not_json_object: not UTF-8"),
        (b"{\"job\":\"\xff\"}", "not_json_object: not UTF-8"),
        (br#"{"job":"\ud800"}"#, "hex escape"),
        (br#"{"job":"a\u0000"}"#, "NUL"),
        (br#"{"job":"a","parameters":{"a\u0000":"b"}}"#, "NUL"),
        (b"{\"job\":\"a\0\"}", "not_json_object: control character"),
        (b"\xef\xbb\xbf{\"job\":\"a\"}", "byte order mark"),
        (br#"{"job":"a","job":"b"}"#, "duplicate_key: `job`"),
        (br#"{"job":"a","\u006aob":"b"}"#, "duplicate_key: `job`"),
        (br#"{"job":"a","parameters":{"x":1,"x":1}}"#, "duplicate_key: `x`"),
        (nested.as_bytes(), "too_large: more than 64 brackets"),
        (deep.as_bytes(), "too_large: more than 64 brackets"),
    ];
    for (payload, why) in rows {
        check_refused(payload, why);
        let unreadable = read_body(payload, "m0").remove(0).unwrap_err();
        assert!(unreadable.to_string().contains(why), "{unreadable}, not {why}");
    }
    // Brackets in a text are no nesting.
    good(&json!({ "job": "a", "parameters": { "x": "[\"{".repeat(100) } }));
}

#[test]
fn a_message_and_a_payload_have_their_limits() {
    let of_bytes = |bytes: usize| {
        let frame = json!({ "job": "a", "parameters": { "x": "" } }).to_string();
        frame.replace(r#""x":"""#, &format!(r#""x":"{}""#, "x".repeat(bytes - frame.len())))
    };
    let body = |bytes| read_body(of_bytes(bytes).as_bytes(), "m0").remove(0);
    assert!(body(64 * 1024).is_ok());
    let too_large = body(64 * 1024 + 1).unwrap_err().to_string();
    assert_eq!(too_large, "too_large: 65537 bytes, at most 65536 are read");
    check_refused(of_bytes(6 * 1024 * 1024 + 1), "too_large: 6291457 bytes");
    // A full batch is more than one message may be.
    let messages: Vec<Value> =
        (0..10).map(|i| message(&i.to_string(), &of_bytes(60_000))).collect();
    let events = events(json!({ "Records": messages }).to_string());
    assert!(events.len() == 10 && events.iter().all(Result::is_ok));
}

#[test]
fn a_manual_event_gives_job_parameters_and_key_alone() {
    let job = |job: &str| json!({ "job": job });
    let long = "j".repeat(300);
    for name in ["", "../x", "S#x", "R#", "Nightly", "nіghtly", "naïve", "🚢", "a\u{200b}", &long]
    {
        check_refused(job(name).to_string(), "is no job name");
    }
    for (field, value, why) in [
        ("job", json!(42), "`job` must be a string"),
        ("job", json!(["a"]), "`job` must be a string"),
        ("parameters", json!("day=1"), "`parameters` must be an object"),
        ("key", json!(""), "`key` must be a string of 1 to 256 characters"),
        ("key", json!("k".repeat(257)), "`key` must be a string of 1 to 256 characters"),
        ("key", json!(7), "`key` must be a string of 1 to 256 characters"),
        ("image", json!("evil:latest"), "`image` cannot be given"),
        ("environment", json!({ "LD_PRELOAD": "x" }), "`environment` cannot be given"),
        ("taskRoleArn", json!("arn:aws:iam::1:role/admin"), "`taskRoleArn` cannot be given"),
        ("enableExecuteCommand", json!(true), "`enableExecuteCommand` cannot be given"),
    ] {
        let mut payload = job("a");
        payload[field] = value;
        check_refused(payload.to_string(), why);
    }
    good(&json!({ "job": "a", "key": "ü".repeat(256) }));
}

#[test]
fn a_rerun_names_a_run_and_gives_nothing_that_is_the_run_s_own() {
    let run = format!("nightly-report-{}", "a".repeat(20));
    let rerun = |field: &str, value: Value| {
        let mut payload = json!({ "rerun": run });
        payload[field] = value;
        payload
    };
    for (field, value, why) in [
        ("rerun", json!(42), "`rerun` must be a string"),
        ("rerun", json!("nightly-report"), "is no run id"),
        ("parameters", json!([]), "`parameters` must be an object"),
        ("sameParameters", json!("yes"), "`sameParameters` must be true or false"),
        ("key", json!(""), "`key` must be a string of 1 to 256 characters"),
        ("job", json!("other"), "`job` cannot be given; it has `rerun`, `parameters`"),
        ("happenedAt", json!("2026-11-24T02:00:00Z"), "`happenedAt` cannot be given"),
    ] {
        check_refused(rerun(field, value).to_string(), why);
    }
    let mut both = rerun("sameParameters", json!(true));
    both["parameters"] = json!({ "day": "x" });
    check_refused(both.to_string(), "there can be no `parameters`");

    let Event::Rerun(event) = good(&rerun("key", json!("k"))) else { unreachable!() };
    assert_eq!(event.run_id().job(), "nightly-report");
    assert_eq!(good(&event.to_json()), Event::Rerun(event.clone()));
    // Another key is another run, and so is another run with the same key.
    let ids = [
        event.run_id(),
        Rerun { key: "l".to_owned(), ..event.clone() }.run_id(),
        Rerun { run: event.run_id(), ..event.clone() }.run_id(),
    ];
    assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
    let told = Event::Rerun(event).occurrence().unwrap();
    assert_eq!(
        (told.to_string(), told.rerun_of()),
        (format!("rerun of {run}, key k"), Some(&*run))
    );
}

#[test]
fn what_does_not_fit_is_named_by_its_place() {
    for (name, pointer, value, problem) in [
        (
            "s3-notification.json",
            "/Records/0/s3/object/size",
            json!("12"),
            "`s3.object.size` must be a whole number, not below 0",
        ),
        (
            "s3-notification.json",
            "/Records/0/s3/bucket",
            json!({}),
            "`s3.bucket`: missing field `name`",
        ),
        ("s3-object-created.json", "/detail/object/key", json!(7), "`object.key` must be a string"),
        ("s3-object-created.json", "/detail", json!({}), "missing field `bucket`"),
        (
            "s3-object-created.json",
            "/time",
            json!("2026-13-24T02:00:00Z"),
            "`time` is no time like",
        ),
        (
            "ecs-task-stopped.json",
            "/detail/containers/0/exitCode",
            json!("1"),
            "`containers[0].exitCode` must be a whole number",
        ),
        ("ecs-task-stopped.json", "/detail/containers", json!("x"), "`containers` must be a list"),
        ("sqs-batch.json", "/Records/0/body", json!(1), "`body` must be a string"),
    ] {
        let mut event = sample(name);
        *event.pointer_mut(pointer).unwrap() = value;
        let refused = events(event.to_string()).into_iter().find_map(Result::err);
        let refused = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(problem), "{name} {pointer}: {refused}");
    }
}

#[test]
fn no_message_quotes_what_a_value_held() {
    const SECRET: &str = "hunter2, expected `hunter2";
    // A message may name a kind or a job that is none; nothing else of a body is repeated.
    let named = ["/job", "/detail-type", "/source", "/eventName", "/eventSource"];
    let run: RunId = RUN.parse().unwrap();
    let observation = json!({
        "longshore": "observation", "run": RUN, "attempt": 1, "observed": "lost",
        "task": "arn:aws:ecs:eu-west-1:123456789012:task/batch/t", "reason": "it is gone",
    });
    let bodies = samples().into_keys().map(|name| sample(&name));
    let mut refused = 0;
    for payload in bodies.chain([Reminder { run, attempt: 1, turn: false }.to_json(), observation])
    {
        for pointer in pointers(&payload) {
            if named.iter().any(|name| pointer.ends_with(name)) {
                continue;
            }
            for value in [json!(SECRET), json!([SECRET]), json!({ "x": SECRET })] {
                let payload = with(payload.clone(), &pointer, value);
                for error in events(payload.to_string()).into_iter().filter_map(Result::err) {
                    refused += 1;
                    assert!(!error.to_string().contains("hunter2"), "{pointer}: {error}");
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
    for broken in
        ["{\"job\": hunter2}", "{\"job\": \"hunter2", "hunter2", "{\"a\": \"hunter2\\ud800\"}"]
    {
        assert!(!only(broken).unwrap_err().to_string().contains("hunter2"), "{broken}");
    }
}

#[test]
fn a_message_stays_short_and_on_one_line_whatever_it_names() {
    let long = "x\n\u{1b}[2J".repeat(2_000);
    let job = with(sample("manual.json"), "/job", long.clone().into());
    let key = json!({ (long.as_str()): 1, "job": "a" });
    let unknown = json!({ (long.as_str()): 1 });
    let twice = format!(r#"{{"{0}":1,"{0}":2}}"#, "x".repeat(10_000));
    let kind = with(sample("schedule-rule.json"), "/detail-type", long.clone().into());
    let source = with(sample("schedule-rule.json"), "/source", long.clone().into());
    let name = with(notification("a"), "/Records/0/eventName", long.clone().into());
    let record = with(notification("a"), "/Records/0/eventSource", long.clone().into());
    let nothing = json!({ "Records": [{ "eventSource": long }] });
    let payloads = [job, key, unknown, kind, source, name, record, nothing];
    for payload in payloads.iter().map(Value::to_string).chain([twice]) {
        let text = only(payload).unwrap_err().to_string();
        assert!(text.len() < 1_000 && !text.contains(char::is_control), "{}", text.len());
    }
}

#[test]
fn what_longshore_sends_itself_it_reads() {
    let run: RunId = RUN.parse().unwrap();
    let reminder = Reminder { run: run.clone(), attempt: 2, turn: true };
    let sent = json!({ "longshore": "reminder", "run": RUN, "attempt": 2, "turn": true });
    assert_eq!(reminder.to_json(), sent);
    let without = json!({ "longshore": "reminder", "run": RUN, "attempt": 2 });
    assert_eq!(good(&without), Event::Reminder(Reminder { turn: false, ..reminder.clone() }));
    assert_eq!(good(&sent), Event::Reminder(reminder));
    for (observed, word) in [
        (Observed::Skipped, "skipped"),
        (Observed::Invalid, "invalid"),
        (Observed::NotPlaced, "notPlaced"),
        (Observed::Cancelled, "cancelled"),
        (Observed::Lost, "lost"),
    ] {
        let reason = "no \"slot\" ü".to_owned();
        let task = (observed == Observed::Lost).then(|| "arn:aws:ecs:::task/batch/t".to_owned());
        let owner = "me".to_owned();
        let observation =
            Observation { run: run.clone(), attempt: 1, observed, task, owner, reason };
        assert_eq!(observation.to_json()["observed"], word);
        assert_eq!(good(&observation.to_json()), Event::Observation(observation));
    }
    for (pointer, value) in [
        ("/longshore", json!("order")),
        ("/run", json!("../x")),
        ("/attempt", json!(-1)),
        ("/attempt", json!("2")),
    ] {
        check_refused(
            with(sent.clone(), pointer, value).to_string(),
            "malformed longshore message",
        );
    }
}

#[test]
fn a_task_state_survives_being_passed_on() {
    let now = "2026-11-24T02:10:00.5Z".parse().unwrap();
    let check = |state: TaskState| {
        let event = state.to_event(TaskState::OBSERVED_SOURCE, "sweep-1", now);
        assert_eq!(
            (&event["account"], &event["region"]),
            (&json!("123456789012"), &json!("eu-west-1"))
        );
        assert_eq!(event["resources"], json!([state.task_arn]));
        assert_eq!(task_state(&event), state);
    };
    for name in samples().keys().filter(|name| name.starts_with("ecs-task-")) {
        check(task_state(&sample(name)));
    }
    let stopped = sample("ecs-task-stopped.json");
    let bare =
        ["taskArn", "clusterArn"].map(|name| (name.to_owned(), stopped["detail"][name].clone()));
    check(task_state(&with(stopped.clone(), "/detail", Value::Object(bare.into_iter().collect()))));
    for (field, value) in [
        ("lastStatus", json!("stopped")),
        ("lastStatus", json!("HIBERNATING")),
        ("stopCode", json!("Whim")),
        ("stoppedAt", json!("9999-12-30T00:00:00Z")),
        ("stoppedAt", json!("2026-11-24T01:00:00Z")),
        ("stoppedAt", json!("yesterday")),
        ("stoppedAt", json!("2026-11-24T02:00:00")),
        ("stoppedAt", json!(1_795_485_600.123)),
        ("stoppedReason", json!("\u{1b}[2J</script>\u{202e}".repeat(1_000))),
    ] {
        check(task_state(&with(stopped.clone(), &format!("/detail/{field}"), value)));
    }
}

#[test]
fn a_task_state_is_read_with_what_it_has() {
    let stopped = sample("ecs-task-stopped.json");
    let at =
        |value: Value| task_state(&with(stopped.clone(), "/detail/stoppedAt", value)).stopped_at;
    assert_eq!(at("2026-11-24T02:07:46.205Z".into()), "2026-11-24T02:07:46.205Z".parse().ok());
    for unreadable in [json!("yesterday"), json!("2026-11-24T02:00:00"), json!(7), json!(null)] {
        assert_eq!(at(unreadable), None);
    }
    let nowhere = task_state(&without(stopped.clone(), "/detail", "lastStatus")).last_status;
    assert_eq!(nowhere, LastStatus::Other(String::new()));
    let missing = task_state(&without(stopped.clone(), "/detail/containers/0", "exitCode"));
    assert_eq!(missing.main_container(None).unwrap().exit_code, None);
    for name in ["taskArn", "clusterArn"] {
        check_refused(without(stopped.clone(), "/detail", name).to_string(), name);
        let no_arn = with(stopped.clone(), &format!("/detail/{name}"), "batch".into());
        check_refused(no_arn.to_string(), name);
    }
}

#[test]
fn the_main_container_is_never_a_sidecar() {
    let failed = task_state(&sample("ecs-task-stopped-failed.json"));
    let exit = |state: &TaskState, named| state.main_container(named).and_then(|c| c.exit_code);
    assert_eq!(exit(&failed, None), Some(1));
    assert_eq!(exit(&failed, Some("log-router")), Some(0));
    assert_eq!(exit(&failed, Some("gone")), None);
    let mut unmarked = failed;
    unmarked.overrides = TaskOverride::default();
    assert_eq!(exit(&unmarked, None), None, "two containers and no word which one counts");
    unmarked.containers.remove(0);
    assert_eq!(exit(&unmarked, None), Some(1));
}

/// JSON of any shape, out of the names and words that mean something here.
fn any_json() -> impl Strategy<Value = Value> {
    let words = "Records|eventSource|EventSource|aws:s3|aws:sqs|aws:sns|Sns|Message|Type|body|key|\
                 Notification|messageId|detail-type|Scheduled Event|detail|source|aws[.]events|s3|\
                 time|longshore|reminder|job|scheduledTime|schedule|parameters|object|bucket|Event";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let text = inner.clone().prop_map(|value| Value::from(value.to_string()));
        let fields = prop::collection::btree_map(words, inner.clone(), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            text,
        ]
    })
}

/// Whatever came, something is said about it.
fn nothing_vanishes(payload: &[u8]) {
    let deliveries = read(payload, "request-1");
    assert!(!deliveries.is_empty() && deliveries.iter().all(|d| !d.events.is_empty()));
    assert!(!read_body(payload, "m0").is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        nothing_vanishes(&bytes);
    }

    #[test]
    fn any_json_is_read_without_panic(value in any_json()) {
        nothing_vanishes(value.to_string().as_bytes());
    }

    #[test]
    fn a_sample_with_anything_anywhere_is_read_without_panic(
        name in prop::sample::select(samples().into_keys().collect::<Vec<_>>()),
        place in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let payload = sample(&name);
        let pointer = place.get(&pointers(&payload)).clone();
        nothing_vanishes(with(payload, &pointer, value).to_string().as_bytes());
    }

    #[test]
    fn form_encoding_gives_back_every_key(key in "[^\0]{1,200}") {
        prop_assert_eq!(&occurrence(&notification(&form_encode(&key))).parts[1], &key);
        prop_assert_eq!(&occurrence(&object_created(&key)).parts[1], &key);
    }
}
