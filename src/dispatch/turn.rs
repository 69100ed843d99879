//! What happens when ECS has no time: RunTask takes so many calls a second for an account, whoever
//! makes them.
//!
//! Runs that are throttled stand in a line, and turns to call RunTask go through it: a launch that
//! came by a turn hands it to another run of the job. So a line is worked off as fast as ECS
//! answers, without anybody knowing how fast that is: each turn ends when it is throttled, now and
//! then one makes two of itself, and every job keeps its own.

use jiff::SignedDuration;
use tracing::info;

use super::Invocation;
use super::armed::update_ours;
use crate::backend::{Backend, PortError};
use crate::ecs::Ecs;
use crate::ledger::{Filter, Ledger, Updated};
use crate::policy;
use crate::queue::Queue;
use crate::run::{Line, Run, State, Wait};

/// The oldest of a line, of whom one is given the turn: if it were always the first, those who pass
/// their turns on at the same moment would give them to the same run.
const OLDEST: usize = 16;
/// Runs in a line so short that every one of them may go on trying.
const SHORT: usize = 8;
/// When ECS answers neither yes nor no, the line is not sent after it at once.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// Puts a run into the line whose launch was throttled, and reminds of it once: it may be the only
/// one. One that had its turn stays until the next.
pub(super) async fn stand_in_line<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    answer: &str,
    has_turn: bool,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let now = (invocation.clock)();
    backend.brake.pull(&run.job, now);
    let due = now + backend.timing.remind_again;
    match update_ours(backend, run, |stored| stored.throttled(answer, now, due)).await? {
        Updated::Saved(run) => {
            info!(run = %run.id, job = %run.job, attempt = run.attempt(), "waits for its turn");
            if !has_turn {
                backend.remind(&run, policy::apart(&run)).await?;
            }
            Ok(*run)
        }
        Updated::Left(run) => Ok(*run),
    }
}

/// Passes a turn on, after the run that had it was taken as far as it goes from its revision
/// `before`.
pub(super) async fn pass_on<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    before: u64,
    run: &Run,
) -> Result<(), PortError> {
    let has_moved = run.revision != before;
    match &run.state {
        State::Waiting { wait: Wait::Turn, .. } if has_moved => end_turn(backend, run).await,
        State::Launching { .. } | State::Waiting { wait: Wait::Doubt, .. } => {
            give_turns(backend, run, 1, PAUSE).await
        }
        State::Started if has_moved && policy::doubles_its_turn(run) => {
            give_turns(backend, run, 2, SignedDuration::ZERO).await
        }
        State::Waiting { .. } | State::Started | State::Running { .. } | State::Ended { .. } => {
            give_turns(backend, run, 1, SignedDuration::ZERO).await
        }
    }
}

/// The turn of a run that was throttled again is over; in a short line it only comes again later.
async fn end_turn<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
) -> Result<(), PortError> {
    match oldest_others(backend, run).await?.len() {
        SHORT.. if policy::ends_its_turn(run) => Ok(()),
        _ => backend.remind(run, policy::apart(run)).await,
    }
}

async fn give_turns<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    turns: usize,
    delay: SignedDuration,
) -> Result<(), PortError> {
    let oldest = oldest_others(backend, run).await?;
    for next in policy::some_of(&oldest, turns, run) {
        backend.remind(next, delay).await?;
    }
    Ok(())
}

/// Those of its job's line that wait longest, without the run itself.
async fn oldest_others<L: Ledger, E, Q>(
    backend: &Backend<L, E, Q>,
    run: &Run,
) -> Result<Vec<Run>, PortError> {
    let filter = Filter::first_of(Line::Turn, &run.job, OLDEST);
    let mut oldest = backend.ledger.list(&filter).await?;
    oldest.retain(|waiting| waiting.id != run.id);
    Ok(oldest)
}
