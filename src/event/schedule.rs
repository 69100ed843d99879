//! A schedule that fired: an EventBridge rule, or EventBridge Scheduler with its default payload
//! or with our own input.
//!
//! All three carry the time the schedule was due, which every repetition shares. Scheduler's
//! execution id and the event's `id` differ between attempts, so neither is ever an identity.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::Value;

use super::{Occurrence, Unreadable, Values, time_of};
use crate::identity::JobName;

const KIND: &str = "schedule event";

/// A schedule that fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The rule's or schedule's name, without group and ARN.
    pub name: String,
    /// When it was due, in UTC, to the minute.
    pub scheduled_time: Timestamp,
    /// The job our own input names.
    pub job: Option<JobName>,
}

impl Schedule {
    pub(super) fn occurrence(&self) -> Occurrence {
        Occurrence::new("schedule", [self.name.clone(), self.scheduled_time.to_string()])
    }

    pub(super) fn values(&self) -> Values {
        Values::from([
            ("scheduledTime".to_owned(), self.scheduled_time.to_string()),
            ("scheduleName".to_owned(), self.name.clone()),
        ])
    }
}

/// Reads a rule's event or Scheduler's default payload: the ARN in `resources` names the schedule.
pub(super) fn read_envelope(envelope: &EventBridgeEvent<Value>) -> Result<Schedule, Unreadable> {
    let arn = envelope
        .resources
        .iter()
        .flatten()
        .find(|arn| arn.contains(":rule/") || arn.contains(":schedule/"))
        .ok_or_else(|| Unreadable::malformed(KIND, "`resources` names no rule or schedule"))?;
    let time = time_of(envelope).ok_or_else(|| Unreadable::malformed(KIND, "`time` is missing"))?;
    Ok(Schedule { name: name_in(arn)?, scheduled_time: floor(time)?, job: None })
}

/// Reads our own input: `{"job": .., "schedule": .., "scheduledTime": ..}`, whose values Scheduler
/// fills in (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
pub(super) fn read_input(value: &Value) -> Result<Schedule, Unreadable> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    for name in ["job", "schedule"] {
        if value.get(name).is_some_and(|value| !value.is_string() && !value.is_null()) {
            return Err(Unreadable::malformed(KIND, format!("`{name}` must be a string")));
        }
    }
    let job: Option<JobName> = match text("job") {
        Some(job) => Some(job.parse().map_err(|error| Unreadable::malformed(KIND, error))?),
        None => None,
    };
    let time = text("scheduledTime")
        .ok_or_else(|| Unreadable::malformed(KIND, "`scheduledTime` must be a string"))?;
    let time: Timestamp = time.parse().map_err(|_| {
        Unreadable::malformed(KIND, "`scheduledTime` is no time like 2026-11-24T02:00:00Z")
    })?;
    let name = match (text("schedule"), &job) {
        (Some(schedule), _) => name_in(schedule)?,
        (None, Some(job)) => job.to_string(),
        (None, None) => {
            return Err(Unreadable::malformed(KIND, "it names neither `job` nor `schedule`"));
        }
    };
    Ok(Schedule { name, scheduled_time: floor(time)?, job })
}

/// The last segment of an ARN or of a plain name.
fn name_in(arn: &str) -> Result<String, Unreadable> {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(known) {
        return Err(Unreadable::malformed(KIND, "the schedule's name is not one AWS allows"));
    }
    Ok(name.to_owned())
}

/// A rule may fire some seconds after its minute, and differently when it fires twice.
fn floor(time: Timestamp) -> Result<Timestamp, Unreadable> {
    time.round(TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Floor))
        .map_err(|error| Unreadable::malformed(KIND, error))
}
