//! How an attempt ended, and what that says about the run.

use serde::{Deserialize, Serialize};

use super::{StopAsked, StopCause, Verdict};
use crate::cause::Cause;
use crate::event::{Observed, StopCode};
use crate::jobs::Policy;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ending {
    /// The main container exited.
    Exited {
        /// With this code.
        code: i32,
        /// Because memory ran out.
        out_of_memory: bool,
    },
    /// The task stopped before its main container ran.
    FailedToStart,
    /// Fargate Spot took the capacity back.
    SpotInterruption,
    /// The host failed.
    InfrastructureHealth,
    /// The task stopped and ECS knows no exit code.
    NoExitCode,
    /// It was stopped.
    Stopped {
        /// Why, when it was us.
        cause: Option<StopCause>,
    },
    /// No task: longshore itself saw why.
    Observed(Observed),
}

impl Ending {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exited { .. } => "Exited",
            Self::FailedToStart => "FailedToStart",
            Self::SpotInterruption => "SpotInterruption",
            Self::InfrastructureHealth => "InfrastructureHealth",
            Self::NoExitCode => "NoExitCode",
            Self::Stopped { .. } => "Stopped",
            Self::Observed(Observed::Skipped) => "Skipped",
            Self::Observed(Observed::Invalid) => "Invalid",
            Self::Observed(Observed::NotPlaced) => "NotPlaced",
            Self::Observed(Observed::Cancelled) => "Cancelled",
            Self::Observed(Observed::Lost) => "Lost",
        }
    }

    /// The verdict of an attempt that ended so, when nothing follows.
    pub fn verdict(&self, stop: Option<&StopAsked>) -> Verdict {
        match (self, stop.map(|stop| stop.cause)) {
            // It finished by itself while our StopTask was on its way.
            (Self::Exited { code: 0, .. }, _) => Verdict::Succeeded,
            (Self::Exited { .. } | Self::NoExitCode, Some(cause)) => cause.verdict(),
            (Self::Stopped { cause: Some(cause) }, _) => cause.verdict(),
            (Self::Stopped { cause: None }, _) => Verdict::Cancelled,
            (Self::Observed(Observed::Skipped), _) => Verdict::Skipped,
            (Self::Observed(Observed::Cancelled), _) => Verdict::Cancelled,
            (Self::Observed(Observed::Lost), _) => Verdict::Lost,
            (
                Self::FailedToStart | Self::SpotInterruption | Self::InfrastructureHealth,
                Some(cause @ (StopCause::Cancelled | StopCause::Replaced)),
            ) => cause.verdict(),
            (
                Self::Exited { .. }
                | Self::FailedToStart
                | Self::SpotInterruption
                | Self::InfrastructureHealth
                | Self::NoExitCode
                | Self::Observed(Observed::Invalid | Observed::NotPlaced),
                _,
            ) => Verdict::Failed,
        }
    }

    /// Adds to ECS's account of a stop what only the run knows: which of its limits it was.
    pub(super) fn explain(
        &self,
        stop: Option<&StopAsked>,
        policy: &Policy,
        reason: String,
    ) -> String {
        let cause = match self {
            Self::Stopped { cause: Some(cause) } => *cause,
            Self::Exited { code, .. } if *code != 0 => match stop {
                Some(stop) => stop.cause,
                None => return reason,
            },
            Self::Exited { .. } => match stop {
                Some(_) => return format!("{reason}, just before it would have been stopped"),
                None => return reason,
            },
            // Our own words come back as ECS's reason: the limit says more.
            Self::FailedToStart if reason.ends_with(&StopCause::StartTimeout.to_reason()) => {
                let limit = policy.start_within;
                return format!("failed to start: stopped because it took longer than {limit}");
            }
            Self::FailedToStart
            | Self::SpotInterruption
            | Self::InfrastructureHealth
            | Self::NoExitCode
            | Self::Stopped { cause: None }
            | Self::Observed(_) => return reason,
        };
        let by = stop.map(StopAsked::by_whom).filter(|by| !by.is_empty());
        let reasoned = stop.map_or_else(String::new, StopAsked::why);
        let why = match (cause, by) {
            (StopCause::Timeout, _) => match policy.timeout {
                Some(timeout) => format!("stopped after its timeout of {timeout}"),
                None => "stopped after its timeout".to_owned(),
            },
            (StopCause::StartTimeout, _) => {
                format!("stopped because it had not started within {}", policy.start_within)
            }
            (StopCause::Cancelled, Some(by)) => format!("stopped{by}{reasoned}"),
            (StopCause::Cancelled, None) => format!("stopped on request{reasoned}"),
            (StopCause::Replaced, Some(by)) => format!("replaced{by}"),
            (StopCause::Replaced, None) => "replaced by a newer run".to_owned(),
        };
        format!("{why}; {reason}")
    }

    /// What ECS's words about a bad end mean. What a program says by its exit code, and what
    /// somebody wanted, has no other cause.
    pub(super) fn cause(&self, reason: &str) -> Option<Cause> {
        let code = match self {
            Self::Exited { code: 0, .. }
            | Self::Exited { out_of_memory: false, .. }
            | Self::Stopped { .. }
            | Self::Observed(Observed::Skipped | Observed::Cancelled | Observed::Lost) => {
                return None;
            }
            Self::SpotInterruption => Some(StopCode::SpotInterruption),
            Self::InfrastructureHealth => Some(StopCode::InfrastructureHealth),
            Self::Exited { .. }
            | Self::FailedToStart
            | Self::NoExitCode
            | Self::Observed(Observed::Invalid | Observed::NotPlaced) => None,
        };
        Cause::of_reason(reason, code.as_ref()).filter(|cause| !cause.kind.is_generic())
    }
}
