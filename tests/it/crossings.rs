//! What others do between two steps of one invocation: the use cases over a real ledger and queue,
//! with an ECS that keeps its tokens, and a hook at the moment that matters.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use longshore::backend::Backend;
use longshore::cause::Kind;
use longshore::dispatch::{Invocation, dispatch};
use longshore::ecs::{Described, Ecs, EcsError, RunTaskError};
use longshore::event::{Container, Event, LastStatus, StopCode, TaskState, read_body};
use longshore::identity::{ClientToken, Holder, JobName, Namespace, RunId};
use longshore::jobs::{self, Jobs, TaskRequest};
use longshore::ledger::database::Database;
use longshore::ledger::sqlite::SqliteLedger;
use longshore::ledger::{Claim, Filter, Ledger, LedgerError, Saved, Slot};
use longshore::policy::Timing;
use longshore::queue::QueueName;
use longshore::queue::local::LocalQueue;
use longshore::record::record;
use longshore::run::{Line, Run, State, StopAsked, StopCause, Verdict, Wait};
use longshore::stop::ask_to_stop;
use longshore::sweep::sweep;
use tempfile::TempDir;

/// What happens at one moment, once.
type Hook = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

fn fire(hook: &Hook) -> bool {
    let hook = hook.lock().unwrap().take();
    hook.map(|hook| hook()).is_some()
}

/// SQLite, with a moment before a slot is taken.
#[derive(Clone, Debug)]
struct Hooked {
    inner: SqliteLedger,
    before_acquire: Moment,
}

#[derive(Clone, Default)]
struct Moment {
    hook: Hook,
    /// Whether the invocation dies at it.
    deadly: Arc<Mutex<bool>>,
}

impl std::fmt::Debug for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Moment")
    }
}

impl Ledger for Hooked {
    async fn claim(&self, run: &Run) -> Result<Claim, LedgerError> {
        self.inner.claim(run).await
    }
    async fn load(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        self.inner.load(id).await
    }
    async fn load_all(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        self.inner.load_all(ids).await
    }
    async fn save(&self, run: &mut Run) -> Result<Saved, LedgerError> {
        self.inner.save(run).await
    }
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RunId>, LedgerError> {
        self.inner.due(now, limit).await
    }
    async fn list(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        self.inner.list(filter).await
    }
    async fn acquire(&self, holder: &Holder, limit: u32) -> Result<Slot, LedgerError> {
        fire(&self.before_acquire.hook);
        if std::mem::take(&mut *self.before_acquire.deadly.lock().unwrap()) {
            return Err(LedgerError::Unavailable("the invocation dies here".to_owned()));
        }
        self.inner.acquire(holder, limit).await
    }
    async fn release(&self, holder: &Holder) -> Result<(), LedgerError> {
        self.inner.release(holder).await
    }
    async fn holders(&self, job: &JobName) -> Result<Vec<Holder>, LedgerError> {
        self.inner.holders(job).await
    }
}

/// What the next RunTask answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answer {
    #[default]
    Task,
    /// It starts a task and the answer is lost.
    Lost,
    /// It answers that the request is invalid, and starts nothing.
    Invalid,
    /// It is not asked.
    Unsent,
}

/// A ledger and queues in a folder, an ECS beside them, and AWS's times.
pub(crate) fn backend_in<E>(folder: &Path, ecs: E) -> Backend<SqliteLedger, E, LocalQueue> {
    let file = folder.join("ledger.db");
    let database = Arc::new(Database::open(&file, &Namespace::default()).unwrap());
    Backend {
        ledger: SqliteLedger::new(Arc::clone(&database)),
        ecs,
        queue: LocalQueue::new(database),
        namespace: Namespace::default(),
        timing: Timing::AWS,
        brake: Arc::default(),
    }
}

