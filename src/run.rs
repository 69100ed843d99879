//! The life of a run. Pure: callers bring the facts and store the result.
//!
//! A run has attempts (the container failed), an attempt has launches (the task could not be
//! started). What [`apply`] does with a fact is total: ECS repeats and reorders its news, so every
//! fact can follow every state.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::event::{Observed, Occurrence, Values};
use crate::identity::{ClientToken, Holder, JobName, Namespace, RunId, StartedBy};
use crate::jobs::{Policy, TaskRequest, later};

mod asked;
mod ending;
mod fact;
mod size;

pub use asked::{RerunAs, StopAsked};
pub use ending::Ending;
pub use fact::{ContainerExit, Fact, News, Sighting, StopCause, Times, shorten};
pub use size::Size;

/// Reruns that a run knows of at most, the newest.
const RERUNS_MAX: usize = 20;

/// One job for one event: the unit of exactly-once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Follows from job and occurrence.
    pub id: RunId,
    /// The job.
    pub job: JobName,
    /// What every duplicate of the event shares.
    pub occurrence: Occurrence,
    /// When what the event tells of happened, where it says so.
    pub happened_at: Option<Timestamp>,
    /// Template values: the event's and the parameters.
    pub values: Values,
    /// The limits, as they were when the run was claimed.
    pub policy: Policy,
    /// When the run was claimed.
    pub created_at: Timestamp,
    /// Who holds the claim or the lease: one invocation, so that it knows its own write again.
    pub owner: String,
    /// Where it stands.
    pub state: State,
    /// Every attempt so far, the present one last. Never empty.
    pub attempts: Vec<Attempt>,
    /// Somebody asked that it stop.
    pub stop: Option<StopAsked>,
    /// The runs that do it once more, because somebody asked after it had ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reruns: Vec<RerunAs>,
    /// When sweep should look at it; `None` once it has ended.
    pub due: Option<Timestamp>,
    /// Counts the saves; the ledger's compare-and-swap number.
    pub revision: u64,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all_fields = "camelCase")]
pub enum State {
    /// Nothing is under way until a time, or until a slot is free.
    Waiting {
        /// Not before this time.
        until: Timestamp,
        /// What for.
        wait: Wait,
    },
    /// RunTask is being called, or its answer is unknown.
    Launching {
        /// Until then it is the owner's.
        lease: Timestamp,
    },
    /// ECS has the task.
    Started,
    /// The main container runs.
    Running {
        /// Since when; the timeout counts from here.
        since: Timestamp,
    },
    /// It is over. Only `Lost` is ever corrected, once, by the truth.
    Ended {
        /// How.
        verdict: Verdict,
        /// When we knew.
        at: Timestamp,
    },
}

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wait {
    /// Its first launch.
    Event,
    /// A slot of its job's concurrency limit.
    Slot,
    /// Its turn to call RunTask: ECS had no time for it.
    Turn,
    /// Another launch of the same attempt.
    Launch,
    /// Another launch, after looking whether the last one did start a task: ECS said no, and
    /// refusals have been wrong.
    Doubt,
    /// The next attempt.
    Retry,
}

