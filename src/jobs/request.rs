//! The RunTask request of one attempt: a job's task with its templates filled in, in our types and
//! in ECS's own JSON.
//!
//! Everything in a request follows from the job, the run and the attempt, in sorted order, so the
//! same launch asked twice is the same request to the byte: ECS answers a repeated client token
//! with the first answer only then
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::nearest::nearest;
use super::problem::Problem;
use super::template::{self, TemplateError};
use super::yaml::Path;
use super::{Architecture, Capacity, Job, Logs, Network, Source, Trigger, parameter};
use crate::event::Values;
use crate::identity::{ClientToken, JobName, Namespace, RunId, StartedBy};

/// Characters of `overrides` at most, JSON included
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html>).
pub const OVERRIDES_CHARS_MAX: usize = 8_192;

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
    #[error("{place}: {problem}")]
    Template {
        /// Where it stands.
        place: String,
        /// Why.
        problem: TemplateError,
    },
    /// What was inserted would be read as an option.
    #[error(
        "{place}: the inserted text begins with `-` and would be read as an option; put `--` \
         before it, or set `allowLeadingDash: true` if the program can take it"
    )]
    LeadingDash {
        /// Where it stands.
        place: String,
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
                let place = format!("environment.{name}");
                let filled = template::fill(value, &values)
                    .map_err(|problem| RequestError::Template { place, problem })?;
                environment.insert(name.clone(), filled);
            }
        }
        environment.insert("LONGSHORE_RUN_ID".to_owned(), spec.run.to_string());
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
            let place = format!("command[{index}]");
            let filled = template::fill(element, values)
                .map_err(|problem| RequestError::Template { place: place.clone(), problem })?;
            let dashed = filled.starts_with('-') && template::begins_with_placeholder(element);
            if dashed && !self.allow_leading_dash {
                return Err(RequestError::LeadingDash { place });
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
        tags.insert("longshore:job".to_owned(), self.name.to_string());
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
        let image = match &self.task.source {
            Source::TaskDefinition(family) => return TaskSource::Registered(family.clone()),
            Source::Image(image) => image.clone(),
        };
        let entry = &self.task.entry;
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
        TaskSource::Inline(Box::new(TaskDefinition {
            family: format!("{namespace}-{}", self.name),
            container: self.task.container.clone(),
            image,
            entry_point: entry.entry_point.clone(),
            command: fixed_command,
            environment: fixed_environment,
            secrets: entry.secrets.clone(),
            cpu: entry.cpu.unwrap_or(256),
            memory: entry.memory.unwrap_or(512),
            ephemeral_storage: entry.ephemeral_storage,
            task_role_arn: entry.task_role_arn.clone(),
            execution_role_arn: entry.execution_role_arn.clone(),
            architecture: entry.architecture.unwrap_or(Architecture::X86_64),
            user: entry.user.clone(),
            working_directory: entry.working_directory.clone(),
            readonly_root_filesystem: entry.readonly_root_filesystem,
            stop_timeout: entry.stop_timeout.map(|timeout| timeout.duration().as_secs()),
            logs: self.logs.clone(),
        }))
    }
}

fn template_values(spec: RunSpec<'_>, job: &JobName) -> Values {
    let mut values = spec.values.clone();
    values.insert("job".to_owned(), job.to_string());
    values.insert("runId".to_owned(), spec.run.to_string());
    values.insert("attempt".to_owned(), spec.attempt.to_string());
    values
}

impl TaskRequest {
    /// `overrides` in ECS's own JSON.
    pub fn overrides(&self) -> Value {
        let environment: Vec<Value> = self.environment.iter().map(name_value).collect();
        let mut container = Map::new();
        container.insert("name".to_owned(), json!(self.container));
        if let Some(command) = &self.command {
            container.insert("command".to_owned(), json!(command));
        }
        container.insert("environment".to_owned(), json!(environment));
        let mut overrides = Map::new();
        overrides.insert("containerOverrides".to_owned(), json!([container]));
        let Changes { cpu, memory, ephemeral_storage, task_role_arn, execution_role_arn } =
            &self.changes;
        insert(&mut overrides, "cpu", cpu.map(|cpu| cpu.to_string()));
        insert(&mut overrides, "memory", memory.map(|memory| memory.to_string()));
        let storage = ephemeral_storage.map(|gib| json!({ "sizeInGiB": gib }));
        insert(&mut overrides, "ephemeralStorage", storage);
        insert(&mut overrides, "taskRoleArn", task_role_arn.as_ref());
        insert(&mut overrides, "executionRoleArn", execution_role_arn.as_ref());
        Value::Object(overrides)
    }

