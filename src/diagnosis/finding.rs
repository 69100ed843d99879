//! Findings: one result of a diagnosis each, under a name that stays.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Unseen;

/// What is looked at. The order is that of a task's way: whatever is broken first stops it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What starts a run: bucket, rule, schedule and the queue's policy.
    Trigger,
    /// The cluster exists and is active.
    Cluster,
    /// The cluster has the capacity provider.
    CapacityProvider,
    /// The task definition exists, is active and is Fargate's.
    TaskDefinition,
    /// The main container is in it.
    Container,
    /// Fargate sells this pair of sizes.
    CpuMemory,
    /// Dispatch may hand over both roles.
    PassRole,
    /// The execution role exists and ECS may take it on.
    ExecutionRole,
    /// The task role exists and ECS may take it on.
    TaskRole,
    /// The account may run so many vCPUs.
    Quota,
    /// The subnets exist, are usable and are in one VPC.
    Subnets,
    /// They have addresses left.
    FreeAddresses,
    /// They are in more than one zone.
    Zones,
    /// Names are resolved in the VPC.
    VpcDns,
    /// A public address where the way out needs one.
    PublicIp,
    /// The way to each needed service.
    Route,
    /// VPC endpoints on that way.
    Endpoint,
    /// The task's security groups let it out.
    SecurityGroup,
    /// The network ACLs let question and answer through.
    NetworkAcl,
    /// What the execution role may do.
    ExecutionRolePermissions,
    /// Secrets and parameters exist and have a value.
    Secrets,
    /// The image exists and may be pulled.
    Image,
    /// It was built for the task's processor.
    ImagePlatform,
    /// The log group exists.
    LogGroup,
    /// What ECS itself says of a run's task.
    Task,
}

impl Check {
    /// Every check, in the order of a task's way.
    pub const ALL: [Self; 25] = [
        Self::Trigger,
        Self::Cluster,
        Self::CapacityProvider,
        Self::TaskDefinition,
        Self::Container,
        Self::CpuMemory,
        Self::PassRole,
        Self::ExecutionRole,
        Self::TaskRole,
        Self::Quota,
        Self::Subnets,
        Self::FreeAddresses,
        Self::Zones,
        Self::VpcDns,
        Self::PublicIp,
        Self::Route,
        Self::Endpoint,
        Self::SecurityGroup,
        Self::NetworkAcl,
        Self::ExecutionRolePermissions,
        Self::Secrets,
        Self::Image,
        Self::ImagePlatform,
        Self::LogGroup,
        Self::Task,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Cluster => "cluster",
            Self::CapacityProvider => "capacity-provider",
            Self::TaskDefinition => "task-definition",
            Self::Container => "container",
            Self::CpuMemory => "cpu-memory",
            Self::PassRole => "pass-role",
            Self::ExecutionRole => "execution-role",
            Self::TaskRole => "task-role",
            Self::Quota => "quota",
            Self::Subnets => "subnets",
            Self::FreeAddresses => "free-addresses",
            Self::Zones => "zones",
            Self::VpcDns => "vpc-dns",
            Self::PublicIp => "public-ip",
            Self::Route => "route",
            Self::Endpoint => "endpoint",
            Self::SecurityGroup => "security-group",
            Self::NetworkAcl => "network-acl",
            Self::ExecutionRolePermissions => "execution-role-permissions",
            Self::Secrets => "secrets",
            Self::Image => "image",
            Self::ImagePlatform => "image-platform",
            Self::LogGroup => "log-group",
            Self::Task => "task",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// This keeps tasks from starting or doing their work.
    Fail,
    /// This works now, and will not always.
    Warn,
    /// Nobody could look.
    Skipped,
    /// Looked at and fine.
    Ok,
}

/// One result of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How it came out.
    pub status: Status,
    /// Of what: a job, and where there are several the service, role, subnet ...
    pub subject: String,
    /// What was seen, in one sentence.
    pub evidence: String,
    /// What to do, ready to be pasted where it can be.
    pub remedy: Option<String>,
}

impl Finding {
    /// Fine.
    pub fn ok(check: Check, subject: &str, evidence: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, subject, evidence.into(), None)
    }

    /// Not for ever.
    pub fn warn(
        check: Check,
        subject: &str,
        evidence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(check, Status::Warn, subject, evidence.into(), Some(remedy.into()))
    }

    /// Broken.
    pub fn fail(
        check: Check,
        subject: &str,
        evidence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(check, Status::Fail, subject, evidence.into(), Some(remedy.into()))
    }

    /// Not seen.
    pub fn skipped(check: Check, subject: &str, unseen: &Unseen) -> Self {
        Self::new(check, Status::Skipped, subject, unseen.to_string(), unseen.remedy())
    }

    /// Seen in part: what was, and why the rest was not.
    pub fn partly(check: Check, subject: &str, seen: &str, unseen: &Unseen) -> Self {
        let evidence = format!("{seen}; {unseen}");
        Self::new(check, Status::Skipped, subject, evidence, unseen.remedy())
    }

    /// Not to be known from here, with no permission that would change it.
    pub fn open(check: Check, subject: &str, evidence: impl Into<String>) -> Self {
        Self::new(check, Status::Skipped, subject, evidence.into(), None)
    }

    fn new(
        check: Check,
        status: Status,
        subject: &str,
        evidence: String,
        remedy: Option<String>,
    ) -> Self {
        Self { check, status, subject: subject.to_owned(), evidence, remedy }
    }
}
