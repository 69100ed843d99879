//! Whether the events queue lets in what rules send.

use std::collections::BTreeSet;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;
use wildmatch::WildMatch;

use super::inquiry::Inquiry;
use super::policy::{statements, texts};
use crate::diagnosis::Unseen;
use crate::diagnosis::evidence::partition;
use crate::identity::Namespace;

/// Who sends what rules match. Schedules send with a role of their own.
const SENDER: &str = "events.amazonaws.com";
/// What SQS says of a queue that is not there.
const MISSING: [&str; 2] = ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

/// The events queue of an installation.
pub(super) struct EventsQueue {
    policy: Value,
    /// What the ARNs of this account's and region's rules begin with.
    rules: String,
}

/// The installation's; `None` where there is no such queue.
pub(super) async fn events_queue(
    inquiry: &Inquiry<'_>,
    namespace: &Namespace,
) -> Result<Option<EventsQueue>, Unseen> {
    let client = Client::new(inquiry.aws);
    let call = client.get_queue_url().queue_name(format!("{namespace}-events")).send();
    let found = inquiry.ask_unless("sqs:GetQueueUrl", &MISSING, call).await?;
    let Some(url) = found.and_then(|found| found.queue_url) else { return Ok(None) };
    let call = client.get_queue_attributes().queue_url(&url);
    let call = call.attribute_names(QueueAttributeName::Policy).send();
    let found = inquiry.ask("sqs:GetQueueAttributes", call).await?;
    let policy = found.attributes.and_then(|mut found| found.remove(&QueueAttributeName::Policy));
    let policy = policy.and_then(|policy| serde_json::from_str(&policy).ok()).unwrap_or_default();
    let region = inquiry.aws.region().map(ToString::to_string).unwrap_or_default();
    let (partition, account) = (partition(&region), account_of(&url));
    let rules = format!("arn:{partition}:events:{region}:{account}:rule/");
    Ok(Some(EventsQueue { policy, rules }))
}

impl EventsQueue {
    /// Whether it takes what every one of these rules sends.
    pub(super) fn admits(&self, rules: &BTreeSet<&str>) -> bool {
        rules.iter().all(|rule| lets_in(&self.policy, &format!("{}{rule}", self.rules)))
    }
}

/// The account in a queue's URL: `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
fn account_of(url: &str) -> &str {
    url.rsplit('/').nth(1).unwrap_or_default()
}

fn lets_in(policy: &Value, rule: &str) -> bool {
    statements(policy).any(|statement| {
        let principal = &statement["Principal"];
        let is_sender = principal == "*" || texts(&principal["Service"]).any(|it| it == SENDER);
        let sends =
            |action: &str| WildMatch::new(&action.to_lowercase()).matches("sqs:sendmessage");
        statement["Effect"] == "Allow"
            && is_sender
            && texts(&statement["Action"]).any(sends)
            && is_from(&statement["Condition"], rule)
    })
}

/// Whether the rule is among those that a condition names; other conditions are about the account.
fn is_from(condition: &Value, rule: &str) -> bool {
    let Some(tests) = condition.as_object() else { return true };
    let named: Vec<&str> = tests
        .iter()
        .filter(|(test, _)| test.starts_with("Arn") || test.starts_with("String"))
        .filter_map(|(_, keys)| keys.as_object())
        .flatten()
        .filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))
        .flat_map(|(_, patterns)| texts(patterns))
        .collect();
    named.is_empty() || named.iter().any(|pattern| WildMatch::new(pattern).matches(rule))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_queue_lets_in_the_rules_that_its_policy_names() {
        let policy = |pattern: &str| {
            json!({ "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "events.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": "arn:aws:sqs:eu-west-1:1:longshore-events",
                "Condition": {
                    "ArnLike": { "aws:SourceArn": pattern },
                    "StringEquals": { "aws:SourceAccount": "1" },
                },
            }] })
        };
        let rule = "arn:aws:events:eu-west-1:1:rule/longshore-report-s3";
        assert!(lets_in(&policy("arn:aws:events:eu-west-1:1:rule/longshore-*"), rule));
        assert!(!lets_in(&policy("arn:aws:events:eu-west-1:1:rule/other-*"), rule));
        assert!(!lets_in(&Value::Null, rule));
    }
}
