//! The ledger of one machine, in SQLite. Several processes may use it at once.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::database::Database;
use super::{Claim, Filter, Ledger, LedgerError, Saved, Slot};
use crate::identity::{Holder, JobName, RunId};
use crate::run::{Line, Run};

/// The ledger in a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteLedger {
    database: Arc<Database>,
}

impl SqliteLedger {
    /// The ledger in this file.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    fn to_json(&self, run: &Run) -> Result<String, LedgerError> {
        serde_json::to_string(run).map_err(|error| self.database.unreadable(error))
    }

    fn read(&self, body: &str) -> Result<Run, LedgerError> {
        serde_json::from_str(body).map_err(|error| self.database.unreadable(error))
    }

    fn to_holders(&self, names: &[String]) -> Result<Vec<Holder>, LedgerError> {
        let parse = |name: &String| name.parse().map_err(|error| self.database.unreadable(error));
        names.iter().map(parse).collect()
    }
}

impl Ledger for SqliteLedger {
    async fn claim(&self, run: &Run) -> Result<Claim, LedgerError> {
        let body = self.to_json(run)?;
        let (created, earlier) = self.database.transaction(|sqlite| {
            let created = sqlite.execute(
                "INSERT INTO runs (id, job, revision, created_at, due, verdict, waits_for_slot, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
                params![
                    run.id.as_str(),
                    run.job.as_str(),
                    to_number(run.revision),
                    run.created_at.as_microsecond(),
                    run.due.map(Timestamp::as_microsecond),
                    run.verdict().map(|verdict| verdict.as_str()),
                    run.line() == Some(Line::Slot),
                    body,
                ],
            )?;
            Ok((created == 1, if created == 1 { None } else { body_of(sqlite, &run.id)? }))
        })?;
        match earlier {
            _ if created => Ok(Claim::Won),
            Some(body) => Ok(Claim::Known(Box::new(self.read(&body)?))),
            None => Err(LedgerError::Vanished(run.id.clone())),
        }
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        let body = self.database.with(|sqlite| body_of(sqlite, id))?;
        body.map(|body| self.read(&body)).transpose()
    }

    async fn load_all(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        // One after the other under one lock: nothing here is far away.
        let bodies: Vec<Option<String>> =
            self.database.with(|sqlite| ids.iter().map(|id| body_of(sqlite, id)).collect())?;
        bodies.into_iter().flatten().map(|body| self.read(&body)).collect()
    }

    async fn save(&self, run: &mut Run) -> Result<Saved, LedgerError> {
        let expected = run.revision;
        run.revision += 1;
        let body = self.to_json(run)?;
        let saved = self.database.with(|sqlite| {
            sqlite.execute(
                "UPDATE runs SET revision = ?1, due = ?2, verdict = ?3, waits_for_slot = ?4,
                 body = ?5 WHERE id = ?6 AND revision = ?7",
                params![
                    to_number(run.revision),
                    run.due.map(Timestamp::as_microsecond),
                    run.verdict().map(|verdict| verdict.as_str()),
                    run.line() == Some(Line::Slot),
                    body,
                    run.id.as_str(),
                    to_number(expected),
                ],
            )
        });
        match saved {
            Ok(1) => Ok(Saved::Done),
            Ok(_) => {
                run.revision = expected;
                Ok(Saved::Outdated)
            }
            Err(error) => {
                run.revision = expected;
                Err(error)
            }
        }
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RunId>, LedgerError> {
        let ids: Vec<String> = self.database.with(|sqlite| {
            sqlite
                .prepare_cached("SELECT id FROM runs WHERE due <= ?1 ORDER BY due LIMIT ?2")?
                .query_map(params![now.as_microsecond(), to_number(limit)], |row| row.get(0))?
                .collect()
        })?;
        ids.into_iter()
            .map(|id| id.parse().map_err(|error| self.database.unreadable(error)))
            .collect()
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        let (sql, values) = to_query(filter);
        let bodies: Vec<String> = self.database.with(|sqlite| {
            sqlite
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), |row: &Row<'_>| row.get(0))?
                .collect()
        })?;
        bodies.iter().map(|body| self.read(body)).collect()
    }

