//! One stream of CloudWatch Logs, read forwards: no line is missed, and none comes twice.

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::failure::{Failure, FailureKind};
use super::signed::Service;

/// The permission that reading takes.
pub const PERMISSION: &str = "logs:GetLogEvents";

/// A stream, and how far it was read.
#[derive(Clone, Debug)]
pub struct LogStream {
    /// The group.
    pub group: String,
    /// The stream in it.
    pub name: String,
    /// Where both are.
    pub region: String,
    /// Only what was logged since.
    since: Option<Timestamp>,
    /// Where to go on.
    token: Option<String>,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was logged.
    pub at: Timestamp,
    /// As it was written, without the end of its line.
    pub text: String,
}

/// Part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order they were logged.
    pub lines: Vec<LogLine>,
    /// Whether there is nothing behind it by now.
    pub is_last: bool,
}

/// Why there is no page. The variants are what the reader does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// There is no such group or stream yet: a container makes its stream when it starts.
    #[error("{0}")]
    Missing(String),
    /// Not now: ask again.
    #[error("CloudWatch Logs cannot be reached: {0}")]
    Unavailable(String),
    /// Asking again is of no use.
    #[error("CloudWatch Logs refuses {PERMISSION}: {0}")]
    Refused(String),
}

impl LogStream {
    /// A stream from its beginning, or from a time on.
    pub fn new(group: String, name: String, region: String, since: Option<Timestamp>) -> Self {
        Self { group, name, region, since, token: None }
    }

    /// What comes next
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>).
    pub async fn page(&mut self, aws: &SdkConfig) -> Result<Page, LogError> {
        let service = Service { aws, name: "logs", region: self.region.clone() };
        let answer = service.ask("Logs_20140328.GetLogEvents", &self.question()).await;
        let answer = answer.map_err(|error| to_error(&Failure::of(&error)))?;
        let next = answer["nextForwardToken"].as_str().map(str::to_owned);
        // At the end the token comes back. An empty page with another one is not the end.
        let is_last = next.is_none() || next == self.token;
        self.token = next.or(self.token.take());
        let events = answer["events"].as_array().into_iter().flatten();
        Ok(Page { lines: events.filter_map(to_line).collect(), is_last })
    }

    /// What to say when it is missing.
    pub fn absence(&self, missing: &str) -> String {
        let Self { group, name, region, .. } = self;
        format!("there is no stream {name} in the log group {group} of {region} ({missing})")
    }

    fn question(&self) -> Value {
        let mut question = json!({
            "logGroupName": self.group,
            "logStreamName": self.name,
            "startFromHead": true,
        });
        if let Some(since) = self.since {
            // It knows no time before 1970.
            question["startTime"] = since.as_millisecond().max(0).into();
        }
        if let Some(token) = &self.token {
            question["nextToken"] = token.as_str().into();
        }
        question
    }
}

fn to_line(event: &Value) -> Option<LogLine> {
    let at = Timestamp::from_millisecond(event["timestamp"].as_i64()?).ok()?;
    Some(LogLine { at, text: event["message"].as_str()?.to_owned() })
}

fn to_error(failure: &Failure) -> LogError {
    let text = failure.to_string();
    match failure.kind {
        _ if failure.code == "ResourceNotFoundException" => LogError::Missing(text),
        FailureKind::Unanswered | FailureKind::Unavailable => LogError::Unavailable(text),
        FailureKind::Unsent | FailureKind::Denied | FailureKind::Rejected => {
            LogError::Refused(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_1970_is_asked_for_as_1970() {
        for (since, start) in [(-5, 0), (1_700_000_000_000, 1_700_000_000_000_i64)] {
            let since = Timestamp::from_millisecond(since).ok();
            let stream = LogStream::new("g".to_owned(), "s".to_owned(), "r".to_owned(), since);
            assert_eq!(stream.question()["startTime"], start);
        }
    }
}
