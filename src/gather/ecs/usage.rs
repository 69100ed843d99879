//! How many vCPUs run on Fargate now.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{LaunchType, Task};

use super::Ecs;
use crate::diagnosis::Unseen;
use crate::gather::inquiry::{LIMIT, within};

/// ECS units in a vCPU.
const UNITS: f64 = 1_024.0;
/// Tasks in one call at most
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>).
const TASKS_MAX: usize = 100;
/// Tasks that are looked at in all: who runs more knows the quota.
const TASKS_SEEN_MAX: usize = 2_000;

/// vCPUs by capacity provider.
pub(in crate::gather) type Used = Result<BTreeMap<&'static str, f64>, Unseen>;

impl Ecs<'_> {
    /// Those of every cluster in the region, if they are counted in time.
    pub(in crate::gather) async fn vcpus_used(&self) -> Used {
        within(LIMIT, "ecs:DescribeTasks", self.count()).await?
    }

    async fn count(&self) -> Used {
        let pages = self.client.list_clusters().into_paginator().items();
        let clusters = pages.send().collect::<Result<Vec<_>, _>>();
        let clusters = self.inquiry.ask("ecs:ListClusters", clusters).await?;
        let mut used = BTreeMap::from([("FARGATE", 0.0), ("FARGATE_SPOT", 0.0)]);
        let mut left = TASKS_SEEN_MAX;
        for cluster in clusters {
            let pages = self.client.list_tasks().cluster(&cluster).into_paginator().items();
            let tasks = pages.send().collect::<Result<Vec<_>, _>>();
            let mut tasks = self.inquiry.ask("ecs:ListTasks", tasks).await?;
            tasks.truncate(left);
            left -= tasks.len();
            for some in tasks.chunks(TASKS_MAX) {
                let call = self.client.describe_tasks().cluster(&cluster);
                let call = call.set_tasks(Some(some.to_vec())).send();
                let found = self.inquiry.ask("ecs:DescribeTasks", call).await?;
                for task in found.tasks.unwrap_or_default() {
                    if let Some(provider) = provider_of(&task) {
                        *used.entry(provider).or_default() += vcpus(&task);
                    }
                }
            }
        }
        Ok(used)
    }
}

/// Whose quota a task counts against; `None` for one that is not Fargate's.
fn provider_of(task: &Task) -> Option<&'static str> {
    match (task.capacity_provider_name(), task.launch_type()) {
        (Some("FARGATE_SPOT"), _) => Some("FARGATE_SPOT"),
        (Some("FARGATE"), _) | (None, Some(LaunchType::Fargate)) => Some("FARGATE"),
        _ => None,
    }
}

fn vcpus(task: &Task) -> f64 {
    task.cpu().and_then(|units| units.parse::<f64>().ok()).unwrap_or(0.0) / UNITS
}
