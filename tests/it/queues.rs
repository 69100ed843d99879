//! What every carrier of messages must do, on one machine and in SQS and EventBridge.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use jiff::{SignedDuration, Timestamp};
use longshore::event::{Observation, Observed, Reminder};
use longshore::queue::local::LocalQueue;
use longshore::queue::{Message, Outcome, Queue, QueueName};
use longshore::run::{State, Verdict};

use crate::contracts::{at, block_on, database, run};

#[test]
fn a_message_is_handed_out_once_until_it_is_hidden_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let queue = LocalQueue::new(database(folder.path()));
    let id = run("a", "1", 0).id;
    let reminder = Message::Reminder(Reminder { run: id.clone(), attempt: 1 });
    let observation = Message::Observation(Observation {
        run: id,
        attempt: 1,
        observed: Observed::Lost,
        task: None,
        reason: "gone".to_owned(),
    });
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
fn the_outcome_of_a_run_is_the_same_every_time_it_is_told() {
    let mut ended = run("a", "1", 0);
    assert_eq!(Outcome::of(&ended), None);
    ended.state = State::Ended { verdict: Verdict::Lost, at: at(7) };
    let outcome = Outcome::of(&ended).unwrap();
    assert_eq!((outcome.verdict, outcome.ended_at), (Verdict::Lost, at(7)));
    assert_eq!(Outcome::of(&ended), Some(outcome.clone()));
    let folder = tempfile::tempdir().unwrap();
    let queue = LocalQueue::new(database(folder.path()));
    block_on(async {
        queue.emit(&outcome).await.unwrap();
        queue.emit(&outcome).await.unwrap();
    });
}
