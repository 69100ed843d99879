//! Runs a history: hands messages to the real use cases, each as an invocation of its own, and lets
//! them go on in the order in which their calls are answered.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use longshore::backend::{Backend, Brake};
use longshore::dispatch::Invocation;
use longshore::event::Event;
use longshore::function::{NotHandled, hand_over};
use longshore::identity::Namespace;
use longshore::policy::Timing;
use longshore::queue::QueueName;
use longshore::run::{StopAsked, StopCause};
use longshore::{stop, sweep};

use crate::burst;
use crate::guard::Guard;
use crate::mail::VISIBILITY;
use crate::ports::{Port, Shared, lock};
use crate::scene::{Scene, secs};
use crate::tape::Tape;
use crate::wire;
use crate::world::{What, World};

/// Things that happen in one history, at most.
const STEPS_MAX: u32 = 30_000;
/// An invocation is killed after this, whatever it waits for.
const INVOCATION_MAX: SignedDuration = SignedDuration::from_secs(360);
/// When the weather has been fair for so long, every run has ended.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(8);

static NAMESPACE: LazyLock<Namespace> = LazyLock::new(Namespace::default);

type Work = Pin<Box<dyn Future<Output = Result<(), NotHandled>>>>;

struct Working {
    work: Work,
    for_what: ForWhat,
    begun: Timestamp,
}

#[derive(Clone, Copy)]
enum ForWhat {
    Message(usize),
    Sweep,
    Person,
}

/// A history under way.
pub(crate) struct Simulation {
    world: Shared,
    working: BTreeMap<u32, Working>,
    begun: u32,
    sweeping: bool,
    by_wire: bool,
    /// Of each process that runs functions.
    brakes: Vec<Arc<Brake>>,
}

/// Runs the history of a tape to its end.
pub(crate) fn run(tape: Tape, without: Option<Guard>, keeps_history: bool) -> World {
    run_to_end(World::new(tape, without, keeps_history), false)
}

/// The same where a person asks for a run once more.
pub(crate) fn run_with_rerun(tape: Tape, keeps_history: bool) -> World {
    run_to_end(World::with_rerun(tape, keeps_history), false)
}

/// The same with every message as JSON, through the functions' own door.
pub(crate) fn run_by_wire(tape: Tape) -> World {
    run_to_end(World::new(tape, None, false), true)
}

/// A burst, to its end.
pub(crate) fn run_burst(scene: Scene) -> World {
    run_to_end(World::bursting(scene), false)
}

fn run_to_end(world: World, by_wire: bool) -> World {
    let settled_at = world.scene.calm_from + SETTLED_AFTER;
    let processes = if world.pace.is_some() { burst::PROCESSES } else { 1 };
    let mut simulation = Simulation {
        world: Arc::new(Mutex::new(world)),
        working: BTreeMap::new(),
        begun: 0,
        sweeping: false,
        by_wire,
        brakes: (0..processes).map(|_| Arc::default()).collect(),
    };
    let mut steps = 0;
    let mut settled = false;
    loop {
        let Some(what) = lock(&simulation.world).next() else { break };
        if !settled && lock(&simulation.world).now > settled_at {
            settled = true;
            lock(&simulation.world).must_be_settled();
        }
        simulation.take(what);
        steps += 1;
        let mut world = lock(&simulation.world);
        if !world.broken.is_empty() {
            break;
        }
        if steps > STEPS_MAX && world.pace.is_none() {
            world.breaks(|| "the history does not end".to_owned());
            break;
        }
    }
    drop(simulation.working);
    let world = Arc::into_inner(simulation.world).expect("nobody else works in it");
    let mut world = world.into_inner().expect("nobody panicked in it");
    if world.broken.is_empty() {
        world.must_have_ended_well();
    }
    world
}

impl Simulation {
    fn take(&mut self, what: What) {
        match what {
            What::Wake(invocation, waker) => {
                waker.wake();
                self.go_on(invocation);
            }
            What::Deliver(queue, message) => self.deliver(queue, message),
            What::Arrive(arrival) => {
                let mut world = lock(&self.world);
                let event = world.scene.arrivals[arrival].event.clone();
                world.note(|| format!("arrives: {} {arrival}", event.kind()));
                world.post(QueueName::Events, event, SignedDuration::ZERO);
            }
            What::StopAsked(arrival) => self.ask_to_stop(arrival),
            What::TaskStep(task) => lock(&self.world).step_task(task),
            What::Sweep => self.sweep(),
            What::Deploy(jobs) => {
                let mut world = lock(&self.world);
                world.note(|| format!("jobs {jobs} are deployed"));
                world.deployed = (jobs, world.now);
            }
            What::Reach(effect) => effect(&mut lock(&self.world)),
        }
    }

