//! What to do about a blocker: commands to paste, with a word in capitals for what only people
//! know.

use super::routes::Target;
use super::{Blocker, Destination, Service};

impl Blocker {
    /// What to do.
    pub fn remedy(&self, to: &Destination) -> String {
        let port = to.port;
        match self {
            Self::NoSubnet { .. } => "name a subnet that exists in `network.subnets`".to_owned(),
            Self::DnsOff { vpc } => {
                format!(
                    "aws ec2 modify-vpc-attribute --vpc-id {vpc} --enable-dns-support Value=true"
                )
            }
            Self::NoCommonFamily { subnet } => format!(
                "use a subnet with an IPv4 block, an image under a dual-stack name \
                 (ACCOUNT.dkr-ecr.REGION.on.aws), or NAT64:\n\
                 aws ec2 modify-subnet-attribute --subnet-id {subnet} --enable-dns64\n\
                 and a route for 64:ff9b::/96 to a NAT gateway"
            ),
            Self::NoRoute { table, public_ip: true } => format!(
                "aws ec2 create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 \
                 --gateway-id IGW"
            ),
            Self::NoRoute { table, public_ip: false } => way_out(table, to),
            Self::NoTable { vpc } => format!("aws ec2 create-route-table --vpc-id {vpc}"),
            Self::Blackhole { table, destination, target } => format!(
                "aws ec2 replace-route --route-table-id {table} {} {}",
                destination_flag(destination),
                target_flag(target)
            ),
            Self::Stolen { table, destination, .. } => format!(
                "aws ec2 delete-route --route-table-id {table} {}",
                destination_flag(destination)
            ),
            Self::NoPublicIp { .. } => {
                "set `network.assignPublicIp: true`, or use subnets that lead to a NAT gateway"
                    .to_owned()
            }
            Self::GatewayDetached { gateway, vpc } => format!(
                "aws ec2 attach-internet-gateway --internet-gateway-id {gateway} --vpc-id {vpc}"
            ),
            Self::NatState { nat, .. } | Self::NatNoAddress { nat } => format!(
                "aws ec2 describe-nat-gateways --nat-gateway-ids {nat} \
                 --query 'NatGateways[].FailureMessage'\n\
                 then make a new one and let the route lead to it:\n\
                 aws ec2 create-nat-gateway --subnet-id PUBLIC_SUBNET --allocation-id EIPALLOC"
            ),
            Self::NatPrivate { .. } => "let the route lead to a public NAT gateway:\n\
                 aws ec2 create-nat-gateway --subnet-id PUBLIC_SUBNET --allocation-id EIPALLOC"
                .to_owned(),
            Self::NatNoWayOut { table, .. } => format!(
                "move the NAT gateway into a public subnet, or make its own one public:\n\
                 aws ec2 create-route --route-table-id {table} \
                 --destination-cidr-block 0.0.0.0/0 --gateway-id IGW"
            ),
            Self::PeeringEnds { table, .. } | Self::EgressOnlyIsV6 { table, .. } => {
                way_out(table, to)
            }
            Self::PrivateDnsOff { endpoint } => format!(
                "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint} --private-dns-enabled"
            ),
            Self::HostnamesOff { vpc, .. } => format!(
                "aws ec2 modify-vpc-attribute --vpc-id {vpc} --enable-dns-support Value=true\n\
                 aws ec2 modify-vpc-attribute --vpc-id {vpc} --enable-dns-hostnames Value=true"
            ),
            Self::EndpointState { endpoint, .. } => {
                format!("aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {endpoint}")
            }
            Self::EndpointNotInTable { endpoint, table } => format!(
                "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint} --add-route-table-ids \
                 {table}"
            ),
            Self::EndpointClosed { groups, .. } => format!(
                "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port \
                 {port} --source-group TASK_SECURITY_GROUP",
                groups.first().map_or("SG", String::as_str)
            ),
            Self::NoGroup { .. } => {
                "name a security group that exists in `network.securityGroups`".to_owned()
            }
            Self::EgressClosed { groups, .. } => format!(
                "aws ec2 authorize-security-group-egress --group-id {} --protocol tcp --port \
                 {port} --cidr 0.0.0.0/0",
                groups.first().map_or("SG", String::as_str)
            ),
            Self::AclClosed { acl, egress, ports, peer, rule, .. } => {
                let number = rule.map_or(90, |rule| rule.saturating_sub(1).max(1));
                let way = if *egress { "--egress" } else { "--ingress" };
                let family = if peer.contains(':') {
                    "--ipv6-cidr-block ::/0"
                } else {
                    "--cidr-block 0.0.0.0/0"
                };
                format!(
                    "aws ec2 create-network-acl-entry --network-acl-id {acl} {way} --rule-number \
                     {number} --protocol tcp --port-range From={},To={} {family} --rule-action \
                     allow",
                    ports.0, ports.1
                )
            }
        }
    }
}

fn destination_flag(destination: &str) -> String {
    match destination {
        list if list.starts_with("pl-") => format!("--destination-prefix-list-id {list}"),
        v6 if v6.contains(':') => format!("--destination-ipv6-cidr-block {v6}"),
        v4 => format!("--destination-cidr-block {v4}"),
    }
}

/// Another target of the kind that is gone.
fn target_flag(gone: &str) -> &'static str {
    match Target::of(gone) {
        Target::Internet => "--gateway-id IGW",
        Target::EgressOnly => "--egress-only-internet-gateway-id EIGW",
        Target::Endpoint => "--vpc-endpoint-id VPCE",
        Target::Local | Target::Nat | Target::Peering => "--nat-gateway-id NAT",
        Target::Elsewhere if gone.starts_with("tgw") => "--transit-gateway-id TGW",
        Target::Elsewhere => "--nat-gateway-id NAT",
    }
}

/// A NAT gateway for everything, or an endpoint for what has one.
fn way_out(table: &str, to: &Destination) -> String {
    let nat = format!(
        "aws ec2 create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 \
         --nat-gateway-id NAT"
    );
    let region = &to.region;
    let endpoint = match (&to.service, to.service.endpoint_name()) {
        (Service::S3, _) => format!(
            "aws ec2 create-vpc-endpoint --vpc-id VPC --service-name com.amazonaws.{region}.s3 \
             --vpc-endpoint-type Gateway --route-table-ids {table}"
        ),
        (_, Some(name)) => format!(
            "aws ec2 create-vpc-endpoint --vpc-id VPC --service-name com.amazonaws.{region}.{name} \
             --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNET \
             --security-group-ids SG"
        ),
        (_, None) => return nat,
    };
    format!("{nat}\nor, without a NAT gateway:\n{endpoint}")
}
