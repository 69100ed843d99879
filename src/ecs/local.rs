//! ECS on one machine: a task is a process, or a container run by `docker`, `podman` or `finch`.
//!
//! Each task has a supervisor, a process of its own that outlives whoever called RunTask and
//! writes every step of the task's life into the ledger's file, as the event ECS would send. A
//! supervisor holds a lock as long as it lives: a task without one, and without an end, can no
//! longer be known.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Described, Ecs, EcsError, RunTaskError};
use crate::event::{LastStatus, TaskState};
use crate::identity::ClientToken;
use crate::jobs::TaskRequest;
use crate::ledger::LedgerError;
use crate::ledger::database::Database;
use crate::queue::QueueName;

mod body;
mod container;
mod create;
mod engine;
mod log_times;
mod output;
mod program;
mod record;
pub(crate) mod served;
mod state;
mod supervisor;

pub use engine::NoEngine;
pub use log_times::LogTimes;
pub use program::Runtime;
pub(crate) use state::provisioning;
pub use supervisor::supervise;

/// How long a task may be without a supervisor before it gets another.
const SUPERVISOR_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// A supervisor that ended without taking its task is followed by another after this.
const SUPERVISOR_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Characters of a task's id, as ECS has them.
const ID_CHARS: usize = 32;

/// The hidden verb that makes our own program a supervisor.
pub const SUPERVISE_VERB: &str = "supervise-task";

/// Tasks of one machine.
#[derive(Clone, Debug)]
pub struct LocalEcs {
    database: Arc<Database>,
    /// Our own program.
    program: PathBuf,
    host: Host,
    /// The supervisors we started for each task, and when, until they are reaped.
    supervisors: Arc<Mutex<BTreeMap<String, (Child, Timestamp)>>>,
}

/// How tasks run on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What runs them.
    pub runtime: Runtime,
    /// Names of variables that they get from our own environment.
    pub passed_variables: Vec<String>,
    /// What the container engine is told of each container besides, word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engine_options: Vec<String>,
}

/// What a supervisor needs to know, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    request: TaskRequest,
    #[serde(flatten)]
    host: Host,
}

impl LocalEcs {
    /// Runs tasks as `host` says; `program` is longshore itself, for the supervisors.
    pub fn new(database: Arc<Database>, program: PathBuf, host: Host) -> Self {
        Self { database, program, host, supervisors: Arc::default() }
    }

    /// Where the output of a task goes.
    pub fn log_file(&self, task: &str) -> PathBuf {
        log_file(self.database.path(), task)
    }

