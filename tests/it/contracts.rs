//! What every ledger must do. A new adapter joins by adding a module to `contracts!`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use longshore::event::Occurrence;
use longshore::identity::{Holder, JobName, Namespace, RunId};
use longshore::jobs::Policy;
use longshore::ledger::database::Database;
use longshore::ledger::sqlite::SqliteLedger;
use longshore::ledger::{Claim, Filter, Ledger, Saved, Slot, Updated, update, update_held};
use longshore::run::{Attempt, Line, Run, State, Verdict, Wait};

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

pub(crate) fn job(name: &str) -> JobName {
    name.parse().unwrap()
}

pub(crate) fn run(name: &str, key: &str, created: i64) -> Run {
    let occurrence = Occurrence { kind: "manual".to_owned(), parts: vec![key.to_owned()] };
    Run {
        id: RunId::derive(&job(name), "manual", &[key]),
        job: job(name),
        occurrence,
        happened_at: None,
        values: [("key".to_owned(), "ü \"x\"\n".to_owned())].into(),
        policy: Policy::default(),
        created_at: at(created),
        owner: "first".to_owned(),
        state: State::Waiting { until: at(created), wait: Wait::Event },
        attempts: vec![Attempt { number: 1, ..Attempt::default() }],
        stop: None,
        reruns: Vec::new(),
        due: Some(at(created)),
        revision: 0,
    }
}

pub(crate) fn database(folder: &Path) -> Arc<Database> {
    Arc::new(Database::open(&folder.join("ledger.db"), &Namespace::default()).unwrap())
}

/// Makes a test of each contract over each ledger.
macro_rules! contracts {
    ($($contract:ident,)+) => {
        mod sqlite {
            use super::*;
            $(#[test]
            fn $contract() {
                let folder = tempfile::tempdir().unwrap();
                block_on(super::$contract(&SqliteLedger::new(database(folder.path()))));
            })+
        }

        #[cfg(feature = "aws")]
        mod dynamodb {
            use super::block_on;
            use crate::dynamodb::fresh_ledger;
            $(#[test]
            fn $contract() {
                block_on(async { super::$contract(&fresh_ledger().await).await });
            })+
        }
    };
}

contracts! {
    a_claim_is_won_once_and_shows_the_winner_to_the_others,
    of_many_claims_at_once_one_is_won,
    of_two_saves_of_one_revision_one_is_refused_and_changes_nothing,
    of_many_saves_at_once_one_is_done,
    an_update_reads_again_when_somebody_was_faster,
    runs_are_loaded_in_the_order_of_their_ids,
    due_runs_come_oldest_first_and_ended_ones_never,
    a_run_that_ends_is_due_and_open_no_more,
    lists_meet_every_condition_of_their_filter,
    whoever_waits_longest_is_found_until_it_goes_on,
    slots_are_held_by_name_up_to_the_limit,
    no_more_slots_are_given_at_once_than_the_limit,
}

async fn a_claim_is_won_once_and_shows_the_winner_to_the_others(ledger: &impl Ledger) {
    let first = run("a", "1", 0);
    assert!(matches!(ledger.claim(&first).await.unwrap(), Claim::Won));
    let second = Run { owner: "second".to_owned(), created_at: at(9), ..first.clone() };
    match ledger.claim(&second).await.unwrap() {
        Claim::Known(known) => assert_eq!(*known, first),
        Claim::Won => panic!("claimed twice"),
    }
    assert_eq!(ledger.load(&first.id).await.unwrap(), Some(first));
    assert_eq!(ledger.load(&run("a", "2", 0).id).await.unwrap(), None);
}

