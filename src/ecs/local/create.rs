//! The engine's command that makes a task's container.

use std::process::Command;

use super::container::Container;
use super::engine::Limits;
use super::program::{definition, host_names, own_environment};
use super::{Host, Order};
use crate::jobs::{TaskDefinition, TaskRequest};

/// By this label people find the containers of tasks; its value is the task's ARN.
const LABEL: &str = "longshore.task";

/// The command that makes the container of a task without starting it.
pub(super) fn command(container: &Container, task: &str, order: &Order, limits: Limits) -> Command {
    let mut command = Command::new(&container.engine);
    command.args(["create", "--name", &container.name]);
    command.arg(format!("--label={LABEL}={task}"));
    let Order { request, host } = order;
    add_environment(&mut command, request, host);
    let Some(definition) = definition(request) else { return command };
    add_limits(&mut command, definition, limits);
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
    // What a person asks for comes last, so that it wins; nothing behind `--` is an option.
    command.args(&host.engine_options).arg("--").arg(&definition.image);
    command.args(before).args(own.unwrap_or_default());
    command
}

fn add_environment(command: &mut Command, request: &TaskRequest, host: &Host) {
    let own = own_environment(request);
    // The engine takes these from its own environment, which is ours: anybody may read a command
    // line.
    let passed = host_names(request, &host.passed_variables);
    for name in passed.filter(|name| !own.contains_key(*name)) {
        command.arg("--env").arg(name);
    }
    for (variable, value) in own {
        command.arg("--env").arg(format!("{variable}={value}"));
    }
}

/// The task's size. On Fargate there is no swap.
fn add_limits(command: &mut Command, definition: &TaskDefinition, limits: Limits) {
    if limits.cpu {
        command.arg(format!("--cpus={}", f64::from(definition.cpu) / 1024.0));
    }
    if limits.memory {
        let memory = definition.memory;
        command.args([format!("--memory={memory}m"), format!("--memory-swap={memory}m")]);
    }
}
