//! The SQLite file of one machine: opened with care, shared by ledger, queues and tasks, so that
//! one transaction can change all three.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use super::LedgerError;
use crate::identity::Namespace;

/// Marks the file as ours: `LSHR`.
const APPLICATION_ID: i32 = 0x4c53_4852;
/// Counts up when the schema changes.
const SCHEMA_VERSION: i32 = 2;
/// How long to wait for another process's transaction.
const BUSY_WAIT: Duration = Duration::from_secs(15);
/// How long to pause where SQLite does not wait by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

const SCHEMA: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        job TEXT NOT NULL,
        revision INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        due INTEGER,
        verdict TEXT,
        waits_for_slot INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_due ON runs (due) WHERE due IS NOT NULL;
    CREATE INDEX runs_job ON runs (job, created_at);
    CREATE TABLE slots (job TEXT NOT NULL, holder TEXT NOT NULL, PRIMARY KEY (job, holder)) STRICT;
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        body TEXT NOT NULL,
        visible_at INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX messages_visible ON messages (queue, visible_at);
    CREATE TABLE outcomes (run TEXT NOT NULL, verdict TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (run, verdict)) STRICT;
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
        body TEXT
    ) STRICT;
    CREATE INDEX tasks_started_by ON tasks (started_by);
    CREATE INDEX tasks_unsupervised ON tasks (arn) WHERE supervised = 0;
    CREATE TABLE task_definitions (
        family TEXT NOT NULL,
        revision INTEGER NOT NULL,
        status TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (family, revision)
    ) STRICT;
    CREATE TABLE client_tokens (
        cluster TEXT NOT NULL,
        token TEXT NOT NULL,
        parameters TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        tasks TEXT NOT NULL,
        answer TEXT NOT NULL,
        PRIMARY KEY (cluster, token)
    ) STRICT;
    CREATE TABLE tags (
        resource TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (resource, key)
    ) STRICT;
";

/// An open file.
#[derive(Debug)]
pub struct Database {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Database {
    /// Opens the file, or makes it; refuses one that is damaged, foreign, newer, or another
    /// namespace's, and leaves it as it is.
    pub fn open(path: &Path, namespace: &Namespace) -> Result<Self, LedgerError> {
        if path.extension().is_some_and(|ending| ending == "tasks") {
            let reason = "`.tasks` is the ending of the folder for what tasks print: give the \
                          ledger another one, `.db` for example";
            return Err(in_file(path, LedgerError::Unusable(reason.to_owned())));
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| {
                let folder = folder.display();
                LedgerError::Unavailable(format!(
                    "cannot make the folder {folder}: {error}: name another file with --ledger"
                ))
            })?;
        }
        let prepare = || {
            let database = Self::connect(path)?;
            if database.inspect(namespace)? == Found::Ours {
                database.configure()?;
                return Ok(database);
            }
            database.configure()?;
            database.create(namespace)?;
            Ok(database)
        };
        prepare().map_err(|error| in_file(path, error))
    }

    /// Opens a file that [`Database::open`] has prepared.
    pub fn reopen(path: &Path) -> Result<Self, LedgerError> {
        let database = Self::connect(path).map_err(|error| in_file(path, error))?;
        database.configure()?;
        Ok(database)
    }

