//! A run to whom much happens: a launch that ECS refuses, a task that Spot takes back, and a second
//! attempt that succeeds.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::event::{Occurrence, TaskState, Values};
use crate::identity::{JobName, Namespace};
use crate::jobs::{self, Policy, RunSpec, TaskRequest};
use crate::run::{Applied, Attempt, Fact, Run, Sighting, State, Wait, apply};

const JOBS: &str = "
jobs:
  nightly-report:
    cluster: batch
    capacity: [FARGATE_SPOT, FARGATE]
    network: { subnets: [subnet-0a1b2c3d], securityGroups: [sg-0a1b2c3d] }
    task: { taskDefinition: 'nightly-report:12', container: main }
";

/// 2026-11-24T02:00:00Z and so many seconds.
pub(crate) fn at(secs: f64) -> Timestamp {
    let night: Timestamp = "2026-11-24T02:00:00Z".parse().unwrap();
    night + SignedDuration::from_secs_f64(secs)
}

/// The run, just claimed.
fn claimed() -> Run {
    let job: JobName = "nightly-report".parse().unwrap();
    let parts = vec!["nightly-report".to_owned(), "2026-11-24T02:00:00Z".to_owned()];
    let occurrence = Occurrence { kind: "schedule".to_owned(), parts };
    Run {
        id: occurrence.run_id(&job),
        job,
        occurrence,
        happened_at: Some(at(0.0)),
        values: Values::new(),
        policy: Policy::default(),
        created_at: at(2.14),
        owner: String::new(),
        state: State::Waiting { until: at(2.14), wait: Wait::Event },
        attempts: vec![Attempt { number: 1, ..Attempt::default() }],
        stop: None,
        due: None,
        revision: 0,
        reruns: Vec::new(),
    }
}

fn request(run: &Run) -> TaskRequest {
    let jobs = jobs::read(JOBS.as_bytes(), at(0.0)).jobs.unwrap();
    let spec = RunSpec {
        namespace: &Namespace::default(),
        run: &run.id,
        attempt: run.attempt(),
        values: &run.values,
    };
    jobs.get("nightly-report").unwrap().request(spec).unwrap()
}

/// An attempt's task as ECS tells of it: what is the same in every state, and what is not.
fn state(run: &Run, version: u64, news: Value) -> Fact {
    let id = ["075b3bd9635baed28dc7c22339f7b24d", "c2f1a9a6a6a44b0d8e6a9c6cf6f2a911"];
    let mut state = json!({
        "taskArn": format!(
            "arn:aws:ecs:us-east-1:123456789012:task/batch/{}", id[run.attempt() as usize - 1]
        ),
        "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/batch",
        "taskDefinitionArn":
            "arn:aws:ecs:us-east-1:123456789012:task-definition/nightly-report:12",
        "cpu": "1024",
        "memory": "2048",
        "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
        "version": version,
    });
    let Value::Object(news) = news else { unreachable!("news is an object") };
    for (key, value) in news {
        state[key] = value;
    }
    let state: TaskState = serde_json::from_value(state).unwrap();
    Fact::Seen(Sighting::of(&state, Some("main")).unwrap())
}

fn after(run: &Run, fact: &Fact, secs: f64) -> Run {
    match apply(run, run.attempt(), fact, at(secs)) {
        Applied::Changed(run) => *run,
        Applied::Ignored(why) => unreachable!("{why:?}"),
    }
}

/// The run with its first launch refused and its first task started.
pub(crate) fn started() -> Run {
    let mut run = claimed();
    run.arm(request(&run), at(2.14), at(92.0), "a");
    let refusal = "Capacity is unavailable at this time. Please try again later or in a different \
                   availability zone";
    run.refused(refusal, at(122.5));
    run.arm(request(&run), at(122.5), at(212.0), "b");
    let running = json!({
        "lastStatus": "RUNNING",
        "containers": [{ "name": "main" }, { "name": "proxy" }],
        "createdAt": at(124.012),
        "connectivityAt": at(133.4),
        "pullStartedAt": at(141.8),
        "pullStoppedAt": at(165.951),
        "startedAt": at(168.3),
    });
    let fact = state(&run, 4, running);
    after(&run, &fact, 169.0)
}

/// The run with an image that is not there.
pub(crate) fn unstartable() -> Run {
    let mut run = claimed();
    run.arm(request(&run), at(2.14), at(92.0), "a");
    let reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed \
                  to resolve ref 123456789012.dkr.ecr.us-east-1.amazonaws.com/report:1.4.3: \
                  123456789012.dkr.ecr.us-east-1.amazonaws.com/report:1.4.3: not found";
    let stopped = json!({
        "lastStatus": "STOPPED",
        "stopCode": "TaskFailedToStart",
        "stoppedReason": reason,
        "containers": [{ "name": "main" }, { "name": "proxy" }],
        "createdAt": at(3.1),
        "connectivityAt": at(12.9),
        "pullStartedAt": at(20.7),
        "stoppingAt": at(24.0),
        "stoppedAt": at(47.3),
    });
    let fact = state(&run, 5, stopped);
    after(&run, &fact, 48.0)
}

/// The run after Spot took its first task back.
fn interrupted() -> Run {
    let run = started();
    let stopped = json!({
        "lastStatus": "STOPPED",
        "stopCode": "SpotInterruption",
        "stoppedReason": "Your Spot Task was interrupted.",
        "containers": [
            { "name": "main", "exitCode": 143 },
            { "name": "proxy", "exitCode": 0 },
        ],
        "startedAt": at(168.3),
        "stoppingAt": at(1_905.7),
        "executionStoppedAt": at(1_936.25),
        "stoppedAt": at(1_960.9),
    });
    let fact = state(&run, 6, stopped);
    after(&run, &fact, 1_961.5)
}

/// The second attempt's task as it stopped, with this exit code.
pub(crate) fn ended(code: i32) -> Run {
    let mut run = interrupted();
    run.open_attempt(at(1_991.5));
    run.arm(request(&run), at(1_992.08), at(2_082.0), "c");
    let stopped = json!({
        "lastStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [
            { "name": "main", "exitCode": code },
            { "name": "proxy", "exitCode": 137 },
        ],
        "createdAt": at(1_993.2),
        "connectivityAt": at(2_001.0),
        "pullStartedAt": at(2_009.4),
        "pullStoppedAt": at(2_031.0),
        "startedAt": at(2_033.1),
        "stoppingAt": at(5_204.6),
        "executionStoppedAt": at(5_214.7),
        "stoppedAt": at(5_237.2),
    });
    let fact = state(&run, 6, stopped);
    after(&run, &fact, 5_238.0)
}
