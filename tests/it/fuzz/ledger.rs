//! The ledger's file, damaged: it is refused with its name and a remedy and left as it is, or
//! nothing of it is lost or changed.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::LazyLock;

use jiff::SignedDuration;
use longshore::event::Observed;
use longshore::identity::Namespace;
use longshore::ledger::Ledger as _;
use longshore::ledger::database::Database;
use longshore::ledger::sqlite::SqliteLedger;
use longshore::queue::local::LocalQueue;
use longshore::queue::{Message, Queue as _};
use longshore::run::{Applied, Fact, apply};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::config;
use crate::contracts::{at, block_on, run};

const TABLES: [&str; 8] =
    ["meta", "runs", "slots", "messages", "tasks", "task_definitions", "client_tokens", "tags"];

/// A ledger's two files, and what stands in them after each write.
struct Seed {
    database: Vec<u8>,
    log: Vec<u8>,
    states: Vec<Vec<String>>,
}

/// Everything that stands in a file, as any program that knows SQLite reads it.
fn contents(file: &Path) -> Vec<String> {
    let sqlite = Connection::open(file).unwrap();
    let mut rows = Vec::new();
    for table in TABLES {
        let mut select =
            sqlite.prepare(&format!("SELECT rowid, * FROM {table} ORDER BY rowid")).unwrap();
        let columns = select.column_count();
        let found = select.query_map([], |row| {
            let values: Result<Vec<Value>, _> =
                (0..columns).map(|column| row.get(column)).collect();
            Ok(format!("{table} {:?}", values?))
        });
        rows.extend(found.unwrap().map(Result::unwrap));
    }
    rows
}

/// Writes a ledger of a few runs and reads it along.
fn write(folder: &Path) -> Vec<Vec<String>> {
    let file = folder.join("ledger.db");
    let database = Arc::new(Database::open(&file, &Namespace::default()).unwrap());
    let (ledger, queue) = (SqliteLedger::new(Arc::clone(&database)), LocalQueue::new(database));
    let mut states = vec![contents(&file)];
    for number in 0..12 {
        let mut one = run("work", &format!("key {number}"), number);
        block_on(ledger.claim(&one)).unwrap();
        states.push(contents(&file));
        block_on(ledger.acquire(&one.holder(1), 500)).unwrap();
        states.push(contents(&file));
        if number % 3 == 0 {
            let (observed, reason) = (Observed::Cancelled, "over".to_owned());
            let owner = one.owner.clone();
            let fact = Fact::Observed { observed, task: None, owner, reason };
            let Applied::Changed(ended) = apply(&one, 1, &fact, at(50)) else { continue };
            one = *ended;
            block_on(ledger.save(&mut one)).unwrap();
            states.push(contents(&file));
        }
        let reminder = longshore::event::Reminder { run: one.id.clone(), attempt: 1, turn: false };
        block_on(queue.send(&Message::Reminder(reminder), SignedDuration::ZERO)).unwrap();
        states.push(contents(&file));
    }
    states
}

