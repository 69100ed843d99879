//! What to do next with a run: retries, backoff, limits, deadlines. Pure.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::event::Observed;
use crate::jobs::{Period, RetryOn, later};
use crate::run::{Ending, Run, State, StopCause, Wait};

/// After a refusal, look and launch no earlier than this: ECS's lists are behind its tasks, and
/// clocks differ, by half a minute each way at the worst.
const REFUSAL_WAIT: SignedDuration = SignedDuration::from_secs(120);
/// For so long before a token is given up it is not used any more: a call that is on its way must
/// have arrived when its task is looked for the last time.
const TOKEN_QUIET: SignedDuration = SignedDuration::from_mins(5);

/// How long things take where longshore runs.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Longer than one invocation lasts: after it, whoever launches is taken for gone.
    pub lease: SignedDuration,
    /// A living task is looked at this often, in case its news was lost.
    pub watch_every: SignedDuration,
    /// A StopTask is repeated this often.
    pub stop_again: SignedDuration,
    /// A waiting run is reminded of this often at first, and ever less often down to `watch_every`.
    pub remind_again: SignedDuration,
    /// Of what is due later than this nobody is reminded beforehand: sweep reminds of it when it
    /// is. `None` where a queue can hold a message back for any time.
    pub remind_within: Option<SignedDuration>,
    /// A task that ECS does not know is gone for good this long after its launch.
    pub missing_after: SignedDuration,
    /// A client token is not used again after this; `None` where tokens are never forgotten.
    pub token_life: Option<SignedDuration>,
    /// An event older than this starts nothing: the ledger may have forgotten that it did before.
    /// `None` where the ledger forgets nothing.
    pub event_age_max: Option<SignedDuration>,
}

impl Timing {
    /// AWS: functions time out after a minute, SQS holds a message back for 15 minutes at most
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>),
    /// DescribeTasks shows a stopped task for an hour, and ECS forgets a token as early as one
    /// hour after its task ended, which may be at once
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>).
    pub const AWS: Self = Self {
        lease: SignedDuration::from_secs(90),
        watch_every: SignedDuration::from_mins(15),
        stop_again: SignedDuration::from_mins(2),
        remind_again: SignedDuration::from_mins(1),
        remind_within: Some(SignedDuration::from_mins(15)),
        missing_after: SignedDuration::from_mins(65),
        token_life: Some(SignedDuration::from_mins(50)),
        event_age_max: Some(SignedDuration::from_hours(30 * 24)),
    };
    /// One machine: everything answers at once, and looking costs nothing.
    pub const LOCAL: Self = Self {
        lease: SignedDuration::from_secs(3),
        watch_every: SignedDuration::from_secs(2),
        stop_again: SignedDuration::from_secs(5),
        remind_again: SignedDuration::from_secs(2),
        remind_within: None,
        missing_after: SignedDuration::ZERO,
        token_life: None,
        event_age_max: None,
    };
}

/// What to do next with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before its time.
    Rest,
    /// Begin a launch.
    Launch,
    /// Call RunTask once more with the same token: its answer is not known.
    Repeat,
    /// Look for a task with our `startedBy` before anything else. Without one: launch, or, when
    /// `too_late`, nobody will ever know.
    Look {
        /// Tasks that ended may be forgotten by now.
        too_late: bool,
    },
    /// Ask ECS where the task stands.
    Watch,
    /// Stop the task.
    Stop(StopCause),
    /// Tell record that it is over.
    Tell(Observed, String),
    /// Nothing, ever.
    Done,
}

/// What follows an attempt that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Another launch of the same attempt at this time.
    Launch(Timestamp),
    /// Another attempt at this time.
    Attempt(Timestamp),
    /// Nothing.
    No,
}

/// The next step of `run`.
pub fn next(run: &Run, timing: &Timing, now: Timestamp) -> Step {
    match &run.state {
        State::Waiting { until, wait } => next_waiting(run, *until, *wait, timing, now),
        State::Launching { lease, .. } if now < *lease => Step::Rest,
        State::Launching { .. } if token_is_forgotten(run, timing, now) => {
            Step::Look { too_late: true }
        }
        State::Launching { .. } if token_is_at_rest(run, timing, now) => Step::Rest,
        State::Launching { .. } => Step::Repeat,
        State::Started => match (&run.stop, run.launch()) {
            (Some(stop), _) => Step::Stop(stop.cause),
            (None, Some(launch)) if now >= later(launch.at, run.policy.start_within) => {
                Step::Stop(StopCause::StartTimeout)
            }
            (None, _) => Step::Watch,
        },
        State::Running { since } => match (&run.stop, run.policy.timeout) {
            (Some(stop), _) => Step::Stop(stop.cause),
            (None, Some(timeout)) if now >= later(*since, timeout) => {
                Step::Stop(StopCause::Timeout)
            }
            (None, _) => Step::Watch,
        },
        State::Ended { .. } => Step::Done,
    }
}

