//! A schedule in EventBridge Scheduler for each `schedule` trigger.

use serde_json::{Value, json};

use super::names::{Names, place};
use super::template::{Resource, reference, sub};
use crate::jobs::problem::Problem;
use crate::jobs::{Job, OwnTrigger, ScheduleTrigger, Trigger};

/// A day of tries, as often as AWS allows.
pub(super) fn retry_policy() -> Value {
    json!({ "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 })
}

/// The schedules of a job, by logical id. Those that are made elsewhere have no expression.
pub(super) fn schedules(
    job: &Job,
    names: &mut Names<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, Resource)> {
    let mut found = Vec::new();
    for OwnTrigger { index, number, rest, trigger } in job.own_triggers() {
        let Trigger::Schedule(trigger) = trigger else { continue };
        let Some(expression) = &trigger.expression else { continue };
        let at = place(job, index);
        let name = match &trigger.name {
            Some(name) => {
                names.take(name.clone(), at.key("scheduleName"), problems);
                json!(name)
            }
            None => {
                names.take_own(&rest, at.key("schedule"), problems);
                sub(format!("${{Namespace}}-{rest}"))
            }
        };
        let id = names.logical(&job.name, "Schedule", &number, at, problems);
        found.push((id, schedule(job, trigger, &expression.to_string(), name)));
    }
    found
}

fn schedule(job: &Job, trigger: &ScheduleTrigger, expression: &str, name: Value) -> Resource {
    // Scheduler fills in what stands in angle brackets: every try of one firing has the same.
    let input = json!({
        "job": job.name,
        "schedule": "<aws.scheduler.schedule-arn>",
        "scheduledTime": "<aws.scheduler.scheduled-time>",
    });
    Resource {
        r#type: "AWS::Scheduler::Schedule",
        properties: json!({
            "Name": name,
            "GroupName": reference("ScheduleGroup"),
            "Description": format!("Starts {}.", job.name),
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": trigger.zone_name,
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "State": "ENABLED",
            "Target": {
                "Arn": reference("EventsQueueArn"),
                "RoleArn": reference("SchedulerRoleArn"),
                "Input": input.to_string(),
                "RetryPolicy": retry_policy(),
                "DeadLetterConfig": { "Arn": reference("EventsDeadLetterArn") },
            },
        }),
    }
}
