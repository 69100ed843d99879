//! Where longshore runs: its three ports, its name there, and how long things take.

use std::sync::Arc;

use crate::ecs::{Ecs, EcsError};
use crate::event::{Observation, Observed, Reminder};
use crate::identity::Namespace;
use crate::ledger::{Ledger, LedgerError};
use crate::policy::Timing;
use crate::queue::{Message, Queue, QueueError};
use crate::run::{Line, Run};
use jiff::{SignedDuration, Timestamp};

mod brake;

pub use brake::Brake;

/// The ports the use cases work on.
#[derive(Clone, Debug)]
pub struct Backend<L, E, Q> {
    /// The store of runs.
    pub ledger: L,
    /// What runs tasks.
    pub ecs: E,
    /// What carries messages.
    pub queue: Q,
    /// The installation's name.
    pub namespace: Namespace,
    /// How long things take here.
    pub timing: Timing,
    /// Whether ECS had no time a moment ago, as far as this process knows.
    pub brake: Arc<Brake>,
}

/// A port that failed: the message comes again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PortError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// ECS.
    #[error(transparent)]
    Ecs(#[from] EcsError),
    /// A queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl<L: Ledger, E: Ecs, Q: Queue> Backend<L, E, Q> {
    /// Reminds dispatch of a run after `delay`. For one that stands in the line, that is its turn.
    pub(crate) async fn remind(&self, run: &Run, delay: SignedDuration) -> Result<(), PortError> {
        let turn = run.line() == Some(Line::Turn);
        let reminder = Reminder { run: run.id.clone(), attempt: run.attempt(), turn };
        Ok(self.queue.send(&Message::Reminder(reminder), delay).await?)
    }

    /// Reminds dispatch at `time` of a run whose alarm is set to it, unless that is sweep's to do
    /// because no message can be held back so long.
    pub(crate) async fn remind_at(
        &self,
        run: &Run,
        time: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let delay = time.duration_since(now).max(SignedDuration::ZERO);
        match self.timing.remind_within {
            Some(within) if delay > within => Ok(()),
            Some(_) | None => self.remind(run, delay).await,
        }
    }

    /// Tells record what ECS will not.
    pub(crate) async fn tell(
        &self,
        run: &Run,
        observed: Observed,
        reason: String,
    ) -> Result<(), PortError> {
        let observation = Observation {
            run: run.id.clone(),
            attempt: run.attempt(),
            observed,
            task: run.living_task().map(str::to_owned),
            owner: run.owner.clone(),
            reason,
        };
        Ok(self.queue.send(&Message::Observation(observation), SignedDuration::ZERO).await?)
    }
}
