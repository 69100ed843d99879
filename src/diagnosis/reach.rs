//! Can a task in this subnet reach this service, by which way, and if not, what stops it first?
//!
//! Pure: it walks the packet's way over what EC2 describes: the name, the route, the gateway at its
//! end, the security groups, the network ACLs for question and answer. What could not be seen is
//! named, and hides nothing that can be told without it; what stops the packet only if nothing
//! unseen lets it through is told as a doubt.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::world::{Subnet, World};
use super::{Check, Unseen};

mod acl;
mod blocker;
mod destination;
mod doubt;
mod exit;
mod gateway;
mod groups;
mod remedy;
mod routes;

pub use blocker::Blocker;
pub use destination::{Destination, HTTPS, Service};
use exit::{End, Exit, Start};
use groups::{Other, ends};

/// Where a task starts from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// One of its subnets.
    pub subnet: &'a str,
    /// Its security groups; `None` where they are not known.
    pub groups: Option<&'a [String]>,
    /// Whether it gets a public address.
    pub public_address: bool,
}

/// The way a packet takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are ids of EC2's, named after what they are ids of")]
pub enum Path {
    /// By an internet gateway, with an address of its own.
    Internet { gateway: String },
    /// By a NAT gateway.
    Nat { nat: String },
    /// To an interface endpoint in the VPC.
    Interface { endpoint: String },
    /// To a gateway endpoint.
    GatewayEndpoint { endpoint: String },
    /// Out of the VPC, to where we cannot look.
    Beyond { target: String },
    /// To an address of the VPC itself.
    Local,
}

impl Path {
    /// Whether the way begins with this target.
    fn goes_by(&self, id: &str) -> bool {
        match self {
            Self::Internet { gateway: by }
            | Self::Nat { nat: by }
            | Self::Beyond { target: by } => by == id,
            Self::Interface { endpoint: by } | Self::GatewayEndpoint { endpoint: by } => by == id,
            Self::Local => id == "local",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet { gateway: by } | Self::Nat { nat: by } => write!(f, "by {by}"),
            Self::Interface { endpoint } | Self::GatewayEndpoint { endpoint } => {
                write!(f, "by the endpoint {endpoint}")
            }
            Self::Beyond { target } => {
                write!(f, "out of the VPC by {target}; what lies beyond cannot be seen from here")
            }
            Self::Local => f.write_str("within the VPC"),
        }
    }
}

/// What works and is worth a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are ids of EC2's, named after what they are ids of")]
pub enum Note {
    /// The endpoint has no network interface in the task's zone.
    OtherZone { endpoint: String, zone: String },
    /// The endpoint has a policy that does not allow everything.
    Policy { endpoint: String },
    /// A more specific route takes some public addresses elsewhere.
    Thief { table: String, destination: String, target: String },
}

/// The answer for one subnet and one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The way, as far as one leads out of the subnet.
    pub path: Option<Path>,
    /// What stops the packet, in its order.
    pub blockers: Vec<Blocker>,
    /// What stops it unless something that could not be seen lets it through.
    pub doubts: Vec<(Blocker, Unseen)>,
    /// What could not be seen on the way, each with what it would have been.
    pub unseen: Vec<(Check, Unseen)>,
    /// What works and is worth a word.
    pub notes: Vec<Note>,
    /// What was looked at and let it through.
    pub passed: Vec<Check>,
}

/// Why a walk ends.
enum Stop {
    Blocked(Blocker),
    Unseen(Unseen),
}

impl From<Blocker> for Stop {
    fn from(blocker: Blocker) -> Self {
        Self::Blocked(blocker)
    }
}

impl From<Unseen> for Stop {
    fn from(unseen: Unseen) -> Self {
        Self::Unseen(unseen)
    }
}

impl Reach {
    fn note(&mut self, check: Check, outcome: Result<(), Stop>) {
        match outcome {
            Ok(()) => self.passed.push(check),
            Err(Stop::Blocked(blocker)) => self.blockers.push(blocker),
            Err(Stop::Unseen(unseen)) => self.unseen.push((check, unseen)),
        }
    }
}

/// Walks a packet's way from a task in one subnet to a service.
pub fn reach(world: &World, from: &Origin<'_>, to: &Destination) -> Reach {
    let mut reach = walk(world, from, to);
    if let Some(unseen) = doubt::about(world, from, to, &mut reach) {
        let (doubted, certain) =
            reach.blockers.into_iter().partition(|blocker| blocker.is_doubtful());
        reach.blockers = certain;
        let doubted: Vec<Blocker> = doubted;
        reach.doubts = doubted.into_iter().map(|blocker| (blocker, unseen.clone())).collect();
    }
    reach
}

