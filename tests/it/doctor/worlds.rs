//! The networks of `src/diagnosis/tests/worlds.txt`, built through EC2's own API. What a line means
//! is told there and in `sketch.rs`; what moto cannot be is left to the pure tests.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use std::collections::BTreeMap;
use std::path::Path;

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::builders::IpPermissionBuilder;
use aws_sdk_ec2::types::{
    AddPrefixListEntry, AttributeBooleanValue, ConnectivityType, Filter, IpPermission, IpRange,
    Ipv6Range, NewDhcpConfiguration, PortRange, PrefixListId, RuleAction, UserIdGroupPair,
    VpcEndpointType,
};

/// A world as it is written: its lines, and what must be found.
pub(crate) struct Written {
    lines: Vec<Line>,
    /// Service, and answer.
    pub(crate) answers: Vec<(String, String)>,
}

/// One line: kind, name, words, and those with `=` by name.
#[derive(Clone)]
struct Line {
    kind: String,
    name: String,
    words: Vec<String>,
    named: BTreeMap<String, String>,
}

impl Line {
    fn read(text: &str) -> Self {
        let mut parts = text.split_whitespace().map(str::to_owned);
        let kind = parts.next().expect("a kind");
        let mut name = parts.next().unwrap_or_default();
        let mut rest: Vec<String> = parts.collect();
        if kind == "task" {
            rest.insert(0, std::mem::take(&mut name));
        }
        let is_named = |word: &String| {
            word.split_once('=').is_some_and(|(key, _)| key.chars().all(char::is_lowercase))
        };
        let (named, words): (Vec<String>, Vec<String>) = rest.into_iter().partition(is_named);
        let pair = |word: String| word.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        Self { kind, name, words, named: named.into_iter().filter_map(pair).collect() }
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    fn list(&self, key: &str) -> Vec<&str> {
        self.named.get(key).map(|list| list.split(',').collect()).unwrap_or_default()
    }

    fn is_on(&self, key: &str) -> bool {
        self.named.get(key).is_none_or(|value| value != "off")
    }
}

/// The world or kind of this name.
pub(crate) fn written(name: &str) -> Written {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diagnosis/tests/worlds.txt");
    let text = std::fs::read_to_string(path).expect("the worlds");
    let is_head =
        |line: &str| line == format!("world {name}") || line.starts_with(&format!("kind {name}:"));
    let body = text.lines().skip_while(|line| !is_head(line)).skip(1);
    let mut world = Written { lines: Vec::new(), answers: Vec::new() };
    for line in body.take_while(|line| line.starts_with(' ')).map(str::trim) {
        if let Some((service, answer)) = line.split_once(" -> ") {
            world.answers.push((service.to_owned(), answer.to_owned()));
        } else if let Some(other) = line.strip_prefix("like ") {
            world.lines = written(other).lines;
        } else {
            let line = Line::read(line);
            let (kind, place) = (line.kind.as_str(), line.name.as_str());
            let replaced = |known: &Line| match kind {
                "vpc" | "task" => known.kind == kind,
                "without" => known.name == place,
                _ => known.kind == kind && known.name == place,
            };
            world.lines.retain(|known| !replaced(known));
            world.lines.push(line);
        }
    }
    assert!(!world.lines.is_empty(), "no world is called {name}");
    world
}

impl Written {
    /// The same with more lines.
    pub(crate) fn with(mut self, lines: &[&str]) -> Self {
        for line in lines {
            let line = Line::read(line);
            self.lines.retain(|known| known.kind != line.kind || known.name != line.name);
            self.lines.push(line);
        }
        self
    }
}

/// A world that was built.
pub(crate) struct Built {
    ec2: Client,
    vpc: String,
    ids: BTreeMap<String, String>,
    pub(crate) subnets: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) public: bool,
}

/// Builds it.
pub(crate) async fn build(aws: &SdkConfig, world: &Written) -> Built {
    let ec2 = Client::new(aws);
    let lines = |kind: &str| -> Vec<&Line> {
        world.lines.iter().filter(|line| line.kind == kind).collect()
    };
    let vpc = lines("vpc")[0];
    let made = ec2.create_vpc().cidr_block(&vpc.name).send().await.expect("a VPC");
    let id = made.vpc().and_then(|vpc| vpc.vpc_id()).expect("its id").to_owned();
    let ids = BTreeMap::from([("vpc-1".to_owned(), id.clone())]);
    let (subnets, groups) = (Vec::new(), Vec::new());
    let mut built = Built { ec2, vpc: id, ids, subnets, groups, public: false };
    built.resolver(vpc).await;
    for line in lines("subnet") {
        built.subnet(line).await;
    }
    for line in lines("gateway") {
        built.gateway(line).await;
    }
    for line in lines("nat") {
        built.nat(line).await;
    }
    for line in lines("list") {
        built.list(line).await;
    }
    for line in lines("group") {
        built.group(&line.name).await;
    }
    for line in lines("group") {
        built.rules(line).await;
    }
    for line in lines("table") {
        built.table(line).await;
    }
    for line in lines("endpoint") {
        built.endpoint(line, &lines("table")).await;
    }
    for line in lines("table") {
        built.routes(line).await;
    }
    for line in lines("acl") {
        built.acl(line).await;
    }
    let task = lines("task")[0];
    built.subnets = task.list("in").into_iter().map(|name| built.id(name)).collect();
    built.groups = task.list("groups").into_iter().map(|name| built.id(name)).collect();
    built.public = task.has("public");
    built
}

