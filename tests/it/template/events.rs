//! Rows about what comes in: schedules and rules.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::account::{ACCOUNT, NAMESPACE, list};
use super::pattern::matches;
use super::{Deployed, must, number, same};

const ROLES: [(&str, &str); 2] =
    [("SchedulerRole", "sqs:SendMessage"), ("SweepScheduleRole", "lambda:InvokeFunction")];

pub(super) fn scheduler_roles_trust_this_installations_schedules_only(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    let trust = json!([{
        "Effect": "Allow",
        "Principal": { "Service": "scheduler.amazonaws.com" },
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": { "aws:SourceAccount": ACCOUNT },
            "ArnEquals": { "aws:SourceArn": account.arn("ScheduleGroup") },
        },
    }]);
    let mut complaints = Vec::new();
    for (role, action) in ROLES {
        let document = &account.properties(role)["AssumeRolePolicyDocument"];
        complaints.extend(same(role, &document["Statement"], &trust));
        let actions: Vec<&Value> =
            account.allowed(role).iter().map(|statement| &statement["Action"]).collect();
        complaints.extend(same(role, actions, vec![&json!(action)]));
    }
    for (id, schedule) in account.all("AWS::Scheduler::Schedule") {
        complaints.extend(same(id, &schedule["GroupName"], &json!(NAMESPACE)));
        let role = &schedule["Target"]["RoleArn"];
        let known = ROLES.iter().any(|(known, _)| *role == account.arn(known));
        complaints.extend(must(format!("{id}: {role} is no role for schedules"), known));
    }
    complaints
}

pub(super) fn schedules_are_tried_for_a_day_and_then_kept(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let mut complaints = Vec::new();
    for (id, schedule) in account.all("AWS::Scheduler::Schedule") {
        complaints.extend(same(id, &schedule["FlexibleTimeWindow"], &json!({ "Mode": "OFF" })));
        // Sweep's comes again in a minute: nothing is kept of it.
        if id == "SweepSchedule" {
            continue;
        }
        let target = &schedule["Target"];
        complaints.extend(
            [
                same(id, &target["Arn"], &json!(account.arn("EventsQueue"))),
                same(id, number(&target["RetryPolicy"]["MaximumEventAgeInSeconds"]), 86_400),
                same(id, number(&target["RetryPolicy"]["MaximumRetryAttempts"]), 185),
                same(
                    id,
                    &target["DeadLetterConfig"]["Arn"],
                    &json!(account.arn("EventsDeadQueue")),
                ),
            ]
            .into_iter()
            .flatten(),
        );
    }
    complaints
}

/// The receiver's clock, or Scheduler's number for one try, would make a second run of a retry.
pub(super) fn schedules_send_the_time_they_were_due(deployed: &Deployed) -> Vec<String> {
    let schedule = deployed.plain.properties("NightlyReportSchedule");
    let input = schedule["Target"]["Input"].as_str().unwrap_or_default();
    let expected = json!({
        "job": "nightly-report",
        "schedule": "<aws.scheduler.schedule-arn>",
        "scheduledTime": "<aws.scheduler.scheduled-time>",
    });
    let zone = same("zone", &schedule["ScheduleExpressionTimezone"], &json!("Europe/Berlin"));
    let found: Value = serde_json::from_str(input).unwrap_or_default();
    // As Scheduler fills it in, the reader must know whose schedule it is.
    let sent = input
        .replace(
            "<aws.scheduler.schedule-arn>",
            "arn:aws:scheduler:r:a:schedule/shore/shore-nightly-report",
        )
        .replace("<aws.scheduler.scheduled-time>", "2026-11-24T03:30:00Z");
    let read = longshore::event::read(sent.as_bytes(), "test");
    let readable = must(
        format!("{sent} is read as {read:?}"),
        matches!(read.as_slice(), [one] if matches!(one.events.as_slice(), [Ok(_)])),
    );
    [zone, same("input", found, expected), readable].into_iter().flatten().collect()
}

