//! News of a task, whatever it says, against a run wherever it stands.

use jiff::{SignedDuration, Timestamp};
use longshore::event::{Event, Observed, read_body};
use longshore::policy::{Again, again};
use longshore::run::{Applied, Fact, News, Run, Sighting, StopAsked, StopCause, Verdict, apply};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{config, corpus, files, mutated};
use crate::contracts::{at, run as new_run};

const WORDS: &[&str] = &[
    "\"RUNNING\"",
    "\"STOPPED\"",
    "\"PENDING\"",
    "\"DEPROVISIONING\"",
    "\"version\": 1",
    "\"exitCode\": 0",
    "\"exitCode\": 1",
    "null",
    "\"TaskFailedToStart\"",
    "\"UserInitiated\"",
    "\"longshore: timed out\"",
    "\"SpotInterruption\"",
    "2026-11-24T02:00:00Z",
    "9999-12-31T23:59:59Z",
    "OutOfMemoryError",
    "0",
    "9",
];

/// What may happen to a run.
#[derive(Clone, Debug)]
enum Step {
    /// ECS tells: the body of an event, about the run's task or another.
    Told(Vec<u8>, bool),
    Launched(bool),
    Observed(Observed, bool),
    AskedToStop(StopCause),
    /// Policy goes on with what ended, or launches what waits.
    Driven,
}

fn steps() -> impl Strategy<Value = Step> {
    let seeds = files("events")
        .into_iter()
        .filter(|seed| String::from_utf8_lossy(seed).contains("taskArn"));
    let bodies = mutated([seeds.collect(), corpus("facts")].concat(), WORDS);
    let observed = select(vec![
        Observed::Skipped,
        Observed::Invalid,
        Observed::NotPlaced,
        Observed::Cancelled,
        Observed::Lost,
    ]);
    let cause = select(vec![
        StopCause::Timeout,
        StopCause::StartTimeout,
        StopCause::Cancelled,
        StopCause::Replaced,
    ]);
    prop_oneof![
        6 => (bodies, any::<bool>()).prop_map(|(body, own)| Step::Told(body, own)),
        2 => any::<bool>().prop_map(Step::Launched),
        1 => (observed, any::<bool>()).prop_map(|(observed, own)| Step::Observed(observed, own)),
        1 => cause.prop_map(Step::AskedToStop),
        3 => Just(Step::Driven),
    ]
}

/// The fact that a step brings, if it brings one.
fn fact(run: &Run, step: &Step) -> Option<Fact> {
    let task = |own: bool| match (own, run.last_task()) {
        (true, Some(task)) => task.to_owned(),
        (true, None) => "arn:aws:ecs:x:0:task/batch/own".to_owned(),
        (false, _) => "arn:aws:ecs:x:0:task/batch/other".to_owned(),
    };
    match step {
        Step::Told(body, own) => match read_body(body, "m").into_iter().next()?.ok()? {
            Event::TaskState(state) => {
                let mut sighting = Sighting::of(&state, Some("main"))?;
                sighting.task = task(*own);
                Some(Fact::Seen(sighting))
            }
            Event::Observation(seen) => {
                let task = own.then(|| run.living_task().map(str::to_owned)).flatten();
                let owner = run.owner.clone();
                Some(Fact::Observed { observed: seen.observed, task, owner, reason: seen.reason })
            }
            _ => None,
        },
        Step::Launched(own) => Some(Fact::Launched { task: task(*own) }),
        Step::Observed(observed, own) => {
            let task = own.then(|| run.living_task().map(str::to_owned)).flatten();
            let (owner, reason) = (run.owner.clone(), "seen".to_owned());
            Some(Fact::Observed { observed: *observed, task, owner, reason })
        }
        Step::AskedToStop(_) | Step::Driven => None,
    }
}

/// Goes on with the run as dispatch and record would.
fn drive(run: &mut Run, now: Timestamp) {
    let verdict = run.verdict();
    if verdict.is_none() && run.launch().is_none_or(|launch| launch.refusal.is_some()) {
        let request = serde_json::json!({
            "cluster": "batch", "source": { "registered": "x" }, "container": "main", "environment": {},
            "changes": {}, "enableExecuteCommand": false, "tags": {}, "startedBy": "longshore/x/1",
        });
        if let Ok(request) = serde_json::from_value(request) {
            run.arm(request, now, now + SignedDuration::from_secs(90), "owner");
        }
    } else if verdict.is_some_and(|verdict| verdict != Verdict::Lost) {
        match again(run, now) {
            Again::Launch(time) => run.reopen_attempt(time),
            Again::Attempt(time) => run.open_attempt(time),
            Again::No => {}
        }
    }
}

/// What holds of every fact's effect.
fn check(before: &Run, fact: &Fact, after: &Run) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        (&after.id, after.created_at, after.revision),
        (&before.id, before.created_at, before.revision)
    );
    prop_assert_eq!(after.attempts.len(), before.attempts.len(), "a fact opens no attempt");
    let ended = |run: &Run| run.attempts.iter().filter(|attempt| attempt.ending.is_some()).count();
    prop_assert!(ended(after) >= ended(before));
    match (before.verdict(), after.verdict()) {
        (Some(Verdict::Lost), Some(_)) => {
            let truth = matches!(fact, Fact::Seen(seen) if matches!(seen.news, News::Ended(_)));
            prop_assert!(truth, "only the truth corrects: {:?}", fact);
        }
        (Some(verdict), now) => prop_assert!(false, "{:?} became {:?}", verdict, now),
        (None, _) => {}
    }
    if after.verdict() == Some(Verdict::Succeeded) {
        prop_assert_eq!(after.exit_code(), Some(0), "a missing exit code is no success");
    }
    prop_assert_eq!(after.due.is_none(), after.verdict().is_some());
    let stored =
        serde_json::to_string(after).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(
        &serde_json::from_str::<Run>(&stored)
            .map_err(|error| TestCaseError::fail(error.to_string()))?,
        after
    );
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_follows_a_verdict_but_the_truth_after_lost(history in vec((steps(), any::<bool>()), 1..40)) {
        let mut run = new_run("work", "k", 0);
        run.policy.retry.attempts = 3;
        for (index, (step, present)) in history.iter().enumerate() {
            let now = at(i64::try_from(index).unwrap_or(0) * 30);
            let before = run.clone();
            match (step, fact(&run, step)) {
                (Step::AskedToStop(cause), _) => drop(run.ask_to_stop(StopAsked::new(*cause, now))),
                (Step::Driven, _) => drive(&mut run, now),
                (_, Some(fact)) => {
                    let attempt = if *present { run.attempt() } else { run.attempt().saturating_sub(1) };
                    match apply(&run, attempt, &fact, now) {
                        Applied::Changed(next) => {
                            prop_assert_eq!(attempt, run.attempt(), "late news counted");
                            check(&before, &fact, &next)?;
                            // The same again is known.
                            let again = apply(&next, attempt, &fact, now);
                            let counts = matches!(&fact, Fact::Seen(seen) if seen.version == 0);
                            prop_assert!(counts || matches!(again, Applied::Ignored(_)), "{:?}", again);
                            run = *next;
                        }
                        Applied::Ignored(_) => {}
                    }
                }
                (_, None) => {}
            }
            prop_assert!(run.attempt() >= before.attempt() && run.attempts.len() <= 3);
        }
    }
}
