//! The ledger in DynamoDB where it differs from others: lost and refused answers, what lies in the
//! table, and lists that come from indexes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use jiff::Timestamp;
use longshore::identity::RunId;
use longshore::ledger::dynamodb::DynamoLedger;
use longshore::ledger::sqlite::SqliteLedger;
use longshore::ledger::{Claim, Filter, Ledger, LedgerError, Saved, Slot};
use longshore::run::{Line, Run, State, Verdict, Wait};
use proptest::prelude::*;

use crate::contracts::{at, block_on, database, job, run};
use crate::moto;
use crate::proxy::{Fault, Proxy};

/// A table that no other test has.
pub(crate) async fn fresh_table(client: &Client) -> String {
    let name = moto::fresh("runs");
    make_table(client, &name).await;
    name
}

/// A table with the key, the indexes and the projections of template.yaml.
pub(crate) async fn make_table(client: &Client, name: &str) {
    let text = |name: &str| attribute(name, ScalarAttributeType::S);
    let number = |name: &str| attribute(name, ScalarAttributeType::N);
    let table = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(vec![
            text("pk"),
            text("ds"),
            number("du"),
            text("jb"),
            number("ct"),
        ]))
        .key_schema(key("pk", KeyType::Hash))
        .global_secondary_indexes(index("due", "ds", "du"))
        .global_secondary_indexes(index("job", "jb", "ct"));
    table.send().await.unwrap();
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
}

fn index(name: &str, hash: &str, range: &str) -> GlobalSecondaryIndex {
    let keys = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let index = GlobalSecondaryIndex::builder().index_name(name).projection(keys);
    let index = index.key_schema(key(hash, KeyType::Hash)).key_schema(key(range, KeyType::Range));
    index.build().unwrap()
}

/// A ledger in a table of its own, for the jobs of the contracts.
pub(crate) async fn fresh_ledger() -> DynamoLedger {
    let config = moto::connect().await;
    let table = fresh_table(&Client::new(&config)).await;
    DynamoLedger::new(&config, table, vec![job("a"), job("b")])
}

/// A table, a ledger that reaches it through a proxy, and a client that does not.
struct Bench {
    proxy: Proxy,
    ledger: DynamoLedger,
    client: Client,
    table: String,
}

impl Bench {
    async fn new() -> Self {
        let proxy = Proxy::start().await;
        let client = Client::new(&moto::connect().await);
        let table = fresh_table(&client).await;
        let config = moto::connect_to(proxy.endpoint()).await;
        let ledger = DynamoLedger::new(&config, table.clone(), vec![job("a"), job("b")]);
        Self { proxy, ledger, client, table }
    }

    /// The item as it lies in the table.
    async fn item(&self, key: &str) -> HashMap<String, AttributeValue> {
        let key = AttributeValue::S(key.to_owned());
        let got = self.client.get_item().table_name(&self.table).key("pk", key).send().await;
        got.unwrap().item.unwrap()
    }

    /// Sets one attribute of an item, as nobody in longshore would.
    async fn set(&self, key: &str, name: &str, value: &str) {
        let update = self.client.update_item().table_name(&self.table);
        let update = update.key("pk", AttributeValue::S(key.to_owned()));
        let update = update.update_expression("SET #name = :value");
        let update = update.expression_attribute_names("#name", name);
        let value = AttributeValue::S(value.to_owned());
        update.expression_attribute_values(":value", value).send().await.unwrap();
    }
}

