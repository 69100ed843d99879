//! What to run: `jobs.yaml`, read and checked whole. Everything wrong with a file is told at once,
//! each with its place and its remedy.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::identity::JobName;

mod check_templates;
pub mod fargate;
mod interpreter;
mod limits;
mod matching;
mod nearest;
mod network;
pub mod parameter;
mod period;
pub mod prices;
pub mod problem;
mod read;
pub mod reference;
mod request;
pub mod schedule;
mod task;
mod template;
mod trigger;
mod yaml;

pub use limits::{
    Backoff, Concurrency, Launches, Policy, Retry, RetryOn, WhenFull, earlier, later,
};
pub use matching::{Match, Unwanted};
pub(crate) use nearest::nearest;
pub use network::{Network, SecurityGroup};
pub use period::Period;
pub(crate) use request::JOB_TAG;
pub use request::{
    Changes, LogRoute, OVERRIDES_CHARS_MAX, RequestError, RunSpec, TaskDefinition, TaskRequest,
    TaskSource,
};
pub use task::{Architecture, Logs, Source, Task, TaskEntry};
pub use template::TemplateError;
pub use trigger::{Mismatch, OwnTrigger, S3Trigger, ScheduleTrigger, Trigger, TriggerEntry};
pub use yaml::Path;

use parameter::Parameter;
use prices::Prices;
use problem::{Problem, Severity};
use yaml::{Node, Value};

/// Jobs in one file at most.
const JOBS_MAX: usize = 1_000;

/// jobs.yaml: which containers to run when a schedule fires, an object lands or somebody asks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "jobs")]
pub struct JobsFile {
    /// What jobs use that do not say otherwise. A job's own entry replaces the default whole.
    #[serde(default)]
    defaults: Defaults,
    /// What Fargate costs you, by region, where it is not what longshore's own table says.
    #[serde(default)]
    prices: Prices,
    /// The jobs by name: lower-case letters, digits and dashes, a letter first.
    jobs: BTreeMap<JobName, JobEntry>,
}

/// Writes out the settings that `defaults` and every job share, so that they are said once:
/// serde's `flatten` would cost the error messages their place.
macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// The settings, each `None` where nobody says.
        #[derive(Clone, Debug, Default)]
        struct Settings {
            $($field: Option<$type>,)*
        }

        impl Settings {
            /// Each setting as written here, else as written there.
            fn or(self, defaults: &Settings) -> Settings {
                Settings { $($field: self.$field.or_else(|| defaults.$field.clone()),)* }
            }
        }

        /// What jobs use that do not say otherwise.
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct Defaults {
            /// What ECS may do to start tasks: pull images, write logs, read secrets.
            execution_role_arn: Option<String>,
            /// What tasks may do in AWS.
            task_role_arn: Option<String>,
            $($(#[$doc])* $field: Option<$type>,)*
        }

        impl Defaults {
            fn settings(&self) -> Settings {
                Settings { $($field: self.$field.clone(),)* }
            }
        }

        /// One job: what starts it, what it runs, and its limits.
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct JobEntry {
            /// What it is for.
            #[serde(default)]
            description: Option<String>,
            /// What starts it. A job that needs nothing of an event can be run by hand as well.
            #[serde(default)]
            triggers: Vec<TriggerEntry>,
            /// Values a manual run may give, used as `{{ parameters.NAME }}`.
            #[serde(default)]
            parameters: BTreeMap<String, Parameter>,
            /// What it runs.
            task: TaskEntry,
            /// Whether an argv element that begins with a placeholder may come out with a `-`
            /// first.
            #[serde(default)]
            allow_leading_dash: bool,
            $($(#[$doc])* #[serde(default)] $field: Option<$type>,)*
        }

        impl JobEntry {
            fn settings(&self) -> Settings {
                Settings { $($field: self.$field.clone(),)* }
            }
        }
    };
}

settings! {
    /// The ECS cluster, by name. Without it: `default`.
    cluster: String,
    /// The VPC's part that tasks live in. Without it: the job runs on this machine only.
    network: Network,
    /// Where containers of `image` jobs log to. Without it: nowhere, what they print on AWS is lost.
    logs: Logs,
    /// Capacity providers, one for each attempt, the last one repeated. Without it: on demand.
    capacity: Vec<Capacity>,
    /// Fargate's platform version. Without it: `LATEST`.
    platform_version: String,
    /// Whether `aws ecs execute-command` may enter tasks. Without it: `false`.
    enable_execute_command: bool,
    /// Tags on every task, beside `longshore:job` and `longshore:run`.
    tags: BTreeMap<String, String>,
    /// Ends a task that runs longer, counted from its start: 1s to 14d. Without it: never.
    timeout: Period,
    /// Ends a task that has not started by then, counted from its launch: 1s to 14d. Without it:
    /// 10m.
    start_within: Period,
    /// An event that is older than this when its turn comes ends as `Skipped`. Without it: none.
    starting_deadline: Period,
    /// When a failed attempt is followed by another. Without it: never.
    retry: Retry,
    /// How often one attempt may be launched. Without it: 6 times in 15m.
    launches: Launches,
    /// How many tasks of the job may live at a time. Without it: any number.
    concurrency: Concurrency,
}

/// A capacity provider of Fargate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Capacity {
    /// On demand.
    #[serde(rename = "FARGATE")]
    Fargate,
    /// Spare capacity that AWS may take back with two minutes' notice.
    #[serde(rename = "FARGATE_SPOT")]
    FargateSpot,
}

impl Capacity {
    /// ECS's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fargate => "FARGATE",
            Self::FargateSpot => "FARGATE_SPOT",
        }
    }
}

