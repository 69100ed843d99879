//! What RunTask is asked for, and what ECS would not take, in ECS's words where they are known.

use serde::Deserialize;
use serde_json::Value;

use super::definition::{Definition, Pair};
use super::wire::ApiError;
use crate::jobs::OVERRIDES_CHARS_MAX;

const COUNT_MAX: i64 = 10;
const TOKEN_CHARS_MAX: usize = 64;
const STARTED_BY_CHARS_MAX: usize = 128;
const SUBNETS_MAX: usize = 16;
const SECURITY_GROUPS_MAX: usize = 5;

/// RunTask's parameters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RunTask {
    pub(super) cluster: Option<String>,
    pub(super) task_definition: String,
    pub(super) count: Option<i64>,
    pub(super) client_token: Option<String>,
    pub(super) started_by: Option<String>,
    pub(super) group: Option<String>,
    pub(super) launch_type: Option<String>,
    pub(super) capacity_provider_strategy: Vec<StrategyItem>,
    network_configuration: Option<NetworkConfiguration>,
    pub(super) overrides: Overrides,
    pub(super) platform_version: Option<String>,
    #[serde(rename = "enableExecuteCommand")]
    pub(super) execute_command: bool,
    pub(super) propagate_tags: Option<String>,
}

/// One capacity provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct StrategyItem {
    capacity_provider: String,
    weight: i64,
    base: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NetworkConfiguration {
    awsvpc_configuration: Option<Awsvpc>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Awsvpc {
    subnets: Vec<String>,
    security_groups: Vec<String>,
}

/// `overrides`, as far as they matter here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Overrides {
    container_overrides: Vec<ContainerOverride>,
    pub(super) cpu: Option<String>,
    pub(super) memory: Option<String>,
    pub(super) ephemeral_storage: Option<Value>,
}

/// What is different for one container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerOverride {
    name: String,
    pub(super) command: Option<Vec<String>>,
    pub(super) environment: Vec<Pair>,
}

