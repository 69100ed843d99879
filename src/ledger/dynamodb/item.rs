//! A run as an item of the table, and back.
//!
//! | attribute | holds |
//! |---|---|
//! | `pk` | `R#` and the run's id |
//! | `b` | the run, as JSON text without what is null |
//! | `rv` | its revision, which a save compares |
//! | `wn` | the name of the write that left it so |
//! | `ds` `du` | until it ends: one of 16 shards, and its alarm time in ms; index `due` |
//! | `jb` `ct` | `W#<job>` while it waits for a slot, `T#<job>` for its turn, else `J#<job>`; claimed at, in µs; index `job` |
//! | `vd` | once it has ended: its verdict, for whoever looks at the table |
//! | `ttl` | once it has ended: when DynamoDB forgets it, in s |
//!
//! A run of the sample job weighs 2.8 KB when it is started and 3.1 to 3.4 KB once it has ended
//! (`tests/it/costs.rs` holds it below 3 and 4), two thirds of it the request, which must be the
//! same to the byte when it is sent again. That is 3 to 4 write units for each of three or four
//! writes and three for the indexes: about 10 dollars for a million runs, where a million of the
//! smallest tasks cost some 200 for each minute. So it stays text that a person can read in the
//! console. Nor are the policy's defaults left out: a run keeps its limits when a later longshore
//! has others.
//!
//! Runs in a line have a partition of their own because whoever gives a slot or a turn back asks for
//! those that wait longest: without it, that is a search through all the job ever ran. It costs two
//! writes of a key when a run begins to wait and two when it goes on, and a list by job reads three
//! partitions; a third index would cost half of that and one more index on every table, and the
//! index `due` would give waiting runs among all open ones, in another order.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::Texts;
use crate::identity::{JobName, RunId};
use crate::ledger::LedgerError;
use crate::run::{Line, Run, State};

/// An item, or the key of one.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Due runs are spread over this many partitions.
const SHARDS: u8 = 16;
/// Ended runs are kept so long: longer than SQS keeps a message in a queue and then in its
/// dead-letter queue, so that a message which comes back finds its run.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);
/// What a save sets or takes away; whatever else is on the item was put there by another version
/// of longshore, and stays.
const SAVED: [&str; 8] = ["b", "rv", "wn", "jb", "ds", "du", "vd", "ttl"];

/// What an update sets and takes away.
pub(super) struct Change {
    pub(super) expression: String,
    pub(super) names: Texts,
    pub(super) values: Item,
}

pub(super) fn run_key(id: &RunId) -> String {
    format!("R#{id}")
}

pub(super) fn slots_key(job: &str) -> String {
    format!("S#{job}")
}

/// The partition of the index `job` that holds the job's runs which stand in a line.
pub(super) fn in_line(line: Line, job: &JobName) -> String {
    match line {
        Line::Slot => format!("W#{job}"),
        Line::Turn => format!("T#{job}"),
    }
}

/// The partition of the index `job` that holds the job's other runs.
pub(super) fn in_no_line(job: &JobName) -> String {
    format!("J#{job}")
}

/// Every partition of the index `due`.
pub(super) fn shards() -> impl Iterator<Item = String> {
    (0..SHARDS).map(|shard| format!("D#{shard}"))
}

/// The shard of a run. Never to be changed: what is saved under one stays there.
fn shard(id: &RunId) -> String {
    let sum = id.as_str().bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    format!("D#{}", sum % SHARDS)
}

