//! The supervisor of one task: starts it, keeps its output, ends it when asked, and writes every
//! step down. It is a process of its own, so it knows the exit code whatever becomes of the others.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;

use super::body::{Body, Group};
use super::container;
use super::log_times::Noter;
use super::state::{self, End};
use super::{Order, lock_file, log_file, output, program, record, tasks_folder};
use crate::event::{LastStatus, TaskState};
use crate::ledger::LedgerError;
use crate::ledger::database::Database;

mod contained;

/// How often the task is looked at.
const POLL: Duration = Duration::from_millis(25);
/// How often the ledger is asked whether the task shall stop.
const STOP_POLL: Duration = Duration::from_millis(150);
/// How often a SIGKILL is repeated.
const KILL_AGAIN: Duration = Duration::from_secs(2);
/// How long to try to write a step down.
const WRITE_PATIENCE: Duration = Duration::from_secs(120);

/// Why a supervisor could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The ledger's file.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Files beside it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its container.
    #[error(transparent)]
    Gone(#[from] container::Gone),
    /// No process has such an id.
    #[error("the task's process has an id that is none")]
    ProcessId,
    /// It was started before, and the ledger does not know it.
    #[error(
        "the task has run before, and the ledger does not know it: it was put back from a copy"
    )]
    RanBefore,
    /// There is no such task.
    #[error("there is no task {0}")]
    UnknownTask(String),
    /// What its caller asked for is in words that this longshore does not know.
    #[error("the order of the task {task} cannot be read, another longshore wrote it: {error}")]
    Order {
        /// The task.
        task: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// Takes a task from PENDING to STOPPED. Returns at once when another supervisor has it.
pub fn supervise(ledger: &Path, task: &str) -> Result<(), SupervisorError> {
    let database = Database::reopen(ledger)?;
    fs::create_dir_all(tasks_folder(ledger))?;
    // Held until this process ends, however it ends.
    let mut lock = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(lock_file(ledger, task))?;
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let taken = database.with(|sqlite| {
        sqlite.execute("UPDATE tasks SET supervised = 1 WHERE arn = ?1 AND supervised = 0", [task])
    })?;
    if taken == 0 {
        return Ok(());
    }
    if let Err(error) = note_start(&database, &mut lock) {
        if !matches!(error, SupervisorError::RanBefore) {
            // Nothing ran: another supervisor may try.
            let back = "UPDATE tasks SET supervised = 0 WHERE arn = ?1";
            patiently(|| database.with(|sqlite| sqlite.execute(back, [task])))?;
        }
        return Err(error);
    }
    let order: String = database.with(|sqlite| {
        sqlite.query_row("SELECT request FROM tasks WHERE arn = ?1", [task], |row| row.get(0))
    })?;
    let order: Order = serde_json::from_str(&order)
        .map_err(|error| SupervisorError::Order { task: task.to_owned(), error })?;
    let Some((state, _)) = database.with(|sqlite| record::read(sqlite, task))? else {
        return Err(SupervisorError::UnknownTask(task.to_owned()));
    };
    let path = log_file(ledger, task);
    let log = OpenOptions::new().create(true).append(true).open(&path)?;
    let ask_at = Cell::new(Instant::now());
    Supervisor { database, state, order, log, path, ask_at }.run()
}

/// Notes beside the ledger that the task starts. A ledger that was put back from a copy, or lost
/// its last writes, does not know that it did: then nobody will ever know how it ended.
fn note_start(database: &Database, lock: &mut File) -> Result<(), SupervisorError> {
    let id = database.id()?;
    let mut noted = String::new();
    lock.read_to_string(&mut noted)?;
    if noted == id {
        return Err(SupervisorError::RanBefore);
    }
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(id.as_bytes())?;
    Ok(lock.sync_data()?)
}

struct Supervisor {
    database: Database,
    state: TaskState,
    order: Order,
    log: File,
    /// The log's.
    path: PathBuf,
    /// When the ledger is asked next whether the task shall stop.
    ask_at: Cell<Instant>,
}

/// What became of a task's program.
enum Ran {
    /// It ran and ended.
    Ended(End),
    /// It could not be started.
    NotStarted(String),
    /// It was stopped before it ran, with this reason.
    Stopped(String),
}

impl Supervisor {
    fn run(mut self) -> Result<(), SupervisorError> {
        self.step(LastStatus::Pending, |state, now| state.pull_started_at = Some(now))?;
        let ran = match self.stop_reason()? {
            Some(reason) => Ran::Stopped(reason),
            None => match self.order.host.runtime.engine() {
                None => self.run_process()?,
                Some(engine) => self.run_container(engine)?,
            },
        };
        match ran {
            Ran::Ended(end) => self.finish(end),
            Ran::NotStarted(reason) => self.fail_to_start(&reason),
            Ran::Stopped(reason) => {
                self.finish(End { code: None, reason: None, stopped: Some(reason) })
            }
        }
    }

    fn run_process(&mut self) -> Result<Ran, SupervisorError> {
        let command = program::process(&self.order.request, &self.order.host.passed_variables);
        let Some(mut command) = command else {
            return Ok(Ran::NotStarted("the job has no command".to_owned()));
        };
        // Its own process group, so that its children can be ended with it.
        command.process_group(0);
        let name = command.get_program().to_string_lossy().into_owned();
        let (mut child, output) = match output::spawn(command) {
            Ok(started) => started,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Ran::NotStarted(format!(
                    "CannotStartContainerError: exec: \"{name}\": executable file not found in $PATH"
                )));
            }
            Err(error) => {
                let reason = format!("CannotStartContainerError: exec: \"{name}\": {error}");
                return Ok(Ran::NotStarted(reason));
            }
        };
        let Some(group) = Group::of(child.id()) else { return Err(SupervisorError::ProcessId) };
        // What the program left behind ends with it, as in a container; so it does when this fails.
        let ending = EndsWithUs(Body::Processes(group.clone()));
        self.note_body(&ending.0)?;
        let output = output::keep(output, &self.log, Noter::open(&self.path)?)?;
        self.has_started()?;
        let mut status = None;
        let stopped = self.wait(
            || {
                status = child.try_wait()?;
                Ok(status.is_some())
            },
            |signal| group.signal(signal),
        )?;
        drop(ending);
        output::drain(output);
        Ok(Ran::Ended(End { code: status.map(exit_code), reason: None, stopped }))
    }

    fn has_started(&mut self) -> Result<(), LedgerError> {
        self.step(LastStatus::Running, |state, now| {
            state.pull_stopped_at = Some(now);
            state.started_at = Some(now);
        })
    }

    /// Notes what the task is, for whoever must end it in our place.
    fn note_body(&self, body: &Body) -> Result<(), LedgerError> {
        patiently(|| {
            self.database.with(|sqlite| record::note_body(sqlite, &self.state.task_arn, body))
        })
    }

    /// Waits for the end; when asked to stop, SIGTERM, and SIGKILL after the stop timeout. Returns
    /// the reason it was stopped for.
    fn wait(
        &self,
        mut is_over: impl FnMut() -> Result<bool, SupervisorError>,
        signal: impl Fn(Signal),
    ) -> Result<Option<String>, SupervisorError> {
        let stop_timeout = Duration::from_secs(program::stop_timeout_secs(&self.order.request));
        let mut stopped: Option<String> = None;
        let mut kill_at: Option<Instant> = None;
        while !is_over()? {
            if stopped.is_none() {
                stopped = self.asked_to_stop();
                if stopped.is_some() {
                    signal(Signal::TERM);
                    kill_at = Some(Instant::now() + stop_timeout);
                }
            }
            if kill_at.is_some_and(|at| Instant::now() >= at) {
                signal(Signal::KILL);
                // An engine may not have listened.
                kill_at = Some(Instant::now() + KILL_AGAIN);
            }
            thread::sleep(POLL);
        }
        Ok(stopped)
    }

    /// The reason, once the task was asked to stop. The task is looked at more often than the ledger
    /// is asked; a ledger that does not answer now is asked again, and the task goes on.
    fn asked_to_stop(&self) -> Option<String> {
        if Instant::now() < self.ask_at.get() {
            return None;
        }
        self.ask_at.set(Instant::now() + STOP_POLL);
        self.stop_reason().unwrap_or_default()
    }

    fn stop_reason(&self) -> Result<Option<String>, LedgerError> {
        self.database.with(|sqlite| {
            sqlite
                .prepare_cached("SELECT stop_reason FROM tasks WHERE arn = ?1")?
                .query_row([&self.state.task_arn], |row| row.get(0))
        })
    }

    fn fail_to_start(mut self, reason: &str) -> Result<(), SupervisorError> {
        self.step(LastStatus::Stopped, |task, now| state::failed_to_start(task, reason, now))?;
        Ok(())
    }

    fn finish(mut self, end: End) -> Result<(), SupervisorError> {
        self.step(LastStatus::Deprovisioning, |task, now| state::ended(task, &end, now))?;
        self.step(LastStatus::Stopped, |task, now| task.stopped_at = Some(now))?;
        Ok(())
    }

    /// Writes one step, with its event.
    fn step(
        &mut self,
        status: LastStatus,
        change: impl FnOnce(&mut TaskState, Timestamp),
    ) -> Result<(), LedgerError> {
        let now = Timestamp::now();
        self.state.last_status = status;
        self.state.version += 1;
        for container in &mut self.state.containers {
            if self.state.last_status == LastStatus::Running {
                container.last_status = LastStatus::Running;
            }
        }
        change(&mut self.state, now);
        patiently(|| self.database.transaction(|sqlite| record::write(sqlite, &self.state, now)))
    }
}

/// A full disk or a busy file may pass, and nobody else knows what happened here.
fn patiently<T>(write: impl Fn() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
    let give_up_at = Instant::now() + WRITE_PATIENCE;
    loop {
        match write() {
            Err(LedgerError::Unavailable(_)) if Instant::now() < give_up_at => {
                thread::sleep(STOP_POLL);
            }
            written => return written,
        }
    }
}

/// A task's processes or container, which do not outlive our interest in them.
struct EndsWithUs(Body);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A shell's number for how a process ended: its code, or 128 and the signal.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;
    use crate::identity::Namespace;

    #[test]
    fn an_order_that_cannot_be_read_is_told_as_that() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let database = Database::open(&ledger, &Namespace::default()).unwrap();
        let insert = "INSERT INTO tasks (arn, cluster, started_by, news, request, state)
                      VALUES ('task/c/1', 'c', '', '', '{}', '')";
        database.with(|sqlite| sqlite.execute(insert, [])).unwrap();
        let error = supervise(&ledger, "task/c/1").unwrap_err();
        assert!(matches!(error, SupervisorError::Order { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("another longshore wrote it: missing field"), "{error}");
    }
}
