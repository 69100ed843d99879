//! All of it on one machine: what SQS, EventBridge and Lambda do in the cloud, done by one loop
//! over the ledger's file. Several processes may run the loop on one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::warn;
use uuid::Uuid;

use crate::backend::{Backend, PortError};
use crate::dispatch::{Dispatched, Invocation, dispatch};
use crate::ecs::local::{Host, LocalEcs};
use crate::event::{Delivery, Event, Reminder, read_body};
use crate::function::{NotHandled, deliver};
use crate::identity::{Namespace, RunId};
use crate::jobs::Jobs;
use crate::ledger::database::Database;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Filter, Ledger, LedgerError};
use crate::policy::Timing;
use crate::queue::dead::DeadLetter;
use crate::queue::local::{LocalQueue, Received};
use crate::queue::{Message, Queue, QueueName};
use crate::record::{Recorded, record};
use crate::run::{Run, StopAsked};
use crate::stop::{ask_to_stop, stop_asked};
use crate::sweep::{sweep, visit};

/// A received message is handed out again after this, when whoever had it went away.
const HIDDEN: SignedDuration = SignedDuration::from_secs(5);
/// How long to try while others keep changing the same run: shorter than a message is hidden.
const PATIENCE: Duration = Duration::from_secs(3);
/// Messages handled in one turn of the loop, at most.
const TURN_MESSAGES_MAX: u32 = 100;

/// What to open.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Whose it is.
    pub namespace: Namespace,
    /// How tasks run.
    pub host: Host,
    /// longshore's own program.
    pub program: PathBuf,
}

/// longshore on one machine.
#[derive(Debug)]
pub struct Local {
    backend: Backend<SqliteLedger, LocalEcs, LocalQueue>,
    jobs: Jobs,
}

impl Local {
    /// Opens the ledger.
    pub fn open(settings: Settings, jobs: Jobs) -> Result<Self, LedgerError> {
        let database = Arc::new(Database::open(&settings.ledger, &settings.namespace)?);
        let ecs = LocalEcs::new(Arc::clone(&database), settings.program, settings.host);
        let backend = Backend {
            ledger: SqliteLedger::new(Arc::clone(&database)),
            ecs,
            queue: LocalQueue::new(database),
            namespace: settings.namespace,
            timing: Timing::LOCAL,
            brake: Arc::default(),
        };
        Ok(Self { backend, jobs })
    }

    /// The jobs that events are for.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Dispatches an event, as a function that EventBridge or S3 invoked would.
    pub async fn dispatch(&self, event: &Event) -> Result<Vec<Dispatched>, NotHandled> {
        // One nonce for all tries: what the first one claimed is still new.
        let nonce = Uuid::new_v4().to_string();
        patiently(async || {
            let invocation =
                Invocation { now: Timestamp::now(), nonce: &nonce, clock: &Timestamp::now };
            Ok(dispatch(&self.backend, &self.jobs, event, invocation).await?)
        })
        .await
    }

    /// Records a task state or an observation, as a function that a rule invoked would.
    pub async fn record(&self, event: &Event) -> Result<Recorded, NotHandled> {
        patiently(async || Ok(record(&self.backend, event, Timestamp::now()).await?)).await
    }

    /// One turn: every message that is there, and every run whose time has come. A run that others
    /// keep changing is left to the next turn.
    pub async fn turn(&self) -> Result<(), PortError> {
        self.backend.ecs.tend(Timestamp::now())?;
        self.handle(QueueName::States).await?;
        self.handle(QueueName::Events).await?;
        or_next_time(sweep(&self.backend, &self.jobs, Timestamp::now()).await)
    }

    /// Brings the ledger up to the tasks without starting any: task states that wait in their queue
    /// are recorded, a living task is asked where it stands and that recorded too, or, if its time
    /// is over, asked to stop. A run without a task is not touched.
    pub async fn catch_up(&self) -> Result<(), PortError> {
        self.handle(QueueName::States).await?;
        let open = Filter { open: true, ..Filter::default() };
        let mut runs = self.backend.ledger.list(&open).await?;
        runs.retain(|run| run.living_task().is_some());
        or_next_time(visit(&self.backend, runs, Timestamp::now()).await)?;
        self.handle(QueueName::States).await
    }

    /// The runs with these ids.
    pub async fn runs(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        self.backend.ledger.load_all(ids).await
    }

