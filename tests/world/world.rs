//! The state of a history: its clock, what is going to happen, and what there is: the ledger, the
//! account, the queues.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};
use std::task::Waker;

use jiff::Timestamp;
use longshore::queue::QueueName;

use crate::account::Account;
use crate::burst::Pace;
use crate::guard::Guard;
use crate::mail::Mail;
use crate::scene::{Scene, Weather, beginning, secs};
use crate::store::Store;
use crate::tape::Tape;

/// Something done to the world.
pub(crate) type Effect = Box<dyn FnOnce(&mut World) + Send>;

/// What happens at a time.
pub(crate) enum What {
    /// A call of an invocation goes on.
    Wake(u32, Waker),
    /// A message can be received.
    Deliver(QueueName, usize),
    /// An event is sent to longshore.
    Arrive(usize),
    /// A person asks that the runs of an arrival stop.
    StopAsked(usize),
    /// A task takes its next step.
    TaskStep(usize),
    /// The minute in which sweep is invoked.
    Sweep,
    /// Other jobs are deployed.
    Deploy(usize),
    /// A call that its caller has given up reaches its service.
    Reach(Effect),
}

struct Entry {
    at: Timestamp,
    order: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    /// The earliest is the greatest, as a heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// All there is.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) tape: Tape,
    pub(crate) scene: Scene,
    /// What is taken out of the product, to see that it is missed.
    pub(crate) without: Option<Guard>,
    pub(crate) store: Store,
    pub(crate) account: Account,
    pub(crate) mail: Mail,
    /// What limits a burst; nothing else is limited.
    pub(crate) pace: Option<Pace>,
    /// Which of the jobs of the scene are deployed, and since when.
    pub(crate) deployed: (usize, Timestamp),
    /// Invocations that died inside a call.
    pub(crate) dead: BTreeSet<u32>,
    /// What must not be, and was.
    pub(crate) broken: Vec<String>,
    pub(crate) calls: u64,
    /// What happened, if it is kept.
    pub(crate) history: Option<Vec<String>>,
    agenda: BinaryHeap<Entry>,
    order: u64,
    sweep_at: Option<Timestamp>,
}

impl World {
    pub(crate) fn new(mut tape: Tape, without: Option<Guard>, keeps_history: bool) -> Self {
        let scene = Scene::of(&mut tape);
        Self::of(scene, tape, without, keeps_history)
    }

    /// The same where a person asks for a run once more.
    pub(crate) fn with_rerun(mut tape: Tape, keeps_history: bool) -> Self {
        let scene = Scene::with_rerun(&mut tape);
        Self::of(scene, tape, None, keeps_history)
    }

    /// The world of a burst.
    pub(crate) fn bursting(scene: Scene) -> Self {
        let mut world = Self::of(scene, Tape::written(Vec::new()), None, false);
        world.pace = Some(Pace::new());
        world
    }

    fn of(scene: Scene, tape: Tape, without: Option<Guard>, keeps_history: bool) -> Self {
        let now = beginning();
        let mut world = Self {
            now,
            tape,
            without,
            store: Store::default(),
            account: Account::default(),
            mail: Mail::default(),
            pace: None,
            deployed: (0, now),
            dead: BTreeSet::new(),
            broken: Vec::new(),
            calls: 0,
            history: keeps_history.then(Vec::new),
            agenda: BinaryHeap::new(),
            order: 0,
            sweep_at: None,
            scene,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let mut agenda = Vec::new();
        for (index, arrival) in self.scene.arrivals.iter().enumerate() {
            agenda.push((arrival.at, What::Arrive(index)));
            agenda.extend(arrival.again_at.map(|at| (at, What::Arrive(index))));
            agenda.extend(arrival.stop_at.map(|at| (at, What::StopAsked(index))));
        }
        let deployments = self.scene.deployments.iter();
        agenda.extend(deployments.map(|(at, jobs)| (*at, What::Deploy(*jobs))));
        for (at, what) in agenda {
            self.schedule(at, what);
        }
    }

    pub(crate) fn schedule(&mut self, at: Timestamp, what: What) {
        self.order += 1;
        self.agenda.push(Entry { at: at.max(self.now), order: self.order, what });
    }

    /// Takes what happens next; time goes on to it.
    pub(crate) fn next(&mut self) -> Option<What> {
        let entry = self.agenda.pop()?;
        self.now = entry.at;
        Some(entry.what)
    }

    /// Sweep is invoked every minute; minutes in which it would find nothing are left out.
    pub(crate) fn sweep_by(&mut self, due: Timestamp) {
        let whole = (due.max(self.now).as_second() / 60 + 1) * 60;
        let minute = Timestamp::from_second(whole).unwrap_or(due);
        if self.without != Some(Guard::Sweep) && self.sweep_at.is_none_or(|at| minute < at) {
            self.sweep_at = Some(minute);
            self.schedule(minute, What::Sweep);
        }
    }

    /// Whether this is the minute of the next sweep; one was put forward otherwise.
    pub(crate) fn sweeps_now(&mut self) -> bool {
        let now = self.sweep_at == Some(self.now);
        if now {
            self.sweep_at = None;
        }
        now
    }

    /// What the weather is now: at the end of every history it is fair.
    pub(crate) fn weather(&self) -> Weather {
        if self.now >= self.scene.calm_from { Weather::Calm } else { self.scene.weather }
    }

    /// Asks the tape, with these odds in usual weather; a good day otherwise.
    pub(crate) fn fault<const N: usize>(&mut self, kind: &'static str, odds: [u16; N]) -> usize {
        match self.weather() {
            Weather::Calm => 0,
            weather => self.tape.decide(kind, &weather.odds(odds)),
        }
    }

    /// Asks the tape for something that is no fault, until the end is near.
    pub(crate) fn fate<const N: usize>(&mut self, kind: &'static str, odds: [u16; N]) -> usize {
        if self.now >= self.scene.calm_from { 0 } else { self.tape.decide(kind, &odds) }
    }

    /// The deployed jobs, and those that an invocation begun a while before may have had then.
    pub(crate) fn jobs_in_use(&self, then: Timestamp) -> [usize; 2] {
        let (now, since) = self.deployed;
        if then.duration_since(since) < secs(600) { [now, 0] } else { [now, now] }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.history.is_some() {
            let line = line();
            let since = self.now.duration_since(beginning());
            let (secs, millis) = (since.as_secs(), since.subsec_millis());
            let clock =
                format!("{:02}:{:02}:{:02}.{millis:03}", secs / 3600, secs / 60 % 60, secs % 60);
            self.history.get_or_insert_default().push(format!("{clock} {line}"));
        }
    }

    /// What must always hold did not.
    pub(crate) fn breaks(&mut self, what: impl FnOnce() -> String) {
        let what = what();
        self.note(|| format!("BROKEN {what}"));
        self.broken.push(what);
    }
}
