//! What a new project can choose from: clusters, VPCs, subnets, the role that ECS itself proposes.
//! A source that is refused leaves a note, and hides no other.

use aws_config::{Region, SdkConfig};
use aws_sdk_ec2::types::{SubnetState, Tag};

use super::GatherError;
use super::inquiry::Inquiry;
use crate::diagnosis::Unseen;
use crate::project::{Choices, SubnetChoice, VpcChoice};

/// What AWS's own guides and console call the role that pulls images and writes logs
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html>).
const EXECUTION_ROLE: &str = "ecsTaskExecutionRole";

/// Asks for all of it at the same time, each source with a bounded time; in this region, or in the
/// one that the environment names.
pub async fn choices(aws: &SdkConfig, region: Option<&str>) -> Choices {
    let region = region.map(|region| Region::new(region.to_owned())).or(aws.region().cloned());
    let Some(region) = region else {
        return Choices { notes: vec![GatherError::NoRegion.to_string()], ..Choices::default() };
    };
    let aws = &aws.to_builder().region(region.clone()).build();
    let inquiry = Inquiry::new(aws, &|_| {});
    let ec2 = aws_sdk_ec2::Client::new(aws);
    let (clusters, vpcs, subnets, role) = tokio::join!(
        clusters(&inquiry),
        vpcs(&inquiry, &ec2),
        subnets(&inquiry, &ec2),
        execution_role(&inquiry),
    );
    let mut notes = Vec::new();
    let choices = Choices {
        region: Some(region.to_string()),
        clusters: seen(clusters, &mut notes),
        vpcs: seen(vpcs, &mut notes),
        subnets: seen(subnets, &mut notes),
        execution_role: seen(role, &mut notes),
        notes: Vec::new(),
    };
    // Where nobody answers, one reason says it all.
    let notes = inquiry.silence().map_or(notes, |reason| vec![reason]);
    Choices { notes, ..choices }
}

fn seen<T: Default>(answer: Result<T, Unseen>, notes: &mut Vec<String>) -> T {
    answer.unwrap_or_else(|unseen| {
        notes.push(unseen.to_string());
        T::default()
    })
}

async fn clusters(inquiry: &Inquiry<'_>) -> Result<Vec<String>, Unseen> {
    let call = aws_sdk_ecs::Client::new(inquiry.aws).list_clusters().into_paginator().items();
    let found = call.send().collect::<Result<Vec<_>, _>>();
    let arns = inquiry.ask("ecs:ListClusters", found).await?;
    let name = |arn: String| arn.rsplit('/').next().map(str::to_owned);
    let mut names: Vec<String> = arns.into_iter().filter_map(name).collect();
    names.sort();
    Ok(names)
}

async fn vpcs(inquiry: &Inquiry<'_>, ec2: &aws_sdk_ec2::Client) -> Result<Vec<VpcChoice>, Unseen> {
    let found = ec2.describe_vpcs().into_paginator().items().send();
    let found = inquiry.ask("ec2:DescribeVpcs", found.collect::<Result<Vec<_>, _>>()).await?;
    let choice = |vpc: aws_sdk_ec2::types::Vpc| VpcChoice {
        id: vpc.vpc_id.unwrap_or_default(),
        name: name_tag(vpc.tags),
        is_default: vpc.is_default.unwrap_or(false),
    };
    let mut choices: Vec<VpcChoice> = found.into_iter().map(choice).collect();
    choices.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(choices)
}

async fn subnets(
    inquiry: &Inquiry<'_>,
    ec2: &aws_sdk_ec2::Client,
) -> Result<Vec<SubnetChoice>, Unseen> {
    let found = ec2.describe_subnets().into_paginator().items().send();
    let found = inquiry.ask("ec2:DescribeSubnets", found.collect::<Result<Vec<_>, _>>()).await?;
    let usable = found.into_iter().filter(|subnet| subnet.state == Some(SubnetState::Available));
    let choice = |subnet: aws_sdk_ec2::types::Subnet| SubnetChoice {
        id: subnet.subnet_id.unwrap_or_default(),
        vpc: subnet.vpc_id.unwrap_or_default(),
        name: name_tag(subnet.tags),
        zone: subnet.availability_zone.unwrap_or_default(),
        is_public: subnet.map_public_ip_on_launch.unwrap_or(false),
    };
    let mut choices: Vec<SubnetChoice> = usable.map(choice).collect();
    choices.sort_by(|one, other| (&one.zone, &one.id).cmp(&(&other.zone, &other.id)));
    Ok(choices)
}

async fn execution_role(inquiry: &Inquiry<'_>) -> Result<Option<String>, Unseen> {
    let call = aws_sdk_iam::Client::new(inquiry.aws).get_role().role_name(EXECUTION_ROLE).send();
    let found = inquiry.ask_unless("iam:GetRole", &["NoSuchEntity"], call).await?;
    Ok(found.and_then(|found| found.role).map(|role| role.arn))
}

fn name_tag(tags: Option<Vec<Tag>>) -> String {
    let mut tags = tags.unwrap_or_default().into_iter();
    let name = tags.find(|tag| tag.key.as_deref() == Some("Name"));
    name.and_then(|tag| tag.value).unwrap_or_default()
}
