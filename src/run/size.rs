//! What a task was given: what it costs follows from that, and where its log is. A task definition
//! that others registered is known by its name alone; ECS tells the rest.

use serde::{Deserialize, Serialize};

use crate::event::TaskState;
use crate::jobs::Architecture;

/// ECS's attribute with the architecture, in small letters.
const ARCHITECTURE: &str = "ecs.cpu-architecture";

/// What a task was given, as ECS has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Size {
    /// The task definition, as family and revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// ECS cpu units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<u32>,
    /// What its processor is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// ECS's word for a Windows; nothing for Linux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<String>,
}

impl Size {
    /// What a task state says; `None` if it says nothing of it.
    pub fn of(state: &TaskState) -> Option<Self> {
        let number = |text: &Option<String>| text.as_ref()?.trim().parse().ok();
        let definition = state.task_definition_arn.as_deref();
        let is_windows = |family: &&String| family.to_ascii_lowercase().starts_with("windows");
        let size = Self {
            task_definition: definition.and_then(|arn| arn.rsplit('/').next()).map(str::to_owned),
            cpu: number(&state.cpu),
            memory: number(&state.memory),
            ephemeral_storage: state.ephemeral_storage.map(|storage| storage.size_in_gib),
            architecture: architecture(state),
            windows: state.platform_family.as_ref().filter(is_windows).cloned(),
        };
        (size != Self::default()).then_some(size)
    }
}

fn architecture(state: &TaskState) -> Option<Architecture> {
    let attribute = state.attributes.iter().find(|attribute| attribute.name == ARCHITECTURE)?;
    match attribute.value.to_ascii_lowercase().as_str() {
        "x86_64" => Some(Architecture::X86_64),
        "arm64" => Some(Architecture::Arm64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_task_was_given_is_read_from_its_state() {
        let state = |value| serde_json::from_value::<TaskState>(value);
        let full = state(json!({
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/thumbs:7",
            "cpu": "256",
            "memory": "512",
            "ephemeralStorage": { "sizeInGiB": 30 },
            "platformFamily": "Linux",
            "attributes": [
                { "name": "ecs.capability.x" },
                { "name": "ecs.cpu-architecture", "value": "arm64" },
            ],
        }));
        let expected = Size {
            task_definition: Some("thumbs:7".to_owned()),
            cpu: Some(256),
            memory: Some(512),
            ephemeral_storage: Some(30),
            architecture: Some(Architecture::Arm64),
            windows: None,
        };
        assert_eq!(full.ok().and_then(|state| Size::of(&state)), Some(expected));
        let windows = state(json!({ "platformFamily": "Windows_Server_2022_Core" }));
        let size = windows.ok().and_then(|state| Size::of(&state));
        assert_eq!(size.and_then(|size| size.windows), Some("Windows_Server_2022_Core".to_owned()));
        assert_eq!(state(json!({ "cpu": "many" })).ok().and_then(|state| Size::of(&state)), None);
    }

    #[test]
    fn a_state_is_read_whatever_it_says_of_the_size() {
        for odd in [
            json!({ "attributes": null }),
            json!({ "attributes": [{ "name": "ecs.cpu-architecture", "value": null }] }),
            json!({ "ephemeralStorage": { "sizeInGiB": 20.5 } }),
            json!({ "ephemeralStorage": { "sizeInGiB": null } }),
            json!({ "platformFamily": 7 }),
        ] {
            let state = serde_json::from_value::<TaskState>(odd.clone());
            assert_eq!(state.as_ref().ok(), Some(&TaskState::default()), "{odd}: {state:?}");
        }
    }
}
