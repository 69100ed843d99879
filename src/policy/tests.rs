//! What comes next for every run, and what no sequence of facts may break.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::Occurrence;
use crate::identity::JobName;
use crate::jobs::{Backoff, Launches, Policy, Retry, TaskRequest};
use crate::run::{Applied, Attempt, Fact, News, Sighting, StopAsked, Verdict, apply};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + secs).unwrap()
}

fn secs(secs: u64) -> Period {
    Period::from_secs(secs)
}

fn request() -> TaskRequest {
    serde_json::from_value(json!({
        "cluster": "batch", "source": { "registered": "report" }, "container": "app",
        "environment": {}, "changes": {}, "enableExecuteCommand": false, "tags": {},
        "startedBy": "longshore/report/1",
    }))
    .unwrap()
}

/// Three attempts of three launches within 15m, startWithin 10m, timeout 1h.
fn policy() -> Policy {
    let backoff = |delay, max| Backoff { delay: secs(delay), factor: 2.0, max: secs(max) };
    let on = vec![RetryOn::AnyExitCode, RetryOn::SpotInterruption, RetryOn::Timeout];
    Policy {
        retry: Retry { attempts: 3, on, backoff: backoff(30, 900) },
        launches: Launches { max: 3, within: secs(900), backoff: backoff(1, 60) },
        timeout: Some(secs(3600)),
        start_within: secs(600),
        ..Policy::default()
    }
}

/// A run claimed at 0 for an event that happened at 0.
fn run_named(occurrence: &str) -> Run {
    let job: JobName = "report".parse().unwrap();
    let occurrence = Occurrence { kind: "manual".to_owned(), parts: vec![occurrence.to_owned()] };
    Run {
        id: occurrence.run_id(&job),
        job,
        occurrence,
        happened_at: Some(at(0)),
        values: std::collections::BTreeMap::default(),
        policy: policy(),
        created_at: at(0),
        owner: "a".to_owned(),
        state: State::Waiting { until: at(0), wait: Wait::Event },
        attempts: vec![Attempt { number: 1, ..Attempt::default() }],
        stop: None,
        reruns: Vec::new(),
        due: Some(at(0)),
        revision: 0,
    }
}

/// A run with this many launches, one each minute from 0 on, that waits until 200.
fn waiting(launches: u32, wait: Wait) -> Run {
    let mut run = run_named("x");
    for n in 0..i64::from(launches) {
        run.arm(request(), at(n * MINUTE), at(n * MINUTE + 90), "a");
        run.refused("no capacity", at(0));
    }
    run.wait(at(200), wait);
    run
}

fn with_state(state: State) -> Run {
    let mut run = run_named("x");
    run.arm(request(), at(0), at(90), "a");
    run.state = state;
    run
}

fn with_stop(mut run: Run, cause: StopCause) -> Run {
    run.ask_to_stop(StopAsked::new(cause, at(0)));
    run
}

fn ended(verdict: Verdict) -> State {
    State::Ended { verdict, at: at(0) }
}

fn tell(observed: Observed, reason: &str) -> Step {
    Step::Tell(observed, reason.to_owned())
}

fn check(run: &Run, steps: &[(i64, Step)]) {
    for (time, step) in steps {
        assert_eq!(next(run, &Timing::AWS, at(*time)), *step, "at {time}: {:?}", run.state);
    }
}