fn names(item: &HashMap<String, AttributeValue>) -> Vec<&str> {
    let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_knows_its_own_write() {
    let bench = Bench::new().await;
    let run = run("a", "1", 0);
    bench.proxy.next("PutItem", Fault::LoseAnswer);
    assert!(matches!(bench.ledger.claim(&run).await.unwrap(), Claim::Won));
    assert_eq!(bench.proxy.calls(), ["PutItem", "PutItem"]);
    assert!(matches!(bench.ledger.claim(&run).await.unwrap(), Claim::Known(_)));
}

#[tokio::test]
async fn a_save_whose_answer_is_lost_knows_its_own_write() {
    let bench = Bench::new().await;
    let mut run = run("a", "1", 0);
    bench.ledger.claim(&run).await.unwrap();
    let mut rival = run.clone();
    run.owner = "ours".to_owned();
    bench.proxy.calls();
    bench.proxy.next("UpdateItem", Fault::LoseAnswer);
    assert_eq!(bench.ledger.save(&mut run).await.unwrap(), Saved::Done);
    assert_eq!(bench.proxy.calls(), ["UpdateItem", "UpdateItem"]);
    assert_eq!(bench.ledger.load(&run.id).await.unwrap().as_ref(), Some(&run));
    assert_eq!(bench.ledger.save(&mut rival).await.unwrap(), Saved::Outdated);
    assert_eq!((run.revision, rival.revision), (1, 0));
}

#[tokio::test]
async fn a_failed_condition_that_tells_no_item_is_followed_by_a_read() {
    let bench = Bench::new().await;
    let mut run = run("a", "1", 0);
    bench.ledger.claim(&run).await.unwrap();
    bench.proxy.calls();
    bench.proxy.next("PutItem", Fault::LeaveItemOut);
    let claim = bench.ledger.claim(&run).await.unwrap();
    assert!(matches!(claim, Claim::Known(known) if *known == run));
    assert_eq!(bench.proxy.calls(), ["PutItem", "GetItem"]);
    bench.proxy.next("UpdateItem", Fault::LoseAnswer);
    bench.proxy.next("UpdateItem", Fault::LeaveItemOut);
    assert_eq!(bench.ledger.save(&mut run).await.unwrap(), Saved::Done);
    assert_eq!(bench.proxy.calls(), ["UpdateItem", "UpdateItem", "GetItem"]);
    let (first, second) = (run.holder(1), run.holder(2));
    bench.ledger.acquire(&first, 1).await.unwrap();
    bench.proxy.next("UpdateItem", Fault::LeaveItemOut);
    assert_eq!(bench.ledger.acquire(&second, 1).await.unwrap(), Slot::Full(vec![first]));
}

#[tokio::test]
async fn a_slot_whose_answer_is_lost_is_held_once() {
    let bench = Bench::new().await;
    let holder = run("a", "1", 0).holder(12);
    bench.proxy.next("UpdateItem", Fault::LoseAnswer);
    assert_eq!(bench.ledger.acquire(&holder, 1).await.unwrap(), Slot::Held);
    assert_eq!(bench.ledger.holders(&job("a")).await.unwrap(), std::slice::from_ref(&holder));
    let (_, hash) = holder.run.as_str().rsplit_once('-').unwrap();
    let names = AttributeValue::Ss(vec![format!("{hash}/12")]);
    assert_eq!(bench.item("S#a").await["hs"], names);
    bench.proxy.next("UpdateItem", Fault::LoseAnswer);
    bench.ledger.release(&holder).await.unwrap();
    assert_eq!(bench.ledger.holders(&job("a")).await.unwrap(), []);
}

fn refusal(code: &str) -> String {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    serde_json::json!({ "__type": kind, "message": "so it says" }).to_string()
}

#[tokio::test]
async fn what_a_retry_can_mend_is_tried_again_and_then_unavailable() {
    let bench = Bench::new().await;
    let id = run("a", "1", 0).id;
    let throttled = |code| Fault::Answer(400, refusal(code));
    bench.proxy.next("GetItem", throttled("ProvisionedThroughputExceededException"));
    assert_eq!(bench.ledger.load(&id).await.unwrap(), None);
    assert_eq!(bench.proxy.calls(), ["GetItem", "GetItem"]);
    for answer in
        [throttled("ThrottlingException"), Fault::Answer(500, refusal("InternalServerError"))]
    {
        for _ in 0..3 {
            bench.proxy.next("GetItem", answer.clone());
        }
        match bench.ledger.load(&id).await {
            Err(LedgerError::Unavailable(text)) => assert!(text.contains(&bench.table), "{text}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.proxy.calls().len(), 3);
    }
    // Nobody listens there.
    let config = moto::connect_to("http://127.0.0.1:1").await;
    let nowhere = DynamoLedger::new(&config, "runs".to_owned(), Vec::new());
    match nowhere.load(&id).await {
        Err(LedgerError::Unavailable(text)) => assert!(text.contains("refused"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_person_must_mend_names_the_table_and_what_to_do() {
    let bench = Bench::new().await;
    let id = run("a", "1", 0).id;
    for (code, remedy) in [
        ("AccessDeniedException", "allow it in the role's policy"),
        ("ExpiredTokenException", "log in again"),
        ("ValidationException", "as in template.yaml"),
    ] {
        bench.proxy.next("GetItem", Fault::Answer(400, refusal(code)));
        match bench.ledger.load(&id).await {
            Err(LedgerError::Unusable(text)) => {
                assert!(text.contains(remedy) && text.contains("so it says"), "{text}");
                assert!(text.contains(&bench.table), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    let config = moto::connect().await;
    let missing = DynamoLedger::new(&config, "nowhere-runs".to_owned(), Vec::new());
    let mut run = run("a", "1", 0);
    let errors = [
        missing.claim(&run).await.unwrap_err(),
        missing.save(&mut run).await.unwrap_err(),
        missing.due(at(0), 1).await.unwrap_err(),
        missing.acquire(&run.holder(1), 1).await.unwrap_err(),
        missing.release(&run.holder(1)).await.unwrap_err(),
    ];
    for error in errors {
        let LedgerError::Unusable(text) = error else { panic!("{error:?}") };
        assert!(text.starts_with("there is no table `nowhere-runs`"), "{text}");
    }
    assert_eq!(run.revision, 0);
}

#[tokio::test]
async fn what_dynamodb_leaves_out_of_a_batch_is_asked_for_again() {
    let bench = Bench::new().await;
    let runs = [run("a", "1", 1), run("a", "2", 2)];
    for run in &runs {
        bench.ledger.claim(run).await.unwrap();
    }
    bench.proxy.calls();
    let ids = runs.clone().map(|run| run.id);
    let left = |ids: &[RunId]| {
        let keys: Vec<_> =
            ids.iter().map(|id| serde_json::json!({ "pk": { "S": format!("R#{id}") } })).collect();
        let left = serde_json::json!({ bench.table.as_str(): { "Keys": keys } });
        let answer = serde_json::json!({ "Responses": {}, "UnprocessedKeys": left });
        Fault::Answer(200, answer.to_string())
    };
    bench.proxy.next("BatchGetItem", left(&ids));
    assert_eq!(bench.ledger.load_all(&ids).await.unwrap(), runs);
    assert_eq!(bench.proxy.calls(), ["BatchGetItem", "BatchGetItem"]);
    for _ in 0..6 {
        bench.proxy.next("BatchGetItem", left(&ids));
    }
    let error = bench.ledger.load_all(&ids).await.unwrap_err();
    assert!(matches!(error, LedgerError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn what_another_version_put_on_a_run_survives_a_save() {
    let bench = Bench::new().await;
    let mut run = run("a", "1", 0);
    bench.ledger.claim(&run).await.unwrap();
    let key = format!("R#{}", run.id);
    bench.set(&key, "later", "x").await;
    run.due = None;
    run.state = State::Ended { verdict: Verdict::Failed, at: at(1) };
    assert_eq!(bench.ledger.save(&mut run).await.unwrap(), Saved::Done);
    assert_eq!(bench.item(&key).await["later"], AttributeValue::S("x".to_owned()));
    assert_eq!(bench.ledger.load(&run.id).await.unwrap(), Some(run));
}

#[tokio::test]
async fn a_run_is_forgotten_35_days_after_its_end_and_never_before_it() {
    let bench = Bench::new().await;
    let mut run = run("a", "1", 0);
    bench.ledger.claim(&run).await.unwrap();
    let key = format!("R#{}", run.id);
    let open = ["b", "ct", "ds", "du", "jb", "pk", "rv", "wn"];
    assert_eq!(names(&bench.item(&key).await), open);
    run.state = State::Started;
    bench.ledger.save(&mut run).await.unwrap();
    assert_eq!(names(&bench.item(&key).await), open);
    for verdict in [Verdict::Lost, Verdict::Succeeded] {
        run.due = None;
        run.state = State::Ended { verdict, at: at(60) };
        bench.ledger.save(&mut run).await.unwrap();
        let item = bench.item(&key).await;
        assert_eq!(names(&item), ["b", "ct", "jb", "pk", "rv", "ttl", "vd", "wn"]);
        let ttl = at(60).as_second() + 35 * 86_400;
        assert_eq!(item["ttl"], AttributeValue::N(ttl.to_string()));
        assert_eq!(item["vd"], AttributeValue::S(verdict.to_string()));
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_named_and_not_quoted() {
    let bench = Bench::new().await;
    let run = run("a", "1", 0);
    bench.ledger.claim(&run).await.unwrap();
    let key = format!("R#{}", run.id);
    bench.set(&key, "b", r#"{"id":{"hunter2":1}}"#).await;
    let error = bench.ledger.load(&run.id).await.unwrap_err();
    assert!(matches!(error, LedgerError::Unusable(_)), "{error:?}");
    assert!(error.to_string().contains(&key), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn lists_read_no_more_than_they_must() {
    let bench = Bench::new().await;
    for second in 0..30 {
        bench.ledger.claim(&run("a", &second.to_string(), second)).await.unwrap();
    }
    bench.proxy.calls();
    let check = async |filter: Filter, found: usize, calls: &[&str]| {
        assert_eq!(bench.ledger.list(&filter).await.unwrap().len(), found, "{filter:?}");
        assert_eq!(bench.proxy.calls(), calls, "{filter:?}");
    };
    let all = Filter::default;
    let whole = run("a", "1", 0).id.to_string();
    let of_a = || Filter { job: Some(job("a")), ..all() };
    check(Filter { id_prefix: Some(whole.clone()), ..all() }, 1, &["GetItem"]).await;
    check(Filter { id_prefix: Some("%".to_owned()), ..all() }, 0, &[]).await;
    let first = ["Query", "Query", "Query", "BatchGetItem"];
    check(Filter { limit: 20, ..of_a() }, 20, &first).await;
    let waiting = Filter { line: Some(Line::Slot), limit: 1, ..of_a() };
    check(waiting, 0, &["Query"]).await;
    let failed = Filter { verdicts: vec![Verdict::Failed], limit: 5, ..of_a() };
    check(failed, 0, &["Query", "BatchGetItem"]).await;
    // A job that is in jobs.yaml no more is found by the beginning of a run's id.
    let gone = run("gone", "1", 0);
    bench.ledger.claim(&gone).await.unwrap();
    bench.proxy.calls();
    let prefix = gone.id.as_str()[..9].to_owned();
    check(Filter { id_prefix: Some(prefix), ..all() }, 1, &first).await;
}

/// A run of one of three jobs whose names begin alike, claimed in one of a few seconds.
fn any_run() -> impl Strategy<Value = Run> {
    let state = prop_oneof![
        Just(State::Waiting { until: at(99), wait: Wait::Event }),
        Just(State::Waiting { until: at(99), wait: Wait::Slot }),
        Just(State::Waiting { until: at(99), wait: Wait::Turn }),
        Just(State::Started),
        Just(State::Ended { verdict: Verdict::Succeeded, at: at(99) }),
        Just(State::Ended { verdict: Verdict::Failed, at: at(99) }),
    ];
    (prop::sample::select(vec!["a", "a-b", "b"]), 0..1000u32, 0..6i64, state).prop_map(
        |(name, key, created, state)| {
            let ended = matches!(state, State::Ended { .. });
            let run = run(name, &key.to_string(), created);
            Run { due: (!ended).then_some(at(99 - created)), state, ..run }
        },
    )
}

/// A filter; `id_prefix` is cut from the id of a run.
fn any_filter() -> impl Strategy<Value = (Filter, Option<(prop::sample::Index, usize)>)> {
    let verdicts = prop::sample::subsequence(vec![Verdict::Succeeded, Verdict::Failed], 0..=2);
    let name = prop::option::of(prop::sample::select(vec!["a", "a-b", "b"]));
    let prefix = prop::option::weighted(0.3, (any::<prop::sample::Index>(), 0..25usize));
    let lines = prop::sample::select(vec![Line::Slot, Line::Turn]);
    let flags = (prop::bool::weighted(0.3), prop::option::weighted(0.3, lines), any::<bool>());
    let numbers = (prop::option::weighted(0.3, 0..6i64), 0..5usize);
    (name, verdicts, flags, numbers, prefix).prop_map(
        |(name, verdicts, (open, line, oldest_first), (since, limit), prefix)| {
            let filter = Filter {
                job: name.map(job),
                id_prefix: None,
                open,
                line,
                verdicts,
                since: since.map(at),
                oldest_first,
                limit,
            };
            (filter, prefix)
        },
    )
}

/// Claims each run as new, then saves it as it is.
async fn fill(ledger: &impl Ledger, runs: &[Run]) {
    for run in runs {
        let now = at(0);
        let state = State::Waiting { until: now, wait: Wait::Event };
        let mut claimed = Run { state, due: Some(now), ..run.clone() };
        if matches!(ledger.claim(&claimed).await.unwrap(), Claim::Won) {
            (claimed.state, claimed.due) = (run.state.clone(), run.due);
            ledger.save(&mut claimed).await.unwrap();
        }
    }
}

async fn ids(ledger: &impl Ledger, filter: &Filter) -> Vec<RunId> {
    let runs = ledger.list(filter).await.unwrap();
    runs.into_iter().map(|run| run.id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_list_is_the_one_sqlite_gives(
        runs in prop::collection::vec(any_run(), 1..25),
        filters in prop::collection::vec(any_filter(), 20),
        limit in 1..30usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteLedger::new(database(folder.path()));
        block_on(async {
            let config = moto::connect().await;
            let table = fresh_table(&Client::new(&config)).await;
            let jobs = ["a", "a-b", "b"].map(job).to_vec();
            let dynamodb = DynamoLedger::new(&config, table, jobs);
            fill(&sqlite, &runs).await;
            fill(&dynamodb, &runs).await;
            for (mut filter, prefix) in filters {
                filter.id_prefix = prefix.map(|(index, cut)| {
                    let id = index.get(&runs).id.as_str();
                    id[..id.len().saturating_sub(cut)].to_owned()
                });
                let expected = ids(&sqlite, &filter).await;
                assert_eq!(ids(&dynamodb, &filter).await, expected, "{filter:?}");
            }
            let now = at(96);
            let alarms = async |ids: Vec<RunId>| -> Vec<Option<Timestamp>> {
                sqlite.load_all(&ids).await.unwrap().iter().map(|run| run.due).collect()
            };
            // In whatever order runs with one alarm time come.
            let expected = alarms(sqlite.due(now, limit).await.unwrap()).await;
            assert_eq!(alarms(dynamodb.due(now, limit).await.unwrap()).await, expected);
        });
    }
}
