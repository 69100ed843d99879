//! From an event to a task: claims the run, takes its slot, calls RunTask.
//!
//! Every effect is safe to repeat: the claim is won once, a slot is held by name, RunTask is
//! called with a token that follows from run, attempt and launch. So whatever is left half done
//! is done again by whoever comes next: the redelivered message, or sweep's reminder.

use jiff::Timestamp;
use tracing::{info, warn};

use crate::backend::{Backend, PortError};
use crate::ecs::{Ecs, RunTaskError};
use crate::event::{Event, Observed, Reminder};
use crate::identity::Holder;
use crate::jobs::{Concurrency, Job, Jobs, Match, RunSpec, TaskRequest, Unwanted, WhenFull};
use crate::ledger::{self, Claim, Filter, Ledger, Saved, Slot, Updated};
use crate::policy::{self, Step};
use crate::queue::Queue;
use crate::run::{Applied, Attempt, Fact, Ignored, Run, State, StopCause, Wait, apply};
use crate::stop;

/// One invocation: its time and its name.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The time.
    pub now: Timestamp,
    /// A name no other invocation has.
    pub nonce: &'a str,
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
        Event::Reminder(reminder) => {
            remember(backend, jobs, reminder, invocation).await?;
            Ok(Vec::new())
        }
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
        arm(backend, wanted.job, &mut run, request, invocation);
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
        due: Some(now),
        revision: 0,
    }
}

async fn remember<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    reminder: &Reminder,
    invocation: Invocation<'_>,
) -> Result<(), PortError> {
    // A run that is gone has been over for weeks.
    if let Some(run) = backend.ledger.load(&reminder.run).await? {
        drive(backend, jobs, run, invocation).await?;
    }
    Ok(())
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

/// Begins a launch with a new token.
async fn launch_anew<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    mut run: Run,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let Some(job) = jobs.get(run.job.as_str()) else {
        let reason = format!("there is no job `{}` in jobs.yaml any more", run.job);
        return tell(backend, run, Observed::Invalid, reason).await;
    };
    let request = match request(backend, job, &run) {
        Ok(request) => request,
        Err(reason) => return tell(backend, run, Observed::Invalid, reason).await,
    };
    arm(backend, job, &mut run, request, invocation);
    match backend.ledger.save(&mut run).await? {
        Saved::Done => launch(backend, job, run, Call::First, invocation).await,
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
async fn repeat<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    mut run: Run,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let Some(job) = jobs.get(run.job.as_str()) else {
        // Somebody took the job away: its task is looked for, and not started any more.
        return match find(backend, &run).await? {
            Some(task) => adopt(backend, run, &task, invocation.now).await,
            None => tell_lost(backend, run).await,
        };
    };
    if job.policy.concurrency.is_some() {
        run.take_slot();
    }
    run.hold(invocation.now + backend.timing.lease, invocation.nonce);
    match backend.ledger.save(&mut run).await? {
        Saved::Done => launch(backend, job, run, Call::Again, invocation).await,
        Saved::Outdated => left_to_others(backend, run).await,
    }
}

/// Looks for a task that was started although we were told otherwise, or not told at all.
async fn look<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    mut run: Run,
    too_late: bool,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    if let Some(task) = find(backend, &run).await? {
        return adopt(backend, run, &task, invocation.now).await;
    }
    if too_late {
        return tell_lost(backend, run).await;
    }
    if run.stop.is_some() {
        let reason = "cancelled before it had a task".to_owned();
        return tell(backend, run, Observed::Cancelled, reason).await;
    }
    // Whoever armed this launch may still call RunTask: with the same token that is one task.
    if run.launch_is_unanswered() {
        run.launch_found_unused(invocation.now);
        return repeat(backend, jobs, run, invocation).await;
    }
    match policy::launches_spent(&run, invocation.now) {
        Some(reason) => tell(backend, run, Observed::NotPlaced, reason).await,
        None => launch_anew(backend, jobs, run, invocation).await,
    }
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

async fn tell_lost<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
) -> Result<Run, PortError> {
    let reason = "RunTask was called, its answer is not known, and whether a task ran cannot be \
                  learned any more; look for it in ECS before you run the job again";
    tell(backend, run, Observed::Lost, reason.to_owned()).await
}

/// Which call of RunTask with one token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// The first.
    First,
    /// One more: the first may have started a task.
    Again,
}

