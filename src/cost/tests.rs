//! What Fargate bills, task by task.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use serde_json::{Value, json};

use super::*;
use crate::jobs::Policy;

const DAY: &str = "2026-11-24T00:00:00Z";

fn at(secs: i64) -> Timestamp {
    DAY.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(secs)
}

fn request(capacity: Option<&str>) -> Value {
    json!({
        "cluster": "batch", "source": { "registered": "report" }, "container": "main",
        "environment": {}, "changes": {}, "capacity": capacity, "enableExecuteCommand": false,
        "tags": {}, "startedBy": "longshore/report/1",
    })
}

/// A task of 1 vCPU and 2 GB in a region, with its times and what is different about it.
fn launch(region: &str, times: Value, size: Value) -> Value {
    let mut given = json!({ "cpu": 1024, "memory": 2048, "architecture": "X86_64" });
    for (key, value) in size.as_object().unwrap() {
        given[key] = value.clone();
    }
    json!({
        "number": 1, "at": at(0), "version": 1, "refusal": null, "times": times, "size": given,
        "task": format!("arn:aws:ecs:{region}:123456789012:task/batch/t1"),
    })
}

fn times(pull: i64, end: i64) -> Value {
    json!({ "createdAt": at(pull - 20), "pullStartedAt": at(pull), "stoppedAt": at(end) })
}

fn run(attempts: &[(Option<&str>, Vec<Value>)], open: bool) -> Run {
    let attempts: Vec<Value> = attempts
        .iter()
        .enumerate()
        .map(|(index, (capacity, launches))| {
            json!({ "number": index + 1, "request": request(*capacity), "launches": launches })
        })
        .collect();
    let ended = json!({ "name": "Ended", "verdict": "Succeeded", "at": at(9_000) });
    let state = if open { json!({ "name": "Started" }) } else { ended };
    serde_json::from_value(json!({
        "id": "report-jvyyf6cton5frnyz5db5", "job": "report",
        "occurrence": { "kind": "manual", "parts": ["x"] },
        "happenedAt": null, "values": {}, "policy": Policy::default(), "createdAt": at(0),
        "owner": "a", "state": state, "attempts": attempts, "stop": null, "due": null,
        "revision": 1,
    }))
    .unwrap()
}

fn cost(run: &Run) -> Result<Cost, Unpriced> {
    of(run, &Prices::new(), at(8_000))
}

/// A run of one task, an hour long where `times` says nothing else.
fn one(capacity: Option<&str>, times: Value, size: Value) -> Run {
    run(&[(capacity, vec![launch("us-east-1", times, size)])], false)
}

fn check(run: &Run, dollars: f64) {
    let found = cost(run).unwrap().dollars;
    assert!((found - dollars).abs() < 1e-9, "{found}, not {dollars}");
}

/// 1 vCPU and 2 GB for an hour, by hand from AWS's page.
const HOUR_X86: f64 = 0.040_48 + 2.0 * 0.004_445;
const HOUR_ARM: f64 = 0.032_38 + 2.0 * 0.003_56;

#[test]
fn an_hour_costs_what_the_page_says() {
    let hour = || times(100, 3_700);
    check(&one(None, hour(), json!({})), HOUR_X86);
    check(&one(Some("FARGATE"), hour(), json!({})), HOUR_X86);
    check(&one(Some("FARGATE_SPOT"), hour(), json!({})), HOUR_X86 * 0.3);
    check(&one(None, hour(), json!({ "architecture": "ARM64" })), HOUR_ARM);
    check(
        &one(None, hour(), json!({ "cpu": 256, "memory": 512 })),
        0.25 * 0.040_48 + 0.5 * 0.004_445,
    );
    // 20 GB are free, and Spot has no discount on the rest.
    check(&one(None, hour(), json!({ "ephemeralStorage": 20 })), HOUR_X86);
    check(
        &one(Some("FARGATE_SPOT"), hour(), json!({ "ephemeralStorage": 30 })),
        HOUR_X86 * 0.3 + 10.0 * 0.000_111,
    );
}

#[test]
fn time_counts_from_the_pull_to_the_end_by_the_second_and_a_minute_at_least() {
    let seconds = |times| cost(&one(None, times, json!({}))).unwrap().tasks[0].seconds;
    assert_eq!(seconds(times(100, 3_700)), 3_600);
    assert_eq!(seconds(times(100, 161)), 61);
    assert_eq!(seconds(times(100, 103)), 60);
    let mut begun = times(100, 200);
    begun["stoppedAt"] = json!(at(200) + jiff::SignedDuration::from_millis(1));
    assert_eq!(seconds(begun), 101);
    // ECS may not have told of the pull.
    let started = json!({ "createdAt": at(0), "startedAt": at(50), "stoppedAt": at(250) });
    assert_eq!(seconds(started), 200);
}

