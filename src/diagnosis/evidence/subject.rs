//! What a job asks for, with everything looked up that only names stand for in jobs.yaml.

use serde::{Deserialize, Serialize};

use crate::diagnosis::Source;

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its name.
    pub job: String,
    /// The cluster, by name.
    pub cluster: String,
    /// Capacity providers it may use; none is Fargate on demand.
    #[serde(default)]
    pub capacity: Vec<String>,
    /// The main container.
    pub container: String,
    /// The task definition, or the one that longshore would register; `None` where ECS has none.
    #[serde(default)]
    pub definition: Source<Option<Definition>>,
    /// The subnets its network means.
    #[serde(default)]
    pub subnets: Source<Vec<String>>,
    /// The security groups its network means.
    #[serde(default)]
    pub security_groups: Source<Vec<String>>,
    /// Whether tasks get a public address.
    #[serde(default)]
    pub assign_public_ip: bool,
    /// Whether `aws ecs execute-command` may enter them.
    #[serde(default)]
    pub enable_execute_command: bool,
    /// The role of the function that starts it.
    #[serde(default)]
    pub dispatch_role: Option<String>,
    /// What starts it.
    #[serde(default)]
    pub triggers: Vec<SubjectTrigger>,
}

/// Something that starts a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SubjectTrigger {
    /// A schedule of EventBridge Scheduler's.
    Schedule {
        /// Its name.
        name: String,
        /// Whether triggers.yaml does not make it: it may be a rule of EventBridge's as well.
        #[serde(default)]
        elsewhere: bool,
    },
    /// Objects in a bucket, by a rule.
    Bucket {
        /// The bucket.
        bucket: String,
        /// The rule.
        rule: String,
    },
}

/// A task definition, with what the job changes in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// `family:revision`, or the family alone where longshore registers it.
    pub name: String,
    /// Whether it can be used.
    pub active: bool,
    /// Whether it was checked for Fargate.
    pub fargate: bool,
    /// ECS units.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// `X86_64` or `ARM64`.
    pub architecture: String,
    /// Whether its containers are of Windows, and not of Linux.
    #[serde(default)]
    pub windows: bool,
    /// By ARN.
    #[serde(default)]
    pub execution_role: Option<String>,
    /// By ARN.
    #[serde(default)]
    pub task_role: Option<String>,
    /// Its containers.
    pub containers: Vec<ContainerDefinition>,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDefinition {
    /// Its name.
    pub name: String,
    /// Its image's whole reference.
    pub image: String,
    /// Secrets and parameters, as it names them.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Where its output goes, if that is CloudWatch.
    #[serde(default)]
    pub logs: Option<LogTarget>,
}

/// A log group that a container writes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogTarget {
    /// Its name.
    pub group: String,
    /// Its region.
    pub region: String,
    /// Whether the execution role makes it.
    #[serde(default)]
    pub create: bool,
}

impl LogTarget {
    /// What the evidence has the group under: groups of two regions may have one name.
    pub fn key(&self) -> String {
        format!("{}:{}", self.region, self.group)
    }
}
