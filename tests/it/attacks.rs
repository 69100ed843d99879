//! What strangers and accidents send, by what becomes of it: through the functions as Lambda calls
//! them. What the readers alone refuse is beside the readers; jobs.yaml is in `jobs_file`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use jiff::{SignedDuration, Timestamp};
use longshore::backend::Backend;
use longshore::function::{Answer, Function, Request, invoke};
use longshore::identity::{Namespace, RunId};
use longshore::jobs::{self, Jobs};
use longshore::ledger::sqlite::SqliteLedger;
use longshore::ledger::{Filter, Ledger as _};
use longshore::metrics::Measure;
use longshore::queue::local::LocalQueue;
use longshore::queue::{Outcome, QueueName};
use longshore::run::{Run, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contracts::block_on;
use crate::crossings::{Tasks, backend_in};

mod jobs_file;

const JOBS: &str = "
defaults: { network: { subnets: [subnet-0a1b2c3d4e5f60718], securityGroups: [sg-0a1b2c3d4e5f60718] } }
jobs:
  objects:
    triggers: [{ s3: { bucket: uploads, prefix: in/ } }]
    allowLeadingDash: true
    task: { image: 'x:1', command: [read, '{{ key }}'], environment: { KEY: '{{ key }}' } }
  many:
    triggers: [{ s3: { bucket: many } }]
    task: { image: 'x:1', command: [read, '{{ key ~ key ~ key ~ key ~ key ~ key ~ key ~ key ~ key }}'] }
  report:
    parameters: { day: { maxLength: 10, pattern: '[0-9-]*', default: '' } }
    task: { image: 'x:1', command: [report, '{{ parameters.day }}'] }
  any:
    parameters: { program: { default: report } }
    task: { image: 'x:1', command: ['{{ parameters.program }}'] }
  nightly: { triggers: [{ schedule: rate(1 day) }], task: { image: 'x:1', command: [report] } }
";

/// The functions over a ledger and queues of one machine, and an ECS that starts what it is asked.
struct World {
    backend: Backend<SqliteLedger, Tasks, LocalQueue>,
    jobs: Jobs,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = backend_in(folder.path(), Tasks::default());
        let reading = jobs::read(JOBS.as_bytes(), Timestamp::now());
        let jobs = reading.jobs.unwrap_or_else(|| panic!("{:#?}", reading.problems));
        Self { backend, jobs, _folder: folder }
    }

    /// A queue of `function` hands it one message; it must be done with it.
    fn take(&self, function: Function, body: &str) -> Answer {
        let now = Timestamp::now();
        let batch = json!({ "Records": [{
            "messageId": "m", "eventSource": "aws:sqs", "body": body,
            "attributes": { "ApproximateReceiveCount": "1" },
        }] });
        let payload = batch.to_string();
        let request = Request {
            id: "request",
            nonce: "nonce",
            payload: payload.as_bytes(),
            clock: &move || now,
            deadline: now + SignedDuration::from_mins(1),
        };
        let answer = block_on(invoke(&self.backend, &self.jobs, function, request)).unwrap();
        assert_eq!(answer.json, json!({ "batchItemFailures": [] }), "{body:.200}");
        answer
    }

    fn dispatch(&self, body: &Value) -> Answer {
        self.take(Function::Dispatch, &body.to_string())
    }

    fn record(&self, body: &Value) -> Answer {
        self.take(Function::Record, &body.to_string())
    }

    fn receive(&self, queue: QueueName) -> Option<Value> {
        let far = Timestamp::now() + SignedDuration::from_hours(1);
        let received = self.backend.queue.receive(queue, far, SignedDuration::from_hours(2));
        received.unwrap().map(|message| serde_json::from_str(&message.body).unwrap())
    }

    /// Why the message was rejected, if it was; once.
    fn rejection(&self) -> Option<String> {
        let rejected = self.receive(QueueName::Reject)?;
        assert!(self.receive(QueueName::Reject).is_none(), "rejected twice");
        rejected["reason"].as_str().map(str::to_owned)
    }

    fn runs(&self) -> Vec<Run> {
        block_on(self.backend.ledger.list(&Filter::default())).unwrap()
    }

    /// The only run, after everything longshore told itself of it.
    fn only_run(&self) -> Run {
        while let Some(message) = self.receive(QueueName::States) {
            self.record(&message);
        }
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:#?}");
        runs.into_iter().next().unwrap()
    }

    /// A run whose task ECS has.
    fn started(&self) -> Run {
        self.dispatch(&json!({ "job": "report", "key": "k" }));
        let run = self.only_run();
        assert!(run.last_task().is_some(), "{run:#?}");
        run
    }
}

