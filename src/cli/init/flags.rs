//! The flags of `init`: one for each answer.

use std::collections::BTreeMap;

use clap::Args;

use crate::identity::Namespace;
use crate::project::{Answer, Plan};

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// The AWS region.
    #[arg(long, env = "AWS_REGION")]
    region: Option<String>,
    /// The image that the first job runs.
    #[arg(long)]
    image: Option<String>,
    /// The first job's name; that of its image when nobody says.
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// When it runs: `rate(1 day)`, `cron(0 2 * * ? *)`.
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "bucket")]
    schedule: Option<String>,
    /// The IANA time zone of the schedule; UTC when nobody says.
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    time_zone: Option<String>,
    /// The bucket whose new objects start it.
    #[arg(long)]
    bucket: Option<String>,
    /// What the keys of these objects begin with.
    #[arg(long, requires = "bucket")]
    prefix: Option<String>,
    /// The ECS cluster by name; `default` when nobody says.
    #[arg(long)]
    cluster: Option<String>,
    /// The VPC that tasks run in.
    #[arg(long)]
    vpc: Option<String>,
    /// Subnet ids, separated by commas.
    #[arg(long, value_name = "IDS", conflicts_with = "subnet_tags")]
    subnets: Option<String>,
    /// Instead: tags that the subnets have, `NAME=VALUE`, separated by commas.
    #[arg(long, value_name = "TAGS")]
    subnet_tags: Option<String>,
    /// The role that ECS pulls from ECR and writes logs with. Without it tasks have no log.
    #[arg(long, value_name = "ARN")]
    execution_role: Option<String>,
    /// Give tasks a public address, as public subnets need it.
    #[arg(long)]
    assign_public_ip: bool,
}

impl Flags {
    /// What the flags say.
    pub(super) fn plan(&self, namespace: Namespace) -> Plan {
        let said = [
            (Answer::Region, &self.region),
            (Answer::Image, &self.image),
            (Answer::Job, &self.job),
            (Answer::Schedule, &self.schedule),
            (Answer::TimeZone, &self.time_zone),
            (Answer::Bucket, &self.bucket),
            (Answer::Prefix, &self.prefix),
            (Answer::Cluster, &self.cluster),
            (Answer::Vpc, &self.vpc),
            (Answer::Subnets, &self.subnets),
            (Answer::SubnetTags, &self.subnet_tags),
            (Answer::ExecutionRole, &self.execution_role),
        ];
        let said = said.into_iter().filter_map(|(answer, value)| Some((answer, value.clone()?)));
        let answers: BTreeMap<Answer, String> = said.collect();
        Plan { answers, assign_public_ip: self.assign_public_ip, namespace }
    }
}

/// The flag of an answer.
pub(super) fn flag(answer: Answer) -> &'static str {
    match answer {
        Answer::Region => "--region",
        Answer::Image => "--image",
        Answer::Job => "--job",
        Answer::Schedule => "--schedule",
        Answer::TimeZone => "--time-zone",
        Answer::Bucket => "--bucket",
        Answer::Prefix => "--prefix",
        Answer::Cluster => "--cluster",
        Answer::Vpc => "--vpc",
        Answer::Subnets => "--subnets",
        Answer::SubnetTags => "--subnet-tags",
        Answer::ExecutionRole => "--execution-role",
    }
}
