//! ECS as the world has it, with ECS's own rules: a token lives as long as its task and an hour
//! more, a day at most; a stopped task is shown for an hour; lists are behind.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use longshore::ecs::{Described, RunTaskError};
use longshore::event::{Container, Event, LastStatus, StopCode, TaskState};
use longshore::identity::{Holder, StartedBy};
use longshore::jobs::TaskRequest;
use longshore::queue::QueueName;

use crate::guard::Guard;
use crate::scene::secs;
use crate::world::{What, World};

const TOKEN_LIFE_MAX: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[derive(Default)]
pub(crate) struct Account {
    pub(crate) tasks: Vec<Task>,
    tokens: BTreeMap<(String, String), Token>,
    /// RunTask calls that reached the account.
    pub(crate) launches: u64,
}

struct Token {
    request: TaskRequest,
    task: usize,
}

/// A task, and what will become of it.
pub(crate) struct Task {
    pub(crate) whose: StartedBy,
    pub(crate) job: String,
    cluster: String,
    pub(crate) fate: Fate,
    /// Each state it had, since when.
    states: Vec<(Timestamp, TaskState)>,
    pub(crate) stop_reason: Option<String>,
    next: Next,
}

/// How a task ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Exits(i32),
    OutOfMemory,
    FailsToStart,
    Spot,
    HostFails,
    NoCode,
    /// It stays PENDING until it is stopped.
    Stuck,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Run,
    End,
    /// It was told to stop.
    Obey,
    Nothing,
}

impl Task {
    pub(crate) fn state(&self) -> &TaskState {
        &self.states[self.states.len() - 1].1
    }

    pub(crate) fn created_at(&self) -> Timestamp {
        self.states[0].0
    }

    pub(crate) fn stopped_at(&self) -> Option<Timestamp> {
        let (at, state) = &self.states[self.states.len() - 1];
        (state.last_status == LastStatus::Stopped).then_some(*at)
    }

    pub(crate) fn lives(&self) -> bool {
        self.stopped_at().is_none()
    }

    /// Whether its container ran.
    pub(crate) fn ran(&self) -> bool {
        self.state().started_at.is_some()
    }

    fn token_dies_at(&self) -> Timestamp {
        let day = self.created_at() + TOKEN_LIFE_MAX;
        self.stopped_at().map_or(day, |at| (at + HOUR).min(day))
    }

    /// As it was at this time.
    fn state_at(&self, at: Timestamp) -> Option<&TaskState> {
        self.states.iter().rev().find(|(since, _)| *since <= at).map(|(_, state)| state)
    }

    /// Whether ECS still shows it to who asks for this cluster.
    fn is_shown(&self, cluster: &str, now: Timestamp) -> bool {
        self.cluster == cluster && self.stopped_at().is_none_or(|at| now.duration_since(at) <= HOUR)
    }
}

impl World {
    /// RunTask.
    pub(crate) fn run_task(
        &mut self,
        request: TaskRequest,
        token: &str,
    ) -> Result<String, RunTaskError> {
        self.account.launches += 1;
        let now = self.now;
        if self.pace.as_mut().is_some_and(|pace| !pace.admits(now)) {
            return Err(RunTaskError::Throttled("ThrottlingException: Rate exceeded".to_owned()));
        }
        let mut token = token.to_owned();
        if self.without == Some(Guard::Token) {
            token = format!("{token}-{}", self.account.launches);
        }
        let key = (request.cluster.clone(), token);
        if let Some(known) = self.account.tokens.get(&key)
            && self.now < self.account.tasks[known.task].token_dies_at()
        {
            let arn = self.account.tasks[known.task].state().task_arn.clone();
            if known.request != request {
                return Err(RunTaskError::Conflict(vec![arn]));
            }
            self.note(|| format!("  RunTask answers with {arn} again"));
            return Ok(arn);
        }
        match self.fault("answer", [15, 40, 6, 10, 6, 30]) {
            1 => Err(RunTaskError::Refused("RESOURCE:CPU: a refusal".to_owned())),
            // It says no and does it.
            2 => {
                self.start(key, request);
                Err(RunTaskError::Refused("Capacity is unavailable at this time".to_owned()))
            }
            3 => Err(RunTaskError::Invalid("AccessDeniedException: not allowed".to_owned())),
            4 => Err(RunTaskError::Unsent("no subnet could be had for now".to_owned())),
            5 => {
                self.start(key, request);
                Err(RunTaskError::Conflict(Vec::new()))
            }
            6 => Err(RunTaskError::Throttled("ThrottlingException: Rate exceeded".to_owned())),
            _ => Ok(self.start(key, request)),
        }
    }

