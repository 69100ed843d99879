//! What every adapter of a port must do. A new adapter joins by adding a row.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use longshore::event::{Observation, Observed, Occurrence, Reminder};
use longshore::identity::{JobName, Namespace, RunId};
use longshore::jobs::Policy;
use longshore::ledger::database::Database;
use longshore::ledger::sqlite::SqliteLedger;
use longshore::ledger::{Claim, Filter, Ledger, Saved, Slot, Updated, update, update_held};
use longshore::queue::local::LocalQueue;
use longshore::queue::{Message, Outcome, Queue, QueueName};
use longshore::run::{Attempt, Run, State, Verdict, Wait};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn job(name: &str) -> JobName {
    name.parse().unwrap()
}

fn run(name: &str, key: &str, created: i64) -> Run {
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
        due: Some(at(created)),
        revision: 0,
    }
}

fn database(folder: &Path) -> Arc<Database> {
    Arc::new(Database::open(&folder.join("ledger.db"), &Namespace::default()).unwrap())
}

/// Runs one contract over every ledger.
fn check<F: AsyncFn(&SqliteLedger)>(contract: F) {
    let folder = tempfile::tempdir().unwrap();
    block_on(contract(&SqliteLedger::new(database(folder.path()))));
}

#[test]
fn a_claim_is_won_once_and_shows_the_winner_to_the_others() {
    check(async |ledger| {
        let first = run("a", "1", 0);
        assert!(matches!(ledger.claim(&first).await.unwrap(), Claim::Won));
        let second = Run { owner: "second".to_owned(), created_at: at(9), ..first.clone() };
        match ledger.claim(&second).await.unwrap() {
            Claim::Known(known) => assert_eq!(*known, first),
            Claim::Won => panic!("claimed twice"),
        }
        assert_eq!(ledger.load(&first.id).await.unwrap(), Some(first));
        assert_eq!(ledger.load(&run("a", "2", 0).id).await.unwrap(), None);
    });
}

#[test]
fn of_two_saves_of_one_revision_one_is_refused_and_changes_nothing() {
    check(async |ledger| {
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
    });
}

#[test]
fn an_update_reads_again_when_somebody_was_faster() {
    check(async |ledger| {
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
        let Updated::Saved(updated) = updated.await.unwrap() else { panic!("not saved") };
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
        assert!(matches!(left, Updated::Left(run) if run.revision == 3));
        let nobody = run("a", "nobody", 0).id;
        let unknown = update(ledger, &nobody, |_| true).await.unwrap();
        assert!(matches!(unknown, Updated::Unknown(id) if id == nobody));
        assert_eq!(ledger.load(&first.id).await.unwrap().unwrap().owner, "ours");
    });
}

#[test]
fn due_runs_come_oldest_first_and_ended_ones_never() {
    check(async |ledger| {
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
    });
}

#[test]
fn lists_meet_every_condition_of_their_filter() {
    check(async |ledger| {
        for (name, key, created, ended, waits) in [
            ("a", "1", 10, Some(Verdict::Failed), false),
            ("a", "2", 20, Some(Verdict::Succeeded), false),
            ("a", "3", 30, None, true),
            ("b", "1", 40, None, false),
        ] {
            let mut run = run(name, key, created);
            if let Some(verdict) = ended {
                run.state = State::Ended { verdict, at: at(99) };
            }
            if waits {
                run.state = State::Waiting { until: at(99), wait: Wait::Slot };
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
            (Filter { waiting_for_slot: true, ..all() }, vec![30]),
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
    });
}

#[test]
fn slots_are_held_by_name_up_to_the_limit() {
    check(async |ledger| {
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
    });
}

#[test]
fn a_message_is_handed_out_once_until_it_is_hidden_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let queue = LocalQueue::new(database(folder.path()));
    let id = run("a", "1", 0).id;
    let reminder = Message::Reminder(Reminder { run: id.clone(), attempt: 1 });
    let observation = Message::Observation(Observation {
        run: id,
        attempt: 1,
        observed: Observed::Lost,
        task: None,
        reason: "gone".to_owned(),
    });
    block_on(async {
        queue.send(&reminder, SignedDuration::ZERO).await.unwrap();
        queue.send(&observation, SignedDuration::from_hours(1)).await.unwrap();
    });
    let hidden = SignedDuration::from_secs(30);
    let now = Timestamp::now();
    let receive = |queue_name, time| queue.receive(queue_name, time, hidden).unwrap();
    let first = receive(QueueName::Events, now).unwrap();
    assert_eq!(first.body, reminder.to_json().to_string());
    assert_eq!(first.receives, 1);
    assert!(receive(QueueName::Events, now).is_none());
    let again = receive(QueueName::Events, now + hidden).unwrap();
    assert_eq!((again.number, again.receives), (first.number, 2));
    queue.delete(first.number).unwrap();
    assert!(receive(QueueName::Events, now + hidden + hidden).is_none());
    // The delayed one is not there before its time, and in its own queue.
    assert!(receive(QueueName::States, now).is_none());
    let later = now + SignedDuration::from_hours(1);
    assert_eq!(receive(QueueName::States, later).unwrap().body, observation.to_json().to_string());
}

#[test]
fn the_outcome_of_a_run_is_the_same_every_time_it_is_told() {
    let mut ended = run("a", "1", 0);
    assert_eq!(Outcome::of(&ended), None);
    ended.state = State::Ended { verdict: Verdict::Lost, at: at(7) };
    let outcome = Outcome::of(&ended).unwrap();
    assert_eq!((outcome.verdict, outcome.ended_at), (Verdict::Lost, at(7)));
    assert_eq!(Outcome::of(&ended), Some(outcome.clone()));
    let folder = tempfile::tempdir().unwrap();
    let queue = LocalQueue::new(database(folder.path()));
    block_on(async {
        queue.emit(&outcome).await.unwrap();
        queue.emit(&outcome).await.unwrap();
    });
}
