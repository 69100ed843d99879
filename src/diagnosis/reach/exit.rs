//! Which way a packet leaves its subnet: to an endpoint by name, or by the routes.

use std::net::IpAddr;

use super::destination::{is_public, nat64};
use super::routes::{Target, route_to, table_of};
use super::{Blocker, Destination, Note, Origin, Path, Service, Stop};
use crate::diagnosis::Unseen;
use crate::diagnosis::world::{
    Block, Endpoint, EndpointKind, NatGateway, RouteTable, Subnet, Vpc, World,
};

/// The way out, and who is at its end.
pub(super) struct Exit<'w> {
    pub(super) path: Path,
    pub(super) end: End<'w>,
    /// The subnet of the NAT gateway on the way, where it is another packet's edge.
    pub(super) nat_subnet: Option<&'w Subnet>,
}

/// Who is at the end of the way.
pub(super) enum End<'w> {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// The network interfaces of an endpoint, in these subnets.
    Endpoint { endpoint: &'w Endpoint, subnets: Vec<&'w Subnet> },
}

/// Where a packet starts, with what is known of its surroundings.
#[derive(Clone, Copy)]
pub(super) struct Start<'w, 'o> {
    pub(super) world: &'w World,
    pub(super) origin: &'o Origin<'o>,
    pub(super) subnet: &'w Subnet,
    pub(super) vpc: Option<&'w Vpc>,
}

