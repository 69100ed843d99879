//! Tasks that are asked for over the wire: each has an identity of its own, whatever its token, and
//! a queue of its own for its news, so that one that cannot be told holds up no other.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use uuid::Uuid;

use super::{LocalEcs, Order, Runtime, record, task_arn};
use crate::ecs::{Ecs, EcsError};
use crate::event::{LastStatus, TaskState};
use crate::jobs::TaskRequest;
use crate::ledger::LedgerError;

/// What the names of the news queues of served tasks begin with.
pub(crate) const NEWS: &str = "served/";
/// What comes right after all names that begin so.
pub(crate) const NEWS_END: &str = "served0";

/// A task to be started: its identity and its first state are the caller's.
pub(crate) struct NewTask {
    pub(crate) request: TaskRequest,
    pub(crate) state: TaskState,
    /// What else ECS tells of it, for the caller.
    pub(crate) frame: String,
}

/// A task as it stands.
pub(crate) struct ServedTask {
    /// Rises with every task that is accepted.
    pub(crate) number: i64,
    pub(crate) state: TaskState,
    pub(crate) frame: String,
    /// Why it was asked to stop.
    pub(crate) stop_reason: Option<String>,
    supervised: bool,
}

impl ServedTask {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(1)?;
        Ok(Self {
            number: row.get(0)?,
            state: serde_json::from_str(&state).map_err(record::to_sqlite)?,
            frame: row.get(2)?,
            stop_reason: row.get(3)?,
            supervised: row.get(4)?,
        })
    }

    /// Whether it runs, or will, and nobody has asked it to stop.
    pub(crate) fn is_wanted(&self) -> bool {
        self.stop_reason.is_none() && self.state.desired_status == LastStatus::Running
    }

    /// Whether it has stopped.
    pub(crate) fn has_stopped(&self) -> bool {
        self.state.last_status == LastStatus::Stopped
    }
}

/// A task's ARN that no other task has.
pub(crate) fn new_arn(cluster: &str) -> String {
    task_arn(cluster, &Uuid::new_v4().simple().to_string())
}

const COLUMNS: &str = "SELECT rowid, state, frame, stop_reason, supervised FROM tasks";

/// A task, within the caller's transaction; it may have lost its supervisor.
pub(crate) fn find(sqlite: &Connection, task: &str) -> rusqlite::Result<Option<ServedTask>> {
    sqlite
        .prepare_cached(&format!("{COLUMNS} WHERE arn = ?1 AND frame IS NOT NULL"))?
        .query_row([task], ServedTask::read)
        .optional()
}

impl LocalEcs {
    /// Accepts a task within the caller's transaction. It starts when it is given a supervisor.
    pub(crate) fn accept(
        &self,
        sqlite: &Connection,
        task: &NewTask,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let order = Order { request: task.request.clone(), host: self.host.clone() };
        let order = serde_json::to_string(&order).map_err(record::to_sqlite)?;
        let arn = &task.state.task_arn;
        let news = format!("{NEWS}{}", super::task_id(arn));
        sqlite.execute(
            "INSERT INTO tasks (arn, cluster, started_by, news, request, frame, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, '')",
            params![arn, task.request.cluster, task.request.started_by, news, order, task.frame],
        )?;
        record::write(sqlite, &task.state, now)
    }

    /// What runs the tasks.
    pub(crate) fn runtime(&self) -> Runtime {
        self.host.runtime
    }

    /// Starts what was accepted; what cannot be started now is by [`LocalEcs::tend`].
    pub(crate) fn start(&self, task: &str, now: Timestamp) {
        if let Err(error) = self.start_supervisor(task, now) {
            tracing::warn!(task, %error, "no supervisor yet");
        }
    }

    /// Where a served task stands; `None` when there is none, or that can no longer be known.
    pub(crate) fn served(&self, task: &str) -> Result<Option<ServedTask>, LedgerError> {
        let Some(found) = self.database.with(|sqlite| find(sqlite, task))? else {
            return Ok(None);
        };
        if !self.is_orphan(task, &found.state, found.supervised) {
            return Ok(Some(found));
        }
        let state = self.state_of(task)?;
        Ok(state.map(|state| ServedTask { state, ..found }))
    }

    /// Served tasks of a cluster in the order they were accepted, after the one with this number.
    pub(crate) fn served_after(
        &self,
        cluster: &str,
        number: i64,
    ) -> Result<Vec<ServedTask>, LedgerError> {
        self.served_where("rowid > ?1 AND cluster = ?2 ORDER BY rowid", params![number, cluster])
    }

    /// Served tasks that have not stopped, of all that the ledger keeps.
    pub(crate) fn served_living(&self) -> Result<Vec<ServedTask>, LedgerError> {
        let living = "json_extract(state, '$.lastStatus') <> ?1";
        self.served_where(living, [LastStatus::Stopped.as_str()])
    }

    fn served_where(
        &self,
        condition: &str,
        values: impl Params,
    ) -> Result<Vec<ServedTask>, LedgerError> {
        let mut tasks: Vec<ServedTask> = self.database.with(|sqlite| {
            sqlite
                .prepare_cached(&format!("{COLUMNS} WHERE frame IS NOT NULL AND {condition}"))?
                .query_map(values, ServedTask::read)?
                .collect()
        })?;
        tasks.retain(|task| !self.is_orphan(&task.state.task_arn, &task.state, task.supervised));
        Ok(tasks)
    }

    /// Asks every served task that runs to stop.
    pub(crate) async fn stop_served(&self, reason: &str) -> Result<(), EcsError> {
        let living = self.served_living().map_err(|error| EcsError(error.to_string()))?;
        for task in living.into_iter().filter(ServedTask::is_wanted) {
            self.stop("", &task.state.task_arn, reason).await?;
        }
        Ok(())
    }
}
