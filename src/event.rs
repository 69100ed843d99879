//! What arrived: every payload AWS, a person or longshore itself can hand to a function, read at
//! one door into an [`Event`].
//!
//! A payload may wrap others: an SQS batch holds messages, a message may hold an SNS notification,
//! a notification may hold S3 records. [`read`] takes the wrappers off; each innermost thing is
//! read alone, so one that cannot be read never hurts its neighbours.
//!
//! The wire types are `aws_lambda_events`' where they fit ([`SqsMessage`], [`EventBridgeEvent`]
//! with the detail left open, because Scheduler sends it as a string). Ours are used where they do
//! not: S3 records and SNS notifications there demand fields we never look at (`userIdentity`,
//! `Signature`, ...), and an event must not be lost for the lack of one; ECS task states do not
//! exist there.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::SqsMessage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::identity::{JobName, RunId, quote};

mod json;
mod manual;
mod notice;
mod rerun;
mod s3;
mod schedule;
mod task_state;

pub use manual::{KEY_CHARS_MAX, Manual};
pub use notice::{Observation, Observed, Reminder};
pub use rerun::Rerun;
pub use s3::Object;
pub use schedule::Schedule;
pub(crate) use task_state::RUN_ID_VARIABLE;
pub use task_state::{
    Container, ContainerOverride, EphemeralStorage, LastStatus, NameValue, StopCode, TaskOverride,
    TaskState,
};

/// Wrappers within wrappers at most: S3 in SNS in SQS is three.
const WRAPPERS_MAX: u32 = 4;

/// One thing that arrived.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A schedule fired.
    Schedule(Schedule),
    /// An object was created in S3.
    S3(Object),
    /// Somebody asked for a run.
    Manual(Manual),
    /// Somebody asked for a run once more.
    Rerun(Rerun),
    /// ECS tells where a task stands.
    TaskState(Box<TaskState>),
    /// longshore reminds itself of a run.
    Reminder(Reminder),
    /// longshore saw what ECS will never tell.
    Observation(Observation),
    /// Nothing to act on: S3's test message when a notification is configured.
    Test,
}

impl Event {
    /// The kind, as it is printed and hashed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Schedule(_) => "schedule",
            Self::S3(_) => "s3",
            Self::Manual(_) => "manual",
            Self::Rerun(_) => Occurrence::RERUN,
            Self::TaskState(_) => "taskState",
            Self::Reminder(_) => "reminder",
            Self::Observation(_) => "observation",
            Self::Test => "s3TestEvent",
        }
    }

    /// The identity every duplicate of this event shares; `None` for an event that starts no run.
    pub fn occurrence(&self) -> Option<Occurrence> {
        match self {
            Self::Schedule(schedule) => Some(schedule.occurrence()),
            Self::S3(object) => Some(object.occurrence()),
            Self::Manual(manual) => Some(manual.occurrence()),
            Self::Rerun(rerun) => Some(rerun.occurrence()),
            Self::TaskState(_) | Self::Reminder(_) | Self::Observation(_) | Self::Test => None,
        }
    }

    /// When what the event tells of happened, where the event says so.
    pub fn happened_at(&self) -> Option<Timestamp> {
        match self {
            Self::Schedule(schedule) => Some(schedule.scheduled_time),
            Self::S3(object) => object.time,
            Self::TaskState(_)
            | Self::Manual(_)
            | Self::Rerun(_)
            | Self::Reminder(_)
            | Self::Observation(_)
            | Self::Test => None,
        }
    }

    /// The values a job's templates may use, by name.
    pub fn values(&self) -> Values {
        match self {
            Self::Schedule(schedule) => schedule.values(),
            Self::S3(object) => object.values(),
            // A rerun has those of the run it names.
            Self::Manual(_)
            | Self::Rerun(_)
            | Self::TaskState(_)
            | Self::Reminder(_)
            | Self::Observation(_)
            | Self::Test => Values::new(),
        }
    }
}

/// Template values by name.
pub type Values = std::collections::BTreeMap<String, String>;

