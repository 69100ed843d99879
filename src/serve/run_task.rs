//! RunTask: the token looked up, the tasks accepted and the answer kept in one transaction, so that
//! a token that many ask with at once starts its tasks once.

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::definition::{Container, Definition, units};
use super::definitions::{self, Kept};
use super::faults::Failing;
use super::request::RunTask;
use super::shape::{self, Frame, Interface};
use super::tokens::{self, Claim, Known};
use super::wire::{ApiError, Parameters, Tag, read};
use super::{Server, cluster_name, tags};
use crate::ecs::local::served::{NewTask, new_arn};
use crate::ecs::local::{Runtime, provisioning};
use crate::jobs::{Changes, TaskRequest, TaskSource};

impl Server {
    /// RunTask. `failing` is a fault that was asked for: failures are answered, whatever starts.
    pub(super) fn run_task(
        &self,
        parameters: &Parameters,
        failing: Option<&Failing>,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let request: RunTask = read(parameters)?;
        // A list would do for a structure that has defaults.
        if parameters.get("overrides").is_some_and(|overrides| !overrides.is_object()) {
            return Err(ApiError::Serialization("overrides must be an object".to_owned()));
        }
        request.check()?;
        let tags = tags::read(parameters.get("tags"))?;
        let cluster = cluster_name(request.cluster.as_deref());
        let claim = request.client_token.as_deref().map(|token| Claim {
            cluster: &cluster,
            token,
            parameters: tokens::fingerprint(parameters, &cluster),
        });
        let (answer, started) = self.change(|sqlite| {
            if let Some(claim) = &claim {
                match tokens::look_up(sqlite, claim, self.remember, now)? {
                    Known::Answered(answer) => return Ok((answer, Vec::new())),
                    Known::Conflict(conflict) => return Err(conflict),
                    Known::New => {}
                }
            }
            let kept = definitions::to_run(sqlite, &request.task_definition)?;
            let plan = Plan { request: &request, parameters, cluster: &cluster, kept: &kept, now };
            let (answer, started) = self.start_tasks(sqlite, &plan, &tags, failing)?;
            if let Some(claim) = &claim {
                tokens::keep(sqlite, claim, &started, &answer, now)?;
            }
            Ok((answer, started))
        })?;
        for task in &started {
            self.ecs.start(task, now);
        }
        Ok(answer)
    }

    /// Accepts the tasks; the answer, and what was accepted.
    fn start_tasks(
        &self,
        sqlite: &Connection,
        plan: &Plan<'_>,
        given: &[Tag],
        failing: Option<&Failing>,
    ) -> Result<(Value, Vec<String>), ApiError> {
        let definition = plan.kept.definition()?;
        plan.request.check_for(&definition, plan.parameters.get("overrides"))?;
        let container = definition.only_container()?;
        let count = plan.request.count.unwrap_or(1);
        let mut started = Vec::new();
        let mut tasks = Vec::new();
        if failing.is_none_or(|failing| failing.lying) {
            for _ in 0..count {
                let (task, frame) = plan.task(&definition, container);
                self.check_runtime(&task, &container.name)?;
                self.ecs.accept(sqlite, &task, plan.now)?;
                let arn = task.state.task_arn.clone();
                if plan.request.propagate_tags.as_deref() == Some("TASK_DEFINITION") {
                    tags::copy(sqlite, &plan.kept.arn(), &arn)?;
                }
                tags::put(sqlite, &arn, given)?;
                tasks.push(shape::accepted(&task.state, &frame, tags::of(sqlite, &arn)?));
                started.push(arn);
            }
        }
        let answer = match failing {
            None => json!({ "tasks": tasks, "failures": [] }),
            Some(failing) => {
                let failures: Vec<Value> = (0..count).map(|_| failing.to_json()).collect();
                json!({ "tasks": [], "failures": failures })
            }
        };
        Ok((answer, started))
    }

    /// What can be run only as a container.
    fn check_runtime(&self, task: &NewTask, container: &str) -> Result<(), ApiError> {
        let TaskSource::Inline(definition) = &task.request.source else { return Ok(()) };
        let command = task.request.command.as_ref().or(definition.command.as_ref());
        let words = |words: Option<&Vec<String>>| words.is_some_and(|words| !words.is_empty());
        if self.ecs.runtime() == Runtime::Process
            && !words(command)
            && !words(definition.entry_point.as_ref())
        {
            return Err(ApiError::Client(format!(
                "the container {container} has no command, and the one in its image is not known \
                 to longshore, which runs tasks as processes here: give it a command, or serve \
                 with --runtime docker"
            )));
        }
        Ok(())
    }
}

