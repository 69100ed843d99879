//! The schedules of EventBridge Scheduler.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::ScheduleState;
use futures_util::future::join_all;

use super::inquiry::Inquiry;
use crate::diagnosis::evidence::{Subject, SubjectTrigger, Trigger};
use crate::diagnosis::{Source, Unseen};
use crate::identity::Namespace;

/// Where schedules are that nobody put anywhere else.
const DEFAULT_GROUP: &str = "default";

/// The schedules of these jobs, as `schedule/NAME`.
pub(super) async fn schedules(
    inquiry: &Inquiry<'_>,
    subjects: &[Subject],
    namespace: &Namespace,
) -> BTreeMap<String, Source<Option<Trigger>>> {
    let client = Client::new(inquiry.aws);
    let triggers = subjects.iter().flat_map(|subject| &subject.triggers);
    let names: BTreeSet<&String> = triggers
        .filter_map(|trigger| match trigger {
            SubjectTrigger::Schedule { name, .. } => Some(name),
            SubjectTrigger::Bucket { .. } => None,
        })
        .collect();
    let queue = format!(":{namespace}-events");
    let asked = names.into_iter().map(async |name| {
        // Ours are in a group of the installation's; one that is made elsewhere may not be.
        let ours = schedule(inquiry, &client, name, namespace.as_str(), &queue).await;
        let found = match ours {
            Ok(None) => schedule(inquiry, &client, name, DEFAULT_GROUP, &queue).await,
            ours => ours,
        };
        (format!("schedule/{name}"), found.into())
    });
    join_all(asked).await.into_iter().collect()
}

async fn schedule(
    inquiry: &Inquiry<'_>,
    client: &Client,
    name: &str,
    group: &str,
    queue: &str,
) -> Result<Option<Trigger>, Unseen> {
    let call = client.get_schedule().name(name).group_name(group).send();
    let missing = ["ResourceNotFoundException"];
    let found = inquiry.ask_unless("scheduler:GetSchedule", &missing, call).await?;
    Ok(found.map(|found| Trigger {
        enabled: found.state == Some(ScheduleState::Enabled),
        to_queue: Source::Seen(found.target.is_some_and(|target| target.arn.ends_with(queue))),
    }))
}
