//! Route tables, and what their routes lead to.

use aws_sdk_ec2::types::{
    AvailabilityMode, ConnectivityType, InternetGatewayAttachment, RouteState,
    RouteTableAssociation, RouteTableAssociationStateCode,
};

use super::{Ec2, to_block};
use crate::diagnosis::Unseen;
use crate::diagnosis::world::{Block, InternetGateway, NatGateway, Route, RouteTable};

impl Ec2<'_> {
    pub(super) async fn route_tables(&self) -> Result<Vec<RouteTable>, Unseen> {
        let call = self.client.describe_route_tables().set_filters(self.inside("vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeRouteTables", found).await?;
        Ok(found.into_iter().map(to_table).collect())
    }

    pub(super) async fn internet_gateways(&self) -> Result<Vec<InternetGateway>, Unseen> {
        let call = self.client.describe_internet_gateways();
        let call = call.set_filters(self.inside("attachment.vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeInternetGateways", found).await?;
        let gateway = |gateway: aws_sdk_ec2::types::InternetGateway| InternetGateway {
            id: gateway.internet_gateway_id.unwrap_or_default(),
            vpcs: to_vpcs(gateway.attachments),
        };
        Ok(found.into_iter().map(gateway).collect())
    }

    pub(super) async fn nat_gateways(&self) -> Result<Vec<NatGateway>, Unseen> {
        let call = self.client.describe_nat_gateways().set_filter(self.inside("vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeNatGateways", found).await?;
        Ok(found.into_iter().map(to_nat).collect())
    }
}

fn to_table(table: aws_sdk_ec2::types::RouteTable) -> RouteTable {
    let associations = table.associations.unwrap_or_default();
    let holds = |association: &&RouteTableAssociation| {
        let state = association.association_state.as_ref().and_then(|state| state.state.as_ref());
        !matches!(
            state,
            Some(
                RouteTableAssociationStateCode::Disassociated
                    | RouteTableAssociationStateCode::Failed
            )
        )
    };
    let holding: Vec<&RouteTableAssociation> = associations.iter().filter(holds).collect();
    RouteTable {
        id: table.route_table_id.unwrap_or_default(),
        vpc: table.vpc_id.unwrap_or_default(),
        main: holding.iter().any(|association| association.main == Some(true)),
        subnets: holding.iter().filter_map(|association| association.subnet_id.clone()).collect(),
        routes: table.routes.unwrap_or_default().into_iter().filter_map(to_route).collect(),
    }
}

/// A route; what has no destination that we know is left out.
fn to_route(route: aws_sdk_ec2::types::Route) -> Option<Route> {
    let block = to_block(route.destination_cidr_block)
        .or_else(|| to_block(route.destination_ipv6_cidr_block))
        .map(Block::Cidr);
    let destination = block.or_else(|| route.destination_prefix_list_id.map(Block::PrefixList))?;
    let target = route
        .gateway_id
        .or(route.nat_gateway_id)
        .or(route.egress_only_internet_gateway_id)
        .or(route.transit_gateway_id)
        .or(route.vpc_peering_connection_id)
        .or(route.network_interface_id)
        .or(route.instance_id)
        .or(route.local_gateway_id)
        .or(route.carrier_gateway_id)
        // The id is enough; an ARN has the account in it.
        .or(route.core_network_arn.as_deref().and_then(id_of))
        .or(route.odb_network_arn.as_deref().and_then(id_of));
    Some(Route {
        destination,
        target: target.unwrap_or_else(|| "nothing".to_owned()),
        blackhole: route.state == Some(RouteState::Blackhole),
    })
}

fn id_of(arn: &str) -> Option<String> {
    arn.rsplit('/').next().map(str::to_owned)
}

fn to_vpcs(attachments: Option<Vec<InternetGatewayAttachment>>) -> Vec<String> {
    let attachments = attachments.unwrap_or_default().into_iter();
    // EC2 says `available` of an internet gateway, and `attached` of others.
    let holds = |attachment: &InternetGatewayAttachment| {
        attachment
            .state
            .as_ref()
            .is_some_and(|state| ["available", "attached"].contains(&state.as_str()))
    };
    attachments.filter(holds).filter_map(|attachment| attachment.vpc_id).collect()
}

fn to_nat(nat: aws_sdk_ec2::types::NatGateway) -> NatGateway {
    let addresses = nat.nat_gateway_addresses.unwrap_or_default().into_iter();
    let address = addresses.filter_map(|address| address.public_ip?.parse().ok()).next();
    NatGateway {
        id: nat.nat_gateway_id.unwrap_or_default(),
        subnet: nat.subnet_id.filter(|subnet| {
            !subnet.is_empty() && nat.availability_mode != Some(AvailabilityMode::Regional)
        }),
        state: nat.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        public: nat.connectivity_type != Some(ConnectivityType::Private),
        address,
    }
}
