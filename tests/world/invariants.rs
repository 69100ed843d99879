//! What must hold at the end of every history. What must hold at every step is looked at where it
//! happens: in the account when a task is started, in the store when a run is saved, on the bus
//! when an outcome is told.

use jiff::SignedDuration;
use longshore::event::{Event, Observed};
use longshore::queue::Outcome;
use longshore::run::{Ending, Run, State, StopCause, Verdict};

use crate::account::{Fate, Task};
use crate::scene::Weather;
use crate::store::describe;
use crate::world::World;

impl World {
    /// Invariant 8: when nothing goes wrong any more, every run ends.
    pub(crate) fn must_be_settled(&mut self) {
        let open: Vec<String> = self
            .store
            .runs
            .values()
            .filter(|run| run.verdict().is_none())
            .map(|run| format!("{} is still {}", run.id, describe(run)))
            .collect();
        for problem in open {
            self.breaks(|| problem);
        }
    }

    pub(crate) fn must_have_ended_well(&mut self) {
        let mut problems = Vec::new();
        self.every_event_is_accounted_for(&mut problems);
        for run in self.store.runs.values() {
            self.check(run, &mut problems);
        }
        // 11: a slot that an invocation left behind which died is taken back when somebody waits
        // for it. Nobody does.
        for (job, holder) in self
            .store
            .slots
            .iter()
            .flat_map(|(job, slots)| slots.iter().map(move |holder| (job, holder)))
        {
            let is_over =
                self.store.runs.get(&holder.run).is_none_or(|run| run.is_over(holder.attempt));
            if self.scene.weather == Weather::Calm || !is_over {
                problems.push(format!("{holder} still holds a slot of {job}"));
            }
        }
        for reason in &self.mail.rejected {
            // A rerun that comes before its run has, or after it was forgotten.
            let early_or_late = ["has not ended", "there is no run"];
            let is_due = ["no job", "bucket"].iter().chain(&early_or_late);
            if !is_due.into_iter().any(|part| reason.contains(part)) {
                problems.push(format!("a message of ours was rejected: {reason}"));
            }
        }
        for task in &self.account.tasks {
            if task.lives() {
                problems.push(format!("{} lives for ever", task.state().task_arn));
            }
        }
        for problem in problems {
            self.breaks(|| problem);
        }
    }

    /// Invariant 1.
    fn every_event_is_accounted_for(&self, problems: &mut Vec<String>) {
        for arrival in &self.scene.arrivals {
            let occurrence = arrival.event.occurrence().expect("an event that starts runs");
            let has_run = self.store.runs.values().any(|run| run.occurrence == occurrence);
            let is_dead = self.mail.dead.iter().any(|letter| {
                let event: &Event = &self.mail.letters[*letter].event;
                event.occurrence().as_ref() == Some(&occurrence)
            });
            if !has_run && !is_dead && self.mail.rejected.is_empty() {
                problems.push(format!("{occurrence} is lost"));
            }
        }
    }

    fn check(&self, run: &Run, problems: &mut Vec<String>) {
        let mut problem = |text: String| problems.push(format!("{}: {text}", run.id));
        if let Some(earlier) = run.occurrence.rerun_of()
            && let Some(earlier) = self.store.runs.values().find(|it| it.id.as_str() == earlier)
            // One of the same name that began anew does not know of it.
            && earlier.created_at < run.created_at
            && !earlier.reruns.iter().any(|rerun| rerun.run_id == run.id)
        {
            problem(format!("{} does not know of its rerun", earlier.id));
        }
        let Some(verdict) = run.verdict() else {
            return problem(format!("is still {}", describe(run)));
        };
        if let Err(text) = is_true(run, verdict, &self.tasks_of(run)) {
            problem(text);
        }
        // 9: everybody was told, and the last thing they were told is so.
        let told = self.mail.outcomes.get(&run.id).map(Vec::as_slice).unwrap_or_default();
        if told.is_empty() {
            problem(format!("ended as {verdict}, and nobody was told"));
        } else if !told.contains(&Outcome::of(run).expect("an ended run")) {
            problem(format!("ended as {verdict}, and {} was told", told[0].verdict));
        }
        // 13: nothing writes without end; while a port is out, once a minute.
        let writes = self.store.writes.get(&run.id).copied().unwrap_or(0);
        let max = 24 + 12 * run.attempt() + looks(run) + self.scene.outage_minutes();
        if writes > max {
            problem(format!("{writes} writes in {} attempts, {max} are enough", run.attempt()));
        }
        let all_answer = self.scene.weather == Weather::Calm && self.scene.outages.is_empty();
        if all_answer && verdict == Verdict::Lost {
            problem("is lost on a good day".to_owned());
        }
    }

