//! What a history begins with: jobs, events, the weather, people.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use longshore::event::{Event, Manual, Object, Rerun, Schedule};
use longshore::identity::Namespace;
use longshore::jobs::{self, Jobs};

use crate::tape::Tape;

/// What a job may be asked for, in the order in which a tape prefers them.
pub(crate) const JOBS: [&str; 8] =
    ["plain", "retried", "single", "pair", "newest", "skipping", "punctual", "asked"];

/// What is deployed of a job: at first, after a change that lowers its limit, shortens its times and
/// moves it to another cluster, and when it was taken away.
pub(crate) type Deployments = [Jobs; 3];

static DEPLOYMENTS: LazyLock<Vec<Deployments>> = LazyLock::new(|| {
    let bare = read(&format!(
        "{DEFAULTS}jobs:\n  other:\n    task: {{ taskDefinition: work, container: app }}\n"
    ));
    let of = |job: &str| {
        let entry = ENTRIES.split("\n\n").find(|entry| entry.trim_start().starts_with(job));
        let first = format!("{DEFAULTS}jobs:\n{}\n", entry.expect("an entry").trim_matches('\n'));
        let second = first
            .replace("limit: 2", "limit: 1")
            .replace("timeout: 1h", "timeout: 20m")
            .replace("cluster: batch", "cluster: other")
            .replace("taskDefinition: work", "taskDefinition: better");
        [read(&first), read(&second), bare.clone()]
    };
    JOBS.map(of).into()
});

const DEFAULTS: &str = "
defaults:
  cluster: batch
  network: { subnets: [subnet-0a1b2c3d4e5f60718], securityGroups: [sg-0a1b2c3d4e5f60718] }
";

const ENTRIES: &str = "
  plain:
    triggers: [{ s3: { bucket: plain } }]
    task: { taskDefinition: work, container: app, environment: { KEY: '{{ key }}' } }
    timeout: 2h

  retried:
    triggers: [{ s3: { bucket: retried } }]
    task: { taskDefinition: work, container: app, environment: { KEY: '{{ key }}' } }
    timeout: 1h
    retry: { attempts: 3, on: [spotInterruption, infrastructureHealth, anyExitCode, timeout] }

  single:
    triggers: [{ s3: { bucket: single } }]
    task: { taskDefinition: work, container: app }
    timeout: 1h
    retry: { attempts: 2 }
    concurrency: { limit: 1 }

  pair:
    triggers: [{ s3: { bucket: pair } }]
    task: { taskDefinition: work, container: app }
    timeout: 1h
    concurrency: { limit: 2 }

  newest:
    triggers: [{ s3: { bucket: newest } }]
    task: { taskDefinition: work, container: app }
    timeout: 1h
    retry: { attempts: 2 }
    concurrency: { limit: 1, whenFull: replace }

  skipping:
    triggers: [{ s3: { bucket: skipping } }]
    task: { taskDefinition: work, container: app }
    timeout: 1h
    concurrency: { limit: 1, whenFull: skip }

  punctual:
    triggers: [{ schedule: rate(1 hour) }]
    task: { taskDefinition: work, container: app }
    timeout: 30m
    startingDeadline: 10m

  asked:
    parameters: { secret: {} }
    task: { taskDefinition: work, container: app, environment: { SECRET: '{{ parameters.secret }}' } }
    timeout: 30m
    retry: { attempts: 2 }
";

fn read(text: &str) -> Jobs {
    let reading = jobs::read(text.as_bytes(), beginning());
    reading.jobs.unwrap_or_else(|| panic!("{:?}", reading.problems))
}

/// When every history begins.
pub(crate) fn beginning() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time")
}

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing.
    Calm,
    /// A fault here and there.
    Usual,
    /// One call in five fails, half of the news is lost.
    Harsh,
}

impl Weather {
    /// These odds in this weather.
    pub(crate) fn odds<const N: usize>(self, odds: [u16; N]) -> [u16; N] {
        match self {
            Self::Calm => [0; N],
            Self::Usual => odds,
            Self::Harsh => odds.map(|odds| odds * 4),
        }
    }
}

/// An event that somebody sends.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Timestamp,
    pub(crate) event: Event,
    /// When it is sent once more.
    pub(crate) again_at: Option<Timestamp>,
    /// When a person asks that its runs stop.
    pub(crate) stop_at: Option<Timestamp>,
}

/// A time in which calls to a port fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) port: usize,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) weather: Weather,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) outages: Vec<Outage>,
    /// What there is to deploy.
    pub(crate) jobs: &'static Deployments,
    /// When which of it is deployed.
    pub(crate) deployments: Vec<(Timestamp, usize)>,
    /// From then on nothing goes wrong.
    pub(crate) calm_from: Timestamp,
}

const DELAYS: [i64; 5] = [20, 150, 1_500, 7_200, 36_000];