/// An ECS that starts one task for each token.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    tasks: Arc<Mutex<Vec<(ClientToken, TaskState)>>>,
    answer: Arc<Mutex<Answer>>,
    /// How many of the next calls are throttled.
    throttles: Arc<Mutex<u32>>,
    before_run_task: Hook,
    before_described: Hook,
    stopped: Arc<Mutex<Vec<String>>>,
}

impl Tasks {
    /// How many tasks were started.
    pub(crate) fn count(&self) -> usize {
        self.tasks.lock().unwrap().len()
    }

    /// A task moves on, and ECS tells of it: it runs, or exits.
    pub(crate) fn tell(&self, task: &str, exit_code: Option<i32>, at: Timestamp) -> Event {
        let mut tasks = self.tasks.lock().unwrap();
        let (_, state) = tasks.iter_mut().find(|(_, state)| state.task_arn == task).unwrap();
        state.version += 1;
        state.started_at.get_or_insert(at);
        state.last_status = LastStatus::Running;
        if let Some(code) = exit_code {
            state.last_status = LastStatus::Stopped;
            state.stop_code = Some(StopCode::EssentialContainerExited);
            state.stopped_at = Some(at);
            state.containers[0].exit_code = Some(code);
        }
        Event::TaskState(Box::new(state.clone()))
    }
}

impl Ecs for Tasks {
    async fn run_task(
        &self,
        request: &TaskRequest,
        token: &ClientToken,
    ) -> Result<String, RunTaskError> {
        fire(&self.before_run_task);
        let mut throttles = self.throttles.lock().unwrap();
        if *throttles > 0 {
            *throttles -= 1;
            return Err(RunTaskError::Throttled("Rate exceeded".to_owned()));
        }
        drop(throttles);
        let answer = std::mem::take(&mut *self.answer.lock().unwrap());
        match answer {
            Answer::Invalid => return Err(RunTaskError::Invalid("no permission".to_owned())),
            Answer::Unsent => return Err(RunTaskError::Unsent("EC2 is throttled".to_owned())),
            Answer::Task | Answer::Lost => {}
        }
        let task = format!("arn:aws:ecs:x:0:task/{}/{token}", request.cluster);
        let mut tasks = self.tasks.lock().unwrap();
        if !tasks.iter().any(|(known, _)| known == token) {
            let state = TaskState {
                task_arn: task.clone(),
                cluster_arn: format!("arn:aws:ecs:x:0:cluster/{}", request.cluster),
                started_by: Some(request.started_by.clone()),
                last_status: LastStatus::Pending,
                version: 1,
                containers: vec![Container {
                    name: request.container.clone(),
                    ..Container::default()
                }],
                ..TaskState::default()
            };
            tasks.push((token.clone(), state));
        }
        match answer {
            Answer::Lost => Err(RunTaskError::Unknown("the answer is lost".to_owned())),
            Answer::Task | Answer::Invalid | Answer::Unsent => Ok(task),
        }
    }

    async fn describe(&self, _: &str, tasks: &[String]) -> Result<Vec<Described>, EcsError> {
        let known = self.tasks.lock().unwrap().clone();
        let described = tasks.iter().map(|task| {
            match known.iter().find(|(_, state)| state.task_arn == *task) {
                Some((_, state)) => Described::Task(Box::new(state.clone())),
                None => Described::Missing(task.clone()),
            }
        });
        let described = described.collect();
        fire(&self.before_described);
        Ok(described)
    }

    async fn list_started_by(&self, _: &str, started_by: &str) -> Result<Vec<String>, EcsError> {
        let tasks = self.tasks.lock().unwrap();
        let its = tasks.iter().filter(|(_, state)| state.started_by.as_deref() == Some(started_by));
        Ok(its.map(|(_, state)| state.task_arn.clone()).collect())
    }

    async fn stop(&self, _: &str, task: &str, _: &str) -> Result<(), EcsError> {
        self.stopped.lock().unwrap().push(task.to_owned());
        Ok(())
    }
}

