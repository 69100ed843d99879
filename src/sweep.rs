//! Notices what nobody reported: runs whose time has come, tasks whose news was lost, tasks that
//! run too long. Writes no verdict: it reminds dispatch, tells record, and stops tasks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tracing::info;

use crate::backend::{Backend, PortError};
use crate::ecs::Ecs;
use crate::identity::{JobName, RunId};
use crate::jobs::{Concurrency, Jobs};
use crate::ledger::{self, Filter, Ledger, LedgerError};
use crate::policy::{self, Step};
use crate::queue::Queue;
use crate::record::wake_waiters;
use crate::run::{Line, Run};

mod tasks;
mod troubles;

use tasks::watch;
use troubles::Troubles;

/// Runs looked at in one sweep, at most.
const DUE_MAX: usize = 500;
/// Turns to call RunTask that one sweep gives to a job's line, at most.
const TURNS_MAX: usize = 2;
/// Tasks that ECS is asked about at a time: a question that fails puts no more of them off.
const WATCHED_AT_ONCE: usize = 100;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Runs whose time had come.
    pub due: usize,
    /// Reminders sent to dispatch.
    pub reminded: usize,
    /// Things told to record.
    pub told: usize,
    /// Tasks asked to stop.
    pub stopped: usize,
    /// Slots taken from holders that are over.
    pub freed: usize,
    /// Jobs whose first run has waited for its turn to call RunTask for a minute or longer.
    pub throttled: usize,
}

/// Looks at every run whose time has come.
pub async fn sweep<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    now: Timestamp,
) -> Result<Swept, PortError> {
    let (mut swept, mut troubles) = (Swept::default(), Troubles::default());
    let due = backend.ledger.due(now, DUE_MAX).await?;
    let mut runs = load_due(&backend.ledger, &due, &mut troubles).await?;
    // The list is a hint: what counts is the run itself.
    runs.retain(|run| run.due.is_some_and(|due| due <= now));
    let turns = visit_each(backend, runs, now, &mut swept, &mut troubles).await;
    swept.throttled = turns.0.len();
    for job in jobs.iter() {
        if !turns.were_given(&job.name)
            && let Err(error) = start_turns(backend, &job.name, now, &mut swept).await
        {
            troubles.note(error);
        }
        if let Some(concurrency) = job.policy.concurrency
            && let Err(error) = free_slots(backend, &job.name, concurrency, &mut swept).await
        {
            troubles.note(error);
        }
    }
    if swept != Swept::default() {
        let Swept { due, reminded, told, stopped, freed, throttled } = swept;
        info!(due, reminded, told, stopped, freed, throttled, "swept");
    }
    troubles.none_or_first().map(|()| swept)
}

/// Loads them together, or, where one of them cannot be read, each by itself.
async fn load_due(
    ledger: &impl Ledger,
    due: &[RunId],
    troubles: &mut Troubles,
) -> Result<Vec<Run>, LedgerError> {
    match ledger.load_all(due).await {
        Err(LedgerError::Unusable(_)) => {}
        loaded => return loaded,
    }
    let mut runs = Vec::new();
    for id in due {
        match ledger.load(id).await {
            Ok(run) => runs.extend(run),
            Err(error) => troubles.note(error.into()),
        }
    }
    Ok(runs)
}

/// Looks at these runs, whether their time has come or not.
pub async fn visit<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    runs: Vec<Run>,
    now: Timestamp,
) -> Result<(), PortError> {
    let mut troubles = Troubles::default();
    visit_each(backend, runs, now, &mut Swept::default(), &mut troubles).await;
    troubles.none_or_first()
}

async fn visit_each<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    runs: Vec<Run>,
    now: Timestamp,
    swept: &mut Swept,
    troubles: &mut Troubles,
) -> Turns {
    swept.due += runs.len();
    let mut turns = Turns::default();
    let mut tasks: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    for run in runs {
        match (policy::next(&run, &backend.timing, now), run.request()) {
            (Step::Watch | Step::Stop(_), Some(request)) => {
                tasks.entry(request.cluster.clone()).or_default().push(run);
            }
            (step, _) => {
                let moved = pass_on(backend, run, &step, now, &mut turns, swept).await;
                moved.unwrap_or_else(|error| troubles.note(error));
            }
        }
    }
    for (cluster, runs) in tasks {
        for runs in runs.chunks(WATCHED_AT_ONCE) {
            watch(backend, &cluster, runs, now, swept, troubles).await;
        }
    }
    turns
}

/// The turns that one sweep gave to each job's line.
#[derive(Default)]
struct Turns(BTreeMap<JobName, usize>);

impl Turns {
    /// Counts one more, unless the line has got enough: turns multiply by themselves.
    fn may_give(&mut self, job: &JobName) -> bool {
        let given = self.0.entry(job.clone()).or_default();
        *given += 1;
        *given <= TURNS_MAX
    }

    fn were_given(&self, job: &JobName) -> bool {
        self.0.contains_key(job)
    }
}

/// Reminds dispatch of a run without a task, if there is something to do.
async fn pass_on<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    step: &Step,
    now: Timestamp,
    turns: &mut Turns,
    swept: &mut Swept,
) -> Result<(), PortError> {
    match step {
        Step::Launch if run.line() == Some(Line::Turn) && !turns.may_give(&run.job) => {}
        Step::Launch | Step::Repeat | Step::Look { .. } | Step::Tell(..) => {
            backend.remind(&run, SignedDuration::ZERO).await?;
            swept.reminded += 1;
        }
        Step::Rest | Step::Done | Step::Watch | Step::Stop(_) => {}
    }
    move_alarm(backend, run, now).await
}

/// Moves the run's alarm to its next time, if it has rung. Somebody else's change is left alone: it brought an
/// alarm of its own.
async fn move_alarm<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    mut run: Run,
    now: Timestamp,
) -> Result<(), PortError> {
    if run.due.is_none_or(|due| due > now) {
        return Ok(());
    }
    run.due = policy::alarm(&run, &backend.timing, now);
    backend.ledger.save(&mut run).await?;
    Ok(())
}

/// Gives a job's line a turn if it stands still: whoever had the last one may have died, or have
/// found nobody while another was joining.
async fn start_turns<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &JobName,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    for first in backend.ledger.list(&Filter::first_of(Line::Turn, job, 1)).await? {
        if policy::stands_still(&first, &backend.timing, now) {
            backend.remind(&first, SignedDuration::ZERO).await?;
            swept.reminded += 1;
            swept.throttled += 1;
        }
    }
    Ok(())
}

/// Takes slots of a job from attempts that are over, where somebody waits for one, and reminds as
/// many as may have one: whoever gave a slot back may not have seen them yet.
async fn free_slots<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &JobName,
    concurrency: Concurrency,
    swept: &mut Swept,
) -> Result<(), PortError> {
    if backend.ledger.list(&Filter::first_of(Line::Slot, job, 1)).await?.is_empty() {
        return Ok(());
    }
    let holders = backend.ledger.holders(job).await?;
    let freed = ledger::release_over(&backend.ledger, &holders).await?;
    swept.freed += freed;
    let limit = usize::try_from(concurrency.limit).unwrap_or(usize::MAX);
    let free = limit.saturating_sub(holders.len() - freed);
    swept.reminded += wake_waiters(backend, job, free).await?;
    Ok(())
}