impl Built {
    /// The id of a thing; one that EC2 never gave where there is no such thing.
    pub(crate) fn id(&self, name: &str) -> String {
        let unknown = || match name.split_once('-') {
            Some(("sg", _)) => "sg-00000000000000000".to_owned(),
            Some(_) => name.to_owned(),
            None => "subnet-00000000000000000".to_owned(),
        };
        self.ids.get(name).cloned().unwrap_or_else(unknown)
    }

    fn keep(&mut self, name: &str, id: Option<&str>) {
        self.ids.insert(name.to_owned(), id.expect("an id").to_owned());
    }

    async fn resolver(&self, line: &Line) {
        let value = |on| AttributeBooleanValue::builder().value(on).build();
        let change = || self.ec2.modify_vpc_attribute().vpc_id(&self.vpc);
        let support = change().enable_dns_support(value(line.is_on("dns")));
        support.send().await.expect("changed");
        let hostnames = change().enable_dns_hostnames(value(line.is_on("hostnames")));
        hostnames.send().await.expect("changed");
        if line.named.contains_key("resolver") {
            let servers = NewDhcpConfiguration::builder().key("domain-name-servers");
            let servers = servers.values("10.0.0.53").build();
            let made = self.ec2.create_dhcp_options().dhcp_configurations(servers);
            let made = made.send().await.expect("options");
            let id = made.dhcp_options().and_then(|made| made.dhcp_options_id()).expect("its id");
            let used = self.ec2.associate_dhcp_options().dhcp_options_id(id).vpc_id(&self.vpc);
            used.send().await.expect("associated");
        }
    }

    async fn subnet(&mut self, line: &Line) {
        let zone = format!("eu-west-1{}", line.words[0]);
        let made = self.ec2.create_subnet().vpc_id(&self.vpc).availability_zone(zone);
        let made = made.cidr_block(&line.words[1]).send().await.expect("a subnet");
        self.keep(&line.name, made.subnet().and_then(|subnet| subnet.subnet_id()));
    }

    async fn gateway(&mut self, line: &Line) {
        let made = self.ec2.create_internet_gateway().send().await.expect("a gateway");
        let id = made.internet_gateway().and_then(|made| made.internet_gateway_id());
        self.keep(&line.name, id);
        if !line.has("detached") {
            let call = self.ec2.attach_internet_gateway().vpc_id(&self.vpc);
            let call = call.internet_gateway_id(self.id(&line.name));
            call.send().await.expect("attached");
        }
    }

    async fn nat(&mut self, line: &Line) {
        let subnet = self.id(line.list("in")[0]);
        let call = self.ec2.create_nat_gateway().subnet_id(subnet);
        let call = if line.has("private") {
            call.connectivity_type(ConnectivityType::Private)
        } else {
            let address = self.ec2.allocate_address().send().await.expect("an address");
            call.allocation_id(address.allocation_id().expect("its id"))
        };
        let made = call.send().await.expect("a NAT gateway");
        self.keep(&line.name, made.nat_gateway().and_then(|made| made.nat_gateway_id()));
    }

    async fn list(&mut self, line: &Line) {
        let name = format!("com.amazonaws.eu-west-1.{}", line.words[0]);
        let known = self.ec2.describe_managed_prefix_lists();
        let known = known.filters(filter("prefix-list-name", &name)).send().await.expect("lists");
        if let Some(list) = known.prefix_lists().first() {
            return self.keep(&line.name, list.prefix_list_id());
        }
        let entries =
            line.words[1..].iter().map(|block| AddPrefixListEntry::builder().cidr(block).build());
        let made = self.ec2.create_managed_prefix_list().prefix_list_name(name);
        let made = made.set_entries(Some(entries.collect())).address_family("IPv4");
        let made = made.max_entries(9).send().await.expect("a list");
        self.keep(&line.name, made.prefix_list().and_then(|made| made.prefix_list_id()));
    }

