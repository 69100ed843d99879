//! What people and newer runs ask of a run: that it stop, that it be done once more.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StopCause;
use crate::identity::RunId;

/// A request that a run stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopAsked {
    /// Why.
    pub cause: StopCause,
    /// When.
    pub at: Timestamp,
    /// The run that takes its place, or who asked.
    pub by: Option<String>,
    /// Why they did, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A run that does another one once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RerunAs {
    /// The run.
    pub run_id: RunId,
    /// When it was asked for.
    pub at: Timestamp,
}

impl StopAsked {
    /// For this cause, by nobody in particular.
    pub fn new(cause: StopCause, at: Timestamp) -> Self {
        Self { cause, at, by: None, reason: None }
    }

    /// The same, by somebody: a person, or the run that takes its place.
    pub fn by(self, by: impl Into<String>) -> Self {
        Self { by: Some(by.into()), ..self }
    }

    /// Why a run that was asked to stop never had a task.
    pub fn before_a_task(&self) -> String {
        let verb = match self.cause {
            StopCause::Replaced => "replaced",
            StopCause::Cancelled | StopCause::Timeout | StopCause::StartTimeout => "cancelled",
        };
        format!("{verb}{} before it had a task{}", self.by_whom(), self.why())
    }

    /// ` by ana`, to be read after what was done; nothing where nobody is named.
    pub fn by_whom(&self) -> String {
        self.by.as_deref().map_or_else(String::new, |by| format!(" by {by}"))
    }

    /// `: wrong day`, to be read after all else; nothing where no reason was given.
    pub fn why(&self) -> String {
        self.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"))
    }
}