/// Every job of a file that was checked.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    jobs: BTreeMap<JobName, Job>,
    /// What Fargate costs, where it is not what [`crate::cost`] has.
    pub prices: Prices,
}

/// A job that was checked, its defaults filled in.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub name: JobName,
    /// What it is for.
    pub description: Option<String>,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Values a manual run may give.
    pub parameters: BTreeMap<String, Parameter>,
    /// What it runs.
    pub task: Task,
    /// Whether an argv element that begins with a placeholder may come out with a `-` first.
    pub allow_leading_dash: bool,
    /// The cluster.
    pub cluster: String,
    /// The network, `None` when nobody says.
    pub network: Option<Network>,
    /// Where it logs to.
    pub logs: Option<Logs>,
    /// One for each attempt, the last one repeated; empty means Fargate on demand.
    pub capacity: Vec<Capacity>,
    /// Fargate's platform version.
    pub platform_version: Option<String>,
    /// Whether `aws ecs execute-command` may enter tasks.
    pub enable_execute_command: bool,
    /// Tags on every task.
    pub tags: BTreeMap<String, String>,
    /// Its limits.
    pub policy: Policy,
}

/// What reading a file came to.
#[derive(Debug)]
pub struct Reading {
    /// The jobs, unless there is an error.
    pub jobs: Option<Jobs>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

/// Reads and checks a file; `now` decides which schedules still fire.
pub fn read(source: &[u8], now: Timestamp) -> Reading {
    let text = match yaml::decode(source) {
        Ok(text) => text,
        Err(problem) => return Reading { jobs: None, problems: vec![problem] },
    };
    let read::Reading { value, mut problems, tree } = read::read::<JobsFile>(text);
    let jobs = value.map(|file| {
        let mut found = Vec::new();
        let is_whole =
            problems.iter().all(|told| !told.path.starts_with(&Path::root().key("jobs")));
        let jobs = file.check(now, is_whole, &mut found);
        found.retain(|problem| !is_no_news(problem, &problems, tree.as_ref()));
        problems.extend(found);
        jobs
    });
    if let Some(tree) = &tree {
        for problem in &mut problems {
            problem.locate(tree);
        }
    }
    problems.sort_by_key(Problem::position);
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    Reading { jobs: jobs.filter(|_| !failed), problems }
}

/// Whether a complaint only comes of what reading has told of and left out: a value that could not
/// be read has its default by now, and a list without it may be too short.
fn is_no_news(problem: &Problem, told: &[Problem], tree: Option<&Node>) -> bool {
    let node = |path: &Path| tree.and_then(|tree| tree.find(path));
    let is_list = node(&problem.path).is_some_and(|node| matches!(node.value, Value::Sequence(_)));
    told.iter().any(|told| {
        let is_unread = node(&told.path).map(|node| &node.span) == told.span.as_ref();
        is_unread && problem.path.starts_with(&told.path)
            || is_list && told.path.starts_with(&problem.path)
    })
}

/// Finds the text at fault of problems that came up after `source` was read.
pub fn locate(source: &str, problems: &mut [Problem]) {
    if let (Some(tree), _) = yaml::parse(source) {
        for problem in problems {
            problem.locate(&tree);
        }
    }
}

/// The JSON Schema of the file, from the types that read it.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(JobsFile).to_value()
}