/// A ledger that was closed, and one that was killed with all of it still in the log.
static CLOSED: LazyLock<Seed> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let states = write(folder.path());
    let database = fs::read(folder.path().join("ledger.db")).unwrap();
    Seed { database, log: Vec::new(), states: states.last().cloned().into_iter().collect() }
});
static KILLED: LazyLock<Seed> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    // As long as somebody looks, nobody takes the log away.
    Database::open(&file, &Namespace::default()).unwrap();
    let looking = Connection::open(&file).unwrap();
    looking.query_row("SELECT count(*) FROM runs", [], |_| Ok(())).unwrap();
    let before = fs::read(&file).unwrap();
    let states = write(folder.path());
    let database = fs::read(&file).unwrap();
    assert_eq!(database, before, "it was written back too early");
    let log = fs::read(folder.path().join("ledger.db-wal")).unwrap();
    Seed { database, log, states }
});

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    /// The first pages say how the rest is to be read.
    FlipEarly(usize, u8),
    Zero(Index, usize),
    Copy(Index, Index, usize),
    Truncate(Index),
    Append(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    let length = prop_oneof![1..64usize, Just(512), Just(4096)];
    prop_oneof![
        8 => (place(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        3 => (0..200usize, 0..8u8).prop_map(|(at, bit)| Damage::FlipEarly(at, bit)),
        2 => (place(), length.clone()).prop_map(|(at, length)| Damage::Zero(at, length)),
        2 => (place(), place(), length).prop_map(|(from, to, length)| Damage::Copy(from, to, length)),
        1 => place().prop_map(Damage::Truncate),
        1 => vec(any::<u8>(), 1..5000).prop_map(Damage::Append),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let size = bytes.len();
        if size == 0 {
            return;
        }
        let span = |at: &Index, length: usize| at.index(size)..(at.index(size) + length).min(size);
        match self {
            Self::Flip(at, bit) => bytes[at.index(size)] ^= 1 << bit,
            Self::FlipEarly(at, bit) => bytes[at % size] ^= 1 << bit,
            Self::Zero(at, length) => bytes[span(at, *length)].fill(0),
            Self::Copy(from, to, length) => {
                let copy = bytes[span(from, *length)].to_vec();
                let to = to.index(size);
                let end = (to + copy.len()).min(size);
                bytes[to..end].copy_from_slice(&copy[..end - to]);
            }
            Self::Truncate(at) => bytes.truncate(at.index(size)),
            Self::Append(more) => bytes.extend(more),
        }
    }
}

/// Opens these files and reads all of them, or gives the refusal, which must be fit for a person.
fn open(database: &[u8], log: &[u8]) -> Result<Option<Vec<String>>, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("ledger.db");
    fs::write(&file, database).unwrap();
    if !log.is_empty() {
        fs::write(folder.path().join("ledger.db-wal"), log).unwrap();
    }
    match Database::open(&file, &Namespace::default()) {
        Ok(opened) => {
            drop(opened);
            Ok(Some(contents(&file)))
        }
        Err(error) => {
            let text = error.to_string();
            prop_assert!(text.contains("ledger.db: "), "no name: {}", text);
            let remedies = ["restore a copy", "--ledger", "give it to this user"];
            prop_assert!(
                remedies.iter().any(|remedy| text.contains(remedy)),
                "no remedy: {}",
                text
            );
            if log.is_empty() {
                prop_assert!(fs::read(&file).unwrap() == database, "it was changed: {}", text);
            }
            Ok(None)
        }
    }
}

/// Every case writes files: fewer of them than elsewhere.
fn few() -> ProptestConfig {
    let cases = config().cases.div_ceil(4);
    ProptestConfig { cases, ..config() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_damaged_ledger_is_refused_or_whole(pieces in vec(damage(), 1..3)) {
        let seed = &*CLOSED;
        let mut database = seed.database.clone();
        pieces.iter().for_each(|piece| piece.apply(&mut database));
        // An empty file is no ledger yet.
        prop_assume!(!database.is_empty());
        if let Some(found) = open(&database, &[])? {
            prop_assert_eq!(Some(&found), seed.states.last());
        }
    }

    #[test]
    fn a_damaged_log_is_refused_or_gives_the_last_good_state(pieces in vec(damage(), 1..3)) {
        let seed = &*KILLED;
        let mut log = seed.log.clone();
        pieces.iter().for_each(|piece| piece.apply(&mut log));
        if let Some(found) = open(&seed.database, &log)? {
            prop_assert!(seed.states.contains(&found), "a state that never was: {:#?}", found);
        }
    }
}

#[test]
fn an_untouched_ledger_is_whole_closed_or_killed() {
    for seed in [&*CLOSED, &*KILLED] {
        let found = open(&seed.database, &seed.log).unwrap();
        assert_eq!(found.as_ref(), seed.states.last());
        assert!(found.is_some_and(|rows| rows.len() > 35));
    }
}

#[test]
fn every_byte_of_the_header_and_of_a_row_counts_or_means_nothing() {
    let seed = &*CLOSED;
    // A place may be what is left of a row that is gone.
    let is_begin = |at: &usize| seed.database[*at..].starts_with(b"{\"id\":");
    let is_read = |at: &usize| {
        let mut database = seed.database.clone();
        database[*at] ^= 1;
        open(&database, &[]).unwrap().is_none()
    };
    let row = (0..seed.database.len()).filter(is_begin).find(is_read).unwrap();
    let mut refused = 0;
    for at in (0..108).chain(row..row + 200) {
        let mut database = seed.database.clone();
        database[at] ^= 1 << (at % 8);
        match open(&database, &[]).unwrap() {
            Some(found) => assert_eq!(Some(&found), seed.states.last(), "byte {at}"),
            None => refused += 1,
        }
    }
    assert!(refused > 200, "{refused} of 308");
}

#[test]
fn a_changed_row_is_refused_in_a_file_that_can_only_be_read_too() {
    let seed = &*CLOSED;
    let verdict = b"\"verdict\":\"Cancelled\"";
    let is_one = |at: &usize| seed.database[*at..].starts_with(verdict);
    let places: Vec<usize> = (0..seed.database.len()).filter(is_one).collect();
    for version in [2, 3] {
        let mut database = seed.database.clone();
        // The version for writing: 3 is newer than SQLite's own.
        database[18] = version;
        assert!(open(&database, &[]).unwrap().is_some(), "{version}");
        // Some of them may be what is left of rows that are gone.
        places.iter().for_each(|at| database[at + 11] = b'B');
        assert_eq!(open(&database, &[]).unwrap(), None, "{version}");
    }
}

#[test]
fn a_ledger_of_an_earlier_build_is_refused_and_left_as_it_is() {
    let old = super::corpus("ledger").remove(0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    fs::write(&file, &old).unwrap();
    let refused = Database::open(&file, &Namespace::default()).unwrap_err().to_string();
    assert!(refused.contains("ledger.db: it has schema 2 and this longshore reads 4"), "{refused}");
    assert!(refused.contains("another --ledger"), "{refused}");
    assert!(fs::read(&file).unwrap() == old);
}
