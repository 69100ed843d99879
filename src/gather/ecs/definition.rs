//! A registered task definition, as far as starting a task depends on it.

use aws_sdk_ecs::types::{
    Compatibility, CpuArchitecture, LogDriver, TaskDefinition, TaskDefinitionStatus,
};

use crate::diagnosis::evidence::{ContainerDefinition, Definition, LogTarget};

pub(super) fn to_definition(found: TaskDefinition, here: &str) -> Definition {
    let family = found.family.unwrap_or_default();
    let platform = found.runtime_platform.as_ref();
    let is_arm = platform.is_some_and(|it| it.cpu_architecture == Some(CpuArchitecture::Arm64));
    let system = platform.and_then(|it| it.operating_system_family.as_ref());
    let compatible = found.compatibilities.or(found.requires_compatibilities).unwrap_or_default();
    let containers = found.container_definitions.unwrap_or_default().into_iter();
    Definition {
        name: format!("{family}:{}", found.revision),
        active: found.status.is_none_or(|status| status == TaskDefinitionStatus::Active),
        fargate: compatible.contains(&Compatibility::Fargate),
        cpu: units(found.cpu.as_deref()),
        memory: units(found.memory.as_deref()),
        architecture: if is_arm { "ARM64" } else { "X86_64" }.to_owned(),
        windows: system.is_some_and(|system| system.as_str().starts_with("WINDOWS")),
        execution_role: found.execution_role_arn,
        task_role: found.task_role_arn,
        containers: containers.map(|container| to_container(container, here)).collect(),
    }
}

fn to_container(
    container: aws_sdk_ecs::types::ContainerDefinition,
    here: &str,
) -> ContainerDefinition {
    let log = container.log_configuration;
    let of_log = log.as_ref().and_then(|log| log.secret_options.clone()).unwrap_or_default();
    let logs = log.filter(|logs| logs.log_driver == LogDriver::Awslogs);
    let mut options = logs.and_then(|logs| logs.options).unwrap_or_default();
    let secrets = container.secrets.unwrap_or_default().into_iter().chain(of_log);
    // Those of a registry may be named without the rest of their ARN.
    let of_registry = container.repository_credentials.map(|it| it.credentials_parameter);
    let of_registry = of_registry.filter(|secret| secret.starts_with("arn:"));
    ContainerDefinition {
        name: container.name.unwrap_or_default(),
        image: container.image.unwrap_or_default(),
        secrets: secrets.map(|secret| secret.value_from).chain(of_registry).collect(),
        logs: options.remove("awslogs-group").map(|group| LogTarget {
            group,
            region: options.remove("awslogs-region").unwrap_or_else(|| here.to_owned()),
            create: options.remove("awslogs-create-group").as_deref() == Some("true"),
        }),
    }
}

/// ECS units or MiB. ECS keeps numbers, whichever way they were written.
fn units(text: Option<&str>) -> u32 {
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
