//! From a task state to a verdict. The only place where a verdict is written.
//!
//! The message that closed an attempt also does what follows: it gives the slot back, reminds of
//! the next attempt, tells the outcome. If that fails the message comes again, finds the attempt
//! closed by itself, and does it once more.

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use crate::backend::{Backend, PortError};
use crate::ecs::Ecs;
use crate::event::{Event, Observation, TaskState};
use crate::identity::{JobName, RunId, StartedBy};
use crate::ledger::{self, Filter, Ledger, Updated};
use crate::policy::{self, Again};
use crate::queue::{Outcome, Queue};
use crate::run::{
    Applied, Ending, Fact, Ignored, Line, News, Run, Sighting, State, Verdict, apply,
};

/// What became of one message.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// The run is another now.
    Changed(Box<Run>),
    /// This very news had ended the present attempt before; what follows was done again.
    Repeated(Box<Run>),
    /// The run knew.
    Ignored(Ignored),
    /// The task is not ours: another `startedBy`, namespace or cluster.
    Foreign,
    /// The task is ours, the run is gone or never was.
    UnknownRun,
    /// A status ECS did not have when this was written.
    UnknownStatus,
}

/// Why a message was not recorded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordError {
    /// It is dispatch's, not ours: to the reject queue.
    #[error("misdirected: a {0} event belongs into the events queue")]
    Misdirected(&'static str),
    /// A port failed: try again.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Records a task state or an observation.
pub async fn record<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    event: &Event,
    now: Timestamp,
) -> Result<Recorded, RecordError> {
    match event {
        Event::TaskState(state) => Ok(record_state(backend, state, now).await?),
        Event::Observation(observation) => Ok(record_observation(backend, observation, now).await?),
        Event::Test => Ok(Recorded::Foreign),
        Event::Schedule(_)
        | Event::S3(_)
        | Event::Manual(_)
        | Event::Rerun(_)
        | Event::Reminder(_) => Err(RecordError::Misdirected(event.kind())),
    }
}

async fn record_state<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    state: &TaskState,
    now: Timestamp,
) -> Result<Recorded, PortError> {
    let started_by = state.started_by.as_deref().and_then(|text| text.parse::<StartedBy>().ok());
    let Some(started_by) = started_by.filter(|ours| ours.namespace == backend.namespace) else {
        return Ok(Recorded::Foreign);
    };
    let (run, attempt) = (started_by.run, started_by.attempt);
    settle(backend, &run, attempt, now, |run| {
        let request = run
            .attempts
            .iter()
            .find(|known| known.number == attempt)
            .and_then(|known| known.request.as_ref());
        let cluster = state.cluster_arn.rsplit('/').next().unwrap_or_default();
        if request.is_some_and(|request| request.cluster != cluster) {
            return Err(Recorded::Foreign);
        }
        Sighting::of(state, request.map(|request| request.container.as_str()))
            .map(Fact::Seen)
            .ok_or(Recorded::UnknownStatus)
    })
    .await
}

async fn record_observation<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    observation: &Observation,
    now: Timestamp,
) -> Result<Recorded, PortError> {
    settle(backend, &observation.run, observation.attempt, now, |_| {
        Ok(Fact::Observed {
            observed: observation.observed,
            task: observation.task.clone(),
            owner: observation.owner.clone(),
            reason: observation.reason.clone(),
        })
    })
    .await
}

/// Applies the fact to the run and decides what follows, saves all of it in one write, and does
/// what follows.
async fn settle<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    id: &RunId,
    attempt: u32,
    now: Timestamp,
    fact: impl Fn(&Run) -> Result<Fact, Recorded>,
) -> Result<Recorded, PortError> {
    let mut left = Left { recorded: Recorded::UnknownRun, closed: false };
    let updated = ledger::update(&backend.ledger, id, |run| match hear(run, attempt, &fact, now) {
        Ok(next) => {
            *run = *next;
            true
        }
        Err(why) => {
            left = why;
            false
        }
    })
    .await?;
    match updated {
        Some(Updated::Saved(run)) => {
            log(&run, attempt);
            follow_up(backend, &run, attempt, now).await?;
            Ok(Recorded::Changed(run))
        }
        Some(Updated::Left(run)) => {
            if left.closed {
                follow_up(backend, &run, attempt, now).await?;
                if run.attempt() == attempt {
                    return Ok(Recorded::Repeated(run));
                }
            }
            Ok(left.recorded)
        }
        None => {
            warn!(run = %id, attempt, "news of an unknown run");
            Ok(Recorded::UnknownRun)
        }
    }
}

