//! An installation of longshore in a moto server, and what Lambda does for it: queues are polled,
//! functions invoked, messages deleted.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::Message;
use longshore::ecs::fargate::Fargate;
use longshore::ecs::{Described, Ecs as _};
use longshore::event::TaskState;
use longshore::identity::Namespace;
use longshore::ledger::dynamodb::DynamoLedger;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dynamodb::make_table;
use crate::functions::program;
use crate::moto;
use crate::runtime_api::Running;

/// How long an invocation may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The installation.
pub(crate) struct Installation {
    pub(crate) aws: SdkConfig,
    pub(crate) namespace: Namespace,
    pub(crate) folder: TempDir,
    sqs: aws_sdk_sqs::Client,
    ecs_endpoint: String,
}

impl Installation {
    /// Everything that template.yaml makes, and jobs.yaml.
    pub(crate) async fn new(jobs: &str) -> Self {
        let aws = moto::connect().await;
        let name = moto::fresh("it");
        let namespace: Namespace = name[..30].parse().expect("a namespace");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("jobs.yaml"), jobs).expect("jobs.yaml");
        let sqs = aws_sdk_sqs::Client::new(&aws);
        for queue in ["events", "states", "reject", "outcomes", "events-dead", "states-dead"] {
            let name = format!("{namespace}-{queue}");
            sqs.create_queue().queue_name(name).send().await.expect("a queue");
        }
        make_table(&aws_sdk_dynamodb::Client::new(&aws), &format!("{namespace}-runs")).await;
        let installation =
            Self { aws, namespace, folder, sqs, ecs_endpoint: moto::endpoint().to_owned() };
        installation.make_bus().await;
        installation
    }

    /// The same with its tasks elsewhere.
    pub(crate) fn with_ecs(mut self, endpoint: &str) -> Self {
        self.ecs_endpoint = endpoint.to_owned();
        self
    }

    /// A bus for outcomes, and a queue that hears all of them.
    async fn make_bus(&self) {
        let events = aws_sdk_eventbridge::Client::new(&self.aws);
        let bus = self.namespace.to_string();
        events.create_event_bus().name(&bus).send().await.expect("a bus");
        let rule = events.put_rule().name(&bus).event_bus_name(&bus);
        rule.event_pattern(r#"{"source":["longshore"]}"#).send().await.expect("a rule");
        let arn = format!("arn:aws:sqs:eu-west-1:123456789012:{}-outcomes", self.namespace);
        let target = aws_sdk_eventbridge::types::Target::builder().id("outcomes").arn(arn);
        let targets = events.put_targets().rule(&bus).event_bus_name(&bus);
        let target = target.build().expect("a target");
        targets.targets(target).send().await.expect("a target");
    }

    /// The URL of one of its queues.
    pub(crate) fn url(&self, queue: &str) -> String {
        format!("{}/123456789012/{}-{queue}", moto::endpoint(), self.namespace)
    }

    /// The runs, as the functions see them.
    pub(crate) fn ledger(&self) -> DynamoLedger {
        DynamoLedger::new(&self.aws, format!("{}-runs", self.namespace), Vec::new())
    }

    /// The environment of a function or of the command line.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let jobs = self.folder.path().join("jobs.yaml").display().to_string();
        [
            ("AWS_ENDPOINT_URL", moto::endpoint().to_owned()),
            ("AWS_ENDPOINT_URL_ECS", self.ecs_endpoint.clone()),
            ("LONGSHORE_NAMESPACE", self.namespace.to_string()),
            ("TABLE_NAME", format!("{}-runs", self.namespace)),
            ("EVENTS_QUEUE_URL", self.url("events")),
            ("STATES_QUEUE_URL", self.url("states")),
            ("REJECT_QUEUE_URL", self.url("reject")),
            ("EVENT_BUS_NAME", self.namespace.to_string()),
            ("JOBS_FILE", jobs.clone()),
            ("LONGSHORE_JOBS", jobs),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// A function, started.
    pub(crate) async fn function(&self, name: &str) -> Running {
        let variables = self.variables();
        let mut variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        variables.push(("_HANDLER", name));
        let mut function = Running::start(program(&variables), TIMEOUT).await;
        function.first_poll().await;
        function
    }

    /// The command line at work on it: its exit code and what it printed.
    pub(crate) fn longshore(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        self.end(self.begin(arguments))
    }

    /// The command line, begun; ana is who calls it.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_longshore"))
            .args(arguments)
            .args(["--on", "aws"])
            .env_clear()
            .envs(self.variables())
            .envs([("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "testing")])
            .env("AWS_SECRET_ACCESS_KEY", "planted-secret-marker")
            .env("USER", "ana")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs")
    }

    /// Its exit code and what it printed.
    pub(crate) fn end(&self, command: Child) -> (Option<i32>, Value) {
        let done = command.wait_with_output().expect("its end");
        let printed = serde_json::from_slice(&done.stdout);
        (
            done.status.code(),
            printed.unwrap_or_else(|_| json!(String::from_utf8_lossy(&done.stderr))),
        )
    }

    /// Puts a message into a queue.
    pub(crate) async fn send(&self, queue: &str, body: &str) {
        let message = self.sqs.send_message().queue_url(self.url(queue));
        message.message_body(body).send().await.expect("sent");
    }

    /// What lies in a queue. It is gone from there.
    pub(crate) async fn take(&self, queue: &str) -> Vec<Message> {
        let mut taken = Vec::new();
        loop {
            let call = self.sqs.receive_message().queue_url(self.url(queue));
            let received = call.max_number_of_messages(10).send().await.expect("received");
            if received.messages().is_empty() {
                return taken;
            }
            for message in received.messages() {
                self.delete(queue, message).await;
                taken.push(message.clone());
            }
        }
    }

    /// The same for each message twice, as it is where somebody sent it twice.
    pub(crate) async fn pump_twice(&self, queue: &str, function: &mut Running) -> usize {
        for message in self.take(queue).await {
            for _ in 0..2 {
                self.send(queue, message.body().unwrap_or_default()).await;
            }
        }
        self.pump(queue, function).await
    }

    /// Where ECS says that a task stands.
    pub(crate) async fn describe(&self, cluster: &str, task: &str) -> TaskState {
        let described = Fargate::new(&self.aws).describe(cluster, &[task.to_owned()]).await;
        match described.expect("described").into_iter().next() {
            Some(Described::Task(state)) => *state,
            other => unreachable!("{other:?}"),
        }
    }

    async fn delete(&self, queue: &str, message: &Message) {
        let handle = message.receipt_handle().expect("a handle");
        let call = self.sqs.delete_message().queue_url(self.url(queue)).receipt_handle(handle);
        call.send().await.expect("deleted");
    }

    /// Does what Lambda does with a queue until nothing is left in it, and says how many messages
    /// were handed out. A message that failed is put back.
    pub(crate) async fn pump(&self, queue: &str, function: &mut Running) -> usize {
        let mut handed_out = 0;
        loop {
            let call = self.sqs.receive_message().queue_url(self.url(queue));
            let received = call.max_number_of_messages(10).send().await.expect("received");
            let messages = received.messages();
            if messages.is_empty() {
                return handed_out;
            }
            handed_out += messages.len();
            let answer = function.invoke(&batch(messages)).await.expect("an answer");
            assert_eq!(answer, json!({ "batchItemFailures": [] }), "{:?}", function.end());
            for message in messages {
                self.delete(queue, message).await;
            }
        }
    }

    /// Plays ECS's events of a task until it has stopped.
    pub(crate) async fn tell_states(&self, cluster: &str, task: &str) -> TaskState {
        let ecs = Fargate::new(&self.aws);
        for version in 1..20 {
            let described = ecs.describe(cluster, &[task.to_owned()]).await.expect("described");
            let Some(Described::Task(mut state)) = described.into_iter().next() else { continue };
            // moto counts no versions.
            state.version = version;
            let event = state.to_event("aws.ecs", &version.to_string(), jiff::Timestamp::now());
            self.send("states", &event.to_string()).await;
            if state.last_status == longshore::event::LastStatus::Stopped {
                return *state;
            }
        }
        unreachable!("moto stops a task after a few looks");
    }
}

/// Messages as Lambda hands them to a function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>).
pub(crate) fn batch(messages: &[Message]) -> Value {
    let record = |message: &Message| {
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:events",
            "awsRegion": "eu-west-1",
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}
