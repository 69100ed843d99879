//! The RunTask request of one attempt: a job's task with its templates filled in.
//!
//! Everything in a request follows from the job, the run and the attempt, in sorted order, so the
//! same launch asked twice is the same request to the byte: ECS answers a repeated client token
//! with the first answer only then
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::template::{self, TemplateError};
use super::yaml::Path;
use super::{Capacity, Job, Network, Source};
use crate::event::{RUN_ID_VARIABLE, Values};
use crate::identity::{JobName, Namespace, RunId, StartedBy};

mod definition;
mod log_route;
mod wire;

pub use definition::TaskDefinition;
pub use log_route::LogRoute;

/// Characters of `overrides` at most, JSON included
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html>).
pub const OVERRIDES_CHARS_MAX: usize = 8_192;

/// The tag with the job's name, on tasks and on the definitions that longshore registers.
pub(crate) const JOB_TAG: &str = "longshore:job";

/// For which attempt of which run a request is made.
#[derive(Clone, Copy, Debug)]
pub struct RunSpec<'a> {
    /// The installation.
    pub namespace: &'a Namespace,
    /// The run.
    pub run: &'a RunId,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The event's values and the run's parameters.
    pub values: &'a Values,
}

/// Why a job cannot be asked for with these values. Values are never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A template cannot be filled.
    #[error("{place}: {problem}; {}", problem.remedy())]
    Template {
        /// Where it stands, from the task on.
        place: Path,
        /// Why.
        problem: TemplateError,
    },
    /// What was inserted would be read as an option.
    #[error(
        "{place}: the inserted text begins with `-` and would be read as an option; put `--` \
         before it, or set `allowLeadingDash: true` if the program can take it"
    )]
    LeadingDash {
        /// Where it stands, from the task on.
        place: Path,
    },
    /// No program has an empty name.
    #[error("{place}: comes out empty, and stands where the program is named")]
    NoProgram {
        /// Where it stands, from the task on.
        place: Path,
    },
    /// ECS would refuse it.
    #[error(
        "the overrides have {0} characters, ECS takes at most 8192: pass less text, for example \
         only the key, and let the task read the rest"
    )]
    OverridesTooLarge(usize),
}

/// A RunTask request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRequest {
    /// The cluster, by name.
    pub cluster: String,
    /// What to start.
    pub source: TaskSource,
    /// The main container, whose exit code is the run's.
    pub container: String,
    /// The command, where it differs from the task definition's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Environment variables beyond the task definition's.
    pub environment: BTreeMap<String, String>,
    /// Sizes and roles that differ from the task definition's.
    pub changes: Changes,
    /// The capacity provider; `None` is Fargate on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// Where it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Fargate's platform version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// Whether `aws ecs execute-command` may enter it.
    pub enable_execute_command: bool,
    /// Tags, the job's and ours.
    pub tags: BTreeMap<String, String>,
    /// Whose task it is.
    pub started_by: String,
}

/// What a task is started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskSource {
    /// A task definition that exists: family or family:revision.
    Registered(String),
    /// One that longshore registers, once for each content.
    Inline(Box<TaskDefinition>),
}

impl TaskSource {
    /// The task definition by family, or family and revision.
    pub fn family(&self) -> &str {
        match self {
            Self::Registered(name) => name,
            Self::Inline(definition) => &definition.family,
        }
    }
}

/// What a request may change in a task definition that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// ECS cpu units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<u32>,
    /// The task role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_role_arn: Option<String>,
    /// The execution role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
}

