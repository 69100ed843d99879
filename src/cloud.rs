//! longshore in an AWS account, as people reach it from their machine. Every name there follows
//! from the namespace, so region and credentials are all that is asked for.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::backend::{Backend, PortError};
use crate::ecs::fargate::Fargate;
use crate::identity::{JobName, Namespace, RunId};
use crate::jobs::Jobs;
use crate::ledger::dynamodb::DynamoLedger;
use crate::ledger::{Filter, Ledger, LedgerError};
use crate::policy::Timing;
use crate::queue::dead::DeadQueue;
use crate::queue::sqs::dead::DeadLetters;
use crate::queue::sqs::{Queues, SqsQueue};
use crate::queue::{Message, Queue, QueueError};
use crate::run::{Run, StopAsked};
use crate::stop::{ask_to_stop, stop_asked};

mod logs;

pub use logs::NoLog;

/// An installation.
#[derive(Debug)]
pub struct Cloud {
    ledger: DynamoLedger,
    aws: aws_config::SdkConfig,
    namespace: Namespace,
}

impl Cloud {
    /// Connects to the installation of this namespace; `jobs` are those whose runs are listed when
    /// no job is named.
    pub async fn connect(namespace: Namespace, jobs: &Jobs) -> Self {
        let aws = crate::aws::connect().await;
        let jobs: Vec<JobName> = jobs.iter().map(|job| job.name.clone()).collect();
        let ledger = DynamoLedger::new(&aws, format!("{namespace}-runs"), jobs);
        Self { ledger, aws, namespace }
    }

    /// The connection.
    pub fn aws(&self) -> &aws_config::SdkConfig {
        &self.aws
    }

    /// The name that keeps it apart.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Runs that meet the filter.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        self.ledger.list(filter).await
    }

    /// The run with this id.
    pub async fn load(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        self.ledger.load(id).await
    }

    /// The runs with these ids, as far as they are there.
    pub async fn load_all(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        self.ledger.load_all(ids).await
    }

    /// Sends what asks for a run: dispatch receives it as it receives every event.
    pub async fn ask_for(&self, message: &Message) -> Result<(), QueueError> {
        self.queue().await?.send(message, SignedDuration::ZERO).await
    }

    /// Asks a run to stop; the run as it is then, unless that is no news to it.
    pub async fn ask_to_stop(&self, id: &RunId, wish: StopAsked) -> Result<Option<Run>, PortError> {
        ask_to_stop(&self.backend().await?, id, wish).await
    }

    /// Does once more what follows once a run was asked to stop.
    pub async fn stop_asked(&self, run: &Run) -> Result<(), PortError> {
        stop_asked(&self.backend().await?, run).await
    }

    /// Its dead-letter queues of these kinds.
    pub async fn dead_letters(&self, queues: &[DeadQueue]) -> Result<DeadLetters, QueueError> {
        DeadLetters::find(&self.aws, &self.namespace, queues).await
    }

    async fn queue(&self) -> Result<SqsQueue, QueueError> {
        let queues = Queues::find_events(&self.aws, &self.namespace).await?;
        Ok(SqsQueue::new(&self.aws, queues))
    }

    /// The ports as a function has them.
    async fn backend(&self) -> Result<Backend<DynamoLedger, Fargate, SqsQueue>, QueueError> {
        let table = format!("{}-runs", self.namespace);
        Ok(Backend {
            ledger: DynamoLedger::new(&self.aws, table, Vec::new()),
            ecs: Fargate::new(&self.aws),
            queue: self.queue().await?,
            namespace: self.namespace.clone(),
            timing: Timing::AWS,
            brake: Arc::default(),
        })
    }
}
