//! From an event to a task: claims the run, takes its slot, calls RunTask.
//!
//! Every effect is safe to repeat: the claim is won once, a slot is held by name, RunTask is
//! called with a token that follows from run, attempt and launch. So whatever is left half done
//! is done again by whoever comes next: the redelivered message, or sweep's reminder.

use jiff::Timestamp;
use tracing::info;

use crate::backend::{Backend, PortError};
use crate::ecs::Ecs;
use crate::event::{Event, Observed, Reminder};
use crate::identity::RunId;
use crate::jobs::{Jobs, Match, Unwanted};
use crate::ledger::{Claim, Ledger};
use crate::policy::{self, Step, Timing};
use crate::queue::Queue;
use crate::run::{Attempt, Run, State, Wait};

mod armed;
mod launch;
mod rerun;
mod slot;
mod turn;

pub use rerun::done_before;

use armed::{Call, arm};
use launch::{launch, launch_anew, look, repeat, request};

/// Tells the time.
pub type Clock<'a> = dyn Fn() -> Timestamp + Send + Sync + 'a;

/// One invocation: its time and its name.
#[derive(Clone, Copy)]
pub struct Invocation<'a> {
    /// When it began: what is decided before a call to AWS is decided by this.
    pub now: Timestamp,
    /// A name no other invocation has.
    pub nonce: &'a str,
    /// For what counts from an answer: a call may take half the invocation's life.
    pub clock: &'a Clock<'a>,
}

impl Invocation<'_> {
    /// Until when a run is this invocation's that it takes now.
    fn lease(&self, timing: &Timing) -> Timestamp {
        (self.clock)() + timing.lease
    }
}

/// What became of one job's run.
#[derive(Clone, Debug)]
pub struct Dispatched {
    /// The run as it was when we let go of it.
    pub run: Box<Run>,
    /// Whether this event made it; otherwise an earlier delivery did.
    pub new: bool,
}

/// Why an event was not dispatched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DispatchError {
    /// It can never be: to the reject queue.
    #[error(transparent)]
    Unwanted(#[from] Unwanted),
    /// It is record's, not ours: to the reject queue.
    #[error("misdirected: a {0} belongs into the states queue")]
    Misdirected(&'static str),
    /// It asks for a run once more that is not there: to the reject queue.
    #[error("there is no run `{0}` to be done again: a run is forgotten 35 days after its end")]
    UnknownRun(RunId),
    /// It asks for a run once more that has not ended: to the reject queue.
    #[error("run `{0}` has not ended, so it cannot be done again: stop it first")]
    NotEnded(RunId),
    /// A port failed: try again.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Starts a run for each job that wants the event, or drives the one it reminds of.
pub async fn dispatch<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    event: &Event,
    invocation: Invocation<'_>,
) -> Result<Vec<Dispatched>, DispatchError> {
    match event {
        Event::Schedule(_) | Event::S3(_) | Event::Manual(_) => {
            let mut dispatched = Vec::new();
            for wanted in jobs.wanting(event, &backend.namespace)? {
                dispatched.push(start(backend, jobs, event, &wanted, invocation).await?);
            }
            Ok(dispatched)
        }
        Event::Rerun(rerun) => {
            Ok(vec![rerun::start_again(backend, jobs, event, rerun, invocation).await?])
        }
        Event::Reminder(reminder) => Ok(remember(backend, jobs, reminder, invocation).await?),
        Event::Test => Ok(Vec::new()),
        Event::TaskState(_) | Event::Observation(_) => {
            Err(DispatchError::Misdirected(event.kind()))
        }
    }
}

async fn start<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    event: &Event,
    wanted: &Match<'_>,
    invocation: Invocation<'_>,
) -> Result<Dispatched, PortError> {
    let mut run = new_run(event, wanted, invocation);
    // The first launch is armed in the claim itself: one write instead of two.
    if policy::next(&run, &backend.timing, invocation.now) == Step::Launch
        && let Ok(request) = request(backend, wanted.job, &run)
    {
        match backend.brake.holds(&run.job, invocation.now) {
            true => run
                .wait_for_turn(invocation.now, policy::line_alarm(&backend.timing, invocation.now)),
            false => arm(backend, wanted.job, &mut run, request, invocation),
        }
    }
    match backend.ledger.claim(&run).await? {
        Claim::Won => {
            info!(run = %run.id, job = %run.job, kind = run.occurrence.kind, "claimed");
        }
        // Our own claim, whose answer was lost.
        Claim::Known(earlier) if earlier.owner == invocation.nonce => run = *earlier,
        Claim::Known(earlier) => {
            info!(run = %run.id, job = %run.job, "repeated event");
            // Whoever claimed it may have gone away before it was launched.
            let run = drive(backend, jobs, *earlier, invocation).await?;
            return Ok(Dispatched { run: Box::new(run), new: false });
        }
    }
    let run = match run.state {
        State::Launching { .. } => {
            launch(backend, wanted.job, run, Call::First, invocation).await?
        }
        State::Waiting { wait: Wait::Turn, .. } => run,
        State::Waiting { .. } | State::Started | State::Running { .. } | State::Ended { .. } => {
            drive(backend, jobs, run, invocation).await?
        }
    };
    Ok(Dispatched { run: Box::new(run), new: true })
}

fn new_run(event: &Event, wanted: &Match<'_>, invocation: Invocation<'_>) -> Run {
    let now = invocation.now;
    // `wanting` only matches events that have an occurrence.
    let occurrence = event.occurrence().unwrap_or_else(|| crate::event::Occurrence {
        kind: event.kind().to_owned(),
        parts: Vec::new(),
    });
    Run {
        id: occurrence.run_id(&wanted.job.name),
        job: wanted.job.name.clone(),
        occurrence,
        happened_at: event.happened_at(),
        values: wanted.values.clone(),
        policy: wanted.job.policy.clone(),
        created_at: now,
        owner: invocation.nonce.to_owned(),
        state: State::Waiting { until: now, wait: Wait::Event },
        attempts: vec![Attempt { number: 1, ..Attempt::default() }],
        stop: None,
        reruns: Vec::new(),
        due: Some(now),
        revision: 0,
    }
}

async fn remember<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    reminder: &Reminder,
    invocation: Invocation<'_>,
) -> Result<Vec<Dispatched>, PortError> {
    // A run that is gone has been over for weeks.
    let Some(run) = backend.ledger.load(&reminder.run).await? else { return Ok(Vec::new()) };
    let before = run.revision;
    let run = drive(backend, jobs, run, invocation).await?;
    if reminder.turn {
        turn::pass_on(backend, before, &run).await?;
    }
    Ok(vec![Dispatched { run: Box::new(run), new: false }])
}

/// Takes a run as far as it goes now.
async fn drive<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    run: Run,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    match policy::next(&run, &backend.timing, invocation.now) {
        Step::Rest | Step::Done | Step::Watch | Step::Stop(_) => Ok(run),
        Step::Tell(observed, reason) => tell(backend, run, observed, reason).await,
        Step::Launch => launch_anew(backend, jobs, run, invocation).await,
        Step::Repeat => repeat(backend, jobs, run, invocation).await,
        Step::Look { too_late } => look(backend, jobs, run, too_late, invocation).await,
    }
}

async fn tell<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    observed: Observed,
    reason: String,
) -> Result<Run, PortError> {
    backend.tell(&run, observed, reason).await?;
    Ok(run)
}
