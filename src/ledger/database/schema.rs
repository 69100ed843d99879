//! The tables of the file, and how damage to them shows.
//!
//! SQLite notices a page that makes no sense, not a digit that became another: so every row has a
//! sum over what stands in it, made whenever it is written and looked at when the file is opened.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

/// Counts up when the schema changes.
pub(super) const VERSION: i32 = 4;

/// The column with the sum of these columns.
macro_rules! sum_of {
    ($columns:literal) => {
        concat!("sum INTEGER NOT NULL AS (row_sum(", $columns, ")) STORED")
    };
}

pub(super) const SCHEMA: &str = concat!(
    "CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        ",
    sum_of!("name, value"),
    "
    ) STRICT;
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        job TEXT NOT NULL,
        revision INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        due INTEGER,
        verdict TEXT,
        waits_for_slot INTEGER NOT NULL,
        body TEXT NOT NULL,
        ",
    sum_of!("id, job, revision, created_at, due, verdict, waits_for_slot, body"),
    "
    ) STRICT;
    CREATE INDEX runs_due ON runs (due) WHERE due IS NOT NULL;
    CREATE INDEX runs_job ON runs (job, created_at);
    CREATE TABLE slots (
        job TEXT NOT NULL,
        holder TEXT NOT NULL,
        ",
    sum_of!("job, holder"),
    ",
        PRIMARY KEY (job, holder)
    ) STRICT;
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        body TEXT NOT NULL,
        visible_at INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0,
        ",
    sum_of!("queue, body, visible_at, receives"),
    "
    ) STRICT;
    CREATE INDEX messages_visible ON messages (queue, visible_at);
    CREATE TABLE tasks (
        arn TEXT PRIMARY KEY,
        cluster TEXT NOT NULL,
        started_by TEXT NOT NULL,
        news TEXT NOT NULL,
        request TEXT NOT NULL,
        frame TEXT,
        state TEXT NOT NULL,
        supervised INTEGER NOT NULL DEFAULT 0,
        stop_reason TEXT,
        body TEXT,
        ",
    sum_of!("arn, cluster, started_by, news, request, frame, state, supervised, stop_reason, body"),
    "
    ) STRICT;
    CREATE INDEX tasks_started_by ON tasks (started_by);
    CREATE INDEX tasks_unsupervised ON tasks (arn) WHERE supervised = 0;
    CREATE TABLE task_definitions (
        family TEXT NOT NULL,
        revision INTEGER NOT NULL,
        status TEXT NOT NULL,
        body TEXT NOT NULL,
        ",
    sum_of!("family, revision, status, body"),
    ",
        PRIMARY KEY (family, revision)
    ) STRICT;
    CREATE TABLE client_tokens (
        cluster TEXT NOT NULL,
        token TEXT NOT NULL,
        parameters TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        tasks TEXT NOT NULL,
        answer TEXT NOT NULL,
        ",
    sum_of!("cluster, token, parameters, created_at, tasks, answer"),
    ",
        PRIMARY KEY (cluster, token)
    ) STRICT;
    CREATE INDEX client_tokens_created_at ON client_tokens (created_at);
    CREATE TABLE tags (
        resource TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        ",
    sum_of!("resource, key, value"),
    ",
        PRIMARY KEY (resource, key)
    ) STRICT;
"
);

/// Teaches a connection the sum.
pub(super) fn add_sum(sqlite: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    sqlite.create_scalar_function("row_sum", -1, flags, |row| Ok(sum(row)))
}

/// The first 63 bits of a hash over the values, each with its type and length before it.
fn sum(row: &Context<'_>) -> i64 {
    let mut hasher = Sha256::new();
    let mut add = |kind: u8, bytes: &[u8]| {
        hasher.update([kind]);
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    for index in 0..row.len() {
        match row.get_raw(index) {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(number) => add(1, &number.to_be_bytes()),
            ValueRef::Real(number) => add(2, &number.to_be_bytes()),
            ValueRef::Text(text) => add(3, text),
            ValueRef::Blob(bytes) => add(4, bytes),
        }
    }
    let first =
        hasher.finalize().iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    i64::try_from(first >> 1).unwrap_or_default()
}

/// What is wrong with the tables, their indexes or a row; `None` when nothing is.
pub(super) fn damage(sqlite: &Connection) -> rusqlite::Result<Option<String>> {
    for statement in SCHEMA.split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let found = "SELECT 1 FROM sqlite_schema WHERE sql = ?1";
        if sqlite.query_row(found, [statement], |_| Ok(())).optional()?.is_none() {
            let what = statement.split('(').next().unwrap_or_default().trim();
            return Ok(Some(format!("without `{what}` as it should be")));
        }
    }
    let check: String = sqlite.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Ok(Some(check));
    }
    for (table, columns) in SCHEMA.split(';').filter_map(summed) {
        let wrong = format!("SELECT rowid FROM {table} WHERE sum IS NOT row_sum({columns})");
        let wrong: Option<i64> = sqlite.query_row(&wrong, [], |row| row.get(0)).optional()?;
        if let Some(row) = wrong {
            return Ok(Some(format!("row {row} of {table} does not add up")));
        }
    }
    Ok(None)
}

/// The table that a statement makes, and the columns that its sum is over.
fn summed(statement: &str) -> Option<(&str, &str)> {
    let (table, rest) = statement.trim().strip_prefix("CREATE TABLE ")?.split_once(' ')?;
    let (_, columns) = rest.split_once("row_sum(")?;
    Some((table, columns.split_once(')')?.0))
}