/// A name that no other write has: two that meet on one item would have to share 48 bits.
pub(super) fn write_name() -> String {
    let mut name = BASE64URL_NOPAD.encode(Uuid::new_v4().as_bytes());
    name.truncate(8);
    name
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn key(key: &str) -> Item {
    [("pk".to_owned(), text(key))].into()
}

/// The whole item of a run.
pub(super) fn of_run(run: &Run, write_name: &str) -> Result<Item, LedgerError> {
    let mut item = attributes(run, write_name)?;
    item.insert("pk", text(run_key(&run.id)));
    item.insert("ct", number(run.created_at.as_microsecond()));
    Ok(item.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What makes the stored item this run's.
pub(super) fn change_to(run: &Run, write_name: &str) -> Result<Change, LedgerError> {
    let mut attributes = attributes(run, write_name)?;
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    let (mut names, mut values) = (Texts::new(), Item::new());
    for name in SAVED {
        match attributes.remove(name) {
            Some(value) => {
                set.push(format!("#{name} = :{name}"));
                values.insert(format!(":{name}"), value);
            }
            None => removed.push(format!("#{name}")),
        }
        names.insert(format!("#{name}"), name.to_owned());
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !removed.is_empty() {
        expression.push_str(&format!(" REMOVE {}", removed.join(", ")));
    }
    Ok(Change { expression, names, values })
}

/// What changes in a run's life.
fn attributes(
    run: &Run,
    write_name: &str,
) -> Result<HashMap<&'static str, AttributeValue>, LedgerError> {
    let partition = match run.line() {
        Some(line) => in_line(line, &run.job),
        None => in_no_line(&run.job),
    };
    let mut attributes = HashMap::from([
        ("b", text(to_json(run)?)),
        ("rv", number(run.revision)),
        ("wn", text(write_name)),
        ("jb", text(partition)),
    ]);
    match (&run.state, run.due) {
        (State::Ended { verdict, at }, _) => {
            let forgotten = at.checked_add(KEPT).unwrap_or(Timestamp::MAX);
            attributes.insert("vd", text(verdict.as_str()));
            attributes.insert("ttl", number(forgotten.as_second()));
        }
        (_, Some(due)) => {
            attributes.insert("ds", text(shard(&run.id)));
            attributes.insert("du", number(due.as_millisecond()));
        }
        (_, None) => {}
    }
    Ok(attributes)
}

/// The run of an item.
pub(super) fn to_run(item: &Item) -> Result<Run, LedgerError> {
    let body = item.get("b").and_then(|body| body.as_s().ok());
    let Some(body) = body else { return Err(unreadable(item, "it has no body `b`")) };
    serde_json::from_str(body).map_err(|error| {
        // Not serde's own words: they quote the run.
        unreadable(item, &format!("its body is not one of this version, column {}", error.column()))
    })
}

/// Whether the item was left by the write of this name.
pub(super) fn is_named(item: &Item, write_name: &str) -> bool {
    item.get("wn").and_then(|name| name.as_s().ok()).is_some_and(|name| name == write_name)
}

/// The run id in an item's key.
pub(super) fn run_id(item: &Item) -> Result<RunId, LedgerError> {
    let id = pk(item).strip_prefix("R#").and_then(|id| id.parse().ok());
    id.ok_or_else(|| unreadable(item, "its key is none of longshore's"))
}

pub(super) fn pk(item: &Item) -> &str {
    item.get("pk").and_then(|pk| pk.as_s().ok()).map_or("", String::as_str)
}

pub(super) fn unreadable(item: &Item, why: &str) -> LedgerError {
    LedgerError::Unusable(format!("item `{}` cannot be read: {why}", pk(item).escape_debug()))
}

fn to_json(run: &Run) -> Result<String, LedgerError> {
    let mut value = serde_json::to_value(run).map_err(|error| {
        LedgerError::Unusable(format!("run {} cannot be written: {error}", run.id))
    })?;
    drop_nulls(&mut value);
    Ok(value.to_string())
}

/// Takes out what reads the same when it is not there.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_run_stays_in_its_shard_whatever_the_version() {
        for (id, expected) in [
            ("nightly-report-2qov22avwfxj6faaptxw", "D#0"),
            ("inspect-upload-aaaaaaaaaaaaaaaaaaaa", "D#3"),
        ] {
            assert_eq!(shard(&id.parse().unwrap()), expected);
        }
    }

    #[test]
    fn runs_are_spread_over_all_shards() {
        let job: JobName = "nightly-report".parse().unwrap();
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for n in 0..1600 {
            let id = RunId::derive(&job, "manual", &[&n.to_string()]);
            *counts.entry(shard(&id)).or_default() += 1;
        }
        assert!(counts.keys().eq(shards().collect::<std::collections::BTreeSet<_>>().iter()));
        assert!(counts.values().all(|count| (60..=140).contains(count)), "{counts:?}");
    }

    #[test]
    fn no_two_writes_have_one_name() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(|_| write_name()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 8));
    }
}