    fn deliver(&mut self, queue: QueueName, message: usize) {
        let mut world = lock(&self.world);
        let waits = match (&mut world.pace, queue) {
            (Some(pace), QueueName::Events) => !pace.begins(message),
            _ => false,
        };
        if waits {
            return;
        }
        let Some(event) = world.receive(message) else {
            world.begin_next(queue);
            return;
        };
        if world.takes_for_done(message, &event) {
            world.mail.letters[message].done = true;
            return;
        }
        let event = world.without_guard(event);
        let again = world.now + VISIBILITY;
        // Until it is deleted it comes again, whatever becomes of the invocation.
        world.schedule(again, What::Deliver(queue, message));
        let jobs = &world.scene.jobs[world.deployed.0];
        let skew = skew(&mut world);
        let now = world.now + skew;
        let stands_still = world.without == Some(Guard::Clock);
        drop(world);
        let (backend, nonce) = self.invocation();
        let world = Arc::clone(&self.world);
        let work: Work = if self.by_wire {
            let receives = lock(&world).mail.letters[message].receives;
            let body = wire::body(&event);
            let batch = wire::Batch { queue, id: format!("message-{message}"), receives, body };
            Box::pin(async move {
                let clock = move || lock(&world).now + skew;
                wire::hand_in(&backend, jobs, batch, &nonce, &clock).await
            })
        } else {
            Box::pin(async move {
                let clock = move || if stands_still { now } else { lock(&world).now + skew };
                let invocation = Invocation { now, nonce: &nonce, clock: &clock };
                hand_over(&backend, jobs, queue, &event, invocation).await.map(|_| ())
            })
        };
        self.begin(work, ForWhat::Message(message));
    }

    fn sweep(&mut self) {
        let mut world = lock(&self.world);
        if !world.sweeps_now() {
            return;
        }
        if self.sweeping {
            let now = world.now;
            world.sweep_by(now);
            return;
        }
        let jobs = &world.scene.jobs[world.deployed.0];
        let now = world.now + skew(&mut world);
        drop(world);
        self.sweeping = true;
        let (backend, _) = self.invocation();
        let work = Box::pin(async move {
            sweep::sweep(&backend, jobs, now).await.map(|_| ()).map_err(NotHandled::from)
        });
        self.begin(work, ForWhat::Sweep);
    }

    fn ask_to_stop(&mut self, arrival: usize) {
        let world = lock(&self.world);
        let event = &world.scene.arrivals[arrival].event;
        let jobs = world.scene.jobs[0].wanting(event, &NAMESPACE).expect("jobs that want it");
        let occurrence = event.occurrence().expect("an event that starts runs");
        let Some(id) = jobs.first().map(|wanted| occurrence.run_id(&wanted.job.name)) else {
            return;
        };
        let now = world.now;
        drop(world);
        let (backend, _) = self.invocation();
        let work = Box::pin(async move {
            let wish = StopAsked::new(StopCause::Cancelled, now).by("ann");
            stop::ask_to_stop(&backend, &id, wish).await.map(|_| ()).map_err(NotHandled::from)
        });
        self.begin(work, ForWhat::Person);
    }

    fn invocation(&self) -> (Backend<Port, Port, Port>, String) {
        let number = self.begun + 1;
        let port = Port { world: Arc::clone(&self.world), invocation: number };
        let without_horizon = lock(&self.world).without == Some(Guard::Horizon);
        let timing = match without_horizon {
            true => Timing { token_life: None, ..Timing::AWS },
            false => Timing::AWS,
        };
        let backend = Backend {
            ledger: port.clone(),
            ecs: port.clone(),
            queue: port,
            namespace: NAMESPACE.clone(),
            timing,
            brake: Arc::clone(&self.brakes[number as usize % self.brakes.len()]),
        };
        (backend, number.to_string())
    }

    fn begin(&mut self, work: Work, for_what: ForWhat) {
        self.begun += 1;
        let number = self.begun;
        let begun = {
            let mut world = lock(&self.world);
            world.note(|| format!("#{number} begins: {}", for_what.name()));
            world.now
        };
        self.working.insert(number, Working { work, for_what, begun });
        self.go_on(number);
    }