#[derive(Clone)]
struct World {
    backend: Backend<Hooked, Tasks, LocalQueue>,
    jobs: Jobs,
    start: Timestamp,
    _folder: Arc<TempDir>,
}

/// Nothing here ever waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

pub(crate) fn jobs(settings: &str) -> Jobs {
    let text = format!(
        "defaults: {{ network: {{ subnets: [subnet-0a1b2c3d4e5f60718], \
         securityGroups: [sg-0a1b2c3d4e5f60718] }} }}\n\
         jobs:\n  j:\n    task: {{ image: 'x:1', cpu: 256, memory: 512, command: [a] }}\n{settings}"
    );
    let read = jobs::read(text.as_bytes(), Timestamp::now());
    read.jobs.unwrap_or_else(|| panic!("{:?}", read.problems))
}

pub(crate) fn event(key: &str) -> Event {
    let body = format!("{{\"job\":\"j\",\"key\":\"{key}\"}}");
    read_body(body.as_bytes(), "1").remove(0).unwrap()
}

pub(crate) fn id(key: &str) -> RunId {
    event(key).occurrence().unwrap().run_id(&"j".parse().unwrap())
}

impl World {
    fn new(settings: &str, timing: Timing) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Backend { ledger: inner, ecs, queue, namespace, .. } =
            backend_in(folder.path(), Tasks::default());
        let ledger = Hooked { inner, before_acquire: Moment::default() };
        let backend = Backend { ledger, ecs, queue, namespace, timing, brake: Arc::default() };
        let start = Timestamp::now();
        Self { backend, jobs: jobs(settings), start, _folder: Arc::new(folder) }
    }

    fn at(&self, seconds: i64) -> Timestamp {
        self.start + SignedDuration::from_secs(seconds)
    }

    /// The event of `key` arrives; the invocation's name is the time.
    fn arrive(&self, key: &str, seconds: i64) -> Result<(), String> {
        let nonce = format!("{key} at {seconds}");
        let at = self.at(seconds);
        let invocation = Invocation { now: at, nonce: &nonce, clock: &move || at };
        now(dispatch(&self.backend, &self.jobs, &event(key), invocation))
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// Every message that was sent arrives.
    fn deliver(&self, seconds: i64) {
        let far = self.start + SignedDuration::from_hours(1000);
        let nonce = format!("messages at {seconds}");
        let at = self.at(seconds);
        let invocation = Invocation { now: at, nonce: &nonce, clock: &move || at };
        for queue in [QueueName::States, QueueName::Events, QueueName::States] {
            let sent = || self.backend.queue.receive(queue, far, SignedDuration::from_hours(1));
            while let Some(message) = sent().unwrap() {
                let event = read_body(message.body.as_bytes(), "1").remove(0).unwrap();
                match queue {
                    QueueName::States => {
                        drop(now(record(&self.backend, &event, invocation.now)).unwrap());
                    }
                    QueueName::Events | QueueName::Reject => {
                        drop(now(dispatch(&self.backend, &self.jobs, &event, invocation)));
                    }
                }
                self.backend.queue.delete(message.number).unwrap();
            }
        }
    }

    /// The run's task moves on and ECS tells of it: it runs, or exits.
    fn task_tells(&self, key: &str, exit_code: Option<i32>, seconds: i64) {
        let task = self.run(key).last_task().unwrap().to_owned();
        let news = self.backend.ecs.tell(&task, exit_code, self.at(seconds));
        drop(now(record(&self.backend, &news, self.at(seconds))).unwrap());
    }

    fn run(&self, key: &str) -> Run {
        now(self.backend.ledger.load(&id(key))).unwrap().unwrap()
    }

    fn tasks(&self) -> usize {
        self.backend.ecs.tasks.lock().unwrap().len()
    }

    fn holders(&self) -> usize {
        now(self.backend.ledger.holders(&"j".parse().unwrap())).unwrap().len()
    }

    fn stopped(&self) -> Vec<String> {
        self.backend.ecs.stopped.lock().unwrap().clone()
    }

    fn set(&self, hook: &Hook, then: impl FnOnce(&Self) + Send + 'static) {
        let world = self.clone();
        *hook.lock().unwrap() = Some(Box::new(move || then(&world)));
    }
}

