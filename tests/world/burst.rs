//! Thousands of objects at once, against an account that launches twenty tasks a second: how close
//! the drain comes to that, what it costs, and what it does to the start of other jobs.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use longshore::queue::QueueName;

use crate::account::Task;
use crate::scene::{self, Arrival, Scene, beginning, secs};
use crate::simulation;
use crate::world::{What, World};

/// Launches that Fargate allows at once, and each second after that, in an account and region
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html>).
const LAUNCHES: (f64, f64) = (100.0, 20.0);
/// RunTask calls for Fargate at once, and each second.
const CALLS: (f64, f64) = (20.0, 20.0);
/// Functions that dispatch at a time, as template.yaml says.
pub(crate) const PROCESSES: usize = 10;
/// Messages that they work on at a time, ten each.
const AT_WORK_MAX: usize = 10 * PROCESSES;

/// What a burst is done with.
pub(crate) struct Pace {
    launches: Bucket,
    calls: Bucket,
    at_work: usize,
    /// Messages that can be received, in order.
    pub(crate) backlog: VecDeque<usize>,
    pub(crate) throttled: u64,
}

struct Bucket {
    level: f64,
    size: f64,
    each_second: f64,
    at: Timestamp,
}

impl Bucket {
    fn new((size, each_second): (f64, f64)) -> Self {
        Self { level: size, size, each_second, at: beginning() }
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.each_second).min(self.size);
        self.at = now;
    }
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            launches: Bucket::new(LAUNCHES),
            calls: Bucket::new(CALLS),
            at_work: 0,
            backlog: VecDeque::new(),
            throttled: 0,
        }
    }

    /// Whether the account lets a launch through.
    pub(crate) fn admits(&mut self, now: Timestamp) -> bool {
        self.launches.fill(now);
        self.calls.fill(now);
        let admits = self.launches.level >= 1.0 && self.calls.level >= 1.0;
        if admits {
            self.launches.level -= 1.0;
            self.calls.level -= 1.0;
        } else {
            self.throttled += 1;
        }
        admits
    }

    /// Whether a message can be worked on at once; it joins the backlog otherwise.
    pub(crate) fn begins(&mut self, message: usize) -> bool {
        let begins = self.at_work < AT_WORK_MAX;
        if begins {
            self.at_work += 1;
        } else {
            self.backlog.push_back(message);
        }
        begins
    }

    /// One is done with; the next may begin.
    pub(crate) fn ends(&mut self) -> Option<usize> {
        self.at_work -= 1;
        self.backlog.pop_front()
    }
}

/// What a burst came to.
pub(crate) struct Report {
    pub(crate) runs: usize,
    /// From the first event to the last launch.
    pub(crate) drained_in: SignedDuration,
    /// Launches, of those that the account would have allowed in that time.
    pub(crate) of_the_account: f64,
    /// Receives of a message at most.
    pub(crate) receives_max: u32,
    pub(crate) dead_letters: usize,
    pub(crate) writes_for_each_run: f64,
    pub(crate) throttled: u64,
    /// From the event of another job to RunTask's answer, the median and the longest.
    pub(crate) others_launch: (SignedDuration, SignedDuration),
    /// From the event of another job to its running container, at the longest.
    pub(crate) others_run: SignedDuration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = |duration: SignedDuration| duration.as_secs_f64();
        let (median, longest) = self.others_launch;
        write!(
            f,
            "{} runs drained in {:.0} s, {:.0} % of what the account allows; {} throttled, {:.1} \
             writes for each run, {} receives of a message at most, {} dead letters; other jobs \
             are launched after {:.2} s, {:.2} s at worst, and run after {:.1} s at worst",
            self.runs,
            secs(self.drained_in),
            self.of_the_account * 100.0,
            self.throttled,
            self.writes_for_each_run,
            self.receives_max,
            self.dead_letters,
            secs(median),
            secs(longest),
            secs(self.others_run),
        )
    }
}

/// So many objects at once, and a run of another job every half minute.
pub(crate) fn run(objects: usize) -> Report {
    let start = beginning();
    let mut arrivals: Vec<Arrival> =
        (0..objects).map(|index| scene::arrival("plain", index, start)).collect();
    for index in 0..20 {
        let at = start + secs(5 + 30 * i64::try_from(index).unwrap_or(0));
        arrivals.push(scene::arrival("retried", index, at));
    }
    let world = simulation::run_burst(Scene::calm(arrivals));
    report(&world, start)
}

fn report(world: &World, start: Timestamp) -> Report {
    assert_eq!(world.broken, Vec::<String>::new());
    let tasks: BTreeMap<&str, &Task> =
        world.account.tasks.iter().map(|task| (task.whose.run.as_str(), task)).collect();
    let (mut others, mut others_run) = (Vec::new(), SignedDuration::ZERO);
    let mut last = start;
    for run in world.store.runs.values() {
        let task = tasks[run.id.as_str()];
        if run.job.as_str() == "plain" {
            last = last.max(task.created_at());
        } else {
            let since_event = |at: Timestamp| at.duration_since(run.happened_at.unwrap_or(start));
            others.push(since_event(task.created_at()));
            let running = task.state().started_at.expect("it ran");
            others_run = others_run.max(since_event(running));
        }
    }
    others.sort_unstable();
    let drained_in = last.duration_since(start);
    let allowed = LAUNCHES.0 + LAUNCHES.1 * drained_in.as_secs_f64();
    let runs = world.store.runs.len();
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    Report {
        runs,
        drained_in,
        of_the_account: count(world.account.tasks.len()) / allowed,
        receives_max: world.mail.letters.iter().map(|letter| letter.receives).max().unwrap_or(0),
        dead_letters: world.mail.dead.len(),
        writes_for_each_run: f64::from(world.store.writes.values().sum::<u32>()) / count(runs),
        throttled: world.pace.as_ref().map_or(0, |pace| pace.throttled),
        others_launch: (others[others.len() / 2], others[others.len() - 1]),
        others_run,
    }
}

impl World {
    /// One message of this queue is done with: the next of the backlog may begin.
    pub(crate) fn begin_next(&mut self, queue: QueueName) {
        let next = match (queue, &mut self.pace) {
            (QueueName::Events, Some(pace)) => pace.ends(),
            _ => None,
        };
        if let Some(next) = next {
            self.schedule(self.now, What::Deliver(queue, next));
        }
    }
}