    fn start(&mut self, key: (String, String), request: TaskRequest) -> String {
        let index = self.account.tasks.len();
        let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task/{}/{index:032x}", key.0);
        let whose: StartedBy = request.started_by.parse().expect("our own startedBy");
        self.note(|| format!("  {arn} is started for {whose}"));
        self.beside_others(&whose, &arn);
        let (fate, next, begins) = self.fate_of_task();
        let now = self.now;
        let state = TaskState {
            task_arn: arn.clone(),
            cluster_arn: format!("arn:aws:ecs:eu-west-1:123456789012:cluster/{}", key.0),
            started_by: Some(request.started_by.clone()),
            last_status: LastStatus::Provisioning,
            desired_status: LastStatus::Running,
            version: 1,
            containers: vec![Container { name: request.container.clone(), ..Container::default() }],
            created_at: Some(now),
            ..TaskState::default()
        };
        let job = whose.run.job().to_owned();
        self.account.tasks.push(Task {
            whose,
            job,
            cluster: key.0.clone(),
            fate,
            states: vec![(now, state)],
            stop_reason: None,
            next,
        });
        self.account.tokens.insert(key, Token { request, task: index });
        if next != Next::Nothing {
            self.schedule(now + begins, What::TaskStep(index));
        }
        arn
    }

    fn fate_of_task(&mut self) -> (Fate, Next, SignedDuration) {
        let fate = [
            Fate::Exits(0),
            Fate::Exits(1),
            Fate::FailsToStart,
            Fate::Spot,
            Fate::HostFails,
            Fate::NoCode,
            Fate::OutOfMemory,
            Fate::Stuck,
        ][self.fate("fate", [180, 50, 50, 30, 20, 20, 30])];
        let begins = [20, 1, 540, 1_500][self.fate("task begins", [300, 30, 20])];
        match fate {
            Fate::FailsToStart => (fate, Next::End, secs(begins)),
            Fate::Stuck => (fate, Next::Nothing, secs(begins)),
            _ => (fate, Next::Run, secs(begins)),
        }
    }

    /// Invariants 3, 5 and 10: what else lives when a task is started.
    fn beside_others(&mut self, whose: &StartedBy, arn: &str) {
        let tasks = &self.account.tasks;
        let other = tasks.iter().find(|task| {
            task.whose.run == whose.run
                && (task.lives() || (task.whose.attempt == whose.attempt && task.ran()))
        });
        let problem = other.map(|other| {
            let state = other.state();
            format!(
                "{arn} is started for {whose} beside {} of attempt {}, {}",
                state.task_arn, other.whose.attempt, state.last_status
            )
        });
        let living =
            tasks.iter().filter(|task| task.job == whose.run.job() && task.lives()).count();
        let is_another_launch = tasks.iter().any(|task| task.whose == *whose);
        if let Some(problem) = problem {
            self.breaks(|| problem);
        }
        // Whoever has a slot keeps it, though the limit was lowered meanwhile.
        if is_another_launch {
            return;
        }
        let holder = Holder { run: whose.run.clone(), attempt: whose.attempt };
        let taken = self.store.taken.get(&holder).copied().unwrap_or(self.now);
        let jobs = self.scene.jobs;
        let limit_of = |deployed: usize| {
            let job = jobs[deployed].get(whose.run.job())?;
            job.policy.concurrency.map(|concurrency| concurrency.limit)
        };
        let [now, before] = self.jobs_in_use(taken);
        if let (Some(now), Some(before)) = (limit_of(now), limit_of(before)) {
            let limit = now.max(before);
            if living >= usize::try_from(limit).unwrap_or(usize::MAX) {
                self.breaks(|| format!("{arn} is one more than the limit of {limit}"));
            }
        }
    }

    /// The next step of a task's life.
    pub(crate) fn step_task(&mut self, index: usize) {
        match self.account.tasks[index].next {
            Next::Run => {
                let lasts = [30, 1, 900, 4_500][self.fate("task lasts", [150, 100, 60])];
                let now = self.now;
                self.change_task(index, |task, state| {
                    task.next = Next::End;
                    state.last_status = LastStatus::Running;
                    state.started_at = Some(now);
                });
                self.schedule(now + secs(lasts), What::TaskStep(index));
            }
            Next::End | Next::Obey => self.end_task(index),
            Next::Nothing => {}
        }
    }