impl Job {
    /// The request of one attempt.
    pub fn request(&self, spec: RunSpec<'_>) -> Result<TaskRequest, RequestError> {
        let values = template_values(spec, &self.name);
        let entry = &self.task.entry;
        let inline = matches!(self.task.source, Source::Image(_));
        let command = match &entry.command {
            Some(command) if !inline || command.iter().any(|e| template::has_placeholder(e)) => {
                Some(self.fill_command(command, &values)?)
            }
            _ => None,
        };
        let mut environment = BTreeMap::new();
        for (name, value) in &entry.environment {
            if !inline || template::has_placeholder(value) {
                let place = Path::root().key("environment").key(name);
                let filled = template::fill(value, &values)
                    .map_err(|problem| RequestError::Template { place, problem })?;
                environment.insert(name.clone(), filled);
            }
        }
        environment.insert(RUN_ID_VARIABLE.to_owned(), spec.run.to_string());
        environment.insert("LONGSHORE_JOB".to_owned(), self.name.to_string());
        environment.insert("LONGSHORE_ATTEMPT".to_owned(), spec.attempt.to_string());
        let request = TaskRequest {
            cluster: self.cluster.clone(),
            source: self.source(spec.namespace),
            container: self.task.container.clone(),
            command,
            environment,
            changes: if inline { Changes::default() } else { self.changes() },
            capacity: self.capacity_of(spec.attempt),
            network: self.network.clone(),
            platform_version: self.platform_version.clone(),
            enable_execute_command: self.enable_execute_command,
            tags: self.task_tags(spec.run),
            started_by: StartedBy {
                namespace: spec.namespace.clone(),
                run: spec.run.clone(),
                attempt: spec.attempt,
            }
            .to_string(),
        };
        match request.overrides_chars() {
            chars if chars > OVERRIDES_CHARS_MAX => Err(RequestError::OverridesTooLarge(chars)),
            _ => Ok(request),
        }
    }

    fn fill_command(
        &self,
        command: &[String],
        values: &Values,
    ) -> Result<Vec<String>, RequestError> {
        let fill = |(index, element): (usize, &String)| {
            let place = Path::root().key("command").index(index);
            let filled = template::fill(element, values)
                .map_err(|problem| RequestError::Template { place: place.clone(), problem })?;
            let dashed = filled.starts_with('-') && template::begins_with_placeholder(element);
            if dashed && !self.allow_leading_dash {
                return Err(RequestError::LeadingDash { place });
            }
            let is_program = index == 0 && self.task.entry.entry_point.is_none();
            if is_program && filled.is_empty() {
                return Err(RequestError::NoProgram { place });
            }
            Ok(filled)
        };
        command.iter().enumerate().map(fill).collect()
    }

    /// One capacity provider for each attempt, the last one repeated.
    fn capacity_of(&self, attempt: u32) -> Option<Capacity> {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.capacity.get(index).or(self.capacity.last()).copied()
    }

    fn task_tags(&self, run: &RunId) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.insert(JOB_TAG.to_owned(), self.name.to_string());
        tags.insert("longshore:run".to_owned(), run.to_string());
        tags
    }

    fn changes(&self) -> Changes {
        let entry = &self.task.entry;
        Changes {
            cpu: entry.cpu,
            memory: entry.memory,
            ephemeral_storage: entry.ephemeral_storage,
            task_role_arn: entry.task_role_arn.clone(),
            execution_role_arn: entry.execution_role_arn.clone(),
        }
    }

    fn source(&self, namespace: &Namespace) -> TaskSource {
        match &self.task.source {
            Source::TaskDefinition(family) => TaskSource::Registered(family.clone()),
            Source::Image(image) => {
                TaskSource::Inline(Box::new(TaskDefinition::of(self, image, namespace)))
            }
        }
    }
}

fn template_values(spec: RunSpec<'_>, job: &JobName) -> Values {
    let mut values = spec.values.clone();
    values.insert("job".to_owned(), job.to_string());
    values.insert("runId".to_owned(), spec.run.to_string());
    values.insert("attempt".to_owned(), spec.attempt.to_string());
    values
}

/// The parameters of a run that no person started: the defaults.
pub(super) fn default_parameters(job: &Job) -> Values {
    job.parameters
        .iter()
        .filter_map(|(name, declared)| {
            Some((format!("parameters.{name}"), declared.default.clone()?))
        })
        .collect()
}