/// The identity that every duplicate of an event shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The event's kind.
    pub kind: String,
    /// What tells it from every other event of its kind.
    pub parts: Vec<String>,
}

impl Occurrence {
    /// The kind of a run that was asked for once more.
    const RERUN: &str = "rerun";

    /// The run that is done again, where this is a rerun.
    pub fn rerun_of(&self) -> Option<&str> {
        match (self.kind.as_str(), self.parts.as_slice()) {
            (Self::RERUN, [run, _]) => Some(run),
            _ => None,
        }
    }

    fn new<const N: usize>(kind: &str, parts: [String; N]) -> Self {
        Self { kind: kind.to_owned(), parts: parts.into() }
    }

    /// The run of `job` for this occurrence.
    pub fn run_id(&self, job: &JobName) -> RunId {
        let parts: Vec<&str> = self.parts.iter().map(String::as_str).collect();
        RunId::derive(job, &self.kind, &parts)
    }
}

impl std::fmt::Display for Occurrence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.as_str();
        match (kind, self.parts.as_slice()) {
            ("s3", [bucket, key, version, sequencer]) => {
                write!(f, "s3://{bucket}/{key}")?;
                let marks = [("version", version), ("sequencer", sequencer)];
                for (name, mark) in marks.into_iter().filter(|(_, mark)| !mark.is_empty()) {
                    write!(f, " {name} {mark}")?;
                }
                Ok(())
            }
            ("schedule", [name, time]) => write!(f, "schedule {name} {time}"),
            (Self::RERUN, [run, key]) => write!(f, "rerun of {run}, key {key}"),
            (_, parts) => write!(f, "{kind} {}", parts.join(" ")),
        }
    }
}

/// Why something that arrived cannot be read. The messages name fields, kinds and jobs, cut and
/// escaped; they never quote another value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a JSON object, or not JSON at all.
    #[error("not_json_object: {0}")]
    NotJsonObject(String),
    /// One name twice in one object: which one counts would be a guess.
    #[error("duplicate_key: `{0}` stands twice in one object")]
    DuplicateKey(String),
    /// More than we read.
    #[error("too_large: {0}")]
    TooLarge(String),
    /// JSON, but of no kind we know.
    #[error(
        "unknown_kind: {0}; known are EventBridge's Scheduled Event, Object Created and ECS Task \
         State Change, S3 notifications, these in SQS or SNS, {{\"job\": .., \"parameters\": .., \
         \"key\": ..}} and {{\"rerun\": .., \"parameters\": .., \"key\": ..}}"
    )]
    UnknownKind(String),
    /// A kind we know with something missing or wrong.
    #[error("malformed {kind}: {problem}")]
    Malformed {
        /// The kind.
        kind: &'static str,
        /// What is missing or wrong.
        problem: String,
    },
}

impl Unreadable {
    fn malformed(kind: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Malformed { kind, problem: problem.to_string() }
    }

    /// What serde says, in JSON's words and without the value it met, which may be a secret.
    fn mistyped(kind: &'static str, error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let text = error.inner().to_string();
        let place = match error.path().to_string().as_str() {
            "." => "a value".to_owned(),
            path => format!("`{}`", quote(path)),
        };
        let begins = |words: [&str; 2]| words.iter().any(|word| text.starts_with(word));
        let problem = match text.rsplit_once(", expected ") {
            Some((_, expected)) if begins(["invalid ", "unknown variant "]) => {
                format!("{place} must be {}", in_words_of_json(expected))
            }
            _ if begins(["missing field ", "duplicate field "]) => match place.as_str() {
                "a value" => text,
                place => format!("{place}: {text}"),
            },
            _ if place == "`time`" => format!("{place} is no time like 2026-11-24T02:00:00Z"),
            _ => format!("{place} cannot be read"),
        };
        Self::Malformed { kind, problem }
    }
}

