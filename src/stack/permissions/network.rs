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

/// A group is made in these VPCs only, and its rules out of it are set there only.
fn make_groups(vpcs: &BTreeSet<&str>) -> [Value; 3] {
    let groups = || sub(format!("{EC2}security-group/*"));
    let vpcs: Vec<Value> = vpcs.iter().map(|vpc| sub(format!("{EC2}vpc/{vpc}"))).collect();
    let resources: Vec<Value> = vpcs.iter().cloned().chain([groups()]).collect();
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
            "Condition": { "ArnEquals": { "ec2:Vpc": vpcs } },
        }),
        json!({
            "Sid": "TagSecurityGroups",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": groups(),
            "Condition": { "StringEquals": { "ec2:CreateAction": "CreateSecurityGroup" } },
        }),
    ]
}
