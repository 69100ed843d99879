//! Runs that have a task: ECS is asked where it stands.

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::troubles::Troubles;
use super::{Swept, move_alarm};
use crate::backend::{Backend, PortError};
use crate::ecs::{Described, Ecs};
use crate::event::{LastStatus, Observed, TaskState};
use crate::ledger::Ledger;
use crate::policy::{self, Step};
use crate::queue::{Message, Queue};
use crate::run::{News, Run, Sighting, State, StopAsked, StopCause};
use crate::stop::{ask_to_stop, stop_asked};

/// Asks ECS where the tasks of these runs stand, and acts on it.
pub(super) async fn watch<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    cluster: &str,
    runs: &[Run],
    now: Timestamp,
    swept: &mut Swept,
    troubles: &mut Troubles,
) {
    let arns: Vec<String> = runs.iter().filter_map(Run::living_task).map(str::to_owned).collect();
    let described = match backend.ecs.describe(cluster, &arns).await {
        Ok(described) => described,
        Err(error) => {
            troubles.note(error.into());
            for run in runs {
                put_off(backend, run, now, troubles).await;
            }
            return;
        }
    };
    for run in runs {
        let is_its = |described: &&Described| match described {
            Described::Task(state) => Some(state.task_arn.as_str()) == run.living_task(),
            Described::Missing(task) => Some(task.as_str()) == run.living_task(),
        };
        let seen = described.iter().find(is_its);
        if let Err(error) = act_on(backend, run, seen, now, swept).await {
            troubles.note(error);
            put_off(backend, run, now, troubles).await;
        }
    }
}

async fn act_on<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    seen: Option<&Described>,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    match seen {
        Some(Described::Task(state)) => examine(backend, run, state, now, swept).await?,
        Some(Described::Missing(_)) => miss(backend, run, now, swept).await?,
        // Not in the answer: it will be next time.
        None => {}
    }
    // `stop` may have saved it: the alarm is moved on what is stored.
    match backend.ledger.load(&run.id).await? {
        Some(stored) => move_alarm(backend, stored, now).await,
        None => Ok(()),
    }
}

/// Lets others have their turn before a run that could not be looked at.
async fn put_off<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    now: Timestamp,
    troubles: &mut Troubles,
) {
    let soon = now + backend.timing.remind_again;
    let mut run = run.clone();
    if run.due.is_some_and(|due| due <= now) {
        run.due = Some(soon);
        if let Err(error) = backend.ledger.save(&mut run).await {
            troubles.note(error.into());
        }
    }
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

/// Asks a run to stop, or once more whose task lives although it was asked.
async fn stop<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: &Run,
    cause: StopCause,
    now: Timestamp,
) -> Result<(), PortError> {
    match run.stop {
        Some(_) => stop_asked(backend, run).await,
        None => {
            ask_to_stop(backend, &run.id, StopAsked::new(cause, now)).await?;
            Ok(())
        }
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
