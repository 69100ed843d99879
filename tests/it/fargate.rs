//! Fargate against an ECS and an EC2 we did not write. It honours no client tokens and runs
//! nothing; what is held here is that our calls are taken, and how often we register.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use futures_util::future::join_all;
use jiff::Timestamp;
use longshore::ecs::fargate::Fargate;
use longshore::ecs::{Described, Ecs, RunTaskError};
use longshore::event::{LastStatus, TaskState};
use longshore::identity::{ClientToken, Namespace, RunId};
use longshore::jobs::{self, Network, RunSpec, TaskRequest, TaskSource};

use crate::moto;
use crate::network::Vpc;

/// The request of a job written as `task`, for the run of `key`.
pub(crate) fn request(settings: &str, task: &str, key: &str) -> (TaskRequest, ClientToken) {
    let text = format!(
        "defaults: {{ network: {{ subnets: [subnet-0a1b2c3d4e5f60718], \
         securityGroups: [sg-0a1b2c3d4e5f60718] }} }}\njobs:\n  j:\n    task: {task}\n{settings}"
    );
    let read = jobs::read(text.as_bytes(), Timestamp::now());
    let jobs = read.jobs.unwrap_or_else(|| panic!("{:?}", read.problems));
    let namespace = Namespace::default();
    let run = RunId::derive(&"j".parse().unwrap(), "manual", &[key]);
    let values = [("key".to_owned(), key.to_owned())].into();
    let spec = RunSpec { namespace: &namespace, run: &run, attempt: 1, values: &values };
    let request = jobs.get("j").unwrap().request(spec).unwrap();
    (request, ClientToken::new(&namespace, &run, 1, 1))
}

/// A cluster and a network of its own.
struct Place {
    config: SdkConfig,
    cluster: String,
    network: Network,
    namespace: String,
}

impl Place {
    async fn new() -> Self {
        let config = moto::connect().await;
        let cluster = moto::fresh("cluster");
        let ecs = aws_sdk_ecs::Client::new(&config);
        ecs.create_cluster().cluster_name(&cluster).send().await.unwrap();
        let network = Vpc::new(&config).await.network("longshore-tasks", true);
        Self { config, cluster, network, namespace: moto::fresh("family") }
    }

    /// A request in this place, its family known nowhere else.
    fn request(&self, image: &str, key: &str) -> (TaskRequest, ClientToken) {
        let task = format!("{{ image: '{image}', command: [echo, hi] }}");
        let (mut request, token) = request("    logs: { group: /ecs/x }\n", &task, key);
        request.cluster.clone_from(&self.cluster);
        request.network = Some(self.network.clone());
        let TaskSource::Inline(definition) = &mut request.source else { panic!("not inline") };
        definition.family.clone_from(&self.namespace);
        (request, token)
    }

    async fn revisions(&self) -> usize {
        let ecs = aws_sdk_ecs::Client::new(&self.config);
        let listed = ecs.list_task_definitions().family_prefix(&self.namespace).send().await;
        listed.unwrap().task_definition_arns().len()
    }

    async fn run(&self, fargate: &Fargate, image: &str, key: &str) -> String {
        let (request, token) = self.request(image, key);
        fargate.run_task(&request, &token).await.unwrap()
    }
}

async fn state(ecs: &impl Ecs, cluster: &str, task: &str) -> TaskState {
    match ecs.describe(cluster, &[task.to_owned()]).await.unwrap().as_slice() {
        [Described::Task(state)] => (**state).clone(),
        other => panic!("{other:?}"),
    }
}

/// What holds of a task on any ECS: it is found by its `startedBy`, described, and stopped.
async fn check_life(ecs: &impl Ecs, request: &TaskRequest, token: &ClientToken) {
    let cluster = &request.cluster;
    let listed = async || ecs.list_started_by(cluster, &request.started_by).await.unwrap();
    assert_eq!(listed().await, Vec::<String>::new());
    let task = ecs.run_task(request, token).await.unwrap();
    assert_eq!(listed().await, std::slice::from_ref(&task));
    let running = state(ecs, cluster, &task).await;
    assert_eq!(running.started_by.as_ref(), Some(&request.started_by));
    assert_eq!(running.task_arn, task);
    assert_ne!(running.last_status, LastStatus::Stopped);
    assert_eq!(running.main_container(None).unwrap().name, request.container);
    ecs.stop(cluster, &task, "longshore: timeout").await.unwrap();
    assert_eq!(listed().await, std::slice::from_ref(&task), "a stopped task is found too");
    let stopped = state(ecs, cluster, &task).await;
    assert_eq!(stopped.last_status, LastStatus::Stopped);
    assert_eq!(stopped.stopped_reason.as_deref(), Some("longshore: timeout"));
}