const WAIT_FOR_ONE: &str = "    concurrency: { limit: 1, whenFull: wait }\n";
const SKIP_AT_ONE: &str = "    concurrency: { limit: 1, whenFull: skip }\n";

#[test]
fn a_dispatcher_that_stalls_before_its_slot_starts_no_second_task() {
    for timing in [Timing::AWS, Timing::LOCAL] {
        let world = World::new(WAIT_FOR_ONE, timing);
        let lease = timing.lease.as_secs();
        world.arrive("1", 0).unwrap();
        let moment = world.backend.ledger.before_acquire.hook.clone();
        world.set(&moment, move |world| {
            // Others take over twice, find no slot, then look, and are given the slot.
            world.arrive("2", lease + 1).unwrap();
            assert!(matches!(world.run("2").state, State::Waiting { wait: Wait::Doubt, .. }));
            world.arrive("2", 2 * lease + 70).unwrap();
            world.task_tells("1", Some(0), 2 * lease + 80);
            world.arrive("2", 4 * lease + 200).unwrap();
            assert_eq!(world.run("2").state, State::Started);
        });
        world.arrive("2", 0).unwrap();
        assert_eq!(world.tasks(), 2, "one for each run");
        assert_eq!(world.stopped(), Vec::<String>::new());
        world.task_tells("2", Some(0), 5 * lease + 200);
        assert_eq!(world.run("2").verdict(), Some(Verdict::Succeeded));
        assert_eq!(world.holders(), 0);
    }
}

#[test]
fn whoever_was_held_up_beyond_its_lease_does_not_call() {
    let world = World::new(WAIT_FOR_ONE, Timing::AWS);
    let late = Arc::new(AtomicBool::new(false));
    let held_up = Arc::clone(&late);
    let hook = world.backend.ledger.before_acquire.hook.clone();
    world.set(&hook, move |_| held_up.store(true, Ordering::Relaxed));
    let clock = || world.at(if late.load(Ordering::Relaxed) { 91 } else { 0 });
    let invocation = Invocation { now: world.at(0), nonce: "late", clock: &clock };
    now(dispatch(&world.backend, &world.jobs, &event("1"), invocation)).unwrap();
    assert!(matches!(world.run("1").state, State::Launching { .. }));
    assert_eq!(world.tasks(), 0);
    world.arrive("1", 100).unwrap();
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 1));
}

#[test]
fn a_task_that_starts_after_its_run_was_cancelled_is_stopped() {
    let world = World::new("", Timing::AWS);
    world.set(&world.backend.ecs.before_run_task, |world| {
        // A stop is asked for; somebody else takes the launch over, is refused, looks and gives up.
        let (run, at) = (id("1"), world.at(1));
        let asked =
            now(ask_to_stop(&world.backend, &run, StopAsked::new(StopCause::Cancelled, at)));
        assert!(asked.unwrap().is_some());
        *world.backend.ecs.answer.lock().unwrap() = Answer::Invalid;
        world.arrive("1", 91).unwrap();
        world.arrive("1", 340).unwrap();
        world.deliver(341);
        assert_eq!(world.run("1").verdict(), Some(Verdict::Cancelled));
    });
    world.arrive("1", 0).unwrap();
    assert_eq!((world.tasks(), world.stopped().len()), (1, 1));
}