fn next_waiting(run: &Run, until: Timestamp, wait: Wait, timing: &Timing, now: Timestamp) -> Step {
    if let Some(stop) = run.stop.as_ref().filter(|_| wait != Wait::Doubt) {
        return Step::Tell(Observed::Cancelled, stop.before_a_task());
    }
    if now < until {
        return Step::Rest;
    }
    if let Some(reason) = too_late_to_start(run, timing, now) {
        return Step::Tell(Observed::Skipped, reason);
    }
    match wait {
        Wait::Doubt => Step::Look { too_late: token_is_forgotten(run, timing, now) },
        // Waiting for others is not trying.
        Wait::Slot | Wait::Turn => Step::Launch,
        Wait::Event | Wait::Launch | Wait::Retry => match launches_spent(run, now) {
            Some(reason) => Step::Tell(Observed::NotPlaced, reason),
            None => Step::Launch,
        },
    }
}

/// Whether ECS may have forgotten the present launch's token.
fn token_is_forgotten(run: &Run, timing: &Timing, now: Timestamp) -> bool {
    timing.token_life.is_some_and(|life| token_age(run, now) > life)
}

fn token_is_at_rest(run: &Run, timing: &Timing, now: Timestamp) -> bool {
    timing.token_life.is_some_and(|life| token_age(run, now) > life - TOKEN_QUIET)
}

/// Whether it is time to look whether the token was used, if it is to be used later.
pub fn token_is_half_spent(run: &Run, timing: &Timing, now: Timestamp) -> bool {
    timing.token_life.is_some_and(|life| token_age(run, now) > life / 2)
}

fn token_age(run: &Run, now: Timestamp) -> SignedDuration {
    now.duration_since(run.launch().map_or(run.created_at, |launch| launch.at))
}

/// Why a run that was never launched must not start any more.
fn too_late_to_start(run: &Run, timing: &Timing, now: Timestamp) -> Option<String> {
    let first = run.attempt() == 1 && run.launch().is_none();
    let happened_at = run.happened_at.filter(|_| first)?;
    let age = now.duration_since(happened_at);
    if timing.event_age_max.is_some_and(|age_max| age > age_max) {
        let days = age.as_hours() / 24;
        return Some(format!(
            "its event is {days} days old, too old to be told from one that has run before"
        ));
    }
    let deadline = run.policy.starting_deadline?;
    (now > later(happened_at, deadline)).then(|| {
        let late = Period::from_secs(u64::try_from(age.as_secs()).unwrap_or(0));
        format!(
            "it could only start {late} after its event, and its startingDeadline is {deadline}"
        )
    })
}

/// Why no further launch of the present attempt is allowed.
pub fn launches_spent(run: &Run, now: Timestamp) -> Option<String> {
    let attempt = run.attempts.last()?;
    let first = run.first_launch_at()?;
    let limits = run.policy.launches;
    let count = u32::try_from(attempt.launches.len()).unwrap_or(u32::MAX);
    let spent = count >= limits.max || now > later(first, limits.within);
    let last = attempt.launches.iter().rev().find_map(|launch| launch.refusal.as_deref());
    spent.then(|| {
        format!(
            "no task could be started in {count} {} within {}: {}",
            if count == 1 { "launch" } else { "launches" },
            Period::from_secs(u64::try_from(now.duration_since(first).as_secs()).unwrap_or(0)),
            last.unwrap_or("ECS gave no reason")
        )
    })
}

/// When sweep should look at a run that stands in a line. Those before it remind of it, and sweep
/// looks after every job's line; this is for one that was forgotten because its job is gone.
pub fn line_alarm(timing: &Timing, now: Timestamp) -> Timestamp {
    now + timing.watch_every * 4
}

/// Whether the first of a line has waited for so long that there is hardly a turn in it.
pub fn stands_still(first: &Run, timing: &Timing, now: Timestamp) -> bool {
    match first.state {
        State::Waiting { until, wait: Wait::Turn } => {
            now.duration_since(until) >= timing.remind_again
        }
        State::Waiting { .. }
        | State::Launching { .. }
        | State::Started
        | State::Running { .. }
        | State::Ended { .. } => false,
    }
}

/// How long one of many waits that were throttled together before it tries once more.
pub fn apart(run: &Run) -> SignedDuration {
    SignedDuration::from_secs(3).mul_f64(jitter(run))
}

/// So many of those who wait, from a place that follows from `chooser`.
pub fn some_of<'a>(
    waiting: &'a [Run],
    count: usize,
    chooser: &Run,
) -> impl Iterator<Item = &'a Run> {
    // At most the number of those who wait.
    let place = (jitter(chooser) * waiting.len() as f64) as usize;
    waiting.iter().cycle().skip(place).take(count.min(waiting.len()))
}

/// Whether a launch that came by a turn makes two of it. One in fifty does, and those that are
/// throttled end: so there are as many turns as ECS can serve.
pub fn doubles_its_turn(run: &Run) -> bool {
    jitter(run) < 1.0 / 50.0
}