pub(super) fn rules_are_tried_for_a_day_and_then_kept(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let mut complaints = Vec::new();
    for (id, rule) in account.all("AWS::Events::Rule") {
        let (queue, dead) = match id {
            "StatesRule" => ("StatesQueue", "StatesDeadQueue"),
            _ => ("EventsQueue", "EventsDeadQueue"),
        };
        complaints.extend(same(id, list(&rule["Targets"]).len(), 1));
        let target = &rule["Targets"][0];
        complaints.extend(
            [
                same(id, &rule["State"], &json!("ENABLED")),
                same(id, &target["Arn"], &json!(account.arn(queue))),
                same(id, number(&target["RetryPolicy"]["MaximumEventAgeInSeconds"]), 86_400),
                same(id, number(&target["RetryPolicy"]["MaximumRetryAttempts"]), 185),
                same(id, &target["DeadLetterConfig"]["Arn"], &json!(account.arn(dead))),
            ]
            .into_iter()
            .flatten(),
        );
    }
    complaints
}

/// A file of `events/`.
pub(super) fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("events").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub(super) fn the_states_rule_lets_our_tasks_through_and_nothing_else(
    deployed: &Deployed,
) -> Vec<String> {
    let pattern = &deployed.files.deploy(&[]).properties("StatesRule")["EventPattern"].clone();
    let with = |status: &str, started_by: Value| {
        let mut event = sample("ecs-task-stopped.json");
        event["detail"]["lastStatus"] = json!(status);
        event["detail"]["startedBy"] = started_by;
        event
    };
    let ours = || json!(format!("{NAMESPACE}/nightly-report-2qov22avwfxj6faaptxw/1"));
    let mut complaints = Vec::new();
    for (event, passes) in [
        (with("RUNNING", ours()), true),
        (with("STOPPED", ours()), true),
        (with("PENDING", ours()), false),
        (with("DEPROVISIONING", ours()), false),
        (with("STOPPED", json!("ecs-svc/1234567890123456789")), false),
        (with("STOPPED", json!(format!("{NAMESPACE}2/nightly-report/1"))), false),
        (with("STOPPED", Value::Null), false),
        (sample("s3-object-created.json"), false),
        (sample("schedule-rule.json"), false),
    ] {
        let detail = &event["detail"];
        let what = format!("{} {} {}", event["source"], detail["lastStatus"], detail["startedBy"]);
        complaints.extend(same(&what, matches(pattern, &event), passes));
    }
    for name in
        ["ecs-task-running.json", "ecs-task-failed-to-start.json", "ecs-task-out-of-memory.json"]
    {
        let mut event = sample(name);
        event["detail"]["startedBy"] = ours();
        complaints.extend(same(name, matches(pattern, &event), true));
        event["source"] = json!("our.own");
        complaints.extend(same(name, matches(pattern, &event), false));
    }
    complaints
}

pub(super) fn object_rules_let_the_sample_through(deployed: &Deployed) -> Vec<String> {
    let pattern = &deployed.plain.properties("InspectUploadRule")["EventPattern"];
    let object = sample("s3-object-created.json");
    let with = |pointer: &str, value: &str| {
        let mut event = object.clone();
        *event.pointer_mut(pointer).unwrap() = json!(value);
        event
    };
    [
        (object.clone(), true),
        (with("/detail/object/key", "incoming/2026/b.csv"), true),
        (with("/detail/object/key", "incoming/b.json"), false),
        (with("/detail/object/key", "outgoing/b.csv"), false),
        (with("/detail/bucket/name", "other"), false),
        (with("/detail-type", "Object Deleted"), false),
        (with("/source", "our.own"), false),
    ]
    .iter()
    .filter_map(|(event, passes)| same(&event.to_string(), matches(pattern, event), *passes))
    .collect()
}

pub(super) fn sweep_is_called_every_minute(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let schedule = account.properties("SweepSchedule");
    let invoke = account.allowed("SweepScheduleRole");
    let resources: Vec<&Value> = invoke.iter().map(|statement| &statement["Resource"]).collect();
    let function = json!(account.arn("SweepFunction"));
    [
        same("expression", &schedule["ScheduleExpression"], &json!("rate(1 minute)")),
        same("state", &schedule["State"], &json!("ENABLED")),
        same("target", &schedule["Target"]["Arn"], &function),
        same("role", resources, vec![&function]),
    ]
    .into_iter()
    .flatten()
    .collect()
}
