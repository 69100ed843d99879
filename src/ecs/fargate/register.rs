//! RegisterTaskDefinition, as the SDK spells it: what `TaskDefinition::to_register` says.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder;
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, CpuArchitecture, LogConfiguration, LogDriver, NetworkMode,
    OsFamily, RuntimePlatform, Secret,
};

use super::run_task::{to_pair, to_storage, to_tag};
use crate::jobs::{Architecture, Logs, TaskDefinition};

/// The call that makes a revision with these tags.
pub(super) fn call(
    client: &Client,
    definition: &TaskDefinition,
    tags: &BTreeMap<String, String>,
) -> Result<RegisterTaskDefinitionFluentBuilder, BuildError> {
    let platform = RuntimePlatform::builder()
        .cpu_architecture(match definition.architecture {
            Architecture::X86_64 => CpuArchitecture::X8664,
            Architecture::Arm64 => CpuArchitecture::Arm64,
        })
        .operating_system_family(OsFamily::Linux)
        .build();
    Ok(client
        .register_task_definition()
        .family(&definition.family)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu(definition.cpu.to_string())
        .memory(definition.memory.to_string())
        .set_ephemeral_storage(definition.ephemeral_storage.and_then(to_storage))
        .set_task_role_arn(definition.task_role_arn.clone())
        .set_execution_role_arn(definition.execution_role_arn.clone())
        .runtime_platform(platform)
        .container_definitions(container(definition)?)
        .set_tags(Some(tags.iter().map(to_tag).collect())))
}

fn container(definition: &TaskDefinition) -> Result<ContainerDefinition, BuildError> {
    let secret = |(name, arn)| Secret::builder().name(name).value_from(arn).build();
    let secrets: Vec<Secret> =
        definition.secrets.iter().map(secret).collect::<Result<_, BuildError>>()?;
    let logs = definition.logs.as_ref().map(|logs| awslogs(definition, logs)).transpose()?;
    let stop_timeout = definition.stop_timeout.and_then(|secs| i32::try_from(secs).ok());
    Ok(ContainerDefinition::builder()
        .name(&definition.container)
        .image(&definition.image)
        .essential(true)
        .set_memory(i32::try_from(definition.memory).ok())
        .set_entry_point(definition.entry_point.clone())
        .set_command(definition.command.clone())
        .set_environment(Some(definition.environment.iter().map(to_pair).collect()))
        .set_secrets((!secrets.is_empty()).then_some(secrets))
        .set_user(definition.user.clone())
        .set_working_directory(definition.working_directory.clone())
        .set_readonly_root_filesystem(definition.readonly_root_filesystem)
        .set_stop_timeout(stop_timeout)
        .set_log_configuration(logs)
        .build())
}

fn awslogs(definition: &TaskDefinition, logs: &Logs) -> Result<LogConfiguration, BuildError> {
    let mut configuration = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", &logs.group)
        .options("awslogs-stream-prefix", &definition.family);
    if let Some(region) = &logs.region {
        configuration = configuration.options("awslogs-region", region);
    }
    if logs.create {
        configuration = configuration.options("awslogs-create-group", "true");
    }
    configuration.build()
}
