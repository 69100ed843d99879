//! What one run costs: the calls of each step over DynamoDB, SQS and EventBridge, and the weight of
//! what is written. Whoever makes a step dearer changes a row here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::path::Path;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use longshore::backend::Backend;
use longshore::dispatch::{Invocation, dispatch};
use longshore::event::{Event, read_body};
use longshore::identity::{Namespace, RunId};
use longshore::jobs::{self, Jobs};
use longshore::ledger::Ledger;
use longshore::ledger::dynamodb::DynamoLedger;
use longshore::policy::Timing;
use longshore::queue::sqs::SqsQueue;
use longshore::record::record;
use longshore::run::{Run, Verdict};
use longshore::sweep::sweep;

use crate::crossings::{Tasks, event, id, jobs as jobs_with};
use crate::dynamodb::fresh_table;
use crate::moto;
use crate::proxy::Proxy;
use crate::sqs::Sqs;

/// An installation, and everything it calls.
struct Account {
    backend: Backend<DynamoLedger, Tasks, SqsQueue>,
    jobs: Jobs,
    proxy: Proxy,
    client: aws_sdk_dynamodb::Client,
    table: String,
    start: Timestamp,
}

impl Account {
    async fn new(jobs: Jobs) -> Self {
        let proxy = Proxy::start().await;
        let client = aws_sdk_dynamodb::Client::new(&moto::connect().await);
        let table = fresh_table(&client).await;
        let config = moto::connect_to(proxy.endpoint()).await;
        let names = jobs.iter().map(|job| job.name.clone()).collect();
        let backend = Backend {
            ledger: DynamoLedger::new(&config, table.clone(), names),
            ecs: Tasks::default(),
            queue: SqsQueue::new(&config, Sqs::fresh().await.queues().clone()),
            namespace: Namespace::default(),
            timing: Timing::AWS,
            brake: Arc::default(),
        };
        Self { backend, jobs, proxy, client, table, start: Timestamp::now() }
    }

    fn at(&self, seconds: i64) -> Timestamp {
        self.start + SignedDuration::from_secs(seconds)
    }

    async fn dispatch(&self, event: &Event, seconds: i64) -> Vec<String> {
        let nonce = uuid::Uuid::new_v4().to_string();
        let now = self.at(seconds);
        let invocation = Invocation { now, nonce: &nonce, clock: &move || now };
        dispatch(&self.backend, &self.jobs, event, invocation).await.unwrap();
        self.proxy.calls()
    }

    /// ECS tells of the run's task: twice, as it does.
    async fn task_tells(
        &self,
        run: &RunId,
        exit_code: Option<i32>,
        seconds: i64,
    ) -> (Vec<String>, Vec<String>) {
        let task = self.load(run).await.last_task().unwrap().to_owned();
        let news = self.backend.ecs.tell(&task, exit_code, self.at(seconds));
        self.proxy.calls();
        record(&self.backend, &news, self.at(seconds)).await.unwrap();
        let first = self.proxy.calls();
        record(&self.backend, &news, self.at(seconds)).await.unwrap();
        (first, self.proxy.calls())
    }

    async fn sweep(&self, seconds: i64) -> Vec<String> {
        sweep(&self.backend, &self.jobs, self.at(seconds)).await.unwrap();
        self.proxy.calls()
    }

    async fn load(&self, run: &RunId) -> Run {
        self.backend.ledger.load(run).await.unwrap().unwrap()
    }

    /// Bytes of a run's item
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
    async fn weight(&self, run: &RunId) -> usize {
        let key = AttributeValue::S(format!("R#{run}"));
        let got = self.client.get_item().table_name(&self.table).key("pk", key).send().await;
        let weight = |(name, value): (&String, &AttributeValue)| match value {
            AttributeValue::S(text) => name.len() + text.len(),
            AttributeValue::N(digits) => name.len() + digits.len().div_ceil(2) + 1,
            other => panic!("{name}: {other:?}"),
        };
        got.unwrap().item.unwrap().iter().map(weight).sum()
    }
}

const READ_AND_WRITE: [&str; 2] = ["GetItem", "UpdateItem"];

#[tokio::test]
async fn a_run_is_claimed_and_started_with_two_writes() {
    let account = Account::new(jobs_with("")).await;
    assert_eq!(account.dispatch(&event("1"), 0).await, ["PutItem", "UpdateItem"]);
    // The event comes again: refused, and nothing else.
    assert_eq!(account.dispatch(&event("1"), 1).await, ["PutItem"]);
    let (running, again) = account.task_tells(&id("1"), None, 10).await;
    assert_eq!(running, READ_AND_WRITE);
    assert_eq!(again, ["GetItem"]);
    let (ended, again) = account.task_tells(&id("1"), Some(0), 20).await;
    assert_eq!(ended, ["GetItem", "UpdateItem", "PutEvents"]);
    assert_eq!(again, ["GetItem", "PutEvents"]);
    assert_eq!(account.load(&id("1")).await.verdict(), Some(Verdict::Succeeded));
    account.proxy.calls();
    assert_eq!(account.dispatch(&event("1"), 30).await, ["PutItem"]);
}

#[tokio::test]
async fn a_limit_costs_a_write_for_the_slot_and_one_to_give_it_back() {
    let account = Account::new(jobs_with("    concurrency: { limit: 1 }\n")).await;
    let [slot, started] = ["UpdateItem"; 2];
    assert_eq!(account.dispatch(&event("1"), 0).await, ["PutItem", slot, started]);
    // The second finds no slot, and waits.
    let waits = "UpdateItem";
    assert_eq!(account.dispatch(&event("2"), 1).await, ["PutItem", slot, waits]);
    let (ended, _) = account.task_tells(&id("1"), Some(0), 20).await;
    let (given_back, waiter) = ("UpdateItem", ["Query", "BatchGetItem", "SendMessage"]);
    let expected = [&READ_AND_WRITE[..], &[given_back], &waiter, &["PutEvents"]].concat();
    assert_eq!(ended, expected);
}

#[tokio::test]
async fn a_sweep_reads_what_is_due_at_once() {
    let account = Account::new(jobs_with("    concurrency: { limit: 50 }\n")).await;
    // A query for each shard, and one for each of the job's lines.
    assert_eq!(account.sweep(0).await, ["Query"; 18]);
    for key in 0..12 {
        account.dispatch(&event(&key.to_string()), 0).await;
    }
    let calls = account.sweep(3600).await;
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!((count("Query"), count("BatchGetItem")), (18, 1));
    assert_eq!(account.sweep(3601).await, ["Query"; 18]);
}

#[tokio::test]
async fn a_run_of_the_sample_job_weighs_less_than_four_kilobytes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(root.join("jobs.yaml")).unwrap();
    let account = Account::new(jobs::read(&text, Timestamp::now()).jobs.unwrap()).await;
    let body = std::fs::read(root.join("events/s3-object-created.json")).unwrap();
    let upload = read_body(&body, "1").remove(0).unwrap();
    account.dispatch(&upload, 0).await;
    let run = upload.occurrence().unwrap().run_id(&"inspect-upload".parse().unwrap());
    let started = account.weight(&run).await;
    assert!((2_000..3_072).contains(&started), "{started}");
    account.task_tells(&run, None, 30).await;
    account.task_tells(&run, Some(0), 60).await;
    let ended = account.weight(&run).await;
    assert!((started..4_096).contains(&ended), "{ended}");
}
