//! Envelopes: batches of SQS, SNS, EventBridge, and what is inside.

use longshore::event::{Event, Unreadable, read, read_body};
use longshore::identity::JobName;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{config, corpus, files, mutated, mutated_text};

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "-1",
    "1e400",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "\"Records\"",
    "\"body\"",
    "\"Message\"",
    "\"Type\":\"Notification\"",
    "\"eventSource\":\"aws:sqs\"",
    "\"detail-type\"",
    "\"aws.s3\"",
    "\"aws.ecs\"",
    "\"detail\"",
    "\"longshore\"",
    "\"job\"",
    "\"key\"",
    "\"sequencer\"",
    "\"version-id\"",
    "\"time\":\"9999-12-31T23:59:59.999999999Z\"",
    "\"scheduledTime\":\"-009999-01-01T00:00:00Z\"",
    "\"messageId\":\"m-1\"",
    "18446744073709551616",
];

fn seeds() -> Vec<Vec<u8>> {
    [files("events"), corpus("envelopes")].concat()
}

/// What holds for everything that was read or refused.
fn check(events: &[Result<Event, Unreadable>]) -> Result<(), TestCaseError> {
    prop_assert!(!events.is_empty(), "it vanished");
    for event in events {
        match event {
            Ok(event) => {
                let job: JobName =
                    "nightly-report".parse().map_err(|_| TestCaseError::fail("name"))?;
                if let Some(occurrence) = event.occurrence() {
                    let id = occurrence.run_id(&job);
                    prop_assert_eq!(&occurrence.run_id(&job), &id);
                    prop_assert!(id.as_str().starts_with("nightly-report-"));
                }
                let values = event.values();
                prop_assert!(values.values().all(|value| !value.contains('\0')), "{:?}", values);
            }
            Err(unreadable) => {
                let text = unreadable.to_string();
                prop_assert!(text.len() < 1_000 && !text.contains(char::is_control), "{}", text);
            }
        }
    }
    Ok(())
}

fn message(id: &str, body: &str) -> Value {
    json!({ "messageId": id, "eventSource": "aws:sqs", "body": body,
            "attributes": { "ApproximateReceiveCount": "2" } })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_payload_is_read_or_refused_and_always_the_same(payload in mutated(seeds(), WORDS)) {
        let deliveries = read(&payload, "request");
        prop_assert!(!deliveries.is_empty());
        for (one, other) in deliveries.iter().zip(read(&payload, "request")) {
            check(&one.events)?;
            prop_assert_eq!(&one.events, &other.events);
        }
    }

    #[test]
    fn a_message_hurts_no_other_of_its_batch_and_means_the_same_in_it(body in mutated_text(seeds(), WORDS)) {
        let good = r#"{"job":"nightly-report"}"#;
        let batch = json!({ "Records": [message("a", good), message("b", &body), message("c", good)] });
        let deliveries = read(batch.to_string().as_bytes(), "request");
        let ids: Vec<&str> = deliveries.iter().map(|delivery| delivery.id.as_str()).collect();
        prop_assert_eq!(ids, ["a", "b", "c"]);
        prop_assert!(deliveries.iter().all(|delivery| delivery.queued && delivery.receives == 2));
        prop_assert!(deliveries[0].events[0].is_ok() && deliveries[2].events[0].is_ok());
        prop_assert_eq!(&deliveries[1].events, &read_body(body.as_bytes(), "b"));
    }

    #[test]
    fn a_notification_changes_nothing_of_what_it_brings(body in mutated_text(seeds(), WORDS)) {
        let plain = read_body(body.as_bytes(), "n");
        let wrapped = json!({ "Type": "Notification", "MessageId": "n", "Message": body }).to_string();
        let wrapped = read_body(wrapped.as_bytes(), "m");
        check(&wrapped)?;
        // One envelope more may be one too many, or too large.
        if !matches!(wrapped.as_slice(), [Err(Unreadable::TooLarge(_))]) {
            let good = |read: &[Result<Event, _>]| read.iter().map(|event| event.clone().ok()).collect::<Vec<_>>();
            prop_assert_eq!(good(&wrapped), good(&plain));
        }
    }
}