/// What serde expects, in words that do not need Rust.
fn in_words_of_json(expected: &str) -> &str {
    match expected {
        "u32" | "u64" => "a whole number, not below 0",
        "i32" | "i64" => "a whole number",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// Reads a value as a type of ours; what does not fit is named by its place.
fn typed<T: serde::de::DeserializeOwned>(
    kind: &'static str,
    value: &Value,
) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(value).map_err(|error| Unreadable::mistyped(kind, &error))
}

/// What one message held. A payload that came without a queue is one delivery.
#[derive(Debug)]
pub struct Delivery {
    /// The SQS message id, or the id the caller gave to the whole payload.
    pub id: String,
    /// Whether a queue hands it out again until it is acknowledged.
    pub queued: bool,
    /// How many times SQS has handed this message out, from 1.
    pub receives: u32,
    /// What it said, for the reject queue.
    pub body: String,
    /// What was in it, in order: usually one, for S3 notifications one for each record.
    pub events: Vec<Result<Event, Unreadable>>,
}

/// Reads a payload: an SQS batch gives one delivery for each message, all else gives one.
///
/// `id` names the payload (Lambda's request id, a fresh UUID on the command line); a manual event
/// without a key of its own is known by it, or by its SQS message id, which redeliveries share.
pub fn read(payload: &[u8], id: &str) -> Vec<Delivery> {
    let whole = |events| {
        vec![Delivery {
            id: id.to_owned(),
            queued: false,
            receives: 1,
            body: String::from_utf8_lossy(payload).into_owned(),
            events,
        }]
    };
    let value = match json::parse_payload(payload) {
        Ok(value) => value,
        Err(unreadable) => return whole(vec![Err(unreadable)]),
    };
    match records_from(&value, "aws:sqs") {
        Some(messages) => messages.iter().map(|message| read_message(message, id)).collect(),
        None if is_wrapped(&value) => match json::without_nul(value) {
            Ok(value) => whole(read_value(&value, id, 0)),
            Err(unreadable) => whole(vec![Err(unreadable)]),
        },
        // One event alone is held to the size of one message, however it came.
        None => whole(read_body(payload, id)),
    }
}

fn is_wrapped(value: &Value) -> bool {
    value.get("Records").is_some()
}

/// The `Records` of a Lambda event when they come from `source` (`eventSource`, spelled
/// `EventSource` by SNS).
fn records_from<'a>(value: &'a Value, source: &str) -> Option<&'a [Value]> {
    let records = value.get("Records")?.as_array()?;
    let ours = |record: &Value| {
        ["eventSource", "EventSource"]
            .iter()
            .any(|name| record.get(name).and_then(Value::as_str) == Some(source))
    };
    (!records.is_empty() && records.iter().any(ours)).then_some(records.as_slice())
}

fn read_message(message: &Value, payload_id: &str) -> Delivery {
    let message: SqsMessage = match typed("SQS message", message) {
        Ok(message) => message,
        Err(unreadable) => {
            // Without a readable frame there is still an id to answer for.
            let id = message.get("messageId").and_then(Value::as_str).unwrap_or(payload_id);
            return Delivery {
                id: id.to_owned(),
                queued: true,
                receives: 1,
                body: message.to_string(),
                events: vec![Err(unreadable)],
            };
        }
    };
    let id = message.message_id.unwrap_or_else(|| payload_id.to_owned());
    let receives = message
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    let events = match &message.body {
        Some(body) => read_body(body.as_bytes(), &id),
        None => vec![Err(Unreadable::malformed("SQS message", "it has no body"))],
    };
    Delivery { id, queued: true, receives, body: message.body.unwrap_or_default(), events }
}

/// Reads the body of one message.
pub fn read_body(body: &[u8], id: &str) -> Vec<Result<Event, Unreadable>> {
    read_wrapped(body, id, 0)
}

fn read_wrapped(body: &[u8], id: &str, wrappers: u32) -> Vec<Result<Event, Unreadable>> {
    match json::parse_message(body) {
        Ok(value) => read_value(&value, id, wrappers),
        Err(unreadable) => vec![Err(unreadable)],
    }
}

