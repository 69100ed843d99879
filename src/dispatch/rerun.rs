//! A run that is wanted once more: the same job for the same values, and each of the two runs knows
//! of the other.

use super::{DispatchError, Dispatched, Invocation, start};
use crate::backend::{Backend, PortError};
use crate::ecs::Ecs;
use crate::event::{Event, Rerun};
use crate::jobs::Jobs;
use crate::ledger::{self, Ledger};
use crate::queue::Queue;
use crate::run::Run;

/// Starts a run for the values of an earlier one that has ended.
///
/// The earlier run is told first: should this invocation die in between, the message comes again
/// and finds it told.
pub(super) async fn start_again<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    event: &Event,
    rerun: &Rerun,
    invocation: Invocation<'_>,
) -> Result<Dispatched, DispatchError> {
    let found = backend.ledger.load(&rerun.run).await.map_err(PortError::from)?;
    let earlier = done_before(rerun, found)?;
    let wanted = jobs.wanting_again(rerun, &earlier.values)?;
    let id = rerun.run_id();
    let note = |run: &mut Run| run.note_rerun(&id, invocation.now);
    ledger::update_held(&backend.ledger, earlier, note).await.map_err(PortError::from)?;
    Ok(start(backend, jobs, event, &wanted, invocation).await?)
}

/// The run that is wanted once more, if it is over.
pub fn done_before(rerun: &Rerun, found: Option<Run>) -> Result<Run, DispatchError> {
    match found {
        None => Err(DispatchError::UnknownRun(rerun.run.clone())),
        Some(run) if run.verdict().is_none() => Err(DispatchError::NotEnded(run.id)),
        Some(run) => Ok(run),
    }
}