    /// Gives a supervisor to every task that was accepted by somebody who went away before there
    /// was one. Two supervisors are no harm: one of them takes the task, the other ends.
    pub fn tend(&self, now: Timestamp) -> Result<(), LedgerError> {
        self.reap(now);
        let states: Vec<String> = self.database.with(|sqlite| {
            sqlite
                .prepare_cached("SELECT state FROM tasks WHERE supervised = 0")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        for state in states {
            let Ok(state) = serde_json::from_str::<TaskState>(&state) else { continue };
            let age = state.created_at.map(|created| now.duration_since(created));
            let is_tried = self.supervisors().contains_key(&state.task_arn);
            if !is_tried && age.is_some_and(|age| age > SUPERVISOR_WAIT) {
                self.start(&state.task_arn, now);
            }
        }
        Ok(())
    }

    fn start_supervisor(&self, task: &str, now: Timestamp) -> io::Result<()> {
        let ledger = self.database.path();
        fs::create_dir_all(tasks_folder(ledger))?;
        // What it complains of stands where people look for the task's output.
        let log = OpenOptions::new().create(true).append(true).open(log_file(ledger, task))?;
        // Its own process group: Ctrl-C in our terminal is not for it.
        let child = Command::new(&self.program)
            .arg(SUPERVISE_VERB)
            .arg(ledger)
            .arg(task)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()?;
        self.supervisors().insert(task.to_owned(), (child, now));
        Ok(())
    }

    /// Lets go of supervisors that have ended; not at once, so that one that cannot do its work is
    /// not started again and again.
    fn reap(&self, now: Timestamp) {
        self.supervisors().retain(|_, (child, started)| {
            let lives = matches!(child.try_wait(), Ok(None));
            lives || now.duration_since(*started) < SUPERVISOR_AGAIN
        });
    }

    fn supervisors(&self) -> MutexGuard<'_, BTreeMap<String, (Child, Timestamp)>> {
        self.supervisors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a task stands; `None` when that can no longer be known. Whatever it left behind is
    /// ended then: its slot goes to another.
    fn state_of(&self, task: &str) -> Result<Option<TaskState>, LedgerError> {
        let read = || self.database.with(|sqlite| record::read(sqlite, task));
        let Some((state, supervised)) = read()? else { return Ok(None) };
        if !self.is_orphan(task, &state, supervised) {
            return Ok(Some(state));
        }
        // The supervisor may have written the end just before it let go of its lock.
        match read()? {
            Some((state, _)) if state.last_status == LastStatus::Stopped => Ok(Some(state)),
            _ => {
                if let Some(body) = self.database.with(|sqlite| record::body(sqlite, task))? {
                    body.end();
                }
                Ok(None)
            }
        }
    }

    /// Whether a task's supervisor is gone without having written the end.
    fn is_orphan(&self, task: &str, state: &TaskState, supervised: bool) -> bool {
        supervised
            && state.last_status != LastStatus::Stopped
            && match File::open(lock_file(self.database.path(), task)) {
                Ok(lock) => lock.try_lock_shared().is_ok(),
                // Somebody cleared the folder.
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            }
    }

    /// What was stored for this task's token, and whether a supervisor took it.
    fn earlier(sqlite: &Connection, task: &str) -> rusqlite::Result<Option<(String, bool)>> {
        sqlite
            .query_row("SELECT request, supervised FROM tasks WHERE arn = ?1", [task], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
    }
}

/// A task's own part of its ARN.
fn task_id(task: &str) -> &str {
    task.rsplit('/').next().unwrap_or(task)
}

fn tasks_folder(ledger: &Path) -> PathBuf {
    ledger.with_extension("tasks")
}

fn log_file(ledger: &Path, task: &str) -> PathBuf {
    tasks_folder(ledger).join(format!("{}.log", task_id(task)))
}

fn lock_file(ledger: &Path, task: &str) -> PathBuf {
    tasks_folder(ledger).join(format!("{}.lock", task_id(task)))
}

/// The ARN of a task of this cluster.
pub(crate) fn task_arn(cluster: &str, id: &str) -> String {
    format!("arn:aws:ecs:local:000000000000:task/{cluster}/{id}")
}

/// The ARN of the task that a token starts: the same token is the same task.
fn arn_of(cluster: &str, token: &ClientToken) -> String {
    let mut id = HEXLOWER.encode(&Sha256::digest(format!("{cluster}\n{token}")));
    id.truncate(ID_CHARS);
    task_arn(cluster, &id)
}

impl Ecs for LocalEcs {
    async fn run_task(
        &self,
        request: &TaskRequest,
        token: &ClientToken,
    ) -> Result<String, RunTaskError> {
        let unknown = |error: LedgerError| RunTaskError::Unknown(error.to_string());
        let task = arn_of(&request.cluster, token);
        let order = Order { request: request.clone(), host: self.host.clone() };
        let order = serde_json::to_string(&order)
            .map_err(|error| RunTaskError::Invalid(error.to_string()))?;
        let now = Timestamp::now();
        let state = state::provisioning(request, &task, now);
        // A token that was used is the task it started, whatever this runtime makes of it.
        if self.database.with(|sqlite| Self::earlier(sqlite, &task)).map_err(unknown)?.is_none() {
            self.host.runtime.accepts(request).map_err(RunTaskError::Invalid)?;
        }
        let earlier = self
            .database
            .transaction(|sqlite| {
                let earlier = Self::earlier(sqlite, &task)?;
                if earlier.is_none() {
                    sqlite.execute(
                        "INSERT INTO tasks (arn, cluster, started_by, news, request, state)
                         VALUES (?1, ?2, ?3, ?4, ?5, '')",
                        params![
                            task,
                            request.cluster,
                            request.started_by,
                            QueueName::States.as_str(),
                            order
                        ],
                    )?;
                    record::write(sqlite, &state, now)?;
                }
                Ok(earlier)
            })
            .map_err(unknown)?;
        let supervised = match earlier {
            Some((other, _)) if other != order => return Err(RunTaskError::Conflict(vec![task])),
            Some((_, supervised)) => supervised,
            None => false,
        };
        if !supervised && let Err(error) = self.start_supervisor(&task, now) {
            let reason = format!("the task's supervisor could not be started: {error}");
            return Err(RunTaskError::Unknown(reason));
        }
        Ok(task)
    }

    async fn describe(&self, _cluster: &str, tasks: &[String]) -> Result<Vec<Described>, EcsError> {
        let described = tasks.iter().map(|task| {
            let state = self.state_of(task).map_err(|error| EcsError(error.to_string()))?;
            Ok(match state {
                Some(state) => Described::Task(Box::new(state)),
                None => Described::Missing(task.clone()),
            })
        });
        described.collect()
    }

    async fn list_started_by(
        &self,
        cluster: &str,
        started_by: &str,
    ) -> Result<Vec<String>, EcsError> {
        self.database
            .with(|sqlite| {
                sqlite
                    .prepare_cached(
                        "SELECT arn FROM tasks
                         WHERE cluster = ?1 AND started_by = ?2 AND news = ?3",
                    )?
                    .query_map([cluster, started_by, QueueName::States.as_str()], |row| row.get(0))?
                    .collect()
            })
            .map_err(|error| EcsError(error.to_string()))
    }

    async fn stop(&self, _cluster: &str, task: &str, reason: &str) -> Result<(), EcsError> {
        self.database
            .transaction(|sqlite| {
                // The supervisor looks for it; the first reason counts.
                sqlite.execute(
                    "UPDATE tasks SET stop_reason = ?1 WHERE arn = ?2 AND stop_reason IS NULL",
                    [reason, task],
                )?;
                // No supervisor has it, and now none will: it is over.
                let ours = "UPDATE tasks SET supervised = 1 WHERE arn = ?1 AND supervised = 0";
                if sqlite.execute(ours, [task])? == 1
                    && let Some((mut task_state, _)) = record::read(sqlite, task)?
                {
                    let now = Timestamp::now();
                    state::stopped_unstarted(&mut task_state, reason, now);
                    record::write(sqlite, &task_state, now)?;
                }
                Ok(())
            })
            .map_err(|error| EcsError(error.to_string()))
    }
}
