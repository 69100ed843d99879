//! The three ports of the world. Every call takes time, in which others go on, and may go wrong:
//! refused, done without an answer, never returned from, done after its caller gave up.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use longshore::ecs::{Described, Ecs, EcsError, RunTaskError};
use longshore::identity::{ClientToken, Holder, JobName, RunId};
use longshore::jobs::TaskRequest;
use longshore::ledger::{Claim, Filter, Ledger, LedgerError, Saved, Slot};
use longshore::queue::{Message, Outcome, Queue, QueueError};
use longshore::run::Run;

use crate::guard::Guard;
use crate::scene::secs;
use crate::world::{What, World};

/// The world, shared by all who work in it.
pub(crate) type Shared = Arc<Mutex<World>>;

pub(crate) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port in the hands of one invocation.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) world: Shared,
    pub(crate) invocation: u32,
}

/// The numbers of the ports, for outages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ledger = 0,
    Ecs = 1,
    Queue = 2,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Nothing is done, and the caller knows that something is wrong.
    Fails,
    /// It is done, and the caller does not hear of it.
    AnswerLost,
    /// The caller dies before.
    DiesBefore,
    /// The caller dies after.
    DiesAfter,
    /// It is done when the caller has given up.
    Late,
    /// It takes seconds.
    Slow,
    /// It takes longer than a lease.
    Stalls,
}

const FAULTS: [Fault; 8] = [
    Fault::None,
    Fault::Fails,
    Fault::AnswerLost,
    Fault::DiesBefore,
    Fault::DiesAfter,
    Fault::Late,
    Fault::Slow,
    Fault::Stalls,
];

/// The caller got no answer.
struct NoAnswer;