#[test]
fn a_refusal_of_the_second_call_is_not_believed_when_the_first_started_a_task() {
    let world = World::new("", Timing::AWS);
    *world.backend.ecs.answer.lock().unwrap() = Answer::Lost;
    world.arrive("1", 0).unwrap();
    *world.backend.ecs.answer.lock().unwrap() = Answer::Invalid;
    world.arrive("1", 91).unwrap();
    world.deliver(92);
    assert_eq!(world.run("1").verdict(), None);
    world.arrive("1", 340).unwrap();
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 1));
}

#[test]
fn a_launch_that_was_never_sent_is_made_anew_and_never_ends_as_lost() {
    let world = World::new("", Timing::AWS);
    // After 50 minutes ECS may have forgotten the token: a call that was made would be lost.
    for seconds in [0, 100, 300, 500, 700, 900, 1_300, 4_000] {
        *world.backend.ecs.answer.lock().unwrap() = Answer::Unsent;
        world.arrive("1", seconds).unwrap();
    }
    *world.backend.ecs.answer.lock().unwrap() = Answer::Task;
    world.deliver(4_001);
    let run = world.run("1");
    assert_eq!((run.verdict(), world.tasks()), (Some(Verdict::Failed), 0));
    assert!(format!("{run:?}").contains("EC2 is throttled"), "{run:?}");
}

#[test]
fn a_second_call_that_was_not_sent_keeps_the_token_of_the_first() {
    let world = World::new("", Timing::AWS);
    *world.backend.ecs.answer.lock().unwrap() = Answer::Lost;
    world.arrive("1", 0).unwrap();
    *world.backend.ecs.answer.lock().unwrap() = Answer::Unsent;
    world.arrive("1", 91).unwrap();
    assert!(matches!(world.run("1").state, State::Launching { .. }), "{:?}", world.run("1").state);
    world.arrive("1", 200).unwrap();
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 1));
}

#[test]
fn a_run_that_is_throttled_for_hours_is_launched_at_last_and_never_lost() {
    let world = World::new("", Timing::AWS);
    *world.backend.ecs.throttles.lock().unwrap() = 100;
    for hour in 0..10 {
        world.arrive("1", hour * 3_600).unwrap();
        let run = world.run("1");
        assert_eq!((run.line(), run.launch(), world.tasks()), (Some(Line::Turn), None, 0));
        let cause = run.cause().unwrap();
        assert_eq!(cause.kind, Kind::Throttled);
    }
    *world.backend.ecs.throttles.lock().unwrap() = 0;
    world.deliver(40_000);
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 1));
}

#[test]
fn the_first_to_be_throttled_asks_once_more() {
    let world = World::new("", Timing::AWS);
    *world.backend.ecs.throttles.lock().unwrap() = 1;
    world.arrive("1", 0).unwrap();
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 1));
}

#[test]
fn nobody_stands_behind_a_run_that_was_launched() {
    let world = World::new("", Timing::AWS);
    *world.backend.ecs.throttles.lock().unwrap() = 1;
    for key in ["1", "2"] {
        world.arrive(key, 0).unwrap();
        assert_eq!(world.run(key).state, State::Started, "{key}");
    }
}

#[test]
fn a_line_whose_turns_have_ended_is_given_one_within_two_minutes() {
    let world = World::new("", Timing::AWS);
    *world.backend.ecs.throttles.lock().unwrap() = 2;
    world.arrive("1", 0).unwrap();
    world.deliver(0);
    assert_eq!(world.run("1").state, State::Started);
    // The turn has found nobody, and a moment ago the first was throttled.
    for key in ["2", "3"] {
        world.arrive(key, 0).unwrap();
    }
    for (seconds, tasks) in [(59, 1), (60, 3)] {
        now(sweep(&world.backend, &world.jobs, world.at(seconds))).unwrap();
        world.deliver(seconds);
        assert_eq!(world.tasks(), tasks, "{seconds}");
    }
}