/// A line that runs of one job stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// For a slot of the job's limit.
    Slot,
    /// For a turn to call RunTask.
    Turn,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The main container exited with 0.
    Succeeded,
    /// It exited with another code, could not be started, or ended without a code.
    Failed,
    /// It was stopped because its time was over.
    TimedOut,
    /// Somebody stopped it, or a newer run took its place.
    Cancelled,
    /// It was never to start: too late, or no slot.
    Skipped,
    /// What became of it can no longer be known.
    Lost,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Succeeded, Self::Failed, Self::TimedOut, Self::Cancelled, Self::Skipped, Self::Lost];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
            Self::Skipped => "Skipped",
            Self::Lost => "Lost",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One try of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// The request, the same for every launch; made when the first one is armed.
    pub request: Option<TaskRequest>,
    /// Whether a slot of the job may be held in this attempt's name: known before it is taken, so
    /// that it is given back whatever becomes of the job's limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_slot: bool,
    /// Every launch so far, the present one last.
    pub launches: Vec<Launch>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// The main container's exit code.
    pub exit_code: Option<i32>,
    /// How it ended, in one sentence for a person.
    pub reason: Option<String>,
    /// What that means, where ECS's words tell: of its end, or of what keeps it from starting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One RunTask token within an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// From 1.
    pub number: u32,
    /// Its token was not used before this time: ECS forgets tokens.
    pub at: Timestamp,
    /// The task's ARN.
    pub task: Option<String>,
    /// The version of the last news of the task.
    pub version: u64,
    /// Why ECS did not start it.
    pub refusal: Option<String>,
    /// When the task did what, as ECS has it.
    #[serde(default)]
    pub times: Times,
    /// How each container ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerExit>,
    /// What its task was given, as ECS has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// What a fact did to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// The run is another now.
    Changed(Box<Run>),
    /// Nothing.
    Ignored(Ignored),
}

/// Why a fact changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The run knew already, or something newer.
    Known,
    /// It tells of an attempt or launch that is over.
    Late,
    /// It tells of a task that is not this attempt's: there should be none.
    OtherTask,
    /// The run has its verdict.
    Ended,
}

impl Ignored {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Late => "late",
            Self::OtherTask => "otherTask",
            Self::Ended => "ended",
        }
    }
}

impl Launch {
    /// The region of its task; `local` on this machine.
    pub fn region(&self) -> Option<&str> {
        self.task.as_deref()?.split(':').nth(3)
    }

    /// How long its program ran; `None` until it has ended, and where it never began.
    pub fn ran(&self) -> Option<SignedDuration> {
        Some(self.times.stopped_at?.duration_since(self.times.started_at?))
    }
}

