//! DescribeTasks, in our own terms: the same ones ECS's events are read into.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::describe_tasks::DescribeTasksError;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{
    Attribute, Container as SdkContainer, EphemeralStorage as SdkStorage, KeyValuePair, Task,
    TaskOverride as SdkOverride,
};
use jiff::{Timestamp, Unit};

use super::failed;
use crate::ecs::{Described, EcsError};
use crate::event::{
    Container, ContainerOverride, EphemeralStorage, LastStatus, NameValue, StopCode, TaskOverride,
    TaskState,
};

/// Tasks of one call at most
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>).
const TASKS_MAX: usize = 100;

/// Where `tasks` stand. One that ECS says something else about than where it stands is left out:
/// nothing is known of it for now.
pub(super) async fn describe(
    client: &Client,
    cluster: &str,
    tasks: &[String],
) -> Result<Vec<Described>, EcsError> {
    let mut described = Vec::with_capacity(tasks.len());
    for some in tasks.chunks(TASKS_MAX) {
        let call = client.describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec()));
        let answer = match call.send().await {
            Ok(answer) => answer,
            // A cluster goes only after its tasks.
            Err(error) if matches!(error.as_service_error(), Some(gone) if is_gone(gone)) => {
                described.extend(some.iter().cloned().map(Described::Missing));
                continue;
            }
            Err(error) => return Err(failed("ecs:DescribeTasks", &error)),
        };
        let missing = answer.failures().iter().filter(|one| one.reason() == Some("MISSING"));
        described.extend(missing.filter_map(|one| Some(Described::Missing(one.arn()?.to_owned()))));
        let tasks = answer.tasks.unwrap_or_default().into_iter();
        described.extend(tasks.map(|task| Described::Task(Box::new(to_state(task)))));
    }
    Ok(described)
}

fn is_gone(error: &DescribeTasksError) -> bool {
    matches!(error, DescribeTasksError::ClusterNotFoundException(_))
}

fn to_state(task: Task) -> TaskState {
    let status = |status: Option<String>| {
        status.map_or_else(LastStatus::default, |status| LastStatus::from(status.as_str()))
    };
    TaskState {
        version: u64::try_from(task.version).unwrap_or(0),
        task_arn: task.task_arn.unwrap_or_default(),
        cluster_arn: task.cluster_arn.unwrap_or_default(),
        task_definition_arn: task.task_definition_arn,
        started_by: task.started_by,
        group: task.group,
        last_status: status(task.last_status),
        desired_status: status(task.desired_status),
        stop_code: task.stop_code.map(|code| StopCode::from(code.as_str())),
        stopped_reason: task.stopped_reason,
        containers: task.containers.unwrap_or_default().into_iter().map(to_container).collect(),
        overrides: task.overrides.map(to_overrides).unwrap_or_default(),
        launch_type: task.launch_type.map(|launch| launch.as_str().to_owned()),
        capacity_provider_name: task.capacity_provider_name,
        availability_zone: task.availability_zone,
        cpu: task.cpu,
        memory: task.memory,
        ephemeral_storage: task.ephemeral_storage.and_then(to_storage),
        platform_family: task.platform_family,
        attributes: task.attributes.unwrap_or_default().into_iter().map(to_attribute).collect(),
        created_at: to_time(task.created_at),
        connectivity_at: to_time(task.connectivity_at),
        pull_started_at: to_time(task.pull_started_at),
        pull_stopped_at: to_time(task.pull_stopped_at),
        started_at: to_time(task.started_at),
        stopping_at: to_time(task.stopping_at),
        execution_stopped_at: to_time(task.execution_stopped_at),
        stopped_at: to_time(task.stopped_at),
    }
}

fn to_storage(storage: SdkStorage) -> Option<EphemeralStorage> {
    Some(EphemeralStorage { size_in_gib: u32::try_from(storage.size_in_gib).ok()? })
}

fn to_attribute(attribute: Attribute) -> NameValue {
    NameValue { name: attribute.name, value: attribute.value.unwrap_or_default() }
}

fn to_container(container: SdkContainer) -> Container {
    let status = container.last_status.as_deref();
    Container {
        name: container.name.unwrap_or_default(),
        last_status: status.map(LastStatus::from).unwrap_or_default(),
        exit_code: container.exit_code,
        reason: container.reason,
        image: container.image,
        image_digest: container.image_digest,
    }
}

fn to_overrides(overrides: SdkOverride) -> TaskOverride {
    let to_pair = |pair: KeyValuePair| NameValue {
        name: pair.name.unwrap_or_default(),
        value: pair.value.unwrap_or_default(),
    };
    let containers = overrides.container_overrides.unwrap_or_default().into_iter();
    TaskOverride {
        container_overrides: containers
            .map(|container| ContainerOverride {
                name: container.name.unwrap_or_default(),
                environment: container
                    .environment
                    .unwrap_or_default()
                    .into_iter()
                    .map(to_pair)
                    .collect(),
            })
            .collect(),
    }
}

/// ECS's seconds since 1970, in the milliseconds it means: as a floating-point number they are off
/// by some nanoseconds, and the same time would not equal the event's. A time that is none is a
/// time we do not have.
fn to_time(time: Option<DateTime>) -> Option<Timestamp> {
    let time = time?;
    let time = Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()?;
    time.round(Unit::Millisecond).ok()
}
