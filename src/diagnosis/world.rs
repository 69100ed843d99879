//! The network as EC2 describes it, with nothing left out that decides where a packet goes.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Source;

/// What EC2 has, each kind of thing as far as it could be seen. The names are EC2's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are EC2's own")]
pub struct World {
    pub vpcs: Source<Vec<Vpc>>,
    pub subnets: Source<Vec<Subnet>>,
    pub route_tables: Source<Vec<RouteTable>>,
    pub internet_gateways: Source<Vec<InternetGateway>>,
    pub nat_gateways: Source<Vec<NatGateway>>,
    pub endpoints: Source<Vec<Endpoint>>,
    pub security_groups: Source<Vec<SecurityGroup>>,
    pub network_acls: Source<Vec<NetworkAcl>>,
    pub prefix_lists: Source<Vec<PrefixList>>,
}

/// A VPC and its resolver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vpc {
    /// `vpc-` and digits.
    pub id: String,
    /// Whether Amazon's resolver answers in it (`enableDnsSupport`).
    pub dns_support: bool,
    /// Whether hosts have names in it (`enableDnsHostnames`), which private DNS needs.
    pub dns_hostnames: bool,
    /// Whether its DHCP options name resolvers other than Amazon's.
    #[serde(default)]
    pub custom_resolver: bool,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    /// `subnet-` and digits.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its zone, by name.
    pub zone: String,
    /// Its blocks: one of IPv4, one of IPv6, or both.
    pub cidrs: Vec<IpNet>,
    /// IPv4 addresses nobody has.
    pub free_addresses: u32,
    /// Whether it can be used.
    pub available: bool,
    /// Whether its resolver makes IPv6 addresses of IPv4 ones, for a NAT gateway to take back.
    #[serde(default)]
    pub dns64: bool,
    /// Whether it is another account's, which shares it: NAT gateways and endpoints beside it are
    /// seen by that account alone.
    #[serde(default)]
    pub shared: bool,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTable {
    /// `rtb-` and digits.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Whether it serves every subnet that has no table of its own.
    pub main: bool,
    /// The subnets it was given to.
    pub subnets: Vec<String>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// What goes this way.
    pub destination: Block,
    /// `local`, or the id of what it leads to.
    pub target: String,
    /// Whether its target is gone, so that everything sent there is lost.
    #[serde(default)]
    pub blackhole: bool,
}

/// Addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Block {
    /// A block of them.
    Cidr(IpNet),
    /// Those on a list, by its id.
    PrefixList(String),
}

/// An internet gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternetGateway {
    /// `igw-` and digits.
    pub id: String,
    /// The VPCs it is attached to.
    pub vpcs: Vec<String>,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NatGateway {
    /// `nat-` and digits.
    pub id: String,
    /// The subnet it stands in; `None` for one that serves the whole VPC and routes by itself.
    pub subnet: Option<String>,
    /// `available`, `pending`, `failed`, `deleting` or `deleted`.
    pub state: String,
    /// Whether it leads to the internet, and not only to other private networks.
    pub public: bool,
    /// Its public address.
    pub address: Option<IpAddr>,
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// `vpce-` and digits.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// The service: `com.amazonaws.eu-west-1.ecr.api`.
    pub service: String,
    /// How traffic comes to it.
    pub kind: EndpointKind,
    /// `available` when it works.
    pub state: String,
    /// Whether the service's own name leads to it.
    #[serde(default)]
    pub private_dns: bool,
    /// Whether it answers to IPv6 as well.
    #[serde(default)]
    pub v6: bool,
    /// The subnets that an interface endpoint has a network interface in.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// An interface endpoint's security groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether its policy lets everybody do everything.
    #[serde(default = "yes")]
    pub open_policy: bool,
}

fn yes() -> bool {
    true
}

/// How traffic comes to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndpointKind {
    /// By name, to a network interface.
    Interface,
    /// By a route to a prefix list.
    Gateway,
    /// By a route, to appliances of somebody's.
    GatewayLoadBalancer,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroup {
    /// `sg-` and digits.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// What may leave.
    pub egress: Vec<Rule>,
    /// What may come in.
    pub ingress: Vec<Rule>,
}

/// One rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// `tcp`, `udp`, a number, or `-1` for everything.
    pub protocol: String,
    /// The ports, first and last; `None` for all.
    #[serde(default)]
    pub ports: Option<(u16, u16)>,
    /// Who is at the other end.
    pub peer: Peer,
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Peer {
    /// A block of addresses.
    Cidr(IpNet),
    /// Those on a list, by its id.
    PrefixList(String),
    /// Whoever is in a group, by its id.
    Group(String),
}

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAcl {
    /// `acl-` and digits.
    pub id: String,
    /// The subnets it guards.
    pub subnets: Vec<String>,
    /// Its entries, in any order.
    pub entries: Vec<AclEntry>,
}

/// One entry of a network ACL. The first that matches decides; without one it is no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AclEntry {
    /// Its place.
    pub number: u32,
    /// Whether it is about what leaves.
    pub egress: bool,
    /// Whether it lets through.
    pub allow: bool,
    /// `6` or `tcp`, or `-1` for everything.
    pub protocol: String,
    /// The ports, first and last; `None` for all.
    #[serde(default)]
    pub ports: Option<(u16, u16)>,
    /// The other end.
    pub cidr: IpNet,
}

/// A prefix list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixList {
    /// `pl-` and digits.
    pub id: String,
    /// `com.amazonaws.eu-west-1.s3`, or whatever its owner calls it.
    pub name: String,
    /// What is on it.
    pub cidrs: Vec<IpNet>,
}

impl World {
    /// The subnet with this id; `None` where EC2 has none.
    pub(super) fn subnet(&self, id: &str) -> Result<Option<&Subnet>, super::Unseen> {
        let subnets = self.subnets.seen("subnets")?;
        Ok(subnets.iter().find(|subnet| subnet.id == id))
    }

    /// The addresses on a list; `None` where EC2 has no such list.
    pub(super) fn listed(&self, id: &str) -> Result<Option<&[IpNet]>, super::Unseen> {
        let lists = self.prefix_lists.seen("prefix lists")?;
        Ok(lists.iter().find(|list| list.id == id).map(|list| list.cidrs.as_slice()))
    }
}

impl Subnet {
    /// Its IPv4 block.
    pub fn v4(&self) -> Option<IpNet> {
        self.cidrs.iter().copied().find(|cidr| matches!(cidr, IpNet::V4(_)))
    }

    /// Its IPv6 block.
    pub fn v6(&self) -> Option<IpNet> {
        self.cidrs.iter().copied().find(|cidr| matches!(cidr, IpNet::V6(_)))
    }
}