async fn of_two_saves_of_one_revision_one_is_refused_and_changes_nothing(ledger: &impl Ledger) {
    let mut first = run("a", "1", 0);
    ledger.claim(&first).await.unwrap();
    let mut second = first.clone();
    first.owner = "winner".to_owned();
    second.owner = "loser".to_owned();
    assert_eq!(ledger.save(&mut first).await.unwrap(), Saved::Done);
    assert_eq!(first.revision, 1);
    assert_eq!(ledger.save(&mut second).await.unwrap(), Saved::Outdated);
    assert_eq!(second.revision, 0);
    assert_eq!(ledger.load(&first.id).await.unwrap(), Some(first.clone()));
    // The winner's own copy can be saved again.
    assert_eq!(ledger.save(&mut first).await.unwrap(), Saved::Done);
    // A run that is not there is not made by saving it.
    assert_eq!(ledger.save(&mut run("a", "2", 0)).await.unwrap(), Saved::Outdated);
    assert_eq!(ledger.load(&run("a", "2", 0).id).await.unwrap(), None);
}

async fn an_update_reads_again_when_somebody_was_faster(ledger: &impl Ledger) {
    let first = run("a", "1", 0);
    ledger.claim(&first).await.unwrap();
    let mut rival = first.clone();
    let mut calls = 0;
    // The rival saves between our load and our save, once.
    rival.owner = "rival".to_owned();
    ledger.save(&mut rival).await.unwrap();
    let updated = update(ledger, &first.id, |run| {
        calls += 1;
        assert_eq!(run.owner, "rival");
        run.owner = "ours".to_owned();
        true
    });
    let Some(Updated::Saved(updated)) = updated.await.unwrap() else { panic!("not saved") };
    assert_eq!((updated.owner.as_str(), updated.revision), ("ours", 2));
    assert_eq!(calls, 1);
    // What the caller holds is outdated by now: it is read anew.
    let mut owners = Vec::new();
    let updated = update_held(ledger, first.clone(), |run| {
        owners.push(run.owner.clone());
        run.due = Some(at(7));
        true
    });
    let Updated::Saved(updated) = updated.await.unwrap() else { panic!("not saved") };
    assert_eq!((updated.owner.as_str(), updated.due), ("ours", Some(at(7))));
    assert_eq!(owners, ["first", "ours"]);
    let left = update(ledger, &first.id, |_| false).await.unwrap();
    assert!(matches!(left, Some(Updated::Left(run)) if run.revision == 3));
    let nobody = run("a", "nobody", 0).id;
    assert!(update(ledger, &nobody, |_| true).await.unwrap().is_none());
    assert_eq!(ledger.load(&first.id).await.unwrap().unwrap().owner, "ours");
}

async fn due_runs_come_oldest_first_and_ended_ones_never(ledger: &impl Ledger) {
    for (key, due) in
        [("late", Some(30)), ("early", Some(10)), ("future", Some(99)), ("ended", None)]
    {
        let mut run = run("a", key, 0);
        run.due = due.map(at);
        if due.is_none() {
            run.state = State::Ended { verdict: Verdict::Succeeded, at: at(1) };
        }
        ledger.claim(&run).await.unwrap();
    }
    let id = |key: &str| run("a", key, 0).id;
    assert_eq!(ledger.due(at(30), 10).await.unwrap(), [id("early"), id("late")]);
    assert_eq!(ledger.due(at(30), 1).await.unwrap(), [id("early")]);
    assert_eq!(ledger.due(at(9), 10).await.unwrap(), []);
}

