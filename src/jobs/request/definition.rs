//! The task definition that longshore registers for a job with an image: what all its runs share.
//! What differs from run to run, the filled templates, is in each request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::identity::Namespace;
use crate::jobs::{Architecture, Job, Logs, TaskEntry, template};

/// A task definition with one container, the same for every run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are ECS's own")]
pub struct TaskDefinition {
    pub family: String,
    pub container: String,
    pub image: String,
    pub entry_point: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub environment: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    pub cpu: u32,
    pub memory: u32,
    pub ephemeral_storage: Option<u32>,
    pub task_role_arn: Option<String>,
    pub execution_role_arn: Option<String>,
    pub architecture: Architecture,
    pub user: Option<String>,
    pub working_directory: Option<String>,
    pub readonly_root_filesystem: Option<bool>,
    /// Seconds.
    pub stop_timeout: Option<u64>,
    pub logs: Option<Logs>,
}

impl TaskDefinition {
    pub(super) fn of(job: &Job, image: &str, namespace: &Namespace) -> Self {
        let entry = &job.task.entry;
        let fixed_command = entry
            .command
            .clone()
            .filter(|command| !command.iter().any(|element| template::has_placeholder(element)));
        let fixed_environment = entry
            .environment
            .iter()
            .filter(|(_, value)| !template::has_placeholder(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self {
            family: format!("{namespace}-{}", job.name),
            container: job.task.container.clone(),
            image: image.to_owned(),
            entry_point: entry.entry_point.clone(),
            command: fixed_command,
            environment: fixed_environment,
            secrets: entry.secrets.clone(),
            cpu: entry.cpu.unwrap_or(TaskEntry::CPU),
            memory: entry.memory.unwrap_or(TaskEntry::MEMORY),
            ephemeral_storage: entry.ephemeral_storage,
            task_role_arn: entry.task_role_arn.clone(),
            execution_role_arn: entry.execution_role_arn.clone(),
            architecture: entry.architecture.unwrap_or(Architecture::X86_64),
            user: entry.user.clone(),
            working_directory: entry.working_directory.clone(),
            readonly_root_filesystem: entry.readonly_root_filesystem,
            stop_timeout: entry.stop_timeout.map(|timeout| timeout.duration().as_secs()),
            logs: job.logs.clone(),
        }
    }
}
