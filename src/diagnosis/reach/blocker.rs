//! What stops a packet: one sentence and one remedy each.

use serde::{Deserialize, Serialize};

use super::Destination;
use crate::diagnosis::Check;

/// What stops a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are ids of EC2's, named after what they are ids of")]
pub enum Blocker {
    /// There is no such subnet.
    NoSubnet { subnet: String },
    /// The VPC resolves no names.
    DnsOff { vpc: String },
    /// Task and host have no address family in common.
    NoCommonFamily { subnet: String },
    /// No route leads there.
    NoRoute { table: String, public_ip: bool },
    /// Neither the subnet nor its VPC has a route table.
    NoTable { vpc: String },
    /// The route's target is gone.
    Blackhole { table: String, destination: String, target: String },
    /// A more specific route leads away from the endpoint.
    Stolen { table: String, destination: String, target: String },
    /// The route leads to an internet gateway, the task has no public address.
    NoPublicIp { subnet: String, gateway: String },
    /// The internet gateway belongs to no VPC, or to another.
    GatewayDetached { gateway: String, vpc: String },
    /// The NAT gateway does not work.
    NatState { nat: String, state: String },
    /// The NAT gateway has no public address.
    NatNoAddress { nat: String },
    /// The NAT gateway is a private one, and leads nowhere.
    NatPrivate { nat: String },
    /// The NAT gateway stands in a subnet without a way to the internet.
    NatNoWayOut { nat: String, subnet: String, table: String },
    /// A peering connection does not lead on.
    PeeringEnds { table: String, peering: String },
    /// An egress-only gateway takes IPv6 alone.
    EgressOnlyIsV6 { table: String, gateway: String },
    /// The service's own name does not lead to its endpoint.
    PrivateDnsOff { endpoint: String },
    /// The VPC gives no names, so the endpoint's private DNS does not work.
    HostnamesOff { vpc: String, endpoint: String },
    /// The endpoint does not work.
    EndpointState { endpoint: String, state: String },
    /// The gateway endpoint is there, but not on the way of this subnet.
    EndpointNotInTable { endpoint: String, table: String },
    /// The endpoint's security groups do not let the task in.
    EndpointClosed { endpoint: String, groups: Vec<String>, from: String },
    /// There is no such security group.
    NoGroup { group: String },
    /// The task's security groups do not let it out.
    EgressClosed { groups: Vec<String>, to: String },
    /// A network ACL stops question or answer.
    AclClosed {
        acl: String,
        subnet: String,
        egress: bool,
        ports: (u16, u16),
        peer: String,
        rule: Option<u32>,
    },
}

impl Blocker {
    /// The check it is found by.
    pub fn check(&self) -> Check {
        match self {
            Self::NoSubnet { .. } => Check::Subnets,
            Self::DnsOff { .. } => Check::VpcDns,
            Self::NoCommonFamily { .. }
            | Self::NoRoute { .. }
            | Self::NoTable { .. }
            | Self::Blackhole { .. }
            | Self::Stolen { .. }
            | Self::GatewayDetached { .. }
            | Self::NatState { .. }
            | Self::NatNoAddress { .. }
            | Self::NatPrivate { .. }
            | Self::NatNoWayOut { .. }
            | Self::PeeringEnds { .. }
            | Self::EgressOnlyIsV6 { .. } => Check::Route,
            Self::NoPublicIp { .. } => Check::PublicIp,
            Self::PrivateDnsOff { .. }
            | Self::HostnamesOff { .. }
            | Self::EndpointState { .. }
            | Self::EndpointNotInTable { .. }
            | Self::EndpointClosed { .. } => Check::Endpoint,
            Self::NoGroup { .. } | Self::EgressClosed { .. } => Check::SecurityGroup,
            Self::AclClosed { .. } => Check::NetworkAcl,
        }
    }

    /// Whether it only stops what goes by routes, which an endpoint may stand in for.
    pub(super) fn is_doubtful(&self) -> bool {
        match self {
            Self::NoCommonFamily { .. }
            | Self::NoRoute { .. }
            | Self::Blackhole { .. }
            | Self::NoPublicIp { .. }
            | Self::GatewayDetached { .. }
            | Self::NatState { .. }
            | Self::NatNoAddress { .. }
            | Self::NatPrivate { .. }
            | Self::NatNoWayOut { .. }
            | Self::PeeringEnds { .. }
            | Self::EgressOnlyIsV6 { .. }
            | Self::EgressClosed { .. }
            | Self::AclClosed { .. } => true,
            Self::NoSubnet { .. }
            | Self::DnsOff { .. }
            | Self::NoTable { .. }
            | Self::Stolen { .. }
            | Self::PrivateDnsOff { .. }
            | Self::HostnamesOff { .. }
            | Self::EndpointState { .. }
            | Self::EndpointNotInTable { .. }
            | Self::EndpointClosed { .. }
            | Self::NoGroup { .. } => false,
        }
    }

