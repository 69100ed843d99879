//! The dead letters of an installation: received to be looked at, and given back or taken out.

use std::collections::{BTreeMap, HashMap};

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Attribute};
use jiff::Timestamp;

use super::failure::failed;
use super::url_of;
use crate::identity::Namespace;
use crate::queue::dead::{DeadLetter, DeadQueue};
use crate::queue::{QueueError, QueueName};

/// Messages that one call gives at most.
const RECEIVED_MAX: i32 = 10;
/// A letter that is looked at is hidden for so long, in s: if we die, it shows again by itself.
const HIDDEN_SECS: i32 = 300;
/// A call that waits asks every server that SQS keeps the queue on; one that does not may miss
/// letters (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).
const WAIT_SECS: i32 = 1;

/// The dead-letter queues of an installation, and those where their letters belong.
#[derive(Debug)]
pub struct DeadLetters {
    sqs: Client,
    /// By the name's end.
    urls: BTreeMap<&'static str, String>,
}

impl DeadLetters {
    /// Finds these queues, and those where their letters belong.
    pub async fn find(
        config: &SdkConfig,
        namespace: &Namespace,
        queues: &[DeadQueue],
    ) -> Result<Self, QueueError> {
        let sqs = Client::new(config);
        let work = [QueueName::Events.as_str(), QueueName::States.as_str()];
        let mut urls = BTreeMap::new();
        for name in queues.iter().map(|queue| queue.as_str()).chain(work) {
            urls.insert(name, url_of(&sqs, format!("{namespace}-{name}")).await?);
        }
        Ok(Self { sqs, urls })
    }

    fn url(&self, queue: &str) -> Result<&str, QueueError> {
        let url = self.urls.get(queue).map(String::as_str);
        url.ok_or_else(|| QueueError(format!("queue `{queue}` was not looked for")))
    }

    /// Letters of a queue, at most `limit`. Others do not see them for some minutes, or until they
    /// are given back.
    pub async fn receive(
        &self,
        queue: DeadQueue,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        let url = self.url(queue.as_str())?;
        let mut letters: Vec<DeadLetter> = Vec::new();
        while letters.len() < limit {
            let left = i32::try_from(limit - letters.len()).unwrap_or(RECEIVED_MAX);
            let call = self
                .sqs
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(left.min(RECEIVED_MAX))
                .visibility_timeout(HIDDEN_SECS)
                .wait_time_seconds(WAIT_SECS)
                .message_system_attribute_names(Attribute::ApproximateReceiveCount)
                .message_system_attribute_names(Attribute::SentTimestamp)
                .message_attribute_names("All");
            let received = call.send().await.map_err(|error| failed(url, &error))?;
            let known = letters.len();
            for letter in received.messages().iter().map(|message| letter(queue, message)) {
                // SQS may give one twice.
                if letters.iter().all(|known| known.id != letter.id) {
                    letters.push(letter);
                }
            }
            if letters.len() == known {
                break;
            }
        }
        Ok(letters)
    }

    /// Puts what was sent in the first place into a queue.
    pub async fn send(&self, to: QueueName, body: &str) -> Result<(), QueueError> {
        let url = self.url(to.as_str())?;
        let call = self.sqs.send_message().queue_url(url).message_body(body);
        call.send().await.map_err(|error| failed(url, &error))?;
        Ok(())
    }

    /// Takes a letter out of its queue for good.
    pub async fn delete(&self, letter: &DeadLetter) -> Result<(), QueueError> {
        let url = self.url(letter.queue.as_str())?;
        let call = self.sqs.delete_message().queue_url(url).receipt_handle(&letter.handle);
        call.send().await.map_err(|error| failed(url, &error))?;
        Ok(())
    }

    /// Lets others see a letter again.
    pub async fn give_back(&self, letter: &DeadLetter) -> Result<(), QueueError> {
        let url = self.url(letter.queue.as_str())?;
        let call = self.sqs.change_message_visibility().queue_url(url);
        let call = call.receipt_handle(&letter.handle).visibility_timeout(0);
        call.send().await.map_err(|error| failed(url, &error))?;
        Ok(())
    }
}

fn letter(queue: DeadQueue, message: &Message) -> DeadLetter {
    let attributes = message.attributes();
    let number = |name: Attribute| -> Option<i64> { attributes?.get(&name)?.parse().ok() };
    let (body, reason) = DeadLetter::unwrap(queue, message.body().unwrap_or_default().to_owned());
    let receives = number(Attribute::ApproximateReceiveCount).unwrap_or(1);
    let sent = number(Attribute::SentTimestamp).unwrap_or_default();
    DeadLetter {
        queue,
        id: message.message_id().unwrap_or_default().to_owned(),
        handle: message.receipt_handle().unwrap_or_default().to_owned(),
        body,
        reason: reason.or_else(|| undelivered(message)),
        receives: u32::try_from(receives).unwrap_or(1),
        first_seen: Timestamp::from_millisecond(sent).unwrap_or_default(),
    }
}

/// What EventBridge says of an event that it could not deliver
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>).
fn undelivered(message: &Message) -> Option<String> {
    let attributes: &HashMap<_, _> = message.message_attributes()?;
    let text = |name: &str| attributes.get(name).and_then(|value| value.string_value());
    let code = text("ERROR_CODE")?;
    let said = text("ERROR_MESSAGE").unwrap_or("EventBridge says no more");
    Some(format!("EventBridge could not deliver it: {code}: {said}"))
}