impl Run {
    /// The present attempt's number, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempts.last().map_or(1, |attempt| attempt.number)
    }

    /// The present launch.
    pub fn launch(&self) -> Option<&Launch> {
        self.attempts.last()?.launches.last()
    }

    /// The present attempt's request.
    pub fn request(&self) -> Option<&TaskRequest> {
        self.attempts.last()?.request.as_ref()
    }

    /// The task that lives or may live: none once it is known to have failed to start.
    pub fn living_task(&self) -> Option<&str> {
        self.launch().filter(|launch| launch.refusal.is_none())?.task.as_deref()
    }

    /// The last task, as far as it is known; it may be over.
    pub fn last_task(&self) -> Option<&str> {
        self.launch()?.task.as_deref()
    }

    /// How it ended, once it has.
    pub fn verdict(&self) -> Option<Verdict> {
        match self.state {
            State::Ended { verdict, .. } => Some(verdict),
            State::Waiting { .. }
            | State::Launching { .. }
            | State::Started
            | State::Running { .. } => None,
        }
    }

    /// The last attempt's exit code.
    pub fn exit_code(&self) -> Option<i32> {
        self.attempts.last()?.exit_code
    }

    /// The last known reason.
    pub fn reason(&self) -> Option<&str> {
        self.attempts.iter().rev().find_map(|attempt| attempt.reason.as_deref())
    }

    /// What the last attempt failed of, or waits for, as far as ECS's words tell.
    pub fn cause(&self) -> Option<&Cause> {
        self.attempts.last()?.cause.as_ref()
    }

    /// An attempt, as the holder of a slot.
    pub fn holder(&self, attempt: u32) -> Holder {
        Holder { run: self.id.clone(), attempt }
    }

    /// Whether the attempt with this number is over.
    pub fn is_over(&self, attempt: u32) -> bool {
        self.verdict().is_some() || self.attempt() > attempt
    }

    /// Whether a slot may be held in the name of the attempt with this number.
    pub fn took_slot(&self, attempt: u32) -> bool {
        self.attempts.iter().any(|known| known.number == attempt && known.takes_slot)
    }

    /// Whether RunTask may have been called for the present launch and its answer is not known.
    pub fn launch_is_unanswered(&self) -> bool {
        self.launch().is_some_and(|launch| launch.task.is_none() && launch.refusal.is_none())
    }

    /// ECS's `startedBy` of the present attempt.
    pub fn started_by(&self, namespace: &Namespace) -> StartedBy {
        StartedBy { namespace: namespace.clone(), run: self.id.clone(), attempt: self.attempt() }
    }

    /// The client token of the present launch.
    pub fn client_token(&self, namespace: &Namespace) -> ClientToken {
        let launch = self.launch().map_or(1, |launch| launch.number);
        ClientToken::new(namespace, &self.id, self.attempt(), launch)
    }

    /// When the present attempt was first launched.
    pub fn first_launch_at(&self) -> Option<Timestamp> {
        Some(self.attempts.last()?.launches.first()?.at)
    }

    /// The line it stands in, if it stands in one.
    pub fn line(&self) -> Option<Line> {
        match self.state {
            State::Waiting { wait: Wait::Slot, .. } => Some(Line::Slot),
            State::Waiting { wait: Wait::Turn, .. } => Some(Line::Turn),
            State::Waiting { .. }
            | State::Launching { .. }
            | State::Started
            | State::Running { .. }
            | State::Ended { .. } => None,
        }
    }

    /// Begins a launch with a token of its own. `request` is kept for the attempt's first launch
    /// and ignored after: every launch of an attempt asks for the same.
    pub fn arm(&mut self, request: TaskRequest, now: Timestamp, lease: Timestamp, owner: &str) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.request.get_or_insert(request);
            let number = attempt.launches.last().map_or(0, |launch| launch.number) + 1;
            attempt.launches.push(Launch {
                number,
                at: now,
                task: None,
                version: 0,
                refusal: None,
                times: Times::default(),
                containers: Vec::new(),
                size: None,
            });
        }
        self.hold(lease, owner);
    }

    /// Takes over a launch whose owner went away; the token stays.
    pub fn hold(&mut self, lease: Timestamp, owner: &str) {
        self.owner = owner.to_owned();
        self.state = State::Launching { lease };
        self.due = Some(lease);
    }

    /// Notes that no task of the present launch's token was found: it was not used so far.
    pub fn launch_found_unused(&mut self, now: Timestamp) {
        if let Some(launch) = self.present_launch() {
            launch.at = now;
        }
    }

    /// Notes that a slot may be taken in the present attempt's name.
    pub fn take_slot(&mut self) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.takes_slot = true;
        }
    }

    /// Waits, keeping the attempt.
    pub fn wait(&mut self, until: Timestamp, wait: Wait) {
        self.state = State::Waiting { until, wait };
        self.due = Some(until);
    }

    /// Waits for a slot. The launch that was armed never called RunTask: it does not count.
    /// It may go on as soon as it is reminded; its alarm is at `due`.
    pub fn wait_for_slot(&mut self, now: Timestamp, due: Timestamp) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.launches.pop();
        }
        self.wait(now, Wait::Slot);
        self.due = Some(due);
    }

    /// Waits for its turn to call RunTask. It may go on as soon as it is reminded; its alarm is at
    /// `due`.
    pub fn wait_for_turn(&mut self, now: Timestamp, due: Timestamp) {
        self.wait(now, Wait::Turn);
        self.due = Some(due);
    }

    /// Notes that ECS had no time for the present launch: nothing was started with its token, so it
    /// does not count. Waits for its turn.
    pub fn throttled(&mut self, answer: &str, now: Timestamp, due: Timestamp) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.launches.pop();
        }
        self.note_cause(Cause::of_reason(answer, None));
        self.wait_for_turn(now, due);
    }

    /// Notes that ECS refused the present launch, and waits until it is looked at again.
    pub fn refused(&mut self, refusal: &str, until: Timestamp) {
        if let Some(launch) = self.present_launch() {
            launch.refusal = Some(shorten(refusal));
        }
        self.note_cause(Cause::of_reason(refusal, None));
        self.wait(until, Wait::Doubt);
    }

    /// Opens the next attempt, to be launched at `at`. The stop that ended the last one is over.
    pub fn open_attempt(&mut self, at: Timestamp) {
        self.stop = None;
        self.attempts.push(Attempt { number: self.attempt() + 1, ..Attempt::default() });
        self.wait(at, Wait::Retry);
    }

    /// Opens the present attempt again after its task failed to start, to be launched at `at`. The
    /// stop that ended its last launch is over.
    pub fn reopen_attempt(&mut self, at: Timestamp) {
        self.stop = None;
        if let Some(attempt) = self.attempts.last_mut() {
            let reason = attempt.reason.take();
            attempt.ending = None;
            attempt.exit_code = None;
            attempt.ended_at = None;
            if let Some(launch) = attempt.launches.last_mut() {
                launch.refusal = reason;
            }
        }
        self.wait(at, Wait::Launch);
    }

    /// Notes that the run shall stop, and says whether that is news: the first request counts,
    /// but what somebody wants comes before a limit's stop, after which there may be more.
    pub fn ask_to_stop(&mut self, wish: StopAsked) -> bool {
        let is_news = match &self.stop {
            None => true,
            Some(asked) => asked.cause.is_a_limit() && !wish.cause.is_a_limit(),
        };
        let asks = is_news && self.verdict().is_none();
        if asks {
            if wish.cause == StopCause::StartTimeout {
                // Whoever looks at it now shall not wait until ECS has stopped it.
                self.note_cause(Cause::of_reason(&wish.cause.to_reason(), None));
            }
            self.due = Some(wish.at);
            self.stop = Some(wish);
        }
        asks
    }

    /// Notes a run that does this one once more, and says whether that is news. It is all that ever
    /// changes in a run that has ended; how it ended stays.
    pub fn note_rerun(&mut self, run_id: &RunId, now: Timestamp) -> bool {
        if self.reruns.iter().any(|known| known.run_id == *run_id) {
            return false;
        }
        if self.reruns.len() >= RERUNS_MAX {
            self.reruns.remove(0);
        }
        self.reruns.push(RerunAs { run_id: run_id.clone(), at: now });
        true
    }

    fn note_cause(&mut self, cause: Option<Cause>) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.cause = cause;
        }
    }

    fn present_launch(&mut self) -> Option<&mut Launch> {
        self.attempts.last_mut()?.launches.last_mut()
    }

    /// Moves the alarm to an earlier time, never to a later one: that is sweep's to do.
    fn due_by(&mut self, time: Timestamp) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    /// What the fact's task is to this run.
    fn knows_task(&self, task: &str, version: u64) -> Result<(), Ignored> {
        let launches = self.attempts.last().map(|attempt| attempt.launches.as_slice());
        let (present, earlier) = match launches.unwrap_or_default().split_last() {
            Some((present, earlier)) => (Some(present), earlier),
            None => (None, [].as_slice()),
        };
        let is = |launch: &Launch| launch.task.as_deref() == Some(task);
        if earlier.iter().any(is) {
            return Err(Ignored::Late);
        }
        match present {
            Some(launch) if is(launch) && launch.refusal.is_some() => Err(Ignored::Late),
            // Version 0 is a source that does not count; its news is taken as it comes.
            Some(launch) if is(launch) && version != 0 && version <= launch.version => {
                Err(Ignored::Known)
            }
            Some(launch) if !is(launch) && launch.task.is_some() => Err(Ignored::OtherTask),
            Some(_) => Ok(()),
            // Nothing was launched: there is no task to know.
            None => Err(Ignored::OtherTask),
        }
    }
}