#[test]
fn a_waiting_run_is_launched_at_its_time_unless_its_event_is_too_old() {
    let run = waiting(0, Wait::Event);
    let old = "its event is 30 days old, too old to be told from one that has run before";
    let launch = [(199, Step::Rest), (200, Step::Launch), (30 * DAY, Step::Launch)];
    for wait in [Wait::Event, Wait::Slot] {
        let run = waiting(0, wait);
        check(&run, &launch);
        check(&run, &[(30 * DAY + 1, tell(Observed::Skipped, old))]);
        // A ledger that forgets nothing can always tell.
        assert_eq!(next(&run, &Timing::LOCAL, at(31 * DAY)), Step::Launch);
    }
    let mut impatient = run.clone();
    impatient.policy.starting_deadline = Some(secs(7200));
    let late = "it could only start 2h1s after its event, and its startingDeadline is 2h";
    check(&impatient, &[(199, Step::Rest), (7200, Step::Launch)]);
    check(&impatient, &[(7201, tell(Observed::Skipped, late))]);
    // Both are about the first launch: what began in time goes on.
    let mut begun = waiting(1, Wait::Launch);
    begun.policy = impatient.policy.clone();
    begun.policy.launches.within = secs(40 * 86_400);
    check(&begun, &[(7201, Step::Launch), (31 * DAY, Step::Launch)]);
    let mut second = impatient.clone();
    second.open_attempt(at(200));
    check(&second, &[(199, Step::Rest), (7201, Step::Launch), (31 * DAY, Step::Launch)]);
    impatient.happened_at = None;
    check(&impatient, &[(7201, Step::Launch), (31 * DAY, Step::Launch)]);
}

#[test]
fn an_attempt_is_given_up_when_its_launches_or_their_time_are_spent() {
    let spent = |reason| tell(Observed::NotPlaced, reason);
    let two = "no task could be started in 2 launches within 15m1s: no capacity";
    check(
        &waiting(2, Wait::Launch),
        &[(200, Step::Launch), (900, Step::Launch), (901, spent(two))],
    );
    let three = "no task could be started in 3 launches within 3m20s: no capacity";
    check(&waiting(3, Wait::Launch), &[(199, Step::Rest), (200, spent(three))]);
    let mut run = waiting(3, Wait::Launch);
    run.open_attempt(at(200));
    check(&run, &[(901, Step::Launch)]);
    let mut silent = waiting(0, Wait::Event);
    silent.policy.launches.max = 1;
    silent.arm(request(), at(0), at(90), "a");
    silent.wait(at(90), Wait::Launch);
    let reason = "no task could be started in 1 launch within 1m30s: ECS gave no reason";
    check(&silent, &[(90, spent(reason))]);
}

#[test]
fn after_fifty_minutes_a_token_is_not_used_again() {
    let (sure, too_late) = (Step::Look { too_late: false }, Step::Look { too_late: true });
    let launching = |lease| State::Launching { lease: at(lease) };
    check(
        &with_state(launching(90)),
        &[
            (89, Step::Rest),
            (90, Step::Repeat),
            (45 * MINUTE, Step::Repeat),
            // A call that is on its way arrives before its task is looked for.
            (45 * MINUTE + 1, Step::Rest),
            (50 * MINUTE, Step::Rest),
            (50 * MINUTE + 1, too_late.clone()),
        ],
    );
    let held = [(50 * MINUTE + 59, Step::Rest), (51 * MINUTE, too_late.clone())];
    check(&with_state(launching(51 * MINUTE)), &held);
    // A doubt is looked into first, whatever the launches; its launch was at 120.
    let looks = [(199, Step::Rest), (200, sure.clone()), (52 * MINUTE, sure)];
    check(&waiting(3, Wait::Doubt), &looks);
    check(&waiting(3, Wait::Doubt), &[(52 * MINUTE + 1, too_late)]);
}

#[test]
fn a_task_is_stopped_at_its_limits() {
    let started = [(599, Step::Watch), (600, Step::Stop(StopCause::StartTimeout))];
    check(&with_state(State::Started), &started);
    let mut running = with_state(State::Running { since: at(50) });
    check(&running, &[(3649, Step::Watch), (3650, Step::Stop(StopCause::Timeout))]);
    running.policy.timeout = None;
    check(&running, &[(600, Step::Watch), (14 * DAY, Step::Watch)]);
    for verdict in [Verdict::Succeeded, Verdict::Lost] {
        check(&with_state(ended(verdict)), &[(0, Step::Done), (40 * DAY, Step::Done)]);
    }
}

