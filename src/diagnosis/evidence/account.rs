//! What the account has beside its network.

use serde::{Deserialize, Serialize};

use crate::diagnosis::Source;

/// An ECS cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// `ACTIVE` when it can be used.
    pub status: String,
    /// The capacity providers it is associated with.
    pub capacity_providers: Vec<String>,
}

/// An image in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// What it was built for: `linux/amd64`, `linux/arm64`.
    #[serde(default)]
    pub platforms: Source<Vec<String>>,
    /// Whether the repository's own policy lets the execution role pull; `None` where the role's
    /// policy alone decides.
    #[serde(default)]
    pub policy_admits: Source<Option<bool>>,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The services that may take it on: `ecs-tasks.amazonaws.com`.
    pub trusted_services: Vec<String>,
    /// What it was asked whether it may.
    #[serde(default)]
    pub decisions: Source<Vec<Decision>>,
}

/// Whether a role may do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// `logs:CreateLogStream`.
    pub action: String,
    /// The ARN, or `*`.
    pub resource: String,
    /// Whether it may; `None` where a condition decides that could not be looked into.
    pub allowed: Option<bool>,
}

/// A log group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    /// The key it is encrypted with, if it is one of the account's own.
    #[serde(default)]
    pub key: Option<String>,
}

/// A secret, or a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Whether it has a current value.
    pub has_value: bool,
    /// Whether it waits to be deleted, and gives its value to nobody.
    #[serde(default)]
    pub deleted: bool,
    /// The key it is encrypted with, if it is one of the account's own.
    #[serde(default)]
    pub key: Option<String>,
}

/// Something that sends events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// Whether it does: a rule or schedule that is enabled, a bucket that tells EventBridge.
    pub enabled: bool,
    /// Whether it sends to the events queue; nobody asks that of a bucket.
    #[serde(default)]
    pub to_queue: Source<bool>,
}

/// How many vCPUs may run, and do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// At most.
    pub vcpus_max: f64,
    /// Now.
    #[serde(default)]
    pub vcpus_used: Source<f64>,
}