    /// A group without any rule.
    async fn group(&mut self, name: &str) {
        let made = self.ec2.create_security_group().vpc_id(&self.vpc).group_name(name);
        let made = made.description("of a test").send().await.expect("a group");
        self.keep(name, made.group_id());
        let id = self.id(name);
        let found = self.ec2.describe_security_groups().group_ids(&id).send().await.expect("it");
        let open = found.security_groups()[0].ip_permissions_egress().to_vec();
        let call = self.ec2.revoke_security_group_egress().group_id(id);
        call.set_ip_permissions(Some(open)).send().await.expect("closed");
    }

    async fn rules(&mut self, line: &Line) {
        for way in ["out", "in"] {
            let mut rules = Vec::new();
            for rule in line.list(way) {
                let (ports, peer) = rule.split_once(':').expect("ports and peer");
                if peer.starts_with("sg-") && !self.ids.contains_key(peer) {
                    self.group(peer).await;
                }
                rules.push(self.rule(ports, peer));
            }
            if rules.is_empty() {
                continue;
            }
            let id = self.id(&line.name);
            if way == "out" {
                let call = self.ec2.authorize_security_group_egress().group_id(id);
                call.set_ip_permissions(Some(rules)).send().await.expect("allowed");
            } else {
                let call = self.ec2.authorize_security_group_ingress().group_id(id);
                call.set_ip_permissions(Some(rules)).send().await.expect("allowed");
            }
        }
    }

    fn rule(&self, ports: &str, peer: &str) -> IpPermission {
        let rule = with_peer(IpPermission::builder(), peer, &self.id(peer));
        let (protocol, ports) = match ports.strip_prefix("udp") {
            Some(ports) => ("udp", ports),
            None if ports == "all" => return rule.ip_protocol("-1").build(),
            None => ("tcp", ports),
        };
        let (first, last) = range(ports);
        rule.ip_protocol(protocol).from_port(first).to_port(last).build()
    }

    async fn table(&mut self, line: &Line) {
        if line.has("main") {
            let main = self.ec2.describe_route_tables();
            let main = main.filters(filter("vpc-id", &self.vpc));
            let main = main.filters(filter("association.main", "true"));
            let main = main.send().await.expect("the main table");
            return self.keep(&line.name, main.route_tables()[0].route_table_id());
        }
        let made = self.ec2.create_route_table().vpc_id(&self.vpc).send().await.expect("a table");
        self.keep(&line.name, made.route_table().and_then(|made| made.route_table_id()));
        for subnet in line.list("for") {
            let call = self.ec2.associate_route_table().subnet_id(self.id(subnet));
            call.route_table_id(self.id(&line.name)).send().await.expect("associated");
        }
    }

