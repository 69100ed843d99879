//! All of it on one machine: what SQS, EventBridge and Lambda do in the cloud, done by one loop
//! over the ledger's file. Several processes may run the loop on one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::{error, warn};
use uuid::Uuid;

use crate::backend::{Backend, PortError};
use crate::dispatch::{DispatchError, Dispatched, Invocation, dispatch};
use crate::ecs::local::{LocalEcs, Runtime};
use crate::event::{Event, Unreadable, read_body};
use crate::identity::{Namespace, RunId};
use crate::jobs::Jobs;
use crate::ledger::database::Database;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Filter, Ledger, LedgerError};
use crate::policy::Timing;
use crate::queue::local::{LocalQueue, Received};
use crate::queue::{Message, Queue, QueueName};
use crate::record::{RecordError, Recorded, record};
use crate::run::{Run, StopCause};
use crate::stop::ask_to_stop;
use crate::sweep::{sweep, visit};

/// A received message is handed out again after this, when whoever had it went away.
const HIDDEN: SignedDuration = SignedDuration::from_secs(5);
/// Messages handled in one turn of the loop, at most.
const TURN_MESSAGES_MAX: u32 = 100;

/// What to open.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Whose it is.
    pub namespace: Namespace,
    /// What runs tasks.
    pub runtime: Runtime,
    /// Variables that tasks get from our own environment.
    pub passed_variables: Vec<String>,
    /// longshore's own program.
    pub program: PathBuf,
}

/// longshore on one machine.
#[derive(Debug)]
pub struct Local {
    backend: Backend<SqliteLedger, LocalEcs, LocalQueue>,
    jobs: Jobs,
}

/// What became of a message.
enum Handled {
    /// Done with, or refused for good.
    Done,
    /// To be handed out again.
    Again,
}

impl Local {
    /// Opens the ledger.
    pub fn open(settings: Settings, jobs: Jobs) -> Result<Self, LedgerError> {
        let database = Arc::new(Database::open(&settings.ledger, &settings.namespace)?);
        let ecs = LocalEcs::new(
            Arc::clone(&database),
            settings.program,
            settings.runtime,
            settings.passed_variables,
        );
        let backend = Backend {
            ledger: SqliteLedger::new(Arc::clone(&database)),
            ecs,
            queue: LocalQueue::new(database),
            namespace: settings.namespace,
            timing: Timing::LOCAL,
        };
        Ok(Self { backend, jobs })
    }

    /// Dispatches an event, as a function that EventBridge or S3 invoked would.
    pub async fn dispatch(&self, event: &Event) -> Result<Vec<Dispatched>, DispatchError> {
        let nonce = Uuid::new_v4().to_string();
        let invocation = Invocation { now: Timestamp::now(), nonce: &nonce };
        dispatch(&self.backend, &self.jobs, event, invocation).await
    }

    /// Records a task state or an observation, as a function that a rule invoked would.
    pub async fn record(&self, event: &Event) -> Result<Recorded, RecordError> {
        record(&self.backend, event, Timestamp::now()).await
    }

    /// One turn: every message that is there, and every run whose time has come.
    pub async fn turn(&self) -> Result<(), PortError> {
        self.backend.ecs.tend(Timestamp::now())?;
        self.handle(QueueName::States).await?;
        self.handle(QueueName::Events).await?;
        sweep(&self.backend, &self.jobs, Timestamp::now()).await?;
        Ok(())
    }

    /// Takes note of what happened since anybody last looked, without starting anything.
    pub async fn settle(&self) -> Result<(), PortError> {
        self.handle(QueueName::States).await?;
        let open = Filter { open: true, ..Filter::default() };
        let runs = self.backend.ledger.list(&open).await?;
        visit(&self.backend, runs, Timestamp::now()).await?;
        self.handle(QueueName::States).await
    }

    /// The runs with these ids.
    pub async fn runs(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        let mut runs = Vec::new();
        for id in ids {
            runs.extend(self.backend.ledger.load(id).await?);
        }
        Ok(runs)
    }

    /// Runs that meet the filter.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        self.backend.ledger.list(filter).await
    }

    /// Asks a run to stop.
    pub async fn stop(&self, id: &RunId) -> Result<(), PortError> {
        let now = Timestamp::now();
        ask_to_stop(&self.backend, id, StopCause::Cancelled, None, now).await.map(drop)
    }

    /// Where the output of a task lies.
    pub fn log_file(&self, task: &str) -> PathBuf {
        self.backend.ecs.log_file(task)
    }

    async fn handle(&self, queue: QueueName) -> Result<(), PortError> {
        for _ in 0..TURN_MESSAGES_MAX {
            let now = Timestamp::now();
            let Some(message) = self.backend.queue.receive(queue, now, HIDDEN)? else {
                return Ok(());
            };
            match self.handle_message(queue, &message).await? {
                Handled::Done => self.backend.queue.delete(message.number)?,
                Handled::Again => {}
            }
        }
        Ok(())
    }

    async fn handle_message(
        &self,
        queue: QueueName,
        message: &Received,
    ) -> Result<Handled, PortError> {
        let id = message.number.to_string();
        for event in read_body(message.body.as_bytes(), &id) {
            let refused = match event {
                Err(unreadable) => Some(unreadable.to_string()),
                Ok(event) => match self.hand_over(queue, &event).await {
                    Ok(()) => None,
                    Err(Failure::Refused(reason)) => Some(reason),
                    Err(Failure::Port(error)) => {
                        warn!(%error, receives = message.receives, "message comes again");
                        return Ok(Handled::Again);
                    }
                },
            };
            if let Some(reason) = refused {
                error!(queue = queue.as_str(), reason, "message rejected");
                let rejected = Message::Rejected { body: message.body.clone(), reason };
                self.backend.queue.send(&rejected, SignedDuration::ZERO).await?;
            }
        }
        Ok(Handled::Done)
    }

    async fn hand_over(&self, queue: QueueName, event: &Event) -> Result<(), Failure> {
        match queue {
            QueueName::Events => {
                self.dispatch(event).await.map(drop).map_err(|error| match error {
                    DispatchError::Port(error) => Failure::Port(error),
                    other => Failure::Refused(other.to_string()),
                })
            }
            QueueName::States => self.record(event).await.map(drop).map_err(|error| match error {
                RecordError::Port(error) => Failure::Port(error),
                other => Failure::Refused(other.to_string()),
            }),
            QueueName::Reject => Ok(()),
        }
    }

    /// Puts what could not be read into the reject queue, with the reason.
    pub async fn reject(&self, body: &[u8], unreadable: &Unreadable) -> Result<(), PortError> {
        let body = String::from_utf8_lossy(body).into_owned();
        let rejected = Message::Rejected { body, reason: unreadable.to_string() };
        Ok(self.backend.queue.send(&rejected, SignedDuration::ZERO).await?)
    }
}

enum Failure {
    Refused(String),
    Port(PortError),
}

/// Where the ledger of a namespace lies when nobody says.
pub fn default_ledger(namespace: &Namespace) -> PathBuf {
    Path::new(".longshore").join(format!("{namespace}.db"))
}
