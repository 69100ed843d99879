//! `runs --follow`: each run that is new or has changed, as it comes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{self, DIM, printable};
use crate::cli::records::{PATIENCE, Place, Records};
use crate::cli::show::conclusion;
use crate::cli::{Common, Format, timeline};
use crate::identity::RunId;
use crate::ledger::{Filter, LedgerError};
use crate::run::{Run, Verdict};

/// Runs that were claimed so long before the newest one known may show up later: clocks differ, and
/// lists are behind.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);
/// Open runs that are watched at most, and of the newest runs as many are looked at each time:
/// whoever follows a burst shall not read a table of thousands every three seconds.
const WATCHED_MAX: usize = 1_000;

/// What was seen so far.
struct Seen {
    /// How each run stood when it was looked at last.
    told: BTreeMap<RunId, Standing>,
    /// Those that may still change.
    open: BTreeSet<RunId>,
    /// Runs that were claimed since are looked for.
    since: Timestamp,
}

/// Of a run what is news when it is another.
#[derive(PartialEq, Eq)]
struct Standing {
    status: &'static str,
    attempt: u32,
    created_at: Timestamp,
}

pub(super) async fn follow(
    common: &Common,
    records: &Records,
    filter: &Filter,
) -> Result<Exit, Failure> {
    let pause = match common.place {
        Place::Local => Duration::from_millis(200),
        Place::Aws => Duration::from_secs(3),
    };
    let (mut seen, mut runs) = begin(records, filter).await?;
    let mut reached = Instant::now();
    loop {
        if !print(common, filter, &mut seen, &runs)? {
            return Ok(Exit::Good);
        }
        tokio::time::sleep(pause).await;
        records.catch_up().await?;
        runs = match look(records, filter, &seen).await {
            Ok(runs) => {
                reached = Instant::now();
                runs
            }
            Err(LedgerError::Unavailable(_)) if reached.elapsed() < PATIENCE => Vec::new(),
            Err(error) => return Err(error.into()),
        };
    }
}

/// What is no news any more, and the runs that are printed first, the oldest first.
async fn begin(records: &Records, filter: &Filter) -> Result<(Seen, Vec<Run>), Failure> {
    let mut seen =
        Seen { told: BTreeMap::new(), open: BTreeSet::new(), since: Timestamp::now() - OVERLAP };
    let of_job = Filter { job: filter.job.clone(), ..Filter::default() };
    let open = Filter { open: true, limit: WATCHED_MAX, ..of_job.clone() };
    let recent = Filter { since: Some(seen.since), limit: WATCHED_MAX, ..of_job };
    let mut known = records.list(&open).await?;
    known.extend(records.list(&recent).await?);
    // After the others: what is claimed in between is in this list, or in the next look.
    let mut first = records.list(filter).await?;
    first.reverse();
    let printed: BTreeSet<&RunId> = first.iter().map(|run| &run.id).collect();
    for run in known.iter().filter(|run| !printed.contains(&run.id)) {
        seen.note(run);
    }
    Ok((seen, first))
}

/// The runs that may have changed, the oldest first.
async fn look(records: &Records, filter: &Filter, seen: &Seen) -> Result<Vec<Run>, LedgerError> {
    let recent = Filter {
        job: filter.job.clone(),
        since: Some(seen.since),
        limit: WATCHED_MAX,
        ..Filter::default()
    };
    let mut runs = records.list_again(&recent).await?;
    let listed: BTreeSet<&RunId> = runs.iter().map(|run| &run.id).collect();
    let others: Vec<RunId> = seen.open.iter().filter(|id| !listed.contains(id)).cloned().collect();
    runs.extend(records.load_all(&others).await?);
    runs.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    Ok(runs)
}

/// Prints what is news, and says whether anybody still reads it.
fn print(common: &Common, filter: &Filter, seen: &mut Seen, runs: &[Run]) -> Result<bool, Failure> {
    let mut text = String::new();
    for run in runs {
        if seen.note(run) && filter.admits(run) {
            text.push_str(&match common.output {
                Format::Json => format!("{}\n", timeline::to_json(run)),
                Format::Text => line(run),
            });
        }
    }
    seen.forget();
    match text.as_str() {
        "" => Ok(true),
        text => output::print_more_text(text),
    }
}

impl Seen {
    /// Notes how a run stands, and says whether that is news.
    fn note(&mut self, run: &Run) -> bool {
        match run.verdict() {
            Some(_) => drop(self.open.remove(&run.id)),
            None if self.open.len() < WATCHED_MAX => drop(self.open.insert(run.id.clone())),
            None => {}
        }
        self.since = self.since.max(run.created_at - OVERLAP);
        let standing = || Standing {
            status: output::status(run),
            attempt: run.attempt(),
            created_at: run.created_at,
        };
        self.told.insert(run.id.clone(), standing()) != Some(standing())
    }

    /// Forgets runs that will not be looked at again.
    fn forget(&mut self) {
        let Self { told, open, since } = self;
        told.retain(|id, standing| standing.created_at >= *since || open.contains(id));
    }
}

fn line(run: &Run) -> String {
    let reason = match run.verdict() {
        None | Some(Verdict::Succeeded) => String::new(),
        Some(_) => format!("  {}", printable(run.reason().unwrap_or_default())),
    };
    let clock = output::clock(Timestamp::now());
    format!("{DIM}{clock}{DIM:#}  {}  {}{reason}\n", run.id, conclusion(run))
}