async fn lists_meet_every_condition_of_their_filter(ledger: &impl Ledger) {
    for (name, key, created, ended, waits) in [
        ("a", "1", 10, Some(Verdict::Failed), None),
        ("a", "2", 20, Some(Verdict::Succeeded), None),
        ("a", "3", 30, None, Some(Wait::Slot)),
        ("b", "1", 40, None, Some(Wait::Turn)),
    ] {
        let mut run = run(name, key, created);
        if let Some(verdict) = ended {
            run.state = State::Ended { verdict, at: at(99) };
        }
        if let Some(wait) = waits {
            run.state = State::Waiting { until: at(99), wait };
        }
        ledger.claim(&run).await.unwrap();
    }
    let all = || Filter::default();
    let of_a = || Filter { job: Some(job("a")), ..all() };
    for (filter, expected) in [
        (all(), vec![40, 30, 20, 10]),
        (Filter { limit: 2, ..all() }, vec![40, 30]),
        (Filter { oldest_first: true, ..all() }, vec![10, 20, 30, 40]),
        (of_a(), vec![30, 20, 10]),
        (Filter { open: true, ..of_a() }, vec![30]),
        (Filter { line: Some(Line::Slot), ..all() }, vec![30]),
        (Filter { line: Some(Line::Turn), ..all() }, vec![40]),
        (Filter { line: Some(Line::Turn), ..of_a() }, vec![]),
        (Filter { verdicts: vec![Verdict::Failed, Verdict::Lost], ..all() }, vec![10]),
        (Filter { since: Some(at(20)), ..all() }, vec![40, 30, 20]),
        (Filter { id_prefix: Some("b-".to_owned()), ..all() }, vec![40]),
        (Filter { id_prefix: Some("%".to_owned()), ..all() }, vec![]),
    ] {
        let runs = ledger.list(&filter).await.unwrap();
        let created: Vec<Timestamp> = runs.iter().map(|run| run.created_at).collect();
        let expected: Vec<Timestamp> = expected.into_iter().map(at).collect();
        assert_eq!(created, expected, "{filter:?}");
    }
}

async fn slots_are_held_by_name_up_to_the_limit(ledger: &impl Ledger) {
    let [x, y, z] = ["1", "2", "3"].map(|key| run("a", key, 0).holder(1));
    assert_eq!(ledger.acquire(&x, 2).await.unwrap(), Slot::Held);
    assert_eq!(ledger.acquire(&y, 2).await.unwrap(), Slot::Held);
    let Slot::Full(mut holders) = ledger.acquire(&z, 2).await.unwrap() else { panic!() };
    holders.sort();
    let mut expected = vec![x.clone(), y.clone()];
    expected.sort();
    assert_eq!(holders, expected);
    // A holder keeps its slot, even when the limit was lowered since.
    assert_eq!(ledger.acquire(&x, 1).await.unwrap(), Slot::Held);
    ledger.release(&x).await.unwrap();
    ledger.release(&x).await.unwrap();
    assert_eq!(ledger.holders(&job("a")).await.unwrap(), std::slice::from_ref(&y));
    assert_eq!(ledger.acquire(&z, 1).await.unwrap(), Slot::Full(vec![y]));
    assert_eq!(ledger.acquire(&z, 2).await.unwrap(), Slot::Held);
    // Another job's slots are its own.
    assert_eq!(ledger.acquire(&run("b", "1", 0).holder(1), 1).await.unwrap(), Slot::Held);
}

async fn of_many_claims_at_once_one_is_won(ledger: &impl Ledger) {
    let claims: Vec<Run> =
        (0..8).map(|n| Run { owner: n.to_string(), ..run("a", "1", 0) }).collect();
    let answers = join_all(claims.iter().map(|run| ledger.claim(run))).await;
    let stored = ledger.load(&claims[0].id).await.unwrap().unwrap();
    let mut won = Vec::new();
    for (answer, run) in answers.into_iter().zip(&claims) {
        match answer.unwrap() {
            Claim::Won => won.push(run.clone()),
            Claim::Known(known) => assert_eq!(*known, stored),
        }
    }
    assert_eq!(won, [stored]);
}

async fn of_many_saves_at_once_one_is_done(ledger: &impl Ledger) {
    let first = run("a", "1", 0);
    ledger.claim(&first).await.unwrap();
    let mut saves: Vec<Run> =
        (0..8).map(|n| Run { owner: n.to_string(), ..first.clone() }).collect();
    let answers = join_all(saves.iter_mut().map(|run| ledger.save(run))).await;
    let done: Vec<&Run> = answers
        .into_iter()
        .zip(&saves)
        .filter(|(answer, _)| matches!(answer, Ok(Saved::Done)))
        .map(|(_, run)| run)
        .collect();
    let stored = ledger.load(&first.id).await.unwrap().unwrap();
    assert_eq!((done, stored.revision), (vec![&stored], 1));
}

