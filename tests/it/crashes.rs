//! What happens between two effects of a function: answers get lost, it is killed, ECS says no and
//! starts the task all the same. The real function, its tasks real processes behind ECS's own wire
//! protocol: one task and one right verdict, whatever happened.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use longshore::identity::RunId;
use longshore::ledger::{Filter, Ledger as _, Saved};
use longshore::run::{Run, State, Verdict};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::installation::Installation;
use crate::program::{self, Project, wait_for};
use crate::proxy::{Fault, Proxy};
use crate::runtime_api::Running;

const LIMIT: Duration = Duration::from_secs(30);

const JOBS: &str = "
defaults:
  cluster: batch
  network: { subnets: [subnet-0a1b2c3d4e5f60718], securityGroups: [sg-0a1b2c3d4e5f60718] }
jobs:
  count:
    task: { image: alpine, cpu: 256, memory: 512, entryPoint: [sh, -c], command: [exit 0] }
";

/// An installation whose ECS runs real processes, and a proxy before that.
struct World {
    there: Installation,
    ecs: aws_sdk_ecs::Client,
    proxy: Proxy,
    endpoint: String,
    _server: program::Running,
    _project: Project,
}

impl World {
    async fn new() -> Self {
        let there = Installation::new(JOBS).await;
        let project = Project::new("");
        let states = there.url("states");
        let arguments =
            ["local", "--serve", "127.0.0.1:0", "-o", "json", "--events-queue", states.as_str()];
        let mut command = project.command(&arguments);
        command.env("AWS_REGION", "eu-west-1");
        let server = program::Running::start(command);
        wait_for("the served ECS", || server.stdout().contains('\n'));
        let said = server.stdout();
        let first: Value =
            serde_json::from_str(said.lines().next().unwrap_or_default()).expect("JSON");
        let endpoint = first["endpoint"].as_str().expect("an endpoint").to_owned();
        let proxy = Proxy::before(&endpoint).await;
        let ecs = aws_sdk_ecs::Client::new(&crate::moto::connect_to(&endpoint).await);
        let there = there.with_ecs(proxy.endpoint());
        Self { there, ecs, proxy, endpoint, _server: server, _project: project }
    }

