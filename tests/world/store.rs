//! The ledger of the world, and what must hold of every write into it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use longshore::identity::{Holder, JobName, RunId};
use longshore::ledger::{Claim, Filter, Saved, Slot};
use longshore::run::{Attempt, Run, State, Verdict};

use crate::guard::Guard;
use crate::world::World;

/// DynamoDB forgets an ended run after this.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) slots: BTreeMap<JobName, Vec<Holder>>,
    /// When each slot was taken.
    pub(crate) taken: BTreeMap<Holder, Timestamp>,
    /// Writes for each run.
    pub(crate) writes: BTreeMap<RunId, u32>,
}

impl World {
    fn write(&mut self, id: &RunId) {
        match self.store.writes.get_mut(id) {
            Some(writes) => *writes += 1,
            None => drop(self.store.writes.insert(id.clone(), 1)),
        }
    }

    fn forget_old(&mut self, id: &RunId) {
        let is_old = |run: &Run| match run.state {
            State::Ended { at, .. } => self.now.duration_since(at) > KEPT,
            _ => false,
        };
        if self.store.runs.get(id).is_some_and(is_old) {
            self.store.runs.remove(id);
            self.store.writes.remove(id);
            self.mail.outcomes.remove(id);
        }
    }

    pub(crate) fn claim(&mut self, run: Run) -> Claim {
        self.forget_old(&run.id);
        if let Some(known) = self.store.runs.get(&run.id) {
            return Claim::Known(Box::new(known.clone()));
        }
        self.write(&run.id);
        self.note(|| format!("  {} is claimed: {}", run.id, describe(&run)));
        self.alarm(&run);
        self.store.runs.insert(run.id.clone(), run);
        Claim::Won
    }

    pub(crate) fn load(&self, id: &RunId) -> Option<Run> {
        self.store.runs.get(id).cloned()
    }

    /// Saves the run if its revision is the stored one's.
    pub(crate) fn save(&mut self, mut run: Run) -> Saved {
        if self.without == Some(Guard::EmitAfterSave)
            && let Some(outcome) = longshore::queue::Outcome::of(&run)
        {
            self.emit(outcome);
        }
        let Some(stored) = self.store.runs.get(&run.id) else { return Saved::Outdated };
        if stored.revision != run.revision && self.without != Some(Guard::Revision) {
            return Saved::Outdated;
        }
        let problem = breach(stored, &run);
        run.revision = stored.revision + 1;
        self.write(&run.id);
        self.note(|| format!("  {} is now {}", run.id, describe(&run)));
        if let Some(problem) = problem {
            self.breaks(|| format!("{}: {problem}", run.id));
        }
        self.alarm(&run);
        self.store.runs.insert(run.id.clone(), run);
        Saved::Done
    }

    fn alarm(&mut self, run: &Run) {
        if let Some(due) = run.due {
            self.sweep_by(due);
        }
    }

    pub(crate) fn due(&self, now: Timestamp, limit: usize) -> Vec<RunId> {
        let mut due: Vec<(Timestamp, &RunId)> = self
            .store
            .runs
            .values()
            .filter_map(|run| run.due.filter(|due| *due <= now).map(|due| (due, &run.id)))
            .collect();
        due.sort_unstable();
        due.into_iter().take(limit).map(|(_, id)| id.clone()).collect()
    }

    pub(crate) fn list(&self, filter: &Filter) -> Vec<Run> {
        let mut runs: Vec<&Run> =
            self.store.runs.values().filter(|run| filter.admits(run)).collect();
        runs.sort_by_key(|run| run.created_at);
        if !filter.oldest_first {
            runs.reverse();
        }
        let limit = if filter.limit == 0 { usize::MAX } else { filter.limit };
        runs.into_iter().take(limit).cloned().collect()
    }