async fn runs_are_loaded_in_the_order_of_their_ids(ledger: &impl Ledger) {
    let runs: Vec<Run> = (0..120).map(|n| run("a", &n.to_string(), n)).collect();
    for run in &runs {
        ledger.claim(run).await.unwrap();
    }
    let mut ids: Vec<RunId> = runs.iter().rev().map(|run| run.id.clone()).collect();
    ids.insert(7, run("a", "nobody", 0).id);
    let loaded = ledger.load_all(&ids).await.unwrap();
    assert_eq!(loaded, runs.into_iter().rev().collect::<Vec<Run>>());
    assert_eq!(ledger.load_all(&[]).await.unwrap(), []);
}

async fn a_run_that_ends_is_due_and_open_no_more(ledger: &impl Ledger) {
    let mut run = run("a", "1", 0);
    ledger.claim(&run).await.unwrap();
    let open = Filter { open: true, ..Filter::default() };
    assert_eq!(ledger.due(at(9), 10).await.unwrap(), [run.id.clone()]);
    assert_eq!(ledger.list(&open).await.unwrap(), [run.clone()]);
    // Its alarm is moved.
    run.due = Some(at(10));
    ledger.save(&mut run).await.unwrap();
    assert_eq!(ledger.due(at(9), 10).await.unwrap(), []);
    assert_eq!(ledger.due(at(10), 10).await.unwrap(), [run.id.clone()]);
    run.due = None;
    run.state = State::Ended { verdict: Verdict::Lost, at: at(11) };
    ledger.save(&mut run).await.unwrap();
    assert_eq!(ledger.due(at(99), 10).await.unwrap(), []);
    assert_eq!(ledger.list(&open).await.unwrap(), []);
    // The truth corrects it.
    run.state = State::Ended { verdict: Verdict::Failed, at: at(12) };
    ledger.save(&mut run).await.unwrap();
    let failed = Filter { verdicts: vec![Verdict::Failed], ..Filter::default() };
    assert_eq!(ledger.list(&failed).await.unwrap(), [run]);
}

async fn whoever_waits_longest_is_found_until_it_goes_on(ledger: &impl Ledger) {
    for (key, created) in [("1", 10), ("2", 20), ("3", 30)] {
        let mut run = run("a", key, created);
        ledger.claim(&run).await.unwrap();
        if key != "2" {
            run.state = State::Waiting { until: at(created), wait: Wait::Slot };
            ledger.save(&mut run).await.unwrap();
        }
    }
    let longest = Filter {
        job: Some(job("a")),
        line: Some(Line::Slot),
        oldest_first: true,
        limit: 1,
        ..Filter::default()
    };
    let mut found = ledger.list(&longest).await.unwrap();
    let mut first = found.remove(0);
    assert_eq!(first.id, run("a", "1", 0).id);
    first.state = State::Started;
    ledger.save(&mut first).await.unwrap();
    let ids = async |filter: &Filter| {
        let runs = ledger.list(filter).await.unwrap();
        runs.into_iter().map(|run| run.id).collect::<Vec<RunId>>()
    };
    assert_eq!(ids(&longest).await, [run("a", "3", 0).id]);
    // All of them are the job's, whether they wait or not.
    let all = Filter { job: Some(job("a")), oldest_first: true, ..Filter::default() };
    assert_eq!(ids(&all).await, ["1", "2", "3"].map(|key| run("a", key, 0).id));
}

async fn no_more_slots_are_given_at_once_than_the_limit(ledger: &impl Ledger) {
    let holders: Vec<Holder> = (0..10).map(|n| run("a", &n.to_string(), 0).holder(1)).collect();
    let answers = join_all(holders.iter().map(|holder| ledger.acquire(holder, 3))).await;
    let held = answers.iter().filter(|answer| matches!(answer, Ok(Slot::Held))).count();
    assert_eq!(held, 3);
    for (answer, holder) in answers.into_iter().zip(&holders) {
        if answer.unwrap() == Slot::Held {
            ledger.release(holder).await.unwrap();
        }
    }
    assert_eq!(ledger.holders(&job("a")).await.unwrap(), []);
}