impl Scene {
    /// Sets the scene as the tape says: with 0 for everything, one event for one plain job.
    pub(crate) fn of(tape: &mut Tape) -> Self {
        let start = beginning();
        let weather = match tape.decide("weather", &[500, 200]) {
            0 => Weather::Calm,
            1 => Weather::Usual,
            _ => Weather::Harsh,
        };
        let job = tape.decide("job", &[180, 180, 120, 120, 80, 80, 60]);
        let more = tape.decide("more events", &[300, 250, 50]);
        let mut arrivals = Vec::new();
        for index in 0..=more {
            let gap = [0, 40, 400][tape.decide("gap", &[300, 200])];
            let at = arrivals.last().map_or(start, |last: &Arrival| last.at) + secs(gap);
            let event = event(JOBS[job], index, at);
            let again_at = later(tape, "event again", &[40, 40, 40, 20, 20], at, &DELAYS);
            // One that says when it happened may come back when its run is forgotten.
            let is_old =
                event.happened_at().is_some() && tape.decide("event again, old", &[5]) == 1;
            arrivals.push(Arrival {
                at,
                event,
                again_at: if is_old { Some(at + secs(50 * 86_400)) } else { again_at },
                stop_at: later(tape, "stop", &[20, 20, 20], at, &[1, 45, 900]),
            });
        }
        let outages = match tape.decide("outage", &weather.odds([40, 60, 30])) {
            0 => Vec::new(),
            port => {
                let from = later(tape, "outage from", &[400, 200], start, &[5, 90]);
                let lasts = [120, 3_000, 4_500, 14_400][tape.decide("outage of", &[300, 200, 200])];
                let from = from.unwrap_or(start);
                vec![Outage { port: port - 1, from, to: from + secs(lasts) }]
            }
        };
        let deployments = later(tape, "deployment", &[30, 30, 30], start, &[10, 100, 1_800])
            .map(|at| (at, 1 + tape.decide("deployed", &[300])));
        let last = arrivals.last().map_or(start, |last| last.at);
        Self {
            weather,
            jobs: &DEPLOYMENTS[job],
            arrivals,
            outages,
            deployments: deployments.into_iter().collect(),
            calm_from: last + SignedDuration::from_hours(6),
        }
    }

    /// The same, and a person who asks for the first run once more, who may do so twice.
    pub(crate) fn with_rerun(tape: &mut Tape) -> Self {
        let mut scene = Self::of(tape);
        let first = &scene.arrivals[0];
        let wanted = scene.jobs[0].wanting(&first.event, &Namespace::default());
        let job = &wanted.expect("jobs that want it")[0].job.name;
        let occurrence = first.event.occurrence().expect("an event that starts runs");
        let at = first.at + secs(DELAYS[tape.decide("rerun", &[150, 250, 250, 250])]);
        let rerun = Rerun {
            run: occurrence.run_id(job),
            parameters: serde_json::Map::new(),
            same_parameters: tape.decide("same parameters", &[300]) == 1,
            key: "again".to_owned(),
        };
        let again_at = later(tape, "rerun again", &[150, 150, 150, 150, 150], at, &DELAYS);
        scene.arrivals.push(Arrival { at, event: Event::Rerun(rerun), again_at, stop_at: None });
        scene.calm_from = scene.calm_from.max(at + SignedDuration::from_hours(6));
        scene
    }

    /// A day on which nothing goes wrong but that all of this arrives.
    pub(crate) fn calm(arrivals: Vec<Arrival>) -> Self {
        static ALL: LazyLock<Deployments> = LazyLock::new(|| {
            let all = read(&format!("{DEFAULTS}jobs:\n{ENTRIES}"));
            [all.clone(), all.clone(), all]
        });
        let last = arrivals.last().map_or(beginning(), |last| last.at);
        Self {
            weather: Weather::Calm,
            jobs: &ALL,
            arrivals,
            outages: Vec::new(),
            deployments: Vec::new(),
            calm_from: last,
        }
    }

    pub(crate) fn outage_minutes(&self) -> u32 {
        let minutes = |outage: &Outage| outage.to.duration_since(outage.from).as_mins();
        u32::try_from(self.outages.iter().map(minutes).sum::<i64>()).unwrap_or(0)
    }

    /// Whether calls to this port fail now.
    pub(crate) fn is_out(&self, port: usize, now: Timestamp) -> bool {
        self.outages
            .iter()
            .any(|outage| outage.port == port && outage.from <= now && now < outage.to)
    }
}

fn later(
    tape: &mut Tape,
    kind: &'static str,
    odds: &[u16],
    from: Timestamp,
    secs: &[i64],
) -> Option<Timestamp> {
    match tape.decide(kind, odds) {
        0 => None,
        index => Some(from + self::secs(secs[index - 1])),
    }
}

/// An event that arrives once.
pub(crate) fn arrival(job: &str, index: usize, at: Timestamp) -> Arrival {
    Arrival { at, event: event(job, index, at), again_at: None, stop_at: None }
}

fn event(job: &str, index: usize, at: Timestamp) -> Event {
    match job {
        "punctual" => Event::Schedule(Schedule {
            name: format!("longshore-{job}"),
            scheduled_time: Timestamp::from_second(at.as_second() / 60 * 60).expect("a time"),
            job: Some(job.parse().expect("a job")),
        }),
        "asked" => Event::Manual(Manual {
            job: job.parse().expect("a job"),
            parameters: serde_json::Map::from_iter([("secret".to_owned(), crate::SECRET.into())]),
            key: format!("{index}"),
        }),
        bucket => Event::S3(Object {
            bucket: bucket.to_owned(),
            key: format!("{}/{index}", crate::SECRET),
            size: 5,
            etag: None,
            version_id: None,
            sequencer: Some(format!("{index:04}")),
            time: Some(at),
        }),
    }
}

pub(crate) fn secs(secs: i64) -> SignedDuration {
    SignedDuration::from_secs(secs)
}

/// Small worlds, by what they are about: a harsh day with one or two events, and all the answers
/// that set such a scene.
pub(crate) fn small() -> Vec<(&'static str, Vec<u8>)> {
    let job = |name: &str| JOBS.iter().position(|job| *job == name).expect("a job");
    let scene = |name: &'static str, events: usize| {
        let mut scene = vec![1, u8::try_from(job(name)).unwrap_or(0)];
        scene.push(u8::try_from(events - 1).unwrap_or(0));
        (name, scene)
    };
    vec![
        scene("plain", 1),
        scene("retried", 1),
        scene("single", 2),
        scene("newest", 2),
        scene("skipping", 2),
        scene("punctual", 1),
    ]
}