    async fn endpoint(&mut self, line: &Line, tables: &[&Line]) {
        let service = format!("com.amazonaws.eu-west-1.{}", line.words[0]);
        let call = self.ec2.create_vpc_endpoint().vpc_id(&self.vpc).service_name(service);
        let call = if line.named.contains_key("in") {
            let subnets = line.list("in").into_iter().map(|name| self.id(name)).collect();
            call.vpc_endpoint_type(VpcEndpointType::Interface)
                .set_subnet_ids(Some(subnets))
                .security_group_ids(self.id(line.list("group")[0]))
                .private_dns_enabled(line.is_on("dns"))
        } else {
            let leads = format!("={}", line.name);
            let leading =
                tables.iter().filter(|table| table.words.iter().any(|w| w.ends_with(&leads)));
            let tables = leading.map(|table| self.id(&table.name)).collect();
            call.vpc_endpoint_type(VpcEndpointType::Gateway).set_route_table_ids(Some(tables))
        };
        let some =
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}]}"#;
        let all =
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
        let policy = if line.named.contains_key("policy") { some } else { all };
        let made = call.policy_document(policy).send().await.expect("an endpoint");
        self.keep(&line.name, made.vpc_endpoint().and_then(|made| made.vpc_endpoint_id()));
    }

    async fn routes(&mut self, line: &Line) {
        for word in &line.words {
            let Some((block, target)) = word.split_once('=') else { continue };
            // A gateway endpoint makes its routes by itself.
            if block.starts_with("pl-") {
                continue;
            }
            self.target(target).await;
            let id = self.id(target);
            let call = self.ec2.create_route().route_table_id(self.id(&line.name));
            let call = call.destination_cidr_block(block);
            let call = match target.split('-').next().expect("a kind") {
                "nat" => call.nat_gateway_id(id),
                "tgw" => call.transit_gateway_id(id),
                "pcx" => call.vpc_peering_connection_id(id),
                "eni" => call.network_interface_id(id),
                "eigw" => call.egress_only_internet_gateway_id(id),
                _ => call.gateway_id(id),
            };
            call.send().await.expect("a route");
        }
    }

    /// Makes what only routes speak of.
    async fn target(&mut self, name: &str) {
        if self.ids.contains_key(name) {
            return;
        }
        let (ec2, vpc) = (self.ec2.clone(), self.vpc.clone());
        match name.split('-').next().expect("a kind") {
            "tgw" => {
                let made = ec2.create_transit_gateway().send().await.expect("one");
                self.keep(name, made.transit_gateway().and_then(|it| it.transit_gateway_id()));
            }
            "pcx" => {
                let other = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.expect("one");
                let other = other.vpc().and_then(|other| other.vpc_id()).expect("its id");
                let made = ec2.create_vpc_peering_connection().vpc_id(vpc).peer_vpc_id(other);
                let made = made.send().await.expect("one");
                let made = made.vpc_peering_connection();
                self.keep(name, made.and_then(|it| it.vpc_peering_connection_id()));
            }
            "vgw" => {
                let made = ec2.create_vpn_gateway().r#type("ipsec.1".into());
                let made = made.send().await.expect("one");
                self.keep(name, made.vpn_gateway().and_then(|it| it.vpn_gateway_id()));
            }
            "eni" => {
                let made = ec2.create_network_interface().subnet_id(self.id("app"));
                let made = made.send().await.expect("one").network_interface;
                self.keep(name, made.as_ref().and_then(|it| it.network_interface_id()));
            }
            "eigw" => {
                let made = ec2.create_egress_only_internet_gateway().vpc_id(vpc);
                let made = made.send().await.expect("one").egress_only_internet_gateway;
                let id = made.as_ref().and_then(|it| it.egress_only_internet_gateway_id());
                self.keep(name, id);
            }
            "nat" => {
                // It was there when the route was made.
                self.nat(&Line::read(&format!("nat {name} in=edge"))).await;
                let call = self.ec2.delete_nat_gateway().nat_gateway_id(self.id(name));
                call.send().await.expect("deleted");
            }
            other => panic!("nothing is called {other}"),
        }
    }

    async fn acl(&mut self, line: &Line) {
        let made = self.ec2.create_network_acl().vpc_id(&self.vpc).send().await.expect("an ACL");
        self.keep(&line.name, made.network_acl().and_then(|made| made.network_acl_id()));
        for entry in &line.words {
            self.entry(&self.id(&line.name), entry).await;
        }
        for subnet in line.list("for") {
            let subnet = self.id(subnet);
            let known = self.ec2.describe_network_acls();
            let known = known.filters(filter("association.subnet-id", &subnet)).send().await;
            let known = known.expect("ACLs");
            let associations = known.network_acls().iter().flat_map(|acl| acl.associations());
            let of = associations.filter(|it| it.subnet_id() == Some(subnet.as_str()));
            let id = of.filter_map(|it| it.network_acl_association_id()).next().expect("one");
            let call = self.ec2.replace_network_acl_association().association_id(id);
            call.network_acl_id(self.id(&line.name)).send().await.expect("replaced");
        }
    }

    async fn entry(&self, acl: &str, text: &str) {
        let parts: Vec<&str> = text.splitn(5, ':').collect();
        let [way, number, action, ports, block] = parts[..] else { panic!("no entry: {text}") };
        let call = self.ec2.create_network_acl_entry().network_acl_id(acl).egress(way == "out");
        let call = call.rule_number(number.parse().expect("a number"));
        let allow = if action == "allow" { RuleAction::Allow } else { RuleAction::Deny };
        let call = call.rule_action(allow);
        let call =
            if block.contains("::") { call.ipv6_cidr_block(block) } else { call.cidr_block(block) };
        let (protocol, ports) = match ports.strip_prefix("udp") {
            Some(ports) => ("17", ports),
            None => ("6", ports),
        };
        let call = if ports == "all" {
            call.protocol("-1")
        } else {
            let (first, last) = range(ports);
            call.protocol(protocol).port_range(PortRange::builder().from(first).to(last).build())
        };
        call.send().await.expect("an entry");
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn range(ports: &str) -> (i32, i32) {
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    (first.parse().expect("a port"), last.parse().expect("a port"))
}

fn with_peer(rule: IpPermissionBuilder, peer: &str, id: &str) -> IpPermissionBuilder {
    match peer.split('-').next() {
        Some("sg") => rule.user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build()),
        Some("pl") => rule.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).build()),
        _ if peer.contains("::") => rule.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(peer).build()),
        _ => rule.ip_ranges(IpRange::builder().cidr_ip(peer).build()),
    }
}
