//! Requests as ECS spells them: in its JSON, with its names.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Changes, TaskDefinition, TaskRequest};
use crate::identity::ClientToken;
use crate::jobs::{Logs, Network};

impl TaskRequest {
    /// `overrides` in ECS's own JSON.
    pub fn overrides(&self) -> Value {
        json!(Overrides::of(self))
    }

    /// What ECS will count against its limit.
    pub fn overrides_chars(&self) -> usize {
        let mut chars = Chars(0);
        // Nothing in it can fail to be written, and counting does not fail.
        serde_json::to_writer(&mut chars, &Overrides::of(self)).map_or(usize::MAX, |()| chars.0)
    }

    /// The request in ECS's own JSON. Subnets and groups that are found by tags or name are not in
    /// it: they are looked up when the task is launched.
    pub fn to_run_task(&self, token: &ClientToken) -> Value {
        let mut request = Map::new();
        insert(&mut request, "cluster", Some(&self.cluster));
        insert(&mut request, "taskDefinition", Some(self.source.family()));
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

/// What of a task definition a request changes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overrides<'a> {
    container_overrides: [ContainerOverride<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral_storage: Option<EphemeralStorage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_role_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_role_arn: Option<&'a str>,
}

#[derive(Serialize)]
struct ContainerOverride<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a [String]>,
    environment: Vec<Variable<'a>>,
}

#[derive(Serialize)]
struct Variable<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct EphemeralStorage {
    #[serde(rename = "sizeInGiB")]
    size: u32,
}

impl<'a> Overrides<'a> {
    fn of(request: &'a TaskRequest) -> Self {
        let Changes { cpu, memory, ephemeral_storage, task_role_arn, execution_role_arn } =
            &request.changes;
        let container = ContainerOverride {
            name: &request.container,
            command: request.command.as_deref(),
            environment: variables(&request.environment),
        };
        Self {
            container_overrides: [container],
            cpu: cpu.map(|cpu| cpu.to_string()),
            memory: memory.map(|memory| memory.to_string()),
            ephemeral_storage: ephemeral_storage.map(|size| EphemeralStorage { size }),
            task_role_arn: task_role_arn.as_deref(),
            execution_role_arn: execution_role_arn.as_deref(),
        }
    }
}

fn variables(environment: &BTreeMap<String, String>) -> Vec<Variable<'_>> {
    environment.iter().map(|(name, value)| Variable { name, value }).collect()
}

/// Counts the characters of what is written as UTF-8.
struct Chars(usize);

impl io::Write for Chars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_first = |byte: &&u8| (**byte & 0b1100_0000) != 0b1000_0000;
        self.0 += bytes.iter().filter(is_first).count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
        insert(&mut container, "environment", Some(variables(&self.environment)));
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
        let storage = self.ephemeral_storage.map(|size| EphemeralStorage { size });
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

fn to_awsvpc(network: &Network) -> Value {
    let mut awsvpc = Map::new();
    let ids = |ids: &Vec<String>| (!ids.is_empty()).then(|| ids.clone());
    insert(&mut awsvpc, "subnets", ids(&network.subnets));
    insert(&mut awsvpc, "securityGroups", ids(&network.security_groups));
    let public = if network.assign_public_ip { "ENABLED" } else { "DISABLED" };
    insert(&mut awsvpc, "assignPublicIp", Some(public));
    json!({ "awsvpcConfiguration": awsvpc })
}
