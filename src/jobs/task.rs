//! What a job runs: an image that longshore registers, or a task definition that exists.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fargate;
use super::period::Period;
use super::problem::Problem;
use super::template;
use super::yaml::Path;
use crate::identity::JobName;

/// The container's name when a job with an image gives none.
const CONTAINER: &str = "main";
/// Variables no job may set: they change what program runs, or pretend to be ECS's or ours.
const RESERVED: [&str; 6] =
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "NODE_OPTIONS", "PATH"];
const RESERVED_PREFIXES: [&str; 3] = ["LONGSHORE_", "ECS_", "AWS_"];
/// Of those, the ones a job may set all the same: they select, they do not grant.
const ALLOWED: [&str; 3] = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"];

/// What to run. Give `image`, and longshore registers the task definition; or give
/// `taskDefinition` and `container` for one that exists.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TaskEntry {
    /// The image, best by digest (`@sha256:...`).
    pub image: Option<String>,
    /// A task definition's family (the newest active revision is used) or `family:revision`.
    pub task_definition: Option<String>,
    /// The main container: its exit code is the run's. `main` for an image.
    pub container: Option<String>,
    /// The image's entry point. Goes with `image` only.
    pub entry_point: Option<Vec<String>>,
    /// The command. Elements may hold templates.
    pub command: Option<Vec<String>>,
    /// Environment variables. Values may hold templates; secrets go to `secrets`.
    pub environment: BTreeMap<String, String>,
    /// Environment variables ECS fills from Secrets Manager or SSM, by ARN. Goes with `image` only.
    pub secrets: BTreeMap<String, String>,
    /// ECS cpu units: 256 (a quarter vCPU) to 16384. 256 for an image that does not say.
    pub cpu: Option<u32>,
    /// MiB. 512 for an image that does not say.
    pub memory: Option<u32>,
    /// GiB of disk, 21 to 200; 20 without it.
    pub ephemeral_storage: Option<u32>,
    /// What the task may do in AWS.
    pub task_role_arn: Option<String>,
    /// What ECS may do to start it: pull, log, read secrets.
    pub execution_role_arn: Option<String>,
    /// The CPU the image is built for. Goes with `image` only.
    pub architecture: Option<Architecture>,
    /// The user inside the container. Goes with `image` only.
    pub user: Option<String>,
    /// The directory the command starts in. Goes with `image` only.
    pub working_directory: Option<String>,
    /// Whether the container's own files are read-only. Goes with `image` only.
    pub readonly_root_filesystem: Option<bool>,
    /// From SIGTERM to SIGKILL, 2s to 2m; 30s without it. Goes with `image` only.
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
    /// Whether the execution role may make the group when it is missing.
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
        let defaults = self.image.is_some().then_some((256, 512));
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
        for index in template::code_elements(&argv) {
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

fn variable_for(name: &str) -> String {
    let mut variable = String::new();
    for c in name.trim_start_matches("parameters.").chars() {
        if c.is_ascii_uppercase() && !variable.is_empty() {
            variable.push('_');
        }
        variable.push(c.to_ascii_uppercase());
    }
    variable
}

fn check_variable(at: &Path, name: &str, problems: &mut Vec<Problem>) {
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        problems.push(
            Problem::error(
                at.clone(),
                format!("`{}` is no name of an environment variable", name.escape_debug()),
            )
            .remedy("use letters, digits and `_`, no digit first"),
        );
        return;
    }
    let reserved =
        RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if reserved && !ALLOWED.contains(&name) {
        problems.push(
            Problem::error(at.clone(), format!("`{name}` may not be set by a job")).remedy(
                "it decides what program runs, or belongs to ECS, AWS or longshore; set it in the \
                 image",
            ),
        );
    }
}

