//! Worlds as text: a line for each thing, a later line in the place of an earlier one of that name.
//!
//! ```text
//! vpc 10.0.0.0/16 dns=off hostnames=off resolver=custom
//! subnet app a 10.0.1.0/24 dns64 shared     name, zone, blocks
//! table rtb-app for=app 0.0.0.0/0=nat-1     `main`, routes; `=nat-1!` is a blackhole
//! gateway igw-1 detached                    or eigw-1
//! nat nat-1 in=edge state=failed private addressless
//! endpoint vpce-api ecr.api in=app group=sg-ep dns=off state=pending policy=own v6
//! endpoint vpce-s3 s3                       without `in`, a gateway endpoint
//! group sg-task out=443:0.0.0.0/0,53:sg-x in=443:pl-1
//! acl acl-1 for=app out:100:allow:443:0.0.0.0/0 in:90:deny:1024-2048:0.0.0.0/0
//! list pl-s3 s3 52.218.0.0/17
//! addresses 52.94.0.1                       those of the service
//! task in=app groups=sg-task public
//! without nat-1
//! hide NatGateways
//! ```

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::diagnosis::Source;
use crate::diagnosis::reach::{Destination, Origin, Reach, Service, reach};
use crate::diagnosis::world::{
    AclEntry, Block, Endpoint, EndpointKind, InternetGateway, NatGateway, NetworkAcl, Peer,
    PrefixList, Route, RouteTable, Rule, SecurityGroup, Subnet, Vpc, World,
};

pub(super) const REGION: &str = "eu-west-1";
const VPC: &str = "vpc-1";

/// A world and the task in it.
#[derive(Default)]
pub(super) struct Sketch {
    pub(super) world: World,
    pub(super) subnets: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) public: bool,
    addresses: Vec<std::net::IpAddr>,
}

/// One line: its words after the first two, those with `=` by name.
struct Line<'t> {
    kind: &'t str,
    name: &'t str,
    words: Vec<&'t str>,
    named: BTreeMap<&'t str, &'t str>,
}

impl<'t> Line<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let mut parts = text.split_whitespace();
        let (kind, name) = (parts.next()?, parts.next().unwrap_or_default());
        let (named, words): (Vec<&str>, Vec<&str>) = parts.partition(|word| {
            word.split_once('=')
                .is_some_and(|(key, _)| key.is_ascii() && key.chars().all(char::is_lowercase))
        });
        let named = named.into_iter().filter_map(|word| word.split_once('=')).collect();
        Some(Self { kind, name, words, named })
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    fn list(&self, key: &str) -> Vec<String> {
        let list = self.named.get(key).map(|list| list.split(','));
        list.into_iter().flatten().map(str::to_owned).collect()
    }

    fn text(&self, key: &str, default: &str) -> String {
        self.named.get(key).copied().unwrap_or(default).to_owned()
    }

    fn is_off(&self, key: &str) -> bool {
        self.named.get(key) == Some(&"off")
    }

    fn cidrs(&self) -> Vec<IpNet> {
        self.words.iter().filter_map(|word| word.parse().ok()).collect()
    }
}

/// Puts a thing in the place of the one with the same id.
fn put<T>(source: &mut Source<Vec<T>>, id: impl Fn(&T) -> &str, thing: T) {
    let Source::Seen(things) = source else {
        *source = Source::Seen(vec![thing]);
        return;
    };
    things.retain(|known| id(known) != id(&thing));
    things.push(thing);
}

impl Sketch {
    /// Reads the lines.
    pub(super) fn of(text: &str) -> Self {
        let mut sketch = Self::default();
        let world = &mut sketch.world;
        world.internet_gateways = Source::Seen(Vec::new());
        world.vpcs = Source::Seen(Vec::new());
        world.subnets = Source::Seen(Vec::new());
        world.route_tables = Source::Seen(Vec::new());
        world.nat_gateways = Source::Seen(Vec::new());
        world.endpoints = Source::Seen(Vec::new());
        world.security_groups = Source::Seen(Vec::new());
        world.network_acls = Source::Seen(Vec::new());
        world.prefix_lists = Source::Seen(Vec::new());
        for line in text.lines().filter_map(Line::read) {
            sketch.add(&line);
        }
        sketch
    }

