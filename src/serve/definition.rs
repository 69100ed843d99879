//! What a task definition says, as far as a task here needs it, and what ECS would not register.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::ApiError;
use crate::jobs::fargate::check_size;
use crate::jobs::{Architecture, TaskDefinition};

/// Characters of a family's or a container's name at most.
const NAME_CHARS_MAX: usize = 255;

/// A task definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Definition {
    pub(super) family: String,
    pub(super) network_mode: Option<String>,
    pub(super) cpu: Option<String>,
    pub(super) memory: Option<String>,
    pub(super) requires_compatibilities: Vec<String>,
    pub(super) runtime_platform: Platform,
    pub(super) container_definitions: Vec<Container>,
    pub(super) ephemeral_storage: Option<Value>,
}

/// What it must run on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Platform {
    pub(super) cpu_architecture: Option<String>,
}

/// A container in it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) cpu: u32,
    pub(super) memory: Option<u32>,
    pub(super) memory_reservation: Option<u32>,
    entry_point: Option<Vec<String>>,
    command: Option<Vec<String>>,
    environment: Vec<Pair>,
    secrets: Vec<Secret>,
    user: Option<String>,
    working_directory: Option<String>,
    readonly_root_filesystem: Option<bool>,
    stop_timeout: Option<u64>,
}

/// A variable.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Secret {
    name: String,
    value_from: String,
}

impl Definition {
    /// Whether it is for Fargate.
    pub(super) fn is_for_fargate(&self) -> bool {
        self.requires_compatibilities.iter().any(|name| name == "FARGATE")
    }

    /// Whether its tasks have a network interface of their own.
    pub(super) fn is_awsvpc(&self) -> bool {
        self.network_mode.as_deref() == Some("awsvpc")
    }

    /// `compatibilities`, which ECS finds out.
    pub(super) fn compatibilities(&self) -> Value {
        match self.is_for_fargate() {
            true => json!(["EC2", "FARGATE"]),
            false => json!(["EC2"]),
        }
    }

    /// What ECS would not register.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let refuse = |text: &str| Err(ApiError::Client(text.to_owned()));
        if !is_name(&self.family) {
            return refuse("Family must be 1 to 255 letters, numbers, hyphens and underscores.");
        }
        if self.container_definitions.is_empty() {
            return refuse("Container definitions list cannot be empty.");
        }
        for container in &self.container_definitions {
            if container.name.is_empty() {
                return refuse("Container.name should not be null or empty.");
            }
            if !is_name(&container.name) {
                return refuse(
                    "Container.name must be 1 to 255 letters, numbers, hyphens and underscores.",
                );
            }
            if container.image.is_empty() || container.image.contains(char::is_whitespace) {
                return refuse("Container.image should not be null, empty or contain white space.");
            }
        }
        if self.is_for_fargate() { self.check_fargate() } else { Ok(()) }
    }

    fn check_fargate(&self) -> Result<(), ApiError> {
        let refuse = |text: String| Err(ApiError::Client(text));
        if !self.is_awsvpc() {
            return refuse("Fargate only supports network mode ‘awsvpc’.".to_owned());
        }
        for (name, value) in [("cpu", &self.cpu), ("memory", &self.memory)] {
            if value.is_none() {
                return refuse(format!(
                    "Fargate requires that '{name}' be defined at the task level."
                ));
            }
        }
        let (cpu, memory) = (units(self.cpu.as_deref()), units(self.memory.as_deref()));
        match (cpu, memory) {
            (Some(cpu), Some(memory)) if check_size(cpu, memory).is_ok() => Ok(()),
            _ => refuse(format!(
                "No Fargate configuration exists for given values: {} CPU, {} memory. See the \
                 Amazon ECS documentation for the valid values.",
                self.cpu.as_deref().unwrap_or_default(),
                self.memory.as_deref().unwrap_or_default()
            )),
        }
    }

    /// The one container of a task here.
    pub(super) fn only_container(&self) -> Result<&Container, ApiError> {
        match self.container_definitions.as_slice() {
            [only] => Ok(only),
            several => {
                let names: Vec<&str> = several.iter().map(|c| c.name.as_str()).collect();
                Err(ApiError::Client(format!(
                    "longshore runs one container a task, and the task definition {} has {} ({}): \
                     register one without the others to run it here",
                    self.family,
                    several.len(),
                    names.join(", ")
                )))
            }
        }
    }

    /// The task definition as the local ECS runs it, with these sizes.
    pub(super) fn to_run(&self, container: &Container, cpu: u32, memory: u32) -> TaskDefinition {
        let arm = self.runtime_platform.cpu_architecture.as_deref() == Some("ARM64");
        let environment = container.environment.iter();
        let secrets = container.secrets.iter();
        TaskDefinition {
            family: self.family.clone(),
            container: container.name.clone(),
            image: container.image.clone(),
            entry_point: container.entry_point.clone(),
            command: container.command.clone(),
            environment: environment.map(|pair| (pair.name.clone(), pair.value.clone())).collect(),
            secrets: secrets
                .map(|s| (s.name.clone(), s.value_from.clone()))
                .collect::<BTreeMap<_, _>>(),
            cpu,
            memory,
            ephemeral_storage: None,
            task_role_arn: None,
            execution_role_arn: None,
            architecture: if arm { Architecture::Arm64 } else { Architecture::X86_64 },
            user: container.user.clone(),
            working_directory: container.working_directory.clone(),
            readonly_root_filesystem: container.readonly_root_filesystem,
            stop_timeout: container.stop_timeout,
            logs: None,
        }
    }
}