/// Whether a value stands there that should not be readable by everyone who reads this file.
fn looks_secret(name: &str, value: &str) -> bool {
    const ENDINGS: [&str; 9] = [
        "PASSWORD",
        "PASSWD",
        "SECRET",
        "SECRET_KEY",
        "ACCESS_KEY",
        "API_KEY",
        "TOKEN",
        "PRIVATE_KEY",
        "CREDENTIALS",
    ];
    let name = name.to_ascii_uppercase();
    let by_name =
        ENDINGS.iter().any(|ending| name == *ending || name.ends_with(&format!("_{ending}")));
    let access_key = ["AKIA", "ASIA"].iter().any(|start| {
        value.match_indices(start).any(|(at, _)| {
            let rest: Vec<u8> = value.bytes().skip(at + 4).take(16).collect();
            rest.len() == 16 && rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        })
    });
    (by_name && !value.is_empty()) || access_key || value.contains("-----BEGIN ")
}

/// Checks the ARN of an IAM role.
pub(super) fn check_role(at: &Path, arn: Option<&str>, problems: &mut Vec<Problem>) {
    let Some(arn) = arn else { return };
    let account = arn.split(':').nth(4).unwrap_or_default();
    let is_role = is_arn(arn, &["iam"])
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && arn.split(':').nth(5).is_some_and(|name| name.len() > 5 && name.starts_with("role/"));
    if !is_role {
        problems.push(
            Problem::error(at.clone(), format!("`{}` is no role's ARN", arn.escape_debug()))
                .remedy("write `arn:aws:iam::123456789012:role/NAME`"),
        );
    }
}

fn is_arn(text: &str, services: &[&str]) -> bool {
    let mut parts = text.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next().is_some_and(|service| services.contains(&service))
        && parts.nth(1).is_some()
        && parts.next().is_some_and(|resource| !resource.is_empty() && !resource.contains(' '))
}

fn is_container_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// The shape of an image reference: no spaces, no scheme, lower-case repository.
fn is_image(image: &str) -> bool {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let digest_is_right = digest.is_none_or(|digest| {
        digest.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    });
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    };
    let tag_is_right = tag.is_none_or(|tag| {
        (1..=128).contains(&tag.len())
            && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    });
    let segment_is_right = |segment: &str| {
        !segment.is_empty()
            && segment
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-:".contains(c))
    };
    !image.is_empty()
        && digest_is_right
        && tag_is_right
        && repository.split('/').all(segment_is_right)
}

fn is_task_definition(text: &str) -> bool {
    let name = match text.strip_prefix("arn:") {
        Some(_) if is_arn(text, &["ecs"]) => match text.split_once(":task-definition/") {
            Some((_, name)) => name,
            None => return false,
        },
        Some(_) => return false,
        None => text,
    };
    let (family, revision) = match name.split_once(':') {
        Some((family, revision)) => (family, Some(revision)),
        None => (name, None),
    };
    let revision_is_right = revision
        .is_none_or(|digits| digits.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == digits));
    is_container_name(family) && revision_is_right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_what_only_looks_like_them() {
        let digest = format!("alpine@sha256:{}", "a".repeat(64));
        for image in [
            "alpine",
            "alpine:3.22",
            "localhost:5000/a/b:1",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/report:1.4.2",
            &digest,
        ] {
            assert!(is_image(image), "{image}");
        }
        for image in ["", "Alpine", "a b", "https://x/y", "alpine:", "a//b", "alpine@sha256:abc"] {
            assert!(!is_image(image), "{image}");
        }
        for text in [
            "thumbnailer",
            "thumbnailer:7",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/thumbnailer:7",
        ] {
            assert!(is_task_definition(text), "{text}");
        }
        for text in [
            "",
            "*",
            "thumbnailer:0",
            "thumbnailer:latest",
            "arn:aws:ecs:eu-west-1:123456789012:cluster/x",
        ] {
            assert!(!is_task_definition(text), "{text}");
        }
    }

    #[test]
    fn secrets_in_plain_text_are_noticed() {
        for (name, value, secret) in [
            ("DB_PASSWORD", "hunter2", true),
            ("password", "x", true),
            ("GITHUB_TOKEN", "ghp_x", true),
            ("CONFIG", "key=AKIAIOSFODNN7EXAMPLE", true),
            ("CERT", "-----BEGIN RSA PRIVATE KEY-----", true),
            ("DB_PASSWORD", "", false),
            ("TOKEN_TTL", "30", false),
            ("DB_HOST", "db", false),
        ] {
            assert_eq!(looks_secret(name, value), secret, "{name}={value}");
        }
    }
}