#[test]
fn one_turn_goes_through_the_whole_line() {
    let world = World::new("", Timing::AWS);
    *world.backend.ecs.throttles.lock().unwrap() = 2;
    let keys = ["1", "2", "3", "4"];
    for key in keys {
        // It was a moment ago that the first was throttled: the others do not even ask.
        world.arrive(key, 0).unwrap();
        assert_eq!((world.run(key).line(), world.tasks()), (Some(Line::Turn), 0));
    }
    world.deliver(5);
    assert_eq!(world.tasks(), 4);
    assert!(keys.iter().all(|key| world.run(key).state == State::Started));
}

#[test]
fn a_run_in_doubt_is_given_the_slot_that_its_own_last_attempt_left() {
    let retry = "    concurrency: { limit: 1, whenFull: wait }\n    retry: { attempts: 2, on: \
                 [anyExitCode], backoff: { delay: 30s, factor: 1, max: 30s } }\n";
    let world = World::new(retry, Timing::AWS);
    world.arrive("1", 0).unwrap();
    world.task_tells("1", Some(75), 60);
    // An invocation that stalled takes the slot of the attempt that is over, and dies.
    let ledger = &world.backend.ledger;
    now(ledger.acquire(&world.run("1").holder(1), 1)).unwrap();
    // Another claims the launch of the next attempt and dies; who takes over finds no slot.
    *world.backend.ecs.answer.lock().unwrap() = Answer::Lost;
    *world.backend.ledger.before_acquire.deadly.lock().unwrap() = true;
    drop(world.arrive("1", 120));
    world.arrive("1", 300).unwrap();
    assert!(matches!(world.run("1").state, State::Waiting { wait: Wait::Doubt, .. }));
    for seconds in [500, 700] {
        world.arrive("1", seconds).unwrap();
    }
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 2));
}

#[test]
fn a_limit_that_ended_one_attempt_does_not_stop_the_next() {
    let retry = "    timeout: 60s\n    retry: { attempts: 3, on: [anyExitCode], \
                 backoff: { delay: 30s, factor: 1, max: 30s } }\n";
    let world = World::new(retry, Timing::AWS);
    world.arrive("1", 0).unwrap();
    world.task_tells("1", None, 0);
    // The container exits while sweep holds an older account of it.
    world.set(&world.backend.ecs.before_described, |world| world.task_tells("1", Some(75), 1000));
    now(sweep(&world.backend, &world.jobs, world.at(1000))).unwrap();
    let run = world.run("1");
    assert_eq!((run.attempt(), run.stop), (2, None));
    world.deliver(1060);
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 2));
}

#[test]
fn a_task_whose_start_is_heard_of_while_sweep_looks_is_not_stopped() {
    let world = World::new("", Timing::AWS);
    world.arrive("1", 0).unwrap();
    world.set(&world.backend.ecs.before_described, |world| world.task_tells("1", None, 660));
    now(sweep(&world.backend, &world.jobs, world.at(1000))).unwrap();
    assert!(matches!(world.run("1").state, State::Running { .. }), "{:#?}", world.run("1"));
    assert_eq!(world.stopped(), Vec::<String>::new());
}

#[test]
fn a_run_that_nobody_launched_ends_on_one_machine_when_its_job_is_gone() {
    let mut world = World::new(WAIT_FOR_ONE, Timing::LOCAL);
    *world.backend.ledger.before_acquire.deadly.lock().unwrap() = true;
    world.arrive("1", 0).unwrap_err();
    world.jobs = Jobs::default();
    now(sweep(&world.backend, &world.jobs, world.at(10))).unwrap();
    world.deliver(10);
    let run = world.run("1");
    assert_eq!((run.verdict(), world.tasks()), (Some(Verdict::Failed), 0), "{run:#?}");
    assert_eq!(run.reason(), Some("there is no job `j` in jobs.yaml any more"));
}

