//! ECS on one machine: a task is a process, or a container run by `docker`, `podman` or `finch`.
//!
//! Each task has a supervisor, a process of its own that outlives whoever called RunTask and
//! writes every step of the task's life into the ledger's file, as the event ECS would send. A
//! supervisor holds a lock as long as it lives: a task without one, and without an end, can no
//! longer be known.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Described, Ecs, EcsError, RunTaskError};
use crate::event::{Container, ContainerOverride, LastStatus, NameValue, TaskOverride, TaskState};
use crate::identity::ClientToken;
use crate::jobs::{TaskRequest, TaskSource};
use crate::ledger::LedgerError;
use crate::ledger::database::Database;

mod program;
mod record;
mod supervisor;

pub use program::Runtime;
pub use supervisor::supervise;

/// How long a task may be without a supervisor before it gets another.
const SUPERVISOR_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// The hidden verb that makes our own program a supervisor.
pub const SUPERVISE_VERB: &str = "supervise-task";

/// Tasks of one machine.
#[derive(Clone, Debug)]
pub struct LocalEcs {
    database: Arc<Database>,
    /// Our own program.
    program: PathBuf,
    runtime: Runtime,
    /// Names of variables that tasks get from our own environment.
    passed_variables: Vec<String>,
}

/// What a supervisor needs to know, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    request: TaskRequest,
    runtime: Runtime,
    passed_variables: Vec<String>,
}

impl LocalEcs {
    /// Runs tasks with `runtime`; `program` is longshore itself, for the supervisors.
    pub fn new(
        database: Arc<Database>,
        program: PathBuf,
        runtime: Runtime,
        passed_variables: Vec<String>,
    ) -> Self {
        Self { database, program, runtime, passed_variables }
    }

    /// Where the output of a task goes.
    pub fn log_file(&self, task: &str) -> PathBuf {
        log_file(self.database.path(), task)
    }

