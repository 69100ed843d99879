//! The queues of an account in SQS, and its event bus in EventBridge.

use std::sync::OnceLock;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::MessageAttributeValue;
use jiff::SignedDuration;
use serde_json::json;

use super::{Message, Outcome, Queue, QueueError, QueueName};
use crate::identity::Namespace;
use crate::run::shorten;

pub mod dead;
mod failure;

use failure::failed;

/// Seconds that SQS holds a message back at most
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
const DELAY_SECS_MAX: i32 = 900;
/// Bytes of a message at most, its attributes included: SQS takes 1 MiB.
const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// Bytes kept for the attribute `reason`: its value, its name and its type.
const ATTRIBUTE_BYTES: usize = 2_048;
/// The source of our events.
const SOURCE: &str = "longshore";
/// Calls of PutEvents that the bus takes and answers with a failed entry, at most.
const EMIT_TRIES: u32 = 2;

/// Where messages and events go: URLs of queues, the name of the bus. A function has those it
/// sends to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// What dispatch receives: `EVENTS_QUEUE_URL`.
    pub events: Option<String>,
    /// What record receives: `STATES_QUEUE_URL`.
    pub states: Option<String>,
    /// What could not be acted upon: `REJECT_QUEUE_URL`.
    pub reject: Option<String>,
    /// Who listens for outcomes: `EVENT_BUS_NAME`.
    pub bus: Option<String>,
}

/// The queues and the bus of one account and region.
#[derive(Debug)]
pub struct SqsQueue {
    config: SdkConfig,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
    queues: Queues,
}

impl Queues {
    /// The events queue of an installation, found by its name.
    pub async fn find_events(
        config: &SdkConfig,
        namespace: &Namespace,
    ) -> Result<Self, QueueError> {
        let sqs = aws_sdk_sqs::Client::new(config);
        let events = url_of(&sqs, format!("{namespace}-{}", QueueName::Events.as_str())).await?;
        Ok(Self { events: Some(events), ..Self::default() })
    }

    fn url(&self, queue: QueueName) -> Result<&str, QueueError> {
        let (url, setting) = match queue {
            QueueName::Events => (&self.events, "EVENTS_QUEUE_URL"),
            QueueName::States => (&self.states, "STATES_QUEUE_URL"),
            QueueName::Reject => (&self.reject, "REJECT_QUEUE_URL"),
        };
        url.as_deref().ok_or_else(|| unset(setting))
    }

    fn bus(&self) -> Result<&str, QueueError> {
        self.bus.as_deref().ok_or_else(|| unset("EVENT_BUS_NAME"))
    }
}

fn unset(setting: &str) -> QueueError {
    QueueError(format!("{setting} is not set: set it as template.yaml does"))
}

/// The URL of the queue with this name.
async fn url_of(sqs: &aws_sdk_sqs::Client, name: String) -> Result<String, QueueError> {
    let found = sqs.get_queue_url().queue_name(&name).send().await;
    let found = found.map_err(|error| failed(&format!("queue `{name}`"), &error))?;
    found.queue_url.ok_or_else(|| QueueError(format!("queue `{name}` has no URL")))
}

impl SqsQueue {
    /// These queues and this bus. Nothing is called before it is needed.
    pub fn new(config: &SdkConfig, queues: Queues) -> Self {
        Self { config: config.clone(), sqs: OnceLock::new(), eventbridge: OnceLock::new(), queues }
    }

    fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.config))
    }

    fn eventbridge(&self) -> &aws_sdk_eventbridge::Client {
        self.eventbridge.get_or_init(|| aws_sdk_eventbridge::Client::new(&self.config))
    }
}

impl Queue for SqsQueue {
    async fn send(&self, message: &Message, delay: SignedDuration) -> Result<(), QueueError> {
        let url = self.queues.url(message.queue())?;
        let send = self
            .sqs()
            .send_message()
            .queue_url(url)
            .message_body(body_of(message))
            .set_message_attributes(
                reason_of(message)?.map(|it| [("reason".to_owned(), it)].into()),
            )
            .delay_seconds(whole_seconds(delay));
        send.send().await.map_err(|error| failed(&format!("queue {url}"), &error))?;
        Ok(())
    }

    async fn emit(&self, outcome: &Outcome) -> Result<(), QueueError> {
        let bus = self.queues.bus()?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(format!("Run {}", outcome.verdict))
            .detail(detail_of(outcome)?)
            .time(DateTime::from_secs(outcome.ended_at.as_second()))
            .build();
        let mut refusal = String::new();
        for _ in 0..EMIT_TRIES {
            let put = self.eventbridge().put_events().entries(entry.clone()).send().await;
            let put = put.map_err(|error| failed(&format!("event bus `{bus}`"), &error))?;
            if put.failed_entry_count() == 0 {
                return Ok(());
            }
            let entry = put.entries().first();
            let code = entry.and_then(|entry| entry.error_code()).unwrap_or("no code");
            let said = entry.and_then(|entry| entry.error_message()).unwrap_or("no message");
            refusal = format!("event bus `{bus}` took no event: {code}: {said}");
        }
        Err(QueueError(refusal))
    }
}