    fn add(&mut self, line: &Line<'_>) {
        let world = &mut self.world;
        let id = line.name.to_owned();
        match line.kind {
            "vpc" => {
                let vpc = Vpc {
                    id: VPC.to_owned(),
                    dns_support: !line.is_off("dns"),
                    dns_hostnames: !line.is_off("hostnames"),
                    custom_resolver: line.named.contains_key("resolver"),
                };
                put(&mut world.vpcs, |vpc| &vpc.id, vpc);
            }
            "subnet" => {
                let subnet = Subnet {
                    id,
                    vpc: VPC.to_owned(),
                    zone: line.words[0].to_owned(),
                    cidrs: line.cidrs(),
                    free_addresses: line.text("free", "200").parse().unwrap(),
                    available: true,
                    dns64: line.has("dns64"),
                    shared: line.has("shared"),
                };
                put(&mut world.subnets, |subnet| &subnet.id, subnet);
            }
            "table" => {
                let table = table(line);
                put(&mut world.route_tables, |table| &table.id, table);
            }
            "gateway" => {
                let vpcs = if line.has("detached") { Vec::new() } else { vec![VPC.to_owned()] };
                // Of an egress-only one the route's own state tells whether it is there.
                if !line.name.starts_with("eigw") {
                    let gateway = InternetGateway { id, vpcs };
                    put(&mut world.internet_gateways, |gateway| &gateway.id, gateway);
                }
            }
            "nat" => {
                let address = (!line.has("addressless")).then(|| "198.51.100.7".parse().unwrap());
                let nat = NatGateway {
                    id,
                    subnet: line.named.get("in").map(|subnet| (*subnet).to_owned()),
                    state: line.text("state", "available"),
                    public: !line.has("private"),
                    address,
                };
                put(&mut world.nat_gateways, |nat| &nat.id, nat);
            }
            "endpoint" => {
                let endpoint = endpoint(line);
                put(&mut world.endpoints, |endpoint| &endpoint.id, endpoint);
            }
            "group" => {
                let rules = |key| line.list(key).iter().map(|rule| self::rule(rule)).collect();
                let (egress, ingress) = (rules("out"), rules("in"));
                let group = SecurityGroup { id, vpc: VPC.to_owned(), egress, ingress };
                put(&mut world.security_groups, |group| &group.id, group);
            }
            "acl" => {
                let entries = line.words.iter().map(|word| entry(word)).collect();
                let acl = NetworkAcl { id, subnets: line.list("for"), entries };
                put(&mut world.network_acls, |acl| &acl.id, acl);
            }
            "list" => {
                let name = format!("com.amazonaws.{REGION}.{}", line.words[0]);
                let list = PrefixList { id, name, cidrs: line.cidrs() };
                put(&mut world.prefix_lists, |list| &list.id, list);
            }
            "addresses" => {
                let words = std::iter::once(&line.name).chain(&line.words);
                self.addresses = words.map(|word| word.parse().unwrap()).collect();
            }
            "task" => {
                // The first word after `task` is a name as any other.
                let whole = format!("task _ {} {}", line.name, line.words.join(" "));
                let mut rest = Line::read(&whole).unwrap();
                rest.named.extend(&line.named);
                self.subnets = rest.list("in");
                self.groups = rest.list("groups");
                self.public = rest.has("public");
            }
            "without" => self.remove(&id),
            "hide" => self.hide(line.name),
            other => panic!("no thing is called {other}"),
        }
    }

    fn remove(&mut self, id: &str) {
        fn drop<T>(source: &mut Source<Vec<T>>, id: impl Fn(&T) -> bool) {
            if let Source::Seen(things) = source {
                things.retain(|thing| !id(thing));
            }
        }
        let world = &mut self.world;
        drop(&mut world.subnets, |it| it.id == id);
        drop(&mut world.route_tables, |it| it.id == id);
        drop(&mut world.internet_gateways, |it| it.id == id);
        drop(&mut world.nat_gateways, |it| it.id == id);
        drop(&mut world.endpoints, |it| it.id == id);
        drop(&mut world.security_groups, |it| it.id == id);
        drop(&mut world.network_acls, |it| it.id == id);
        drop(&mut world.prefix_lists, |it| it.id == id);
    }