#[test]
fn a_request_to_stop_comes_before_every_limit_but_not_before_the_truth() {
    use StopCause::{Cancelled, Replaced};
    let untold = tell(Observed::Cancelled, "cancelled before it had a task");
    for wait in [Wait::Event, Wait::Slot, Wait::Launch, Wait::Retry] {
        let run = with_stop(waiting(0, wait), Cancelled);
        check(&run, &[(0, untold.clone()), (200, untold.clone()), (31 * DAY, untold.clone())]);
    }
    let mut run = waiting(0, Wait::Slot);
    run.ask_to_stop(StopAsked::new(Replaced, at(0)).by("report-x"));
    check(&run, &[(0, tell(Observed::Cancelled, "replaced by report-x before it had a task"))]);
    let mut run = waiting(0, Wait::Retry);
    let wish = StopAsked::new(Cancelled, at(0)).by("ana");
    run.ask_to_stop(StopAsked { reason: Some("wrong day".to_owned()), ..wish });
    let told = "cancelled by ana before it had a task: wrong day";
    check(&run, &[(0, tell(Observed::Cancelled, told))]);
    // RunTask was called: first learn whether there is a task to stop.
    let doubt = with_stop(waiting(1, Wait::Doubt), Cancelled);
    check(&doubt, &[(199, Step::Rest), (200, Step::Look { too_late: false })]);
    let launching = State::Launching { lease: at(90) };
    let launching = with_stop(with_state(launching), Cancelled);
    check(&launching, &[(89, Step::Rest), (90, Step::Repeat)]);
    for state in [State::Started, State::Running { since: at(0) }] {
        for cause in CAUSES {
            let stop = Step::Stop(cause);
            check(&with_stop(with_state(state.clone()), cause), &[(0, stop.clone()), (DAY, stop)]);
        }
    }
    check(&with_stop(with_state(ended(Verdict::Failed)), Cancelled), &[(DAY, Step::Done)]);
}

#[test]
fn a_stop_by_a_limit_ends_the_launch_or_attempt_and_not_the_run() {
    let mut again = with_stop(with_state(State::Started), StopCause::StartTimeout);
    again.reopen_attempt(at(200));
    check(&again, &[(199, Step::Rest), (200, Step::Launch)]);
    let mut retried = with_stop(with_state(State::Running { since: at(0) }), StopCause::Timeout);
    retried.open_attempt(at(200));
    check(&retried, &[(199, Step::Rest), (200, Step::Launch)]);
}

/// A run whose present attempt ended so, after `attempts` attempts of `launches` launches.
fn failed(ending: Ending, attempts: u32, launches: u32) -> Run {
    let mut run = waiting(if attempts == 1 { launches } else { 1 }, Wait::Launch);
    for attempt in 2..=attempts {
        run.open_attempt(at(0));
        for _ in 0..if attempt == attempts { launches } else { 1 } {
            run.arm(request(), at(0), at(90), "a");
        }
    }
    run.attempts.last_mut().unwrap().ending = Some(ending);
    run.state = ended(Verdict::Failed);
    run
}

fn exit(code: i32) -> Ending {
    Ending::Exited { code, out_of_memory: false }
}

fn oom(code: i32) -> Ending {
    Ending::Exited { code, out_of_memory: true }
}