/// Returns the run after a fact about one of its attempts. Total: every fact can follow every
/// state.
pub fn apply(run: &Run, attempt: u32, fact: &Fact, now: Timestamp) -> Applied {
    if attempt != run.attempt() {
        return Applied::Ignored(Ignored::Late);
    }
    match &run.state {
        State::Ended { verdict: Verdict::Lost, .. } if fact.is_truth() => {}
        State::Ended { .. } => {
            return Applied::Ignored(Ignored::Ended);
        }
        State::Waiting { .. }
        | State::Launching { .. }
        | State::Started
        | State::Running { .. } => {}
    }
    match fact {
        Fact::Launched { task } => launched(run, task),
        Fact::Seen(sighting) => seen(run, sighting, now),
        // Somebody took the run over since: what they find out is newer.
        Fact::Observed { owner, .. } if *owner != run.owner => Applied::Ignored(Ignored::Late),
        Fact::Observed { observed, task, reason, .. } => {
            observed_by_us(run, *observed, task.as_deref(), reason, now)
        }
    }
}

fn launched(run: &Run, task: &str) -> Applied {
    match run.knows_task(task, u64::MAX) {
        Err(ignored) => return Applied::Ignored(ignored),
        // A short task may have been seen before we saved that it was launched.
        Ok(()) if run.last_task().is_some() => return Applied::Ignored(Ignored::Known),
        Ok(()) => {}
    }
    let mut next = run.clone();
    next.adopt(task);
    Applied::Changed(Box::new(next))
}

