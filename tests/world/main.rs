//! A world in which everything that may go wrong does: the real dispatch, record and sweep over
//! ports in memory, in virtual time. One seed is one history, the same every time.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

mod account;
mod burst;
mod exhaustive;
mod guard;
mod invariants;
mod mail;
mod ports;
mod regressions;
mod report;
mod scene;
mod simulation;
mod store;
mod tape;
mod wire;
mod world;

use std::time::Instant;

/// A history is a hundred thousand small allocations: half of its time with the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use guard::Guard;
use tape::Tape;

/// Planted into events; it may reach tasks and nobody else.
pub(crate) const SECRET: &str = "s3cr3t-m4rk3r";

/// A setting of `make simulate`.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => default,
    }
}

/// What is bad about this seed's history.
fn broken(seed: u64, without: Option<Guard>) -> Vec<String> {
    simulation::run(Tape::of_seed(seed), without, false).broken
}

#[test]
fn no_seed_loses_or_doubles_anything() {
    let (first, count) = (setting("FIRST", 0), setting("SEEDS", 400));
    let (begun, mut calls) = (Instant::now(), 0);
    for seed in first..first + count {
        let world = simulation::run(Tape::of_seed(seed), None, false);
        calls += world.calls;
        if !world.broken.is_empty() {
            panic!("{}", report::of(&format!("seed {seed}"), world.tape.taken().to_vec(), None));
        }
    }
    let rate = count * 1_000 / u64::try_from(begun.elapsed().as_millis()).unwrap_or(1).max(1);
    println!("{count} seeds from {first}, {calls} calls, 0 violations, {rate} seeds a second");
}

#[test]
fn no_seed_doubles_a_rerun_or_changes_the_run_that_is_done_again() {
    let (mut twice, count) = (0, setting("SEEDS", 400));
    for seed in 0..count {
        let world = simulation::run_with_rerun(Tape::of_seed(seed), false);
        let reruns = world.store.runs.values().filter(|run| run.occurrence.rerun_of().is_some());
        twice += u64::from(reruns.count() == 1);
        if !world.broken.is_empty() {
            let history = simulation::run_with_rerun(Tape::of_seed(seed), true).history;
            panic!("seed {seed}: {:?}\n{}", world.broken, history.unwrap_or_default().join("\n"));
        }
    }
    println!("{twice} of {count} runs were done once more, 0 violations");
    assert!(twice > count / 3, "{twice} of {count}");
}

#[test]
fn a_seed_is_one_history() {
    for seed in 0..50 {
        let (one, other) = (Tape::of_seed(seed), Tape::of_seed(seed));
        let one = simulation::run(one, None, true);
        let other = simulation::run(other, None, true);
        assert_eq!(one.history, other.history, "{seed}");
        let written = simulation::run(Tape::written(one.tape.taken().to_vec()), None, true);
        assert_eq!(one.history, written.history, "{seed}");
    }
}

#[test]
fn by_wire_too_nothing_is_lost_and_no_secret_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    // Nobody waits for its clock: the world's own time goes by.
    let _entered = runtime.enter();
    let mut claimed = 0;
    for seed in 0..setting("SEEDS", 400) / 20 {
        let log = wire::Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .finish();
        let world = tracing::subscriber::with_default(subscriber, || {
            simulation::run_by_wire(Tape::of_seed(seed))
        });
        assert_eq!(world.broken, Vec::<String>::new(), "seed {seed} by wire");
        let told = format!("{:?} {}", world.mail.outcomes, log.text());
        assert!(!told.contains(SECRET), "seed {seed} tells the secret: {told}");
        claimed += log.text().matches("claimed").count();
    }
    assert!(claimed > 0, "nothing is logged");
}

#[test]
fn an_undisturbed_run_is_written_three_times_and_with_a_limit_five_times() {
    // Usual weather and the job; after that nothing goes wrong.
    for (scene, expected) in [([1, 0], 3), ([1, 2], 5)] {
        let writes = |answers: Vec<u8>| {
            let world = simulation::run(Tape::written(answers).noting_forks(), None, true);
            assert_eq!(world.broken, Vec::<String>::new());
            let writes: Vec<u32> = world.store.writes.into_values().collect();
            assert_eq!(writes.len(), 1, "{:#?}", world.history);
            let news = world.tape.forks().iter().position(|fork| fork.kind == "news");
            (writes[0], news.expect("news of the task"))
        };
        let (shown_running, news) = writes(scene.to_vec());
        assert_eq!(shown_running, expected + 1);
        // Nobody tells that it runs.
        let mut untold = scene.to_vec();
        untold.resize(news + 1, 0);
        untold[news] = 1;
        assert_eq!(writes(untold).0, expected);
    }
}

#[test]
fn every_few_deviations_of_a_small_world_do_no_harm() {
    let deviations = u32::try_from(setting("DEVIATIONS", 1)).expect("a small number");
    let begun = Instant::now();
    for (name, scene) in scene::small() {
        let coverage = exhaustive::explore(&scene, deviations);
        println!("{name}: {} histories, {:?}", coverage.histories, coverage.deviations);
        if let Some(bad) = coverage.bad {
            panic!("{}", report::of(name, bad, None));
        }
    }
    println!("at most {deviations} deviations, 0 violations, {} s", begun.elapsed().as_secs());
}

#[test]
fn a_burst_loses_nothing_uses_what_the_account_allows_and_lets_other_jobs_by() {
    let objects = usize::try_from(setting("OBJECTS", 1_000)).expect("a number");
    let quiet = burst::run(0);
    println!("quiet: {quiet}");
    let report = burst::run(objects);
    println!("{objects} objects at once: {report}");
    assert_eq!((report.runs, report.dead_letters, report.receives_max), (objects + 20, 0, 1));
    assert!(report.writes_for_each_run < 6.0, "{report}");
    // A thousand are over before the account's reserve and the first crowd weigh little.
    let expected = if objects >= 10_000 { 0.95 } else { 0.8 };
    assert!(report.of_the_account >= expected, "{report}");
    assert!(report.others_launch.0 <= quiet.others_launch.0 * 2, "{report}");
    assert!(report.others_run <= quiet.others_run * 2, "{report}");
}

/// Seeds in which the absence of a guard must be noticed.
const NOTICED_WITHIN: u64 = 20_000;

#[test]
fn a_guard_that_is_taken_out_is_missed() {
    for guard in Guard::ALL {
        let seeds = std::iter::once(guard.noticed_by()).chain(0..NOTICED_WITHIN);
        let found = seeds.into_iter().find_map(|seed| {
            broken(seed, Some(guard)).into_iter().next().map(|problem| (seed, problem))
        });
        let Some((seed, problem)) = found else {
            panic!("without {guard:?} nothing goes wrong in {NOTICED_WITHIN} seeds");
        };
        let problem: String = problem.chars().take(150).collect();
        println!("without {guard:?}, seed {seed}: {problem}");
    }
}

#[test]
fn a_tape_is_run_again() {
    let Ok(deviations) = std::env::var("TAPE") else { return };
    let tape = report::tape_of(&deviations).expect("`place:answer,..`");
    let world = simulation::run(tape, None, true);
    println!("{}", world.history.unwrap_or_default().join("\n"));
    assert_eq!(world.broken, Vec::<String>::new());
}
