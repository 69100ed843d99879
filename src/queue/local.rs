//! The queues of one machine, in the ledger's file: a message is kept until it was handled.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::dead::{DeadLetter, DeadQueue};
use super::{Message, Outcome, Queue, QueueError, QueueName};
use crate::ledger::LedgerError;
use crate::ledger::database::Database;

/// The queues in a SQLite file.
#[derive(Clone, Debug)]
pub struct LocalQueue {
    database: Arc<Database>,
}

/// A message that was received and is hidden from others for a while.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its number, to delete it with.
    pub number: i64,
    /// Its body.
    pub body: String,
    /// How many times it was received, from 1.
    pub receives: u32,
}

impl LocalQueue {
    /// The queues in this file.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// The next message that is visible, hidden from others until `hidden` is over.
    pub fn receive(
        &self,
        queue: QueueName,
        now: Timestamp,
        hidden: SignedDuration,
    ) -> Result<Option<Received>, LedgerError> {
        // Looked for without the write lock first: mostly there is nothing.
        let some = self.database.with(|sqlite| {
            sqlite
                .prepare_cached("SELECT 1 FROM messages WHERE queue = ?1 AND visible_at <= ?2")?
                .exists(params![queue.as_str(), now.as_microsecond()])
        })?;
        if !some {
            return Ok(None);
        }
        self.database.transaction(|sqlite| {
            sqlite
                .prepare_cached(
                    "UPDATE messages SET visible_at = ?1, receives = receives + 1
                     WHERE number = (SELECT number FROM messages
                                     WHERE queue = ?2 AND visible_at <= ?3
                                     ORDER BY number LIMIT 1)
                     RETURNING number, body, receives",
                )?
                .query_row(
                    params![(now + hidden).as_microsecond(), queue.as_str(), now.as_microsecond()],
                    |row| {
                        Ok(Received {
                            number: row.get(0)?,
                            body: row.get(1)?,
                            receives: row.get(2)?,
                        })
                    },
                )
                .optional()
        })
    }

    /// What was rejected, the oldest first.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, LedgerError> {
        let queue = DeadQueue::Reject;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.database.with(|sqlite| {
            let mut select = sqlite.prepare_cached(
                "SELECT number, body, visible_at FROM messages WHERE queue = ?1
                 ORDER BY number LIMIT ?2",
            )?;
            let letter = |row: &Row<'_>| {
                let number: i64 = row.get(0)?;
                let (body, reason) = DeadLetter::unwrap(queue, row.get(1)?);
                Ok(DeadLetter {
                    queue,
                    id: format!("reject-{number}"),
                    handle: number.to_string(),
                    body,
                    reason,
                    receives: 1,
                    first_seen: Timestamp::from_microsecond(row.get(2)?).unwrap_or_default(),
                })
            };
            select.query_map(params![queue.as_str(), limit], letter)?.collect()
        })
    }

    /// Puts a letter into the queue where it belongs, and takes it out of its own, unless somebody
    /// else just did.
    pub fn send_back(&self, letter: &DeadLetter, to: QueueName) -> Result<(), LedgerError> {
        self.database.transaction(|sqlite| {
            let delete = "DELETE FROM messages WHERE number = ?1 AND queue = ?2";
            let number: i64 = letter.handle.parse().unwrap_or_default();
            if sqlite.execute(delete, params![number, letter.queue.as_str()])? == 1 {
                put(sqlite, to.as_str(), &letter.body_to_send(), Timestamp::now())?;
            }
            Ok(())
        })
    }

    /// Forgets a message that was handled.
    pub fn delete(&self, number: i64) -> Result<(), LedgerError> {
        self.database.with(|sqlite| {
            sqlite.execute("DELETE FROM messages WHERE number = ?1", [number])?;
            Ok(())
        })
    }
}

/// Puts a message into a queue of this name, within the caller's transaction.
pub(crate) fn put(
    sqlite: &Connection,
    queue: &str,
    body: &str,
    visible_at: Timestamp,
) -> rusqlite::Result<()> {
    sqlite
        .prepare_cached("INSERT INTO messages (queue, body, visible_at) VALUES (?1, ?2, ?3)")?
        .execute(params![queue, body, visible_at.as_microsecond()])?;
    Ok(())
}

impl Queue for LocalQueue {
    async fn send(&self, message: &Message, delay: SignedDuration) -> Result<(), QueueError> {
        let body = message.to_json().to_string();
        let visible_at = Timestamp::now() + delay;
        self.database
            .with(|sqlite| put(sqlite, message.queue().as_str(), &body, visible_at))
            .map_err(|error| QueueError(error.to_string()))
    }

    async fn emit(&self, _: &Outcome) -> Result<(), QueueError> {
        // Nobody listens on one machine: the verdict stands in the ledger.
        Ok(())
    }
}
