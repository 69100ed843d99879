//! Facts: what was observed of a run, and how a task state of ECS becomes one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ending, Size, Verdict};
use crate::event::{Container, LastStatus, Observed, StopCode, TaskState};

/// Characters kept of a text that others wrote.
const TEXT_CHARS_MAX: usize = 256;
/// What every StopTask of ours says first, so that we know it again in `stoppedReason`.
const STOP_PREFIX: &str = "longshore: ";

/// One observed thing.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and nearly all are seen")]
pub enum Fact {
    /// RunTask answered with a task, or a task with our `startedBy` was found.
    Launched {
        /// Its ARN.
        task: String,
    },
    /// ECS told where the task stands.
    Seen(Sighting),
    /// longshore saw what ECS will never tell.
    Observed {
        /// What.
        observed: Observed,
        /// The task the observer knew of.
        task: Option<String>,
        /// Who held the run when the observer looked.
        owner: String,
        /// In one sentence for a person.
        reason: String,
    },
}

/// Where ECS says a task stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The task's ARN.
    pub task: String,
    /// Rises with every change.
    pub version: u64,
    /// What is new.
    pub news: News,
    /// The main container's exit code, if it has one.
    pub exit_code: Option<i32>,
    /// How it ended, in one sentence for a person; empty while it lives.
    pub reason: String,
    /// When it did what.
    pub times: Times,
    /// How each container ended.
    pub containers: Vec<ContainerExit>,
    /// What it was given.
    pub size: Option<Size>,
}

/// The steps of a task's life that matter to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// ECS has it; its main container does not run yet.
    Pending,
    /// It runs, or is on its way to stop.
    Running,
    /// It stopped.
    Ended(Ending),
}

/// Why longshore stops a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopCause {
    /// It ran longer than its timeout.
    Timeout,
    /// It did not start within its limit.
    StartTimeout,
    /// Somebody asked.
    Cancelled,
    /// A newer run takes its place.
    Replaced,
}

/// When a task did what, as ECS has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are ECS's own")]
pub struct Times {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connectivity_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_stopped_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopping_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_stopped_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
}

/// How one container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerExit {
    /// Its name.
    pub name: String,
    /// Its exit code, if it has one.
    pub exit_code: Option<i32>,
    /// ECS's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Keeps the first characters of a text that others wrote.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Fact {
    /// Whether the fact says how the task really ended, so that even `Lost` gives way to it.
    pub fn is_truth(&self) -> bool {
        match self {
            Self::Seen(sighting) => matches!(sighting.news, News::Ended(_)),
            Self::Launched { .. } | Self::Observed { .. } => false,
        }
    }
}

impl News {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Ended(ending) => ending.name(),
        }
    }
}

impl StopCause {
    /// The verdict of a run that was stopped for it.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Timeout | Self::StartTimeout => Verdict::TimedOut,
            Self::Cancelled | Self::Replaced => Verdict::Cancelled,
        }
    }

    /// Whether it is a limit of the run's own, and not somebody's wish.
    pub fn is_a_limit(self) -> bool {
        match self {
            Self::Timeout | Self::StartTimeout => true,
            Self::Cancelled | Self::Replaced => false,
        }
    }

    /// The reason given to StopTask.
    pub fn to_reason(self) -> String {
        let text = match self {
            Self::Timeout => "timed out",
            Self::StartTimeout => "did not start in time",
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced by a newer run",
        };
        format!("{STOP_PREFIX}{text}")
    }

    /// The cause in a `stoppedReason`, when the StopTask was ours; more may have been said.
    pub fn from_reason(reason: &str) -> Option<Self> {
        [Self::Timeout, Self::StartTimeout, Self::Cancelled, Self::Replaced].into_iter().find(
            |cause| {
                let more = reason.strip_prefix(&cause.to_reason());
                more.is_some_and(|more| more.is_empty() || more.starts_with(": "))
            },
        )
    }
}

