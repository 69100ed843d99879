//! Whether buckets tell EventBridge of their objects.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::inquiry::Inquiry;
use crate::aws::signed::Service;
use crate::diagnosis::evidence::{Subject, SubjectTrigger, Trigger};
use crate::diagnosis::{Source, Unseen};

/// The buckets of these jobs, as `bucket/NAME`.
pub(super) async fn buckets(
    inquiry: &Inquiry<'_>,
    subjects: &[Subject],
) -> BTreeMap<String, Source<Option<Trigger>>> {
    let names: BTreeSet<&String> = subjects
        .iter()
        .flat_map(|subject| &subject.triggers)
        .filter_map(|trigger| match trigger {
            SubjectTrigger::Bucket { bucket, .. } => Some(bucket),
            SubjectTrigger::Schedule { .. } => None,
        })
        .collect();
    let asked = names.into_iter().map(async |name| {
        let found = bucket(inquiry, name).await;
        (format!("bucket/{name}"), found.into())
    });
    join_all(asked).await.into_iter().collect()
}

async fn bucket(inquiry: &Inquiry<'_>, name: &str) -> Result<Option<Trigger>, Unseen> {
    let region = inquiry.aws.region().map(ToString::to_string).unwrap_or_default();
    let s3 = Service { aws: inquiry.aws, name: "s3", region };
    let path = format!("/{name}?notification=");
    let permission = "s3:GetBucketNotification";
    let found = inquiry.ask_unless(permission, &["NoSuchBucket"], s3.get(&path)).await?;
    // An element without anything in it is what switches it on.
    let enabled = |answer: String| answer.contains("<EventBridgeConfiguration");
    Ok(found.map(|answer| Trigger { enabled: enabled(answer), to_queue: Source::NotAsked }))
}