    /// What is wrong, in one sentence.
    pub fn sentence(&self, to: &Destination) -> String {
        let (host, port) = (&to.host, to.port);
        match self {
            Self::NoSubnet { subnet } => format!("EC2 knows no subnet {subnet}"),
            Self::DnsOff { vpc } => {
                format!(
                    "{vpc} resolves no names: its enableDnsSupport is off, so {host} is unknown"
                )
            }
            Self::NoCommonFamily { subnet } => {
                format!("{subnet} has IPv6 addresses only, and {host} has none of those")
            }
            Self::NoRoute { table, public_ip: false } => {
                format!("{table} has no route to {host}, and no VPC endpoint stands in for one")
            }
            Self::NoRoute { table, public_ip: true } => format!(
                "{table} has no route to {host}: the task's public address is of no use without a \
                 route to an internet gateway"
            ),
            Self::NoTable { vpc } => format!("{vpc} has no main route table"),
            Self::Blackhole { table, destination, target } => format!(
                "{table} sends {destination} to {target}, which is gone: the route is a blackhole"
            ),
            Self::Stolen { table, destination, target } => format!(
                "{table} sends {destination} to {target}: it is more specific than the VPC's own \
                 route and takes what is meant for the endpoint of {}",
                to.service
            ),
            Self::NoPublicIp { subnet, gateway } => format!(
                "{subnet} leads to {gateway}, which serves public addresses only, and the task has \
                 none: assignPublicIp is false"
            ),
            Self::GatewayDetached { gateway, vpc } => {
                format!("{gateway} is not attached to {vpc}")
            }
            Self::NatState { nat, state } => format!("{nat} is {state}, not available"),
            Self::NatNoAddress { nat } => format!("{nat} has no public address"),
            Self::NatPrivate { nat } => {
                format!("{nat} is a private NAT gateway: it does not lead to the internet")
            }
            Self::NatNoWayOut { nat, subnet, table } => format!(
                "{nat} stands in {subnet}, whose {table} has no route to an internet gateway: it \
                 has no way out itself"
            ),
            Self::PeeringEnds { table, peering } => format!(
                "{table} sends {host} to {peering}, and a peering connection leads into the other \
                 VPC only, never through it to the internet"
            ),
            Self::EgressOnlyIsV6 { table, gateway } => format!(
                "{table} sends {host} to {gateway}, an egress-only gateway, which takes IPv6 alone"
            ),
            Self::PrivateDnsOff { endpoint } => format!(
                "{endpoint} is there for {}, but its private DNS is off: {host} still means the \
                 public address",
                to.service
            ),
            Self::HostnamesOff { vpc, endpoint } => format!(
                "the private DNS of {endpoint} needs DNS support and DNS hostnames, and {vpc} does \
                 not have both on"
            ),
            Self::EndpointState { endpoint, state } => {
                format!("{endpoint} for {} is {state}, not available", to.service)
            }
            Self::EndpointNotInTable { endpoint, table } => {
                format!("{endpoint} for {} has no route in {table}", to.service)
            }
            Self::EndpointClosed { endpoint, groups, from } => format!(
                "{} of {endpoint} ({}) let nothing in from {from} on port {port}",
                list(groups),
                to.service
            ),
            Self::NoGroup { group } => {
                format!("EC2 knows no security group {group} in the subnets' VPC")
            }
            Self::EgressClosed { groups, to } => {
                format!("{} let nothing out to {to} on port {port}", list(groups))
            }
            Self::AclClosed { acl, subnet, egress, ports, peer, rule } => {
                let way = if *egress { "out to" } else { "in from" };
                let what = if ports.0 == ports.1 {
                    format!("port {}", ports.0)
                } else {
                    format!("answers on ports {}-{}", ports.0, ports.1)
                };
                let by = match rule {
                    Some(number) => format!("rule {number} denies"),
                    None => "no rule allows".to_owned(),
                };
                format!("{acl} of {subnet} lets no {what} {way} {peer}: {by} it")
            }
        }
    }
}

fn list(ids: &[String]) -> String {
    match ids {
        [] => "no security group".to_owned(),
        ids => ids.join(", "),
    }
}