    /// What ECS will count against its limit.
    pub fn overrides_chars(&self) -> usize {
        self.overrides().to_string().chars().count()
    }

    /// The request in ECS's own JSON. Subnets and groups that are found by tags or name are not in
    /// it: they are looked up when the task is launched.
    pub fn to_run_task(&self, token: &ClientToken) -> Value {
        let mut request = Map::new();
        insert(&mut request, "cluster", Some(&self.cluster));
        let definition = match &self.source {
            TaskSource::Registered(family) => family,
            TaskSource::Inline(definition) => &definition.family,
        };
        insert(&mut request, "taskDefinition", Some(definition));
        insert(&mut request, "count", Some(1));
        insert(&mut request, "startedBy", Some(&self.started_by));
        insert(&mut request, "clientToken", Some(token.as_str()));
        match self.capacity {
            Some(capacity) => {
                let strategy = json!([{ "capacityProvider": capacity, "weight": 1 }]);
                insert(&mut request, "capacityProviderStrategy", Some(strategy));
            }
            None => insert(&mut request, "launchType", Some("FARGATE")),
        }
        insert(&mut request, "platformVersion", self.platform_version.as_ref());
        insert(&mut request, "networkConfiguration", self.network.as_ref().map(to_awsvpc));
        insert(&mut request, "enableExecuteCommand", Some(self.enable_execute_command));
        let tags: Vec<Value> =
            self.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        insert(&mut request, "tags", Some(tags));
        insert(&mut request, "overrides", Some(self.overrides()));
        Value::Object(request)
    }
}

impl TaskDefinition {
    /// The RegisterTaskDefinition request in ECS's own JSON.
    pub fn to_register(&self) -> Value {
        let mut container = Map::new();
        insert(&mut container, "name", Some(&self.container));
        insert(&mut container, "image", Some(&self.image));
        insert(&mut container, "essential", Some(true));
        insert(&mut container, "entryPoint", self.entry_point.as_ref());
        insert(&mut container, "command", self.command.as_ref());
        let environment: Vec<Value> = self.environment.iter().map(name_value).collect();
        insert(&mut container, "environment", Some(environment));
        let secrets: Vec<Value> = self
            .secrets
            .iter()
            .map(|(name, arn)| json!({ "name": name, "valueFrom": arn }))
            .collect();
        insert(&mut container, "secrets", (!secrets.is_empty()).then_some(secrets));
        insert(&mut container, "user", self.user.as_ref());
        insert(&mut container, "workingDirectory", self.working_directory.as_ref());
        insert(&mut container, "readonlyRootFilesystem", self.readonly_root_filesystem);
        insert(&mut container, "stopTimeout", self.stop_timeout);
        insert(&mut container, "logConfiguration", self.logs.as_ref().map(|l| self.awslogs(l)));
        let mut request = Map::new();
        insert(&mut request, "family", Some(&self.family));
        insert(&mut request, "requiresCompatibilities", Some(["FARGATE"]));
        insert(&mut request, "networkMode", Some("awsvpc"));
        insert(&mut request, "cpu", Some(self.cpu.to_string()));
        insert(&mut request, "memory", Some(self.memory.to_string()));
        let storage = self.ephemeral_storage.map(|gib| json!({ "sizeInGiB": gib }));
        insert(&mut request, "ephemeralStorage", storage);
        insert(&mut request, "taskRoleArn", self.task_role_arn.as_ref());
        insert(&mut request, "executionRoleArn", self.execution_role_arn.as_ref());
        let platform =
            json!({ "cpuArchitecture": self.architecture, "operatingSystemFamily": "LINUX" });
        insert(&mut request, "runtimePlatform", Some(platform));
        insert(&mut request, "containerDefinitions", Some([container]));
        Value::Object(request)
    }