/// What ECS says of a container where its definition says nothing.
pub(super) fn add_defaults(container: &mut Value) {
    let Some(container) = container.as_object_mut() else { return };
    for name in ["environment", "mountPoints", "portMappings", "systemControls", "volumesFrom"] {
        container.entry(name).or_insert(json!([]));
    }
    container.entry("cpu").or_insert(json!(0));
    container.entry("essential").or_insert(json!(true));
}

/// CPU units or MiB: `256`, `.25 vCPU`, `1 vCPU`, `2 GB`.
pub(super) fn units(text: Option<&str>) -> Option<u32> {
    let text = text?.trim().to_ascii_lowercase();
    let thousands = text.strip_suffix("vcpu").or(text.strip_suffix("gb"));
    let Some(thousands) = thousands else { return text.parse().ok() };
    let number: f64 = thousands.trim().parse().ok()?;
    let units = number * 1024.0;
    let fits = units.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&units);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it fits")]
    fits.then_some(units as u32)
}

fn is_name(text: &str) -> bool {
    let fits = (1..=NAME_CHARS_MAX).contains(&text.len());
    fits && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_ecs_writes_them() {
        for (text, expected) in [
            ("256", Some(256)),
            (".25 vCPU", Some(256)),
            ("1 vcpu", Some(1024)),
            ("2GB", Some(2048)),
            ("0.5 GB", Some(512)),
            ("", None),
            ("-1 GB", None),
            ("nan GB", None),
            ("1e300 GB", None),
            ("much", None),
        ] {
            assert_eq!(units(Some(text)), expected, "{text}");
        }
        assert_eq!(units(None), None);
    }

    #[test]
    fn what_ecs_would_not_register_is_refused() {
        let good = json!({
            "family": "work",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{ "name": "main", "image": "alpine" }],
        });
        let check = |change: Value, expected: &str| {
            let mut definition = good.clone();
            let (change, definition) =
                (change.as_object().unwrap(), definition.as_object_mut().unwrap());
            for (name, value) in change {
                definition.insert(name.clone(), value.clone());
            }
            definition.retain(|_, value| !value.is_null());
            let definition: Definition = Deserialize::deserialize(json!(definition)).unwrap();
            let found = definition.check().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(found.contains(expected), "{change:?}: {found}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{change:?}: {found}");
        };
        check(json!({}), "");
        check(json!({ "networkMode": "bridge", "requiresCompatibilities": [] }), "");
        check(json!({ "family": "" }), "Family must be");
        check(json!({ "family": "a:1" }), "Family must be");
        check(json!({ "family": "a".repeat(256) }), "Family must be");
        check(json!({ "containerDefinitions": [] }), "cannot be empty");
        check(json!({ "containerDefinitions": [{ "image": "a" }] }), "should not be null or empty");
        check(
            json!({ "containerDefinitions": [{ "name": "a b", "image": "a" }] }),
            "Container.name",
        );
        check(json!({ "containerDefinitions": [{ "name": "a" }] }), "Container.image");
        check(json!({ "networkMode": "bridge" }), "only supports network mode");
        check(json!({ "cpu": null }), "'cpu' be defined");
        check(json!({ "memory": null }), "'memory' be defined");
        check(json!({ "memory": "600" }), "256 CPU, 600 memory");
        check(json!({ "cpu": "x" }), "No Fargate configuration");
    }
}