    fn go_on(&mut self, number: u32) {
        let Some(working) = self.working.get_mut(&number) else { return };
        let now = lock(&self.world).now;
        let mut context = Context::from_waker(Waker::noop());
        let is_over = now.duration_since(working.begun) > INVOCATION_MAX;
        let polled = if is_over { Poll::Pending } else { working.work.as_mut().poll(&mut context) };
        let died = is_over || lock(&self.world).dead.remove(&number);
        match (polled, died) {
            (_, true) => self.end(number, None),
            (Poll::Ready(result), false) => self.end(number, Some(result)),
            (Poll::Pending, false) => {}
        }
    }

    fn end(&mut self, number: u32, result: Option<Result<(), NotHandled>>) {
        let Some(working) = self.working.remove(&number) else { return };
        let mut world = lock(&self.world);
        world.note(|| match &result {
            None => format!("#{number} is dead"),
            Some(Ok(())) => format!("#{number} is done"),
            Some(Err(error)) => format!("#{number} fails: {error}"),
        });
        if let ForWhat::Message(message) = working.for_what {
            let queue = world.mail.letters[message].queue;
            world.begin_next(queue);
        }
        match (working.for_what, result) {
            (ForWhat::Message(message), Some(Ok(()))) => world.delete(message),
            (ForWhat::Message(message), Some(Err(NotHandled::Refused(reason)))) => {
                world.mail.rejected.push(reason);
                world.delete(message);
            }
            (ForWhat::Message(message), Some(Err(NotHandled::Port(_)))) => {
                world.take_claim_back(message, &number.to_string());
            }
            (ForWhat::Message(_), None) | (ForWhat::Person, _) => {}
            (ForWhat::Sweep, _) => {
                self.sweeping = false;
                if let Some(due) = world.store.runs.values().filter_map(|run| run.due).min() {
                    world.sweep_by(due);
                }
            }
        }
    }
}

impl ForWhat {
    fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Person => "a person",
            Self::Message(_) => "a message",
        }
    }
}

/// The clock of an invocation is not everybody's.
fn skew(world: &mut World) -> SignedDuration {
    secs([0, 30, -30][world.fault("clock", [20, 20])])
}

impl World {
    /// A message that was handled is deleted, unless that is lost.
    fn delete(&mut self, message: usize) {
        if self.fault("delete", [15]) == 0 {
            self.mail.letters[message].done = true;
        }
    }

    /// Without the guard of the tail: news of an attempt that is over is taken for done.
    fn takes_for_done(&self, message: usize, event: &Event) -> bool {
        let (run, attempt) = match event {
            Event::TaskState(state) => match state.started_by.as_deref().map(str::parse) {
                Some(Ok(longshore::identity::StartedBy { run, attempt, .. })) => (run, attempt),
                _ => return false,
            },
            Event::Observation(seen) => (seen.run.clone(), seen.attempt),
            _ => return false,
        };
        self.without == Some(Guard::Tail)
            && self.mail.letters[message].receives > 1
            && self.store.runs.get(&run).is_some_and(|run| run.is_over(attempt))
    }

    /// Without the guard of the attempt every news is of the present one, without the guard of the
    /// owner every observation is its last word.
    fn without_guard(&self, event: Arc<Event>) -> Arc<Event> {
        if let (Some(Guard::Owner), Event::Observation(seen)) = (self.without, &*event) {
            let mut seen = seen.clone();
            seen.owner = self.store.runs.get(&seen.run).map_or(seen.owner, |run| run.owner.clone());
            return Arc::new(Event::Observation(seen));
        }
        if self.without != Some(Guard::Attempt) {
            return event;
        }
        let Event::TaskState(state) = &*event else { return event };
        let whose = state.started_by.as_deref().and_then(|text| text.parse().ok());
        let Some::<longshore::identity::StartedBy>(mut whose) = whose else { return event };
        whose.attempt = self.store.runs.get(&whose.run).map_or(1, |run| run.attempt());
        let mut state = state.clone();
        state.started_by = Some(whose.to_string());
        Arc::new(Event::TaskState(state))
    }

    /// Without the guard of the claim: it is taken back when what followed failed.
    fn take_claim_back(&mut self, message: usize, nonce: &str) {
        if self.without != Some(Guard::ClaimStays) {
            return;
        }
        let Some(occurrence) = self.mail.letters[message].event.occurrence() else { return };
        self.store.runs.retain(|_, run| run.occurrence != occurrence || run.owner != nonce);
    }
}
