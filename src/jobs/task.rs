//! What a job runs: an image that longshore registers, or a task definition that exists.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fargate;
use super::interpreter;
use super::period::Period;
use super::problem::Problem;
use super::template;
use super::yaml::Path;
use crate::identity::JobName;

mod names;
mod variables;

use names::{is_arn, is_container_name, is_image, is_role, is_task_definition};
use variables::{check_variable, looks_secret, variable_for};

/// The container's name when a job with an image gives none.
const CONTAINER: &str = "main";
/// What to run. Give `image`, and longshore registers the task definition; or give
/// `taskDefinition` and `container` for one that exists.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TaskEntry {
    /// The image, best by digest (`@sha256:...`).
    pub image: Option<String>,
    /// A task definition's family (the newest active revision is used) or `family:revision`.
    pub task_definition: Option<String>,
    /// The main container, whose exit code is the run's. Without it: `main`, for an `image`.
    pub container: Option<String>,
    /// The entry point. Without it: the image's. Goes with `image` only.
    pub entry_point: Option<Vec<String>>,
    /// The command. Elements may hold templates. Without it: the image's.
    pub command: Option<Vec<String>>,
    /// Environment variables. Values may hold templates; secrets go to `secrets`.
    pub environment: BTreeMap<String, String>,
    /// Environment variables ECS fills from Secrets Manager or SSM, by ARN. Goes with `image` only.
    pub secrets: BTreeMap<String, String>,
    /// ECS cpu units: 256 (a quarter vCPU) to 16384. Without it: 256, for an `image`.
    pub cpu: Option<u32>,
    /// MiB, of those that Fargate sells with this `cpu`. Without it: 512, for an `image`.
    pub memory: Option<u32>,
    /// GiB of disk, 21 to 200. Without it: 20.
    pub ephemeral_storage: Option<u32>,
    /// What the task may do in AWS. Without it: that of `defaults`.
    pub task_role_arn: Option<String>,
    /// What ECS may do to start it: pull, log, read secrets. Without it: that of `defaults`.
    pub execution_role_arn: Option<String>,
    /// The CPU the image is built for. Without it: `X86_64`. Goes with `image` only.
    pub architecture: Option<Architecture>,
    /// The user inside the container. Goes with `image` only.
    pub user: Option<String>,
    /// The directory the command starts in. Goes with `image` only.
    pub working_directory: Option<String>,
    /// Whether the container's own files are read-only. Goes with `image` only.
    pub readonly_root_filesystem: Option<bool>,
    /// From SIGTERM to SIGKILL, 2s to 2m. Without it: 30s. Goes with `image` only.
    pub stop_timeout: Option<Period>,
}

/// A CPU architecture, in ECS's spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Architecture {
    /// Intel and AMD.
    #[serde(rename = "X86_64")]
    X86_64,
    /// Graviton.
    #[serde(rename = "ARM64")]
    Arm64,
}

/// Where a job's containers log to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Logs {
    /// The CloudWatch log group.
    pub group: String,
    /// Its region, when it is not the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether a missing group is made by the first task; the execution role needs
    /// `logs:CreateLogGroup` for it.
    #[serde(default)]
    pub create: bool,
}

/// A task that was checked.
#[derive(Clone, Debug)]
pub struct Task {
    /// Image or task definition.
    pub source: Source,
    /// The main container.
    pub container: String,
    /// The rest, as written.
    pub entry: TaskEntry,
}

/// What a task is started from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An image.
    Image(String),
    /// A task definition: family or family:revision.
    TaskDefinition(String),
}

impl TaskEntry {
    /// ECS cpu units of an image's task that does not say.
    pub const CPU: u32 = 256;
    /// Its MiB.
    pub const MEMORY: u32 = 512;

    /// Checks the entry; `None` when it does not say what to run.
    pub(super) fn check(
        self,
        at: &Path,
        job: &JobName,
        problems: &mut Vec<Problem>,
    ) -> Option<Task> {
        let source = self.source(at, problems);
        self.check_size(at, problems);
        self.check_names(at, problems);
        self.check_environment(at, problems);
        self.check_command(at, problems);
        let source = source?;
        let container = match (&source, &self.container) {
            (_, Some(container)) => container.clone(),
            (Source::Image(_), None) => CONTAINER.to_owned(),
            (Source::TaskDefinition(family), None) => {
                problems.push(
                    Problem::error(
                        at.clone(),
                        format!("does not name the main container of `{family}`"),
                    )
                    .remedy(format!("add `container:`, often the job's name, `{job}`")),
                );
                return None;
            }
        };
        Some(Task { source, container, entry: self })
    }

