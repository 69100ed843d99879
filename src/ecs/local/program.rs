//! What a task is on this machine, and the command line of one that is a process.

use std::collections::BTreeMap;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::engine::{self, NoEngine};
use crate::jobs::{TaskDefinition, TaskRequest, TaskSource};

/// Variables a process gets from our own environment: without them hardly any program works. All
/// others stay out, as they would on Fargate.
const HOST_VARIABLES: [&str; 8] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"];

/// What runs tasks on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// A process of this machine; the image is ignored.
    #[default]
    Process,
    /// A container, through `docker`.
    Docker,
    /// A container, through `podman`.
    Podman,
    /// A container, through `finch`.
    Finch,
}

impl Runtime {
    /// The container engine's program; `None` for processes.
    pub fn engine(self) -> Option<&'static str> {
        match self {
            Self::Process => None,
            Self::Docker => Some("docker"),
            Self::Podman => Some("podman"),
            Self::Finch => Some("finch"),
        }
    }

    /// Looks whether its container engine is there and answers.
    pub fn check(self) -> Result<(), NoEngine> {
        self.engine().map_or(Ok(()), engine::check)
    }

    /// The sentence that tells a person what runs their tasks.
    pub fn describe(self) -> String {
        match self.engine() {
            None => "tasks run as processes of this machine; images are ignored \
                     (--runtime docker, podman or finch runs them)"
                .to_owned(),
            Some(engine) => format!("tasks run as containers through {engine}"),
        }
    }

    /// Why this runtime can never run the request.
    pub(super) fn accepts(self, request: &TaskRequest) -> Result<(), String> {
        match (self.engine(), &request.source) {
            (Some(engine), TaskSource::Registered(family)) => Err(format!(
                "the task definition `{family}` lies in AWS, so {engine} does not know its image; \
                 give the job an `image` to run it here"
            )),
            (None, source) if argv(request).is_empty() => Err(match source {
                TaskSource::Registered(family) => format!(
                    "the task definition `{family}` lies in AWS, so its command is not known here; \
                     give the job a `command` to run it as a process"
                ),
                TaskSource::Inline(definition) => format!(
                    "the job has no `command`, and the one in the image `{}` is not known to a \
                     process; add `command`, or use --runtime docker",
                    definition.image
                ),
            }),
            _ => Ok(()),
        }
    }
}

pub(super) fn definition(request: &TaskRequest) -> Option<&TaskDefinition> {
    match &request.source {
        TaskSource::Inline(definition) => Some(definition),
        TaskSource::Registered(_) => None,
    }
}

/// Entry point and command, the request's own before the task definition's.
fn argv(request: &TaskRequest) -> Vec<String> {
    let entry_point = definition(request).and_then(|definition| definition.entry_point.as_deref());
    let fixed = definition(request).and_then(|definition| definition.command.as_deref());
    let command = request.command.as_deref().or(fixed);
    entry_point.unwrap_or_default().iter().chain(command.unwrap_or_default()).cloned().collect()
}

/// The task's variables, the request's own over the task definition's. Secrets are not fetched
/// here: one that stands in our own environment is passed on.
fn environment(request: &TaskRequest, passed: &[String]) -> BTreeMap<String, String> {
    let from_host = host_names(request, passed)
        .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
    let mut variables: BTreeMap<String, String> = from_host.collect();
    variables.extend(own_environment(request));
    variables
}

/// The variables that jobs.yaml gives the task.
pub(super) fn own_environment(request: &TaskRequest) -> BTreeMap<String, String> {
    let fixed = definition(request).map(|definition| definition.environment.clone());
    let mut variables = fixed.unwrap_or_default();
    variables.extend(request.environment.clone());
    variables
}

/// Names of variables that are passed on from our own environment.
pub(super) fn host_names<'a>(
    request: &'a TaskRequest,
    passed: &'a [String],
) -> impl Iterator<Item = &'a String> {
    let secrets = definition(request).into_iter().flat_map(|definition| definition.secrets.keys());
    secrets.chain(passed)
}

/// Seconds from SIGTERM to SIGKILL.
pub(super) fn stop_timeout_secs(request: &TaskRequest) -> u64 {
    definition(request).and_then(|definition| definition.stop_timeout).unwrap_or(30)
}

/// The task as a process, or why there is none.
pub(super) fn process(request: &TaskRequest, passed: &[String]) -> Option<Command> {
    let argv = argv(request);
    let (program, arguments) = argv.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    for name in HOST_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(environment(request, passed));
    Some(command)
}
