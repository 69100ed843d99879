//! What a task is on this machine: the command line of a process or of a container engine.

use std::collections::BTreeMap;
use std::process::Command;

use serde::{Deserialize, Serialize};

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

fn definition(request: &TaskRequest) -> Option<&TaskDefinition> {
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
fn own_environment(request: &TaskRequest) -> BTreeMap<String, String> {
    let fixed = definition(request).map(|definition| definition.environment.clone());
    let mut variables = fixed.unwrap_or_default();
    variables.extend(request.environment.clone());
    variables
}

/// Names of variables that are passed on from our own environment.
fn host_names<'a>(
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

/// The engine's command that makes the container without starting it.
pub(super) fn create_container(
    engine: &str,
    name: &str,
    request: &TaskRequest,
    passed: &[String],
) -> Command {
    let mut command = Command::new(engine);
    command.args(["create", "--name", name]);
    let own = own_environment(request);
    // The engine takes these from its own environment, which is ours: anybody may read a command
    // line.
    for name in host_names(request, passed).filter(|name| !own.contains_key(*name)) {
        command.arg("--env").arg(name);
    }
    for (variable, value) in own {
        command.arg("--env").arg(format!("{variable}={value}"));
    }
    let Some(definition) = definition(request) else { return command };
    let cpus = f64::from(definition.cpu) / 1024.0;
    command.arg(format!("--cpus={cpus}")).arg(format!("--memory={}m", definition.memory));
    if let Some(user) = &definition.user {
        command.arg(format!("--user={user}"));
    }
    if let Some(folder) = &definition.working_directory {
        command.arg(format!("--workdir={folder}"));
    }
    if definition.readonly_root_filesystem == Some(true) {
        command.arg("--read-only");
    }
    // `--entrypoint` takes one word; the rest of the entry point goes before the command.
    let mut before: &[String] = &[];
    if let Some((first, rest)) = definition.entry_point.as_deref().and_then(<[_]>::split_first) {
        command.arg(format!("--entrypoint={first}"));
        before = rest;
    }
    let own = request.command.as_deref().or(definition.command.as_deref());
    command.arg(&definition.image).args(before).args(own.unwrap_or_default());
    command
}
