//! What jobs.yaml alone says of a job, and what has to be asked about it. Pure, so that whoever
//! gathers evidence only has to ask.

use std::collections::BTreeSet;

use super::{ContainerDefinition, Definition, LogTarget, Subject, SubjectTrigger};
use crate::diagnosis::Source;
use crate::diagnosis::needs::{ImageName, keeper};
use crate::diagnosis::reach::Service;
use crate::identity::Namespace;
use crate::jobs::{self, Architecture, Job, Network, OwnTrigger, TaskEntry, Trigger};

impl Subject {
    /// What a job asks for, as far as its own words go: a task definition by name, subnets by tags
    /// and a group by name are left to be looked up.
    pub fn of(job: &Job, namespace: &Namespace, region: &str) -> Self {
        let names = |ids: &[String]| match ids {
            [] => Source::NotAsked,
            ids => Source::Seen(ids.to_vec()),
        };
        let network = job.network.clone().unwrap_or_default();
        let Network { subnets, security_groups, assign_public_ip, .. } = network;
        let definition = match &job.task.source {
            jobs::Source::Image(image) => {
                Source::Seen(Some(Definition::of(job, image, namespace, region)))
            }
            jobs::Source::TaskDefinition(_) => Source::NotAsked,
        };
        Self {
            job: job.name.to_string(),
            cluster: job.cluster.clone(),
            capacity: capacity(job),
            container: job.task.container.clone(),
            definition,
            subnets: names(&subnets),
            security_groups: names(&security_groups),
            assign_public_ip,
            enable_execute_command: job.enable_execute_command,
            dispatch_role: None,
            triggers: triggers(job, namespace),
        }
    }
}

/// Each provider once.
fn capacity(job: &Job) -> Vec<String> {
    let mut capacity: Vec<String> = Vec::new();
    for name in job.capacity.iter().map(|capacity| capacity.as_str()) {
        if !capacity.iter().any(|known| known == name) {
            capacity.push(name.to_owned());
        }
    }
    capacity
}

/// Its triggers under the names that triggers.yaml gives them.
fn triggers(job: &Job, namespace: &Namespace) -> Vec<SubjectTrigger> {
    let to_subject = |OwnTrigger { rest, trigger, .. }: OwnTrigger<'_>| {
        let own = format!("{namespace}-{rest}");
        match trigger {
            Trigger::Schedule(schedule) => SubjectTrigger::Schedule {
                name: schedule.name.clone().unwrap_or(own),
                elsewhere: schedule.expression.is_none(),
            },
            Trigger::S3(s3) => SubjectTrigger::Bucket { bucket: s3.bucket.clone(), rule: own },
        }
    };
    job.own_triggers().map(to_subject).collect()
}

impl Definition {
    /// What longshore would register for a job with an image.
    fn of(job: &Job, image: &str, namespace: &Namespace, region: &str) -> Self {
        let entry = &job.task.entry;
        let logs = job.logs.as_ref().map(|logs| LogTarget {
            group: logs.group.clone(),
            region: logs.region.clone().unwrap_or_else(|| region.to_owned()),
            create: logs.create,
        });
        Self {
            name: format!("{namespace}-{}", job.name),
            active: true,
            fargate: true,
            cpu: entry.cpu.unwrap_or(TaskEntry::CPU),
            memory: entry.memory.unwrap_or(TaskEntry::MEMORY),
            architecture: match entry.architecture {
                Some(Architecture::Arm64) => "ARM64".to_owned(),
                Some(Architecture::X86_64) | None => "X86_64".to_owned(),
            },
            windows: false,
            execution_role: entry.execution_role_arn.clone(),
            task_role: entry.task_role_arn.clone(),
            containers: vec![ContainerDefinition {
                name: job.task.container.clone(),
                image: image.to_owned(),
                secrets: entry.secrets.values().cloned().collect(),
                logs,
            }],
        }
    }

    /// A registered one with what the job's own requests change in it.
    pub fn changed_by(mut self, entry: &TaskEntry) -> Self {
        self.cpu = entry.cpu.unwrap_or(self.cpu);
        self.memory = entry.memory.unwrap_or(self.memory);
        self.execution_role = entry.execution_role_arn.clone().or(self.execution_role);
        self.task_role = entry.task_role_arn.clone().or(self.task_role);
        self
    }

    /// What its execution role must be allowed: action and resource, each once.
    pub fn permissions(&self, account: &str, region: &str) -> BTreeSet<(String, String)> {
        let partition = partition(region);
        let mut needed = BTreeSet::new();
        let mut need = |actions: &[&str], resource: &str| {
            let pairs = actions.iter().map(|action| ((*action).to_owned(), resource.to_owned()));
            needed.extend(pairs);
        };
        for container in &self.containers {
            let image = ImageName::of(&container.image);
            if let Some((owner, home)) = image.ecr {
                let partition = self::partition(home);
                let repository =
                    format!("arn:{partition}:ecr:{home}:{owner}:repository/{}", image.repository);
                need(&["ecr:GetAuthorizationToken"], "*");
                need(
                    &[
                        "ecr:BatchCheckLayerAvailability",
                        "ecr:BatchGetImage",
                        "ecr:GetDownloadUrlForLayer",
                    ],
                    &repository,
                );
            }
            if let Some(LogTarget { group, region, create }) = &container.logs {
                let group = format!("arn:{partition}:logs:{region}:{account}:log-group:{group}");
                need(&["logs:CreateLogStream", "logs:PutLogEvents"], &format!("{group}:*"));
                // AWS names a group that is to be made with a colon at its end, as well.
                if *create {
                    need(&["logs:CreateLogGroup"], &format!("{group}:*"));
                }
            }
            for secret in &container.secrets {
                match keeper(secret) {
                    Service::SecretsManager => {
                        need(&["secretsmanager:GetSecretValue"], whole_secret(secret));
                    }
                    _ if secret.starts_with("arn:") => need(&["ssm:GetParameters"], secret),
                    _ => {
                        let name = secret.trim_start_matches('/');
                        let arn =
                            format!("arn:{partition}:ssm:{region}:{account}:parameter/{name}");
                        need(&["ssm:GetParameters"], &arn);
                    }
                }
            }
        }
        needed
    }
}

/// The partition that a region's ARNs name.
pub fn partition(region: &str) -> &'static str {
    match region.split('-').take(2).collect::<Vec<_>>().as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov"] => "aws-us-gov",
        _ => "aws",
    }
}

/// A secret's ARN without the key, stage and version in it that a task definition may ask for
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>).
pub fn whole_secret(secret: &str) -> &str {
    let end = secret.match_indices(':').nth(6).map_or(secret.len(), |(at, _)| at);
    secret.get(..end).unwrap_or(secret)
}

#[cfg(test)]
mod tests;
