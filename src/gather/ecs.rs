//! What ECS has: clusters, registered task definitions, the task of a run.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::Task;
use futures_util::future::join_all;

use super::Topic;
use super::inquiry::Inquiry;
use crate::diagnosis::evidence::{Cluster, Definition};
use crate::diagnosis::{Source, Unseen};
use crate::jobs::{self, Job};

mod definition;
mod task;
mod usage;

pub(super) use task::TaskSeen;
pub(super) use usage::Used;

/// Clusters in one call at most
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeClusters.html>).
const CLUSTERS_MAX: usize = 100;

/// ECS.
pub(super) struct Ecs<'a> {
    client: Client,
    inquiry: &'a Inquiry<'a>,
}

/// Clusters, and whose they are.
#[derive(Default)]
pub(super) struct Clusters {
    pub(super) known: BTreeMap<String, Source<Option<Cluster>>>,
    pub(super) account: Option<String>,
}

impl<'a> Ecs<'a> {
    pub(super) fn new(inquiry: &'a Inquiry<'a>) -> Self {
        Self { client: Client::new(inquiry.aws), inquiry }
    }

    /// The clusters of the jobs.
    pub(super) async fn clusters(&self, jobs: &[&Job]) -> Clusters {
        let names: BTreeSet<&String> = jobs.iter().map(|job| &job.cluster).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let mut clusters = Clusters::default();
        for some in names.chunks(CLUSTERS_MAX) {
            match self.described(some).await {
                Ok((found, account)) => {
                    clusters.account = clusters.account.or(account);
                    let seen =
                        |name: &String| (name.clone(), Source::Seen(found.get(name).cloned()));
                    clusters.known.extend(some.iter().map(seen));
                }
                Err(unseen) => {
                    let unseen = |name: &String| (name.clone(), Err(unseen.clone()).into());
                    clusters.known.extend(some.iter().map(unseen));
                }
            }
        }
        clusters
    }

    async fn described(
        &self,
        names: &[String],
    ) -> Result<(BTreeMap<String, Cluster>, Option<String>), Unseen> {
        let call = self.client.describe_clusters().set_clusters(Some(names.to_vec()));
        let answer = self.inquiry.ask("ecs:DescribeClusters", call.send()).await?;
        let missing = answer.failures().iter().filter_map(|failure| failure.arn());
        let found = answer.clusters().iter().filter_map(|cluster| cluster.cluster_arn());
        let account = found.chain(missing).find_map(account_of).map(str::to_owned);
        let clusters = answer.clusters.unwrap_or_default().into_iter().map(|cluster| {
            let seen = Cluster {
                status: cluster.status.unwrap_or_default(),
                capacity_providers: cluster.capacity_providers.unwrap_or_default(),
            };
            (cluster.cluster_name.unwrap_or_default(), seen)
        });
        Ok((clusters.collect(), account))
    }

    /// The task definitions that jobs name.
    pub(super) async fn definitions(
        &self,
        jobs: &[&Job],
    ) -> BTreeMap<String, Source<Option<Definition>>> {
        let names: BTreeSet<&String> = jobs
            .iter()
            .filter_map(|job| match &job.task.source {
                jobs::Source::TaskDefinition(name) => Some(name),
                jobs::Source::Image(_) => None,
            })
            .collect();
        let asked = names.into_iter().map(|name| async move {
            let found = self.definition(name).await;
            (name.clone(), found.into())
        });
        join_all(asked).await.into_iter().collect()
    }

    async fn definition(&self, name: &str) -> Result<Option<Definition>, Unseen> {
        let call = self.client.describe_task_definition().task_definition(name).send();
        let missing = ["Unable to describe task definition"];
        let permission = "ecs:DescribeTaskDefinition";
        let found = self.inquiry.ask_unless(permission, &missing, call).await?;
        let here = self.inquiry.aws.region().map(ToString::to_string).unwrap_or_default();
        Ok(found
            .and_then(|found| found.task_definition)
            .map(|found| definition::to_definition(found, &here)))
    }

    /// The task of the run, if it has one: `None` within where ECS does not show it any more.
    pub(super) async fn task(&self, topic: &Topic<'_>) -> Option<Result<Option<TaskSeen>, Unseen>> {
        let launch = topic.run?.launch()?;
        let task = launch.task.as_deref()?;
        let cluster = task::cluster_of(task)?;
        let call = self.client.describe_tasks().cluster(cluster).tasks(task).send();
        let missing = ["ClusterNotFoundException"];
        let answer = self.inquiry.ask_unless("ecs:DescribeTasks", &missing, call).await;
        let first = |tasks: Option<Vec<Task>>| tasks.unwrap_or_default().into_iter().next();
        Some(answer.map(|answer| first(answer?.tasks).map(TaskSeen::of)))
    }
}

/// The account in an ARN.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}