/// Calls RunTask for a launch that is armed and ours.
async fn launch<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: Run,
    call: Call,
    invocation: Invocation<'_>,
) -> Result<Run, PortError> {
    let run = match slot(backend, job, run, call, invocation).await? {
        Admission::Granted(run) => *run,
        Admission::Denied(run) => return Ok(*run),
    };
    let Some(request) = run.request() else { return Ok(run) };
    let token = run.client_token(&backend.namespace);
    match backend.ecs.run_task(request, &token).await {
        Ok(task) => adopt(backend, run, &task, invocation.now).await,
        Err(RunTaskError::Conflict(tasks)) if !tasks.is_empty() => {
            adopt(backend, run, &tasks[0], invocation.now).await
        }
        Err(RunTaskError::Refused(reason)) => {
            warn!(run = %run.id, job = %run.job, attempt = run.attempt(), reason, "launch refused");
            refuse(backend, run, &reason, invocation.now).await
        }
        Err(RunTaskError::Invalid(reason)) if call == Call::Again => {
            // The first call may have been valid, and have started a task.
            refuse(backend, run, &reason, invocation.now).await
        }
        Err(RunTaskError::Invalid(reason)) => {
            warn!(run = %run.id, job = %run.job, attempt = run.attempt(), reason, "launch invalid");
            tell(backend, run, Observed::Invalid, reason).await
        }
        Err(error @ (RunTaskError::Unknown(_) | RunTaskError::Conflict(_))) => {
            // The claim stays: after the lease the same token is used again.
            warn!(run = %run.id, job = %run.job, attempt = run.attempt(), %error, "launch unknown");
            backend.remind(&run, backend.timing.lease).await?;
            Ok(run)
        }
    }
}

enum Admission {
    Granted(Box<Run>),
    Denied(Box<Run>),
}

/// Takes the slot of an attempt, where its job has a limit.
async fn slot<L: Ledger, E: Ecs, Q: Queue>(
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
    let owner = run.owner.clone();
    let updated = ledger::update_held(&backend.ledger, run, |stored| {
        let ours = stored.owner == owner && matches!(stored.state, State::Launching { .. });
        match (ours, call) {
            (true, Call::First) => stored.wait_for_slot(invocation.now, due),
            // RunTask may have been called before the limit was there: look first.
            (true, Call::Again) => stored.wait(due, Wait::Doubt),
            (false, _) => {}
        }
        ours
    })
    .await?;
    match updated {
        Updated::Saved(run) if call == Call::First => {
            let run = turn_away(backend, *run, concurrency, &holders, invocation.now).await?;
            Ok(Admission::Denied(Box::new(run)))
        }
        Updated::Saved(run) | Updated::Left(run) => Ok(Admission::Denied(run)),
        Updated::Unknown(id) => Err(ledger::LedgerError::Vanished(id).into()),
    }
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
async fn turn_away<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    run: Run,
    concurrency: Concurrency,
    holders: &[Holder],
    now: Timestamp,
) -> Result<Run, PortError> {
    match concurrency.when_full {
        // A retry has been let in before.
        WhenFull::Skip if run.attempt() == 1 => {
            let reason = format!(
                "job `{}` already has {} at work, and whenFull is skip",
                run.job, concurrency.limit
            );
            tell(backend, run, Observed::Skipped, reason).await
        }
        WhenFull::Replace => replace(backend, run, holders, now).await,
        WhenFull::Skip | WhenFull::Wait => {
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
    let by = Some(run.id.to_string());
    let waiting =
        Filter { job: Some(run.job.clone()), waiting_for_slot: true, ..Filter::default() };
    for waiter in backend.ledger.list(&waiting).await? {
        if is_older(&waiter, &run) {
            stop::ask_to_stop(backend, &waiter.id, StopCause::Replaced, by.clone(), now).await?;
        }
    }
    let mut oldest: Option<Run> = None;
    for holder in holders {
        let Some(held) = backend.ledger.load(&holder.run).await? else { continue };
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
            stop::ask_to_stop(backend, &oldest.id, StopCause::Replaced, by, now).await?;
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
        Updated::Saved(run) | Updated::Left(run) => Ok(*run),
        Updated::Unknown(id) => Err(ledger::LedgerError::Vanished(id).into()),
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
    now: Timestamp,
) -> Result<Run, PortError> {
    let until = policy::after_refusal(&run, now);
    let launch = run.launch().map(|launch| launch.number);
    let updated = ledger::update_held(&backend.ledger, run, |stored| {
        let ours = matches!(stored.state, State::Launching { .. })
            && stored.launch().map(|launch| launch.number) == launch;
        if ours {
            stored.refused(reason, until);
        }
        ours
    })
    .await?;
    match updated {
        Updated::Saved(run) => {
            backend.remind_at(&run, until, now).await?;
            Ok(*run)
        }
        Updated::Left(run) => Ok(*run),
        Updated::Unknown(id) => Err(ledger::LedgerError::Vanished(id).into()),
    }
}

fn arm<L, E, Q>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: &mut Run,
    request: TaskRequest,
    invocation: Invocation<'_>,
) {
    if job.policy.concurrency.is_some() {
        run.take_slot();
    }
    run.arm(request, invocation.now, invocation.now + backend.timing.lease, invocation.nonce);
}

/// The request of the present attempt: the one it has, else one made from the job as it is now.
fn request<L, E, Q>(
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
