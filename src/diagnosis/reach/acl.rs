//! Network ACLs: they guard a subnet's edge, forget whom they let through, and so must let the
//! answer through as well. What stays in a subnet does not meet them.

use std::net::IpAddr;

use super::groups::{ends, is_tcp};
use super::{Blocker, Destination, Stop};
use crate::diagnosis::world::{AclEntry, NetworkAcl, Subnet, World};

/// The ports a task's kernel asks from, to which the answers come.
const TASK_PORTS: (u16, u16) = (32_768, 60_999);
/// The number of the last entry, which every ACL has and which denies what is left.
const LAST: u32 = 32_767;
/// The ports a NAT gateway asks from
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html>).
const NAT_PORTS: (u16, u16) = (1_024, 65_535);

/// A question from one end to the other, seen at one subnet's edge.
struct Crossing<'a> {
    subnet: &'a Subnet,
    peer: IpAddr,
    /// The ports of what leaves, and of what comes in.
    out: (u16, u16),
    back: (u16, u16),
}

/// Whether question and answer come through between the task's subnet and public addresses, which
/// a NAT gateway may stand between.
pub(super) fn public(
    world: &World,
    near: &Subnet,
    nat: Option<&Subnet>,
    addresses: &[IpAddr],
    to: &Destination,
) -> Result<(), Stop> {
    let port = (to.port, to.port);
    for address in addresses {
        cross(world, &Crossing { subnet: near, peer: *address, out: port, back: TASK_PORTS })?;
        let Some(nat) = nat else { continue };
        cross(world, &Crossing { subnet: nat, peer: *address, out: port, back: NAT_PORTS })?;
    }
    match nat {
        Some(nat) if nat.id != near.id => {
            // The question comes in from the task, the answer goes out to it.
            for task in near.cidrs.iter().filter(|cidr| same_family(cidr.network(), addresses)) {
                for peer in ends(*task) {
                    cross(world, &Crossing { subnet: nat, peer, out: TASK_PORTS, back: port })?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether question and answer come through between the task's subnet and an endpoint's.
pub(super) fn inside(
    world: &World,
    near: &Subnet,
    far: &Subnet,
    to: &Destination,
) -> Result<(), Stop> {
    if near.id == far.id {
        return Ok(());
    }
    let port = (to.port, to.port);
    for (subnet, other, out, back) in [(near, far, port, TASK_PORTS), (far, near, TASK_PORTS, port)]
    {
        let Some(cidr) = other.v4().or(other.v6()) else { continue };
        for peer in ends(cidr) {
            cross(world, &Crossing { subnet, peer, out, back })?;
        }
    }
    Ok(())
}

fn same_family(one: IpAddr, others: &[IpAddr]) -> bool {
    others.first().is_none_or(|other| other.is_ipv4() == one.is_ipv4())
}

fn cross(world: &World, crossing: &Crossing<'_>) -> Result<(), Stop> {
    let acls = world.network_acls.seen("network ACLs")?;
    let guards = |acl: &&NetworkAcl| acl.subnets.contains(&crossing.subnet.id);
    let Some(acl) = acls.iter().find(guards) else { return Ok(()) };
    for (egress, ports) in [(true, crossing.out), (false, crossing.back)] {
        if let Err(rule) = passes(acl, egress, crossing.peer, ports) {
            return Err(Blocker::AclClosed {
                acl: acl.id.clone(),
                subnet: crossing.subnet.id.clone(),
                egress,
                ports,
                peer: crossing.peer.to_string(),
                rule,
            }
            .into());
        }
    }
    Ok(())
}

/// Whether all of the ports are let through; the rule that stops some of them otherwise, `None`
/// when it is the last one, which has no number.
fn passes(
    acl: &NetworkAcl,
    egress: bool,
    peer: IpAddr,
    ports: (u16, u16),
) -> Result<(), Option<u32>> {
    let mut entries: Vec<&AclEntry> = acl
        .entries
        .iter()
        .filter(|e| e.egress == egress && is_tcp(&e.protocol) && e.cidr.contains(&peer))
        .collect();
    entries.sort_by_key(|entry| entry.number);
    let mut open = vec![ports];
    for entry in entries {
        let (first, last) = entry.ports.unwrap_or((0, u16::MAX));
        let meets = |(low, high): &(u16, u16)| first <= *high && last >= *low;
        if !entry.allow && open.iter().any(meets) {
            return Err(Some(entry.number).filter(|number| *number < LAST));
        }
        open = open.into_iter().flat_map(|part| without(part, (first, last))).collect();
        if open.is_empty() {
            return Ok(());
        }
    }
    Err(None)
}

/// What is left of a range without another.
fn without((low, high): (u16, u16), (first, last): (u16, u16)) -> Vec<(u16, u16)> {
    let mut left = Vec::new();
    if first > low {
        left.push((low, high.min(first - 1)));
    }
    if last < high {
        left.push((low.max(last + 1), high));
    }
    left.into_iter().filter(|(low, high)| low <= high).collect()
}