/// The same, as if what was seen were all there is.
fn walk(world: &World, from: &Origin<'_>, to: &Destination) -> Reach {
    let mut reach = Reach::default();
    let subnet = match world.subnet(from.subnet) {
        Ok(Some(subnet)) => subnet,
        Ok(None) => {
            reach.blockers.push(Blocker::NoSubnet { subnet: from.subnet.to_owned() });
            return reach;
        }
        Err(unseen) => {
            reach.unseen.push((Check::Route, unseen));
            return reach;
        }
    };
    let vpc = match world.vpcs.seen("VPCs") {
        Ok(vpcs) => vpcs.iter().find(|vpc| vpc.id == subnet.vpc),
        Err(unseen) => {
            reach.unseen.push((Check::VpcDns, unseen));
            None
        }
    };
    if let Some(vpc) = vpc {
        if !vpc.dns_support && !vpc.custom_resolver {
            reach.blockers.push(Blocker::DnsOff { vpc: vpc.id.clone() });
            return reach;
        }
        reach.passed.push(Check::VpcDns);
    }
    follow(Start { world, origin: from, subnet, vpc }, to, &mut reach);
    reach
}

/// Follows the way out of the subnet, and what guards it.
fn follow(start: Start<'_, '_>, to: &Destination, reach: &mut Reach) {
    let Start { world, origin: from, subnet, .. } = start;
    match start.exit(to, &mut reach.notes) {
        Ok(exit) => {
            reach.note(Check::SecurityGroup, pass_groups(world, from, &exit, to));
            reach.note(Check::Endpoint, pass_endpoint_groups(world, from, subnet, &exit, to));
            reach.note(Check::NetworkAcl, pass_acls(world, subnet, &exit, to));
            if let Some(unseen) = start.hidden_route(&exit.path) {
                reach.unseen.push((Check::Route, unseen));
            }
            reach.path = Some(exit.path);
        }
        Err(stop) => {
            if let (Stop::Unseen(_), Some(exit)) = (&stop, start.exit_unseen(to)) {
                // What may not be seen here is told where the way is known.
                for (check, outcome) in [
                    (Check::SecurityGroup, pass_groups(world, from, &exit, to)),
                    (Check::NetworkAcl, pass_acls(world, subnet, &exit, to)),
                ] {
                    reach.note(check, outcome);
                }
            }
            reach.note(Check::Route, Err(stop));
        }
    }
}

fn pass_groups(
    world: &World,
    from: &Origin<'_>,
    exit: &Exit<'_>,
    to: &Destination,
) -> Result<(), Stop> {
    let Some(own) = from.groups else { return Ok(()) };
    match &exit.end {
        End::Addresses(addresses) => {
            let list = to.prefix_list(world).map(|list| list.id.as_str());
            let other = Other { addresses, groups: &[], list };
            groups::let_out(world, own, &other, to, &to.host)
        }
        End::Endpoint { endpoint, subnets } => {
            let cidrs = subnets.iter().filter_map(|subnet| subnet.v4().or(subnet.v6()));
            let cidrs: Vec<_> = cidrs.collect();
            let addresses: Vec<_> = cidrs.iter().copied().flat_map(ends).collect();
            let other = Other { addresses: &addresses, groups: &endpoint.groups, list: None };
            let outcome = groups::let_out(world, own, &other, to, &endpoint.id);
            // A rule for some of its subnet may be for the very addresses that it has.
            match outcome {
                Err(Stop::Blocked(_)) if groups::name_some_of(world, own, &cidrs, to.port) => {
                    Err(Unseen::NotAsked("the endpoint's own addresses").into())
                }
                outcome => outcome,
            }
        }
    }
}

fn pass_endpoint_groups(
    world: &World,
    from: &Origin<'_>,
    subnet: &Subnet,
    exit: &Exit<'_>,
    to: &Destination,
) -> Result<(), Stop> {
    let End::Endpoint { endpoint, .. } = &exit.end else { return Ok(()) };
    let Some(cidr) = subnet.v4().or(subnet.v6()) else { return Ok(()) };
    let addresses = ends(cidr);
    let own = from.groups.unwrap_or_default();
    let other = Other { addresses: &addresses, groups: own, list: None };
    if groups::let_in(world, &endpoint.groups, &other, to.port)? {
        return Ok(());
    }
    if from.groups.is_none() {
        // One of them may be let in by its name.
        return Err(Unseen::NotAsked("the task's security groups").into());
    }
    let groups = endpoint.groups.clone();
    let from = format!("{} ({cidr})", subnet.id);
    Err(Blocker::EndpointClosed { endpoint: endpoint.id.clone(), groups, from }.into())
}

fn pass_acls(
    world: &World,
    subnet: &Subnet,
    exit: &Exit<'_>,
    to: &Destination,
) -> Result<(), Stop> {
    match &exit.end {
        End::Addresses(addresses) => acl::public(world, subnet, exit.nat_subnet, addresses, to),
        End::Endpoint { subnets, .. } => {
            subnets.iter().try_for_each(|far| acl::inside(world, subnet, far, to))
        }
    }
}
