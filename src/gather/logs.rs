//! Log groups.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;

use super::inquiry::Inquiry;
use crate::aws::signed::Service;
use crate::diagnosis::evidence::{LogGroup, LogTarget};
use crate::diagnosis::{Source, Unseen};

/// Groups by their keys, each asked for in its region.
pub(super) async fn groups(
    inquiry: &Inquiry<'_>,
    wanted: &BTreeMap<String, LogTarget>,
) -> BTreeMap<String, Source<Option<LogGroup>>> {
    let asked = wanted.iter().map(async |(key, target)| {
        let found = group(inquiry, target).await;
        (key.clone(), found.into())
    });
    join_all(asked).await.into_iter().collect()
}

async fn group(inquiry: &Inquiry<'_>, target: &LogTarget) -> Result<Option<LogGroup>, Unseen> {
    let LogTarget { group: name, region, .. } = target;
    let logs = Service { aws: inquiry.aws, name: "logs", region: region.clone() };
    // Of all that begin so, the one that ends there is the first.
    let question = json!({ "logGroupNamePrefix": name, "limit": 1 });
    let call = logs.ask("Logs_20140328.DescribeLogGroups", &question);
    let answer = inquiry.ask("logs:DescribeLogGroups", call).await?;
    let groups = answer["logGroups"].as_array().into_iter().flatten();
    let mut named = groups.filter(|group| group["logGroupName"] == *name);
    Ok(named.next().map(|group| LogGroup { key: group["kmsKeyId"].as_str().map(str::to_owned) }))
}
