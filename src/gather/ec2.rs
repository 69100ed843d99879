//! What EC2 has of the VPCs that jobs' tasks live in, and which subnets and groups a job means.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Tag};
use ipnet::IpNet;

use super::inquiry::Inquiry;
use crate::diagnosis::world::{Peer, Rule, SecurityGroup, Subnet, World};
use crate::diagnosis::{Source, Unseen};
use crate::jobs::Network;
use crate::network::{self, NetworkError, choose_subnets};

mod endpoints;
mod filters;
mod routes;
mod vpcs;

/// Ids in one filter at most
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>).
const FILTER_VALUES_MAX: usize = 200;

/// EC2, and the VPCs that are asked about.
pub(super) struct Ec2<'a> {
    client: Client,
    inquiry: &'a Inquiry<'a>,
    /// None: everything in the region.
    vpcs: Vec<String>,
}

/// A thing under another name than its id.
pub(super) struct Named {
    id: String,
    vpc: String,
    /// The account.
    owner: Option<String>,
    name: String,
    tags: BTreeMap<String, String>,
}

/// What EC2 has, with the names of things.
pub(super) struct Found {
    pub(super) world: World,
    subnets: Result<Vec<Named>, Unseen>,
    groups: Result<Vec<Named>, Unseen>,
}

/// Where a job's tasks live, by id.
pub(super) struct Place {
    pub(super) subnets: Source<Vec<String>>,
    pub(super) groups: Source<Vec<String>>,
}

/// Everything in the VPCs of these networks.
pub(super) async fn find(inquiry: &Inquiry<'_>, networks: &[&Network]) -> Found {
    let client = Client::new(inquiry.aws);
    let mut ec2 = Ec2 { client, inquiry, vpcs: Vec::new() };
    ec2.vpcs = ec2.vpcs_of(networks).await;
    let (vpcs, subnets, tables, nats) =
        tokio::join!(ec2.all_vpcs(), ec2.all_subnets(), ec2.route_tables(), ec2.nat_gateways());
    let (gateways, endpoints, groups, acls) = tokio::join!(
        ec2.internet_gateways(),
        ec2.endpoints(),
        ec2.security_groups(),
        ec2.network_acls(),
    );
    let (subnets, subnet_names) = split(subnets);
    let (groups, group_names) = split(groups);
    let mut world = World {
        vpcs: vpcs.into(),
        subnets: subnets.into(),
        route_tables: tables.into(),
        internet_gateways: gateways.into(),
        nat_gateways: nats.into(),
        endpoints: endpoints.into(),
        security_groups: groups.into(),
        network_acls: acls.into(),
        prefix_lists: Source::NotAsked,
    };
    world.prefix_lists = ec2.prefix_lists(&world).await.into();
    Found { world, subnets: subnet_names, groups: group_names }
}

/// What was seen, apart from its names.
fn split<T>(
    found: Result<Vec<(T, Named)>, Unseen>,
) -> (Result<Vec<T>, Unseen>, Result<Vec<Named>, Unseen>) {
    match found {
        Ok(found) => {
            let (things, names) = found.into_iter().unzip();
            (Ok(things), Ok(names))
        }
        Err(unseen) => (Err(unseen.clone()), Err(unseen)),
    }
}

impl Ec2<'_> {
    /// The VPCs that the networks name, or that their subnets are in.
    async fn vpcs_of(&self, networks: &[&Network]) -> Vec<String> {
        let mut vpcs: BTreeSet<String> =
            networks.iter().filter_map(|network| network.vpc.clone()).collect();
        let wanted: BTreeSet<&String> =
            networks.iter().flat_map(|network| &network.subnets).collect();
        let wanted: Vec<&String> = wanted.into_iter().collect();
        for some in wanted.chunks(FILTER_VALUES_MAX) {
            // By filter and not by id: one that does not exist must not hide the others.
            let values = some.iter().map(|id| (*id).clone()).collect();
            let filter = Filter::builder().name("subnet-id").set_values(Some(values)).build();
            let pages = self.client.describe_subnets().filters(filter).into_paginator().items();
            let found = pages.send().collect::<Result<Vec<_>, _>>();
            let found = self.inquiry.ask("ec2:DescribeSubnets", found).await.unwrap_or_default();
            vpcs.extend(found.into_iter().filter_map(|subnet| subnet.vpc_id));
        }
        vpcs.into_iter().take(FILTER_VALUES_MAX).collect()
    }

    /// Only what is in the VPCs; everything where they are not known.
    fn inside(&self, name: &str) -> Option<Vec<Filter>> {
        let filter = Filter::builder().name(name).set_values(Some(self.vpcs.clone())).build();
        (!self.vpcs.is_empty()).then(|| vec![filter])
    }
}

impl Found {
    /// Notes which subnets another account shares with this one.
    pub(super) fn note_shared(&mut self, account: &str) {
        let (Source::Seen(subnets), Ok(names)) = (&mut self.world.subnets, &self.subnets) else {
            return;
        };
        for (subnet, named) in subnets.iter_mut().zip(names) {
            subnet.shared = named.owner.as_ref().is_some_and(|owner| owner != account);
        }
    }

    /// What a job's network means. A group that longshore would make is put into the world as it
    /// will be.
    pub(super) fn place(&mut self, network: &Network) -> Place {
        Place { subnets: self.subnets_of(network).into(), groups: self.groups_of(network).into() }
    }