impl Jobs {
    /// Every job, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// The job of that name.
    pub fn get(&self, name: &str) -> Option<&Job> {
        self.jobs.get(name)
    }
}

impl JobsFile {
    /// `is_whole` says that no job was left out because it could not be read.
    fn check(self, now: Timestamp, is_whole: bool, problems: &mut Vec<Problem>) -> Jobs {
        let at = Path::root().key("jobs");
        if self.jobs.is_empty() && is_whole {
            problems.push(
                Problem::error(at.clone(), "has no job").remedy(
                    "add one: `hello: { task: { image: alpine, command: [echo, hello] } }`",
                ),
            );
        }
        if self.jobs.len() > JOBS_MAX {
            let message = format!("has {} jobs, at most {JOBS_MAX} are read", self.jobs.len());
            problems.push(
                Problem::error(at.clone(), message)
                    .remedy("share them between installations, each with a namespace of its own"),
            );
        }
        prices::check(&self.prices, problems);
        let defaults = self.defaults;
        let place = Path::root().key("defaults");
        defaults.settings().check(&place, problems);
        for (key, arn) in [
            ("executionRoleArn", &defaults.execution_role_arn),
            ("taskRoleArn", &defaults.task_role_arn),
        ] {
            task::check_role(&place.key(key), arn.as_deref(), problems);
        }
        let jobs: BTreeMap<JobName, Job> = self
            .jobs
            .into_iter()
            .filter_map(|(name, entry)| {
                let job =
                    entry.check(&at.key(name.as_str()), name.clone(), &defaults, now, problems);
                job.map(|job| (name, job))
            })
            .collect();
        let jobs = Jobs { jobs, prices: self.prices };
        if problems.iter().all(|problem| problem.severity == Severity::Warning) {
            jobs.warn_of_taken_schedules(&at, problems);
        }
        jobs
    }
}

impl Jobs {
    /// Warns of a schedule that a trigger names and another job is named after: that job gets it.
    fn warn_of_taken_schedules(&self, at: &Path, problems: &mut Vec<Problem>) {
        for job in self.iter() {
            for (index, trigger) in job.triggers.iter().enumerate() {
                let Trigger::Schedule(ScheduleTrigger { name: Some(name), .. }) = trigger else {
                    continue;
                };
                if name == job.name.as_str() || self.get(name).is_none() {
                    continue;
                }
                let place = at.key(job.name.as_str()).key("triggers").index(index);
                problems.push(
                    Problem::warning(
                        place.key("scheduleName"),
                        format!(
                            "the job `{name}` is named after this schedule and gets its events"
                        ),
                    )
                    .remedy("give the schedule a name that no job has"),
                );
            }
        }
    }
}

impl Settings {
    /// Checks what is written here; values that come together from two places are checked where
    /// they meet.
    fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        if let Some(cluster) = &self.cluster
            && !is_cluster_name(cluster)
        {
            problems.push(
                Problem::error(
                    at.key("cluster"),
                    format!("`{}` is no cluster's name", cluster.escape_debug()),
                )
                .remedy("use 1 to 255 letters, digits, `_` and `-`, without the ARN"),
            );
        }
        if let Some(network) = &self.network {
            network.check(&at.key("network"), problems);
        }
        if self.logs.as_ref().is_some_and(|logs| !is_log_group(&logs.group)) {
            problems.push(
                Problem::error(at.key("logs").key("group"), "is no log group's name")
                    .remedy("use 1 to 512 letters, digits and `._-/#`"),
            );
        }
        if self.capacity.as_ref().is_some_and(Vec::is_empty) {
            problems.push(
                Problem::error(at.key("capacity"), "names no capacity provider")
                    .remedy("write `[FARGATE]` or `[FARGATE_SPOT, FARGATE]`"),
            );
        }
        check_tags(&at.key("tags"), self.tags.iter().flatten(), problems);
        limits::check_life(&at.key("timeout"), self.timeout, problems);
        limits::check_life(&at.key("startWithin"), self.start_within, problems);
        if let Some(retry) = &self.retry {
            retry.check(&at.key("retry"), problems);
        }
        if let Some(launches) = &self.launches {
            launches.check(&at.key("launches"), problems);
        }
        if let Some(concurrency) = &self.concurrency {
            concurrency.check(&at.key("concurrency"), problems);
        }
    }
}

