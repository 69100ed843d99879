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
/// Tasks that are counted at most, in all clusters together.
const TASKS_COUNTED_MAX: usize = 2_000;

/// vCPUs by capacity provider.
pub(in crate::gather) type Used = Result<BTreeMap<&'static str, f64>, Unseen>;

impl Ecs<'_> {
    /// Those of every cluster in the region, if they are counted in time.
    pub(in crate::gather) async fn vcpus_used(&self) -> Used {
        within(LIMIT, "ecs:DescribeTasks", self.count()).await?
    }

    async fn count(&self) -> Used {
        let mut used = BTreeMap::from([("FARGATE", 0.0), ("FARGATE_SPOT", 0.0)]);
        for (cluster, tasks) in self.tasks().await? {
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

    /// The tasks of every cluster, all of them or none: a part of them would pass for the whole.
    async fn tasks(&self) -> Result<Vec<(String, Vec<String>)>, Unseen> {
        let pages = self.client.list_clusters().into_paginator().items();
        let clusters = pages.send().collect::<Result<Vec<_>, _>>();
        let clusters = self.inquiry.ask("ecs:ListClusters", clusters).await?;
        let (mut found, mut left) = (Vec::new(), TASKS_COUNTED_MAX);
        for cluster in clusters {
            let mut pages =
                self.client.list_tasks().cluster(&cluster).into_paginator().items().send();
            let listed = async {
                let mut tasks = Vec::new();
                while tasks.len() <= left
                    && let Some(task) = pages.next().await
                {
                    tasks.push(task?);
                }
                Ok(tasks)
            };
            let tasks = self.inquiry.ask("ecs:ListTasks", listed).await?;
            left = left.checked_sub(tasks.len()).ok_or_else(too_many)?;
            found.push((cluster, tasks));
        }
        Ok(found)
    }
}

fn too_many() -> Unseen {
    Unseen::Failed(format!("more than {TASKS_COUNTED_MAX} tasks run, too many to look at each"))
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