    async fn acquire(&self, holder: &Holder, limit: u32) -> Result<Slot, LedgerError> {
        let (job, name) = (holder.run.job(), holder.to_string());
        let others = self.database.transaction(|sqlite| {
            let holders = holders_of(sqlite, job)?;
            if holders.contains(&name) {
                return Ok(None);
            }
            if holders.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(Some(holders));
            }
            sqlite.execute("INSERT INTO slots (job, holder) VALUES (?1, ?2)", [job, &name])?;
            Ok(None)
        })?;
        match others {
            None => Ok(Slot::Held),
            Some(others) => Ok(Slot::Full(self.to_holders(&others)?)),
        }
    }

    async fn release(&self, holder: &Holder) -> Result<(), LedgerError> {
        self.database.with(|sqlite| {
            sqlite.execute(
                "DELETE FROM slots WHERE job = ?1 AND holder = ?2",
                [holder.run.job(), &holder.to_string()],
            )?;
            Ok(())
        })
    }

    async fn holders(&self, job: &JobName) -> Result<Vec<Holder>, LedgerError> {
        self.to_holders(&self.database.with(|sqlite| holders_of(sqlite, job.as_str()))?)
    }
}

fn body_of(sqlite: &Connection, id: &RunId) -> rusqlite::Result<Option<String>> {
    sqlite
        .query_row("SELECT body FROM runs WHERE id = ?1", [id.as_str()], |row| row.get(0))
        .optional()
}

fn holders_of(sqlite: &Connection, job: &str) -> rusqlite::Result<Vec<String>> {
    sqlite
        .prepare_cached("SELECT holder FROM slots WHERE job = ?1 ORDER BY holder")?
        .query_map([job], |row| row.get(0))?
        .collect()
}

fn to_query(filter: &Filter) -> (String, Vec<Sql>) {
    // Whoever stands in a line is open: few runs are, whatever a job has behind it.
    let mut sql = match filter.line {
        Some(_) => "SELECT body FROM runs INDEXED BY runs_due WHERE due IS NOT NULL",
        None => "SELECT body FROM runs WHERE 1",
    }
    .to_owned();
    let mut values: Vec<Sql> = Vec::new();
    if let Some(job) = &filter.job {
        sql.push_str(" AND job = ?");
        values.push(job.to_string().into());
    }
    if let Some(prefix) = &filter.id_prefix {
        sql.push_str(" AND substr(id, 1, length(?)) = ?");
        values.extend([prefix.clone().into(), prefix.clone().into()]);
    }
    if filter.open {
        sql.push_str(" AND verdict IS NULL");
    }
    match filter.line {
        Some(Line::Slot) => sql.push_str(" AND waits_for_slot"),
        // No column for it: nothing on one machine is throttled.
        Some(Line::Turn) => sql.push_str(" AND json_extract(body, '$.state.wait') = 'turn'"),
        None => {}
    }
    if !filter.verdicts.is_empty() {
        let marks = vec!["?"; filter.verdicts.len()].join(", ");
        sql.push_str(&format!(" AND verdict IN ({marks})"));
        values.extend(filter.verdicts.iter().map(|verdict| verdict.to_string().into()));
    }
    if let Some(since) = filter.since {
        sql.push_str(" AND created_at >= ?");
        values.push(since.as_microsecond().into());
    }
    sql.push_str(match filter.oldest_first {
        true => " ORDER BY created_at, id",
        false => " ORDER BY created_at DESC, id",
    });
    if filter.limit > 0 {
        sql.push_str(" LIMIT ?");
        values.push(to_number(filter.limit).into());
    }
    (sql, values)
}

fn to_number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