    pub(crate) fn acquire(&mut self, holder: Holder, limit: u32) -> Slot {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let counts = self.without == Some(Guard::SlotsByName);
        let slots = self.store.slots.entry(job_of(&holder)).or_default();
        if slots.contains(&holder) && !counts {
            return Slot::Held;
        }
        if slots.len() >= limit {
            return Slot::Full(slots.clone());
        }
        slots.push(holder.clone());
        self.store.taken.insert(holder.clone(), self.now);
        self.write(&holder.run);
        self.note(|| format!("  {} takes a slot for attempt {}", holder.run, holder.attempt));
        Slot::Held
    }

    pub(crate) fn release(&mut self, holder: &Holder) {
        let counts = self.without == Some(Guard::SlotsByName);
        let slots = self.store.slots.entry(job_of(holder)).or_default();
        let place = slots.iter().position(|held| held == holder);
        // A counter goes down, whoever asks.
        let place = if counts { place.or(slots.len().checked_sub(1)) } else { place };
        if let Some(place) = place {
            slots.remove(place);
            self.note(|| {
                format!("  {} gives the slot of attempt {} back", holder.run, holder.attempt)
            });
        }
        self.write(&holder.run);
    }
}

fn job_of(holder: &Holder) -> JobName {
    holder.run.job().parse().expect("a run's id begins with its job")
}

/// What no save may do to a run: invariants 4 and 6.
fn breach(old: &Run, new: &Run) -> Option<String> {
    if old.attempts.len() > new.attempts.len() {
        return Some("an attempt is gone".to_owned());
    }
    if new.attempt() > new.policy.retry.attempts.max(1) {
        return Some(format!("attempt {} of {}", new.attempt(), new.policy.retry.attempts));
    }
    if let Some(launch) = new.launch()
        && launch.number > new.policy.launches.max
    {
        return Some(format!("launch {} of {}", launch.number, new.policy.launches.max));
    }
    // It learns of a run that does it once more, and changes in no other way.
    if old.reruns != new.reruns {
        let reruns = new.reruns.clone();
        let told = Run { reruns, ..old.clone() };
        return (told != *new).then(|| "it learned of more than its rerun".to_owned());
    }
    match (&old.state, &new.state) {
        (State::Ended { verdict: Verdict::Lost, .. }, State::Ended { .. }) => {}
        (State::Ended { verdict, .. }, _) => {
            return Some(format!("{verdict} is followed by {}", describe(new)));
        }
        _ => {}
    }
    if old.attempt() == new.attempt() {
        if rank(&new.state) < rank(&old.state) && !may_go_back(old, new) {
            return Some(format!("{} is followed by {}", describe(old), describe(new)));
        }
        let (before, after) = (old.attempts.last()?, new.attempts.last()?);
        return version_went_back(before, after)
            .then(|| "the news of a task is older than what was known".to_owned());
    }
    None
}

fn may_go_back(old: &Run, new: &Run) -> bool {
    let waits = matches!(new.state, State::Waiting { .. });
    match old.state {
        // The launch came to nothing.
        State::Launching { .. } => waits,
        // The task failed to start: another launch of the same attempt.
        State::Started | State::Running { .. } => waits && new.living_task().is_none(),
        State::Waiting { .. } | State::Ended { .. } => false,
    }
}

fn version_went_back(before: &Attempt, after: &Attempt) -> bool {
    before.launches.iter().zip(&after.launches).any(|(before, after)| {
        before.task.is_some() && before.task == after.task && after.version < before.version
    })
}

fn rank(state: &State) -> u8 {
    match state {
        State::Waiting { .. } => 0,
        State::Launching { .. } => 1,
        State::Started => 2,
        State::Running { .. } => 3,
        State::Ended { .. } => 4,
    }
}

/// A run in a line.
pub(crate) fn describe(run: &Run) -> String {
    let state = match &run.state {
        State::Waiting { wait, .. } => format!("Waiting ({wait:?})"),
        State::Launching { .. } => "Launching".to_owned(),
        State::Started => "Started".to_owned(),
        State::Running { .. } => "Running".to_owned(),
        State::Ended { verdict, .. } => verdict.to_string(),
    };
    let launch = run.launch().map_or(0, |launch| launch.number);
    format!("{state}, attempt {}, launch {launch}", run.attempt())
}
