//! A task's row: every step is written together with the event that tells of it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::body::Body;
use crate::event::TaskState;
use crate::queue::local::put;

/// Stores where a task stands and sends the event, within the caller's transaction.
pub(super) fn write(
    sqlite: &Connection,
    state: &TaskState,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let body = serde_json::to_string(state).map_err(to_sqlite)?;
    let news: String = sqlite.query_row(
        "UPDATE tasks SET state = ?1 WHERE arn = ?2 RETURNING news",
        [&body, &state.task_arn],
        |row| row.get(0),
    )?;
    let id = format!("{}-{}", super::task_id(&state.task_arn), state.version);
    let event = state.to_event("aws.ecs", &id, now).to_string();
    put(sqlite, &news, &event, now)
}

/// Where a task stands, and whether a supervisor took it.
pub(super) fn read(sqlite: &Connection, task: &str) -> rusqlite::Result<Option<(TaskState, bool)>> {
    let row: Option<(String, bool)> = sqlite
        .prepare_cached("SELECT state, supervised FROM tasks WHERE arn = ?1")?
        .query_row([task], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(state, supervised)| {
        Ok((serde_json::from_str(&state).map_err(to_sqlite)?, supervised))
    })
    .transpose()
}

/// Notes what a task is besides its row.
pub(super) fn note_body(sqlite: &Connection, task: &str, body: &Body) -> rusqlite::Result<()> {
    let body = serde_json::to_string(body).map_err(to_sqlite)?;
    sqlite.execute("UPDATE tasks SET body = ?1 WHERE arn = ?2", [&body, task])?;
    Ok(())
}

/// What a task is besides its row, once it is anything.
pub(super) fn body(sqlite: &Connection, task: &str) -> rusqlite::Result<Option<Body>> {
    let body: Option<String> = sqlite
        .query_row("SELECT body FROM tasks WHERE arn = ?1", [task], |row| row.get(0))
        .optional()?
        .flatten();
    body.map(|body| serde_json::from_str(&body).map_err(to_sqlite)).transpose()
}

pub(super) fn to_sqlite(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