fn sample(name: &str) -> Value {
    let path = format!("{}/events/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// "Object Created" of this key.
fn object_created(bucket: &str, key: &str) -> Value {
    let mut event = sample("s3-object-created.json");
    event["detail"]["bucket"]["name"] = bucket.into();
    event["detail"]["object"]["key"] = key.into();
    event["time"] = json!(Timestamp::now().to_string());
    event
}

/// A notification of this key in form encoding.
fn notification(form_encoded_key: &str) -> Value {
    let mut event = sample("s3-notification.json");
    event["Records"][0]["s3"]["bucket"]["name"] = "uploads".into();
    event["Records"][0]["s3"]["object"]["key"] = form_encoded_key.into();
    event["Records"][0]["eventTime"] = json!(Timestamp::now().to_string());
    event
}

/// ECS tells that the run's task exited with 0.
fn stopped(run: &Run) -> Value {
    let mut event = sample("ecs-task-stopped.json");
    let detail = &mut event["detail"];
    detail["taskArn"] = run.last_task().unwrap().into();
    detail["clusterArn"] = "arn:aws:ecs:x:0:cluster/default".into();
    detail["startedBy"] = run.started_by(&Namespace::default()).to_string().into();
    detail["version"] = 9.into();
    event
}

fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

#[test]
fn what_nobody_can_act_upon_is_rejected_with_its_reason_and_starts_nothing() {
    let mut keys = serde_json::Map::new();
    keys.extend((0..100_000).map(|number| (format!("k{number}"), Value::Null)));
    let parameters = |name: &str, value: &str| json!({ "job": "report", "key": "k", "parameters": { name: value } });
    let mut rows = vec![
        (json!({ "job": "x".repeat(1024 * 1024) }), "too_large: "),
        (Value::Object(keys), "too_large: "),
        (json!({ "longshore": "order" }), "`reminder` or `observation`"),
        (json!({ "key": "k", "parameters": {} }), "known are EventBridge's"),
        (json!({ "v": 2, "kind": "manual" }), "known are EventBridge's"),
        (json!({ "job": "reports" }), "did you mean `report`?"),
        (object_created("elsewhere", "in/a"), "no trigger names the bucket `elsewhere`"),
        (parameters("day", "2026-11-24-x"), "parameter `day` must have at most 10 characters"),
        (parameters("day", "$(curl x)"), "parameter `day` must match"),
    ];
    for name in ["LD_PRELOAD", "PATH", "AWS_PROFILE", "ECS_AGENT_URI", "BASH_ENV", "NODE_OPTIONS"] {
        rows.push((parameters(name, "x"), "is not declared by the job"));
    }
    for name in ["command", "cpu", "networkConfiguration", "overrides", "executionRoleArn"] {
        rows.push((json!({ "job": "report", (name): "x" }), "cannot be given"));
    }
    for name in ["values", "bucket", "key2", "command", "policy", "happenedAt"] {
        let run = format!("report-{}", "a".repeat(20));
        rows.push((json!({ "rerun": run, (name): "x" }), "cannot be given"));
    }
    rows.push((
        json!({ "rerun": format!("report-{}", "a".repeat(20)) }),
        "there is no run `report-",
    ));
    rows.push((json!({ "rerun": "report" }), "is no run id"));
    let world = World::new();
    for (body, reason) in rows {
        world.dispatch(&body);
        let rejected = world.rejection().unwrap_or_default();
        assert!(rejected.contains(reason), "{rejected}, not {reason}: {body:.200}");
    }
    assert_eq!((world.runs().len(), world.backend.ecs.count()), (0, 0));
}

#[test]
fn s3s_test_message_is_acknowledged_and_is_nothing_else() {
    let world = World::new();
    for function in [Function::Dispatch, Function::Record] {
        world.take(function, &sample("s3-test-event.json").to_string());
    }
    assert_eq!((world.rejection(), world.runs().len()), (None, 0));
}

#[test]
fn a_bucket_is_known_by_its_name_alone_for_there_is_one_of_a_name() {
    let world = World::new();
    let event = with(object_created("uploads", "in/a"), "/account", "999999999999".into());
    world.dispatch(&with(event, "/region", "mars-north-1".into()));
    assert!(world.only_run().last_task().is_some());
}

#[test]
fn a_key_is_one_argument_and_one_value_whatever_it_holds() {
    for key in [
        "in/a;rm -rf /.csv",
        "in/$(touch pwned)`touch pwned`|touch pwned\n\"'\\ \t\r.csv",
        "in/..//../x",
        "in/\u{202e}gpj.\u{1b}[2J\u{2028}{{ runId }}{% raw %}",
        "in/%2B%zz%00",
    ] {
        let world = World::new();
        world.dispatch(&object_created("uploads", key));
        let request = world.only_run().request().unwrap().clone();
        assert_eq!(request.command.unwrap(), ["read", key]);
        assert_eq!(request.environment["KEY"], key);
    }
}

#[test]
fn a_prefix_is_held_against_the_decoded_key() {
    for (key, wanted) in [("in%2Fa", 1), ("in/a", 1), ("in+/a", 0), ("inside", 0), ("%2Fin/a", 0)] {
        let world = World::new();
        world.dispatch(&notification(key));
        assert_eq!((world.runs().len(), world.rejection()), (wanted, None), "{key}");
    }
}

#[test]
fn text_that_outgrows_what_ecs_takes_ends_the_run_before_ecs_is_asked() {
    for (length, verdict) in [(800, None), (1000, Some(Verdict::Failed))] {
        let world = World::new();
        world.dispatch(&object_created("many", &"k".repeat(length)));
        let run = world.only_run();
        assert_eq!(run.verdict(), verdict, "{run:#?}");
        assert_eq!(world.backend.ecs.count(), usize::from(verdict.is_none()));
        if verdict.is_some() {
            assert!(run.reason().unwrap().contains("ECS takes at most 8192"), "{run:#?}");
        }
    }
}

#[test]
fn an_event_of_forty_days_ago_is_recorded_as_skipped() {
    let world = World::new();
    let old = Timestamp::now() - SignedDuration::from_hours(40 * 24);
    let event = with(object_created("uploads", "in/a"), "/time", old.to_string().into());
    world.dispatch(&event);
    let run = world.only_run();
    assert_eq!((run.verdict(), world.backend.ecs.count()), (Some(Verdict::Skipped), 0));
    assert!(run.reason().unwrap().contains("40 days old"), "{run:#?}");
}

#[test]
fn news_that_is_not_of_a_runs_own_task_is_acknowledged_and_changes_nothing() {
    let world = World::new();
    let run = world.started();
    let good = stopped(&run);
    let id = run.id.as_str();
    let started_by = |text: String| with(good.clone(), "/detail/startedBy", text.into());
    let detail = |name: &str, value: Value| with(good.clone(), &format!("/detail/{name}"), value);
    let gone = RunId::derive(&run.job, "manual", &["gone"]);
    let mut nobody = good.clone();
    nobody["detail"].as_object_mut().unwrap().remove("startedBy");
    let mut vague = good.clone();
    vague["detail"].as_object_mut().unwrap().remove("lastStatus");
    let observation = |run: &RunId, attempt: u32, observed: &str, task: Value| {
        json!({ "longshore": "observation", "run": run, "attempt": attempt, "observed": observed,
                "task": task, "reason": "forged" })
    };
    let task = json!(run.last_task());
    for (news, told) in [
        (nobody, None),
        (started_by("ecs-svc/1234567890123456789".to_owned()), None),
        (started_by(format!("elsewhere/{id}/1")), None),
        (started_by("longshore/x/1".to_owned()), None),
        (started_by(format!("longshore/{id}/0")), None),
        (started_by(format!("longshore/{id}/01")), None),
        (started_by(format!("longshore/{id}/2")), None),
        (started_by(format!("longshore/{id}/999")), None),
        (started_by(format!("longshore/{gone}/1")), Some(Measure::UnknownRun)),
        (detail("clusterArn", json!("arn:aws:ecs:x:0:cluster/other")), None),
        (detail("taskArn", json!("arn:aws:ecs:x:0:task/default/other")), Some(Measure::SecondTask)),
        (detail("lastStatus", json!("stopped")), None),
        (detail("lastStatus", json!("HIBERNATING")), None),
        (vague, None),
        (observation(&gone, 1, "lost", Value::Null), Some(Measure::UnknownRun)),
        (observation(&run.id, 1, "lost", Value::Null), None),
        (observation(&run.id, 1, "lost", json!("arn:aws:ecs:x:0:task/default/other")), None),
        (observation(&run.id, 2, "lost", task.clone()), None),
        (observation(&run.id, 1, "skipped", task.clone()), None),
        (observation(&run.id, 1, "cancelled", task), None),
    ] {
        let answer = world.record(&news);
        assert_eq!(world.rejection(), None, "{news:#}");
        assert_eq!(world.runs(), std::slice::from_ref(&run), "{news:#}");
        assert_eq!(answer.measures, Vec::from_iter(told), "{news:#}");
    }
    world.record(&good);
    assert_eq!(world.only_run().verdict(), Some(Verdict::Succeeded));
}

#[test]
fn news_from_a_source_that_is_not_ecs_is_rejected() {
    let world = World::new();
    let run = world.started();
    world.record(&with(stopped(&run), "/source", "evil.ecs".into()));
    assert!(world.rejection().is_some_and(|reason| reason.starts_with("unknown_kind: ")));
    assert_eq!(world.only_run().verdict(), None);
}

#[test]
fn a_reason_of_fifty_kilobytes_is_kept_and_told_in_a_few_hundred_characters() {
    let world = World::new();
    let run = world.started();
    let reason = "\u{1b}[2J</script>\u{202e}ü".repeat(2_000);
    let failed = with(stopped(&run), "/detail/stoppedReason", reason.into());
    world.record(&with(failed, "/detail/stopCode", "SpotInterruption".into()));
    let run = world.only_run();
    assert_eq!(run.verdict(), Some(Verdict::Failed), "{run:#?}");
    assert!(run.reason().unwrap().chars().count() < 300);
    assert!(serde_json::to_string(&run).unwrap().len() < 8_192);
    let outcome = serde_json::to_string(&Outcome::of(&run).unwrap()).unwrap();
    assert!(outcome.len() < 8_192, "{}", outcome.len());
}

#[test]
fn times_that_make_no_sense_end_the_run_all_the_same_and_no_duration_is_negative() {
    for (started, ended) in [
        ("2026-11-24T02:10:00Z", "2026-11-24T02:00:00Z"),
        ("9999-12-30T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2026-11-24T02:10:00", "soon"),
    ] {
        let world = World::new();
        let run = world.started();
        let event = with(stopped(&run), "/detail/startedAt", started.into());
        let answer = world.record(&with(event, "/detail/stoppedAt", ended.into()));
        assert_eq!(world.only_run().verdict(), Some(Verdict::Succeeded), "{started}");
        let measure = answer.measures.first().unwrap();
        let line = measure.to_emf(&Namespace::default(), Timestamp::now());
        for name in ["StartLatency", "RunTime"] {
            assert!(line[name].as_i64().is_none_or(|millis| millis >= 0), "{line}");
        }
        assert_eq!(line["RunsEnded"], 1, "{line}");
    }
}

#[test]
fn a_program_that_comes_out_empty_ends_the_run_before_ecs_is_asked() {
    for (program, verdict) in [("report", None), ("", Some(Verdict::Failed))] {
        let world = World::new();
        world.dispatch(&json!({ "job": "any", "key": "k", "parameters": { "program": program } }));
        let run = world.only_run();
        assert_eq!(run.verdict(), verdict, "{run:#?}");
        assert_eq!(world.backend.ecs.count(), usize::from(verdict.is_none()));
        if verdict.is_some() {
            assert!(run.reason().unwrap().contains("command[0]"), "{run:#?}");
        }
    }
}
