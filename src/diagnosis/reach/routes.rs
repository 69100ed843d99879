//! Which route a packet takes: the longest prefix that its address is in.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::{Blocker, Destination, Stop};
use crate::diagnosis::Unseen;
use crate::diagnosis::world::{Block, Route, RouteTable, World};

/// What a route leads to, by the beginning of its target's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Local,
    Internet,
    EgressOnly,
    Nat,
    Endpoint,
    Peering,
    /// Out of the VPC, to where we cannot look: transit, VPN, appliances.
    Elsewhere,
}

impl Target {
    pub(super) fn of(id: &str) -> Self {
        match id.split_once('-').map_or(id, |(kind, _)| kind) {
            "local" => Self::Local,
            "igw" => Self::Internet,
            "eigw" => Self::EgressOnly,
            "nat" => Self::Nat,
            "vpce" => Self::Endpoint,
            "pcx" => Self::Peering,
            _ => Self::Elsewhere,
        }
    }
}

impl Block {
    /// As EC2 writes it.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Cidr(cidr) => cidr.to_string(),
            Self::PrefixList(list) => list.clone(),
        }
    }
}

/// The table that serves a subnet: its own, or the VPC's main one.
pub(super) fn table_of<'w>(
    world: &'w World,
    subnet: &str,
    vpc: &str,
) -> Result<&'w RouteTable, Stop> {
    let tables = world.route_tables.seen("route tables")?;
    let own = tables.iter().find(|table| table.subnets.iter().any(|id| id == subnet));
    let main = || tables.iter().find(|table| table.main && table.vpc == vpc);
    own.or_else(main).ok_or_else(|| Blocker::NoTable { vpc: vpc.to_owned() }.into())
}

/// The route that a packet to `address` takes.
pub(super) fn route_to<'w>(
    world: &'w World,
    table: &'w RouteTable,
    address: IpAddr,
    to: &Destination,
) -> Result<Option<&'w Route>, Unseen> {
    let (mut best, mut unseen) = (None, None);
    for route in &table.routes {
        match prefix_length(world, route, address, to) {
            Ok(Some(length)) => {
                // Of equals, the one by block comes before the one by list, and `local` first.
                let is_list = matches!(route.destination, Block::PrefixList(_));
                let rank = (Reverse(length), route.target != "local", is_list);
                if best.is_none_or(|(known, _)| rank < known) {
                    best = Some((rank, route));
                }
            }
            Ok(None) => {}
            Err(why) => unseen = Some(why),
        }
    }
    match (best, unseen) {
        (Some((_, route)), _) => Ok(Some(route)),
        (None, Some(unseen)) => Err(unseen),
        (None, None) => Ok(None),
    }
}

/// How much of the address the route names; `None` when it is not in it.
fn prefix_length(
    world: &World,
    route: &Route,
    address: IpAddr,
    to: &Destination,
) -> Result<Option<u8>, Unseen> {
    match &route.destination {
        Block::Cidr(cidr) => Ok(cidr.contains(&address).then(|| cidr.prefix_len())),
        // A gateway endpoint's route stands for its service, whether we know the list or not.
        Block::PrefixList(_) if leads_to_gateway_of(world, route, to) => Ok(Some(32)),
        Block::PrefixList(list) => {
            let cidrs = world.listed(list)?.unwrap_or_default();
            let matching = cidrs.iter().filter(|cidr| cidr.contains(&address));
            Ok(matching.map(ipnet::IpNet::prefix_len).max())
        }
    }
}

fn leads_to_gateway_of(world: &World, route: &Route, to: &Destination) -> bool {
    Target::of(&route.target) == Target::Endpoint
        && world.endpoints.seen("endpoints").is_ok_and(|endpoints| {
            endpoints
                .iter()
                .any(|endpoint| endpoint.id == route.target && to.is_service(&endpoint.service))
        })
}
