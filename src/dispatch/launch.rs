//! One launch: RunTask is called with the launch's token, and its answer kept.

use jiff::Timestamp;
use tracing::{info, warn};

use super::armed::{Call, arm, is_late, take_over, update_ours};
use super::slot::{Admission, admit, still_full, turn_away};
use super::turn::stand_in_line;
use super::{Invocation, tell};
use crate::backend::{Backend, PortError};
use crate::ecs::{Ecs, RunTaskError};
use crate::event::Observed;
use crate::jobs::{Job, Jobs, RunSpec, TaskRequest};
use crate::ledger::{self, Ledger, Saved, Updated};
use crate::policy;
use crate::queue::Queue;
use crate::run::{Applied, Fact, Ignored, Line, Run, StopCause, apply};

/// Begins a launch with a new token.
pub(super) async fn launch_anew<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    mut run: Run,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let Some(job) = jobs.get(run.job.as_str()) else {
        return tell_jobless(backend, run).await;
    };
    let call = match run.line() {
        Some(Line::Turn) => Call::Turn,
        Some(Line::Slot) | None => Call::First,
    };
    if run.line() == Some(Line::Slot)
        && let Some(holders) = still_full(backend, job, &run).await?
    {
        return turn_away(backend, job, run, &holders, invocation.now).await;
    }
    let request = match request(backend, job, &run) {
        Ok(request) => request,
        Err(reason) => return tell(backend, run, Observed::Invalid, reason).await,
    };
    arm(backend, job, &mut run, request, invocation);
    match backend.ledger.save(&mut run).await? {
        Saved::Done => launch(backend, job, run, call, invocation).await,
        Saved::Outdated => left_to_others(backend, run).await,
    }
}

/// Somebody else is at it: the run as they left it.
async fn left_to_others<L: Ledger, E, Q>(
    backend: &Backend<L, E, Q>,
    run: Run,
) -> Result<Run, PortError> {
    let stored = backend.ledger.load(&run.id).await?;
    Ok(stored.unwrap_or(run))
}

/// Calls RunTask once more with the present launch's token, in the place of whoever held it.
pub(super) async fn repeat<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    mut run: Run,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let Some(job) = jobs.get(run.job.as_str()) else {
        return find_without_job(backend, run, invocation.now).await;
    };
    take_over(backend, job, &mut run, invocation);
    match backend.ledger.save(&mut run).await? {
        Saved::Done => launch(backend, job, run, Call::Again, invocation).await,
        Saved::Outdated => left_to_others(backend, run).await,
    }
}

/// Somebody took the job away: its task is looked for, and not started any more. A call that is on
/// its way may start it yet, so the run is not given up before its token is; where tokens live for
/// ever, no call outlives its lease.
async fn find_without_job<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    now: Timestamp,
) -> Result<Run, PortError> {
    match (find(backend, &run).await?, backend.timing.token_life) {
        (Some(task), _) => adopt(backend, run, &task, now).await,
        (None, Some(_)) => Ok(run),
        (None, None) => tell_jobless(backend, run).await,
    }
}

/// Looks for a task that was started although we were told otherwise, or not told at all.
pub(super) async fn look<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    run: Run,
    too_late: bool,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    if let Some(task) = find(backend, &run).await? {
        return adopt(backend, run, &task, invocation.now).await;
    }
    if too_late {
        return tell_lost(backend, run).await;
    }
    if let Some(stop) = &run.stop {
        let reason = stop.before_a_task();
        return tell(backend, run, Observed::Cancelled, reason).await;
    }
    // Whoever armed this launch may still call RunTask: with the same token that is one task.
    if run.launch_is_unanswered() {
        return repeat_unused(backend, jobs, run, invocation).await;
    }
    match policy::launches_spent(&run, invocation.now) {
        Some(reason) => tell(backend, run, Observed::NotPlaced, reason).await,
        None => launch_anew(backend, jobs, run, invocation).await,
    }
}