#[test]
fn a_run_that_was_to_wait_for_a_slot_is_not_counted_as_launched() {
    let world = World::new(WAIT_FOR_ONE, Timing::AWS);
    world.arrive("1", 0).unwrap();
    *world.backend.ledger.before_acquire.deadly.lock().unwrap() = true;
    world.arrive("2", 0).unwrap_err();
    for minute in (2..300).step_by(2) {
        world.arrive("2", minute * 60).unwrap();
    }
    world.deliver(300 * 60);
    assert_eq!((world.run("2").verdict(), world.tasks()), (None, 1));
    world.task_tells("1", Some(0), 301 * 60);
    now(sweep(&world.backend, &world.jobs, world.at(302 * 60))).unwrap();
    world.deliver(302 * 60);
    assert_eq!((world.run("2").state, world.tasks()), (State::Started, 2));
}

#[test]
fn a_slot_is_given_back_whatever_became_of_the_limit() {
    // The limit was new when the slot was taken, and the run's own policy had none.
    let mut world = World::new("", Timing::AWS);
    *world.backend.ecs.answer.lock().unwrap() = Answer::Lost;
    world.arrive("1", 0).unwrap();
    world.jobs = jobs(SKIP_AT_ONE);
    world.arrive("1", 91).unwrap();
    assert_eq!((world.holders(), world.tasks()), (1, 1));
    world.task_tells("1", Some(0), 100);
    assert_eq!(world.holders(), 0);
}

#[test]
fn nobody_is_skipped_because_of_a_slot_whose_holder_is_over() {
    let world = World::new(SKIP_AT_ONE, Timing::AWS);
    let moment = world.backend.ledger.before_acquire.hook.clone();
    world.set(&moment, |world| {
        world.arrive("1", 100).unwrap();
        world.task_tells("1", Some(0), 110);
    });
    // It wakes when its run is over, and gives the slot back that it takes.
    world.arrive("1", 0).unwrap();
    assert_eq!(world.holders(), 0);
    // One that died with it does not.
    let holder = world.run("1").holder(1);
    assert_eq!(now(world.backend.ledger.acquire(&holder, 1)).unwrap(), Slot::Held);
    world.arrive("2", 3600).unwrap();
    world.deliver(3601);
    assert_eq!((world.run("2").state, world.tasks()), (State::Started, 2));
}

#[test]
fn a_limit_that_is_new_does_not_skip_a_run_that_may_have_a_task() {
    let mut world = World::new("", Timing::AWS);
    *world.backend.ecs.answer.lock().unwrap() = Answer::Lost;
    world.arrive("1", 0).unwrap();
    world.jobs = jobs(SKIP_AT_ONE);
    world.arrive("2", 10).unwrap();
    world.arrive("1", 100).unwrap();
    world.deliver(101);
    assert_eq!(world.run("1").verdict(), None);
    world.arrive("1", 300).unwrap();
    assert_eq!((world.run("1").state, world.tasks()), (State::Started, 2));
}

#[test]
fn what_no_message_can_be_held_back_for_is_left_to_sweep() {
    let retry = "    retry: { attempts: 2, on: [anyExitCode], \
                 backoff: { delay: 30m, factor: 1, max: 30m } }\n";
    for (timing, reminded) in [(Timing::AWS, false), (Timing::LOCAL, true)] {
        let world = World::new(retry, timing);
        world.arrive("1", 0).unwrap();
        world.task_tells("1", Some(75), 10);
        let far = world.at(86_400);
        let message = || {
            let hidden = SignedDuration::from_hours(48);
            world.backend.queue.receive(QueueName::Events, far, hidden).unwrap()
        };
        assert_eq!(message().is_some(), reminded);
        let State::Waiting { until, .. } = world.run("1").state else { panic!("it does not wait") };
        now(sweep(&world.backend, &world.jobs, until - SignedDuration::from_secs(1))).unwrap();
        assert!(message().is_none(), "reminded too early");
        now(sweep(&world.backend, &world.jobs, until)).unwrap();
        assert!(message().is_some());
    }
}
