//! `task-definition`, `container` and `cpu-memory`.

use super::Look;
use crate::diagnosis::evidence::Definition;
use crate::diagnosis::{Check, Finding};
use crate::jobs::fargate::check_size;

/// The checks that need the task definition.
pub(super) const CHECKS: [Check; 12] = [
    Check::TaskDefinition,
    Check::Container,
    Check::CpuMemory,
    Check::ExecutionRole,
    Check::ExecutionRolePermissions,
    Check::TaskRole,
    Check::PassRole,
    Check::Secrets,
    Check::Image,
    Check::ImagePlatform,
    Check::LogGroup,
    Check::Quota,
];

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    vec![usable(look, definition), container(look, definition), size(look, definition)]
}

fn usable(look: Look<'_>, definition: &Definition) -> Finding {
    let name = &definition.name;
    if !definition.active {
        return look.fail(
            Check::TaskDefinition,
            format!("{name} is not active"),
            "name an active revision in `task.taskDefinition`, or the family alone",
        );
    }
    if !definition.fargate {
        return look.fail(
            Check::TaskDefinition,
            format!("{name} was not made for Fargate"),
            "register it with --requires-compatibilities FARGATE --network-mode awsvpc",
        );
    }
    look.ok(Check::TaskDefinition, format!("{name} is active and made for Fargate"))
}

fn container(look: Look<'_>, definition: &Definition) -> Finding {
    let wanted = &look.subject.container;
    let names: Vec<&str> = definition.containers.iter().map(|c| c.name.as_str()).collect();
    if names.contains(&wanted.as_str()) {
        return look.ok(Check::Container, format!("{} has container {wanted}", definition.name));
    }
    look.fail(
        Check::Container,
        format!("{} has no container {wanted}, but {}", definition.name, names.join(", ")),
        format!("set task.container: {}", names.first().copied().unwrap_or("NAME")),
    )
}

fn size(look: Look<'_>, definition: &Definition) -> Finding {
    let (cpu, memory) = (definition.cpu, definition.memory);
    match check_size(cpu, memory) {
        Ok(()) => look.ok(Check::CpuMemory, format!("Fargate has cpu {cpu} with {memory} MiB")),
        Err(misfit) => look.fail(Check::CpuMemory, misfit.message, misfit.remedy),
    }
}