    /// Gives a supervisor to every task that was accepted by somebody who went away before there
    /// was one. Two supervisors are no harm: one of them takes the task, the other ends.
    pub fn tend(&self, now: Timestamp) -> Result<(), LedgerError> {
        let states: Vec<String> = self.database.with(|sqlite| {
            sqlite
                .prepare_cached("SELECT state FROM tasks WHERE supervised = 0")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        for state in states {
            let Ok(state) = serde_json::from_str::<TaskState>(&state) else { continue };
            let age = state.created_at.map(|created| now.duration_since(created));
            if age.is_some_and(|age| age > SUPERVISOR_WAIT) {
                self.start_supervisor(&state.task_arn).map_err(|error| {
                    LedgerError::Unavailable(format!("cannot start a supervisor: {error}"))
                })?;
            }
        }
        Ok(())
    }

    fn start_supervisor(&self, task: &str) -> std::io::Result<()> {
        // Its own process group: Ctrl-C in our terminal is not for it.
        Command::new(&self.program)
            .arg(SUPERVISE_VERB)
            .arg(self.database.path())
            .arg(task)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(())
    }

    /// Whether a task's supervisor is gone without having written the end.
    fn is_orphan(&self, task: &str, state: &TaskState, supervised: bool) -> bool {
        supervised
            && state.last_status != LastStatus::Stopped
            && fs::File::open(lock_file(self.database.path(), task))
                .is_ok_and(|lock| lock.try_lock_shared().is_ok())
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

/// The ARN of the task that a token starts: the same token is the same task.
fn arn(cluster: &str, token: &ClientToken) -> String {
    let hash = Sha256::digest(format!("{cluster}\n{token}"));
    let id: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:ecs:local:000000000000:task/{cluster}/{id}")
}

/// A task that ECS has just accepted.
fn provisioning(request: &TaskRequest, task: &str, now: Timestamp) -> TaskState {
    let (family, image, size) = match &request.source {
        TaskSource::Registered(family) => (family.clone(), None, None),
        TaskSource::Inline(definition) => (
            format!("{}:1", definition.family),
            Some(definition.image.clone()),
            Some((definition.cpu.to_string(), definition.memory.to_string())),
        ),
    };
    let (cpu, memory) = size.unzip();
    let environment = request.environment.iter();
    TaskState {
        task_arn: task.to_owned(),
        cluster_arn: format!("arn:aws:ecs:local:000000000000:cluster/{}", request.cluster),
        task_definition_arn: Some(format!(
            "arn:aws:ecs:local:000000000000:task-definition/{family}"
        )),
        started_by: Some(request.started_by.clone()),
        last_status: LastStatus::Provisioning,
        desired_status: LastStatus::Running,
        version: 1,
        containers: vec![Container {
            name: request.container.clone(),
            last_status: LastStatus::Pending,
            image,
            ..Container::default()
        }],
        overrides: TaskOverride {
            container_overrides: vec![ContainerOverride {
                name: request.container.clone(),
                environment: environment
                    .filter(|(name, _)| name.starts_with("LONGSHORE_"))
                    .map(|(name, value)| NameValue { name: name.clone(), value: value.clone() })
                    .collect(),
            }],
        },
        launch_type: Some("FARGATE".to_owned()),
        cpu,
        memory,
        created_at: Some(now),
        ..TaskState::default()
    }
}

impl Ecs for LocalEcs {
    async fn run_task(
        &self,
        request: &TaskRequest,
        token: &ClientToken,
    ) -> Result<String, RunTaskError> {
        let unknown = |error: LedgerError| RunTaskError::Unknown(error.to_string());
        self.runtime.accepts(request).map_err(RunTaskError::Invalid)?;
        let task = arn(&request.cluster, token);
        let order = Order {
            request: request.clone(),
            runtime: self.runtime,
            passed_variables: self.passed_variables.clone(),
        };
        let order = serde_json::to_string(&order)
            .map_err(|error| RunTaskError::Invalid(error.to_string()))?;
        let now = Timestamp::now();
        let state = provisioning(request, &task, now);
        let earlier: Option<(String, bool)> = self
            .database
            .transaction(|sqlite| {
                let earlier = sqlite
                    .query_row(
                        "SELECT request, supervised FROM tasks WHERE arn = ?1",
                        [&task],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                    .optional()?;
                if earlier.is_none() {
                    sqlite.execute(
                        "INSERT INTO tasks (arn, cluster, token, started_by, request, state)
                         VALUES (?1, ?2, ?3, ?4, ?5, '')",
                        params![task, request.cluster, token.as_str(), request.started_by, order],
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
        if !supervised && let Err(error) = self.start_supervisor(&task) {
            let reason = format!("the task's supervisor could not be started: {error}");
            return Err(RunTaskError::Unknown(reason));
        }
        Ok(task)
    }

    async fn describe(&self, _cluster: &str, tasks: &[String]) -> Result<Vec<Described>, EcsError> {
        let failed = |error: LedgerError| EcsError(error.to_string());
        let mut described = Vec::new();
        for task in tasks {
            let found = self.database.with(|sqlite| record::read(sqlite, task)).map_err(failed)?;
            described.push(match found {
                Some((state, supervised)) if !self.is_orphan(task, &state, supervised) => {
                    Described::Task(Box::new(state))
                }
                // The supervisor may have written the end just before it let go of its lock.
                Some(_) => match self.database.with(|sqlite| record::read(sqlite, task)) {
                    Ok(Some((state, _))) if state.last_status == LastStatus::Stopped => {
                        Described::Task(Box::new(state))
                    }
                    Ok(_) => Described::Missing(task.clone()),
                    Err(error) => return Err(failed(error)),
                },
                None => Described::Missing(task.clone()),
            });
        }
        Ok(described)
    }

    async fn list_started_by(
        &self,
        cluster: &str,
        started_by: &str,
    ) -> Result<Vec<String>, EcsError> {
        self.database
            .with(|sqlite| {
                sqlite
                    .prepare_cached("SELECT arn FROM tasks WHERE cluster = ?1 AND started_by = ?2")?
                    .query_map([cluster, started_by], |row| row.get(0))?
                    .collect()
            })
            .map_err(|error| EcsError(error.to_string()))
    }

    async fn stop(&self, _cluster: &str, task: &str, reason: &str) -> Result<(), EcsError> {
        self.database
            .with(|sqlite| {
                // The supervisor looks for it; the first reason counts.
                sqlite.execute(
                    "UPDATE tasks SET stop_reason = ?1 WHERE arn = ?2 AND stop_reason IS NULL",
                    [reason, task],
                )
            })
            .map_err(|error| EcsError(error.to_string()))?;
        Ok(())
    }
}
