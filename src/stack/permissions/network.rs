//! What dispatch may do in EC2 to find, or make, the network that jobs name.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::jobs::{Jobs, Network};
use crate::stack::template::sub;

/// Where a region's and account's EC2 resources begin.
const EC2: &str = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:";

/// The statements that the networks of all jobs need.
pub(super) fn statements(jobs: &Jobs) -> Vec<Value> {
    let networks = || jobs.iter().filter_map(|job| job.network.as_ref());
    let mut statements = Vec::new();
    let mut looks = Vec::new();
    if networks().any(|network| network.security_group.is_some()) {
        looks.push("ec2:DescribeSecurityGroups");
    }
    if networks().any(|network| !network.subnet_tags.is_empty()) {
        looks.push("ec2:DescribeSubnets");
    }
    if !looks.is_empty() {
        statements.push(json!({
            "Sid": "FindNetworks",
            "Effect": "Allow",
            "Action": looks,
            // They know no resource.
            "Resource": "*",
        }));
    }
    let vpcs: BTreeSet<&str> = networks().filter_map(vpc_to_make_a_group_in).collect();
    if !vpcs.is_empty() {
        statements.extend(make_groups(&vpcs));
    }
    statements
}

fn vpc_to_make_a_group_in(network: &Network) -> Option<&str> {
    let makes = network.security_group.as_ref().is_some_and(|group| group.create);
    network.vpc.as_deref().filter(|_| makes)
}

/// A group is made in these VPCs only, its rules out of it are set there only, and of the groups
/// that exist only those that longshore made are marked, with its own mark.
///
/// `ec2:Vpc` belongs to a group that exists: EC2 knows no such key for the group that it is asked to
/// make, which is held by the VPC beside it. `ec2:CreateAction` is there only when tags ride on the
/// call that makes the group
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>).
fn make_groups(vpcs: &BTreeSet<&str>) -> [Value; 4] {
    let groups = || sub(format!("{EC2}security-group/*"));
    let vpcs: Vec<Value> = vpcs.iter().map(|vpc| sub(format!("{EC2}vpc/{vpc}"))).collect();
    let resources: Vec<Value> = vpcs.iter().cloned().chain([groups()]).collect();
    let in_vpcs = json!({ "ec2:Vpc": vpcs });
    [
        json!({
            "Sid": "MakeSecurityGroups",
            "Effect": "Allow",
            "Action": "ec2:CreateSecurityGroup",
            "Resource": resources,
        }),
        json!({
            "Sid": "LimitSecurityGroups",
            "Effect": "Allow",
            "Action": ["ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress"],
            "Resource": groups(),
            "Condition": { "ArnEquals": in_vpcs },
        }),
        json!({
            "Sid": "TagSecurityGroups",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": groups(),
            "Condition": { "StringEquals": { "ec2:CreateAction": "CreateSecurityGroup" } },
        }),
        json!({
            "Sid": "MarkSecurityGroups",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": groups(),
            "Condition": {
                "ArnEquals": in_vpcs,
                "StringEquals": {
                    // Two may finish the same group: the second finds it marked.
                    "aws:ResourceTag/longshore:egress": ["unfinished", "https-only"],
                    "aws:RequestTag/longshore:egress": "https-only",
                },
                "ForAllValues:StringEquals": { "aws:TagKeys": ["longshore:egress"] },
            },
        }),
    ]
}
