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
    let earlier = backend.ledger.load(&rerun.run).await.map_err(PortError::from)?;
    let Some(earlier) = earlier else {
        return Err(DispatchError::UnknownRun(rerun.run.clone()));
    };
    if earlier.verdict().is_none() {
        return Err(DispatchError::NotEnded(earlier.id));
    }
    let wanted = jobs.wanting_again(rerun, &earlier.values)?;
    let id = rerun.run_id();
    let note = |run: &mut Run| run.note_rerun(&id, invocation.now);
    ledger::update_held(&backend.ledger, earlier, note).await.map_err(PortError::from)?;
    Ok(start(backend, jobs, event, &wanted, invocation).await?)
}
