//! DescribeTasks, ListTasks and StopTask.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{ApiError, Page, Parameters, read};
use super::{Server, cluster_name, shape, tags};
use crate::ecs::Ecs;
use crate::ecs::local::served::ServedTask;
use crate::ecs::local::task_arn;
use crate::event::LastStatus;

/// Tasks that one DescribeTasks may name.
const TASKS_MAX: usize = 100;
/// ECS's own word where StopTask says no reason.
const STOPPED_BY_USER: &str = "Task stopped by user";
const REASON_CHARS_MAX: usize = 1024;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Described {
    cluster: Option<String>,
    tasks: Vec<String>,
    include: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    cluster: Option<String>,
    family: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
    launch_type: Option<String>,
    service_name: Option<String>,
    container_instance: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Wanted {
    fn wants(&self, task: &ServedTask) -> bool {
        let desired = if task.is_wanted() { LastStatus::Running } else { LastStatus::Stopped };
        let state = &task.state;
        let family = state.task_definition_arn.as_deref().unwrap_or_default();
        let family = family.rsplit('/').next().unwrap_or_default().split(':').next();
        let meets = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        self.desired_status.as_deref().unwrap_or("RUNNING") == desired.as_str()
            && meets(&self.family, family)
            && meets(&self.started_by, state.started_by.as_deref())
            && meets(&self.launch_type, state.launch_type.as_deref())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stopped {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

impl Server {
    /// DescribeTasks.
    pub(super) fn describe_tasks(
        &self,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let wanted: Described = read(parameters)?;
        match wanted.tasks.len() {
            0 => return Err(ApiError::invalid("Tasks cannot be empty.")),
            1..=TASKS_MAX => {}
            _ => return Err(ApiError::invalid("Tasks can have at most 100 items.")),
        }
        let cluster = cluster_name(wanted.cluster.as_deref());
        let with_tags = wanted.include.iter().any(|field| field == "TAGS");
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for name in &wanted.tasks {
            let arn = arn_of(&cluster, name);
            match self.known(&arn, &cluster, now)? {
                Some(task) => {
                    let tags = with_tags.then(|| self.database.with(|s| tags::of(s, &arn)));
                    tasks.push(shape::answer(&task, tags.transpose()?));
                }
                None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
            }
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }

    /// ListTasks. Tasks younger than `delay` are not shown yet.
    pub(super) fn list_tasks(
        &self,
        parameters: &Parameters,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let wanted: Wanted = read(parameters)?;
        let page: Page<i64> = Page::read(wanted.max_results, wanted.next_token.as_deref())?;
        if wanted.service_name.is_some() || wanted.container_instance.is_some() {
            return Err(ApiError::invalid(
                "longshore has neither services nor container instances.",
            ));
        }
        let cluster = cluster_name(wanted.cluster.as_deref());
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        let is_shown = |task: &ServedTask| {
            let age = task.state.created_at.map(|created| now.duration_since(created));
            wanted.wants(task)
                && shape::is_remembered(&task.state, self.remember, now)
                && age.is_none_or(|age| age >= delay)
        };
        let found = self.ecs.served_after(&cluster, page.after.unwrap_or(0))?.into_iter();
        let found = found.filter(is_shown).map(|task| (task.number, task.state.task_arn));
        let found = found.take(page.size + 1).collect();
        Ok(page.answer("taskArns", found))
    }

    /// StopTask.
    pub(super) async fn stop_task(
        &self,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let wanted: Stopped = read(parameters)?;
        let cluster = cluster_name(wanted.cluster.as_deref());
        let arn = arn_of(&cluster, &wanted.task);
        let missing = || ApiError::invalid("The referenced task was not found.");
        let task = self.known(&arn, &cluster, now)?.ok_or_else(missing)?;
        let reason = wanted.reason.unwrap_or_else(|| STOPPED_BY_USER.to_owned());
        if reason.chars().count() > REASON_CHARS_MAX {
            return Err(ApiError::invalid("reason longer than 1024."));
        }
        if !task.has_stopped() {
            let stopped = self.ecs.stop(&cluster, &arn, &reason).await;
            stopped.map_err(|error| ApiError::Server(error.to_string()))?;
            // As in ECS, a task's tags go with its life.
            self.database.with(|sqlite| tags::clear(sqlite, &arn))?;
        }
        let task = self.ecs.served(&arn)?.ok_or_else(missing)?;
        Ok(json!({ "task": shape::answer(&task, None) }))
    }

    /// A task of this cluster that is still told of.
    fn known(
        &self,
        arn: &str,
        cluster: &str,
        now: Timestamp,
    ) -> Result<Option<ServedTask>, ApiError> {
        let prefix = task_arn(cluster, "");
        let task = if arn.starts_with(&prefix) { self.ecs.served(arn)? } else { None };
        Ok(task.filter(|task| shape::is_remembered(&task.state, self.remember, now)))
    }
}

/// The ARN that an ARN or an id means.
fn arn_of(cluster: &str, task: &str) -> String {
    if task.starts_with("arn:") { task.to_owned() } else { task_arn(cluster, task) }
}