/// Uses the token of a launch once more that has no task so far, as soon as there is a slot.
async fn repeat_unused<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    mut run: Run,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let holders = match jobs.get(run.job.as_str()) {
        Some(job) => still_full(backend, job, &run).await?,
        None => None,
    };
    // It stands in no line, so sweep does not see that it waits: a slot whose holder is over, its
    // own last attempt perhaps, is given back here.
    let full = match holders {
        Some(holders) => ledger::release_over(&backend.ledger, &holders).await? == 0,
        None => false,
    };
    if !full {
        run.launch_found_unused(invocation.now);
        return repeat(backend, jobs, run, invocation).await;
    }
    // Nothing changes but that the token is known to be good for longer.
    if policy::token_is_half_spent(&run, &backend.timing, invocation.now) {
        run.launch_found_unused(invocation.now);
        backend.ledger.save(&mut run).await?;
    }
    Ok(run)
}

/// The task of the present attempt that no launch of it knows yet.
async fn find<L, E: Ecs, Q>(
    backend: &Backend<L, E, Q>,
    run: &Run,
) -> Result<Option<String>, PortError> {
    let (Some(attempt), Some(request)) = (run.attempts.last(), run.request()) else {
        return Ok(None);
    };
    let started_by = run.started_by(&backend.namespace).to_string();
    let found = backend.ecs.list_started_by(&request.cluster, &started_by).await?;
    let is_known =
        |task: &String| attempt.launches.iter().any(|launch| launch.task.as_ref() == Some(task));
    Ok(found.into_iter().find(|task| !is_known(task)))
}

/// Nobody knows any more what the run is to start.
async fn tell_jobless<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
) -> Result<Run, PortError> {
    let reason = format!("there is no job `{}` in jobs.yaml any more", run.job);
    tell(backend, run, Observed::Invalid, reason).await
}

async fn tell_lost<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
) -> Result<Run, PortError> {
    let reason = "RunTask was called, its answer is not known, and whether a task ran cannot be \
                  learned any more; look for it in ECS before you run the job again";
    tell(backend, run, Observed::Lost, reason.to_owned()).await
}

/// Calls RunTask for a launch that is armed and ours.
pub(super) async fn launch<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: Run,
    call: Call,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let run = match admit(backend, job, run, call, invocation).await? {
        Admission::Granted(run) => *run,
        Admission::Denied(run) => return Ok(*run),
    };
    if is_late(&run, invocation) {
        // Somebody else has it by now, or will: they shall not meet a call that they do not expect.
        warn!(run = %run.id, job = %run.job, attempt = run.attempt(), "held up beyond its lease");
        return Ok(run);
    }
    let Some(request) = run.request() else { return Ok(run) };
    let token = run.client_token(&backend.namespace);
    let mut answer = backend.ecs.run_task(request, &token).await;
    // The first to be throttled is not behind anybody yet: it asks once more. Only if that is of no
    // use the brake is pulled, so that whom it holds back always stands behind somebody.
    if matches!(answer, Err(RunTaskError::Throttled(_)))
        && call == Call::First
        && !backend.brake.holds(&run.job, (invocation.clock)())
    {
        answer = backend.ecs.run_task(request, &token).await;
    }
    match answer {
        Ok(task) => adopt(backend, run, &task, invocation.now).await,
        Err(RunTaskError::Conflict(tasks)) if !tasks.is_empty() => {
            adopt(backend, run, &tasks[0], invocation.now).await
        }
        Err(RunTaskError::Refused(reason)) => {
            warn!(run = %run.id, job = %run.job, attempt = run.attempt(), reason, "launch refused");
            refuse(backend, run, &reason, call, (invocation.clock)()).await
        }
        // Nobody else ever held this token, so nothing can have been started with it.
        Err(RunTaskError::Throttled(answer)) if call != Call::Again => {
            stand_in_line(backend, run, &answer, call == Call::Turn, invocation).await
        }
        Err(RunTaskError::Unsent(reason)) if call != Call::Again => {
            warn!(run = %run.id, job = %run.job, attempt = run.attempt(), reason, "launch unsent");
            refuse(backend, run, &reason, call, (invocation.clock)()).await
        }
        Err(RunTaskError::Invalid(reason)) if call == Call::Again => {
            // The first call may have been valid, and have started a task.
            refuse(backend, run, &reason, call, (invocation.clock)()).await
        }
        Err(RunTaskError::Invalid(reason)) => {
            warn!(run = %run.id, job = %run.job, attempt = run.attempt(), reason, "launch invalid");
            tell(backend, run, Observed::Invalid, reason).await
        }
        Err(
            error @ (RunTaskError::Throttled(_)
            | RunTaskError::Unsent(_)
            | RunTaskError::Unknown(_)
            | RunTaskError::Conflict(_)),
        ) => {
            // The claim stays: after the lease the same token is used again.
            warn!(run = %run.id, job = %run.job, attempt = run.attempt(), %error, "launch unknown");
            let again = run.due.unwrap_or(invocation.now);
            backend.remind_at(&run, again, invocation.now).await?;
            Ok(run)
        }
    }
}

