//! DescribeTaskDefinition, as far as it says where a container logs to.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::LogConfiguration;

use super::failed;
use crate::ecs::EcsError;
use crate::jobs::LogRoute;

/// Where a container of a task definition, by family or family and revision, logs to.
pub(super) async fn log_route(
    client: &Client,
    definition: &str,
    container: &str,
) -> Result<LogRoute, EcsError> {
    let call = client.describe_task_definition().task_definition(definition);
    let answer = call.send().await.map_err(|error| failed("ecs:DescribeTaskDefinition", &error))?;
    let containers = answer.task_definition.and_then(|found| found.container_definitions);
    let mut named =
        containers.into_iter().flatten().filter(|found| found.name.as_deref() == Some(container));
    let configuration = named.next().and_then(|found| found.log_configuration);
    Ok(configuration.map_or(LogRoute::Nowhere, to_route))
}

fn to_route(configuration: LogConfiguration) -> LogRoute {
    let options = configuration.options.unwrap_or_default().into_iter().collect();
    LogRoute::of(configuration.log_driver.as_str(), &options)
}
