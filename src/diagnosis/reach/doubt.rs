//! What could not be seen, and would let a packet through that is stopped otherwise. Nobody shall
//! mend what is not broken, so such a stop is told as a doubt.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::destination::is_public;
use super::{Blocker, Destination, Origin, Reach, walk};
use crate::diagnosis::world::{Block, Peer, World};
use crate::diagnosis::{Check, Unseen};

/// Addresses that are tried in the place of unknown ones.
const TRIED_MAX: usize = 200;

/// Why it is doubtful what was found. Notes as well that endpoints were not seen.
pub(super) fn about(
    world: &World,
    from: &Origin<'_>,
    to: &Destination,
    found: &mut Reach,
) -> Option<Unseen> {
    if let Some(unseen) = hidden_endpoints(world, from, to) {
        if found.blockers.is_empty() {
            found.unseen.push((Check::Endpoint, unseen.clone()));
        }
        return Some(unseen);
    }
    let by_address = |blocker: &Blocker| {
        matches!(
            blocker,
            Blocker::NoRoute { .. } | Blocker::EgressClosed { .. } | Blocker::AclClosed { .. }
        )
    };
    let is_stopped = !found.blockers.is_empty() && found.blockers.iter().all(by_address);
    if !is_stopped || to.is_known(world) {
        return None;
    }
    let has_v4 = world.subnet(from.subnet).ok()??.v4().is_some();
    let is_of_its_kind =
        |address: &IpAddr| if address.is_ipv4() { has_v4 } else { to.families().1 || !has_v4 };
    let passes = |address: IpAddr| {
        let to = Destination { addresses: vec![address], ..to.clone() };
        let found = walk(world, from, &to);
        found.path.is_some() && found.blockers.is_empty()
    };
    let mut tried = public_addresses(world, to).into_iter().filter(is_of_its_kind).take(TRIED_MAX);
    tried.any(passes).then_some(Unseen::NotAsked("the service's addresses"))
}

/// Why there may be an endpoint for the service that we do not know of.
fn hidden_endpoints(world: &World, from: &Origin<'_>, to: &Destination) -> Option<Unseen> {
    to.service.endpoint_name()?;
    let subnet = world.subnet(from.subnet).ok()??;
    super::Start { world, origin: from, subnet, vpc: None }.endpoints().err()
}

/// An address of each public block that routes, groups and ACLs make a difference for, but for those
/// that AWS says are another service's.
fn public_addresses(world: &World, to: &Destination) -> BTreeSet<IpAddr> {
    let lists = world.prefix_lists.seen("prefix lists").map(Vec::as_slice).unwrap_or_default();
    let (others, own): (Vec<_>, Vec<_>) = lists
        .iter()
        .filter(|list| !to.is_service(&list.name))
        .partition(|list| list.name.starts_with("com.amazonaws."));
    let mut blocks: Vec<IpNet> = own.iter().flat_map(|list| list.cidrs.clone()).collect();
    if let Ok(tables) = world.route_tables.seen("route tables") {
        blocks.extend(tables.iter().flat_map(|table| &table.routes).filter_map(|route| {
            match &route.destination {
                Block::Cidr(cidr) => Some(*cidr),
                Block::PrefixList(_) => None,
            }
        }));
    }
    if let Ok(groups) = world.security_groups.seen("security groups") {
        let rules = groups.iter().flat_map(|group| &group.egress);
        blocks.extend(rules.filter_map(|rule| match &rule.peer {
            Peer::Cidr(cidr) => Some(*cidr),
            Peer::PrefixList(_) | Peer::Group(_) => None,
        }));
    }
    if let Ok(acls) = world.network_acls.seen("network ACLs") {
        blocks.extend(acls.iter().flat_map(|acl| &acl.entries).map(|entry| entry.cidr));
    }
    let is_others = |address: &IpAddr| {
        others.iter().flat_map(|list| &list.cidrs).any(|block| block.contains(address))
    };
    let some = blocks.iter().filter(|block| block.prefix_len() > 0).map(IpNet::network);
    some.filter(|address| is_public(*address) && !is_others(address)).collect()
}