fn seen(run: &Run, sighting: &Sighting, now: Timestamp) -> Applied {
    if let Err(ignored) = run.knows_task(&sighting.task, sighting.version) {
        return Applied::Ignored(ignored);
    }
    let mut next = run.clone();
    if next.last_task().is_none() {
        next.adopt(&sighting.task);
    }
    if let Some(launch) = next.present_launch() {
        launch.version = sighting.version;
        launch.times.update(&sighting.times);
        launch.size = sighting.size.clone().or(launch.size.take());
    }
    match (&sighting.news, &run.state) {
        (News::Pending, State::Started | State::Running { .. }) => {
            return Applied::Ignored(Ignored::Known);
        }
        (News::Running, State::Running { .. }) => return Applied::Ignored(Ignored::Known),
        (News::Pending, _) => {}
        (News::Running, _) => next.runs(sighting.times.started_at.unwrap_or(now)),
        (News::Ended(ending), _) => {
            if let Some(launch) = next.present_launch() {
                launch.containers.clone_from(&sighting.containers);
            }
            next.close(ending.clone(), sighting.exit_code, sighting.reason.clone(), now);
        }
    }
    Applied::Changed(Box::new(next))
}

fn observed_by_us(
    run: &Run,
    observed: Observed,
    task: Option<&str>,
    reason: &str,
    now: Timestamp,
) -> Applied {
    let still_true = match observed {
        Observed::Lost => true,
        // RunTask itself said so.
        Observed::Invalid => !matches!(run.state, State::Started | State::Running { .. }),
        // While RunTask may be on its way, it decides.
        Observed::Skipped | Observed::NotPlaced | Observed::Cancelled => {
            matches!(run.state, State::Waiting { .. })
        }
    };
    if run.living_task() != task || !still_true {
        return Applied::Ignored(Ignored::Late);
    }
    let mut next = run.clone();
    next.close(Ending::Observed(observed), None, reason.to_owned(), now);
    Applied::Changed(Box::new(next))
}

impl Run {
    fn adopt(&mut self, task: &str) {
        let start_within = self.policy.start_within;
        if let Some(launch) = self.present_launch() {
            launch.task = Some(task.to_owned());
            launch.refusal = None;
            let limit = later(launch.at, start_within);
            self.note_cause(None);
            self.state = State::Started;
            self.due_by(limit);
        }
    }

    fn runs(&mut self, since: Timestamp) {
        self.state = State::Running { since };
        if let Some(timeout) = self.policy.timeout {
            self.due_by(later(since, timeout));
        }
    }

    fn close(&mut self, ending: Ending, code: Option<i32>, reason: String, now: Timestamp) {
        let verdict = ending.verdict(self.stop.as_ref());
        let reason = ending.explain(self.stop.as_ref(), &self.policy, reason);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.cause = ending.cause(&reason);
            attempt.ending = Some(ending);
            attempt.exit_code = code;
            attempt.reason = Some(shorten(&reason));
            attempt.ended_at = Some(now);
        }
        self.state = State::Ended { verdict, at: now };
        self.due = None;
    }
}

#[cfg(test)]
mod tests;
