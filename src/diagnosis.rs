//! Why a task does not start: findings from evidence, and the one thing that is broken.
//!
//! Gathering and judging are apart. [`Evidence`] is a document: every source either with what was
//! seen, or with the permission that was missing. The rules are pure, so whoever is sent the
//! document comes to the same findings.

use serde::{Deserialize, Serialize};

pub mod evidence;
mod finding;
mod joined;
mod needs;
pub mod reach;
mod redact;
mod rules;
mod source;
pub mod world;

pub use evidence::Evidence;
pub use finding::{Check, Finding, Status};
pub use joined::NamedCause;
#[cfg(feature = "aws")]
pub(crate) use needs::ImageName;
pub use redact::redact;
pub use source::{Source, Unseen};

/// What a diagnosis comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The one thing that is broken.
    pub cause: Option<NamedCause>,
    /// Everything that was looked at, in the order of a task's way.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether nothing is broken.
    pub fn is_good(&self) -> bool {
        self.cause.is_none() && self.findings.iter().all(|finding| finding.status != Status::Fail)
    }
}

/// Judges the evidence.
pub fn diagnose(evidence: &Evidence) -> Diagnosis {
    let findings = rules::findings(evidence);
    Diagnosis { cause: joined::cause(evidence, &findings), findings }
}

#[cfg(test)]
mod tests;