    fn source(&self, at: &Path, problems: &mut Vec<Problem>) -> Option<Source> {
        match (&self.image, &self.task_definition) {
            (Some(image), None) => {
                if !is_image(image) {
                    problems.push(
                        Problem::error(
                            at.key("image"),
                            format!("`{}` is no image reference", image.escape_debug()),
                        )
                        .remedy(
                            "write `registry/repository:tag` or `registry/repository@sha256:...`",
                        ),
                    );
                }
                Some(Source::Image(image.clone()))
            }
            (None, Some(family)) => {
                self.check_registered_elsewhere(at, problems);
                if !is_task_definition(family) {
                    problems.push(
                        Problem::error(
                            at.key("taskDefinition"),
                            format!("`{}` is no task definition", family.escape_debug()),
                        )
                        .remedy("write its family, or `family:revision`, or the ARN of one"),
                    );
                }
                Some(Source::TaskDefinition(family.clone()))
            }
            (Some(_), Some(_)) => {
                problems.push(
                    Problem::error(at.key("taskDefinition"), "stands beside `image`")
                        .remedy("keep one of the two"),
                );
                None
            }
            (None, None) => {
                problems.push(
                    Problem::error(at.clone(), "does not say what to run")
                        .remedy("give `image:`, or `taskDefinition:` and `container:`"),
                );
                None
            }
        }
    }

    /// RunTask cannot change these in a task definition that exists.
    fn check_registered_elsewhere(&self, at: &Path, problems: &mut Vec<Problem>) {
        for (name, given) in [
            ("entryPoint", self.entry_point.is_some()),
            ("secrets", !self.secrets.is_empty()),
            ("architecture", self.architecture.is_some()),
            ("user", self.user.is_some()),
            ("workingDirectory", self.working_directory.is_some()),
            ("readonlyRootFilesystem", self.readonly_root_filesystem.is_some()),
            ("stopTimeout", self.stop_timeout.is_some()),
        ] {
            if given {
                problems.push(
                    Problem::error(at.key(name), "cannot be changed for a task definition")
                        .remedy("set it in the task definition, or give `image` instead"),
                );
            }
        }
    }

    fn check_size(&self, at: &Path, problems: &mut Vec<Problem>) {
        let defaults = self.image.is_some().then_some((Self::CPU, Self::MEMORY));
        let cpu = self.cpu.or(defaults.map(|(cpu, _)| cpu));
        let memory = self.memory.or(defaults.map(|(_, memory)| memory));
        if let (Some(cpu), Some(memory)) = (cpu, memory)
            && let Err(misfit) = fargate::check_size(cpu, memory)
        {
            let key = if fargate::memory_sizes(cpu).is_none() || self.memory.is_none() {
                "cpu"
            } else {
                "memory"
            };
            problems.push(Problem::error(at.key(key), misfit.message).remedy(misfit.remedy));
        }
        let storage = fargate::EPHEMERAL_STORAGE_GIB;
        if let Some(gib) = self.ephemeral_storage.filter(|gib| !storage.contains(gib)) {
            problems.push(
                Problem::error(
                    at.key("ephemeralStorage"),
                    format!("is {gib}, must be from {} to {} GiB", storage.start(), storage.end()),
                )
                .remedy("leave it out for 20 GiB, which come without asking"),
            );
        }
        let seconds = fargate::STOP_TIMEOUT_SECS;
        if let Some(timeout) =
            self.stop_timeout.filter(|timeout| !seconds.contains(&timeout.duration().as_secs()))
        {
            let (least, most) =
                (Period::from_secs(*seconds.start()), Period::from_secs(*seconds.end()));
            problems.push(
                Problem::error(
                    at.key("stopTimeout"),
                    format!("is {timeout}, must be from {least} to {most}"),
                )
                .remedy(format!("write `{most}` or less: Fargate waits no longer")),
            );
        }
    }

