//! EventBridge's rules.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::RuleState;
use futures_util::future::join_all;

use super::inquiry::Inquiry;
use crate::diagnosis::evidence::{Subject, SubjectTrigger, Trigger};
use crate::diagnosis::{Source, Unseen};
use crate::identity::Namespace;

/// The rules of these jobs, and those that a schedule which is made elsewhere may be, as
/// `rule/NAME`.
pub(super) async fn rules(
    inquiry: &Inquiry<'_>,
    subjects: &[Subject],
    namespace: &Namespace,
) -> BTreeMap<String, Source<Option<Trigger>>> {
    let client = Client::new(inquiry.aws);
    let names: BTreeSet<&String> = subjects
        .iter()
        .flat_map(|subject| &subject.triggers)
        .filter_map(|trigger| match trigger {
            SubjectTrigger::Bucket { rule, .. } => Some(rule),
            SubjectTrigger::Schedule { name, elsewhere } => elsewhere.then_some(name),
        })
        .collect();
    let asked = names.into_iter().map(async |name| {
        let found = rule(inquiry, &client, name, &format!(":{namespace}-events")).await;
        (format!("rule/{name}"), found.into())
    });
    join_all(asked).await.into_iter().collect()
}

async fn rule(
    inquiry: &Inquiry<'_>,
    client: &Client,
    name: &str,
    queue: &str,
) -> Result<Option<Trigger>, Unseen> {
    let call = client.describe_rule().name(name).send();
    let missing = ["ResourceNotFoundException"];
    let found = inquiry.ask_unless("events:DescribeRule", &missing, call).await?;
    let Some(found) = found else { return Ok(None) };
    // There is more than one way to be enabled.
    let enabled = found.state != Some(RuleState::Disabled);
    let call = client.list_targets_by_rule().rule(name).send();
    let targets = inquiry.ask("events:ListTargetsByRule", call).await;
    let to_queue = targets
        .map(|found| found.targets().iter().any(|target| target.arn().ends_with(queue)))
        .into();
    Ok(Some(Trigger { enabled, to_queue }))
}