/// What the tasks of one call have in common.
struct Plan<'a> {
    request: &'a RunTask,
    parameters: &'a Parameters,
    cluster: &'a str,
    kept: &'a Kept,
    now: Timestamp,
}

impl Plan<'_> {
    fn task(&self, definition: &Definition, container: &Container) -> (NewTask, Frame) {
        let request = self.task_request(definition, container);
        let mut state = provisioning(&request, &new_arn(self.cluster), self.now);
        let overrides = &self.request.overrides;
        state.task_definition_arn = Some(self.kept.arn());
        state.started_by.clone_from(&self.request.started_by);
        let family = || format!("family:{}", self.kept.family);
        state.group = Some(self.request.group.clone().unwrap_or_else(family));
        state.launch_type = Some(self.request.launch_type_for(definition).to_owned());
        state.capacity_provider_name = self.request.capacity_provider().map(str::to_owned);
        state.cpu = overrides.cpu.clone().or_else(|| definition.cpu.clone());
        state.memory = overrides.memory.clone().or_else(|| definition.memory.clone());
        let frame = self.frame(definition, container);
        let kept = json!(frame).to_string();
        (NewTask { request, state, frame: kept }, frame)
    }

    /// The request as the local ECS takes it.
    fn task_request(&self, definition: &Definition, container: &Container) -> TaskRequest {
        let overrides = &self.request.overrides;
        let size = |own: &Option<String>, fixed: &Option<String>| {
            units(own.as_deref()).or_else(|| units(fixed.as_deref()))
        };
        let cpu = size(&overrides.cpu, &definition.cpu).unwrap_or(container.cpu);
        let limit = container.memory.or(container.memory_reservation).unwrap_or_default();
        let memory = size(&overrides.memory, &definition.memory).unwrap_or(limit);
        let different = self.request.override_of(&container.name);
        let environment = different.environment.into_iter().map(|pair| (pair.name, pair.value));
        TaskRequest {
            cluster: self.cluster.to_owned(),
            source: TaskSource::Inline(Box::new(definition.to_run(container, cpu, memory))),
            container: container.name.clone(),
            command: different.command,
            environment: environment.collect(),
            changes: Changes::default(),
            capacity: None,
            network: None,
            platform_version: None,
            enable_execute_command: false,
            tags: Default::default(),
            started_by: self.request.started_by.clone().unwrap_or_default(),
        }
    }

    fn frame(&self, definition: &Definition, container: &Container) -> Frame {
        let fargate = self.request.launch_type_for(definition) == "FARGATE";
        let version = self.request.platform_version.clone();
        let version = version.filter(|version| version != "LATEST");
        let storage = self.request.overrides.ephemeral_storage.clone();
        let storage = storage.or_else(|| definition.ephemeral_storage.clone());
        let mut overrides = self.parameters.get("overrides").cloned().unwrap_or(json!({}));
        if let Some(overrides) = overrides.as_object_mut() {
            // ECS names the containers there all the same.
            let names = json!([{ "name": container.name }]);
            overrides.entry("containerOverrides").or_insert(names);
        }
        let arm = definition.runtime_platform.cpu_architecture.as_deref() == Some("ARM64");
        Frame {
            overrides,
            interface: self
                .request
                .subnet()
                .map(|subnet| Interface { id: Uuid::new_v4().to_string(), subnet: subnet.clone() }),
            architecture: if arm { "arm64" } else { "x86_64" }.to_owned(),
            platform_version: fargate.then(|| version.unwrap_or_else(|| "1.4.0".to_owned())),
            platform_family: fargate.then(|| "Linux".to_owned()),
            enable_execute_command: self.request.execute_command,
            ephemeral_storage: storage.or_else(|| fargate.then(|| json!({ "sizeInGiB": 20 }))),
            container_id: Uuid::new_v4().to_string(),
            container_cpu: container.cpu,
            container_memory: container.memory,
            container_memory_reservation: container.memory_reservation,
        }
    }
}
