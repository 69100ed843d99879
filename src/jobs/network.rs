//! Where in a VPC a job's tasks live, as written. Which subnets and groups that means is looked up
//! in EC2 when a task is launched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::yaml::Path;

/// RunTask's own limits (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html>).
const SUBNETS_MAX: usize = 16;
const SECURITY_GROUPS_MAX: usize = 5;

/// The network of a job's tasks: subnets by id, or by VPC and tags; security groups by id, or one
/// by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// The VPC, needed to find subnets by tags or a security group by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// Subnet ids, 1 to 16 in one VPC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// Instead of `subnets`: tags that every subnet to be used has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subnet_tags: BTreeMap<String, String>,
    /// Security group ids, 1 to 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// Instead of `securityGroups`: one by its name in the VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group: Option<SecurityGroup>,
    /// Whether tasks get a public address.
    #[serde(default)]
    pub assign_public_ip: bool,
}

/// A security group by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroup {
    /// Its name in the VPC.
    pub name: String,
    /// Whether to make it, with HTTPS out and nothing in, when it is missing.
    #[serde(default)]
    pub create: bool,
}

impl Network {
    pub(super) fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        let mut error = |at: Path, message: String, remedy: &str| {
            problems.push(Problem::error(at, message).remedy(remedy));
        };
        match (self.subnets.is_empty(), self.subnet_tags.is_empty()) {
            (true, true) => error(
                at.clone(),
                "names no subnets".to_owned(),
                "give `subnets: [subnet-...]`, or `vpc` and `subnetTags`",
            ),
            (false, false) => error(
                at.key("subnetTags"),
                "stands beside `subnets`".to_owned(),
                "keep one of the two",
            ),
            (true, false) | (false, true) => {}
        }
        let needs_vpc = !self.subnet_tags.is_empty() || self.security_group.is_some();
        if needs_vpc && self.vpc.is_none() {
            error(
                at.clone(),
                "has no `vpc` to look for tags or a group's name in".to_owned(),
                "add `vpc: vpc-...`",
            );
        }
        if !self.security_groups.is_empty() && self.security_group.is_some() {
            error(
                at.key("securityGroup"),
                "stands beside `securityGroups`".to_owned(),
                "keep one of the two",
            );
        }
        if self.security_groups.is_empty() && self.security_group.is_none() {
            error(
                at.clone(),
                "names no security group, so tasks would get the VPC's default one".to_owned(),
                "give `securityGroups: [sg-...]` or `securityGroup: { name: .., create: true }`",
            );
        }
        for (name, ids, prefix, max) in [
            ("subnets", &self.subnets, "subnet-", SUBNETS_MAX),
            ("securityGroups", &self.security_groups, "sg-", SECURITY_GROUPS_MAX),
        ] {
            if ids.len() > max {
                error(
                    at.key(name),
                    format!("has {} entries, ECS takes at most {max}", ids.len()),
                    "name fewer",
                );
            }
            for (index, id) in ids.iter().enumerate().filter(|(_, id)| !is_id(id, prefix)) {
                error(
                    at.key(name).index(index),
                    format!("`{}` is no id", id.escape_debug()),
                    &format!("write `{prefix}` and 8 or 17 hexadecimal digits"),
                );
            }
        }
        if let Some(vpc) = self.vpc.as_ref().filter(|vpc| !is_id(vpc, "vpc-")) {
            error(
                at.key("vpc"),
                format!("`{}` is no id", vpc.escape_debug()),
                "write `vpc-` and 8 or 17 hexadecimal digits",
            );
        }
        if self.security_group.as_ref().is_some_and(|group| !is_group_name(&group.name)) {
            error(
                at.key("securityGroup").key("name"),
                "is no name EC2 allows".to_owned(),
                "use 1 to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`, not `sg-` first",
            );
        }
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        [8, 17].contains(&digits.len())
            && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_group_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !name.starts_with("sg-")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c))
}
