//! The queues in SQS and the bus in EventBridge where they differ from one machine's: what is too
//! long, what is not set, what AWS refuses, and who hears of an outcome.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::{Message as Received, QueueAttributeName};
use jiff::{SignedDuration, Timestamp};
use longshore::identity::Namespace;
use longshore::queue::sqs::{Queues, SqsQueue};
use longshore::queue::{Message, Outcome, Queue, QueueError, QueueName};
use longshore::run::{Attempt, Run, State, Verdict};
use serde_json::{Value, json};

use crate::contracts::{at, run};
use crate::moto;
use crate::proxy::{Fault, Proxy};
use crate::queues::{Ends, observation, rejected, reminder};

/// An installation's queues and bus, a queue that hears what the bus tells, and a proxy on the way.
#[derive(Debug)]
pub(crate) struct Sqs {
    queue: SqsQueue,
    queues: Queues,
    namespace: Namespace,
    ears: String,
    client: aws_sdk_sqs::Client,
    proxy: Proxy,
}

impl Sqs {
    /// One of its own, made as template.yaml does and found by its namespace.
    pub(crate) async fn fresh() -> Self {
        let config = moto::connect().await;
        let client = aws_sdk_sqs::Client::new(&config);
        let namespace: Namespace = moto::fresh("n")[..20].parse().unwrap();
        let mut urls = Vec::new();
        for end in ["states", "reject", "events"] {
            let queue = client.create_queue().queue_name(format!("{namespace}-{end}"));
            urls.push(queue.send().await.unwrap().queue_url);
        }
        let ears = hear(&config, &client, &namespace).await;
        let found = Queues::find_events(&config, &namespace).await.unwrap();
        assert_eq!(found.events, urls[2]);
        let [states, reject] = [urls[0].clone(), urls[1].clone()];
        let queues = Queues { states, reject, bus: Some(namespace.to_string()), ..found };
        let proxy = Proxy::start().await;
        let queue = SqsQueue::new(&moto::connect_to(proxy.endpoint()).await, queues.clone());
        Self { queue, queues, namespace, ears, client, proxy }
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    async fn receive_from(&self, url: &str) -> Option<Received> {
        let receive = self.client.receive_message().queue_url(url).message_attribute_names("All");
        let received = receive.send().await.unwrap().messages.unwrap_or_default().pop()?;
        let handle = received.receipt_handle().unwrap();
        self.client.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
        Some(received)
    }
}

/// A bus whose events with our source go into a queue; the queue's URL.
async fn hear(config: &SdkConfig, client: &aws_sdk_sqs::Client, namespace: &Namespace) -> String {
    let bus = namespace.to_string();
    let events = aws_sdk_eventbridge::Client::new(config);
    events.create_event_bus().name(&bus).send().await.unwrap();
    let ears = client.create_queue().queue_name(format!("{bus}-ears")).send().await.unwrap();
    let url = ears.queue_url.unwrap();
    let name = QueueAttributeName::QueueArn;
    let got = client.get_queue_attributes().queue_url(&url).attribute_names(name.clone());
    let arn = got.send().await.unwrap().attributes.unwrap().remove(&name).unwrap();
    let rule = events.put_rule().name("all").event_bus_name(&bus);
    let pattern = json!({ "source": ["longshore"] }).to_string();
    rule.event_pattern(pattern).send().await.unwrap();
    let target = Target::builder().id("ears").arn(arn).build().unwrap();
    let put = events.put_targets().rule("all").event_bus_name(&bus).targets(target);
    put.send().await.unwrap();
    url
}

impl Queue for Sqs {
    async fn send(&self, message: &Message, delay: SignedDuration) -> Result<(), QueueError> {
        self.queue.send(message, delay).await
    }
    async fn emit(&self, outcome: &Outcome) -> Result<(), QueueError> {
        self.queue.emit(outcome).await
    }
}

impl Ends for Sqs {
    async fn receive(&self, queue: QueueName) -> Option<String> {
        let url = match queue {
            QueueName::Events => &self.queues.events,
            QueueName::States => &self.queues.states,
            QueueName::Reject => &self.queues.reject,
        };
        self.receive_from(url.as_ref().unwrap()).await?.body
    }
}

fn outcome(verdict: Verdict) -> Outcome {
    let reason = Some("x".repeat(9_000));
    let attempt = Attempt { number: 1, exit_code: Some(0), reason, ..Attempt::default() };
    let state = State::Ended { verdict, at: at(7) };
    Outcome::of(&Run { state, attempts: vec![attempt], ..run("a", "1", 0) }).unwrap()
}

#[tokio::test]
async fn what_was_rejected_says_why_and_is_cut_to_what_sqs_takes() {
    let sqs = Sqs::fresh().await;
    let body = "\"ü\"".repeat(262_144);
    sqs.send(&rejected(body.clone()), SignedDuration::ZERO).await.unwrap();
    let received = sqs.receive_from(sqs.queues.reject.as_ref().unwrap()).await.unwrap();
    let reason = &received.message_attributes.unwrap()["reason"];
    assert_eq!(reason.string_value(), Some("no job `x`"));
    let value: Value = serde_json::from_str(received.body.as_ref().unwrap()).unwrap();
    assert!(body.starts_with(value["body"].as_str().unwrap()));
    assert_eq!(value["note"], "the message is cut: it had 1048576 bytes");
    assert_eq!(value["reason"], "no job `x`");
}

#[tokio::test]
async fn everybody_who_listens_hears_how_a_run_ended() {
    let sqs = Sqs::fresh().await;
    for verdict in [Verdict::Succeeded, Verdict::TimedOut, Verdict::Succeeded] {
        let outcome = outcome(verdict);
        sqs.emit(&outcome).await.unwrap();
        let heard = sqs.receive_from(&sqs.ears).await.unwrap().body.unwrap();
        assert!(heard.len() < 8_192, "{}", heard.len());
        let heard: Value = serde_json::from_str(&heard).unwrap();
        assert_eq!(heard["source"], "longshore");
        assert_eq!(heard["detail-type"], format!("Run {verdict}"));
        let time: Timestamp = heard["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(time, at(7));
        let detail: Outcome = serde_json::from_value(heard["detail"].clone()).unwrap();
        assert!(detail.reason.as_ref().unwrap().chars().count() < 300);
        assert_eq!(detail, Outcome { reason: detail.reason.clone(), ..outcome });
    }
}

#[tokio::test]
async fn an_event_that_the_bus_did_not_take_is_told_again_once() {
    let sqs = Sqs::fresh().await;
    let entry = json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "so it says" });
    let failed = json!({ "FailedEntryCount": 1, "Entries": [entry] }).to_string();
    let failure = || Fault::Answer(200, failed.clone());
    sqs.proxy.next("PutEvents", failure());
    sqs.emit(&outcome(Verdict::Lost)).await.unwrap();
    assert_eq!(sqs.proxy.calls(), ["PutEvents", "PutEvents"]);
    assert!(sqs.receive_from(&sqs.ears).await.is_some());
    sqs.proxy.next("PutEvents", failure());
    sqs.proxy.next("PutEvents", failure());
    let error = sqs.emit(&outcome(Verdict::Lost)).await.unwrap_err().to_string();
    assert!(error.contains("InternalFailure: so it says"), "{error}");
    assert!(error.contains(sqs.namespace.as_str()), "{error}");
}