/// Why a run was left as it is.
struct Left {
    recorded: Recorded,
    /// It was this very message that closed the attempt, an earlier time.
    closed: bool,
}

/// The run after the fact, and after what policy decides when an attempt ended.
fn hear(
    run: &Run,
    attempt: u32,
    fact: impl Fn(&Run) -> Result<Fact, Recorded>,
    now: Timestamp,
) -> Result<Box<Run>, Left> {
    let fact = fact(run).map_err(|recorded| Left { recorded, closed: false })?;
    let mut next = match apply(run, attempt, &fact, now) {
        Applied::Changed(next) => next,
        Applied::Ignored(ignored) => {
            if ignored == Ignored::OtherTask {
                warn!(run = %run.id, attempt, "news of a second task in one attempt");
            }
            let closed = closed_by(run, attempt, &fact);
            return Err(Left { recorded: Recorded::Ignored(ignored), closed });
        }
    };
    if next.verdict().is_some() && run.verdict() != Some(Verdict::Lost) {
        match policy::again(&next, now) {
            Again::Launch(at) => next.reopen_attempt(at),
            Again::Attempt(at) => next.open_attempt(at),
            Again::No => {}
        }
    }
    Ok(next)
}

/// Whether the fact is the one that closed the attempt or launch: then its message came again
/// because what follows may not have been done.
fn closed_by(run: &Run, attempt: u32, fact: &Fact) -> bool {
    let Some(attempt) = run.attempts.iter().find(|known| known.number == attempt) else {
        return false;
    };
    match fact {
        Fact::Launched { .. } => false,
        Fact::Seen(sighting) => {
            matches!(sighting.news, News::Ended(_))
                && attempt.launches.iter().any(|launch| {
                    launch.task.as_deref() == Some(&sighting.task)
                        && launch.version == sighting.version
                })
        }
        Fact::Observed { observed, .. } => attempt.ending == Some(Ending::Observed(*observed)),
    }
}

/// What follows a recorded fact about `attempt`. Safe to repeat.
async fn follow_up<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    attempt: u32,
    now: Timestamp,
) -> Result<(), PortError> {
    if run.is_over(attempt) && run.took_slot(attempt) {
        backend.ledger.release(&run.holder(attempt)).await?;
        wake_waiters(backend, &run.job, 1).await?;
    }
    if let State::Waiting { until, .. } = run.state {
        backend.remind_at(run, until, now).await?;
    }
    if let Some(outcome) = Outcome::of(run) {
        backend.queue.emit(&outcome).await?;
    }
    Ok(())
}

/// Reminds dispatch of the runs that have waited longest for a slot of the job, and says of how
/// many.
pub(crate) async fn wake_waiters<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &JobName,
    slots: usize,
) -> Result<usize, PortError> {
    if slots == 0 {
        return Ok(0);
    }
    let waiters = backend.ledger.list(&Filter::first_of(Line::Slot, job, slots)).await?;
    for waiter in &waiters {
        backend.remind(waiter, SignedDuration::ZERO).await?;
    }
    Ok(waiters.len())
}

fn log(run: &Run, attempt: u32) {
    let task = run.last_task().unwrap_or_default();
    match (run.verdict(), &run.state) {
        (Some(verdict), _) => {
            info!(run = %run.id, job = %run.job, attempt, task, %verdict, "ended");
        }
        (None, State::Waiting { .. }) => {
            info!(run = %run.id, job = %run.job, attempt, task, "will be tried again");
        }
        (None, _) => info!(run = %run.id, job = %run.job, attempt, task, "moved on"),
    }
}