fn read_value(value: &Value, id: &str, wrappers: u32) -> Vec<Result<Event, Unreadable>> {
    if wrappers > WRAPPERS_MAX {
        let problem = format!("more than {WRAPPERS_MAX} envelopes within each other");
        return vec![Err(Unreadable::TooLarge(problem))];
    }
    if let Some(records) = records_from(value, "aws:sns") {
        return records
            .iter()
            .flat_map(|record| read_notification(record.get("Sns"), id, wrappers))
            .collect();
    }
    if let Some(records) = records_from(value, "aws:sqs") {
        return records
            .iter()
            .flat_map(|record| read_text(record.get("body"), "SQS message", id, wrappers))
            .collect();
    }
    if let Some(records) = value.get("Records") {
        return match records.as_array().map(Vec::as_slice) {
            None => vec![Err(Unreadable::malformed("Records", "it must be a list"))],
            Some([]) => vec![Err(Unreadable::malformed("Records", "the list is empty"))],
            Some(records) => records.iter().map(s3::read_record).collect(),
        };
    }
    // SNS to SQS without raw delivery.
    if value.get("Type").and_then(Value::as_str) == Some("Notification") {
        return read_notification(Some(value), id, wrappers);
    }
    vec![read_one(value, id)]
}

fn read_notification(
    notification: Option<&Value>,
    id: &str,
    wrappers: u32,
) -> Vec<Result<Event, Unreadable>> {
    let field = |name: &str| notification.and_then(|notification| notification.get(name));
    // SNS's own id is shared by its redeliveries, and told from its neighbours in one payload.
    let id = field("MessageId").and_then(Value::as_str).unwrap_or(id);
    read_text(field("Message"), "SNS notification", id, wrappers)
}

fn read_text(
    text: Option<&Value>,
    kind: &'static str,
    id: &str,
    wrappers: u32,
) -> Vec<Result<Event, Unreadable>> {
    match text.and_then(Value::as_str) {
        Some(text) => read_wrapped(text.as_bytes(), id, wrappers + 1),
        None => vec![Err(Unreadable::malformed(kind, "it has no text inside"))],
    }
}

/// Reads an object that wraps no other.
fn read_one(value: &Value, id: &str) -> Result<Event, Unreadable> {
    if value.get("detail-type").is_some() {
        return read_envelope(value);
    }
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Event::Test);
    }
    if value.get("longshore").is_some() {
        return notice::read(value);
    }
    if value.get("rerun").is_some() {
        return rerun::read(value, id).map(Event::Rerun);
    }
    if value.get("scheduledTime").is_some() {
        return schedule::read_input(value).map(Event::Schedule);
    }
    if value.get("job").is_some() {
        return manual::read(value, id).map(Event::Manual);
    }
    let keys: Vec<String> = value
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys())
        .take(5)
        .map(|key| format!("`{}`", quote(key)))
        .collect();
    Err(Unreadable::UnknownKind(match keys.as_slice() {
        [] => "an empty object".to_owned(),
        keys => format!("an object with {}", keys.join(", ")),
    }))
}

/// Reads what came in EventBridge's envelope.
fn read_envelope(value: &Value) -> Result<Event, Unreadable> {
    let envelope: EventBridgeEvent<Value> = typed("EventBridge event", value)?;
    match (envelope.source.as_str(), envelope.detail_type.as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => {
            schedule::read_envelope(&envelope).map(Event::Schedule)
        }
        ("aws.s3", "Object Created") => s3::read_envelope(&envelope).map(Event::S3),
        ("aws.ecs" | TaskState::OBSERVED_SOURCE, TaskState::DETAIL_TYPE) => {
            task_state::read_envelope(envelope).map(|state| Event::TaskState(Box::new(state)))
        }
        (source, detail_type) => Err(Unreadable::UnknownKind(format!(
            "`{}` from `{}`",
            quote(detail_type),
            quote(source)
        ))),
    }
}

/// EventBridge's time as ours.
fn time_of<T: Serialize + serde::de::DeserializeOwned>(
    envelope: &EventBridgeEvent<T>,
) -> Option<Timestamp> {
    Timestamp::from_millisecond(envelope.time?.timestamp_millis()).ok()
}

#[cfg(test)]
mod tests;
