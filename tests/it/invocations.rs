//! One bad thing among many: its neighbours in a batch, a payload or a sweep are handled all the
//! same.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use jiff::{SignedDuration, Timestamp};
use longshore::backend::Backend;
use longshore::dispatch::{Invocation, dispatch};
use longshore::ecs::{Described, Ecs, EcsError, RunTaskError};
use longshore::event::Event;
use longshore::function::{Answer, Function, NotHandled, Request, invoke};
use longshore::identity::ClientToken;
use longshore::jobs::{Jobs, TaskRequest};
use longshore::ledger::Ledger as _;
use longshore::ledger::sqlite::SqliteLedger;
use longshore::metrics::Measure;
use longshore::queue::QueueName;
use longshore::queue::local::LocalQueue;
use longshore::run::State;
use longshore::sweep::sweep;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contracts::block_on;
use crate::crossings::{Tasks, backend_in, id, jobs};

/// Tasks, and a cluster that cannot be reached, and a run that nobody survives.
struct Brittle {
    tasks: Tasks,
    closed: &'static str,
    deadly: String,
}

impl Ecs for Brittle {
    async fn run_task(
        &self,
        request: &TaskRequest,
        token: &ClientToken,
    ) -> Result<String, RunTaskError> {
        assert!(!request.started_by.contains(&self.deadly), "the run that nobody survives");
        self.tasks.run_task(request, token).await
    }

    async fn describe(&self, cluster: &str, tasks: &[String]) -> Result<Vec<Described>, EcsError> {
        match cluster == self.closed {
            true => Err(EcsError("no permission".to_owned())),
            false => self.tasks.describe(cluster, tasks).await,
        }
    }

    async fn list_started_by(
        &self,
        cluster: &str,
        started_by: &str,
    ) -> Result<Vec<String>, EcsError> {
        self.tasks.list_started_by(cluster, started_by).await
    }

    async fn stop(&self, cluster: &str, task: &str, reason: &str) -> Result<(), EcsError> {
        self.tasks.stop(cluster, task, reason).await
    }
}

struct World {
    backend: Backend<SqliteLedger, Brittle, LocalQueue>,
    jobs: Jobs,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let deadly = id("deadly").to_string();
        let ecs = Brittle { tasks: Tasks::default(), closed: "closed", deadly };
        let backend = backend_in(folder.path(), ecs);
        let settings = "  k:\n    cluster: closed\n    task: { image: 'x:1', command: [a] }\n";
        Self { backend, jobs: jobs(settings), _folder: folder }
    }

    /// Invokes dispatch with so much time left.
    fn invoke(&self, payload: &Value, seconds: i64) -> Result<Answer, NotHandled> {
        let (now, payload) = (Timestamp::now(), payload.to_string());
        let request = Request {
            id: "request",
            nonce: "nonce",
            payload: payload.as_bytes(),
            clock: &move || now,
            deadline: now + SignedDuration::from_secs(seconds),
        };
        block_on(invoke(&self.backend, &self.jobs, Function::Dispatch, request))
    }

    fn is_started(&self, key: &str) -> bool {
        block_on(self.backend.ledger.load(&id(key)))
            .unwrap()
            .is_some_and(|run| matches!(run.state, State::Started))
    }

    fn receive(&self, queue: QueueName) -> Option<Value> {
        let far = Timestamp::now() + SignedDuration::from_hours(1);
        let received = self.backend.queue.receive(queue, far, SignedDuration::from_hours(2));
        received.unwrap().map(|message| serde_json::from_str(&message.body).unwrap())
    }
}

fn manual(key: &str) -> String {
    json!({ "job": "j", "key": key }).to_string()
}

fn message(id: &str, body: &str) -> Value {
    json!({ "messageId": id, "eventSource": "aws:sqs", "body": body,
            "attributes": { "ApproximateReceiveCount": "1" } })
}

#[test]
fn a_message_that_is_bad_or_makes_the_function_panic_hurts_no_other_of_its_batch() {
    let world = World::new();
    let batch = json!({ "Records": [
        message("poison", "no json"),
        message("deadly", &manual("deadly")),
        message("good", &manual("good")),
    ] });
    let answer = world.invoke(&batch, 60).unwrap();
    assert_eq!(answer.json, json!({ "batchItemFailures": [{ "itemIdentifier": "deadly" }] }));
    assert_eq!(answer.measures, [Measure::MessageRejected(QueueName::Events)]);
    assert!(world.is_started("good") && !world.is_started("deadly"));
    let rejected = world.receive(QueueName::Reject).unwrap();
    assert_eq!(rejected["body"], "no json");
    assert!(world.receive(QueueName::Reject).is_none());
}

#[test]
fn no_message_is_begun_when_the_function_is_about_to_be_ended() {
    let world = World::new();
    let batch = json!({ "Records": [message("late", &manual("late"))] });
    let answer = world.invoke(&batch, 9).unwrap();
    assert_eq!(answer.json, json!({ "batchItemFailures": [{ "itemIdentifier": "late" }] }));
    assert!(!world.is_started("late"));
    assert_eq!(world.invoke(&batch, 60).unwrap().json, json!({ "batchItemFailures": [] }));
    assert!(world.is_started("late"));
}

#[test]
fn what_came_straight_is_done_as_far_as_it_can_be_and_then_told_as_an_error() {
    let world = World::new();
    let sns = |body: &str| json!({ "EventSource": "aws:sns", "Sns": { "Message": body } });
    let payload = json!({ "Records": [sns("no json"), sns(&manual("good"))] });
    let error = world.invoke(&payload, 60).unwrap_err();
    assert!(matches!(&error, NotHandled::Refused(why) if why.starts_with("not_json_object")));
    assert!(world.is_started("good"));
    assert!(world.receive(QueueName::Reject).is_none());
}

#[test]
fn a_cluster_that_cannot_be_reached_hides_no_run_of_another() {
    let world = World::new();
    let begun = Timestamp::now();
    for (job, nonce) in [("k", "1"), ("j", "2")] {
        let body = json!({ "job": job, "key": "x" }).to_string();
        let event: Event = longshore::event::read_body(body.as_bytes(), "1").remove(0).unwrap();
        let invocation = Invocation { now: begun, nonce, clock: &move || begun };
        block_on(dispatch(&world.backend, &world.jobs, &event, invocation)).unwrap();
    }
    let run = block_on(world.backend.ledger.load(&id("x"))).unwrap().unwrap();
    // It ended, and nobody was told.
    drop(world.backend.ecs.tasks.tell(run.last_task().unwrap(), Some(0), begun));
    let later = begun + SignedDuration::from_mins(20);
    let error = block_on(sweep(&world.backend, &world.jobs, later)).unwrap_err();
    assert!(error.to_string().contains("no permission"), "{error}");
    let told = world.receive(QueueName::States).unwrap();
    assert_eq!(told["detail"]["taskArn"], run.last_task().unwrap());
    // The other has its turn again in a minute, not at once.
    let due = |seconds: i64| {
        let time = later + SignedDuration::from_secs(seconds);
        block_on(world.backend.ledger.due(time, 10)).unwrap().len()
    };
    assert_eq!((due(0), due(61)), (0, 1));
}
