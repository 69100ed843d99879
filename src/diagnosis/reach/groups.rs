//! Security groups: what the task's let out, what an endpoint's let in. They remember whom they let
//! through, so answers need no rule.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Blocker, Destination, Stop};
use crate::diagnosis::Unseen;
use crate::diagnosis::world::{Peer, Rule, SecurityGroup, World};

/// Who is at the other end.
pub(super) struct Other<'a> {
    /// Its addresses; every one must be let through.
    pub(super) addresses: &'a [IpAddr],
    /// Its security groups.
    pub(super) groups: &'a [String],
    /// AWS's list of them.
    pub(super) list: Option<&'a str>,
}

/// Whether the task's groups let it out to the other end.
pub(super) fn let_out(
    world: &World,
    groups: &[String],
    other: &Other<'_>,
    to: &Destination,
    name: &str,
) -> Result<(), Stop> {
    let found = find(world, groups)?;
    if allows(world, found.iter().flat_map(|group| &group.egress), other, to.port)? {
        return Ok(());
    }
    Err(Blocker::EgressClosed { groups: groups.to_vec(), to: name.to_owned() }.into())
}

/// Whether these groups let the other end in.
pub(super) fn let_in(
    world: &World,
    groups: &[String],
    other: &Other<'_>,
    port: u16,
) -> Result<bool, Stop> {
    let found = find(world, groups)?;
    Ok(allows(world, found.iter().flat_map(|group| &group.ingress), other, port)?)
}

/// Whether the groups let out to a part of one of these blocks.
pub(super) fn name_some_of(world: &World, groups: &[String], blocks: &[IpNet], port: u16) -> bool {
    let Ok(found) = find(world, groups) else { return false };
    let rules = found.iter().flat_map(|group| &group.egress);
    rules.filter(|rule| is_tcp(&rule.protocol) && has(rule, port)).any(|rule| match &rule.peer {
        Peer::Cidr(cidr) => blocks.iter().any(|block| block.contains(cidr)),
        Peer::PrefixList(_) | Peer::Group(_) => false,
    })
}

fn find<'w>(world: &'w World, ids: &[String]) -> Result<Vec<&'w SecurityGroup>, Stop> {
    let known = world.security_groups.seen("security groups")?;
    ids.iter()
        .map(|id| {
            let found = known.iter().find(|group| group.id == *id);
            found.ok_or_else(|| Blocker::NoGroup { group: id.clone() }.into())
        })
        .collect()
}

/// Whether the rules together let every address through.
fn allows<'r>(
    world: &World,
    rules: impl Iterator<Item = &'r Rule>,
    other: &Other<'_>,
    port: u16,
) -> Result<bool, Unseen> {
    let rules: Vec<&Rule> =
        rules.filter(|rule| is_tcp(&rule.protocol) && has(rule, port)).collect();
    let mut unseen = None;
    for address in other.addresses {
        let mut let_through = false;
        for rule in &rules {
            match is_peer(world, &rule.peer, other, *address) {
                Ok(is_peer) => let_through |= is_peer,
                Err(why) => unseen = Some(why),
            }
        }
        if !let_through {
            return unseen.map_or(Ok(false), Err);
        }
    }
    Ok(true)
}

fn has(rule: &Rule, port: u16) -> bool {
    rule.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
}

fn is_peer(world: &World, peer: &Peer, other: &Other<'_>, address: IpAddr) -> Result<bool, Unseen> {
    match peer {
        Peer::Cidr(cidr) => Ok(cidr.contains(&address)),
        Peer::Group(group) => Ok(other.groups.contains(group)),
        Peer::PrefixList(list) if other.list == Some(list) => Ok(true),
        Peer::PrefixList(list) => {
            let cidrs = world.listed(list)?.unwrap_or_default();
            Ok(cidrs.iter().any(|cidr| cidr.contains(&address)))
        }
    }
}

/// Whether a rule for this protocol is one for TCP.
pub(super) fn is_tcp(protocol: &str) -> bool {
    matches!(protocol, "tcp" | "6" | "-1" | "all")
}

/// The first and the last address of a block: what both may do, all of it may.
pub(super) fn ends(cidr: IpNet) -> [IpAddr; 2] {
    [cidr.network(), cidr.broadcast()]
}
