//! Requests as ECS spells them: in its JSON, with its names.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Changes, TaskDefinition, TaskRequest, TaskSource};
use crate::identity::ClientToken;
use crate::jobs::{Logs, Network};

impl TaskRequest {
    /// `overrides` in ECS's own JSON.
    pub fn overrides(&self) -> Value {
        let environment: Vec<Value> = self.environment.iter().map(name_value).collect();
        let mut container = Map::new();
        container.insert("name".to_owned(), json!(self.container));
        if let Some(command) = &self.command {
            container.insert("command".to_owned(), json!(command));
        }
        container.insert("environment".to_owned(), json!(environment));
        let mut overrides = Map::new();
        overrides.insert("containerOverrides".to_owned(), json!([container]));
        let Changes { cpu, memory, ephemeral_storage, task_role_arn, execution_role_arn } =
            &self.changes;
        insert(&mut overrides, "cpu", cpu.map(|cpu| cpu.to_string()));
        insert(&mut overrides, "memory", memory.map(|memory| memory.to_string()));
        let storage = ephemeral_storage.map(|gib| json!({ "sizeInGiB": gib }));
        insert(&mut overrides, "ephemeralStorage", storage);
        insert(&mut overrides, "taskRoleArn", task_role_arn.as_ref());
        insert(&mut overrides, "executionRoleArn", execution_role_arn.as_ref());
        Value::Object(overrides)
    }

    /// What ECS will count against its limit.
    pub fn overrides_chars(&self) -> usize {
        self.overrides().to_string().chars().count()
    }

    /// The request in ECS's own JSON. Subnets and groups that are found by tags or name are not in
    /// it: they are looked up when the task is launched.
    pub fn to_run_task(&self, token: &ClientToken) -> Value {
        let mut request = Map::new();
        insert(&mut request, "cluster", Some(&self.cluster));
        let definition = match &self.source {
            TaskSource::Registered(family) => family,
            TaskSource::Inline(definition) => &definition.family,
        };
        insert(&mut request, "taskDefinition", Some(definition));
        insert(&mut request, "count", Some(1));
        insert(&mut request, "startedBy", Some(&self.started_by));
        insert(&mut request, "clientToken", Some(token.as_str()));
        match self.capacity {
            Some(capacity) => {
                let strategy = json!([{ "capacityProvider": capacity, "weight": 1, "base": 0 }]);
                insert(&mut request, "capacityProviderStrategy", Some(strategy));
            }
            None => insert(&mut request, "launchType", Some("FARGATE")),
        }
        insert(&mut request, "platformVersion", self.platform_version.as_ref());
        insert(&mut request, "networkConfiguration", self.network.as_ref().map(to_awsvpc));
        insert(&mut request, "enableExecuteCommand", Some(self.enable_execute_command));
        // The tags of a family that others registered, for who pays, say.
        insert(&mut request, "propagateTags", Some("TASK_DEFINITION"));
        let tags: Vec<Value> =
            self.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        insert(&mut request, "tags", Some(tags));
        insert(&mut request, "overrides", Some(self.overrides()));
        Value::Object(request)
    }
}

impl TaskDefinition {
    /// The RegisterTaskDefinition request in ECS's own JSON.
    pub fn to_register(&self) -> Value {
        let mut container = Map::new();
        insert(&mut container, "name", Some(&self.container));
        insert(&mut container, "image", Some(&self.image));
        insert(&mut container, "essential", Some(true));
        // The only container may use all of the task's memory, and sees that as its own limit:
        // without it, programs that size themselves by their container's limit find none.
        insert(&mut container, "memory", Some(self.memory));
        // Of the task's cpu units none are set aside for it.
        insert(&mut container, "cpu", Some(0));
        insert(&mut container, "entryPoint", self.entry_point.as_ref());
        insert(&mut container, "command", self.command.as_ref());
        let environment: Vec<Value> = self.environment.iter().map(name_value).collect();
        insert(&mut container, "environment", Some(environment));
        let secrets: Vec<Value> = self
            .secrets
            .iter()
            .map(|(name, arn)| json!({ "name": name, "valueFrom": arn }))
            .collect();
        insert(&mut container, "secrets", (!secrets.is_empty()).then_some(secrets));
        insert(&mut container, "user", self.user.as_ref());
        insert(&mut container, "workingDirectory", self.working_directory.as_ref());
        insert(&mut container, "readonlyRootFilesystem", self.readonly_root_filesystem);
        insert(&mut container, "stopTimeout", self.stop_timeout);
        insert(&mut container, "logConfiguration", self.logs.as_ref().map(|l| self.awslogs(l)));
        let mut request = Map::new();
        insert(&mut request, "family", Some(&self.family));
        insert(&mut request, "requiresCompatibilities", Some(["FARGATE"]));
        insert(&mut request, "networkMode", Some("awsvpc"));
        insert(&mut request, "cpu", Some(self.cpu.to_string()));
        insert(&mut request, "memory", Some(self.memory.to_string()));
        let storage = self.ephemeral_storage.map(|gib| json!({ "sizeInGiB": gib }));
        insert(&mut request, "ephemeralStorage", storage);
        insert(&mut request, "taskRoleArn", self.task_role_arn.as_ref());
        insert(&mut request, "executionRoleArn", self.execution_role_arn.as_ref());
        let platform =
            json!({ "cpuArchitecture": self.architecture, "operatingSystemFamily": "LINUX" });
        insert(&mut request, "runtimePlatform", Some(platform));
        insert(&mut request, "containerDefinitions", Some([container]));
        Value::Object(request)
    }

    fn awslogs(&self, logs: &Logs) -> Value {
        let mut options = Map::new();
        insert(&mut options, "awslogs-group", Some(&logs.group));
        insert(&mut options, "awslogs-region", logs.region.as_ref());
        insert(&mut options, "awslogs-stream-prefix", Some(&self.family));
        insert(&mut options, "awslogs-create-group", logs.create.then_some("true"));
        json!({ "logDriver": "awslogs", "options": options })
    }
}

/// Sets what is there; ECS wants what is not there to be absent.
fn insert(map: &mut Map<String, Value>, name: &str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), json!(value));
    }
}

fn name_value((name, value): (&String, &String)) -> Value {
    json!({ "name": name, "value": value })
}

fn to_awsvpc(network: &Network) -> Value {
    let mut awsvpc = Map::new();
    let ids = |ids: &Vec<String>| (!ids.is_empty()).then(|| ids.clone());
    insert(&mut awsvpc, "subnets", ids(&network.subnets));
    insert(&mut awsvpc, "securityGroups", ids(&network.security_groups));
    let public = if network.assign_public_ip { "ENABLED" } else { "DISABLED" };
    insert(&mut awsvpc, "assignPublicIp", Some(public));
    json!({ "awsvpcConfiguration": awsvpc })
}