    /// Runs that meet the filter.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        self.backend.ledger.list(filter).await
    }

    /// Asks a run to stop; the run as it is then, unless that is no news to it.
    pub async fn ask_to_stop(&self, id: &RunId, wish: StopAsked) -> Result<Option<Run>, PortError> {
        patiently(async || ask_to_stop(&self.backend, id, wish.clone()).await).await
    }

    /// Does once more what follows once a run was asked to stop.
    pub async fn stop_asked(&self, run: &Run) -> Result<(), PortError> {
        stop_asked(&self.backend, run).await
    }

    /// Brings the ledger up to what came of a stop, where no other process turns the wheel. Nothing
    /// is launched for a run that was asked to stop, whatever jobs.yaml says.
    pub async fn see_stopped(&self, run: &Run) -> Result<(), NotHandled> {
        if run.stop.is_some() && run.living_task().is_none() {
            let reminder = Reminder { run: run.id.clone(), attempt: run.attempt(), turn: false };
            self.dispatch(&Event::Reminder(reminder)).await?;
        }
        Ok(self.catch_up().await?)
    }

    /// Where the output of a task lies.
    pub fn log_file(&self, task: &str) -> PathBuf {
        self.backend.ecs.log_file(task)
    }

    /// What was rejected, the oldest first.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, LedgerError> {
        self.backend.queue.dead_letters(limit)
    }

    /// Puts a letter into the queue where it belongs, for the next `turn`.
    pub fn send_back(&self, letter: &DeadLetter, to: QueueName) -> Result<(), LedgerError> {
        self.backend.queue.send_back(letter, to)
    }

    async fn handle(&self, queue: QueueName) -> Result<(), PortError> {
        for _ in 0..TURN_MESSAGES_MAX {
            let now = Timestamp::now();
            let Some(message) = self.backend.queue.receive(queue, now, HIDDEN)? else {
                return Ok(());
            };
            if self.is_done(queue, &message).await {
                self.backend.queue.delete(message.number)?;
            }
        }
        Ok(())
    }

    /// Whether a message was done with, or refused for good; else it is handed out again.
    async fn is_done(&self, queue: QueueName, message: &Received) -> bool {
        let delivery = Delivery {
            id: message.number.to_string(),
            queued: true,
            receives: message.receives,
            events: read_body(message.body.as_bytes(), &message.number.to_string()),
            body: message.body.clone(),
        };
        let nonce = Uuid::new_v4().to_string();
        let delivered = patiently(async || {
            let invocation =
                Invocation { now: Timestamp::now(), nonce: &nonce, clock: &Timestamp::now };
            deliver(&self.backend, &self.jobs, queue, &delivery, invocation).await
        });
        let delivered = delivered.await;
        if let Err(error) = &delivered {
            warn!(%error, receives = message.receives, "message comes again");
        }
        delivered.is_ok()
    }

    /// Puts what can never be acted upon into the reject queue, with the reason.
    pub async fn reject(&self, body: &str, reason: String) -> Result<(), PortError> {
        let rejected = Message::Rejected { body: body.to_owned(), reason };
        Ok(self.backend.queue.send(&rejected, SignedDuration::ZERO).await?)
    }
}

/// Does what may be repeated, and again while others keep changing the same run.
async fn patiently<T, E: Contended>(work: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        match work().await {
            Err(error) if error.is_contended() && Instant::now() < give_up_at => {
                tokio::time::sleep(pause()).await;
            }
            done => return done,
        }
    }
}

/// Whether an error means no more than that others were changing the same run.
trait Contended {
    fn is_contended(&self) -> bool;
}

impl Contended for PortError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Ledger(LedgerError::Contended(_)))
    }
}

impl Contended for NotHandled {
    fn is_contended(&self) -> bool {
        match self {
            Self::Port(error) => error.is_contended(),
            Self::Refused(_) => false,
        }
    }
}

/// 5 to 20 ms: those who met once should not meet again.
fn pause() -> Duration {
    let [random, ..] = Uuid::new_v4().into_bytes();
    Duration::from_millis(5 + u64::from(random % 16))
}

/// Leaves a run that others keep changing to the next look at it.
fn or_next_time<T>(result: Result<T, PortError>) -> Result<(), PortError> {
    match result {
        Err(error) if !error.is_contended() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Where the ledger of a namespace lies when nobody says.
pub fn default_ledger(namespace: &Namespace) -> PathBuf {
    Path::new(".longshore").join(format!("{namespace}.db"))
}
