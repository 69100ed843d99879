//! StopTask. A task that is not there any more has stopped.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::operation::stop_task::StopTaskError;

use super::failed;
use crate::ecs::EcsError;

/// Asks `task` to stop; ECS shows `reason` as its stopped reason.
pub(super) async fn stop(
    client: &Client,
    cluster: &str,
    task: &str,
    reason: &str,
) -> Result<(), EcsError> {
    match client.stop_task().cluster(cluster).task(task).reason(reason).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(is_gone) => Ok(()),
        Err(error) => Err(failed("ecs:StopTask", &error)),
    }
}

/// ECS has one exception for "the referenced task was not found" and for what is really wrong with
/// a parameter; the text tells them apart.
fn is_gone(error: &StopTaskError) -> bool {
    match error {
        StopTaskError::ClusterNotFoundException(_) => true,
        StopTaskError::InvalidParameterException(_) => error
            .message()
            .is_some_and(|message| message.to_lowercase().contains("task was not found")),
        _ => false,
    }
}
