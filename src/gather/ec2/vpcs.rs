//! VPCs with their resolvers, and subnets.

use aws_sdk_ec2::types::{SubnetState, VpcAttributeName};
use futures_util::future::try_join_all;

use super::{Ec2, Named, to_block, to_tags};
use crate::diagnosis::Unseen;
use crate::diagnosis::world::{Subnet, Vpc};

/// The resolver of Amazon's, as DHCP options name it.
const OWN_RESOLVER: &str = "AmazonProvidedDNS";
/// What a VPC without any DHCP options names
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateDhcpOptions.html>).
const NO_OPTIONS: &str = "default";

impl Ec2<'_> {
    pub(super) async fn all_vpcs(&self) -> Result<Vec<Vpc>, Unseen> {
        let call = self.client.describe_vpcs().set_filters(self.inside("vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeVpcs", found).await?;
        try_join_all(found.into_iter().map(|vpc| self.vpc(vpc))).await
    }

    async fn vpc(&self, vpc: aws_sdk_ec2::types::Vpc) -> Result<Vpc, Unseen> {
        let id = vpc.vpc_id.unwrap_or_default();
        let (dns_support, dns_hostnames) = tokio::try_join!(
            self.attribute(&id, VpcAttributeName::EnableDnsSupport),
            self.attribute(&id, VpcAttributeName::EnableDnsHostnames),
        )?;
        // Where Amazon's resolver answers, nobody needs another.
        let custom_resolver = match vpc.dhcp_options_id {
            Some(options) if !dns_support && options != NO_OPTIONS => {
                self.has_resolver(&options).await?
            }
            _ => false,
        };
        Ok(Vpc { id, dns_support, dns_hostnames, custom_resolver })
    }

    async fn attribute(&self, vpc: &str, name: VpcAttributeName) -> Result<bool, Unseen> {
        let call = self.client.describe_vpc_attribute().vpc_id(vpc).attribute(name);
        let found = self.inquiry.ask("ec2:DescribeVpcAttribute", call.send()).await?;
        let value = found.enable_dns_support.or(found.enable_dns_hostnames);
        Ok(value.and_then(|value| value.value).unwrap_or(false))
    }

    /// Whether DHCP options name resolvers of somebody's own.
    async fn has_resolver(&self, options: &str) -> Result<bool, Unseen> {
        let call = self.client.describe_dhcp_options().dhcp_options_ids(options).send();
        let found = self.inquiry.ask("ec2:DescribeDhcpOptions", call).await?;
        let options = found.dhcp_options.unwrap_or_default().into_iter();
        Ok(options
            .flat_map(|options| options.dhcp_configurations.unwrap_or_default())
            .filter(|option| option.key.as_deref() == Some("domain-name-servers"))
            .flat_map(|option| option.values.unwrap_or_default())
            .any(|server| server.value.is_some_and(|server| server != OWN_RESOLVER)))
    }

    pub(super) async fn all_subnets(&self) -> Result<Vec<(Subnet, Named)>, Unseen> {
        let call = self.client.describe_subnets().set_filters(self.inside("vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeSubnets", found).await?;
        Ok(found.into_iter().map(to_subnet).collect())
    }
}

fn to_subnet(subnet: aws_sdk_ec2::types::Subnet) -> (Subnet, Named) {
    let id = subnet.subnet_id.unwrap_or_default();
    let vpc = subnet.vpc_id.unwrap_or_default();
    let v6 = subnet.ipv6_cidr_block_association_set.unwrap_or_default().into_iter();
    let v6 = v6.filter_map(|block| to_block(block.ipv6_cidr_block));
    let named = Named {
        id: id.clone(),
        vpc: vpc.clone(),
        owner: subnet.owner_id,
        name: String::new(),
        tags: to_tags(subnet.tags),
    };
    let subnet = Subnet {
        id,
        vpc,
        zone: subnet.availability_zone.unwrap_or_default(),
        cidrs: to_block(subnet.cidr_block).into_iter().chain(v6).collect(),
        free_addresses: subnet.available_ip_address_count.unwrap_or(0).try_into().unwrap_or(0),
        available: subnet.state == Some(SubnetState::Available),
        dns64: subnet.enable_dns64.unwrap_or(false),
        // Whose it is becomes known with the account.
        shared: false,
    };
    (subnet, named)
}