    /// Takes away the permission to describe things of one kind.
    pub(super) fn hide(&mut self, kind: &str) {
        fn refuse<T>(source: &mut Source<T>, kind: &str) {
            *source = Source::Refused { permission: format!("ec2:Describe{kind}") };
        }
        let world = &mut self.world;
        match kind {
            "Vpcs" => refuse(&mut world.vpcs, kind),
            "Subnets" => refuse(&mut world.subnets, kind),
            "RouteTables" => refuse(&mut world.route_tables, kind),
            "InternetGateways" => refuse(&mut world.internet_gateways, kind),
            "NatGateways" => refuse(&mut world.nat_gateways, kind),
            "VpcEndpoints" => refuse(&mut world.endpoints, kind),
            "SecurityGroups" => refuse(&mut world.security_groups, kind),
            "NetworkAcls" => refuse(&mut world.network_acls, kind),
            "ManagedPrefixLists" => refuse(&mut world.prefix_lists, kind),
            other => panic!("nothing is described by Describe{other}"),
        }
    }

    /// The answer for one of its subnets, the first by default.
    pub(super) fn reach(&self, service: &str, port: u16) -> Reach {
        let origin = Origin {
            subnet: self.subnets.first().unwrap(),
            groups: Some(&self.groups),
            public_address: self.public,
        };
        let mut to = Destination::new(self::service(service), REGION);
        to.port = port;
        to.addresses.clone_from(&self.addresses);
        reach(&self.world, &origin, &to)
    }
}

pub(super) fn service(name: &str) -> Service {
    use Service::{EcrApi, EcrDkr, Kms, Logs, S3, SecretsManager, Ssm, SsmMessages};
    let known = [EcrApi, EcrDkr, S3, Logs, SecretsManager, Ssm, Kms, SsmMessages];
    let found = known.into_iter().find(|known| known.endpoint_name() == Some(name));
    found.unwrap_or_else(|| Service::Host(name.to_owned()))
}

fn table(line: &Line<'_>) -> RouteTable {
    let mut routes = vec![("10.0.0.0/16", "local"), ("2600:1f18:1::/56", "local")];
    routes.extend(line.words.iter().filter_map(|word| word.split_once('=')));
    let routes = routes.into_iter().map(|(destination, target)| Route {
        destination: match destination.parse() {
            Ok(cidr) => Block::Cidr(cidr),
            Err(_) => Block::PrefixList(destination.to_owned()),
        },
        target: target.trim_end_matches('!').to_owned(),
        blackhole: target.ends_with('!'),
    });
    RouteTable {
        id: line.name.to_owned(),
        vpc: VPC.to_owned(),
        main: line.has("main"),
        subnets: line.list("for"),
        routes: routes.collect(),
    }
}

fn endpoint(line: &Line<'_>) -> Endpoint {
    let kind = match line.named.contains_key("in") {
        true => EndpointKind::Interface,
        false if line.has("appliances") => EndpointKind::GatewayLoadBalancer,
        false => EndpointKind::Gateway,
    };
    Endpoint {
        id: line.name.to_owned(),
        vpc: line.text("vpc", VPC),
        service: format!("com.amazonaws.{REGION}.{}", line.words[0]),
        kind,
        state: line.text("state", "available"),
        private_dns: kind == EndpointKind::Interface && !line.is_off("dns"),
        v6: line.has("v6"),
        subnets: line.list("in"),
        groups: line.list("group"),
        open_policy: !line.named.contains_key("policy"),
    }
}

/// `443`, `1-2` or `all`.
fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn rule(text: &str) -> Rule {
    let (ports, peer) = text.split_once(':').unwrap();
    let (protocol, ports) = match ports.strip_prefix("udp") {
        Some(ports) => ("udp", ports),
        None if ports == "all" => ("-1", ports),
        None => ("tcp", ports),
    };
    let peer = match peer.parse() {
        Ok(cidr) => Peer::Cidr(cidr),
        Err(_) if peer.starts_with("pl-") => Peer::PrefixList(peer.to_owned()),
        Err(_) => Peer::Group(peer.to_owned()),
    };
    Rule { protocol: protocol.to_owned(), ports: self::ports(ports), peer }
}

fn entry(text: &str) -> AclEntry {
    let parts: Vec<&str> = text.splitn(5, ':').collect();
    let [way, number, action, ports, cidr] = parts[..] else { panic!("no entry: {text}") };
    let (protocol, ports) = match ports.strip_prefix("udp") {
        Some(ports) => ("17", ports),
        None => (if ports == "all" { "-1" } else { "6" }, ports),
    };
    AclEntry {
        number: number.parse().unwrap(),
        egress: way == "out",
        allow: action == "allow",
        protocol: protocol.to_owned(),
        ports: self::ports(ports),
        cidr: cidr.parse().unwrap(),
    }
}
