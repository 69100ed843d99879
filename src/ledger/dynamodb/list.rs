//! Runs by time, job and state: keys from an index, runs from the table.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use tracing::error;

use super::item::{self, Item};
use super::merge::Merge;
use super::table::{BATCH_MAX, Index, Partition, Table};
use crate::identity::{JobName, RunId};
use crate::ledger::{Filter, LedgerError};
use crate::run::{Line, Run};

/// Runs whose alarm time has come, the oldest first.
pub(super) async fn due(
    table: &Table,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<RunId>, LedgerError> {
    let shards = due_partitions(Some(now.as_millisecond()), Some(limit.saturating_add(1)));
    let mut hits = Merge::new(table, true, shards).chunk(limit, &|_| true).await?;
    hits.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    hits.truncate(limit);
    Ok(hits.into_iter().map(|hit| hit.id).collect())
}

/// The runs with these ids, in their order; those that are not there are left out.
pub(super) async fn load_all(table: &Table, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
    read_all(table, ids).await?.into_iter().collect()
}

async fn read_all(
    table: &Table,
    ids: &[RunId],
) -> Result<Vec<Result<Run, LedgerError>>, LedgerError> {
    let items = table.get_all(ids.iter().map(item::run_key).collect()).await?;
    let items: HashMap<&str, &Item> = items.iter().map(|item| (item::pk(item), item)).collect();
    let found = ids.iter().filter_map(|id| items.get(item::run_key(id).as_str()));
    Ok(found.map(|item| item::to_run(item)).collect())
}

/// Runs that meet the filter. Of jobs that are not in `jobs`, those which the filter names.
pub(super) async fn list(
    table: &Table,
    jobs: &[JobName],
    filter: &Filter,
) -> Result<Vec<Run>, LedgerError> {
    let jobs = jobs_of(jobs, filter);
    if let Some(id) = only_id(&jobs, filter) {
        let run = table.get(&item::run_key(&id)).await?;
        let run = run.as_ref().map(item::to_run).transpose()?;
        return Ok(run.into_iter().filter(|run| filter.admits(run)).collect());
    }
    let wanted = |id: &RunId| {
        let of_job = filter.job.as_ref().is_none_or(|job| id.job() == job.as_str());
        of_job && filter.id_prefix.as_ref().is_none_or(|prefix| id.as_str().starts_with(prefix))
    };
    // Few runs are open, whatever a job has behind it; those that wait have a place of their own.
    let by_alarm = filter.open && filter.line.is_none();
    let mut merge = match by_alarm {
        true => Merge::new(table, true, due_partitions(None, None)),
        false => Merge::new(table, filter.oldest_first, job_partitions(&jobs, filter)),
    };
    let mut runs: Vec<Run> = Vec::new();
    // One that changes its partition meanwhile may be found in both.
    let mut seen = BTreeSet::new();
    while by_alarm || filter.limit == 0 || runs.len() < filter.limit {
        let hits = merge.chunk(chunk_size(filter), &wanted).await?;
        if hits.is_empty() {
            break;
        }
        let ids = hits.into_iter().map(|hit| hit.id).filter(|id| seen.insert(id.clone()));
        for found in read_all(table, &ids.collect::<Vec<RunId>>()).await? {
            match found {
                Ok(run) if filter.admits(&run) => runs.push(run),
                Ok(_) => {}
                // A list is a hint: one run that cannot be read must not hide all the others.
                Err(error) => error!(%error, "left out of a list"),
            }
        }
    }
    Ok(ordered(runs, filter))
}

fn ordered(mut runs: Vec<Run>, filter: &Filter) -> Vec<Run> {
    runs.sort_by(|a, b| {
        let claimed = a.created_at.as_microsecond().cmp(&b.created_at.as_microsecond());
        let claimed = if filter.oldest_first { claimed } else { claimed.reverse() };
        claimed.then_with(|| a.id.cmp(&b.id))
    });
    if filter.limit > 0 {
        runs.truncate(filter.limit);
    }
    runs
}

/// The jobs that may have runs which meet the filter.
fn jobs_of(jobs: &[JobName], filter: &Filter) -> BTreeSet<JobName> {
    let mut named: BTreeSet<JobName> = match &filter.job {
        Some(job) => [job.clone()].into(),
        None => jobs.iter().cloned().collect(),
    };
    let Some(prefix) = &filter.id_prefix else { return named };
    // A job that was taken out of jobs.yaml still has a past.
    let in_prefix = prefix.rsplit_once('-').and_then(|(job, _)| job.parse().ok());
    named.extend(in_prefix.filter(|_| filter.job.is_none()));
    named.retain(|job| {
        let start = format!("{job}-");
        start.starts_with(prefix.as_str())
            || prefix.strip_prefix(&start).is_some_and(|hash| !hash.contains('-'))
    });
    named
}

/// The one run whose id the filter gives whole.
fn only_id(jobs: &BTreeSet<JobName>, filter: &Filter) -> Option<RunId> {
    let id: RunId = filter.id_prefix.as_ref()?.parse().ok()?;
    // A job's name may look like another's run id.
    jobs.iter().all(|job| job.as_str() == id.job()).then_some(id)
}

fn due_partitions(bound: Option<i64>, page: Option<usize>) -> impl Iterator<Item = Partition> {
    item::shards().map(move |hash| Partition { index: Index::Due, hash, bound, rising: true, page })
}

fn job_partitions(jobs: &BTreeSet<JobName>, filter: &Filter) -> Vec<Partition> {
    let mut hashes: Vec<String> = Vec::new();
    let is_wanted = |line: &Line| filter.line.is_none_or(|wanted| wanted == *line);
    // Who waits has no verdict.
    for line in [Line::Slot, Line::Turn].into_iter().filter(is_wanted) {
        if filter.verdicts.is_empty() {
            hashes.extend(jobs.iter().map(|job| item::in_line(line, job)));
        }
    }
    if filter.line.is_none() {
        hashes.extend(jobs.iter().map(item::in_no_line));
    }
    let partition = |hash| Partition {
        index: Index::Job,
        hash,
        bound: filter.since.map(Timestamp::as_microsecond),
        rising: filter.oldest_first,
        page: page(filter),
    };
    hashes.into_iter().map(partition).collect()
}

/// Runs loaded at a time: no more than are asked for, if each that is found meets the filter.
fn chunk_size(filter: &Filter) -> usize {
    let each_fits = filter.verdicts.is_empty() && filter.limit > 0;
    if each_fits { filter.limit.min(BATCH_MAX) } else { BATCH_MAX }
}

/// Keys in one page: a chunk, and the one after it, which says that the chunk ends there; as many
/// as DynamoDB gives, if all are wanted or most are passed over.
fn page(filter: &Filter) -> Option<usize> {
    let few = filter.limit > 0 && filter.id_prefix.is_none();
    few.then(|| chunk_size(filter) + 1)
}