    fn check_names(&self, at: &Path, problems: &mut Vec<Problem>) {
        if self.container.as_ref().is_some_and(|name| !is_container_name(name)) {
            problems.push(
                Problem::error(at.key("container"), "is no container name")
                    .remedy("use 1 to 255 letters, digits, `_` and `-`"),
            );
        }
        check_role(&at.key("taskRoleArn"), self.task_role_arn.as_deref(), problems);
        check_role(&at.key("executionRoleArn"), self.execution_role_arn.as_deref(), problems);
    }

    fn check_environment(&self, at: &Path, problems: &mut Vec<Problem>) {
        for (name, value) in &self.environment {
            let at = at.key("environment").key(name);
            check_variable(&at, name, problems);
            if value.contains('\0') {
                problems.push(
                    Problem::error(at.clone(), "holds the character NUL")
                        .remedy("remove it: no program can be given one"),
                );
            }
            if !template::has_placeholder(value) && looks_secret(name, value) {
                problems.push(
                    Problem::error(at, format!("`{name}` looks like a secret in plain text"))
                        .remedy(
                            "put it into Secrets Manager or SSM and name its ARN under `secrets:`",
                        ),
                );
            }
        }
        for (name, arn) in &self.secrets {
            let at = at.key("secrets").key(name);
            check_variable(&at, name, problems);
            if self.environment.contains_key(name) {
                problems.push(
                    Problem::error(at.clone(), format!("`{name}` stands in `environment` too"))
                        .remedy("keep one of the two"),
                );
            }
            if !is_arn(arn, &["secretsmanager", "ssm"]) {
                problems.push(Problem::error(at, "is no ARN of Secrets Manager or SSM").remedy(
                    "write `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME` or \
                         `arn:aws:ssm:REGION:ACCOUNT:parameter/NAME`",
                ));
            }
        }
    }

    fn check_command(&self, at: &Path, problems: &mut Vec<Problem>) {
        for (key, argv) in [("entryPoint", &self.entry_point), ("command", &self.command)] {
            let Some(argv) = argv else { continue };
            if argv.first().is_none_or(String::is_empty) {
                problems.push(
                    Problem::error(at.key(key), "has no program as its first element")
                        .remedy("write `[program, argument, ...]`"),
                );
            }
            if let Some(index) = argv.iter().position(|element| element.contains('\0')) {
                problems.push(
                    Problem::error(at.key(key).index(index), "holds the character NUL")
                        .remedy("remove it: no program can be given one"),
                );
            }
        }
        if let Some(index) =
            self.entry_point.iter().flatten().position(|element| template::has_placeholder(element))
        {
            problems.push(
                Problem::error(
                    at.key("entryPoint").index(index),
                    "holds a placeholder, but the entry point is the same for every run",
                )
                .remedy("put it into `command` or `environment`"),
            );
        }
        self.check_code(at, problems);
    }

    /// Text from outside must never be read as code: an object key may be `$(curl x)`.
    fn check_code(&self, at: &Path, problems: &mut Vec<Problem>) {
        let entry_point = self.entry_point.as_deref().unwrap_or_default();
        let command = self.command.as_deref().unwrap_or_default();
        let argv: Vec<&str> = entry_point.iter().chain(command).map(String::as_str).collect();
        for index in interpreter::code_elements(&argv) {
            let Some(index) = index.checked_sub(entry_point.len()) else { continue };
            let Some(code) = command.get(index).filter(|code| template::has_placeholder(code))
            else {
                continue;
            };
            let name = template::names(code)
                .unwrap_or_default()
                .pop_first()
                .unwrap_or_else(|| "key".to_owned());
            let variable = variable_for(&name);
            problems.push(
                Problem::error(
                    at.key("command").index(index),
                    format!("puts `{name}` into a string that a shell or interpreter runs as code"),
                )
                .remedy(format!(
                    "set `environment: {{ {variable}: \"{{{{ {name} }}}}\" }}` and use \
                     `\"${variable}\"` here"
                )),
            );
        }
    }
}

/// Checks the ARN of an IAM role.
pub(super) fn check_role(at: &Path, arn: Option<&str>, problems: &mut Vec<Problem>) {
    let Some(arn) = arn else { return };
    if !is_role(arn) {
        problems.push(
            Problem::error(at.clone(), format!("`{}` is no role's ARN", arn.escape_debug()))
                .remedy("write `arn:aws:iam::123456789012:role/NAME`"),
        );
    }
}
