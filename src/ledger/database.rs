//! The SQLite file of one machine: opened with care, shared by ledger, queues and tasks, so that
//! one transaction can change all three.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::LedgerError;
use crate::identity::Namespace;

mod schema;

/// Marks the file as ours: `LSHR`.
const APPLICATION_ID: i32 = 0x4c53_4852;
/// How long to wait for another process's transaction.
const BUSY_WAIT: Duration = Duration::from_secs(15);
/// How long to pause where SQLite does not wait by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

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
        // A pipe would be written into as if it were a file.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let reason = "it is no file: name another with --ledger";
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
        let database = Self::connect(path)?;
        let found = database.inspect(namespace)?;
        database.configure()?;
        if found == Found::Nothing {
            database.create(namespace)?;
        }
        Ok(database)
    }

    /// Opens a file that [`Database::open`] has prepared.
    pub fn reopen(path: &Path) -> Result<Self, LedgerError> {
        let database = Self::connect(path)?;
        database.configure()?;
        Ok(database)
    }

    fn connect(path: &Path) -> Result<Self, LedgerError> {
        let open = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_WAIT)?;
            schema::add_sum(&connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| in_file(path, from_sqlite(error)))?;
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
            sqlite.execute_batch(schema::SCHEMA)?;
            sqlite.pragma_update(None, "application_id", APPLICATION_ID)?;
            sqlite.pragma_update(None, "user_version", schema::VERSION)?;
            let id = Uuid::new_v4().to_string();
            for (name, value) in [("namespace", namespace.as_str()), ("id", &id)] {
                let insert = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
                sqlite.execute(insert, [name, value])?;
            }
            Ok(())
        })?;
        // Whoever made them may have been another namespace.
        self.inspect(namespace).map(drop)
    }

    /// Looks at what is there, without changing it.
    fn inspect(&self, namespace: &Namespace) -> Result<Found, LedgerError> {
        let refuse = |reason: String| Err(in_file(&self.path, LedgerError::Unusable(reason)));
        let (found, tables) = self.with(|sqlite| {
            // One snapshot: another process may be making the tables right now.
            let sqlite = sqlite.unchecked_transaction()?;
            let tables: i64 =
                sqlite.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((version(&sqlite)?, tables))
        })?;
        match found {
            (0, 0) if tables == 0 => return Ok(Found::Nothing),
            (APPLICATION_ID, schema::VERSION) => {}
            (APPLICATION_ID, other) => {
                let ours = schema::VERSION;
                return refuse(format!(
                    "it has schema {other} and this longshore reads {ours}: use another \
                     longshore, or another --ledger"
                ));
            }
            _ => {
                let reason = "it is not a ledger of longshore: name another file with --ledger";
                return refuse(reason.to_owned());
            }
        }
        let (damage, owner): (Option<String>, Option<String>) = self.with(|sqlite| {
            let sqlite = sqlite.unchecked_transaction()?;
            Ok((schema::damage(&sqlite)?, meta(&sqlite, "namespace")?))
        })?;
        if let Some(damage) = damage {
            return refuse(format!("{DAMAGED} ({damage}): {RESTORE}"));
        }
        match owner {
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
        work(&self.lock()).map_err(|error| self.explain(error))
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
        run().map_err(|error| self.explain(error))
    }

    /// What this file's ledger is known by, whatever becomes of its name: a copy has the same.
    pub(crate) fn id(&self) -> Result<String, LedgerError> {
        self.with(|sqlite| Ok(meta(sqlite, "id")?.unwrap_or_default()))
    }

    /// An entry of ours that is none.
    pub(crate) fn unreadable(&self, error: impl std::fmt::Display) -> LedgerError {
        let reason = format!("an entry cannot be read ({error}): {RESTORE}");
        in_file(&self.path, LedgerError::Unusable(reason))
    }

    fn explain(&self, error: rusqlite::Error) -> LedgerError {
        in_file(&self.path, from_sqlite(error))
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

fn meta(sqlite: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let select = "SELECT value FROM meta WHERE name = ?1";
    sqlite.query_row(select, [name], |row| row.get(0)).optional()
}

const DAMAGED: &str = "it is damaged or no SQLite file";
const RESTORE: &str = "restore a copy, or move it away to begin anew";

/// What a person or a retry can do about an error of SQLite's.
fn from_sqlite(error: rusqlite::Error) -> LedgerError {
    let remedy = match error.sqlite_error_code() {
        // Statements of ours fail so only where the tables, or what stands in them, is not ours.
        None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
            return LedgerError::Unusable(format!("{DAMAGED} ({error}): {RESTORE}"));
        }
        Some(ErrorCode::ReadOnly) => "give it to this user to write",
        Some(ErrorCode::CannotOpen) => "name a file that can be written with --ledger",
        Some(ErrorCode::DiskFull) => "make room on the disk",
        Some(ErrorCode::SystemIoFailure) => {
            "see whether the disk is sound, has room and lets this user write"
        }
        Some(_) => return LedgerError::Unavailable(error.to_string()),
    };
    LedgerError::Unavailable(format!("{error}: {remedy}"))
}

fn in_file(path: &Path, error: LedgerError) -> LedgerError {
    let path = path.display();
    match error {
        LedgerError::Unavailable(text) => LedgerError::Unavailable(format!("{path}: {text}")),
        LedgerError::Unusable(text) => LedgerError::Unusable(format!("{path}: {text}")),
        other @ (LedgerError::Contended(_) | LedgerError::Vanished(_)) => other,
    }
}
