//! What stands at the end of a route, and whether it leads on.

use std::net::IpAddr;

use super::exit::Start;
use super::routes::{Target, route_to, table_of};
use super::{Blocker, Destination, Path, Stop};
use crate::diagnosis::world::{EndpointKind, NatGateway, RouteTable};

/// A way, with the NAT gateway on it.
pub(super) type Way<'w> = (Path, Option<&'w NatGateway>);

impl<'w> Start<'w, '_> {
    /// The way to one address.
    pub(super) fn way(
        self,
        table: &RouteTable,
        address: IpAddr,
        to: &Destination,
    ) -> Result<Way<'w>, Stop> {
        let found = route_to(self.world, table, address, to)?;
        let no_route =
            || Blocker::NoRoute { table: table.id.clone(), public_ip: self.origin.public_address };
        let route = found.ok_or_else(no_route)?;
        let target = route.target.clone();
        if route.blackhole {
            let destination = route.destination.to_text();
            return Err(Blocker::Blackhole { table: table.id.clone(), destination, target }.into());
        }
        let beyond = |target: String| Ok((Path::Beyond { target }, None));
        match Target::of(&target) {
            Target::Local => Ok((Path::Local, None)),
            Target::Elsewhere => beyond(target),
            Target::Peering => {
                Err(Blocker::PeeringEnds { table: table.id.clone(), peering: target }.into())
            }
            Target::Internet => {
                self.attached(&target)?;
                if address.is_ipv4() && !self.origin.public_address {
                    let subnet = self.subnet.id.clone();
                    return Err(Blocker::NoPublicIp { subnet, gateway: target }.into());
                }
                Ok((Path::Internet { gateway: target }, None))
            }
            Target::EgressOnly if address.is_ipv4() => {
                let table = table.id.clone();
                Err(Blocker::EgressOnlyIsV6 { table, gateway: target }.into())
            }
            Target::EgressOnly => Ok((Path::Internet { gateway: target }, None)),
            Target::Endpoint => match self.gateway_endpoint(&target, to)? {
                true => Ok((Path::GatewayEndpoint { endpoint: target }, None)),
                false => beyond(target),
            },
            Target::Nat => self.by_nat(&target, address, to),
        }
    }

    /// Whether this is a gateway endpoint, and not somebody's appliances.
    fn gateway_endpoint(self, id: &str, to: &Destination) -> Result<bool, Stop> {
        let Some(endpoint) = self.endpoints()?.iter().find(|endpoint| endpoint.id == id) else {
            return Ok(false);
        };
        Ok(endpoint.kind == EndpointKind::Gateway && to.is_service(&endpoint.service))
    }

    fn attached(self, gateway: &str) -> Result<(), Stop> {
        // Without the list the route's own state must do: EC2 makes it a blackhole.
        let Ok(known) = self.world.internet_gateways.seen("internet gateways") else {
            return Ok(());
        };
        let vpc = &self.subnet.vpc;
        let found = known.iter().find(|known| known.id == gateway);
        match found.is_some_and(|found| found.vpcs.contains(vpc)) {
            true => Ok(()),
            false => {
                Err(Blocker::GatewayDetached { gateway: gateway.to_owned(), vpc: vpc.clone() }
                    .into())
            }
        }
    }

    fn by_nat(self, id: &str, address: IpAddr, to: &Destination) -> Result<Way<'w>, Stop> {
        let nat = || id.to_owned();
        let Some(found) = self.nat_gateways()?.iter().find(|known| known.id == id) else {
            return Err(Blocker::NatState { nat: nat(), state: "gone".to_owned() }.into());
        };
        if found.state != "available" {
            return Err(Blocker::NatState { nat: nat(), state: found.state.clone() }.into());
        }
        let path = Path::Nat { nat: nat() };
        let Some(subnet) = &found.subnet else { return Ok((path, Some(found))) };
        // Beyond the gateway the packet is one of IPv4 again.
        let address = if address.is_ipv6() {
            to.targets(self.world, false).addresses.first().copied()
        } else {
            Some(address)
        };
        let table = table_of(self.world, subnet, &self.subnet.vpc)?;
        let onward = match address {
            Some(address) => route_to(self.world, table, address, to)?,
            None => None,
        };
        let target = onward.filter(|route| !route.blackhole).map(|route| route.target.as_str());
        match (target.map(Target::of), target) {
            (Some(Target::Elsewhere), Some(target)) => {
                Ok((Path::Beyond { target: target.to_owned() }, Some(found)))
            }
            (Some(Target::Endpoint), _) => Ok((path, Some(found))),
            _ if !found.public => Err(Blocker::NatPrivate { nat: nat() }.into()),
            (Some(Target::Internet), Some(_)) if found.address.is_none() => {
                Err(Blocker::NatNoAddress { nat: nat() }.into())
            }
            (Some(Target::Internet), Some(gateway)) => {
                self.attached(gateway)?;
                Ok((path, Some(found)))
            }
            _ => Err(Blocker::NatNoWayOut {
                nat: nat(),
                subnet: subnet.clone(),
                table: table.id.clone(),
            }
            .into()),
        }
    }
}
