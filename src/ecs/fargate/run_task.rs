//! RunTask, as the SDK spells it. What is sent is what `explain` shows, with the subnets, groups
//! and the revision that were looked up.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::operation::run_task::RunTaskOutput;
use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride,
    EphemeralStorage, KeyValuePair, LaunchType, NetworkConfiguration, PropagateTags, Tag,
    TaskOverride,
};

use crate::ecs::RunTaskError;
use crate::identity::ClientToken;
use crate::jobs::{Capacity, TaskRequest};
use crate::network::Awsvpc;

/// The call that starts one task.
pub(super) fn call(
    client: &Client,
    request: &TaskRequest,
    token: &ClientToken,
    definition: &str,
    awsvpc: Option<Awsvpc>,
) -> Result<RunTaskFluentBuilder, BuildError> {
    let call = client
        .run_task()
        .cluster(&request.cluster)
        .task_definition(definition)
        .count(1)
        .started_by(&request.started_by)
        .client_token(token.as_str())
        .set_platform_version(request.platform_version.clone())
        .set_network_configuration(awsvpc.map(to_network).transpose()?)
        .enable_execute_command(request.enable_execute_command)
        .propagate_tags(PropagateTags::TaskDefinition)
        .set_tags(Some(request.tags.iter().map(to_tag).collect()))
        .overrides(to_overrides(request));
    Ok(match request.capacity {
        Some(capacity) => call.capacity_provider_strategy(to_strategy(capacity)?),
        None => call.launch_type(LaunchType::Fargate),
    })
}

/// The task that ECS answered with.
pub(super) fn task_of(answer: &RunTaskOutput) -> Result<String, RunTaskError> {
    if let Some(task) = answer.tasks().first().and_then(|task| task.task_arn()) {
        return Ok(task.to_owned());
    }
    match answer.failures().first() {
        Some(failure) => {
            let reason = failure.reason().unwrap_or("no reason given");
            let detail = failure.detail().map(|detail| format!(" ({detail})"));
            Err(RunTaskError::Refused(format!("{reason}{}", detail.unwrap_or_default())))
        }
        None => Err(RunTaskError::Unknown("the answer names no task and no failure".to_owned())),
    }
}

fn to_overrides(request: &TaskRequest) -> TaskOverride {
    let environment = request.environment.iter().map(to_pair).collect();
    let container = ContainerOverride::builder()
        .name(&request.container)
        .set_command(request.command.clone())
        .set_environment(Some(environment))
        .build();
    let changes = &request.changes;
    TaskOverride::builder()
        .container_overrides(container)
        .set_cpu(changes.cpu.map(|cpu| cpu.to_string()))
        .set_memory(changes.memory.map(|memory| memory.to_string()))
        .set_ephemeral_storage(changes.ephemeral_storage.and_then(to_storage))
        .set_task_role_arn(changes.task_role_arn.clone())
        .set_execution_role_arn(changes.execution_role_arn.clone())
        .build()
}

fn to_network(awsvpc: Awsvpc) -> Result<NetworkConfiguration, BuildError> {
    let public = match awsvpc.assign_public_ip {
        true => AssignPublicIp::Enabled,
        false => AssignPublicIp::Disabled,
    };
    let some = |ids: Vec<String>| (!ids.is_empty()).then_some(ids);
    let awsvpc = AwsVpcConfiguration::builder()
        .set_subnets(some(awsvpc.subnets))
        .set_security_groups(some(awsvpc.security_groups))
        .assign_public_ip(public)
        .build()?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(awsvpc).build())
}

pub(super) fn to_storage(gib: u32) -> Option<EphemeralStorage> {
    Some(EphemeralStorage::builder().size_in_gib(i32::try_from(gib).ok()?).build())
}

fn to_strategy(capacity: Capacity) -> Result<CapacityProviderStrategyItem, BuildError> {
    let provider = capacity.as_str();
    CapacityProviderStrategyItem::builder().capacity_provider(provider).weight(1).build()
}

pub(super) fn to_pair((name, value): (&String, &String)) -> KeyValuePair {
    KeyValuePair::builder().name(name).value(value).build()
}

pub(super) fn to_tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}