impl<'w> Start<'w, '_> {
    /// The way out of the subnet.
    pub(super) fn exit(self, to: &Destination, notes: &mut Vec<Note>) -> Result<Exit<'w>, Stop> {
        let useless = match self.by_name(to) {
            Ok(Named::Endpoint(endpoint)) => return self.to_endpoint(endpoint, to, notes),
            Ok(Named::Useless(blocker)) => Some(blocker),
            // Where nobody could look for one, what the routes say is in doubt.
            Ok(Named::Nothing) | Err(_) => None,
        };
        match (self.by_route(to, notes), useless) {
            // An endpoint that could have stood in for the missing route says more.
            (Err(Stop::Blocked(Blocker::NoRoute { .. })), Some(useless)) => Err(useless.into()),
            (outcome, _) => outcome,
        }
    }

    /// The endpoints, unless their owner alone sees them.
    pub(super) fn endpoints(self) -> Result<&'w [Endpoint], Unseen> {
        self.is_ours()?;
        Ok(self.world.endpoints.seen("endpoints")?)
    }

    /// The NAT gateways, unless their owner alone sees them.
    pub(super) fn nat_gateways(self) -> Result<&'w [NatGateway], Unseen> {
        self.is_ours()?;
        Ok(self.world.nat_gateways.seen("NAT gateways")?)
    }

    /// Whoever shares a subnet keeps the sight of what is beside it
    /// (<https://docs.aws.amazon.com/vpc/latest/userguide/vpc-share-limitations.html>).
    fn is_ours(self) -> Result<(), Unseen> {
        let vpc = &self.subnet.vpc;
        let theirs = || {
            Unseen::Failed(format!(
                "{vpc} is shared by another account, which alone sees its NAT gateways and endpoints"
            ))
        };
        if self.subnet.shared { Err(theirs()) } else { Ok(()) }
    }

    /// What is at the end of a way that could not be seen: where no endpoint answers to the name,
    /// whatever leads there, it is the service's public addresses.
    pub(super) fn exit_unseen(self, to: &Destination) -> Option<Exit<'w>> {
        let (Ok(Named::Nothing), Some(_)) = (self.by_name(to), self.subnet.v4()) else {
            return None;
        };
        let addresses = to.targets(self.world, false).addresses;
        Some(Exit { path: Path::Local, end: End::Addresses(addresses), nat_subnet: None })
    }

    /// Why a more specific route may lead elsewhere: what is on its list could not be seen.
    pub(super) fn hidden_route(self, path: &Path) -> Option<Unseen> {
        if matches!(path, Path::GatewayEndpoint { .. } | Path::Interface { .. } | Path::Local) {
            return None;
        }
        let table = table_of(self.world, &self.subnet.id, &self.subnet.vpc).ok()?;
        table.routes.iter().filter(|route| !path.goes_by(&route.target)).find_map(|route| {
            let Block::PrefixList(list) = &route.destination else { return None };
            // AWS's own lists are of services that have gateway endpoints.
            let is_gateway = self.world.endpoints.seen("endpoints").is_ok_and(|endpoints| {
                endpoints.iter().any(|endpoint| {
                    endpoint.id == route.target && endpoint.kind == EndpointKind::Gateway
                })
            });
            self.world.listed(list).err().filter(|_| !is_gateway)
        })
    }

    /// The endpoint that the service's own name leads to.
    fn by_name(self, to: &Destination) -> Result<Named<'w>, Stop> {
        let mut useless = Named::Nothing;
        for endpoint in self.endpoints()? {
            if endpoint.vpc != self.subnet.vpc || !to.is_service(&endpoint.service) {
                continue;
            }
            // Its name has no address that such a task could use.
            let is_interface = endpoint.kind == EndpointKind::Interface;
            if is_interface && !endpoint.v6 && self.subnet.v4().is_none() {
                continue;
            }
            match self.obstacle(endpoint)? {
                None if is_interface => return Ok(Named::Endpoint(endpoint)),
                // Its route is found among the others.
                None => {}
                // A gateway endpoint is what tasks are meant to take to S3.
                Some(_) if is_interface && matches!(useless, Named::Useless(_)) => {}
                Some(blocker) => useless = Named::Useless(blocker),
            }
        }
        Ok(useless)
    }

    /// Why an endpoint is of no use here.
    fn obstacle(self, endpoint: &Endpoint) -> Result<Option<Blocker>, Stop> {
        let id = || endpoint.id.clone();
        // EC2 writes states in both cases, and `pendingAcceptance`.
        if !endpoint.state.eq_ignore_ascii_case("available") {
            let state = endpoint.state.clone();
            return Ok(Some(Blocker::EndpointState { endpoint: id(), state }));
        }
        if endpoint.kind == EndpointKind::Interface {
            if !endpoint.private_dns {
                return Ok(Some(Blocker::PrivateDnsOff { endpoint: id() }));
            }
            let nameless = self.vpc.filter(|vpc| !vpc.dns_hostnames || !vpc.dns_support);
            return Ok(
                nameless.map(|vpc| Blocker::HostnamesOff { vpc: vpc.id.clone(), endpoint: id() })
            );
        }
        let table = table_of(self.world, &self.subnet.id, &self.subnet.vpc)?;
        let on_the_way = table.routes.iter().any(|route| route.target == endpoint.id);
        Ok((!on_the_way)
            .then(|| Blocker::EndpointNotInTable { endpoint: id(), table: table.id.clone() }))
    }

    /// The way to an interface endpoint: by the VPC's own route.
    fn to_endpoint(
        self,
        endpoint: &'w Endpoint,
        to: &Destination,
        notes: &mut Vec<Note>,
    ) -> Result<Exit<'w>, Stop> {
        let subnets: Vec<&Subnet> = match self.world.subnets.seen("subnets") {
            Ok(known) => known.iter().filter(|s| endpoint.subnets.contains(&s.id)).collect(),
            Err(_) => Vec::new(),
        };
        if let Ok(table) = table_of(self.world, &self.subnet.id, &self.subnet.vpc) {
            for subnet in &subnets {
                self.stays_inside(table, subnet, to)?;
            }
        }
        if !subnets.is_empty() && subnets.iter().all(|subnet| subnet.zone != self.subnet.zone) {
            let zone = self.subnet.zone.clone();
            notes.push(Note::OtherZone { endpoint: endpoint.id.clone(), zone });
        }
        if !endpoint.open_policy {
            notes.push(Note::Policy { endpoint: endpoint.id.clone() });
        }
        Ok(Exit {
            path: Path::Interface { endpoint: endpoint.id.clone() },
            end: End::Endpoint { endpoint, subnets },
            nat_subnet: None,
        })
    }

    /// Holds that what is meant for this subnet of the VPC stays in the VPC.
    fn stays_inside(
        self,
        table: &RouteTable,
        subnet: &Subnet,
        to: &Destination,
    ) -> Result<(), Stop> {
        let Some(cidr) = subnet.v4().or(subnet.v6()) else { return Ok(()) };
        match route_to(self.world, table, cidr.network(), to) {
            Ok(Some(route)) if Target::of(&route.target) != Target::Local => Err(Blocker::Stolen {
                table: table.id.clone(),
                destination: route.destination.to_text(),
                target: route.target.clone(),
            }
            .into()),
            // A table without its local route is one of which we were told only a part.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The way to the service's public addresses.
    fn by_route(self, to: &Destination, notes: &mut Vec<Note>) -> Result<Exit<'w>, Stop> {
        let (v4, v6) = to.families();
        match (self.subnet.v4(), self.subnet.v6()) {
            (Some(_), None) | (None, None) if v4 => self.by_family(to, false, notes),
            (Some(_), Some(_)) if v4 => match self.by_family(to, false, notes) {
                // Whoever has both tries both.
                Err(stop) if v6 => self.by_family(to, true, notes).map_err(|_| stop),
                outcome => outcome,
            },
            (None, Some(_)) if v6 || self.subnet.dns64 || to.is_called_by_ecs() => {
                self.by_family(to, true, notes)
            }
            (_, Some(_)) if v6 => self.by_family(to, true, notes),
            // Some registries have IPv6 addresses, others not.
            _ if matches!(to.service, Service::Host(_)) && to.addresses.is_empty() => {
                Err(Unseen::NotAsked("the registry's IPv6 addresses").into())
            }
            _ => Err(Blocker::NoCommonFamily { subnet: self.subnet.id.clone() }.into()),
        }
    }

    fn by_family(
        self,
        to: &Destination,
        v6: bool,
        notes: &mut Vec<Note>,
    ) -> Result<Exit<'w>, Stop> {
        let table = table_of(self.world, &self.subnet.id, &self.subnet.vpc)?;
        let translated = v6 && self.subnet.dns64 && !to.families().1;
        let mut targets = to.targets(self.world, v6 && !translated);
        if translated {
            targets.addresses = targets.addresses.into_iter().map(nat64).collect();
        }
        let mut first = None;
        for address in &targets.addresses {
            let (path, nat) = self.way(table, *address, to)?;
            first.get_or_insert((path, nat));
        }
        let (path, nat) =
            first.ok_or_else(|| Blocker::NoCommonFamily { subnet: self.subnet.id.clone() })?;
        if !targets.known {
            self.note_thieves(table, &path, v6, notes);
        }
        let subnets = self.world.subnets.seen("subnets").ok();
        let nat_subnet = nat
            .and_then(|nat| nat.subnet.as_ref())
            .and_then(|id| subnets?.iter().find(|subnet| subnet.id == *id));
        Ok(Exit { path, end: End::Addresses(targets.addresses), nat_subnet })
    }

    /// Where the service's addresses are not known: routes that would take some of them elsewhere.
    fn note_thieves(self, table: &RouteTable, path: &Path, v6: bool, notes: &mut Vec<Note>) {
        for route in &table.routes {
            let Block::Cidr(cidr) = &route.destination else { continue };
            let is_some = cidr.prefix_len() > 1
                && cidr.network().is_ipv6() == v6
                && is_public(cidr.network());
            let elsewhere = !path.goes_by(&route.target) && route.target != "local";
            if is_some && (elsewhere || route.blackhole) {
                notes.push(Note::Thief {
                    table: table.id.clone(),
                    destination: cidr.to_string(),
                    target: route.target.clone(),
                });
            }
        }
    }
}

/// What a service's name leads to.
enum Named<'w> {
    Endpoint(&'w Endpoint),
    /// There is an endpoint, and it is of no use.
    Useless(Blocker),
    Nothing,
}
