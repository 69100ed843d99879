//! Security groups, network ACLs, and the prefix lists that rules and routes name.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, NetworkAclEntry, RuleAction};
use futures_util::future::try_join_all;

use super::{Ec2, Named, to_block};
use crate::diagnosis::world::{
    AclEntry, Block, NetworkAcl, Peer, PrefixList, Rule, SecurityGroup, World,
};
use crate::diagnosis::{Source, Unseen};

/// The services that tasks reach by a list of AWS's.
const LISTED: [&str; 1] = [".s3"];

impl Ec2<'_> {
    pub(super) async fn security_groups(&self) -> Result<Vec<(SecurityGroup, Named)>, Unseen> {
        let call = self.client.describe_security_groups().set_filters(self.inside("vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeSecurityGroups", found).await?;
        Ok(found.into_iter().map(to_group).collect())
    }

    pub(super) async fn network_acls(&self) -> Result<Vec<NetworkAcl>, Unseen> {
        let call = self.client.describe_network_acls().set_filters(self.inside("vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeNetworkAcls", found).await?;
        let acl = |acl: aws_sdk_ec2::types::NetworkAcl| {
            let subnets = acl.associations.unwrap_or_default().into_iter();
            NetworkAcl {
                id: acl.network_acl_id.unwrap_or_default(),
                subnets: subnets.filter_map(|association| association.subnet_id).collect(),
                entries: acl.entries.unwrap_or_default().into_iter().filter_map(to_entry).collect(),
            }
        };
        Ok(found.into_iter().map(acl).collect())
    }

    /// Those of services that tasks need, and those that are named in what was found.
    pub(super) async fn prefix_lists(&self, world: &World) -> Result<Vec<PrefixList>, Unseen> {
        let pages = self.client.describe_managed_prefix_lists().into_paginator().items();
        let found = pages.send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeManagedPrefixLists", found).await?;
        let named = named(world);
        let lists = found.into_iter().filter_map(|list| {
            let (id, name) = (list.prefix_list_id?, list.prefix_list_name.unwrap_or_default());
            let is_service = LISTED.iter().any(|service| name.ends_with(service));
            (is_service || named.contains(&id)).then_some((id, name))
        });
        try_join_all(lists.map(|(id, name)| self.list(id, name))).await
    }

    async fn list(&self, id: String, name: String) -> Result<PrefixList, Unseen> {
        let call = self.client.get_managed_prefix_list_entries().prefix_list_id(&id);
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:GetManagedPrefixListEntries", found).await?;
        let cidrs = found.into_iter().filter_map(|entry| to_block(entry.cidr)).collect();
        Ok(PrefixList { id, name, cidrs })
    }
}

/// The lists that routes and rules name.
fn named(world: &World) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    if let Source::Seen(tables) = &world.route_tables {
        named.extend(tables.iter().flat_map(|table| &table.routes).filter_map(|route| {
            match &route.destination {
                Block::PrefixList(list) => Some(list.clone()),
                Block::Cidr(_) => None,
            }
        }));
    }
    if let Source::Seen(groups) = &world.security_groups {
        let rules = groups.iter().flat_map(|group| group.egress.iter().chain(&group.ingress));
        named.extend(rules.filter_map(|rule| match &rule.peer {
            Peer::PrefixList(list) => Some(list.clone()),
            Peer::Cidr(_) | Peer::Group(_) => None,
        }));
    }
    named
}

fn to_group(group: aws_sdk_ec2::types::SecurityGroup) -> (SecurityGroup, Named) {
    let id = group.group_id.unwrap_or_default();
    let vpc = group.vpc_id.unwrap_or_default();
    let rules = |permissions: Option<Vec<IpPermission>>| {
        permissions.unwrap_or_default().into_iter().flat_map(to_rules).collect()
    };
    let named = Named {
        id: id.clone(),
        vpc: vpc.clone(),
        owner: group.owner_id,
        name: group.group_name.unwrap_or_default(),
        tags: super::to_tags(group.tags),
    };
    let group = SecurityGroup {
        id,
        vpc,
        egress: rules(group.ip_permissions_egress),
        ingress: rules(group.ip_permissions),
    };
    (group, named)
}

/// A rule for each peer: EC2 puts those with the same ports together.
fn to_rules(permission: IpPermission) -> Vec<Rule> {
    let protocol = permission.ip_protocol.unwrap_or_default();
    let ports = to_ports(permission.from_port, permission.to_port).filter(|_| protocol != "-1");
    let v4 = permission.ip_ranges.unwrap_or_default().into_iter();
    let v6 = permission.ipv6_ranges.unwrap_or_default().into_iter();
    let lists = permission.prefix_list_ids.unwrap_or_default().into_iter();
    let groups = permission.user_id_group_pairs.unwrap_or_default().into_iter();
    v4.filter_map(|range| to_block(range.cidr_ip))
        .chain(v6.filter_map(|range| to_block(range.cidr_ipv6)))
        .map(Peer::Cidr)
        .chain(lists.filter_map(|list| list.prefix_list_id).map(Peer::PrefixList))
        .chain(groups.filter_map(|pair| pair.group_id).map(Peer::Group))
        .map(|peer| Rule { protocol: protocol.clone(), ports, peer })
        .collect()
}

fn to_entry(entry: NetworkAclEntry) -> Option<AclEntry> {
    let cidr = to_block(entry.cidr_block).or_else(|| to_block(entry.ipv6_cidr_block))?;
    Some(AclEntry {
        number: entry.rule_number?.try_into().ok()?,
        egress: entry.egress.unwrap_or(false),
        allow: entry.rule_action == Some(RuleAction::Allow),
        protocol: entry.protocol.unwrap_or_default(),
        ports: entry.port_range.and_then(|range| to_ports(range.from, range.to)),
        cidr,
    })
}

/// Ports, first and last; `None` for all.
fn to_ports(first: Option<i32>, last: Option<i32>) -> Option<(u16, u16)> {
    Some((first?.try_into().ok()?, last?.try_into().ok()?))
}
