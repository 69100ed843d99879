//! Notices what nobody reported: runs whose time has come, tasks whose news was lost, tasks that
//! run too long. Writes no verdict: it reminds dispatch, tells record, and stops tasks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use crate::backend::{Backend, PortError};
use crate::ecs::{Described, Ecs};
use crate::event::{LastStatus, Observed, TaskState};
use crate::jobs::Jobs;
use crate::ledger::{self, Filter, Ledger};
use crate::policy::{self, Step};
use crate::queue::{Message, Queue};
use crate::record::wake_waiters;
use crate::run::{News, Run, Sighting, State, StopCause};

/// Runs looked at in one sweep, at most.
const DUE_MAX: usize = 500;
/// Tasks in one DescribeTasks call, at most
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>).
const DESCRIBE_MAX: usize = 100;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}

/// Looks at every run whose time has come.
pub async fn sweep<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    now: Timestamp,
) -> Result<Swept, PortError> {
    let due = backend.ledger.due(now, DUE_MAX).await?;
    let mut runs = backend.ledger.load_all(&due).await?;
    // The list is a hint: what counts is the run itself.
    runs.retain(|run| run.due.is_some_and(|due| due <= now));
    let mut swept = visit(backend, runs, now).await?;
    free_slots(backend, jobs, &mut swept).await?;
    if swept != Swept::default() {
        let Swept { due, reminded, told, stopped, freed } = swept;
        info!(due, reminded, told, stopped, freed, "swept");
    }
    Ok(swept)
}

/// Looks at these runs, whether their time has come or not.
pub async fn visit<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    runs: Vec<Run>,
    now: Timestamp,
) -> Result<Swept, PortError> {
    let mut swept = Swept { due: runs.len(), ..Swept::default() };
    let mut tasks: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    for run in runs {
        match policy::next(&run, &backend.timing, now) {
            Step::Watch | Step::Stop(_) => {
                if let Some(request) = run.request() {
                    tasks.entry(request.cluster.clone()).or_default().push(run);
                }
            }
            Step::Launch | Step::Repeat | Step::Look { .. } | Step::Tell(..) => {
                backend.remind(&run, SignedDuration::ZERO).await?;
                swept.reminded += 1;
                move_alarm(backend, run, now).await?;
            }
            Step::Rest | Step::Done => move_alarm(backend, run, now).await?,
        }
    }
    for (cluster, runs) in tasks {
        for runs in runs.chunks(DESCRIBE_MAX) {
            watch(backend, &cluster, runs, now, &mut swept).await?;
        }
    }
    Ok(swept)
}

/// Asks ECS where the tasks of these runs stand, and acts on it.
async fn watch<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    cluster: &str,
    runs: &[Run],
    now: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    let arns: Vec<String> = runs.iter().filter_map(Run::living_task).map(str::to_owned).collect();
    let described = backend.ecs.describe(cluster, &arns).await?;
    for run in runs {
        let is_its = |described: &&Described| match described {
            Described::Task(state) => Some(state.task_arn.as_str()) == run.living_task(),
            Described::Missing(task) => Some(task.as_str()) == run.living_task(),
        };
        match described.iter().find(is_its) {
            Some(Described::Task(state)) => examine(backend, run, state, now, swept).await?,
            Some(Described::Missing(_)) => miss(backend, run, now, swept).await?,
            // Not in the answer: it will be next time.
            None => {}
        }
        // `stop` may have saved it: the alarm is moved on what is stored.
        if let Some(stored) = backend.ledger.load(&run.id).await? {
            move_alarm(backend, stored, now).await?;
        }
    }
    Ok(())
}

/// Passes on what record has not heard, or stops the task if its time is over.
async fn examine<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    state: &TaskState,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    if is_news(run, state) {
        let message = Message::TaskState(Box::new(state.clone()), now);
        backend.queue.send(&message, SignedDuration::ZERO).await?;
        swept.told += 1;
        if state.last_status == LastStatus::Stopped {
            return Ok(());
        }
    }
    if let Step::Stop(cause) = policy::next(run, &backend.timing, now)
        && !started_meanwhile(run, cause, state)
    {
        stop(backend, run, cause, now).await?;
        swept.stopped += 1;
    }
    Ok(())
}

/// The start limit is over, but ECS says that the task runs: only the news was late.
fn started_meanwhile(run: &Run, cause: StopCause, state: &TaskState) -> bool {
    cause == StopCause::StartTimeout
        && run.stop.is_none()
        && state.last_status == LastStatus::Running
}

fn is_news(run: &Run, state: &TaskState) -> bool {
    let main = run.request().map(|request| request.container.as_str());
    match (Sighting::of(state, main).map(|sighting| sighting.news), &run.state) {
        (Some(News::Ended(_)), _) => true,
        (Some(News::Running), State::Running { .. }) => false,
        (Some(News::Running), _) => true,
        (Some(News::Pending) | None, _) => false,
    }
}

/// Stores why, then stops.
async fn stop<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    cause: StopCause,
    now: Timestamp,
) -> Result<(), PortError> {
    let asked = crate::stop::ask_to_stop(backend, &run.id, cause, None, now).await?;
    match (asked, run.living_task(), run.request()) {
        // It was asked before: once more.
        (None, Some(task), Some(request)) => {
            Ok(backend.ecs.stop(&request.cluster, task, &cause.to_reason()).await?)
        }
        _ => Ok(()),
    }
}

/// ECS does not know the task: after a while nobody ever will.
async fn miss<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    let launched_at = run.launch().map_or(run.created_at, |launch| launch.at);
    if now.duration_since(launched_at) < backend.timing.missing_after {
        return Ok(());
    }
    warn!(run = %run.id, job = %run.job, attempt = run.attempt(), "task is missing");
    let reason = "ECS does not know its task any more and never told how it ended; look at its \
                  log before you run the job again";
    backend.tell(run, Observed::Lost, reason.to_owned()).await?;
    swept.told += 1;
    Ok(())
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

/// Takes slots from attempts that are over, where somebody waits for one.
async fn free_slots<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    swept: &mut Swept,
) -> Result<(), PortError> {
    for job in jobs.iter().filter(|job| job.policy.concurrency.is_some()) {
        let waiting = Filter {
            job: Some(job.name.clone()),
            waiting_for_slot: true,
            limit: 1,
            ..Filter::default()
        };
        if backend.ledger.list(&waiting).await?.is_empty() {
            continue;
        }
        let holders = backend.ledger.holders(&job.name).await?;
        let freed = ledger::release_over(&backend.ledger, &holders).await?;
        wake_waiters(backend, &job.name, freed).await?;
        swept.freed += freed;
    }
    Ok(())
}
