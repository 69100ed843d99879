//! ListTasks by `startedBy`: the way back to a task whose RunTask answer was lost.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::list_tasks::ListTasksError;
use aws_sdk_ecs::types::DesiredStatus;

use super::failed;
use crate::ecs::EcsError;

/// The ARNs of tasks with this `startedBy`, those that are to run first. ECS lists stopped tasks
/// for about an hour.
pub(super) async fn started_by(
    client: &Client,
    cluster: &str,
    started_by: &str,
) -> Result<Vec<String>, EcsError> {
    let mut found: Vec<String> = Vec::new();
    // In this order: a task that stops between the two is seen in the second. The reference calls
    // `startedBy` the only filter that may be used, and means family, service and instance by it:
    // running tasks are listed so in the field. That stopped ones are is not written anywhere.
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        let mut tasks = client
            .list_tasks()
            .cluster(cluster)
            .started_by(started_by)
            .desired_status(status)
            .into_paginator()
            .items()
            .send();
        while let Some(task) = tasks.next().await {
            match task {
                Ok(task) if found.contains(&task) => {}
                Ok(task) => found.push(task),
                // A cluster goes only after its tasks.
                Err(error)
                    if matches!(
                        error.as_service_error(),
                        Some(ListTasksError::ClusterNotFoundException(_))
                    ) =>
                {
                    break;
                }
                Err(error) => return Err(failed("ecs:ListTasks", &error)),
            }
        }
    }
    Ok(found)
}