impl RunTask {
    /// What is wrong with it whatever the task definition says.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let refuse = |text: &str| Err(ApiError::invalid(text));
        if self.task_definition.is_empty() {
            return refuse("TaskDefinition can not be blank.");
        }
        if !(1..=COUNT_MAX).contains(&self.count.unwrap_or(1)) {
            return refuse("Count must be between 1 and 10.");
        }
        if let Some(token) = &self.client_token {
            if token.len() > TOKEN_CHARS_MAX {
                return refuse("clientToken longer than 64.");
            }
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return refuse("clientToken must be ASCII characters in the range of 33-126.");
            }
        }
        if let Some(started_by) = &self.started_by {
            if started_by.chars().count() > STARTED_BY_CHARS_MAX {
                return refuse("startedBy longer than 128.");
            }
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
            if !started_by.chars().all(allowed) {
                return refuse(
                    "startedBy can contain only letters, numbers, hyphens, forward slashes and \
                     underscores.",
                );
            }
        }
        if self.launch_type.is_some() && !self.capacity_provider_strategy.is_empty() {
            return refuse(
                "Specifying both a launch type and capacity provider strategy is not supported. \
                 Remove one and try again.",
            );
        }
        match self.launch_type.as_deref() {
            None | Some("FARGATE" | "EC2" | "EXTERNAL") => self.check_network(),
            Some(_) => refuse("Invalid launch type."),
        }
    }

    fn check_network(&self) -> Result<(), ApiError> {
        let Some(awsvpc) = self.awsvpc() else { return Ok(()) };
        let refuse = |text: &str| Err(ApiError::invalid(text));
        match (awsvpc.subnets.len(), awsvpc.security_groups.len()) {
            (0, _) => refuse("subnets can not be empty."),
            (1..=SUBNETS_MAX, 0..=SECURITY_GROUPS_MAX) => Ok(()),
            (1..=SUBNETS_MAX, _) => refuse("securityGroups can have at most 5 items."),
            _ => refuse("subnets can have at most 16 items."),
        }
    }

    /// What is wrong with it for this task definition. `overrides` is as it came.
    pub(super) fn check_for(
        &self,
        definition: &Definition,
        overrides: Option<&Value>,
    ) -> Result<(), ApiError> {
        let refuse = |text: String| Err(ApiError::invalid(text));
        match (definition.is_awsvpc(), self.awsvpc()) {
            (true, None) => {
                return refuse(
                    "Network Configuration must be provided when networkMode 'awsvpc' is \
                     specified."
                        .to_owned(),
                );
            }
            (false, Some(_)) => {
                return refuse(
                    "Network Configuration is not valid for the given networkMode of this task \
                     definition."
                        .to_owned(),
                );
            }
            (true, Some(_)) | (false, None) => {}
        }
        if self.is_for_fargate() && !definition.is_for_fargate() {
            return refuse("Task definition does not support launch_type FARGATE.".to_owned());
        }
        let unknown = self.overrides.container_overrides.iter().find(|wanted| {
            definition.container_definitions.iter().all(|there| there.name != wanted.name)
        });
        if let Some(unknown) = unknown {
            return refuse(format!(
                "Override for container named {} is not a container in the TaskDefinition.",
                unknown.name
            ));
        }
        let chars = overrides.map_or(0, |overrides| overrides.to_string().chars().count());
        if chars > OVERRIDES_CHARS_MAX {
            return refuse("Container Overrides length must be at most 8192".to_owned());
        }
        Ok(())
    }

    fn awsvpc(&self) -> Option<&Awsvpc> {
        self.network_configuration.as_ref()?.awsvpc_configuration.as_ref()
    }

    /// The subnet a task gets: the first.
    pub(super) fn subnet(&self) -> Option<&String> {
        self.awsvpc()?.subnets.first()
    }

    fn is_for_fargate(&self) -> bool {
        let provider = self.capacity_provider().unwrap_or_default();
        self.launch_type.as_deref() == Some("FARGATE") || provider.starts_with("FARGATE")
    }

    /// The capacity provider a task gets: that with a base, else that with the most weight.
    pub(super) fn capacity_provider(&self) -> Option<&str> {
        let items = self.capacity_provider_strategy.iter();
        // Of equals the first.
        let best = items.rev().max_by_key(|item| (item.base, item.weight))?;
        Some(&best.capacity_provider)
    }

    /// The launch type that ECS would tell.
    pub(super) fn launch_type_for(&self, definition: &Definition) -> &str {
        match self.launch_type.as_deref() {
            Some(launch_type) => launch_type,
            None if self.is_for_fargate() || definition.is_for_fargate() => "FARGATE",
            None => "EC2",
        }
    }

    /// What is different for this container.
    pub(super) fn override_of(&self, container: &str) -> ContainerOverride {
        let overrides = self.overrides.container_overrides.iter();
        overrides.filter(|wanted| wanted.name == container).cloned().next_back().unwrap_or_default()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn changed(mut good: Value, change: &Value) -> Map<String, Value> {
        let good = good.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            good.insert(name.clone(), value.clone());
        }
        good.retain(|_, value| !value.is_null());
        good.clone()
    }

    fn network(subnets: usize, groups: usize) -> Value {
        json!({ "awsvpcConfiguration": {
            "subnets": vec!["subnet-1"; subnets], "securityGroups": vec!["sg-1"; groups]
        } })
    }

    #[track_caller]
    fn check(change: Value, definition: Value, expected: &str) {
        let good = json!({
            "taskDefinition": "work",
            "launchType": "FARGATE",
            "networkConfiguration": network(1, 1),
        });
        let fargate = json!({
            "family": "work",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{ "name": "main", "image": "alpine" }],
        });
        let request = changed(good, &change);
        let definition = changed(fargate, &definition);
        let overrides = request.get("overrides").cloned();
        let request: RunTask = Deserialize::deserialize(json!(request)).unwrap();
        let definition: Definition = Deserialize::deserialize(json!(definition)).unwrap();
        let result =
            request.check().and_then(|()| request.check_for(&definition, overrides.as_ref()));
        let found = result.err().map(|error| error.to_json()).unwrap_or_default();
        let message = found["message"].as_str().unwrap_or_default();
        assert!(message.contains(expected), "{change}: {found}");
        assert_eq!(message.is_empty(), expected.is_empty(), "{change}: {found}");
        if !found.is_null() {
            assert_eq!(found["__type"], "InvalidParameterException");
        }
    }

    #[test]
    fn what_ecs_would_not_take_is_refused() {
        let none = || json!({});
        check(none(), none(), "");
        check(json!({ "taskDefinition": null }), none(), "can not be blank");
        check(json!({ "count": 10 }), none(), "");
        check(json!({ "count": 11 }), none(), "between 1 and 10");
        check(json!({ "count": 0 }), none(), "between 1 and 10");
        check(json!({ "clientToken": "!~".repeat(32) }), none(), "");
        check(json!({ "clientToken": "x".repeat(65) }), none(), "clientToken longer than 64");
        check(json!({ "clientToken": "a b" }), none(), "33-126");
        check(json!({ "clientToken": "ä" }), none(), "33-126");
        check(json!({ "clientToken": "" }), none(), "33-126");
        check(json!({ "startedBy": "a/B-9_".repeat(21) }), none(), "");
        check(json!({ "startedBy": "x".repeat(129) }), none(), "startedBy longer than 128");
        check(json!({ "startedBy": "a:b" }), none(), "startedBy can contain only");
        check(json!({ "launchType": "MOON" }), none(), "Invalid launch type");
        let spot = json!([{ "capacityProvider": "FARGATE_SPOT" }]);
        check(json!({ "capacityProviderStrategy": spot }), none(), "both a launch type");
        check(json!({ "capacityProviderStrategy": spot, "launchType": null }), none(), "");
        check(json!({ "networkConfiguration": null }), none(), "networkMode 'awsvpc'");
        check(json!({ "networkConfiguration": {} }), none(), "networkMode 'awsvpc'");
        check(json!({ "networkConfiguration": network(0, 0) }), none(), "subnets can not be empty");
        check(json!({ "networkConfiguration": network(16, 5) }), none(), "");
        check(json!({ "networkConfiguration": network(17, 0) }), none(), "at most 16");
        check(json!({ "networkConfiguration": network(1, 6) }), none(), "at most 5");
        check(none(), json!({ "networkMode": "bridge" }), "not valid for the given networkMode");
        check(none(), json!({ "requiresCompatibilities": ["EC2"] }), "launch_type FARGATE");
        let named = |name: &str, value: &str| {
            json!({ "overrides": { "containerOverrides": [
                { "name": name, "environment": [{ "name": "A", "value": value }] }
            ] } })
        };
        check(named("main", "x"), none(), "");
        check(named("other", "x"), none(), "container named other is not a container");
        check(named("main", &"x".repeat(8_200)), none(), "at most 8192");
    }

    #[test]
    fn the_capacity_provider_is_the_one_with_a_base_or_the_most_weight() {
        for (strategy, expected) in [
            (json!([]), None),
            (json!([{ "capacityProvider": "A" }, { "capacityProvider": "B" }]), Some("A")),
            (
                json!([{ "capacityProvider": "A", "weight": 1 }, { "capacityProvider": "B", "weight": 2 }]),
                Some("B"),
            ),
            (
                json!([{ "capacityProvider": "A", "base": 1 }, { "capacityProvider": "B", "weight": 2 }]),
                Some("A"),
            ),
        ] {
            let request: RunTask =
                Deserialize::deserialize(json!({ "capacityProviderStrategy": strategy })).unwrap();
            assert_eq!(request.capacity_provider(), expected, "{strategy}");
        }
    }
}
