//! The job of a run as the run asked for it: jobs.yaml may say something else by now.

use std::collections::BTreeMap;

use crate::jobs::{Job, Source, Task, TaskEntry, TaskRequest, TaskSource};
use crate::run::Run;

/// What the run asked for, started by what starts its job now; `None` before it has asked.
pub(super) fn job(run: &Run, known: Option<&Job>) -> Option<Job> {
    let request = run.request()?;
    let logs = match &request.source {
        TaskSource::Inline(definition) => definition.logs.clone(),
        TaskSource::Registered(_) => None,
    };
    Some(Job {
        name: run.job.clone(),
        description: None,
        triggers: known.map(|known| known.triggers.clone()).unwrap_or_default(),
        parameters: BTreeMap::new(),
        task: task(request),
        allow_leading_dash: false,
        cluster: request.cluster.clone(),
        network: request.network.clone(),
        logs,
        capacity: request.capacity.into_iter().collect(),
        platform_version: request.platform_version.clone(),
        enable_execute_command: request.enable_execute_command,
        tags: BTreeMap::new(),
        policy: run.policy.clone(),
    })
}

fn task(request: &TaskRequest) -> Task {
    let (source, entry) = match &request.source {
        TaskSource::Registered(name) => {
            let changes = &request.changes;
            let entry = TaskEntry {
                cpu: changes.cpu,
                memory: changes.memory,
                task_role_arn: changes.task_role_arn.clone(),
                execution_role_arn: changes.execution_role_arn.clone(),
                ..TaskEntry::default()
            };
            (Source::TaskDefinition(name.clone()), entry)
        }
        TaskSource::Inline(definition) => {
            let entry = TaskEntry {
                secrets: definition.secrets.clone(),
                cpu: Some(definition.cpu),
                memory: Some(definition.memory),
                task_role_arn: definition.task_role_arn.clone(),
                execution_role_arn: definition.execution_role_arn.clone(),
                architecture: Some(definition.architecture),
                ..TaskEntry::default()
            };
            (Source::Image(definition.image.clone()), entry)
        }
    };
    Task { source, container: request.container.clone(), entry }
}
