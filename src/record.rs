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
use crate::ledger::{Filter, Ledger, LedgerError, Saved};
use crate::policy::{self, Again};
use crate::queue::{Outcome, Queue};
use crate::run::{Applied, Ending, Fact, Ignored, News, Run, Sighting, State, Verdict, apply};

/// Tries against others who change the same run, at most.
const TRIES: u32 = 3;

/// What became of one message.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// The run is another now.
    Changed(Box<Run>),
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
        Event::Schedule(_) | Event::S3(_) | Event::Manual(_) | Event::Reminder(_) => {
            Err(RecordError::Misdirected(event.kind()))
        }
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
            reason: observation.reason.clone(),
        })
    })
    .await
}

/// Loads the run, applies the fact, decides what follows, saves all of it in one write, and does
/// what follows.
async fn settle<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    id: &RunId,
    attempt: u32,
    now: Timestamp,
    fact: impl Fn(&Run) -> Result<Fact, Recorded>,
) -> Result<Recorded, PortError> {
    for _ in 0..TRIES {
        let Some(run) = backend.ledger.load(id).await? else {
            warn!(run = %id, attempt, "news of an unknown run");
            return Ok(Recorded::UnknownRun);
        };
        let fact = match fact(&run) {
            Ok(fact) => fact,
            Err(recorded) => return Ok(recorded),
        };
        let mut next = match apply(&run, attempt, &fact, now) {
            Applied::Changed(next) => next,
            Applied::Ignored(ignored) => {
                if ignored == Ignored::OtherTask {
                    warn!(run = %id, attempt, "news of a second task in one attempt");
                }
                if closed_by(&run, attempt, &fact) {
                    follow_up(backend, &run, attempt, now).await?;
                }
                return Ok(Recorded::Ignored(ignored));
            }
        };
        if next.verdict().is_some() && run.verdict() != Some(Verdict::Lost) {
            match policy::again(&next, now) {
                Again::Launch(at) => next.reopen_attempt(at),
                Again::Attempt(at) => next.open_attempt(at),
                Again::No => {}
            }
        }
        if backend.ledger.save(&mut next).await? == Saved::Done {
            log(&next, attempt);
            follow_up(backend, &next, attempt, now).await?;
            return Ok(Recorded::Changed(next));
        }
    }
    Err(LedgerError::Contended(id.clone()).into())
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
    let attempt_is_over = run.attempt() > attempt || run.verdict().is_some();
    if attempt_is_over && run.policy.concurrency.is_some() {
        backend.ledger.release(&run.job, &run.slot_holder(attempt)).await?;
        wake_waiter(backend, &run.job).await?;
    }
    if let State::Waiting { until, .. } = run.state {
        let delay = until.duration_since(now).max(SignedDuration::ZERO);
        backend.remind(run, delay).await?;
    }
    if let Some(outcome) = Outcome::of(run) {
        backend.queue.emit(&outcome).await?;
    }
    Ok(())
}

/// Reminds dispatch of the run that has waited longest for a slot of the job.
pub(crate) async fn wake_waiter<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &JobName,
) -> Result<(), PortError> {
    let filter = Filter {
        job: Some(job.clone()),
        waiting_for_slot: true,
        oldest_first: true,
        limit: 1,
        ..Filter::default()
    };
    for waiter in backend.ledger.list(&filter).await? {
        backend.remind(&waiter, SignedDuration::ZERO).await?;
    }
    Ok(())
}

fn log(run: &Run, attempt: u32) {
    let task = run.task().unwrap_or_default();
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