impl JobEntry {
    fn check(
        self,
        at: &Path,
        name: JobName,
        defaults: &Defaults,
        now: Timestamp,
        problems: &mut Vec<Problem>,
    ) -> Option<Job> {
        let own = self.settings();
        own.check(at, problems);
        for (parameter, declared) in &self.parameters {
            declared.check(&at.key("parameters").key(parameter), parameter, problems);
        }
        let kinds = check_templates::kinds(&self.triggers);
        let triggers: Vec<Trigger> = self
            .triggers
            .into_iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                entry.check(&at.key("triggers").index(index), now, problems)
            })
            .collect();
        let mut task = self.task.check(&at.key("task"), &name, problems)?;
        if task.entry.image.is_some() {
            let entry = &mut task.entry;
            entry.execution_role_arn =
                entry.execution_role_arn.take().or_else(|| defaults.execution_role_arn.clone());
            entry.task_role_arn =
                entry.task_role_arn.take().or_else(|| defaults.task_role_arn.clone());
        }
        let settings = own.or(&defaults.settings());
        let job = Job {
            name,
            description: self.description,
            triggers,
            parameters: self.parameters,
            task,
            allow_leading_dash: self.allow_leading_dash,
            cluster: settings.cluster.unwrap_or_else(|| "default".to_owned()),
            network: settings.network,
            logs: settings.logs,
            capacity: settings.capacity.unwrap_or_default(),
            platform_version: settings.platform_version,
            enable_execute_command: settings.enable_execute_command.unwrap_or_default(),
            tags: settings.tags.unwrap_or_default(),
            policy: Policy {
                retry: settings.retry.unwrap_or_default(),
                launches: settings.launches.unwrap_or_default(),
                timeout: settings.timeout,
                start_within: settings.start_within.unwrap_or(limits::START_WITHIN),
                starting_deadline: settings.starting_deadline,
                concurrency: settings.concurrency,
            },
        };
        check_templates::check_templates(&job, &kinds, &at.key("task"), problems);
        job.check(at, problems);
        Some(job)
    }
}

impl Job {
    /// Checks what only shows once everything has come together.
    fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        if self.network.is_none() {
            problems.push(
                Problem::warning(
                    at.clone(),
                    "has no `network`: it runs locally, but Fargate needs subnets",
                )
                .remedy("add `network:` to the job or to `defaults`"),
            );
        }
        let needs_role = self.logs.is_some()
            || !self.task.entry.secrets.is_empty()
            || self.task.entry.image.as_ref().is_some_and(|image| image.contains(".dkr.ecr."));
        let is_image = matches!(self.task.source, Source::Image(_));
        if is_image && needs_role && self.task.entry.execution_role_arn.is_none() {
            problems.push(
                Problem::warning(
                    at.key("task"),
                    "has no execution role: on AWS it could not pull from ECR, log or read secrets",
                )
                .remedy("add `executionRoleArn:` to the task or to `defaults`"),
            );
        }
        if let Source::TaskDefinition(family) = &self.task.source
            && !family.rsplit('/').next().unwrap_or(family).contains(':')
        {
            problems.push(
                Problem::warning(
                    at.key("task").key("taskDefinition"),
                    format!("`{family}` means whatever revision is newest when a run starts"),
                )
                .remedy("pin one, like `family:7`, to deploy it with jobs.yaml"),
            );
        }
    }
}

fn check_tags<'a>(
    at: &Path,
    tags: impl Iterator<Item = (&'a String, &'a String)>,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in tags {
        let (wrong, remedy) = if name.to_ascii_lowercase().starts_with("aws:") {
            ("begins with `aws:`, which is AWS's own", "choose another name")
        } else if name.is_empty() || name.chars().count() > 128 || value.chars().count() > 256 {
            (
                "is too long or has no name",
                "use 1 to 128 characters for the name and at most 256 for the value",
            )
        } else {
            continue;
        };
        problems.push(Problem::error(at.key(name), wrong).remedy(remedy));
    }
}

fn is_cluster_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

fn is_log_group(name: &str) -> bool {
    (1..=512).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/#".contains(c))
}

#[cfg(test)]
mod tests;
