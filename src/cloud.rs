//! longshore in an AWS account, as people reach it from their machine. Every name there follows
//! from the namespace, so region and credentials are all that is asked for.

use jiff::SignedDuration;

use crate::event::Manual;
use crate::identity::{JobName, Namespace, RunId};
use crate::jobs::Jobs;
use crate::ledger::dynamodb::DynamoLedger;
use crate::ledger::{Filter, Ledger, LedgerError};
use crate::queue::sqs::{Queues, SqsQueue};
use crate::queue::{Message, Queue, QueueError};
use crate::run::Run;

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

    /// Asks for a run: dispatch receives it as it receives every event.
    pub async fn ask_for(&self, manual: &Manual) -> Result<(), QueueError> {
        let queues = Queues::find_events(&self.aws, &self.namespace).await?;
        let queue = SqsQueue::new(&self.aws, queues);
        queue.send(&Message::Manual(manual.clone()), SignedDuration::ZERO).await
    }
}
