//! A security group by name: found, or made with HTTPS out and nothing in.
//!
//! HTTPS is what a task needs to be started: its image, its secrets, its logs. Names need no rule:
//! security groups do not filter what goes to the VPC's own resolver
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>).

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, ResourceType, Tag, TagSpecification};
use tracing::info;

use super::{NetworkError, failed, filter, to_tags};
use crate::jobs::SecurityGroup;
use crate::network::{
    EGRESS_FINISHED, EGRESS_TAG, EGRESS_UNFINISHED, Group, GroupStep, group_step, no_such_group,
};

/// What people read in the console.
const DESCRIPTION: &str = "Made by longshore: HTTPS out, nothing in";
/// Groups to name at most when the one asked for is missing.
const LISTED_MAX: i32 = 50;

/// The id of the group `wanted`, which is ready for use.
pub(super) async fn find(
    client: &Client,
    wanted: &SecurityGroup,
    vpc: &str,
) -> Result<String, NetworkError> {
    match group_step(wanted, &named(client, wanted, vpc).await?) {
        GroupStep::Use(id) => Ok(id),
        GroupStep::Finish(id) => finish(client, id).await,
        GroupStep::Missing => {
            let there = listed(client, vpc).await?;
            Err(NetworkError::Invalid(no_such_group(wanted, vpc, &there)))
        }
        GroupStep::Create => match create(client, wanted, vpc).await? {
            Some(id) => finish(client, id).await,
            None => find_made_by_others(client, wanted, vpc).await,
        },
    }
}

/// Somebody else made it between our look and our try.
async fn find_made_by_others(
    client: &Client,
    wanted: &SecurityGroup,
    vpc: &str,
) -> Result<String, NetworkError> {
    match group_step(wanted, &named(client, wanted, vpc).await?) {
        GroupStep::Use(id) => Ok(id),
        GroupStep::Finish(id) => finish(client, id).await,
        GroupStep::Create | GroupStep::Missing => Err(NetworkError::Unavailable(format!(
            "the security group `{}` was made a moment ago and is not shown yet",
            wanted.name
        ))),
    }
}

async fn named(
    client: &Client,
    wanted: &SecurityGroup,
    vpc: &str,
) -> Result<Vec<Group>, NetworkError> {
    let found: Result<Vec<_>, _> = client
        .describe_security_groups()
        .filters(filter("vpc-id", vpc))
        .filters(filter("group-name", &wanted.name))
        .into_paginator()
        .items()
        .send()
        .collect()
        .await;
    let found = found.map_err(|error| failed("ec2:DescribeSecurityGroups", &error))?;
    Ok(found.into_iter().map(to_group).collect())
}

async fn listed(client: &Client, vpc: &str) -> Result<Vec<Group>, NetworkError> {
    let page = client
        .describe_security_groups()
        .filters(filter("vpc-id", vpc))
        .max_results(LISTED_MAX)
        .send()
        .await
        .map_err(|error| failed("ec2:DescribeSecurityGroups", &error))?;
    Ok(page.security_groups.unwrap_or_default().into_iter().map(to_group).collect())
}

fn to_group(group: aws_sdk_ec2::types::SecurityGroup) -> Group {
    Group {
        egress: to_tags(group.tags.unwrap_or_default()).remove(EGRESS_TAG),
        id: group.group_id.unwrap_or_default(),
        name: group.group_name.unwrap_or_default(),
    }
}

/// Makes the group, open and marked as unfinished; `None` if there is one by now.
async fn create(
    client: &Client,
    wanted: &SecurityGroup,
    vpc: &str,
) -> Result<Option<String>, NetworkError> {
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::SecurityGroup)
        .tags(tag(EGRESS_UNFINISHED))
        .build();
    let created = client
        .create_security_group()
        .group_name(&wanted.name)
        .description(DESCRIPTION)
        .vpc_id(vpc)
        .tag_specifications(tags)
        .send()
        .await;
    match created {
        Ok(created) => {
            info!(group = wanted.name, vpc, "made a security group");
            Ok(created.group_id)
        }
        Err(error) if error.code() == Some("InvalidGroup.Duplicate") => Ok(None),
        Err(error) => Err(failed("ec2:CreateSecurityGroup", &error)),
    }
}

/// Takes away what EC2 allows by itself, allows HTTPS, and marks the group as finished. Every step
/// may have been done before, or be done by somebody else at the same time.
async fn finish(client: &Client, id: String) -> Result<String, NetworkError> {
    // Closed before anything else; the second is there in VPCs with IPv6.
    for everything in [to_any_v4(IpPermission::builder()), to_any_v6(IpPermission::builder())] {
        let revoked = client
            .revoke_security_group_egress()
            .group_id(&id)
            .ip_permissions(everything.ip_protocol("-1").build())
            .send()
            .await;
        let revoked = revoked.map(drop);
        done_or(revoked, "InvalidPermission.NotFound", "ec2:RevokeSecurityGroupEgress")?;
    }
    for https in [to_any_v4(IpPermission::builder()), to_any_v6(IpPermission::builder())] {
        let https = https.ip_protocol("tcp").from_port(443).to_port(443).build();
        let allowed = client
            .authorize_security_group_egress()
            .group_id(&id)
            .ip_permissions(https)
            .send()
            .await;
        let allowed = allowed.map(drop);
        done_or(allowed, "InvalidPermission.Duplicate", "ec2:AuthorizeSecurityGroupEgress")?;
    }
    let marked = client.create_tags().resources(&id).tags(tag(EGRESS_FINISHED)).send().await;
    marked.map_err(|error| unless_too_new("ec2:CreateTags", &error))?;
    Ok(id)
}

type PermissionBuilder = aws_sdk_ec2::types::builders::IpPermissionBuilder;

fn to_any_v4(permission: PermissionBuilder) -> PermissionBuilder {
    permission.ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
}

fn to_any_v6(permission: PermissionBuilder) -> PermissionBuilder {
    permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6("::/0").build())
}

fn tag(value: &str) -> Tag {
    Tag::builder().key(EGRESS_TAG).value(value).build()
}

/// Takes the answer that says it was done before for success.
fn done_or<E>(
    result: Result<(), SdkError<E, HttpResponse>>,
    before: &str,
    action: &str,
) -> Result<(), NetworkError>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match result {
        Err(error) if error.code() == Some(before) => Ok(()),
        Err(error) => Err(unless_too_new(action, &error)),
        Ok(()) => Ok(()),
    }
}

/// A group made a moment ago may not be known everywhere in EC2: it is there the next time.
fn unless_too_new<E>(action: &str, error: &SdkError<E, HttpResponse>) -> NetworkError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let unknown = ["InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidID"];
    match failed(action, error) {
        NetworkError::Invalid(reason) if unknown.contains(&error.code().unwrap_or_default()) => {
            NetworkError::Unavailable(reason)
        }
        other => other,
    }
}