    fn awslogs(&self, logs: &Logs) -> Value {
        let mut options = Map::new();
        insert(&mut options, "awslogs-group", Some(&logs.group));
        insert(&mut options, "awslogs-region", logs.region.as_ref());
        insert(&mut options, "awslogs-stream-prefix", Some(&self.family));
        insert(&mut options, "awslogs-create-group", logs.create.then_some("true"));
        json!({ "logDriver": "awslogs", "options": options })
    }
}

/// Sets what is there; ECS wants what is not there to be absent.
fn insert(map: &mut Map<String, Value>, name: &str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), json!(value));
    }
}

fn name_value((name, value): (&String, &String)) -> Value {
    json!({ "name": name, "value": value })
}

fn to_awsvpc(network: &Network) -> Value {
    let mut awsvpc = Map::new();
    let ids = |ids: &Vec<String>| (!ids.is_empty()).then(|| ids.clone());
    insert(&mut awsvpc, "subnets", ids(&network.subnets));
    insert(&mut awsvpc, "securityGroups", ids(&network.security_groups));
    let public = if network.assign_public_ip { "ENABLED" } else { "DISABLED" };
    insert(&mut awsvpc, "assignPublicIp", Some(public));
    json!({ "awsvpcConfiguration": awsvpc })
}

/// Values each kind of event brings, with an example of each. The ones in the second list may be
/// absent.
const KINDS: [(&str, &[(&str, &str)], &[(&str, &str)]); 2] = [
    (
        "S3",
        &[("bucket", "uploads"), ("key", "incoming/a.png"), ("size", "1")],
        &[("etag", "d41d8cd9"), ("versionId", "null")],
    ),
    ("schedule", &[("scheduledTime", "2026-11-24T02:00:00Z"), ("scheduleName", "schedule")], &[]),
];

/// Tries every template of a job with example values of each kind of event it is started by.
pub(super) fn check_templates(job: &Job, at: &Path, problems: &mut Vec<Problem>) {
    let before = problems.len();
    for (path, text) in templates(job, at) {
        check_names(job, &path, text, problems);
    }
    if problems.len() > before {
        return;
    }
    let kinds: Vec<_> = KINDS.iter().filter(|(kind, ..)| is_triggered_by(job, kind)).collect();
    for (kind, always, sometimes) in &kinds {
        let mut values = examples(job);
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        values.extend(always.iter().map(pair));
        let sparse = values.clone();
        values.extend(sometimes.iter().map(pair));
        if try_templates(job, at, &values, &format!("for {kind} events: "), problems)
            && template_names(job, at).iter().any(|n| sometimes.iter().any(|(name, _)| n == name))
        {
            let mut warnings = Vec::new();
            try_templates(job, at, &sparse, "for a bucket without versions: ", &mut warnings);
            problems.extend(warnings.into_iter().map(|problem| {
                Problem::warning(problem.path, problem.message)
                    .remedy("add `| default('')` to the placeholder")
            }));
        }
    }
    if kinds.is_empty() {
        try_templates(job, at, &examples(job), "", problems);
    }
}

fn is_triggered_by(job: &Job, kind: &str) -> bool {
    job.triggers.iter().any(|trigger| match trigger {
        Trigger::S3(_) => kind == "S3",
        Trigger::Schedule(_) => kind == "schedule",
    })
}

/// Parameters with their defaults, or any text that keeps a template going.
fn examples(job: &Job) -> Values {
    job.parameters
        .iter()
        .map(|(name, parameter)| {
            let value = parameter.default.clone().unwrap_or_else(|| "1".to_owned());
            (format!("parameters.{name}"), value)
        })
        .collect()
}

fn templates<'a>(job: &'a Job, at: &Path) -> Vec<(Path, &'a str)> {
    let entry = &job.task.entry;
    let command = entry.command.iter().flatten().enumerate();
    let environment = entry.environment.iter();
    command
        .map(|(index, text)| (at.key("command").index(index), text.as_str()))
        .chain(environment.map(|(n, text)| (at.key("environment").key(n), text.as_str())))
        .filter(|(_, text)| template::has_placeholder(text))
        .collect()
}

