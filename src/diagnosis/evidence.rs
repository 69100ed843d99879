//! Everything a diagnosis rests on, as one document that can be kept and sent: whoever has it comes
//! to the same findings without any access to the account.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Source;
use super::world::World;

mod account;
mod asked;
mod run;
mod subject;

pub use account::{Cluster, Decision, Image, LogGroup, Quota, Role, Secret, Trigger};
pub use asked::{partition, whole_secret};
pub use run::RunSeen;
pub use subject::{ContainerDefinition, Definition, LogTarget, Subject, SubjectTrigger};

/// The version of the format that this longshore writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What was seen, and what could not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Of the format.
    pub version: u32,
    /// When it was gathered.
    pub gathered_at: Timestamp,
    /// The account.
    pub account: Option<String>,
    /// The region.
    pub region: String,
    /// The run that is asked about, if one is.
    #[serde(default)]
    pub run: Option<RunSeen>,
    /// What the jobs ask for.
    pub jobs: Vec<Subject>,
    /// Clusters by name; `None` where ECS has none.
    #[serde(default)]
    pub clusters: BTreeMap<String, Source<Option<Cluster>>>,
    /// Images by their whole reference; `None` where the registry has none.
    #[serde(default)]
    pub images: BTreeMap<String, Source<Option<Image>>>,
    /// Roles by ARN.
    #[serde(default)]
    pub roles: BTreeMap<String, Source<Option<Role>>>,
    /// Log groups: `REGION:NAME`.
    #[serde(default)]
    pub log_groups: BTreeMap<String, Source<Option<LogGroup>>>,
    /// Secrets and parameters as task definitions name them.
    #[serde(default)]
    pub secrets: BTreeMap<String, Source<Option<Secret>>>,
    /// Buckets, rules and schedules: `bucket/NAME`, `rule/NAME`, `schedule/NAME`.
    #[serde(default)]
    pub triggers: BTreeMap<String, Source<Option<Trigger>>>,
    /// Whether the events queue lets in what rules send; `None` where there is none.
    #[serde(default)]
    pub queue_admits: Source<Option<bool>>,
    /// vCPUs by capacity provider.
    #[serde(default)]
    pub quotas: BTreeMap<String, Source<Quota>>,
    /// What EC2 has.
    #[serde(default)]
    pub network: World,
}

/// Why a text is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Written by a newer longshore.
    #[error(
        "the evidence has format version {0}, and this longshore reads {FORMAT_VERSION}: use the \
         longshore that wrote it"
    )]
    Newer(u64),
    /// Written by nobody.
    #[error("the evidence has format version {0}, and the first one is 1")]
    NoVersion(u64),
    /// Not evidence at all.
    #[error("this is no evidence, as `longshore doctor --save FILE` keeps it: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl Evidence {
    /// Evidence without anything in it yet.
    pub fn new(region: &str, gathered_at: Timestamp) -> Self {
        Self {
            version: FORMAT_VERSION,
            gathered_at,
            account: None,
            region: region.to_owned(),
            run: None,
            jobs: Vec::new(),
            clusters: BTreeMap::new(),
            images: BTreeMap::new(),
            roles: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            secrets: BTreeMap::new(),
            triggers: BTreeMap::new(),
            queue_admits: Source::NotAsked,
            quotas: BTreeMap::new(),
            network: World::default(),
        }
    }

    /// Reads what was kept.
    pub fn read(text: &str) -> Result<Self, EvidenceError> {
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        // The version first: what a newer one looks like cannot be known.
        let Version { version } = serde_json::from_str(text)?;
        if version == 0 {
            return Err(EvidenceError::NoVersion(version));
        }
        if version > u64::from(FORMAT_VERSION) {
            return Err(EvidenceError::Newer(version));
        }
        Ok(serde_json::from_str(text)?)
    }
}
