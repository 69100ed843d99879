//! What longshore tells itself through its two queues: a reminder that a run is due, and an
//! observation that ECS will never report.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Event, Unreadable, typed};
use crate::identity::RunId;

/// Asks dispatch to look at a run: its time has come, or a slot may be free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reminder {
    /// The run.
    pub run: RunId,
    /// The attempt the sender saw; dispatch looks at the run itself.
    pub attempt: u32,
    /// Whether it comes with its job's turn to call RunTask, which goes on from run to run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub turn: bool,
}

/// Tells record what happened to an attempt outside ECS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The run.
    pub run: RunId,
    /// The attempt.
    pub attempt: u32,
    /// What was seen.
    pub observed: Observed,
    /// The task the observer knew of: by the time this is read there may be another.
    pub task: Option<String>,
    /// Who held the run when the observer looked: if somebody else has it by the time this is read,
    /// they have found out more.
    #[serde(default)]
    pub owner: String,
    /// What it means, in one sentence for a person.
    pub reason: String,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Observed {
    /// The run must not start: too late, or no slot and the job says skip.
    Skipped,
    /// The launch can never work as asked: no such cluster, access denied, overrides too large.
    Invalid,
    /// The launch budget is spent and no task started.
    NotPlaced,
    /// Somebody cancelled the run before it had a task.
    Cancelled,
    /// Its task, if there was one, can no longer be known.
    Lost,
}

/// The message on the wire: `{"longshore": "reminder", ..}`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "longshore", rename_all = "camelCase")]
enum Notice {
    Reminder(Reminder),
    Observation(Observation),
}

impl Reminder {
    /// The message.
    pub fn to_json(&self) -> Value {
        to_json(&Notice::Reminder(self.clone()))
    }
}

impl Observation {
    /// The message.
    pub fn to_json(&self) -> Value {
        to_json(&Notice::Observation(self.clone()))
    }
}

fn to_json(notice: &Notice) -> Value {
    // Strings and numbers under string keys: there is nothing that could fail.
    serde_json::to_value(notice).unwrap_or_default()
}

pub(super) fn read(value: &Value) -> Result<Event, Unreadable> {
    match typed("longshore message", value)? {
        Notice::Reminder(reminder) => Ok(Event::Reminder(reminder)),
        Notice::Observation(observation) => Ok(Event::Observation(observation)),
    }
}
