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
    /// What it was built for: `linux/amd64`, `linux/arm64`; empty where that was not looked at.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// Whether the repository's own policy lets the execution role pull; `None` where the role's
    /// policy alone decides, or the repository's was not seen.
    #[serde(default)]
    pub policy_admits: Option<bool>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether it may.
    pub allowed: bool,
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
    /// Whether none of what it sends to is the events queue; a bucket has nothing to do with that.
    #[serde(default)]
    pub astray: bool,
}

/// How many vCPUs may run, and do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// At most.
    pub vcpus_max: f64,
    /// Now, where that was seen.
    #[serde(default)]
    pub vcpus_used: Option<f64>,
}