/// Rounded up: a reminder that comes too early finds its run at rest, and nobody sends another
/// before sweep does. One for later than SQS can hold back comes at its longest.
fn whole_seconds(delay: SignedDuration) -> i32 {
    let begun = i64::from(delay.subsec_nanos() > 0);
    let secs = delay.as_secs().saturating_add(begun).clamp(0, i64::from(DELAY_SECS_MAX));
    i32::try_from(secs).unwrap_or(DELAY_SECS_MAX)
}

/// The detail of an event; far below EventBridge's 256 KB for an entry, because the one text in it
/// that others wrote is kept short.
fn detail_of(outcome: &Outcome) -> Result<String, QueueError> {
    let reason = outcome.reason.as_deref().map(shorten);
    let outcome = Outcome { reason, ..outcome.clone() };
    serde_json::to_string(&outcome).map_err(|error| QueueError(error.to_string()))
}

/// What is sent, cut where it is longer than SQS takes: a message of 1 MiB is longer once it is
/// quoted within another.
fn body_of(message: &Message) -> String {
    let text = message.to_json().to_string();
    let bytes_max = MESSAGE_BYTES_MAX - ATTRIBUTE_BYTES;
    let Message::Rejected { body, reason } = message else { return text };
    if text.len() <= bytes_max {
        return text;
    }
    let reason = shorten(reason);
    let note = format!("the message is cut: it had {} bytes", body.len());
    let quoted = |body: &str| json!({ "reason": reason, "note": note, "body": body }).to_string();
    let mut room = bytes_max.saturating_sub(quoted("").len());
    let fits = |c: &char| {
        let left = room.checked_sub(quoted_bytes(*c));
        room = left.unwrap_or_default();
        left.is_some()
    };
    quoted(&body.chars().take_while(fits).collect::<String>())
}

/// Bytes of a character within a JSON string.
fn quoted_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// Why a message was rejected, for whoever looks at the queue without opening the message.
fn reason_of(message: &Message) -> Result<Option<MessageAttributeValue>, QueueError> {
    let Message::Rejected { reason, .. } = message else { return Ok(None) };
    // SQS takes no other control characters, and no empty text.
    let reason: String = shorten(reason).chars().map(printable).collect();
    let reason = if reason.is_empty() { "unknown".to_owned() } else { reason };
    let value = MessageAttributeValue::builder().data_type("String").string_value(reason).build();
    value.map(Some).map_err(|error| QueueError(error.to_string()))
}

fn printable(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => c,
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c < ' ' => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn rejected(body: &str) -> Message {
        Message::Rejected { body: body.to_owned(), reason: "no \u{7} job\u{ffff}".to_owned() }
    }

    #[test]
    fn a_delay_is_rounded_up_and_at_most_what_sqs_takes() {
        for (millis, secs) in
            [(-5_000, 0), (0, 0), (1, 1), (1_000, 1), (1_001, 2), (900_000, 900), (i64::MAX, 900)]
        {
            assert_eq!(whole_seconds(SignedDuration::from_millis(millis)), secs, "{millis}");
        }
    }

    #[test]
    fn a_rejected_message_is_cut_to_what_sqs_takes_and_says_so() {
        let short = body_of(&rejected("{}"));
        assert_eq!(short, r#"{"body":"{}","reason":"no \u0007 job￿"}"#);
        for body in ["x".repeat(1_048_576), "\"ü\u{1}\n\u{8}".repeat(260_000)] {
            let text = body_of(&rejected(&body));
            assert!(text.len() <= MESSAGE_BYTES_MAX - ATTRIBUTE_BYTES, "{}", text.len());
            // No more is cut than must be.
            assert!(text.len() > MESSAGE_BYTES_MAX - ATTRIBUTE_BYTES - 8, "{}", text.len());
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(body.starts_with(value["body"].as_str().unwrap()));
            let note = format!("the message is cut: it had {} bytes", body.len());
            assert_eq!(value["note"], note);
        }
    }

    #[test]
    fn the_reason_becomes_an_attribute_that_sqs_takes() {
        let reason = reason_of(&rejected("{}")).unwrap().unwrap();
        assert_eq!(reason.string_value(), Some("no \u{fffd} job\u{fffd}"));
        let long = Message::Rejected { body: String::new(), reason: "ü".repeat(9_000) };
        let attribute = reason_of(&long).unwrap().unwrap();
        assert!(attribute.string_value().unwrap().len() < ATTRIBUTE_BYTES - 100);
        let empty = Message::Rejected { body: String::new(), reason: String::new() };
        assert_eq!(reason_of(&empty).unwrap().unwrap().string_value(), Some("unknown"));
    }
}