impl Port {
    async fn write<T: 'static>(
        &self,
        kind: Kind,
        what: &'static str,
        effect: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let fault = FAULTS[lock(&self.world).fault(what, [10, 10, 8, 8, 4, 10, 10])];
        self.call(kind, what, fault, effect).await
    }

    async fn read<T: 'static>(
        &self,
        kind: Kind,
        what: &'static str,
        effect: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let faults = [Fault::None, Fault::Fails, Fault::DiesBefore, Fault::Slow, Fault::Stalls];
        let fault = faults[lock(&self.world).fault(what, [10, 5, 5, 3])];
        self.call(kind, what, fault, effect).await
    }

    async fn call<T>(
        &self,
        kind: Kind,
        what: &'static str,
        fault: Fault,
        effect: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T, NoAnswer>
    where
        T: 'static,
    {
        let takes = match fault {
            Fault::Slow => secs(6),
            Fault::Stalls => secs(120),
            _ if kind == Kind::Ecs => SignedDuration::from_millis(150),
            _ => SignedDuration::from_millis(10),
        };
        self.wait(takes).await;
        let invocation = self.invocation;
        {
            let mut world = lock(&self.world);
            let is_out = world.scene.is_out(kind as usize, world.now);
            world.calls += 1;
            world.note(|| match (fault, is_out) {
                (_, true) => format!("#{invocation} {what}: cannot be reached"),
                (Fault::None, _) => format!("#{invocation} {what}"),
                (fault, _) => format!("#{invocation} {what}: {fault:?}"),
            });
            match fault {
                _ if is_out => return Err(NoAnswer),
                Fault::Fails => return Err(NoAnswer),
                Fault::None | Fault::Slow | Fault::Stalls => return Ok(effect(&mut world)),
                Fault::AnswerLost => {
                    effect(&mut world);
                    return Err(NoAnswer);
                }
                Fault::Late => {
                    let at = world.now + secs(100);
                    let reach = Box::new(move |world: &mut World| drop(effect(world)));
                    world.schedule(at, What::Reach(reach));
                    return Err(NoAnswer);
                }
                Fault::DiesAfter => {
                    effect(&mut world);
                }
                Fault::DiesBefore => {}
            }
            world.dead.insert(invocation);
        }
        std::future::pending().await
    }

    /// Lets others go on until the call is answered.
    async fn wait(&self, takes: SignedDuration) {
        let mut until: Option<Timestamp> = None;
        poll_fn(|context| {
            let mut world = lock(&self.world);
            let until = *until.get_or_insert(world.now + takes);
            if world.now >= until {
                return Poll::Ready(());
            }
            world.schedule(until, What::Wake(self.invocation, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

impl From<NoAnswer> for LedgerError {
    fn from(_: NoAnswer) -> Self {
        Self::Unavailable("the world says so".to_owned())
    }
}
impl From<NoAnswer> for EcsError {
    fn from(_: NoAnswer) -> Self {
        Self("the world says so".to_owned())
    }
}
impl From<NoAnswer> for QueueError {
    fn from(_: NoAnswer) -> Self {
        Self("the world says so".to_owned())
    }
}

impl Ledger for Port {
    async fn claim(&self, run: &Run) -> Result<Claim, LedgerError> {
        let run = run.clone();
        Ok(self.write(Kind::Ledger, "claim", |world| world.claim(run)).await?)
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        let id = id.clone();
        let mut run = self.read(Kind::Ledger, "load", move |world| world.load(&id)).await?;
        run.iter_mut().for_each(|run| self.forget_horizon(run));
        Ok(run)
    }

    async fn load_all(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        let ids = ids.to_vec();
        let load = move |world: &mut World| ids.iter().filter_map(|id| world.load(id)).collect();
        Ok(self.read(Kind::Ledger, "load all", load).await?)
    }

    async fn save(&self, run: &mut Run) -> Result<Saved, LedgerError> {
        let next = run.clone();
        let saved = self.write(Kind::Ledger, "save", |world| world.save(next)).await?;
        if saved == Saved::Done {
            run.revision += 1;
        }
        Ok(saved)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RunId>, LedgerError> {
        let due = move |world: &mut World| {
            let mut due = world.due(now, limit);
            // The index may be behind.
            if !due.is_empty() && world.fault("index behind", [50]) == 1 {
                due.remove(0);
            }
            due
        };
        Ok(self.read(Kind::Ledger, "due", due).await?)
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        let filter = filter.clone();
        let list = move |world: &mut World| {
            let mut runs = world.list(&filter);
            if !runs.is_empty() && world.fault("index behind", [50]) == 1 {
                runs.remove(0);
            }
            runs
        };
        Ok(self.read(Kind::Ledger, "list", list).await?)
    }

    async fn acquire(&self, holder: &Holder, limit: u32) -> Result<Slot, LedgerError> {
        let holder = holder.clone();
        let acquire = move |world: &mut World| world.acquire(holder, limit);
        Ok(self.write(Kind::Ledger, "acquire", acquire).await?)
    }

    async fn release(&self, holder: &Holder) -> Result<(), LedgerError> {
        let holder = holder.clone();
        let release = move |world: &mut World| world.release(&holder);
        Ok(self.write(Kind::Ledger, "release", release).await?)
    }

    async fn holders(&self, job: &JobName) -> Result<Vec<Holder>, LedgerError> {
        let job = job.clone();
        let holders =
            move |world: &mut World| world.store.slots.get(&job).cloned().unwrap_or_default();
        Ok(self.read(Kind::Ledger, "holders", holders).await?)
    }
}

impl Port {
    /// Without the horizon of doubt, a refused launch is always taken for a fresh one.
    fn forget_horizon(&self, run: &mut Run) {
        use longshore::run::{State, Wait};
        let world = lock(&self.world);
        let doubts = matches!(run.state, State::Waiting { wait: Wait::Doubt, .. });
        if doubts && world.without == Some(Guard::HorizonOfDoubt) {
            let launch = run.attempts.last_mut().and_then(|attempt| attempt.launches.last_mut());
            if let Some(launch) = launch {
                launch.at = world.now;
            }
        }
    }
}

impl Ecs for Port {
    async fn run_task(
        &self,
        request: &TaskRequest,
        token: &ClientToken,
    ) -> Result<String, RunTaskError> {
        let (request, token) = (request.clone(), token.as_str().to_owned());
        let run_task = move |world: &mut World| world.run_task(request, &token);
        match self.write(Kind::Ecs, "RunTask", run_task).await {
            Ok(answer) => answer,
            Err(NoAnswer) => Err(RunTaskError::Unknown("the world says so".to_owned())),
        }
    }

    async fn describe(&self, cluster: &str, tasks: &[String]) -> Result<Vec<Described>, EcsError> {
        let (cluster, tasks) = (cluster.to_owned(), tasks.to_vec());
        let describe = move |world: &mut World| world.describe(&cluster, &tasks);
        Ok(self.read(Kind::Ecs, "DescribeTasks", describe).await?)
    }

    async fn list_started_by(
        &self,
        cluster: &str,
        started_by: &str,
    ) -> Result<Vec<String>, EcsError> {
        let (cluster, started_by) = (cluster.to_owned(), started_by.to_owned());
        let list = move |world: &mut World| world.list_started_by(&cluster, &started_by);
        Ok(self.read(Kind::Ecs, "ListTasks", list).await?)
    }

    async fn stop(&self, cluster: &str, task: &str, reason: &str) -> Result<(), EcsError> {
        let (cluster, task, reason) = (cluster.to_owned(), task.to_owned(), reason.to_owned());
        let stop = move |world: &mut World| world.stop_task(&cluster, &task, &reason);
        Ok(self.write(Kind::Ecs, "StopTask", stop).await?)
    }
}

impl Queue for Port {
    async fn send(&self, message: &Message, delay: SignedDuration) -> Result<(), QueueError> {
        let message = message.clone();
        Ok(self.write(Kind::Queue, "send", move |world| world.send(message, delay)).await?)
    }

    async fn emit(&self, outcome: &Outcome) -> Result<(), QueueError> {
        let outcome = outcome.clone();
        Ok(self.write(Kind::Queue, "emit", move |world| world.emit(outcome)).await?)
    }
}
