//! Asks a run to end: the intent is stored first, then ECS is told, so that whoever comes next
//! knows why the task stopped and can ask again.

use jiff::SignedDuration;
use tracing::info;

use crate::backend::{Backend, PortError};
use crate::ecs::Ecs;
use crate::identity::RunId;
use crate::ledger::{self, Ledger, Updated};
use crate::policy::{self, Step};
use crate::queue::Queue;
use crate::run::{Run, StopAsked};

/// Asks the run to stop. `None` when there is no such run, or it has ended or was asked before, or
/// the limit that asks is not over (any more): another attempt may have begun since it was seen.
pub async fn ask_to_stop<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    id: &RunId,
    wish: StopAsked,
) -> Result<Option<Run>, PortError> {
    let (cause, now) = (wish.cause, wish.at);
    let asked = ledger::update(&backend.ledger, id, |run| {
        let is_due =
            !cause.is_a_limit() || policy::next(run, &backend.timing, now) == Step::Stop(cause);
        is_due && run.ask_to_stop(wish.clone())
    })
    .await?;
    let Some(Updated::Saved(run)) = asked else { return Ok(None) };
    info!(run = %run.id, job = %run.job, attempt = run.attempt(), "asked to stop");
    stop_asked(backend, &run).await?;
    Ok(Some(*run))
}

/// Does what follows once a run was asked to stop. Safe to repeat: whoever asked may have gone
/// away before ECS was told.
pub async fn stop_asked<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
) -> Result<(), PortError> {
    let Some(asked) = run.stop.as_ref().filter(|_| run.verdict().is_none()) else { return Ok(()) };
    match (run.living_task(), run.request()) {
        (Some(task), Some(request)) => {
            Ok(backend.ecs.stop(&request.cluster, task, &asked.cause.to_reason()).await?)
        }
        // Nothing to stop: dispatch will see that it must not be launched.
        _ => backend.remind(run, SignedDuration::ZERO).await,
    }
}
