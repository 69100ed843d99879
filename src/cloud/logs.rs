//! Where the log of a task is: its task definition says, the one we registered or somebody else's.

use jiff::Timestamp;

use super::Cloud;
use crate::aws::logs::{LogError, LogStream, Page};
use crate::ecs::EcsError;
use crate::ecs::fargate::Fargate;
use crate::jobs::{LogRoute, TaskRequest, TaskSource};
use crate::run::{Attempt, Launch};

/// Why a task has no log that longshore can read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoLog {
    /// There is no task.
    #[error("there is no task yet")]
    NoTask,
    /// It goes elsewhere.
    #[error(
        "container `{container}` of {definition} logs with {driver}{}, not with awslogs to a stream \
         for each task: look there",
        place.as_ref().map(|place| format!(" to {place}")).unwrap_or_default()
    )]
    Elsewhere {
        /// The container.
        container: String,
        /// The task definition.
        definition: String,
        /// The log driver.
        driver: String,
        /// Where it sends to, as far as it says.
        place: Option<String>,
    },
    /// Nobody keeps what it prints.
    #[error(
        "nobody keeps what container `{container}` of {definition} prints: give it a log, with \
         `logs` in jobs.yaml or a logConfiguration"
    )]
    Nowhere {
        /// The container.
        container: String,
        /// The task definition.
        definition: String,
    },
    /// ECS could not be asked.
    #[error(transparent)]
    Unknown(#[from] EcsError),
}

impl Cloud {
    /// The log of a launch's main container, from a time on. It may not be there yet.
    pub async fn log_of(
        &self,
        attempt: &Attempt,
        launch: &Launch,
        since: Option<Timestamp>,
    ) -> Result<LogStream, NoLog> {
        let (Some(task), Some(request)) = (&launch.task, &attempt.request) else {
            return Err(NoLog::NoTask);
        };
        let container = request.container.clone();
        let definition = definition(request, launch);
        let route = match &request.source {
            TaskSource::Inline(definition) => definition.log_route(),
            TaskSource::Registered(_) => {
                Fargate::new(&self.aws).log_route(&definition, &container).await?
            }
        };
        match route {
            LogRoute::CloudWatch { group, region, prefix } => {
                let id = task.rsplit('/').next().unwrap_or(task);
                let here = || launch.region().unwrap_or_default().to_owned();
                let name = format!("{prefix}/{container}/{id}");
                Ok(LogStream::new(group, name, region.unwrap_or_else(here), since))
            }
            LogRoute::Elsewhere { driver, place } => {
                Err(NoLog::Elsewhere { container, definition, driver, place })
            }
            LogRoute::Nowhere => Err(NoLog::Nowhere { container, definition }),
        }
    }

    /// The next part of a log.
    pub async fn page(&self, log: &mut LogStream) -> Result<Page, LogError> {
        log.page(&self.aws).await
    }
}

/// The task's own revision once ECS has told it; until then what was asked for.
fn definition(request: &TaskRequest, launch: &Launch) -> String {
    let told = launch.size.as_ref().and_then(|size| size.task_definition.clone());
    told.unwrap_or_else(|| request.source.family().to_owned())
}