#[test]
fn only_the_failures_a_job_names_are_tried_again() {
    let stopped = |cause| Ending::Stopped { cause };
    let endings = [
        ("exit 0", exit(0)),
        ("exit 1", exit(1)),
        ("exit 75", exit(75)),
        ("exit -181", exit(-181)),
        ("oom, exit 0", oom(0)),
        ("out of memory", oom(137)),
        ("failed to start", Ending::FailedToStart),
        ("spot", Ending::SpotInterruption),
        ("host", Ending::InfrastructureHealth),
        ("no exit code", Ending::NoExitCode),
        ("timeout", stopped(Some(StopCause::Timeout))),
        ("start timeout", stopped(Some(StopCause::StartTimeout))),
        ("cancelled", stopped(Some(StopCause::Cancelled))),
        ("by somebody", stopped(None)),
        ("lost", Ending::Observed(Observed::Lost)),
        ("not placed", Ending::Observed(Observed::NotPlaced)),
    ];
    let on = [
        ("none", vec![]),
        ("any", vec![RetryOn::AnyExitCode]),
        ("75", vec![RetryOn::ExitCode(vec![3, 75])]),
        ("oom", vec![RetryOn::OutOfMemory]),
        ("spot", vec![RetryOn::SpotInterruption]),
        ("infra", vec![RetryOn::InfrastructureHealth]),
        ("timeout", vec![RetryOn::Timeout]),
        ("default", Retry::default().on),
    ];
    let mut table = format!("{:16}", "ending");
    table.extend(on.iter().map(|(name, _)| format!("{name:8}")));
    for (name, ending) in endings {
        table += &format!("\n{name:16}");
        for (_, on) in &on {
            let mut run = failed(ending.clone(), 2, 1);
            run.policy.retry.on.clone_from(on);
            let word = match again(&run, at(0)) {
                Again::Launch(_) => "launch",
                Again::Attempt(_) => "attempt",
                Again::No => "-",
            };
            table += &format!("{word:8}");
        }
    }
    let table: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    insta::assert_snapshot!(table, @r"
    ending          none    any     75      oom     spot    infra   timeout default
    exit 0          -       -       -       -       -       -       -       -
    exit 1          -       attempt -       -       -       -       -       attempt
    exit 75         -       attempt attempt -       -       -       -       attempt
    exit -181       -       attempt -       -       -       -       -       attempt
    oom, exit 0     -       -       -       -       -       -       -       -
    out of memory   -       attempt -       attempt -       -       -       attempt
    failed to start launch  launch  launch  launch  launch  launch  launch  launch
    spot            -       -       -       -       attempt -       -       attempt
    host            -       -       -       -       -       attempt -       attempt
    no exit code    -       -       -       -       -       attempt -       attempt
    timeout         -       -       -       -       -       -       attempt -
    start timeout   -       -       -       -       -       -       -       -
    cancelled       -       -       -       -       -       -       -       -
    by somebody     -       -       -       -       -       -       -       -
    lost            -       -       -       -       -       -       -       -
    not placed      -       -       -       -       -       -       -       -
    ");
}

#[test]
fn attempts_and_launches_are_two_budgets_and_a_wanted_stop_ends_both() {
    let check = |run: &Run, time, expected| {
        let again = match again(run, at(time)) {
            Again::Launch(_) => "launch",
            Again::Attempt(_) => "attempt",
            Again::No => "no",
        };
        assert_eq!(again, expected, "{:?} at {time}", run.attempts.last());
    };
    for (ending, attempts, launches, time, expected) in [
        (exit(1), 1, 1, 0, "attempt"),
        (exit(1), 2, 3, 9999, "attempt"),
        (exit(1), 3, 1, 0, "no"),
        (Ending::FailedToStart, 1, 2, 900, "launch"),
        (Ending::FailedToStart, 1, 2, 901, "no"),
        (Ending::FailedToStart, 1, 3, 200, "no"),
        (Ending::FailedToStart, 3, 2, 200, "launch"),
    ] {
        let run = failed(ending, attempts, launches);
        check(&run, time, expected);
        for (cause, expected) in [
            (StopCause::Cancelled, "no"),
            (StopCause::Replaced, "no"),
            (StopCause::Timeout, expected),
            (StopCause::StartTimeout, expected),
        ] {
            let mut run = run.clone();
            run.state = State::Started;
            check(&with_stop(run, cause), time, expected);
        }
    }
    let mut alive = failed(exit(1), 1, 1);
    alive.attempts[0].ending = None;
    check(&alive, 0, "no");
}

#[test]
fn waits_grow_and_runs_that_failed_together_do_not_return_together() {
    fn wait(again: Again) -> f64 {
        match again {
            Again::Launch(time) | Again::Attempt(time) => time.duration_since(at(0)).as_secs_f64(),
            Again::No => unreachable!("it is tried again"),
        }
    }
    // The longest wait of each failure; a quarter less is the shortest.
    for (attempts, launches, ending, longest) in [
        (1, 1, exit(1), 30.0),
        (2, 1, exit(1), 60.0),
        (3, 1, exit(1), 120.0),
        (6, 1, exit(1), 900.0),
        (1, 1, Ending::FailedToStart, 1.0),
        (1, 3, Ending::FailedToStart, 4.0),
        (1, 9, Ending::FailedToStart, 60.0),
    ] {
        let mut waits = Vec::new();
        for n in 0..20 {
            let mut run = failed(ending.clone(), attempts, launches);
            run.id = run_named(&n.to_string()).id;
            run.policy.retry.attempts = 10;
            run.policy.launches.max = 20;
            let wait_secs = wait(again(&run, at(0)));
            assert!((longest * 0.75..=longest).contains(&wait_secs), "{longest}: {wait_secs}");
            assert_eq!(wait_secs, wait(again(&run, at(0))), "a replay waits as long");
            waits.push(wait_secs.to_bits());
        }
        waits.sort_unstable();
        waits.dedup();
        assert_eq!(waits.len(), 20, "{longest}");
    }
}

#[test]
fn after_a_refusal_at_least_two_minutes_go_by() {
    for (delay, shortest, longest) in [(1, 120, 120), (120, 120, 120), (200, 150, 200)] {
        let mut run = waiting(1, Wait::Launch);
        run.policy.launches.backoff = Backoff { delay: secs(delay), factor: 2.0, max: secs(999) };
        let time = after_refusal(&run, false, at(0));
        assert!(at(shortest) <= time && time <= at(longest), "{delay}: {time}");
        // Whoever held it before may be calling yet.
        assert_eq!(after_refusal(&run, true, at(0)), time.max(at(240)), "{delay}");
    }
}

#[test]
fn the_alarm_rings_at_the_next_limit_and_often_enough_before() {
    let started = with_state(State::Started);
    let running = with_state(State::Running { since: at(50) });
    let mut endless = running.clone();
    endless.policy.timeout = None;
    let launching = with_state(State::Launching { lease: at(90) });
    let stopping = |run: &Run| with_stop(run.clone(), StopCause::Cancelled);
    for (run, now, expected) in [
        (&waiting(0, Wait::Event), 0, Some(200)),
        (&waiting(0, Wait::Slot), 139, Some(200)),
        (&waiting(1, Wait::Doubt), 141, Some(201)),
        (&waiting(0, Wait::Retry), 439, Some(499)),
        // What has waited long is reminded ever less often.
        (&waiting(0, Wait::Retry), 1000, Some(1200)),
        (&waiting(0, Wait::Retry), 99_999, Some(100_899)),
        (&launching, 0, Some(90)),
        (&launching, 90, Some(150)),
        (&launching, 1000, Some(1250)),
        (&started, 0, Some(600)),
        (&started, 599, Some(600)),
        (&started, 600, Some(600 + 900)),
        (&stopping(&started), 0, Some(120)),
        (&running, 100, Some(1000)),
        (&running, 2749, Some(3649)),
        (&running, 2751, Some(3650)),
        (&running, 3650, Some(3650 + 900)),
        (&endless, 9000, Some(9900)),
        (&stopping(&running), 3600, Some(3720)),
        (&with_state(ended(Verdict::Succeeded)), 0, None),
        (&with_state(ended(Verdict::Lost)), 0, None),
    ] {
        assert_eq!(alarm(run, &Timing::AWS, at(now)), expected.map(at), "{:?} {now}", run.state);
    }
}

/// What record saves after a fact.
fn heard(run: &Run, attempt: u32, fact: &Fact, now: Timestamp) -> Run {
    let Applied::Changed(mut after) = apply(run, attempt, fact, now) else { return run.clone() };
    if after.verdict().is_some() && run.verdict() != Some(Verdict::Lost) {
        match again(&after, now) {
            Again::Launch(time) => after.reopen_attempt(time),
            Again::Attempt(time) => after.open_attempt(time),
            Again::No => {}
        }
    }
    *after
}

/// What is saved after the next step; RunTask, if it is called, answers one of four ways.
fn driven(run: &Run, answer: usize, now: Timestamp) -> Run {
    let mut after = run.clone();
    let lease = now + Timing::AWS.lease;
    let tell = |observed| {
        let fact = observation(run, observed, run.living_task());
        heard(run, run.attempt(), &fact, now)
    };
    match (next(run, &Timing::AWS, now), &run.state) {
        (Step::Launch, _) => after.arm(request(), now, lease, "b"),
        (Step::Look { too_late: false }, _) => match launches_spent(run, now) {
            Some(_) => return tell(Observed::NotPlaced),
            None => after.arm(request(), now, lease, "b"),
        },
        (Step::Look { too_late: true }, _) => return tell(Observed::Lost),
        (Step::Repeat, State::Launching { .. }) => after.hold(lease, "b"),
        (Step::Tell(observed, _), _) => return tell(observed),
        (Step::Stop(cause), _) => {
            after.ask_to_stop(StopAsked::new(cause, now));
            return after;
        }
        _ => return after,
    }
    match answer % 4 {
        0 => {
            let fact = Fact::Launched { task: task(&after, 0) };
            after = heard(&after, after.attempt(), &fact, now);
        }
        1 => after.refused("no capacity", after_refusal(&after, false, now)),
        2 => after.wait_for_slot(now, now + Timing::AWS.remind_again),
        // The answer is lost.
        _ => {}
    }
    after
}

/// The present launch's task, or that of a launch some numbers before; 0 is a stranger's.
fn task(run: &Run, back: u32) -> String {
    let launch = run.launch().map_or(0, |launch| launch.number.saturating_sub(back));
    let named = || format!("task/{}.{launch}", run.attempt());
    run.living_task().filter(|_| back == 0).map_or_else(named, str::to_owned)
}

fn observation(run: &Run, observed: Observed, task: Option<&str>) -> Fact {
    let (task, reason) = (task.map(str::to_owned), "longshore saw it".to_owned());
    Fact::Observed { observed, task, owner: run.owner.clone(), reason }
}

const OBSERVED: [Observed; 5] = [
    Observed::Skipped,
    Observed::Invalid,
    Observed::NotPlaced,
    Observed::Cancelled,
    Observed::Lost,
];
const CAUSES: [StopCause; 4] =
    [StopCause::Timeout, StopCause::StartTimeout, StopCause::Cancelled, StopCause::Replaced];

fn news(choice: usize) -> News {
    match choice {
        0 | 1 => News::Pending,
        2 | 3 => News::Running,
        4 => News::Ended(exit(0)),
        5 => News::Ended(exit(1)),
        6 => News::Ended(oom(137)),
        7 => News::Ended(Ending::SpotInterruption),
        8 => News::Ended(Ending::InfrastructureHealth),
        9 => News::Ended(Ending::NoExitCode),
        10 | 11 => News::Ended(Ending::FailedToStart),
        choice => News::Ended(Ending::Stopped { cause: CAUSES.get(choice - 12).copied() }),
    }
}

/// The run after one thing happened: which thing, a choice within it, a number.
fn happened(run: &Run, (kind, choice, number): (u8, usize, u64), now: Timestamp) -> Run {
    let attempt = match number {
        0 => run.attempt() - 1,
        1 => run.attempt() + 1,
        _ => run.attempt(),
    };
    let task = task(run, u32::from(kind == 4));
    match kind {
        0..3 => driven(run, choice, now),
        3 => heard(run, attempt, &Fact::Launched { task }, now),
        4..8 => {
            let fact = Fact::Seen(Sighting {
                task,
                version: number,
                news: news(choice),
                exit_code: None,
                reason: "as ECS says".to_owned(),
                times: crate::run::Times::default(),
                containers: Vec::new(),
                size: None,
            });
            heard(run, attempt, &fact, now)
        }
        8 => {
            // The observer may have looked before the task was known.
            let task = run.living_task().filter(|_| choice > 4);
            heard(run, attempt, &observation(run, OBSERVED[choice % 5], task), now)
        }
        _ => with_stop(run.clone(), CAUSES[choice % 4]),
    }
}

fn rank(run: &Run) -> u8 {
    match run.state {
        State::Waiting { .. } => 0,
        State::Launching { .. } => 1,
        State::Started => 2,
        State::Running { .. } => 3,
        State::Ended { .. } => 4,
    }
}

fn check_step(before: &Run, after: &Run) -> Result<(), TestCaseError> {
    match (before.verdict(), after.verdict()) {
        (None, _) => {}
        (Some(Verdict::Lost), verdict) => prop_assert!(verdict.is_some()),
        (verdict, now) => prop_assert_eq!(verdict, now, "a verdict changed"),
    }
    let refused = after.launch().is_some_and(|launch| launch.refusal.is_some());
    let waits_again = after.attempt() == before.attempt() && rank(after) == 0;
    prop_assert!(
        (after.attempt(), rank(after)) >= (before.attempt(), rank(before))
            || waits_again && (refused || rank(before) == 1),
        "it went back"
    );
    prop_assert!(after.attempts.len() <= 3 && after.attempt() as usize == after.attempts.len());
    prop_assert!(after.attempts.iter().all(|attempt| attempt.launches.len() <= 3));
    prop_assert_eq!(after.due.is_none(), after.verdict().is_some());
    prop_assert!(!matches!(rank(after), 2 | 3) || after.last_task().is_some(), "no task");
    let stored = serde_json::to_string(after).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Run>(&stored).unwrap(), after);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_run_goes_forward_within_its_limits(
        events in prop::collection::vec((0..10u8, 0..17usize, 0..9u64, 0..200i64), 1..80),
    ) {
        let (mut run, mut now) = (run_named("x"), at(0));
        for (kind, choice, number, secs) in events {
            // Now and then nobody looks for an hour.
            now += SignedDuration::from_secs(if secs == 199 { 3600 } else { secs });
            let after = happened(&run, (kind, choice, number), now);
            check_step(&run, &after)?;
            run = after;
        }
        // Then all goes well: every attempt takes a launch, an exit, and what was in doubt before.
        for _ in 0..12 {
            now += SignedDuration::from_hours(1);
            run = driven(&run, 0, now);
            if matches!(rank(&run), 2 | 3) {
                run = happened(&run, (5, 4, u64::MAX), now);
            }
        }
        prop_assert!(run.verdict().is_some(), "it never ends: {:?}", run);
    }
}

#[test]
fn a_turn_goes_to_one_of_those_who_wait_and_two_turns_to_two() {
    let waiting: Vec<Run> = (0..5).map(|index| Run { revision: index, ..run_named("x") }).collect();
    let chooser = run_named("y");
    let chosen = |count| -> Vec<u64> {
        some_of(&waiting, count, &chooser).map(|run| run.revision).collect()
    };
    assert!(chosen(0).is_empty());
    assert_eq!(chosen(2)[..1], chosen(1));
    assert_ne!(chosen(2)[0], chosen(2)[1]);
    let mut all = chosen(9);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4]);
    assert_eq!(some_of(&[], 2, &chooser).count(), 0);
}