fn template_names(job: &Job, at: &Path) -> Vec<String> {
    templates(job, at)
        .into_iter()
        .flat_map(|(_, text)| template::names(text).unwrap_or_default())
        .collect()
}

fn check_names(job: &Job, at: &Path, text: &str, problems: &mut Vec<Problem>) {
    let names = match template::names(text) {
        Ok(names) => names,
        Err(error) => {
            problems.push(
                Problem::error(at.clone(), error.to_string())
                    .remedy("write `{{ '{{' }}` for two braces that are no placeholder"),
            );
            return;
        }
    };
    let parameters: Vec<String> =
        job.parameters.keys().map(|name| format!("parameters.{name}")).collect();
    for name in &names {
        let kind = KINDS.iter().find(|(_, always, sometimes)| {
            always.iter().chain(sometimes.iter()).any(|(known, _)| known == name)
        });
        let known = ["job", "runId", "attempt", "parameters"].contains(&name.as_str())
            || parameters.contains(name);
        match kind {
            Some((kind, ..)) if !job.triggers.is_empty() && !is_triggered_by(job, kind) => {
                problems.push(
                    Problem::error(
                        at.clone(),
                        format!(
                            "`{name}` comes with {kind} events, and no trigger of this job is one"
                        ),
                    )
                    .remedy("use another value, or add such a trigger"),
                );
            }
            None if !known => problems.push(unknown_name(at, name, &parameters)),
            Some(_) | None => {}
        }
    }
    // The event of a trigger brings no parameters.
    for name in names.iter().filter_map(|name| name.strip_prefix("parameters.")) {
        let declared = job.parameters.get(name);
        if !job.triggers.is_empty() && declared.is_some_and(|p| p.default.is_none()) {
            problems.push(
                Problem::error(
                    at.clone(),
                    format!("`parameters.{name}` has no value in triggered runs"),
                )
                .remedy(format!("give parameter `{name}` a `default`")),
            );
        }
    }
}

fn unknown_name(at: &Path, name: &str, parameters: &[String]) -> Problem {
    let mut names = vec!["job", "runId", "attempt"];
    for (_, always, sometimes) in &KINDS {
        names.extend(always.iter().chain(sometimes.iter()).map(|(name, _)| *name));
    }
    names.extend(parameters.iter().map(String::as_str));
    let remedy = match nearest(name, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", names.join(", ")),
    };
    Problem::error(at.clone(), format!("`{}` is no value", name.escape_debug())).remedy(remedy)
}

/// Makes the request of an example run; reports what fails and whether it worked.
fn try_templates(
    job: &Job,
    at: &Path,
    values: &Values,
    when: &str,
    problems: &mut Vec<Problem>,
) -> bool {
    let run = RunId::derive(&job.name, "example", &[]);
    let namespace = Namespace::default();
    let spec = RunSpec { namespace: &namespace, run: &run, attempt: 1, values };
    let (path, message) = match job.request(spec) {
        Ok(_) => return true,
        Err(RequestError::Template { place, problem }) => {
            (path_to(at, &place), format!("{when}{problem}"))
        }
        Err(RequestError::LeadingDash { .. }) => return true,
        Err(error @ RequestError::OverridesTooLarge(_)) => (at.clone(), error.to_string()),
    };
    problems.push(Problem::error(path, message));
    false
}

/// `command[1]` or `environment.KEY` below `at`.
fn path_to(at: &Path, place: &str) -> Path {
    match place.split_once('.') {
        Some((key, name)) => at.key(key).key(name),
        None => {
            let index = place.trim_end_matches(']').rsplit('[').next();
            let index = index.and_then(|digits| digits.parse().ok()).unwrap_or(0);
            at.key("command").index(index)
        }
    }
}

/// The parameters of a run that no person started: the defaults.
pub(super) fn default_parameters(job: &Job) -> Values {
    let defaults = job.parameters.iter().filter(|(_, parameter)| parameter.default.is_some());
    let declared = defaults.map(|(name, p)| (name.clone(), p.clone())).collect();
    parameter::accept(&declared, &Map::new()).unwrap_or_default()
}