impl Times {
    /// Takes over every time the newer account has.
    pub fn update(&mut self, newer: &Self) {
        let fields = [
            (&mut self.created_at, newer.created_at),
            (&mut self.connectivity_at, newer.connectivity_at),
            (&mut self.pull_started_at, newer.pull_started_at),
            (&mut self.pull_stopped_at, newer.pull_stopped_at),
            (&mut self.started_at, newer.started_at),
            (&mut self.stopping_at, newer.stopping_at),
            (&mut self.execution_stopped_at, newer.execution_stopped_at),
            (&mut self.stopped_at, newer.stopped_at),
        ];
        for (field, newer) in fields {
            *field = newer.or(*field);
        }
    }
}

impl Sighting {
    /// What a task state says; `main` is the main container's name, where the run is known.
    /// `None` for a status that is not one of ECS's.
    pub fn of(state: &TaskState, main: Option<&str>) -> Option<Self> {
        let container = state.main_container(main);
        let (news, reason) = match &state.last_status {
            LastStatus::Provisioning | LastStatus::Pending | LastStatus::Activating => {
                (News::Pending, String::new())
            }
            LastStatus::Running
            | LastStatus::Deactivating
            | LastStatus::Stopping
            | LastStatus::Deprovisioning => match state.started_at {
                Some(_) => (News::Running, String::new()),
                // On its way down without ever having run.
                None if state.last_status != LastStatus::Running => (News::Pending, String::new()),
                None => (News::Running, String::new()),
            },
            LastStatus::Stopped | LastStatus::Deleted => {
                let ending = ending_of(state, container);
                let reason = explain(&ending, state, container, main);
                (News::Ended(ending), reason)
            }
            LastStatus::Other(_) => return None,
        };
        Some(Self {
            task: state.task_arn.clone(),
            version: state.version,
            news,
            exit_code: container.and_then(|container| container.exit_code),
            reason,
            times: Times {
                created_at: state.created_at,
                connectivity_at: state.connectivity_at,
                pull_started_at: state.pull_started_at,
                pull_stopped_at: state.pull_stopped_at,
                started_at: state.started_at,
                stopping_at: state.stopping_at,
                execution_stopped_at: state.execution_stopped_at,
                stopped_at: state.stopped_at.or(state.execution_stopped_at),
            },
            containers: state.containers.iter().map(exit_of).collect(),
            size: Size::of(state),
        })
    }
}

fn exit_of(container: &Container) -> ContainerExit {
    ContainerExit {
        name: container.name.clone(),
        exit_code: container.exit_code,
        reason: container.reason.as_deref().map(shorten),
    }
}

/// How a stopped task ended. A missing exit code is never a success.
fn ending_of(state: &TaskState, main: Option<&Container>) -> Ending {
    let code = main.and_then(|container| container.exit_code);
    let ran = state.started_at.is_some() || code.is_some();
    match &state.stop_code {
        Some(StopCode::TaskFailedToStart) if !ran => Ending::FailedToStart,
        Some(StopCode::SpotInterruption | StopCode::TerminationNotice) => Ending::SpotInterruption,
        Some(StopCode::UserInitiated) => {
            match state.stopped_reason.as_deref().and_then(StopCause::from_reason) {
                Some(StopCause::StartTimeout) if !ran => Ending::FailedToStart,
                cause => Ending::Stopped { cause },
            }
        }
        Some(StopCode::ServiceSchedulerInitiated) => Ending::Stopped { cause: None },
        Some(StopCode::InfrastructureHealth) if code != Some(0) => Ending::InfrastructureHealth,
        Some(
            StopCode::InfrastructureHealth
            | StopCode::TaskFailedToStart
            | StopCode::EssentialContainerExited
            | StopCode::Other(_),
        )
        | None => match code {
            Some(code) => Ending::Exited { code, out_of_memory: ran_out_of_memory(main) },
            None => Ending::NoExitCode,
        },
    }
}

fn ran_out_of_memory(container: Option<&Container>) -> bool {
    let reason = container.and_then(|container| container.reason.as_deref()).unwrap_or_default();
    reason.to_ascii_lowercase().contains("outofmemory")
}