    fn connect(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path).map_err(from_sqlite)?;
        connection.busy_timeout(BUSY_WAIT).map_err(from_sqlite)?;
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned() })
    }

    fn configure(&self) -> Result<(), LedgerError> {
        let give_up_at = Instant::now() + BUSY_WAIT;
        self.with(|sqlite| {
            // SQLite does not wait by itself for whoever changes the journal at the same moment.
            while let Err(error) = sqlite.pragma_update(None, "journal_mode", "wal") {
                let busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
                if !busy || Instant::now() > give_up_at {
                    return Err(error);
                }
                thread::sleep(BUSY_PAUSE);
            }
            // An acknowledged write survives a power cut.
            sqlite.pragma_update(None, "synchronous", "full")
        })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the tables, unless another process just did.
    fn create(&self, namespace: &Namespace) -> Result<(), LedgerError> {
        self.transaction(|sqlite| {
            if version(sqlite)? != (0, 0) {
                return Ok(());
            }
            sqlite.execute_batch(SCHEMA)?;
            sqlite.pragma_update(None, "application_id", APPLICATION_ID)?;
            sqlite.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            sqlite.execute(
                "INSERT INTO meta (name, value) VALUES ('namespace', ?1)",
                [namespace.as_str()],
            )?;
            Ok(())
        })?;
        // Whoever made them may have been another namespace.
        self.inspect(namespace).map(drop)
    }

    /// Looks at what is there, without changing it.
    fn inspect(&self, namespace: &Namespace) -> Result<Found, LedgerError> {
        let refuse = |reason: String| Err(LedgerError::Unusable(reason));
        let (found, tables) = self.with(|sqlite| {
            // One snapshot: another process may be making the tables right now.
            let sqlite = sqlite.unchecked_transaction()?;
            let tables: i64 =
                sqlite.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((version(&sqlite)?, tables))
        })?;
        match found {
            (0, 0) if tables == 0 => return Ok(Found::Nothing),
            (APPLICATION_ID, SCHEMA_VERSION) => {}
            (APPLICATION_ID, other) => {
                return refuse(format!(
                    "it has schema {other} and this longshore reads {SCHEMA_VERSION}: use another \
                     longshore, or another --ledger"
                ));
            }
            _ => {
                let reason = "it is not a ledger of longshore: name another file with --ledger";
                return refuse(reason.to_owned());
            }
        }
        let (check, owner): (String, Option<String>) = self.with(|sqlite| {
            let check = sqlite.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            let owner = "SELECT value FROM meta WHERE name = 'namespace'";
            Ok((check, sqlite.query_row(owner, [], |row| row.get(0)).optional()?))
        })?;
        match owner {
            _ if check != "ok" => refuse(format!(
                "it is damaged ({check}): restore a copy, or move it away to begin anew"
            )),
            Some(owner) if owner == namespace.as_str() => Ok(Found::Ours),
            Some(owner) => refuse(format!(
                "it belongs to the namespace `{owner}`: say --namespace {owner}, or name another \
                 file with --ledger"
            )),
            None => refuse("it does not say whose it is: move it away to begin anew".to_owned()),
        }
    }

    /// Reads, or writes one statement.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        work(&self.lock()).map_err(from_sqlite)
    }

    /// Writes several statements, all or none.
    pub(crate) fn transaction<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let mut connection = self.lock();
        let run = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(from_sqlite)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while it was held left no transaction open: that rolls back when dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A ledger of this namespace.
    Ours,
    /// Nothing yet.
    Nothing,
}

/// Whose file it is, and which schema it has.
fn version(sqlite: &Connection) -> rusqlite::Result<(i32, i32)> {
    Ok((
        sqlite.pragma_query_value(None, "application_id", |row| row.get(0))?,
        sqlite.pragma_query_value(None, "user_version", |row| row.get(0))?,
    ))
}

/// What a person or a retry can do about an error of SQLite's.
fn from_sqlite(error: rusqlite::Error) -> LedgerError {
    let damaged = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase];
    match error.sqlite_error_code() {
        Some(code) if damaged.contains(&code) => LedgerError::Unusable(format!(
            "{error}: it is damaged or no SQLite file; restore a copy, or move it away to begin \
             anew"
        )),
        Some(ErrorCode::ReadOnly) => {
            LedgerError::Unavailable(format!("{error}: give it to this user to write"))
        }
        Some(ErrorCode::CannotOpen) => LedgerError::Unavailable(format!(
            "{error}: name a file that can be written with --ledger"
        )),
        Some(ErrorCode::DiskFull) => {
            LedgerError::Unavailable(format!("{error}: make room on the disk"))
        }
        Some(_) | None => LedgerError::Unavailable(error.to_string()),
    }
}

fn in_file(path: &Path, error: LedgerError) -> LedgerError {
    let path = path.display();
    match error {
        LedgerError::Unavailable(text) => LedgerError::Unavailable(format!("{path}: {text}")),
        LedgerError::Unusable(text) => LedgerError::Unusable(format!("{path}: {text}")),
        other @ (LedgerError::Contended(_) | LedgerError::Vanished(_)) => other,
    }
}
