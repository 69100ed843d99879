//! What became of asking one source: nobody has every permission, and what was not seen must hide
//! nothing but itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One source of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source<T> {
    /// What was seen. That something does not exist is seen as well.
    Seen(T),
    /// AWS refused to say.
    Refused {
        /// The permission that is missing: `ec2:DescribeSubnets`.
        permission: String,
    },
    /// AWS could not be asked, or did not answer in time.
    Failed {
        /// In a few words.
        reason: String,
    },
    /// Nobody asked.
    #[default]
    NotAsked,
}

/// Why a source says nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// This permission is missing.
    Refused(String),
    /// It could not be asked, for this reason.
    Failed(String),
    /// Nobody asked for this.
    NotAsked(&'static str),
}

impl<T> Source<T> {
    /// What was seen; `what` names the source for whoever has to be told that it was not.
    pub fn seen(&self, what: &'static str) -> Result<&T, Unseen> {
        match self {
            Self::Seen(seen) => Ok(seen),
            Self::Refused { permission } => Err(Unseen::Refused(permission.clone())),
            Self::Failed { reason } => Err(Unseen::Failed(reason.clone())),
            Self::NotAsked => Err(Unseen::NotAsked(what)),
        }
    }
}

impl<T> From<Result<T, Unseen>> for Source<T> {
    fn from(answer: Result<T, Unseen>) -> Self {
        match answer {
            Ok(seen) => Self::Seen(seen),
            Err(Unseen::Refused(permission)) => Self::Refused { permission },
            Err(Unseen::Failed(reason)) => Self::Failed { reason },
            Err(Unseen::NotAsked(_)) => Self::NotAsked,
        }
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(permission) => write!(f, "not allowed to look: {permission} is missing"),
            Self::Failed(reason) => write!(f, "could not be asked: {reason}"),
            Self::NotAsked(what) => write!(f, "{what} were not asked for"),
        }
    }
}

impl Unseen {
    /// What would let us look.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Refused(permission) => Some(format!("allow {permission} to whoever asks")),
            Self::Failed(_) | Self::NotAsked(_) => None,
        }
    }
}
