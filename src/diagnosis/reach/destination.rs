//! Where a task must get to before its program runs, and which addresses that means.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::diagnosis::world::{PrefixList, World};

/// HTTPS.
pub const HTTPS: u16 = 443;

/// Something that a task talks to before or beside its program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Service {
    /// Hands out the registry's credentials.
    EcrApi,
    /// The registry itself: manifests.
    EcrDkr,
    /// Where ECR keeps an image's layers.
    S3,
    /// CloudWatch Logs.
    Logs,
    /// Secrets Manager.
    SecretsManager,
    /// Parameter Store.
    Ssm,
    /// Keys.
    Kms,
    /// What `aws ecs execute-command` talks through.
    SsmMessages,
    /// A host of somebody else's: another registry.
    Host(String),
}

impl Service {
    /// AWS's name of it, as the end of an endpoint's service name; `None` for others' hosts.
    pub fn endpoint_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::EcrApi => "ecr.api",
            Self::EcrDkr => "ecr.dkr",
            Self::S3 => "s3",
            Self::Logs => "logs",
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
            Self::Kms => "kms",
            Self::SsmMessages => "ssmmessages",
            Self::Host(_) => return None,
        })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.pad(host),
            _ => f.pad(self.endpoint_name().unwrap_or_default()),
        }
    }
}

/// Where a packet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The service.
    pub service: Service,
    /// Its region, which its endpoints must be in.
    pub region: String,
    /// Its name in DNS.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The public addresses its name has; empty where nobody looked.
    pub addresses: Vec<IpAddr>,
}

/// Public addresses of one family.
pub(super) struct Targets {
    pub(super) addresses: Vec<IpAddr>,
    /// Whether these are the service's own, and not just any.
    pub(super) known: bool,
}

/// An address in each half of the internet: whoever routes by halves must have both.
const ANYWHERE_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(52, 94, 5, 5), Ipv4Addr::new(176, 32, 98, 166)];
const ANYWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2600, 0x1f00, 0, 0, 0, 0, 0, 1);

impl Destination {
    /// A service by HTTPS, under its usual name.
    pub fn new(service: Service, region: &str) -> Self {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = match &service {
            Service::EcrApi => format!("api.ecr.{region}.{suffix}"),
            Service::EcrDkr => format!("dkr.ecr.{region}.{suffix}"),
            Service::Host(host) => host.clone(),
            _ => format!("{}.{region}.{suffix}", service.endpoint_name().unwrap_or_default()),
        };
        Self { service, region: region.to_owned(), host, port: HTTPS, addresses: Vec::new() }
    }

    /// Whether an endpoint's service name means this. ECR's dual-stack names lead to no endpoint
    /// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html>).
    pub(super) fn is_service(&self, name: &str) -> bool {
        let is_ecr = matches!(self.service, Service::EcrApi | Service::EcrDkr);
        let is_dual = self.host.ends_with(".on.aws") || self.host.ends_with(".api.aws");
        let endpoint = self.service.endpoint_name().filter(|_| !(is_ecr && is_dual));
        endpoint.is_some_and(|endpoint| {
            name.strip_suffix(endpoint).is_some_and(|before| {
                before.strip_suffix('.').is_some_and(|before| before.ends_with(&self.region))
            })
        })
    }

    /// Whether it has addresses of IPv4, and of IPv6. Where nobody looked, AWS's names tell: those
    /// below `api.aws` and `on.aws` have both, all others only those of IPv4 for certain.
    pub(super) fn families(&self) -> (bool, bool) {
        if self.addresses.is_empty() {
            let both = self.host.ends_with(".api.aws")
                || self.host.ends_with(".on.aws")
                || self.host.contains(".dualstack.");
            return (true, both);
        }
        (self.addresses.iter().any(IpAddr::is_ipv4), self.addresses.iter().any(IpAddr::is_ipv6))
    }

    /// Whether ECS itself chooses the name it is called by, and takes one with IPv6 addresses where
    /// a task has no others. The image's host is chosen by whoever writes the task definition, and
    /// `aws ecs execute-command` needs IPv4 ("Using a VPC in IPv6-only mode" in
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html>).
    pub(super) fn is_called_by_ecs(&self) -> bool {
        !matches!(self.service, Service::EcrDkr | Service::SsmMessages | Service::Host(_))
    }

    /// Whether its public addresses are its own, and not just any.
    pub(super) fn is_known(&self, world: &World) -> bool {
        [false, true].into_iter().any(|v6| self.targets(world, v6).known)
    }

    /// AWS's list of the service's addresses, where it publishes one.
    pub(super) fn prefix_list<'w>(&self, world: &'w World) -> Option<&'w PrefixList> {
        let lists = world.prefix_lists.seen("prefix lists").ok()?;
        lists.iter().find(|list| self.is_service(&list.name))
    }

    /// The public addresses of one family.
    pub(super) fn targets(&self, world: &World, v6: bool) -> Targets {
        let resolved: Vec<IpAddr> =
            self.addresses.iter().copied().filter(|address| address.is_ipv6() == v6).collect();
        if !resolved.is_empty() {
            return Targets { addresses: resolved, known: true };
        }
        let listed: Vec<IpAddr> = self
            .prefix_list(world)
            .into_iter()
            .flat_map(|list| &list.cidrs)
            .map(ipnet::IpNet::network)
            .filter(|address| address.is_ipv6() == v6)
            .collect();
        if !listed.is_empty() {
            return Targets { addresses: listed, known: true };
        }
        let addresses = match v6 {
            true => vec![IpAddr::V6(ANYWHERE_V6)],
            false => ANYWHERE_V4.map(IpAddr::V4).to_vec(),
        };
        Targets { addresses, known: false }
    }
}

/// Whether an address is one of the internet's.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            // Beside the private blocks, the carriers' shared one, and those that nobody routes.
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private() || v4.is_link_local() || is_shared || a >= 224)
        }
        // `64:ff9b::` is NAT64's, `fc00::` private.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}

/// The IPv6 address that a NAT gateway takes back to this IPv4 one
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html>).
pub(super) fn nat64(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(_) => address,
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets().map(u16::from);
            IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d))
        }
    }
}
