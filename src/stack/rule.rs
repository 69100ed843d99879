//! An EventBridge rule for each `s3` trigger.

use serde_json::{Map, Value, json};

use super::key_pattern::key_pattern;
use super::names::{Names, place};
use super::schedule::retry_policy;
use super::template::{Resource, reference, sub};
use crate::jobs::problem::Problem;
use crate::jobs::{Job, OwnTrigger, Path, S3Trigger, Trigger};

/// Characters of an event pattern at most
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
const PATTERN_CHARS_MAX: usize = 2_048;
/// Beyond this number EventBridge compares none
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>).
const NUMBER_MAX: u64 = 5_000_000_000;

/// The rules of a job, by logical id.
pub(super) fn rules(
    job: &Job,
    names: &mut Names<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, Resource)> {
    let mut found = Vec::new();
    for OwnTrigger { index, number, rest, trigger } in job.own_triggers() {
        let Trigger::S3(trigger) = trigger else { continue };
        let at = place(job, index).key("s3");
        names.take_own(&rest, at.clone(), problems);
        let id = names.logical(&job.name, "Rule", &number, at.clone(), problems);
        let Some(pattern) = event_pattern(trigger, &at, problems) else { continue };
        found.push((id, rule(job, &rest, pattern)));
    }
    found
}

/// The pattern of the events that may start the job. It may let through more than the trigger,
/// never less: dispatch looks at every condition again.
fn event_pattern(trigger: &S3Trigger, at: &Path, problems: &mut Vec<Problem>) -> Option<Value> {
    let mut object = Map::new();
    if let Some(keys) = key_pattern(trigger, at, problems)? {
        object.insert("key".to_owned(), json!(keys));
    }
    if let Some(range) = size_range(trigger) {
        object.insert("size".to_owned(), json!([{ "numeric": range }]));
    }
    let mut detail = Map::new();
    detail.insert("bucket".to_owned(), json!({ "name": [trigger.bucket] }));
    if !object.is_empty() {
        detail.insert("object".to_owned(), Value::Object(object));
    }
    let pattern =
        json!({ "source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail });
    let chars = pattern.to_string().chars().count();
    if chars > PATTERN_CHARS_MAX {
        let message = format!(
            "comes to an event pattern of {chars} characters, EventBridge takes at most \
             {PATTERN_CHARS_MAX}"
        );
        problems.push(
            Problem::error(at.clone(), message)
                .remedy("shorten `prefix`, `suffix` or `glob`, and let the task look at the rest"),
        );
        return None;
    }
    Some(pattern)
}

/// The sizes, where EventBridge can tell them: without a largest one, objects beyond its numbers
/// would be left out.
fn size_range(trigger: &S3Trigger) -> Option<Vec<Value>> {
    let max = trigger.max_size.filter(|max| *max <= NUMBER_MAX)?;
    let mut range = Vec::new();
    if let Some(min) = trigger.min_size {
        range.extend([json!(">="), json!(min)]);
    }
    range.extend([json!("<="), json!(max)]);
    Some(range)
}

fn rule(job: &Job, rest: &str, pattern: Value) -> Resource {
    Resource {
        r#type: "AWS::Events::Rule",
        properties: json!({
            "Name": sub(format!("${{Namespace}}-{rest}")),
            "Description": format!("Objects that start {}.", job.name),
            "EventPattern": pattern,
            "State": "ENABLED",
            "Targets": [{
                "Id": "events",
                "Arn": reference("EventsQueueArn"),
                "RetryPolicy": retry_policy(),
                "DeadLetterConfig": { "Arn": reference("EventsDeadLetterArn") },
            }],
        }),
    }
}