/// Whether a run that is throttled though it had the turn ends it: every other one does. Turns are
/// throttled together, and if they all ended together ECS would wait for new ones.
pub fn ends_its_turn(run: &Run) -> bool {
    jitter(run) < 0.5
}

/// When to look again after ECS refused the present launch. `taken_over`: whoever held it before may
/// have called RunTask late, and the call be on its way, so it is given the same time once more.
pub fn after_refusal(run: &Run, taken_over: bool, now: Timestamp) -> Timestamp {
    let wait = if taken_over { REFUSAL_WAIT * 2 } else { REFUSAL_WAIT };
    let count = run.attempts.last().map_or(0, |attempt| attempt.launches.len());
    let n = u32::try_from(count).unwrap_or(u32::MAX);
    now + run.policy.launches.backoff.wait(n, jitter(run)).max(wait)
}

/// What follows the end of the present attempt.
pub fn again(run: &Run, now: Timestamp) -> Again {
    let Some(attempt) = run.attempts.last() else { return Again::No };
    let stop = run.stop.as_ref().map(|stop| stop.cause);
    let ending = match (&attempt.ending, stop) {
        // What somebody wanted to end is not begun again.
        (None, _) | (_, Some(StopCause::Cancelled | StopCause::Replaced)) => return Again::No,
        // It was told to end because its time was over; how it did is its own affair.
        (Some(Ending::Exited { code: 1.., .. } | Ending::NoExitCode), Some(StopCause::Timeout)) => {
            &Ending::Stopped { cause: Some(StopCause::Timeout) }
        }
        (Some(ending), _) => ending,
    };
    if *ending == Ending::FailedToStart {
        let n = u32::try_from(attempt.launches.len()).unwrap_or(u32::MAX);
        return match launches_spent(run, now) {
            Some(_) => Again::No,
            None => Again::Launch(now + run.policy.launches.backoff.wait(n, jitter(run))),
        };
    }
    let retry = &run.policy.retry;
    if attempt.number >= retry.attempts || !retry.on.iter().any(|on| covers(on, ending)) {
        return Again::No;
    }
    Again::Attempt(now + retry.backoff.wait(attempt.number, jitter(run)))
}

fn covers(on: &RetryOn, ending: &Ending) -> bool {
    match (on, ending) {
        (RetryOn::SpotInterruption, Ending::SpotInterruption)
        | (RetryOn::InfrastructureHealth, Ending::InfrastructureHealth | Ending::NoExitCode)
        | (RetryOn::Timeout, Ending::Stopped { cause: Some(StopCause::Timeout) }) => true,
        (RetryOn::AnyExitCode, Ending::Exited { code, .. })
        | (RetryOn::OutOfMemory, Ending::Exited { code, out_of_memory: true }) => *code != 0,
        (RetryOn::ExitCode(codes), Ending::Exited { code, .. }) => {
            codes.iter().any(|listed| i32::from(*listed) == *code)
        }
        (
            RetryOn::SpotInterruption
            | RetryOn::InfrastructureHealth
            | RetryOn::OutOfMemory
            | RetryOn::Timeout
            | RetryOn::AnyExitCode
            | RetryOn::ExitCode(_),
            _,
        ) => false,
    }
}

/// When sweep should look at the run again after it has looked now.
pub fn alarm(run: &Run, timing: &Timing, now: Timestamp) -> Option<Timestamp> {
    let (soon, limit) = match &run.state {
        State::Ended { .. } => return None,
        State::Waiting { until, .. } => {
            return Some((*until).max(now + remind_after(*until, timing, now)));
        }
        State::Launching { lease, .. } => {
            let asked = run.launch().map_or(run.created_at, |launch| launch.at);
            return Some((*lease).max(now + remind_after(asked, timing, now)));
        }
        State::Started | State::Running { .. } if run.stop.is_some() => (timing.stop_again, None),
        State::Started => {
            let asked = run.launch().map_or(run.created_at, |launch| launch.at);
            (timing.watch_every, Some(later(asked, run.policy.start_within)))
        }
        State::Running { since } => {
            let limit = run.policy.timeout.map(|timeout| later(*since, timeout));
            (timing.watch_every, limit)
        }
    };
    let soon = now + soon;
    // A limit that has passed was acted upon just now.
    Some(limit.filter(|limit| *limit > now).map_or(soon, |limit| limit.min(soon)))
}

/// How long to wait before the next reminder of a run that has been waiting since then. What has
/// waited long need not be reminded every minute: each reminder is a write.
fn remind_after(since: Timestamp, timing: &Timing, now: Timestamp) -> SignedDuration {
    (now.duration_since(since) / 4).clamp(timing.remind_again, timing.watch_every)
}

/// A number in 0..1 that follows from the run and its attempt, so that a replay waits as long.
pub(crate) fn jitter(run: &Run) -> f64 {
    let launches = run.attempts.last().map_or(0, |attempt| attempt.launches.len());
    let seed = format!("{}/{}/{launches}", run.id, run.attempt());
    let hash = Sha256::digest(seed.as_bytes());
    let number = hash.iter().take(4).fold(0u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
