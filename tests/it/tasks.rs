//! The local ECS by itself: what holds when its program cannot help it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use longshore::ecs::local::{Host, LocalEcs, Runtime};
use longshore::ecs::{Described, Ecs, RunTaskError};
use longshore::event::{Event, LastStatus, StopCode, TaskState, read_body};
use longshore::identity::{ClientToken, Namespace, RunId};
use longshore::jobs::{self, RunSpec, TaskRequest};
use longshore::ledger::database::Database;
use longshore::queue::QueueName;
use longshore::queue::local::LocalQueue;
use tempfile::TempDir;

struct Machine {
    folder: TempDir,
    database: Arc<Database>,
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let database = Arc::new(Database::open(&file, &Namespace::default()).unwrap());
        Self { folder, database }
    }

    fn ecs(&self, program: &str, runtime: Runtime) -> LocalEcs {
        let program = Path::new(program).to_owned();
        let host = Host { runtime, ..Host::default() };
        LocalEcs::new(Arc::clone(&self.database), program, host)
    }

    fn describe(&self, ecs: &LocalEcs, task: &str) -> TaskState {
        match block_on(ecs.describe("default", &[task.to_owned()])).unwrap().as_slice() {
            [Described::Task(state)] => (**state).clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The task whose supervisor could not be started.
    fn only_task(&self, ecs: &LocalEcs, request: &TaskRequest) -> String {
        let found = block_on(ecs.list_started_by(&request.cluster, &request.started_by)).unwrap();
        let [task] = found.as_slice() else { panic!("{found:?}") };
        task.clone()
    }

    fn news(&self) -> Vec<TaskState> {
        let queue = LocalQueue::new(Arc::clone(&self.database));
        let mut news = Vec::new();
        let later = Timestamp::now() + SignedDuration::from_hours(1);
        let hidden = SignedDuration::from_hours(1);
        while let Some(message) = queue.receive(QueueName::States, later, hidden).unwrap() {
            match read_body(message.body.as_bytes(), "1").remove(0).unwrap() {
                Event::TaskState(state) => news.push(*state),
                other => panic!("{other:?}"),
            }
        }
        news
    }
}

fn request() -> (TaskRequest, ClientToken) {
    let text = "defaults: { network: { subnets: [subnet-0a1b2c3d4e5f60718], \
                securityGroups: [sg-0a1b2c3d4e5f60718] } }\n\
                jobs:\n  j:\n    task: { image: alpine, cpu: 256, memory: 512, command: [sleep, '9'] }\n";
    let jobs = jobs::read(text.as_bytes(), Timestamp::now()).jobs.unwrap();
    let namespace = Namespace::default();
    let run = RunId::derive(&"j".parse().unwrap(), "manual", &["1"]);
    let values = Default::default();
    let spec = RunSpec { namespace: &namespace, run: &run, attempt: 1, values: &values };
    let request = jobs.get("j").unwrap().request(spec).unwrap();
    (request, ClientToken::new(&namespace, &run, 1, 1))
}

#[test]
fn a_task_that_nobody_took_is_stopped_without_anybody() {
    let machine = Machine::new();
    let ecs = machine.ecs("/nonexistent/longshore", Runtime::Process);
    let (request, token) = request();
    let unknown = block_on(ecs.run_task(&request, &token)).unwrap_err();
    assert!(matches!(unknown, RunTaskError::Unknown(_)), "{unknown}");
    let task = machine.only_task(&ecs, &request);
    assert_eq!(machine.describe(&ecs, &task).last_status, LastStatus::Provisioning);
    // It waits for its supervisor, and keeps nobody from anything else meanwhile.
    ecs.tend(Timestamp::now() + SignedDuration::from_secs(2)).unwrap();

    for _ in 0..2 {
        block_on(ecs.stop("default", &task, "longshore: cancelled")).unwrap();
    }
    let state = machine.describe(&ecs, &task);
    assert_eq!(
        (state.last_status, state.stop_code),
        (LastStatus::Stopped, Some(StopCode::UserInitiated))
    );
    assert_eq!(state.stopped_reason.as_deref(), Some("longshore: cancelled"));
    let told: Vec<(u64, LastStatus)> =
        machine.news().iter().map(|state| (state.version, state.last_status.clone())).collect();
    assert_eq!(told, [(1, LastStatus::Provisioning), (2, LastStatus::Stopped)]);
    // Nobody takes it any more.
    ecs.tend(Timestamp::now() + SignedDuration::from_hours(1)).unwrap();
}

#[test]
fn a_used_token_is_its_task_even_where_the_runtime_would_not_take_it() {
    let machine = Machine::new();
    let (mut request, token) = request();
    let ecs = machine.ecs("true", Runtime::Process);
    let task = block_on(ecs.run_task(&request, &token)).unwrap();
    assert_eq!(block_on(ecs.run_task(&request, &token)), Ok(task.clone()));
    // The same token with another request, which this runtime could never run.
    request.command = Some(Vec::new());
    let conflict = block_on(ecs.run_task(&request, &token)).unwrap_err();
    assert_eq!(conflict, RunTaskError::Conflict(vec![task]));
    let other = ClientToken::new(&"other".parse().unwrap(), &request_run(), 1, 1);
    let invalid = block_on(ecs.run_task(&request, &other)).unwrap_err();
    assert!(matches!(invalid, RunTaskError::Invalid(_)), "{invalid}");
}

fn request_run() -> RunId {
    RunId::derive(&"j".parse().unwrap(), "manual", &["1"])
}

#[test]
fn supervisors_that_cannot_do_their_work_are_reaped_and_not_started_without_pause() {
    let machine = Machine::new();
    let calls = machine.folder.path().join("calls");
    let program = machine.folder.path().join("supervisor");
    std::fs::write(
        &program,
        format!("#!/bin/sh\necho x >> {}\necho broken >&2\n", calls.display()),
    )
    .unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ecs = machine.ecs(program.to_str().unwrap(), Runtime::Process);
    let (request, token) = request();
    let task = block_on(ecs.run_task(&request, &token)).unwrap();
    let started = || std::fs::read(&calls).unwrap_or_default().len() / 2;
    crate::program::wait_for("the first supervisor", || started() == 1);
    let now = Timestamp::now();
    // Often in a short time: not once more. Some seconds later: once.
    for _ in 0..20 {
        ecs.tend(now + SignedDuration::from_secs(2)).unwrap();
    }
    let later = now + SignedDuration::from_secs(30);
    crate::program::wait_for("another supervisor", || {
        ecs.tend(later).unwrap();
        started() > 1
    });
    assert_eq!(started(), 2);
    let log = std::fs::read_to_string(ecs.log_file(&task)).unwrap();
    assert!(log.contains("broken"), "{log}");
}
