//! ECS on Fargate.
//!
//! RunTask is three questions: where the task lives (EC2), what it is (its task definition,
//! registered once for each content), and the call itself. The SDK repeats a call up to three
//! times with the same client token, unless it is throttled; what is left after that is for whoever
//! launches to judge.

use std::sync::OnceLock;

use aws_config::SdkConfig;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::Config;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use jiff::Timestamp;

use super::{Described, Ecs, EcsError, RunTaskError};
use crate::aws::failure::Failure;
use crate::identity::ClientToken;
use crate::jobs::{LogRoute, TaskDefinition, TaskRequest, TaskSource};
use crate::network::NetworkError;
use crate::network::ec2::Ec2;

mod definitions;
mod describe;
mod list;
mod log_route;
mod refusal;
mod register;
mod run_task;
mod stop;
mod tries;

use definitions::Definitions;
use tries::Tries;

/// Tasks of one account and Region, on Fargate. Costs nothing until the first call.
#[derive(Debug)]
pub struct Fargate {
    config: SdkConfig,
    client: OnceLock<Client>,
    ec2: Ec2,
    definitions: Definitions,
}

impl Fargate {
    /// Calls ECS and EC2 over this connection.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            ec2: Ec2::new(config),
            definitions: Definitions::default(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// Where a container of a registered task definition logs to.
    pub async fn log_route(&self, definition: &str, container: &str) -> Result<LogRoute, EcsError> {
        log_route::log_route(self.client(), definition, container).await
    }

    /// What RunTask is to start: a family as written, or the revision with this very content.
    async fn definition(&self, request: &TaskRequest) -> Result<String, RunTaskError> {
        match &request.source {
            TaskSource::Registered(family) => Ok(family.clone()),
            TaskSource::Inline(definition) => {
                let definition = self.in_region(definition);
                self.definitions.revision(self.client(), &definition, &request.tags).await
            }
        }
    }

    /// The definition with its logs in our Region, if it names none: ECS wants one.
    fn in_region(&self, definition: &TaskDefinition) -> TaskDefinition {
        let mut definition = definition.clone();
        if let Some(logs) = definition.logs.as_mut().filter(|logs| logs.region.is_none()) {
            logs.region = self.config.region().map(ToString::to_string);
        }
        definition
    }

    /// The next launch registers the revision anew.
    fn forget(&self, request: &TaskRequest) {
        if let TaskSource::Inline(definition) = &request.source {
            self.definitions.forget(&self.in_region(definition));
        }
    }
}

impl From<NetworkError> for RunTaskError {
    fn from(error: NetworkError) -> Self {
        let text = error.to_string();
        match error {
            NetworkError::Invalid(_) => Self::Invalid(text),
            NetworkError::Unavailable(_) => Self::Unsent(text),
        }
    }
}

/// What a failed call other than RunTask means.
fn failed<E>(action: &str, error: &SdkError<E, HttpResponse>) -> EcsError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    EcsError(Failure::of(error).to_text(action))
}

impl Ecs for Fargate {
    async fn run_task(
        &self,
        request: &TaskRequest,
        token: &ClientToken,
    ) -> Result<String, RunTaskError> {
        let awsvpc = match &request.network {
            Some(network) => Some(self.ec2.resolve(network, Timestamp::now()).await?),
            None => None,
        };
        let definition = self.definition(request).await?;
        let tries = Tries::default();
        let answer = run_task::call(self.client(), request, token, &definition, awsvpc)
            .map_err(|error| RunTaskError::Invalid(format!("RunTask cannot be written: {error}")))?
            .customize()
            .config_override(Config::builder().retry_classifier(tries.clone()))
            .send()
            .await;
        if answer.as_ref().is_err_and(refusal::is_about_the_revision) {
            self.forget(request);
        }
        match answer {
            Ok(answer) => run_task::task_of(&answer),
            Err(error) => Err(refusal::of(&error, &tries, request)),
        }
    }

    async fn describe(&self, cluster: &str, tasks: &[String]) -> Result<Vec<Described>, EcsError> {
        describe::describe(self.client(), cluster, tasks).await
    }

    async fn list_started_by(
        &self,
        cluster: &str,
        started_by: &str,
    ) -> Result<Vec<String>, EcsError> {
        list::started_by(self.client(), cluster, started_by).await
    }

    async fn stop(&self, cluster: &str, task: &str, reason: &str) -> Result<(), EcsError> {
        stop::stop(self.client(), cluster, task, reason).await
    }
}
