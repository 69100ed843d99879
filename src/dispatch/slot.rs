//! The concurrency limit: who may launch, who waits, who goes.

use jiff::Timestamp;
use tracing::info;

use super::armed::{Call, update_ours};
use super::{Invocation, tell};
use crate::backend::{Backend, PortError};
use crate::ecs::Ecs;
use crate::event::Observed;
use crate::identity::{Holder, RunId};
use crate::jobs::{Concurrency, Job, WhenFull};
use crate::ledger::{self, Filter, Ledger, Slot, Updated};
use crate::queue::Queue;
use crate::run::{Line, Run, StopAsked, StopCause, Wait};
use crate::stop;

/// Whether a launch may go on.
pub(super) enum Admission {
    Granted(Box<Run>),
    Denied(Box<Run>),
}

/// Takes the slot of an attempt, where its job has a limit.
pub(super) async fn admit<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: Run,
    call: Call,
    invocation: Invocation<'_>,
) -> Result<Admission, PortError> {
    let Some(concurrency) = job.policy.concurrency else {
        return Ok(Admission::Granted(Box::new(run)));
    };
    let holders = match acquire(backend, &run, concurrency).await? {
        Slot::Held => return Ok(Admission::Granted(Box::new(run))),
        Slot::Full(holders) => holders,
    };
    let due = invocation.now + backend.timing.remind_again;
    let updated = update_ours(backend, run, |stored| match call {
        Call::First | Call::Turn => stored.wait_for_slot(invocation.now, due),
        // RunTask may have been called before the limit was there: look first.
        Call::Again => stored.wait(due, Wait::Doubt),
    })
    .await?;
    match updated {
        Updated::Saved(run) if call != Call::Again => {
            let run = turn_away(backend, job, *run, &holders, invocation.now).await?;
            Ok(Admission::Denied(Box::new(run)))
        }
        Updated::Saved(run) | Updated::Left(run) => Ok(Admission::Denied(run)),
    }
}

/// What a run that waits for a slot comes to while there is none: nothing is written then, however
/// often it is reminded. `None` when it may try.
pub(super) async fn still_full<L: Ledger, E, Q>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: &Run,
) -> Result<Option<Vec<Holder>>, PortError> {
    let Some(concurrency) = job.policy.concurrency else { return Ok(None) };
    let holders = backend.ledger.holders(&job.name).await?;
    let is_full = holders.len() >= usize::try_from(concurrency.limit).unwrap_or(usize::MAX);
    let has_one = holders.contains(&run.holder(run.attempt()));
    Ok((is_full && !has_one).then_some(holders))
}

async fn acquire<L: Ledger, E, Q>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    concurrency: Concurrency,
) -> Result<Slot, PortError> {
    let holder = run.holder(run.attempt());
    let slot = backend.ledger.acquire(&holder, concurrency.limit).await?;
    // Nobody is turned away for good because of a slot whose holder is over. Who waits is woken
    // by sweep.
    match (&slot, concurrency.when_full) {
        (Slot::Full(holders), WhenFull::Skip | WhenFull::Replace)
            if ledger::release_over(&backend.ledger, holders).await? > 0 =>
        {
            Ok(backend.ledger.acquire(&holder, concurrency.limit).await?)
        }
        (Slot::Held, _) | (Slot::Full(_), _) => Ok(slot),
    }
}

/// Does with a run that found no slot what its job says.
pub(super) async fn turn_away<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: Run,
    holders: &[Holder],
    now: Timestamp,
) -> Result<Run, PortError> {
    match job.policy.concurrency {
        // A retry has been let in before.
        Some(Concurrency { when_full: WhenFull::Skip, limit }) if run.attempt() == 1 => {
            let reason =
                format!("job `{}` already has {limit} at work, and whenFull is skip", run.job);
            tell(backend, run, Observed::Skipped, reason).await
        }
        Some(Concurrency { when_full: WhenFull::Replace, .. }) => {
            replace(backend, run, holders, now).await
        }
        Some(Concurrency { when_full: WhenFull::Skip | WhenFull::Wait, .. }) | None => {
            info!(run = %run.id, job = %run.job, "waits for a slot");
            Ok(run)
        }
    }
}

/// Makes room for the newest run: older ones that wait go, and of those at work the oldest. A run
/// that is older than all of these goes itself.
async fn replace<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    holders: &[Holder],
    now: Timestamp,
) -> Result<Run, PortError> {
    let wish = StopAsked::new(StopCause::Replaced, now).by(run.id.as_str());
    let waiting =
        Filter { job: Some(run.job.clone()), line: Some(Line::Slot), ..Filter::default() };
    for waiter in backend.ledger.list(&waiting).await? {
        // One that is asked already leaves the line as soon as dispatch is reminded of it.
        if waiter.stop.is_none() && is_older(&waiter, &run) {
            stop::ask_to_stop(backend, &waiter.id, wish.clone()).await?;
        }
    }
    let mut oldest: Option<Run> = None;
    let ids: Vec<RunId> = holders.iter().map(|holder| holder.run.clone()).collect();
    for held in backend.ledger.load_all(&ids).await? {
        // One that is asked already makes room; a second need not go.
        if held.stop.is_some() && held.verdict().is_none() {
            return Ok(run);
        }
        if oldest.as_ref().is_none_or(|oldest| is_older(&held, oldest)) {
            oldest = Some(held);
        }
    }
    match oldest {
        Some(oldest) if is_older(&oldest, &run) => {
            stop::ask_to_stop(backend, &oldest.id, wish).await?;
            Ok(run)
        }
        Some(newer) => {
            let reason = format!("replaced by {} before it had a task", newer.id);
            tell(backend, run, Observed::Cancelled, reason).await
        }
        None => Ok(run),
    }
}

fn is_older(run: &Run, than: &Run) -> bool {
    (run.created_at, &run.id) < (than.created_at, &than.id)
}
