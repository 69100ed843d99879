//! ECS, as far as longshore needs it. A port.

use std::future::Future;

use crate::event::TaskState;
use crate::identity::ClientToken;
use crate::jobs::TaskRequest;

#[cfg(feature = "aws")]
pub mod fargate;
pub mod local;

/// Starts, describes and stops tasks.
pub trait Ecs {
    /// Starts one task, or answers with the one this token started before.
    fn run_task(
        &self,
        request: &TaskRequest,
        token: &ClientToken,
    ) -> impl Future<Output = Result<String, RunTaskError>> + Send;

    /// Where tasks of one cluster stand, in any order.
    fn describe(
        &self,
        cluster: &str,
        tasks: &[String],
    ) -> impl Future<Output = Result<Vec<Described>, EcsError>> + Send;

    /// The ARNs of tasks with this `startedBy`, running or stopped a short while ago.
    fn list_started_by(
        &self,
        cluster: &str,
        started_by: &str,
    ) -> impl Future<Output = Result<Vec<String>, EcsError>> + Send;

    /// Asks a task to stop. One that has stopped, or is unknown, is no error.
    fn stop(
        &self,
        cluster: &str,
        task: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), EcsError>> + Send;
}

/// What DescribeTasks says of one task.
#[derive(Clone, Debug, PartialEq)]
pub enum Described {
    /// It stands so.
    Task(Box<TaskState>),
    /// ECS does not know it (any more).
    Missing(String),
}

/// Why RunTask did not answer with a task. The variants are what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunTaskError {
    /// RunTask was not called, because what it needs could not be had for now: whoever was first
    /// to hold the token waits as after a refusal, whoever took it over keeps it.
    #[error("RunTask was not called: {0}")]
    Unsent(String),
    /// ECS had no time for the call, nor for any try of it, so nothing was started: the same token
    /// may be used when it has.
    #[error("RunTask is throttled: {0}")]
    Throttled(String),
    /// ECS answered that it started none (`failures`): wait, look, use another token.
    #[error("ECS started no task: {0}")]
    Refused(String),
    /// The token was used with other parameters; these are its tasks: adopt the first.
    #[error("the client token belongs to other parameters")]
    Conflict(Vec<String>),
    /// The request can never work: give up.
    #[error("{0}")]
    Invalid(String),
    /// The answer was lost; a task may have started: same token again later.
    #[error("RunTask's outcome is unknown: {0}")]
    Unknown(String),
}

/// Why another call failed. Every one of them may be tried again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a call to ECS failed: {0}")]
pub struct EcsError(pub String);
