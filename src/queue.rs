//! The two queues and the bus. A port.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cause::Cause;
use crate::event::{Manual, Observation, Reminder, Rerun, TaskState};
use crate::identity::{JobName, RunId};
use crate::run::{Run, State, Verdict};

pub mod dead;
pub mod local;
#[cfg(feature = "aws")]
pub mod sqs;

/// Sends messages to longshore's own queues and outcomes to everybody else.
pub trait Queue {
    /// Sends one message; it is not received before `delay` is over, or before the longest time
    /// that the queue can hold it back.
    fn send(
        &self,
        message: &Message,
        delay: SignedDuration,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Tells the world how a run ended. At least once: a repetition is identical.
    fn emit(&self, outcome: &Outcome) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// The queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueName {
    /// What dispatch receives.
    Events,
    /// What record receives.
    States,
    /// What nobody could read, with the reason.
    Reject,
}

impl QueueName {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::States => "states",
            Self::Reject => "reject",
        }
    }
}

/// A message of ours.
#[derive(Clone, Debug)]
pub enum Message {
    /// To dispatch.
    Reminder(Reminder),
    /// To dispatch: somebody asks for a run.
    Manual(Manual),
    /// To dispatch: somebody asks for a run once more.
    Rerun(Rerun),
    /// To record.
    Observation(Observation),
    /// To record: a task state that sweep read itself.
    TaskState(Box<TaskState>, Timestamp),
    /// To nobody: what arrived and could not be acted upon.
    Rejected {
        /// The message as it came.
        body: String,
        /// Why.
        reason: String,
    },
}

impl Message {
    /// Where it goes.
    pub fn queue(&self) -> QueueName {
        match self {
            Self::Reminder(_) | Self::Manual(_) | Self::Rerun(_) => QueueName::Events,
            Self::Observation(_) | Self::TaskState(..) => QueueName::States,
            Self::Rejected { .. } => QueueName::Reject,
        }
    }

    /// What is sent.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Reminder(reminder) => reminder.to_json(),
            Self::Manual(manual) => manual.to_json(),
            Self::Rerun(rerun) => rerun.to_json(),
            Self::Observation(observation) => observation.to_json(),
            Self::TaskState(state, now) => {
                let id = format!("{}/{}", state.task_arn, state.version);
                state.to_event(TaskState::OBSERVED_SOURCE, &id, *now)
            }
            Self::Rejected { body, reason } => {
                serde_json::json!({ "reason": reason, "body": body })
            }
        }
    }
}

/// How a run ended, for everybody. Follows from the run alone, so every copy is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The run.
    pub run_id: RunId,
    /// The job.
    pub job: JobName,
    /// How it ended.
    pub verdict: Verdict,
    /// The main container's exit code, if it has one.
    pub exit_code: Option<i32>,
    /// In one sentence.
    pub reason: Option<String>,
    /// What that means, where ECS's words tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How many attempts it took.
    pub attempts: u32,
    /// The last task.
    pub task: Option<String>,
    /// When the run was claimed.
    pub created_at: Timestamp,
    /// When its last task started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl Outcome {
    /// The outcome of a run; `None` while it has none.
    pub fn of(run: &Run) -> Option<Self> {
        let State::Ended { verdict, at } = run.state else { return None };
        Some(Self {
            run_id: run.id.clone(),
            job: run.job.clone(),
            verdict,
            exit_code: run.exit_code(),
            reason: run.reason().map(str::to_owned),
            cause: run.cause().cloned(),
            attempts: run.attempt(),
            task: run.last_task().map(str::to_owned),
            created_at: run.created_at,
            started_at: run.launch().and_then(|launch| launch.times.started_at),
            ended_at: at,
        })
    }
}

/// Why a message could not be sent. It may have been sent all the same; it may be sent again: that
/// is all its callers do, so it says no more than a person needs to put it right.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a message cannot be sent: {0}")]
pub struct QueueError(pub String);
