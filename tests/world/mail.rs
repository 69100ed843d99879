//! The queues and the bus of the world.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use longshore::event::Event;
use longshore::identity::RunId;
use longshore::queue::{Message, Outcome, QueueName};
use longshore::run::Verdict;

use crate::guard::Guard;
use crate::scene::secs;
use crate::world::{What, World};

/// SQS holds a message back no longer.
const DELAY_MAX: SignedDuration = SignedDuration::from_secs(900);
/// A message that was received comes again after this, as template.yaml says.
pub(crate) const VISIBILITY: SignedDuration = SignedDuration::from_secs(360);

/// A message and what became of it.
pub(crate) struct Letter {
    pub(crate) queue: QueueName,
    pub(crate) event: Arc<Event>,
    pub(crate) receives: u32,
    pub(crate) done: bool,
}

#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) letters: Vec<Letter>,
    /// Letters that came too often.
    pub(crate) dead: Vec<usize>,
    /// Why letters were rejected.
    pub(crate) rejected: Vec<String>,
    /// What the world was told of each run, the present version and how often it changed.
    pub(crate) outcomes: BTreeMap<RunId, Vec<Outcome>>,
}

/// Receives of a message before it goes to the dead letters, as template.yaml says.
fn receives_max(world: &World, queue: QueueName) -> u32 {
    match queue {
        QueueName::States if world.without == Some(Guard::ManyReceives) => 5,
        QueueName::States => 100,
        QueueName::Events | QueueName::Reject => 10,
    }
}

impl World {
    /// Puts a message into a queue; SQS may hand it out more than once, and late.
    pub(crate) fn post(&mut self, queue: QueueName, event: Event, delay: SignedDuration) {
        let at = self.now
            + delay.clamp(SignedDuration::ZERO, DELAY_MAX)
            + SignedDuration::from_millis(20);
        let index = self.mail.letters.len();
        self.mail.letters.push(Letter { queue, event: Arc::new(event), receives: 0, done: false });
        match self.fault("message", [20, 20, 10, 5]) {
            0 => self.schedule(at, What::Deliver(queue, index)),
            1 => {
                self.schedule(at, What::Deliver(queue, index));
                self.schedule(at, What::Deliver(queue, index));
            }
            late => {
                let late = [60, 900, 7_200][late - 2];
                self.schedule(at + secs(late), What::Deliver(queue, index));
            }
        }
    }

    pub(crate) fn send(&mut self, message: Message, delay: SignedDuration) {
        let queue = message.queue();
        self.note(|| format!("  sent to {}: {}", queue.as_str(), name_of(&message)));
        let event = match message {
            Message::Reminder(reminder) => Event::Reminder(reminder),
            Message::Manual(manual) => Event::Manual(manual),
            Message::Rerun(rerun) => Event::Rerun(rerun),
            Message::Observation(observation) => Event::Observation(observation),
            Message::TaskState(state, _) => Event::TaskState(state),
            Message::Rejected { reason, .. } => {
                self.mail.rejected.push(reason);
                return;
            }
        };
        self.post(queue, event, delay);
    }

    /// Receives a message: `None` when it is gone, or came too often.
    pub(crate) fn receive(&mut self, index: usize) -> Option<Arc<Event>> {
        let queue = self.mail.letters[index].queue;
        let max = receives_max(self, queue);
        let letter = &mut self.mail.letters[index];
        if letter.done {
            return None;
        }
        letter.receives += 1;
        if letter.receives > max {
            letter.done = true;
            self.mail.dead.push(index);
            self.note(|| format!("a message of {} goes to the dead letters", queue.as_str()));
            return None;
        }
        Some(Arc::clone(&letter.event))
    }

    /// Tells the world how a run ended.
    pub(crate) fn emit(&mut self, outcome: Outcome) {
        self.note(|| format!("  told: {} {}", outcome.run_id, outcome.verdict));
        let told = self.mail.outcomes.entry(outcome.run_id.clone()).or_default();
        // The bus keeps no order: of `Lost` and the truth either may come first.
        if told.contains(&outcome) {
            return;
        }
        told.push(outcome);
        let lost = told.iter().filter(|told| told.verdict == Verdict::Lost).count();
        if lost > 1 || told.len() - lost > 1 {
            let text = format!("{told:#?}");
            self.breaks(|| format!("two accounts of one run: {text}"));
        }
    }
}

pub(crate) fn name_of(message: &Message) -> String {
    match message {
        Message::Reminder(reminder) => format!("a reminder of {}", reminder.run),
        Message::Manual(manual) => format!("a run of {}", manual.job),
        Message::Rerun(rerun) => format!("a rerun of {}", rerun.run),
        Message::Observation(seen) => {
            format!("{:?} of {}/{}", seen.observed, seen.run, seen.attempt)
        }
        Message::TaskState(state, _) => format!("{} {}", state.task_arn, state.last_status),
        Message::Rejected { reason, .. } => format!("rejected: {reason}"),
    }
}
