//! Why a task did not start or did not last, read from nothing but ECS's own words.
//!
//! ECS says what went wrong in texts that were written by many hands, differ in case and quotes,
//! and are cut off. Each family of them is known by a few words and has one cause, one sentence and
//! one remedy (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>).
//! Where one text has several causes, the cause says so, and evidence from the account decides.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::event::StopCode;

mod families;
mod kind;
mod text;

pub use kind::Kind;

/// A longer name says less than its sentence does without it.
const NAME_CHARS_MAX: usize = 200;

/// What went wrong, as far as a text tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Its stable name.
    pub kind: Kind,
    /// In one sentence.
    pub sentence: String,
    /// What to do.
    pub remedy: String,
}

impl Cause {
    /// The cause that a reason of ECS's names: a `stoppedReason`, a container's `reason`, or the
    /// reason of a failure of RunTask. `None` for words that are not known.
    pub fn of_reason(reason: &str, stop_code: Option<&StopCode>) -> Option<Self> {
        let words = text::normalise(reason);
        let kind = families::kind_of(&words).or_else(|| match stop_code? {
            StopCode::SpotInterruption | StopCode::TerminationNotice => {
                Some(Kind::SpotInterruption)
            }
            StopCode::InfrastructureHealth => Some(Kind::HostFailed),
            StopCode::TaskFailedToStart
            | StopCode::EssentialContainerExited
            | StopCode::UserInitiated
            | StopCode::ServiceSchedulerInitiated
            | StopCode::Other(_) => None,
        })?;
        Some(Self::of(kind, about(reason)))
    }

    /// A cause, about a thing.
    fn of(kind: Kind, about: Option<&str>) -> Self {
        let about = about.map_or_else(String::new, |about| format!(" ({about})"));
        Self {
            kind,
            sentence: format!("{}{about}", kind.sentence()),
            remedy: kind.remedy().to_owned(),
        }
    }
}

/// What the text is about: the first subnet, secret or parameter it names.
fn about(reason: &str) -> Option<&str> {
    // A pattern that is wrong would be found by the first test: without it nothing is named.
    static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"subnet-[0-9a-f]{8,17}|arn:aws[a-z-]*:(?:secretsmanager|ssm):[A-Za-z0-9:/_+=.@-]*[A-Za-z0-9]").ok()
    });
    let found = NAMES.as_ref()?.find(reason)?;
    (found.len() <= NAME_CHARS_MAX).then(|| found.as_str())
}

#[cfg(test)]
mod tests;
