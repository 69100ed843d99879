//! The local ECS behind ECS's own wire protocol: AWS's SDKs and command line talk to it as they talk
//! to ECS, and tasks run on this machine. Here: what the server keeps, and its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tokio::net::TcpListener;
use tracing::{debug, warn};

use crate::ecs::EcsError;
use crate::ecs::local::LocalEcs;
use crate::ecs::local::served::ServedTask;
use crate::ledger::LedgerError;
use crate::ledger::database::Database;
use crate::local::Settings;

mod definition;
mod definitions;
mod events;
mod fault;
mod faults;
mod http;
mod post;
mod request;
mod run_task;
mod shape;
mod tags;
mod tasks;
mod tokens;
mod wire;

pub use events::Receiver;
pub use post::{Endpoint, NoEndpoint};

use faults::Faults;
use wire::ApiError;

/// What the server does, in ECS's names.
const OPERATIONS: [&str; 11] = [
    "RunTask",
    "DescribeTasks",
    "ListTasks",
    "StopTask",
    "RegisterTaskDefinition",
    "DeregisterTaskDefinition",
    "DescribeTaskDefinition",
    "ListTaskDefinitions",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
];

/// How often to look for tasks without a supervisor.
const TEND: Duration = Duration::from_millis(500);
/// How often to look whether tasks have stopped.
const STOP_POLL: Duration = Duration::from_millis(50);
/// After this, accepting is tried again where it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// ECS, served on one machine.
#[derive(Debug)]
pub struct Server {
    database: Arc<Database>,
    ecs: LocalEcs,
    faults: Faults,
    remember: SignedDuration,
    address: SocketAddr,
}

impl Server {
    /// Opens the ledger. Stopped tasks and their tokens are remembered for as long as `remember`
    /// says; `address` is where it will be served.
    pub fn open(
        settings: Settings,
        remember: SignedDuration,
        address: SocketAddr,
    ) -> Result<Self, LedgerError> {
        let database = Arc::new(Database::open(&settings.ledger, &settings.namespace)?);
        let ecs = LocalEcs::new(Arc::clone(&database), settings.program, settings.host);
        let faults = Faults::default();
        Ok(Self { database, ecs, faults, remember, address })
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// Serves until it is dropped, which closes every connection.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, for example: it passes.
                    warn!(%error, "no connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let server = Arc::clone(&self);
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let server = Arc::clone(&server);
                    async move { server.answer(request).await }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = connection.await {
                    debug!(%error, "connection closed");
                }
            });
        }
    }

    /// Gives supervisors to tasks that have none, until it is dropped.
    pub async fn tend(&self) {
        loop {
            if let Err(error) = self.ecs.tend(Timestamp::now()) {
                warn!(%error, "tasks without a supervisor are looked for again");
            }
            tokio::time::sleep(TEND).await;
        }
    }

    /// Asks the tasks to stop, and waits until they have.
    pub async fn stop_tasks(&self, reason: &str) -> Result<(), EcsError> {
        self.ecs.stop_served(reason).await?;
        loop {
            let living = self.ecs.served_living().map_err(|error| EcsError(error.to_string()))?;
            if living.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(STOP_POLL).await;
        }
    }

    /// How many tasks run.
    pub fn running(&self) -> Result<usize, LedgerError> {
        let tasks = self.ecs.served_living()?;
        Ok(tasks.iter().filter(|task| ServedTask::is_wanted(task)).count())
    }

    /// Looks something up.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.database.with(|sqlite| Ok(work(sqlite)))?
    }

    /// Does all of the work, or nothing when it is refused.
    fn change<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut refused = None;
        let done = self.database.transaction(|sqlite| {
            work(sqlite).map_err(|error| {
                refused = Some(error);
                // Whatever it is, it rolls back.
                rusqlite::Error::StatementChangedRows(0)
            })
        });
        match refused {
            Some(error) => Err(error),
            None => Ok(done?),
        }
    }
}

/// The cluster that a name or an ARN means. Every cluster is there.
fn cluster_name(cluster: Option<&str>) -> String {
    let name = cluster.and_then(|cluster| cluster.rsplit('/').next());
    name.filter(|name| !name.is_empty()).unwrap_or("default").to_owned()
}
