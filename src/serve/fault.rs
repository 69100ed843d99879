//! A fault as it is asked for: read, checked, and what it makes of a call.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::OPERATIONS;
use super::faults::{After, Before, Failing, Trouble};
use super::wire::ApiError;

/// Longest delay, which is longer than any SDK waits.
const DELAY_MS_MAX: u64 = 600_000;

/// A fault that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Fault {
    /// Of which operation.
    pub(super) operation: String,
    /// How often.
    #[serde(default)]
    times: Times,
    /// What goes wrong.
    pub(super) fault: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// ThrottlingException, or InvalidParameterException with "Throttling" in its text; no effect.
    Throttle,
    /// ServerException, status 500; no effect.
    ServerError,
    /// The connection is closed without an answer; no effect.
    ConnectionClosed,
    /// The connection is closed without an answer once the effect is done.
    AnswerLost,
    /// The effect is done, and the answer breaks off in its middle.
    AnswerTruncated,
    /// RunTask answers `failures` and starts nothing.
    Failures,
    /// RunTask answers `failures`, and the tasks start all the same.
    FailuresAlthoughStarted,
    /// ListTasks does not show tasks younger than `ms`.
    ListDelay,
    /// The answer comes `ms` later; other faults may come on top.
    Delay,
}

/// How often a fault fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Left(u64),
    Always,
}

impl Default for Times {
    fn default() -> Self {
        Self::Left(1)
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Left(times) => serializer.serialize_u64(*times),
            Self::Always => serializer.serialize_str("always"),
        }
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (value.as_u64(), value.as_str()) {
            (Some(times @ 1..), _) => Ok(Self::Left(times)),
            (_, Some("always")) => Ok(Self::Always),
            _ => Err(serde::de::Error::custom("times is a number from 1, or \"always\"")),
        }
    }
}

impl Fault {
    /// What is wrong with what was asked for.
    pub(super) fn check(&self) -> Result<(), String> {
        let (operation, kind) = (self.operation.as_str(), self.fault);
        if !OPERATIONS.contains(&operation) {
            return Err(format!("`{operation}` is no operation here: {}", OPERATIONS.join(", ")));
        }
        let only = match kind {
            Kind::Failures | Kind::FailuresAlthoughStarted => Some("RunTask"),
            Kind::ListDelay => Some("ListTasks"),
            _ => None,
        };
        if let Some(only) = only.filter(|only| *only != operation) {
            return Err(format!("this fault is for {only} alone"));
        }
        let names = [None, Some("ThrottlingException"), Some("InvalidParameterException")];
        if !names.contains(&self.name.as_deref()) {
            return Err("`name` is ThrottlingException or InvalidParameterException".to_owned());
        }
        let needs_ms = matches!(kind, Kind::Delay | Kind::ListDelay);
        if needs_ms && self.ms.is_none_or(|ms| ms > DELAY_MS_MAX) {
            return Err(format!("this fault needs `ms`, at most {DELAY_MS_MAX}"));
        }
        let needs_reason = matches!(kind, Kind::Failures | Kind::FailuresAlthoughStarted);
        if needs_reason && self.reason.is_none() {
            return Err("this fault needs `reason`, like \"RESOURCE:MEMORY\"".to_owned());
        }
        Ok(())
    }

    /// Whether it stands beside other faults of a call.
    pub(super) fn is_a_delay(&self) -> bool {
        matches!(self.fault, Kind::Delay | Kind::ListDelay)
    }

    fn text(&self, own: &str) -> String {
        self.message.clone().unwrap_or_else(|| own.to_owned())
    }

    fn throttle(&self) -> ApiError {
        match self.name.as_deref() {
            Some("InvalidParameterException") => {
                ApiError::InvalidParameter(self.text("Throttling: Rate exceeded"))
            }
            _ => ApiError::Throttling(self.text("Rate exceeded")),
        }
    }

    pub(super) fn add_to(&self, trouble: &mut Trouble) {
        let ms = Duration::from_millis(self.ms.unwrap_or_default());
        let failing = |lying| Failing {
            reason: self.reason.clone().unwrap_or_default(),
            detail: self.detail.clone(),
            lying,
        };
        match self.fault {
            Kind::Throttle => trouble.before = Some(Before::Answer(self.throttle())),
            Kind::ServerError => {
                let text = self.text("The service is not available now.");
                trouble.before = Some(Before::Answer(ApiError::Server(text)));
            }
            Kind::ConnectionClosed => trouble.before = Some(Before::Close),
            Kind::AnswerLost => trouble.after = Some(After::Lost),
            Kind::AnswerTruncated => trouble.after = Some(After::Truncated),
            Kind::Failures => trouble.failing = Some(failing(false)),
            Kind::FailuresAlthoughStarted => trouble.failing = Some(failing(true)),
            Kind::ListDelay => trouble.list_delay = trouble.list_delay.max(ms),
            Kind::Delay => trouble.delay += ms,
        }
    }

    /// Notes that it fired.
    pub(super) fn count(&mut self) {
        if let Times::Left(times) = &mut self.times {
            *times = times.saturating_sub(1);
        }
    }

    /// Whether it will not fire any more.
    pub(super) fn is_over(&self) -> bool {
        self.times == Times::Left(0)
    }
}