/// Keeps the task that ECS has for the present launch.
async fn adopt<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    task: &str,
    now: Timestamp,
) -> Result<Run, PortError> {
    let attempt = run.attempt();
    info!(run = %run.id, job = %run.job, attempt, task, "started");
    let cluster = run.request().map(|request| request.cluster.clone());
    let fact = Fact::Launched { task: task.to_owned() };
    let mut unwanted = None;
    let updated = ledger::update_held(&backend.ledger, run, |stored| {
        match apply(stored, attempt, &fact, now) {
            Applied::Changed(next) => {
                // Somebody asked while RunTask was on its way.
                unwanted = next.stop.as_ref().map(|stop| stop.cause.to_reason());
                *stored = *next;
                true
            }
            Applied::Ignored(ignored) => {
                unwanted = is_astray(stored, task, ignored)
                    .then(|| StopCause::Cancelled.to_reason() + ": its run goes on without it");
                false
            }
        }
    })
    .await?;
    if let (Some(reason), Some(cluster)) = (unwanted, cluster) {
        warn!(task, attempt, reason, "stopped as soon as it was started");
        backend.ecs.stop(&cluster, task, &reason).await?;
    }
    match updated {
        Updated::Saved(run) => Ok(*run),
        Updated::Left(run) => {
            // It may have ended while its slot was being taken.
            if run.is_over(attempt) && run.took_slot(attempt) {
                backend.ledger.release(&run.holder(attempt)).await?;
            }
            Ok(*run)
        }
    }
}

/// Whether a task was started for a run that ended, or went on, without it.
fn is_astray(run: &Run, task: &str, ignored: Ignored) -> bool {
    let knows_it = run
        .attempts
        .iter()
        .flat_map(|attempt| &attempt.launches)
        .any(|launch| launch.task.as_deref() == Some(task));
    match ignored {
        Ignored::Ended | Ignored::Late | Ignored::OtherTask => !knows_it,
        Ignored::Known => false,
    }
}

async fn refuse<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    reason: &str,
    call: Call,
    now: Timestamp,
) -> Result<Run, PortError> {
    let until = policy::after_refusal(&run, call == Call::Again, now);
    match update_ours(backend, run, |stored| stored.refused(reason, until)).await? {
        Updated::Saved(run) => {
            backend.remind_at(&run, until, now).await?;
            Ok(*run)
        }
        Updated::Left(run) => Ok(*run),
    }
}

/// The request of the present attempt: the one it has, else one made from the job as it is now.
pub(super) fn request<L, E, Q>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: &Run,
) -> Result<TaskRequest, String> {
    if let Some(request) = run.request() {
        return Ok(request.clone());
    }
    let spec = RunSpec {
        namespace: &backend.namespace,
        run: &run.id,
        attempt: run.attempt(),
        values: &run.values,
    };
    let mut request = job.request(spec).map_err(|error| error.to_string())?;
    // The cluster of the first attempt is the run's: there its tasks and tokens are known.
    if let Some(first) = run.attempts.first().and_then(|attempt| attempt.request.as_ref()) {
        request.cluster.clone_from(&first.cluster);
    }
    Ok(request)
}