    /// Its tasks, but not those of a run of the same name that was forgotten weeks before.
    fn tasks_of(&self, run: &Run) -> Vec<&Task> {
        let week = SignedDuration::from_hours(7 * 24);
        let its = |task: &&Task| {
            task.whose.run == run.id && run.created_at.duration_since(task.created_at()) < week
        };
        self.account.tasks.iter().filter(its).collect()
    }
}

/// A run that is open for hours is looked at, ever less often.
fn looks(run: &Run) -> u32 {
    let State::Ended { at, .. } = run.state else { return 0 };
    u32::try_from(at.duration_since(run.created_at).as_mins() / 6).unwrap_or(0)
}

/// Invariant 7: the verdict is what ECS really did.
fn is_true(run: &Run, verdict: Verdict, tasks: &[&Task]) -> Result<(), String> {
    let last = tasks.iter().rev().find(|task| task.whose.attempt == run.attempt() && task.ran());
    let attempt = run.attempts.last().expect("an attempt");
    let did = |task: &Task| {
        let container = task.state().containers.first();
        (task.state().stop_code.clone(), container.and_then(|container| container.exit_code))
    };
    let by_itself = |task: &Task| task.stop_reason.is_none() || ended_by_itself(task);
    // A success is never hidden, and never made up.
    let success = tasks
        .iter()
        .find(|task| task.ran() && by_itself(task) && task.fate == Fate::Exits(0) && !task.lives());
    if success.is_some() && !matches!(verdict, Verdict::Succeeded | Verdict::Lost) {
        return Err(format!("its task ended well, and it is {verdict}: {:?}", attempt.reason));
    }
    let wrong = |what: &str| {
        Err(format!("it is {verdict}, and {what}: {:?} {:?}", last.map(|task| did(task)), attempt))
    };
    match verdict {
        Verdict::Succeeded if success.is_none() => wrong("no task ended well"),
        Verdict::Skipped if !tasks.is_empty() => wrong("it had a task"),
        Verdict::TimedOut => {
            // It may have ended, badly, before StopTask reached it.
            let told = run.stop.as_ref().is_some_and(|stop| stop.cause.is_a_limit())
                || tasks.iter().any(|task| asked_for(task, StopCause::is_a_limit));
            if told { Ok(()) } else { wrong("no task of it was stopped for its time") }
        }
        Verdict::Cancelled if run.stop.is_none() => match attempt.ending {
            // It was lost, and its task came all the same: that was stopped.
            _ if tasks
                .iter()
                .any(|task| asked_for(task, |cause| cause == StopCause::Cancelled)) =>
            {
                Ok(())
            }
            // A newer one took its place before the attempt had a task.
            Some(Ending::Observed(Observed::Cancelled)) if last.is_none() => Ok(()),
            _ => wrong("nobody asked"),
        },
        Verdict::Failed if last.is_some_and(|task| by_itself(task)) => {
            let (_, code) = last.map_or((None, None), |task| did(task));
            if run.exit_code() == code { Ok(()) } else { wrong("the code is another") }
        }
        _ => Ok(()),
    }
}

/// Whether it was told to stop and ended by itself before it did.
fn ended_by_itself(task: &Task) -> bool {
    use longshore::event::StopCode;
    task.state().stop_code != Some(StopCode::UserInitiated)
}

fn asked_for(task: &Task, cause: fn(StopCause) -> bool) -> bool {
    task.stop_reason.as_deref().and_then(StopCause::from_reason).is_some_and(cause)
}
