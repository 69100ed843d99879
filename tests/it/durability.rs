//! `local` is killed wherever it is, alone or with the supervisors of its tasks, and called again:
//! each task runs once, and what became of it is known or said to be lost.
//!
//! `make durability KILLS=n` kills as often as you like; a failure names the seed that repeats its
//! choices: `DURABILITY_SEED=n cargo test --test it killed_wherever`.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use std::env;
use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::local::LEDGER;
use crate::program::{Done, Project, Running, job};

mod disk;

/// Kills in an ordinary test; `DURABILITY_KILLS` says otherwise.
const KILLS: usize = 40;
/// What a command that cannot go on is given before it is taken for done.
const PATIENCE: Duration = Duration::from_secs(40);

/// A history of kills: the same seed makes the same choices.
struct History {
    seed: u64,
    choices: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        Self { seed, choices: 0 }
    }

    /// One of `0..below`.
    fn choose(&mut self, below: u64) -> u64 {
        self.choices += 1;
        let hash = Sha256::digest(format!("{} {}", self.seed, self.choices));
        let number = hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        number % below
    }
}

/// What the job does, and the lines its task writes when it ran as it should.
#[derive(Clone, Copy, Debug)]
enum Job {
    Plain,
    Limited,
    Retried,
    Failing,
}

impl Job {
    fn choose(history: &mut History) -> Self {
        match history.choose(8) {
            0 => Self::Retried,
            1 => Self::Failing,
            2 | 3 => Self::Limited,
            _ => Self::Plain,
        }
    }

    fn project(self) -> Project {
        const MARK: &str = "echo $LONGSHORE_ATTEMPT >> marker";
        const RETRY: &str =
            "retry: { attempts: 2, on: [{ exitCode: [75] }], backoff: { delay: 1s } }";
        Project::new(&match self {
            Self::Plain => job(MARK, &[]),
            Self::Limited => job(MARK, &["concurrency: { limit: 1, whenFull: wait }"]),
            Self::Retried => {
                job(&format!("{MARK}; [ $LONGSHORE_ATTEMPT = 2 ] || exit 75"), &[RETRY])
            }
            Self::Failing => job(&format!("{MARK}; exit 7"), &[]),
        })
    }

    /// Exit code, verdict and the marks of a run that nobody disturbed.
    fn expected(self) -> (i32, &'static str, &'static str) {
        match self {
            Self::Plain | Self::Limited => (0, "Succeeded", "1\n"),
            Self::Retried => (0, "Succeeded", "1\n2\n"),
            Self::Failing => (7, "Failed", "1\n"),
        }
    }
}

/// How much is written by now: the ledger with its log, what tasks print, the marks.
fn written(project: &Project) -> u64 {
    let folder = |name: &str| fs::read_dir(project.path(name)).into_iter().flatten().flatten();
    let files = folder(".longshore").chain(folder(".longshore/longshore.tasks")).chain(folder("."));
    // A file by itself is progress too.
    files.filter_map(|file| Some(file.metadata().ok()?.len() + 100)).sum()
}

/// Waits until the command has written so much more, or ends, and then for a moment that is part
/// of the choice.
fn reach(project: &Project, running: &mut Running, bytes: u64, moment: Duration) {
    let goal = written(project) + bytes;
    let until = Instant::now() + PATIENCE;
    while written(project) < goal && running.is_alive() && Instant::now() < until {
        thread::yield_now();
    }
    thread::sleep(moment);
}

/// Kills what the choice says; returns how many commands and how many supervisors died.
fn strike(history: &mut History, project: &Project, crowd: Vec<Running>) -> (usize, usize) {
    let whom = history.choose(4);
    let (mut commands, mut supervisors) = (0, 0);
    if whom == 1 {
        supervisors += project.kill("supervise-task");
    }
    for running in crowd {
        // After their tasks' end those that are left end by themselves.
        if whom == 1 && history.choose(2) == 0 {
            running.finish();
        } else {
            commands += usize::from(running.kill());
        }
    }
    if whom == 2 {
        supervisors += project.kill("supervise-task");
    }
    (commands, supervisors)
}