    fn end_task(&mut self, index: usize) {
        let now = self.now;
        let obeys = self.account.tasks[index].next == Next::Obey;
        let code = if obeys { [143, 0, 137][self.fate("obeys", [100, 100])] } else { 0 };
        self.change_task(index, |task, state| {
            task.next = Next::Nothing;
            let ran = state.started_at.is_some();
            let (stop_code, code, reason) = match task.fate {
                _ if obeys => (StopCode::UserInitiated, ran.then_some(code), None),
                Fate::Exits(code) => (StopCode::EssentialContainerExited, Some(code), None),
                Fate::OutOfMemory => (
                    StopCode::EssentialContainerExited,
                    Some(137),
                    Some("OutOfMemoryError: Container killed due to memory usage"),
                ),
                Fate::FailsToStart => {
                    (StopCode::TaskFailedToStart, None, Some("CannotPullContainerError: EOF"))
                }
                Fate::Spot => (StopCode::SpotInterruption, Some(143), None),
                Fate::HostFails => (StopCode::InfrastructureHealth, None, None),
                Fate::NoCode | Fate::Stuck => (StopCode::EssentialContainerExited, None, None),
            };
            state.last_status = LastStatus::Stopped;
            state.stopped_at = Some(now);
            state.stop_code = Some(stop_code);
            state.stopped_reason =
                task.stop_reason.clone().filter(|_| obeys).or(Some("Task ended".to_owned()));
            state.desired_status = LastStatus::Stopped;
            for container in &mut state.containers {
                container.exit_code = code;
                container.reason = reason.map(str::to_owned);
                container.last_status = LastStatus::Stopped;
            }
        });
    }

    /// Changes a task, and ECS tells of it: once, twice, late, or never.
    fn change_task(&mut self, index: usize, change: impl FnOnce(&mut Task, &mut TaskState)) {
        let now = self.now;
        let task = &mut self.account.tasks[index];
        let mut state = task.state().clone();
        state.version += 1;
        change(task, &mut state);
        self.note(|| format!("{} is {}", state.task_arn, state.last_status));
        let is_told = matches!(state.last_status, LastStatus::Running | LastStatus::Stopped);
        self.account.tasks[index].states.push((now, state.clone()));
        if !is_told || state.desired_status == LastStatus::Stopped && state.stopped_at.is_none() {
            return;
        }
        let event = Event::TaskState(Box::new(state));
        let soon = SignedDuration::from_millis(600);
        match self.fault("news", [60, 40, 40, 20, 20]) {
            0 => self.post(QueueName::States, event, soon),
            1 => self.note(|| "  nobody will ever tell".to_owned()),
            2 => {
                self.post(QueueName::States, event.clone(), soon);
                self.post(QueueName::States, event, secs(40));
            }
            late => self.post(QueueName::States, event, secs([30, 600, 900][late - 3])),
        }
    }

    /// StopTask.
    pub(crate) fn stop_task(&mut self, cluster: &str, arn: &str, reason: &str) {
        let found = self
            .account
            .tasks
            .iter()
            .position(|task| task.cluster == cluster && task.state().task_arn == arn);
        let Some(index) = found.filter(|index| self.account.tasks[*index].lives()) else { return };
        self.note(|| format!("  {arn} is told to stop: {reason}"));
        if self.account.tasks[index].next == Next::Obey {
            return;
        }
        let takes = [3, 35, 130][self.fate("stop takes", [200, 100])];
        // It may end by itself before it obeys.
        let ends_itself = self.account.tasks[index].next == Next::End
            && self.account.tasks[index].fate == Fate::Exits(0)
            && self.fate("ends itself", [200]) == 1;
        let now = self.now;
        let reason = reason.to_owned();
        self.change_task(index, |task, state| {
            task.stop_reason = Some(reason);
            if !ends_itself {
                task.next = Next::Obey;
            }
            state.desired_status = LastStatus::Stopped;
            state.stopping_at = Some(now);
        });
        self.schedule(now + secs(takes), What::TaskStep(index));
    }

    /// DescribeTasks, now and then of a while ago.
    pub(crate) fn describe(&mut self, cluster: &str, arns: &[String]) -> Vec<Described> {
        let behind = secs([0, 5, 45][self.fault("describe behind", [60, 40])]);
        let at = self.now - behind;
        let now = self.now;
        let tasks = &self.account.tasks;
        let mut described = Vec::new();
        for arn in arns {
            let shown = tasks
                .iter()
                .find(|task| task.state().task_arn == *arn && task.is_shown(cluster, now))
                .and_then(|task| task.state_at(at));
            described.push(match shown {
                Some(state) => Described::Task(Box::new(state.clone())),
                None => Described::Missing(arn.clone()),
            });
        }
        described
    }

    /// ListTasks by `startedBy`, now and then of a while ago.
    pub(crate) fn list_started_by(&mut self, cluster: &str, started_by: &str) -> Vec<String> {
        if self.without == Some(Guard::Look) {
            return Vec::new();
        }
        let behind = secs([0, 5, 45][self.fault("list behind", [60, 120])]);
        let (now, at) = (self.now, self.now - behind);
        let tasks = self.account.tasks.iter().filter(|task| task.is_shown(cluster, now));
        let is_its = |state: &&TaskState| state.started_by.as_deref() == Some(started_by);
        tasks
            .filter_map(|task| task.state_at(at))
            .filter(is_its)
            .map(|state| state.task_arn.clone())
            .collect()
    }
}