#[tokio::test]
async fn a_task_is_found_described_and_stopped() {
    let place = Place::new().await;
    let (request, token) = place.request("alpine:3", "1");
    check_life(&Fargate::new(&place.config), &request, &token).await;
}

#[tokio::test]
async fn a_content_is_registered_once_for_all_launches_and_processes() {
    let place = Place::new().await;
    let fargate = Fargate::new(&place.config);
    let keys: Vec<String> = (0..6).map(|n| n.to_string()).collect();
    let tasks = join_all(keys.iter().map(|key| place.run(&fargate, "alpine:3", key))).await;
    assert_eq!(tasks.iter().collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(place.revisions().await, 1);
    // Another process finds it; other content is another revision, and so is going back.
    for (image, revisions) in [("alpine:3", 1), ("alpine:4", 2), ("alpine:4", 2), ("alpine:3", 3)] {
        place.run(&Fargate::new(&place.config), image, "again").await;
        assert_eq!(place.revisions().await, revisions, "{image}");
    }
    // Who knows both needs to look up neither.
    place.run(&fargate, "alpine:4", "again").await;
    place.run(&fargate, "alpine:3", "again").await;
    let revisions = place.revisions().await;
    place.run(&fargate, "alpine:4", "again").await;
    assert_eq!(place.revisions().await, revisions);
}

#[tokio::test]
async fn processes_that_register_at_once_all_start_what_their_job_says() {
    let place = Place::new().await;
    let processes: Vec<Fargate> = (0..4).map(|_| Fargate::new(&place.config)).collect();
    let tasks = join_all(processes.iter().map(|ecs| place.run(ecs, "alpine:3", "1"))).await;
    for (fargate, task) in processes.iter().zip(&tasks) {
        let state = state(fargate, &place.cluster, task).await;
        assert_eq!(state.containers[0].image.as_deref(), Some("alpine:3"));
    }
    let raced = place.revisions().await;
    assert!((1..=4).contains(&raced), "{raced}");
    place.run(&Fargate::new(&place.config), "alpine:3", "2").await;
    assert_eq!(place.revisions().await, raced);
}

#[tokio::test]
async fn what_is_missing_is_named_with_its_remedy() {
    let place = Place::new().await;
    let fargate = Fargate::new(&place.config);
    let invalid = async |request: &TaskRequest, token: &ClientToken| match fargate
        .run_task(request, token)
        .await
        .unwrap_err()
    {
        RunTaskError::Invalid(text) => text,
        other => panic!("{other:?}"),
    };
    let (mut request, token) = place.request("alpine:3", "1");
    request.cluster = "nowhere".to_owned();
    let text = invalid(&request, &token).await;
    assert!(text.contains("`aws ecs create-cluster --cluster-name nowhere`"), "{text}");
    let (mut request, token) = place.request("alpine:3", "1");
    if let Some(network) = &mut request.network {
        network.subnet_tags = [("Type".to_owned(), "none".to_owned())].into();
    }
    let text = invalid(&request, &token).await;
    assert!(text.contains("network: no subnet of vpc-"), "{text}");
    // A cluster that is gone has no tasks.
    let task = "arn:aws:ecs:eu-west-1:1:task/nowhere/1".to_owned();
    let described = fargate.describe("nowhere", std::slice::from_ref(&task)).await.unwrap();
    assert_eq!(described, [Described::Missing(task.clone())]);
    assert_eq!(fargate.list_started_by("nowhere", "x").await.unwrap(), Vec::<String>::new());
    fargate.stop("nowhere", &task, "x").await.unwrap();
}
