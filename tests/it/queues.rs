//! What every carrier of messages must do, on one machine and in SQS and EventBridge.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use longshore::event::{Observation, Observed, Reminder};
use longshore::ledger::database::Database;
use longshore::queue::local::LocalQueue;
use longshore::queue::{Message, Outcome, Queue, QueueName};
use longshore::run::{State, Verdict};

use crate::contracts::{at, block_on, database, run};

/// A queue, and the other end of it.
pub(crate) trait Ends: Queue {
    /// The next message that is there now; it is not given out again.
    async fn receive(&self, queue: QueueName) -> Option<String>;
}

impl Ends for LocalQueue {
    async fn receive(&self, queue: QueueName) -> Option<String> {
        let hidden = SignedDuration::from_hours(1);
        let received = Self::receive(self, queue, Timestamp::now(), hidden).unwrap()?;
        self.delete(received.number).unwrap();
        Some(received.body)
    }
}

pub(crate) fn reminder() -> Message {
    Message::Reminder(Reminder { run: run("a", "1", 0).id, attempt: 1, turn: false })
}

pub(crate) fn observation() -> Message {
    Message::Observation(Observation {
        run: run("a", "1", 0).id,
        attempt: 1,
        observed: Observed::Lost,
        task: None,
        owner: "me".to_owned(),
        reason: "gone, \"for good\"\n".to_owned(),
    })
}

pub(crate) fn rejected(body: String) -> Message {
    Message::Rejected { body, reason: "no job `x`".to_owned() }
}

/// Makes a test of each contract over each carrier.
macro_rules! contracts {
    ($($contract:ident,)+) => {
        mod local {
            use super::*;
            $(#[test]
            fn $contract() {
                let folder = tempfile::tempdir().unwrap();
                let database: Arc<Database> = database(folder.path());
                block_on(super::$contract(&LocalQueue::new(database)));
            })+
        }

        #[cfg(feature = "aws")]
        mod sqs {
            use super::block_on;
            use crate::sqs::Sqs;
            $(#[test]
            fn $contract() {
                block_on(async { super::$contract(&Sqs::fresh().await).await });
            })+
        }
    };
}

contracts! {
    a_message_arrives_in_its_queue_as_it_was_sent,
    a_message_that_is_held_back_arrives_when_its_time_is_over,
    an_outcome_may_be_told_twice,
}

async fn a_message_arrives_in_its_queue_as_it_was_sent(ends: &impl Ends) {
    let sent = [reminder(), observation(), rejected("{\"k\": \"ü\u{1}\"}".to_owned())];
    for message in &sent {
        ends.send(message, SignedDuration::ZERO).await.unwrap();
    }
    for message in &sent {
        let body = ends.receive(message.queue()).await.unwrap();
        assert_eq!(body, message.to_json().to_string());
        assert_eq!(ends.receive(message.queue()).await, None);
    }
}

async fn a_message_that_is_held_back_arrives_when_its_time_is_over(ends: &impl Ends) {
    ends.send(&observation(), SignedDuration::from_hours(1)).await.unwrap();
    ends.send(&reminder(), SignedDuration::from_millis(300)).await.unwrap();
    let sent = Timestamp::now();
    let arrived = loop {
        match ends.receive(QueueName::Events).await {
            Some(body) => break body,
            None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
        assert!(sent.duration_until(Timestamp::now()) < SignedDuration::from_secs(20), "never");
    };
    assert_eq!(arrived, reminder().to_json().to_string());
    assert!(sent.duration_until(Timestamp::now()) >= SignedDuration::from_millis(200), "at once");
    assert_eq!(ends.receive(QueueName::States).await, None);
}

async fn an_outcome_may_be_told_twice(ends: &impl Ends) {
    let ended = State::Ended { verdict: Verdict::Lost, at: at(7) };
    let outcome = Outcome::of(&longshore::run::Run { state: ended, ..run("a", "1", 0) }).unwrap();
    ends.emit(&outcome).await.unwrap();
    ends.emit(&outcome).await.unwrap();
}

#[test]
fn a_message_is_handed_out_once_until_it_is_hidden_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let queue = LocalQueue::new(database(folder.path()));
    let (reminder, observation) = (reminder(), observation());
    block_on(async {
        queue.send(&reminder, SignedDuration::ZERO).await.unwrap();
        queue.send(&observation, SignedDuration::from_hours(1)).await.unwrap();
    });
    let hidden = SignedDuration::from_secs(30);
    let now = Timestamp::now();
    let receive = |queue_name, time| queue.receive(queue_name, time, hidden).unwrap();
    let first = receive(QueueName::Events, now).unwrap();
    assert_eq!(first.body, reminder.to_json().to_string());
    assert_eq!(first.receives, 1);
    assert!(receive(QueueName::Events, now).is_none());
    let again = receive(QueueName::Events, now + hidden).unwrap();
    assert_eq!((again.number, again.receives), (first.number, 2));
    queue.delete(first.number).unwrap();
    assert!(receive(QueueName::Events, now + hidden + hidden).is_none());
    // The delayed one is not there before its time, and in its own queue.
    assert!(receive(QueueName::States, now).is_none());
    let later = now + SignedDuration::from_hours(1);
    assert_eq!(receive(QueueName::States, later).unwrap().body, observation.to_json().to_string());
}

#[test]
fn the_outcome_of_a_run_follows_from_the_run_alone() {
    let mut ended = run("a", "1", 0);
    assert_eq!(Outcome::of(&ended), None);
    ended.state = State::Ended { verdict: Verdict::Lost, at: at(7) };
    let outcome = Outcome::of(&ended).unwrap();
    assert_eq!((outcome.verdict, outcome.ended_at), (Verdict::Lost, at(7)));
    assert_eq!(Outcome::of(&ended), Some(outcome.clone()));
}