/// Plays a history to its end; returns how many processes were killed.
fn play(seed: u64) -> usize {
    let mut history = History::new(seed);
    let kind = Job::choose(&mut history);
    let project = kind.project();
    let event = project.event("once");
    let (mut commands, mut supervisors) = (0, 0);
    for _ in 0..=history.choose(3) {
        let crowd = 1 + history.choose(2);
        let start = |_| project.start(&["local", "-q", "-o", "json", &event]);
        let mut crowd: Vec<Running> = (0..crowd).map(start).collect();
        let bytes = history.choose(200_000);
        let moment = Duration::from_micros(history.choose(4) * history.choose(1_000));
        if let Some(first) = crowd.first_mut() {
            reach(&project, first, bytes, moment);
        }
        let killed = strike(&mut history, &project, crowd);
        commands += killed.0;
        supervisors += killed.1;
    }
    let done = project.run(&["local", "-q", "-o", "json", &event]);
    judge(seed, kind, supervisors > 0, &project, &done);
    commands + supervisors
}

/// Holds what is left against what was asked for.
fn judge(seed: u64, kind: Job, supervisor: bool, project: &Project, done: &Done) {
    let run = done.only_run();
    let verdict = run["verdict"].as_str().unwrap_or("open");
    let marks = String::from_utf8_lossy(&project.read("marker")).into_owned();
    let (code, good, all) = kind.expected();
    let context = format!("seed {seed}, {kind:?}: {verdict}, marks {marks:?}: {done:#?}");
    match verdict {
        "Lost" if supervisor => {
            // Each attempt that is known to have run ran once, the last one perhaps.
            assert!(all.starts_with(&marks), "{context}");
            assert_eq!(done.code, Some(1), "{context}");
        }
        verdict => {
            assert_eq!((verdict, marks.as_str()), (good, all), "{context}");
            assert_eq!(done.code, Some(code), "{context}");
        }
    }
    let attempts = run["attempts"].as_array().map_or(0, Vec::len);
    let ran = marks.lines().count();
    // Of a lost one the last attempt's program may not have begun.
    let untold = usize::from(verdict == "Lost" && attempts == ran + 1);
    assert_eq!(attempts, (ran + untold).max(1), "{context}");
    assert_eq!(project.runs().len(), 1, "{context}");
    let again = project.run(&["local", "-q", "-o", "json", "once.json"]);
    assert_eq!((again.json()["started"].as_u64(), again.only_run()), (Some(0), run), "{context}");
}

fn number(name: &str) -> Option<usize> {
    env::var(name).ok()?.parse().ok()
}

#[test]
#[cfg(target_os = "linux")]
fn killed_wherever_it_is_local_recovers_and_every_task_ran_once() {
    if let Some(seed) = number("DURABILITY_SEED") {
        play(seed as u64);
        return;
    }
    let goal = number("DURABILITY_KILLS").unwrap_or(KILLS);
    let (seed, killed) = (AtomicU64::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while killed.load(Ordering::Relaxed) < goal {
                    killed.fetch_add(play(seed.fetch_add(1, Ordering::Relaxed)), Ordering::Relaxed);
                }
            });
        }
    });
    println!("{} kills in {} histories", killed.into_inner(), seed.into_inner());
}

#[test]
fn a_task_that_ran_after_the_copy_was_made_is_not_started_again() {
    let project = Project::new(&job("echo x >> marker", &[]));
    let (first, second) = (project.event("first"), project.event("second"));
    assert_eq!(project.run(&["local", &first]).code, Some(0));
    let copy = project.read(LEDGER);
    assert_eq!(project.run(&["local", &second]).code, Some(0));
    project.write(LEDGER, copy);
    let done = project.run(&["local", "-o", "json", &second]);
    let run: Value = done.only_run();
    assert_eq!((run["verdict"].as_str(), done.code), (Some("Lost"), Some(1)), "{done:#?}");
    assert_eq!(project.lines("marker"), 2, "{done:#?}");
    let log = project.run(&["logs", run["runId"].as_str().unwrap_or_default()]);
    assert!(log.stdout.contains("put back from a copy"), "{log:#?}");
    // Another ledger of the same name is another matter.
    fs::remove_file(project.path(LEDGER)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(project.run(&["local", &second]).code, Some(0));
    assert_eq!(project.lines("marker"), 3);
}
