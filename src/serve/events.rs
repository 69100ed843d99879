//! Tells of every step of every task, as EventBridge would: at least once, in order for each task,
//! kept in the ledger's file until somebody has taken it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::warn;

use super::post::{Endpoint, NotPosted};
use super::{Server, shape};
use crate::ecs::local::served::{self, NEWS, NEWS_END};
use crate::ledger::LedgerError;

/// How often to look for news.
const POLL: Duration = Duration::from_millis(25);
/// Tasks looked at in one pass, at most.
const HEADS_MAX: i64 = 256;
/// First and longest pause before something is sent again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Who is told.
#[derive(Clone, Debug)]
pub enum Receiver {
    /// An HTTP server: a POST of the event.
    Http(Endpoint),
    /// An SQS queue, by SQS's own protocol.
    Queue {
        /// The queue's URL.
        url: Endpoint,
        /// The region the queue is in.
        region: String,
    },
    /// Whoever reads what this prints.
    Print(fn(&Value)),
}

/// The oldest step of a task that was not told yet.
struct Head {
    queue: String,
    number: i64,
    event: Value,
}

/// Pauses before something is sent again, by the name of what waits; the empty name is all of it.
#[derive(Default)]
struct Pauses {
    until: BTreeMap<String, (Instant, Duration)>,
}

impl Pauses {
    fn waits(&self, name: &str) -> bool {
        self.until.get(name).is_some_and(|(until, _)| Instant::now() < *until)
    }

    fn lengthen(&mut self, name: &str) {
        let before = self.until.get(name).map(|(_, pause)| *pause * 2);
        let pause = before.unwrap_or(PAUSE_MIN).min(PAUSE_MAX);
        self.until.insert(name.to_owned(), (Instant::now() + pause, pause));
    }

    fn end(&mut self, name: &str) {
        self.until.remove(name);
    }
}

impl Server {
    /// Tells of steps until it is dropped.
    pub async fn deliver(&self, receiver: &Receiver) {
        let mut pauses = Pauses::default();
        loop {
            match self.deliver_some(receiver, &mut pauses).await {
                Ok(1..) => {}
                Ok(0) => tokio::time::sleep(POLL).await,
                Err(error) => {
                    warn!(%error, "events are sent later");
                    tokio::time::sleep(PAUSE_MIN).await;
                }
            }
        }
    }

    /// Tells of what is there, as far as it is taken at once; returns how many steps are left.
    pub async fn deliver_rest(&self, receiver: &Receiver) -> Result<i64, LedgerError> {
        let mut pauses = Pauses::default();
        while self.deliver_some(receiver, &mut pauses).await? > 0 {}
        self.database.with(|sqlite| {
            sqlite.query_row(
                "SELECT count(*) FROM messages WHERE queue > ?1 AND queue < ?2",
                [NEWS, NEWS_END],
                |row| row.get(0),
            )
        })
    }

    /// Tells the oldest step of each task; returns how many were taken.
    async fn deliver_some(
        &self,
        receiver: &Receiver,
        pauses: &mut Pauses,
    ) -> Result<usize, LedgerError> {
        let mut taken = 0;
        if pauses.waits("") {
            return Ok(taken);
        }
        for head in self.heads()? {
            if pauses.waits(&head.queue) {
                continue;
            }
            match receiver.tell(&head.event).await {
                Ok(()) => {
                    let delete = "DELETE FROM messages WHERE number = ?1";
                    self.database.with(|sqlite| sqlite.execute(delete, [head.number]))?;
                    pauses.end(&head.queue);
                    pauses.end("");
                    taken += 1;
                }
                Err(error @ NotPosted::Refused(_)) => {
                    warn!(event = %head.event["id"], %error, "event is sent again");
                    pauses.lengthen(&head.queue);
                }
                Err(error @ NotPosted::Unreachable(_)) => {
                    warn!(%error, "events are sent again");
                    pauses.lengthen("");
                    return Ok(0);
                }
            }
        }
        Ok(taken)
    }

    fn heads(&self) -> Result<Vec<Head>, LedgerError> {
        self.database.with(|sqlite| {
            let heads: Vec<(String, i64, String)> = sqlite
                .prepare_cached(
                    "SELECT queue, min(number), body FROM messages
                     WHERE queue > ?1 AND queue < ?2
                     GROUP BY queue ORDER BY min(number) LIMIT ?3",
                )?
                .query_map((NEWS, NEWS_END, HEADS_MAX), |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let framed = heads.into_iter().map(|(queue, number, body)| {
                let kept: Value = serde_json::from_str(&body).unwrap_or_default();
                let task = kept["detail"]["taskArn"].as_str().unwrap_or_default();
                let event = match served::find(sqlite, task)? {
                    Some(task) => shape::event(kept, &task.frame),
                    None => kept,
                };
                Ok(Head { queue, number, event })
            });
            framed.collect()
        })
    }
}

impl Receiver {
    async fn tell(&self, event: &Value) -> Result<(), NotPosted> {
        match self {
            Self::Print(print) => {
                print(event);
                Ok(())
            }
            Self::Http(endpoint) => {
                let headers = [("content-type", "application/json".to_owned())];
                endpoint.post(&headers, event.to_string()).await
            }
            Self::Queue { url, region } => {
                let headers = queue_headers(region, Timestamp::now());
                url.post_to("/", &headers, queue_message(url, event).to_string()).await
            }
        }
    }
}

/// SendMessage's parameters. A FIFO queue keeps the order of each task.
fn queue_message(url: &Endpoint, event: &Value) -> Value {
    let mut message = json!({ "QueueUrl": url.url(), "MessageBody": event.to_string() });
    if url.name().ends_with(".fifo") {
        let task = event["detail"]["taskArn"].as_str().unwrap_or_default();
        message["MessageGroupId"] = json!(task.rsplit('/').next());
        message["MessageDeduplicationId"] = event["id"].clone();
    }
    message
}

/// Nothing is signed: emulators read the region out of the credential and check nothing.
fn queue_headers(region: &str, now: Timestamp) -> [(&'static str, String); 4] {
    let (day, time) = (now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ"));
    [
        ("content-type", "application/x-amz-json-1.0".to_owned()),
        ("x-amz-target", "AmazonSQS.SendMessage".to_owned()),
        ("x-amz-date", time.to_string()),
        (
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=longshore/{day}/{region}/sqs/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=none"
            ),
        ),
    ]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_queue_gets_a_group_for_each_task() {
        let event = json!({ "id": "abc-2", "detail": { "taskArn": "arn:aws:ecs:l:0:task/c/abc" } });
        let plain: Endpoint = "http://localhost:4566/000000000000/states".parse().unwrap();
        assert_eq!(
            queue_message(&plain, &event),
            json!({ "QueueUrl": plain.url(), "MessageBody": event.to_string() })
        );
        let fifo: Endpoint = "http://localhost:4566/000000000000/states.fifo".parse().unwrap();
        let message = queue_message(&fifo, &event);
        assert_eq!(
            (&message["MessageGroupId"], &message["MessageDeduplicationId"]),
            (&json!("abc"), &json!("abc-2"))
        );
    }

    #[test]
    fn pauses_grow_up_to_a_limit_and_end() {
        let mut pauses = Pauses::default();
        let mut lengths = Vec::new();
        for _ in 0..9 {
            pauses.lengthen("a");
            lengths.push(pauses.until.get("a").map(|(_, pause)| pause.as_millis()).unwrap());
        }
        assert_eq!(lengths, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert!(pauses.waits("a") && !pauses.waits("b"));
        pauses.end("a");
        assert!(!pauses.waits("a"));
    }
}