#[tokio::test]
async fn a_place_that_is_not_set_is_named_by_its_setting() {
    let config = moto::connect().await;
    let queue = SqsQueue::new(&config, Queues::default());
    let send = async |message| queue.send(&message, SignedDuration::ZERO).await;
    for (result, setting) in [
        (send(reminder()).await, "EVENTS_QUEUE_URL"),
        (send(observation()).await, "STATES_QUEUE_URL"),
        (send(rejected(String::new())).await, "REJECT_QUEUE_URL"),
        (queue.emit(&outcome(Verdict::Lost)).await, "EVENT_BUS_NAME"),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(setting), "{error}");
    }
}

#[tokio::test]
async fn a_place_that_is_not_there_or_closed_is_named() {
    let sqs = Sqs::fresh().await;
    let nobody: Namespace = "nobody".parse().unwrap();
    let error = Queues::find_events(&moto::connect().await, &nobody).await.unwrap_err().to_string();
    assert!(error.contains("there is no queue `nobody-"), "{error}");
    let denied = json!({ "__type": "com.amazonaws.sqs#AccessDenied", "message": "so it says" });
    sqs.proxy.next("SendMessage", Fault::Answer(403, denied.to_string()));
    let error = sqs.send(&reminder(), SignedDuration::ZERO).await.unwrap_err().to_string();
    let url = sqs.queues.events.as_ref().unwrap();
    assert!(error.contains(url.as_str()) && error.contains("so it says"), "{error}");
    sqs.client.delete_queue().queue_url(url).send().await.unwrap();
    let error = sqs.send(&reminder(), SignedDuration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains("there is no queue"), "{error}");
}