/// The sentence a person reads first.
fn explain(
    ending: &Ending,
    state: &TaskState,
    main: Option<&Container>,
    named: Option<&str>,
) -> String {
    let name = main.map(|container| container.name.as_str()).or(named).unwrap_or("main");
    let stopped = state.stopped_reason.as_deref().unwrap_or("ECS gives no reason");
    let own = main.and_then(|container| container.reason.as_deref());
    match ending {
        Ending::Exited { code, out_of_memory } => {
            explain_exit(*code, *out_of_memory, name, state) + &sidecars(state, name)
        }
        Ending::FailedToStart => {
            let detail = own.or(state.containers.iter().find_map(|c| c.reason.as_deref()));
            let generic = ["task failed to start", "essential container in task exited"];
            match detail {
                Some(detail) if generic.contains(&stopped.to_lowercase().as_str()) => {
                    format!("failed to start: {detail}")
                }
                Some(detail) if !stopped.contains(detail) => {
                    format!("failed to start: {stopped}: {detail}")
                }
                Some(_) | None => format!("failed to start: {stopped}"),
            }
        }
        Ending::SpotInterruption => {
            let end = match main.and_then(|container| container.exit_code) {
                Some(code) => format!("and container `{name}` ended with exit code {code}"),
                None if state.started_at.is_none() => {
                    format!("before container `{name}` had started")
                }
                None => format!("and container `{name}` has no exit code"),
            };
            format!(
                "Fargate Spot took the capacity back {end}; `spotInterruption` in `retry.on` tries \
                 again, `FARGATE` in `capacity` avoids it"
            )
        }
        Ending::InfrastructureHealth => {
            format!(
                "the host under the task failed: {stopped}; `infrastructureHealth` in `retry.on` \
                 tries again"
            )
        }
        Ending::NoExitCode => match main {
            Some(_) => format!(
                "container `{name}` has no exit code, so this is no success: {}",
                own.unwrap_or(stopped)
            ),
            None => format!(
                "ECS reports no container `{name}` and no exit code, so this is no success: \
                 {stopped}"
            ),
        },
        Ending::Stopped { cause } => {
            let end = match main.and_then(|container| container.exit_code) {
                None if state.started_at.is_none() => {
                    format!("container `{name}` had not started")
                }
                Some(137) => format!(
                    "container `{name}` did not end on SIGTERM and was killed (exit code 137)"
                ),
                Some(code) => format!("container `{name}` ended with exit code {code}"),
                None => format!("container `{name}` has no exit code"),
            };
            match cause {
                Some(_) => end,
                None => format!("stopped by somebody (\"{stopped}\"); {end}"),
            }
        }
        Ending::Observed(_) => stopped.to_owned(),
    }
}

fn explain_exit(code: i32, out_of_memory: bool, name: &str, state: &TaskState) -> String {
    if out_of_memory && code == 0 {
        return format!(
            "container `{name}` exited with code 0, although a process in it ran out of memory: \
             raise `memory`{}",
            now(state)
        );
    }
    if out_of_memory {
        return format!(
            "container `{name}` ran out of memory (exit code {code}, OutOfMemoryError): raise \
             `memory`{}",
            now(state)
        );
    }
    let meaning = match code {
        126 => ": its program is no executable",
        127 => ": its program was not found",
        134 => " (SIGABRT): it aborted",
        137 => " (SIGKILL): it was killed, and ECS reports no memory shortage",
        139 => " (SIGSEGV): it crashed",
        143 => " (SIGTERM): something asked it to end",
        _ => "",
    };
    format!("container `{name}` exited with code {code}{meaning}")
}

fn now(state: &TaskState) -> String {
    state.memory.as_ref().map_or_else(String::new, |memory| format!(" (now {memory} MiB)"))
}

/// How the other containers ended, which often explains the main one's end.
fn sidecars(state: &TaskState, main: &str) -> String {
    let others: Vec<String> = state
        .containers
        .iter()
        .filter(|container| container.name != main)
        .filter_map(|container| {
            let code = container.exit_code?;
            Some(format!("`{}` exited with code {code}", container.name))
        })
        .collect();
    if others.is_empty() { String::new() } else { format!("; beside it, {}", others.join(", ")) }
}
