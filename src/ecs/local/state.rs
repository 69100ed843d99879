//! Where a task stands, in ECS's words: what each step of its life changes.

use jiff::Timestamp;

use crate::event::{
    Container, ContainerOverride, LastStatus, NameValue, StopCode, TaskOverride, TaskState,
};
use crate::jobs::{TaskRequest, TaskSource};

/// How a task's program ended.
pub(super) struct End {
    pub(super) code: Option<i32>,
    /// ECS's reason for the container.
    pub(super) reason: Option<String>,
    /// The StopTask reason, when it was stopped.
    pub(super) stopped: Option<String>,
}

/// A task that ECS has just accepted.
pub(crate) fn provisioning(request: &TaskRequest, task: &str, now: Timestamp) -> TaskState {
    let (family, image, size) = match &request.source {
        TaskSource::Registered(family) => (family.clone(), None, None),
        TaskSource::Inline(definition) => (
            format!("{}:1", definition.family),
            Some(definition.image.clone()),
            Some((definition.cpu.to_string(), definition.memory.to_string())),
        ),
    };
    let (cpu, memory) = size.unzip();
    let environment = request.environment.iter();
    TaskState {
        task_arn: task.to_owned(),
        cluster_arn: format!("arn:aws:ecs:local:000000000000:cluster/{}", request.cluster),
        task_definition_arn: Some(format!(
            "arn:aws:ecs:local:000000000000:task-definition/{family}"
        )),
        started_by: Some(request.started_by.clone()),
        last_status: LastStatus::Provisioning,
        desired_status: LastStatus::Running,
        version: 1,
        containers: vec![Container {
            name: request.container.clone(),
            last_status: LastStatus::Pending,
            image,
            ..Container::default()
        }],
        overrides: TaskOverride {
            container_overrides: vec![ContainerOverride {
                name: request.container.clone(),
                environment: environment
                    .filter(|(name, _)| name.starts_with("LONGSHORE_"))
                    .map(|(name, value)| NameValue { name: name.clone(), value: value.clone() })
                    .collect(),
            }],
        },
        launch_type: Some("FARGATE".to_owned()),
        cpu,
        memory,
        created_at: Some(now),
        ..TaskState::default()
    }
}

/// A task that was stopped before anything ran.
pub(super) fn stopped_unstarted(state: &mut TaskState, reason: &str, now: Timestamp) {
    state.version += 1;
    state.last_status = LastStatus::Stopped;
    state.desired_status = LastStatus::Stopped;
    state.stop_code = Some(StopCode::UserInitiated);
    state.stopped_reason = Some(reason.to_owned());
    state.stopped_at = Some(now);
    for container in &mut state.containers {
        container.last_status = LastStatus::Stopped;
    }
}

/// A task whose program could not be started.
pub(super) fn failed_to_start(state: &mut TaskState, reason: &str, now: Timestamp) {
    state.desired_status = LastStatus::Stopped;
    state.stop_code = Some(StopCode::TaskFailedToStart);
    state.stopped_reason = Some("Task failed to start".to_owned());
    state.stopped_at = Some(now);
    state.started_at = None;
    for container in &mut state.containers {
        container.last_status = LastStatus::Stopped;
        container.reason = Some(reason.to_owned());
    }
}

/// A task whose program has ended.
pub(super) fn ended(state: &mut TaskState, end: &End, now: Timestamp) {
    let (code, reason) = match &end.stopped {
        Some(reason) => (StopCode::UserInitiated, reason.as_str()),
        None => (StopCode::EssentialContainerExited, "Essential container in task exited"),
    };
    state.desired_status = LastStatus::Stopped;
    state.stop_code = Some(code);
    state.stopped_reason = Some(reason.to_owned());
    state.stopping_at = Some(now);
    state.execution_stopped_at = Some(now);
    for container in &mut state.containers {
        container.last_status = LastStatus::Stopped;
        container.exit_code = end.code;
        container.reason.clone_from(&end.reason);
    }
}