    /// Somebody asks for the run.
    async fn arrive(&self) {
        self.there.send("events", r#"{"job":"count","key":"once"}"#).await;
    }

    /// The next RunTask goes wrong in this way, which the server knows how to do.
    async fn ask_for(&self, fault: Value) {
        let address = self.endpoint.trim_start_matches("http://");
        let stream = tokio::net::TcpStream::connect(address).await.expect("connected");
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(io).await.expect("a handshake");
        tokio::spawn(connection);
        let body = http_body_util::Full::new(hyper::body::Bytes::from(json!([fault]).to_string()));
        let request = hyper::Request::post("/longshore/faults")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(body)
            .expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// The function is killed at its next RunTask: before ECS hears of it, or when it is done.
    async fn kill_at_run_task(&self, dispatch: &mut Running, done: bool) {
        let reached = Arc::new(Notify::new());
        self.proxy.next("RunTask", Fault::Hold { done, reached: Arc::clone(&reached) });
        let batch = json!({ "Records": [{
            "messageId": "1", "eventSource": "aws:sqs", "body": r#"{"job":"count","key":"once"}"#,
            "attributes": { "ApproximateReceiveCount": "1" },
        }] });
        tokio::select! {
            answer = dispatch.invoke(&batch) => panic!("it answered {answer:?}"),
            () = reached.notified() => {}
        }
        drop(dispatch.end());
    }

    async fn run(&self) -> Run {
        let filter = Filter { job: Some("count".parse().expect("a job")), ..Filter::default() };
        let mut runs = self.there.ledger().list(&filter).await.expect("listed");
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// As it would stand two minutes later: the lease, the wait and the alarm are over. Nothing
    /// else of a run follows from the time alone.
    async fn two_minutes_later(&self) {
        let id: RunId = self.run().await.id;
        let ledger = self.there.ledger();
        let mut run = ledger.load(&id).await.expect("loaded").expect("a run");
        let over = Timestamp::now() - SignedDuration::from_secs(1);
        run.state = match run.state {
            State::Launching { .. } => State::Launching { lease: over },
            State::Waiting { wait, .. } => State::Waiting { until: over, wait },
            state @ (State::Started | State::Running { .. } | State::Ended { .. }) => state,
        };
        run.due = run.due.map(|_| over);
        assert_eq!(ledger.save(&mut run).await.expect("saved"), Saved::Done);
    }

    /// Sweep looks at what is due, and dispatch at what sweep reminds of.
    async fn sweep(&self, dispatch: &mut Running) {
        let mut sweep = self.there.function("sweep").await;
        sweep.invoke(&json!({})).await.expect("swept");
        self.there.pump("events", dispatch).await;
    }

    /// Hands the news of ECS to record until the run has ended.
    async fn record_to_the_end(&self) {
        let mut record = self.there.function("record").await;
        let begun = Instant::now();
        while self.run().await.verdict().is_none() {
            self.there.pump("states", &mut record).await;
            assert!(begun.elapsed() < LIMIT, "{:?}", self.run().await);
        }
    }

    /// One task, one right verdict, and everybody told the same.
    async fn check(&self) {
        let run = self.run().await;
        assert_eq!(
            (run.verdict(), run.exit_code()),
            (Some(Verdict::Succeeded), Some(0)),
            "{run:?}"
        );
        let mut tasks = Vec::new();
        for status in ["RUNNING", "STOPPED"] {
            let listed = self.ecs.list_tasks().cluster("batch").desired_status(status.into());
            tasks.extend(listed.send().await.expect("listed").task_arns.unwrap_or_default());
        }
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        assert_eq!(run.last_task(), Some(tasks[0].as_str()));
        let outcomes = self.there.take("outcomes").await;
        assert!(!outcomes.is_empty());
        for outcome in outcomes {
            let told: Value =
                serde_json::from_str(outcome.body().unwrap_or_default()).expect("JSON");
            assert_eq!(told["detail-type"], "Run Succeeded", "{told:#}");
            assert_eq!(told["detail"]["task"], tasks[0].as_str(), "{told:#}");
        }
        assert!(self.there.take("reject").await.is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_once_is_asked_for_again_with_the_same_token() {
    for fault in ["answerLost", "answerTruncated", "serverError", "throttle"] {
        let world = World::new().await;
        world.ask_for(json!({ "operation": "RunTask", "fault": fault })).await;
        let mut dispatch = world.there.function("dispatch").await;
        world.arrive().await;
        world.there.pump("events", &mut dispatch).await;
        // What the SDK does not try again by itself is left to the lease.
        world.two_minutes_later().await;
        world.sweep(&mut dispatch).await;
        world.record_to_the_end().await;
        world.check().await;
    }
}

#[tokio::test]
async fn a_function_killed_at_run_task_leaves_a_run_that_others_finish() {
    for done in [false, true] {
        let world = World::new().await;
        let mut dispatch = world.there.function("dispatch").await;
        world.kill_at_run_task(&mut dispatch, done).await;
        let mut dispatch = world.there.function("dispatch").await;
        // SQS hands the message out again: the lease is another's still.
        world.arrive().await;
        world.there.pump("events", &mut dispatch).await;
        assert!(matches!(world.run().await.state, State::Launching { .. }));
        world.two_minutes_later().await;
        world.sweep(&mut dispatch).await;
        world.record_to_the_end().await;
        world.check().await;
    }
}

#[tokio::test]
async fn a_task_that_ends_before_its_launch_is_saved_has_its_verdict_all_the_same() {
    let world = World::new().await;
    let mut dispatch = world.there.function("dispatch").await;
    world.kill_at_run_task(&mut dispatch, true).await;
    world.record_to_the_end().await;
    let mut dispatch = world.there.function("dispatch").await;
    world.arrive().await;
    world.there.pump("events", &mut dispatch).await;
    world.check().await;
}

#[tokio::test]
async fn a_refusal_that_was_not_true_is_found_out_before_another_launch() {
    let world = World::new().await;
    let reason = "Capacity is unavailable at this time";
    let fault =
        json!({ "operation": "RunTask", "fault": "failuresAlthoughStarted", "reason": reason });
    world.ask_for(fault).await;
    let mut dispatch = world.there.function("dispatch").await;
    world.arrive().await;
    world.there.pump("events", &mut dispatch).await;
    let refused = world.run().await;
    assert!(matches!(refused.state, State::Waiting { .. } | State::Started), "{refused:?}");
    world.two_minutes_later().await;
    world.sweep(&mut dispatch).await;
    world.record_to_the_end().await;
    world.check().await;
}

#[tokio::test]
async fn the_same_event_at_two_functions_at_once_starts_one_task() {
    let world = World::new().await;
    let (mut one, mut other) =
        (world.there.function("dispatch").await, world.there.function("dispatch").await);
    for _ in 0..10 {
        world.arrive().await;
    }
    tokio::join!(world.there.pump("events", &mut one), world.there.pump("events", &mut other));
    world.record_to_the_end().await;
    world.check().await;
}