#[test]
fn every_task_of_a_run_is_billed_and_what_pulled_nothing_is_not() {
    let task = |times| launch("us-east-1", times, json!({}));
    let mut second = task(times(7_000, 7_060));
    second["number"] = json!(2);
    let unpulled = task(json!({ "createdAt": at(0), "stoppedAt": at(600) }));
    let mut refused = task(json!({}));
    refused["task"] = Value::Null;
    let run = run(
        &[
            (Some("FARGATE_SPOT"), vec![task(times(0, 3_600))]),
            (None, vec![refused, unpulled, second]),
        ],
        false,
    );
    let cost = cost(&run).unwrap();
    let told: Vec<_> =
        cost.tasks.iter().map(|t| (t.attempt, t.launch, t.seconds, t.spot)).collect();
    assert_eq!(told, [(1, 1, 3_600, true), (2, 2, 60, false)]);
    check(&run, HOUR_X86 * 0.3 + HOUR_X86 / 60.0);
}

#[test]
fn a_task_that_goes_on_costs_until_now_and_one_that_was_lost_is_not_guessed() {
    let begun = || json!({ "pullStartedAt": at(4_400), "startedAt": at(4_420) });
    let open = run(&[(None, vec![launch("us-east-1", begun(), json!({}))])], true);
    let task = &cost(&open).unwrap().tasks[0];
    assert_eq!((task.seconds, task.open), (3_600, true));
    let lost = one(None, begun(), json!({}));
    assert_eq!(cost(&lost), Err(Unpriced::UnknownEnd("t1".to_owned())));
}

#[test]
fn what_cannot_be_priced_says_why() {
    let hour = || times(100, 3_700);
    let elsewhere = |region| run(&[(None, vec![launch(region, hour(), json!({}))])], false);
    assert_eq!(cost(&elsewhere("local")), Err(Unpriced::ThisMachine));
    assert_eq!(cost(&run(&[(None, vec![])], false)), Err(Unpriced::NoTask));
    let told = cost(&elsewhere("eu-west-3")).unwrap_err().to_string();
    insta::assert_snapshot!(told, @r"longshore has no price of X86_64 in eu-west-3 (it has us-east-1, of 2026-09-23): add it to `prices` in jobs.yaml, from https://aws.amazon.com/fargate/pricing/");
    let windows = one(None, hour(), json!({ "windows": "Windows_Server_2022_Core" }));
    assert!(matches!(cost(&windows), Err(Unpriced::Windows(_))));
    for unknown in ["cpu", "memory", "architecture"] {
        let run = one(None, hour(), json!({ unknown: null }));
        assert_eq!(cost(&run), Err(Unpriced::UnknownSize("t1".to_owned())), "{unknown}");
    }
}

#[test]
fn the_request_says_what_ecs_did_not() {
    let mut unsized_launch = launch("us-east-1", times(100, 3_700), json!({}));
    unsized_launch["size"] = Value::Null;
    let mut run = run(&[(None, vec![unsized_launch])], false);
    assert!(matches!(cost(&run), Err(Unpriced::UnknownSize(_))));
    let definition = json!({ "inline": {
        "family": "f", "container": "main", "image": "alpine", "environment": {}, "secrets": {},
        "cpu": 1024, "memory": 2048, "ephemeralStorage": 21, "architecture": "ARM64",
    }});
    let request = run.attempts[0].request.as_mut().unwrap();
    request.source = serde_json::from_value(definition).unwrap();
    check(&run, HOUR_ARM + 0.000_111);
}

#[test]
fn jobs_yaml_comes_before_the_table_price_by_price() {
    let own = |prices: &str| {
        let source = format!("jobs: {{ a: {{ task: {{ image: x }} }} }}\nprices: {prices}");
        crate::jobs::read(source.as_bytes(), at(0)).jobs.unwrap().prices
    };
    let dollars = |region, prices: &str| {
        let task = launch(region, times(100, 3_700), json!({ "ephemeralStorage": 21 }));
        let run = run(&[(Some("FARGATE_SPOT"), vec![task])], false);
        of(&run, &own(prices), at(8_000)).map(|cost| (cost.basis.own, cost.dollars))
    };
    let rate = "X86_64: { vcpuHour: 1, memoryHour: 2 }";
    let (is_own, found) = dollars("us-east-1", &format!("{{ us-east-1: {{ {rate} }} }}")).unwrap();
    assert!(is_own && (found - (5.0 * 0.3 + 0.000_111)).abs() < 1e-9, "{found}");
    let all = format!("{{ eu-west-3: {{ {rate}, storageHour: 0.5, spotDiscount: 0.6 }} }}");
    let (_, found) = dollars("eu-west-3", &all).unwrap();
    assert!((found - 2.5).abs() < 1e-9, "{found}");
    let part = dollars("eu-west-3", &format!("{{ eu-west-3: {{ {rate} }} }}")).unwrap_err();
    let region = "eu-west-3".to_owned();
    assert_eq!(part, Unpriced::NoPrice { what: "storage price", region });
    // Another region's prices are no reason to call these one's own.
    assert!(!dollars("us-east-1", &all).unwrap().0);
}