    fn subnets_of(&self, network: &Network) -> Result<Vec<String>, Unseen> {
        if network.subnet_tags.is_empty() {
            return Ok(network.subnets.clone());
        }
        let names = self.subnets.as_ref().map_err(Unseen::clone)?;
        let known = self.world.subnets.seen("subnets")?.iter().zip(names);
        let inside = known.filter(|(subnet, _)| Some(&subnet.vpc) == network.vpc.as_ref());
        let found: Vec<network::Subnet> = inside.map(|(it, named)| to_choice(it, named)).collect();
        Ok(match choose_subnets(network, &found) {
            Ok(chosen) => chosen,
            // That there is none is a finding of its own.
            Err(NetworkError::Invalid(_)) => Vec::new(),
            Err(NetworkError::Unavailable(_)) => {
                let has_tags = |subnet: &network::Subnet| {
                    network.subnet_tags.iter().all(|(tag, text)| subnet.tags.get(tag) == Some(text))
                };
                found.into_iter().filter(has_tags).map(|subnet| subnet.id).collect()
            }
        })
    }

    fn groups_of(&mut self, network: &Network) -> Result<Vec<String>, Unseen> {
        let Some(wanted) = &network.security_group else {
            return Ok(network.security_groups.clone());
        };
        let known = self.groups.as_mut().map_err(|unseen| unseen.clone())?;
        let is_it =
            |group: &&Named| group.name == wanted.name && Some(&group.vpc) == network.vpc.as_ref();
        if let Some(group) = known.iter().find(is_it) {
            return Ok(vec![group.id.clone()]);
        }
        let (true, Source::Seen(groups)) = (wanted.create, &mut self.world.security_groups) else {
            return Ok(vec![wanted.name.clone()]);
        };
        let id = format!("sg-to-be-made-{}", groups.len());
        let vpc = network.vpc.clone().unwrap_or_default();
        groups.push(to_be_made(id.clone(), vpc.clone()));
        let (name, tags) = (wanted.name.clone(), BTreeMap::new());
        known.push(Named { id: id.clone(), vpc, owner: None, name, tags });
        Ok(vec![id])
    }
}

/// A subnet as a launch chooses among them: full ones and those that are not ready are left out.
fn to_choice(subnet: &Subnet, named: &Named) -> network::Subnet {
    network::Subnet {
        id: subnet.id.clone(),
        zone: subnet.zone.clone(),
        free_addresses: subnet.free_addresses,
        available: subnet.available,
        tags: named.tags.clone(),
    }
}

/// The group that the first launch makes: HTTPS out, nothing in.
fn to_be_made(id: String, vpc: String) -> SecurityGroup {
    let https = |block: IpNet| Rule {
        protocol: "tcp".to_owned(),
        ports: Some((443, 443)),
        peer: Peer::Cidr(block),
    };
    let anywhere = ["0.0.0.0/0", "::/0"].iter().filter_map(|block| block.parse().ok());
    SecurityGroup { id, vpc, egress: anywhere.map(https).collect(), ingress: Vec::new() }
}

fn to_tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// A block as EC2 writes it; what is none is left out.
fn to_block(text: Option<String>) -> Option<IpNet> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

    use super::*;

    /// Private subnets of one VPC: free addresses, and whether they are ready.
    fn found(subnets: &[(&str, u32, bool)]) -> Found {
        let subnet = |(id, free, available): &(&str, u32, bool)| Subnet {
            id: (*id).to_owned(),
            vpc: "vpc-1".to_owned(),
            zone: "a".to_owned(),
            cidrs: Vec::new(),
            free_addresses: *free,
            available: *available,
            dns64: false,
            shared: false,
        };
        let named = |(id, ..): &(&str, u32, bool)| Named {
            id: (*id).to_owned(),
            vpc: "vpc-1".to_owned(),
            owner: Some("123456789012".to_owned()),
            name: String::new(),
            tags: BTreeMap::from([("Type".to_owned(), "private".to_owned())]),
        };
        let world = World {
            subnets: Source::Seen(subnets.iter().map(subnet).collect()),
            ..World::default()
        };
        Found { world, subnets: Ok(subnets.iter().map(named).collect()), groups: Ok(Vec::new()) }
    }

    #[test]
    fn a_job_means_the_subnets_that_a_launch_would_choose() {
        let network =
            r#"{"vpc":"vpc-1","subnetTags":{"Type":"private"},"securityGroups":["sg-1"]}"#;
        let network: Network = serde_json::from_str(network).unwrap();
        for (subnets, expected) in [
            (&[("one", 9, true), ("full", 0, true), ("new", 9, false)][..], &["one"][..]),
            (&[("full", 0, true), ("fuller", 0, true)], &["full", "fuller"]),
            (&[("new", 9, false)], &["new"]),
            (&[], &[]),
        ] {
            let place = found(subnets).place(&network);
            let expected = expected.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!(place.subnets, Source::Seen(expected), "{subnets:?}");
        }
    }

    #[test]
    fn a_subnet_of_another_account_is_shared() {
        for (account, shared) in [("123456789012", false), ("210987654321", true)] {
            let mut found = found(&[("one", 9, true)]);
            found.note_shared(account);
            assert_eq!(found.world.subnets.seen("subnets").unwrap()[0].shared, shared, "{account}");
        }
    }
}
