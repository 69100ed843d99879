//! VPC endpoints.

use aws_sdk_ec2::types::{IpAddressType, VpcEndpoint, VpcEndpointType};
use serde_json::Value;

use super::Ec2;
use crate::diagnosis::Unseen;
use crate::diagnosis::world::{Endpoint, EndpointKind};

impl Ec2<'_> {
    pub(super) async fn endpoints(&self) -> Result<Vec<Endpoint>, Unseen> {
        let call = self.client.describe_vpc_endpoints().set_filters(self.inside("vpc-id"));
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("ec2:DescribeVpcEndpoints", found).await?;
        Ok(found.into_iter().map(to_endpoint).collect())
    }
}

fn to_endpoint(endpoint: VpcEndpoint) -> Endpoint {
    let kind = match endpoint.vpc_endpoint_type {
        Some(VpcEndpointType::Gateway) => EndpointKind::Gateway,
        Some(VpcEndpointType::GatewayLoadBalancer) => EndpointKind::GatewayLoadBalancer,
        _ => EndpointKind::Interface,
    };
    let groups = endpoint.groups.unwrap_or_default().into_iter();
    // S3's name may be kept for those who come in from outside: tasks take its gateway endpoint then.
    let is_for_others = endpoint
        .dns_options
        .as_ref()
        .and_then(|options| options.private_dns_only_for_inbound_resolver_endpoint)
        .unwrap_or(false);
    let is_v6 = |kind: &IpAddressType| *kind != IpAddressType::Ipv4;
    Endpoint {
        id: endpoint.vpc_endpoint_id.unwrap_or_default(),
        vpc: endpoint.vpc_id.unwrap_or_default(),
        service: endpoint.service_name.unwrap_or_default(),
        kind,
        state: endpoint.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        private_dns: endpoint.private_dns_enabled.unwrap_or(false) && !is_for_others,
        v6: endpoint.ip_address_type.as_ref().is_some_and(is_v6),
        subnets: endpoint.subnet_ids.unwrap_or_default(),
        groups: groups.filter_map(|group| group.group_id).collect(),
        open_policy: endpoint.policy_document.is_none_or(|policy| is_open(&policy)),
    }
}

/// Whether a policy lets everybody do everything: the one that EC2 gives.
fn is_open(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return policy.is_empty() };
    let Some(statements) = policy["Statement"].as_array() else { return false };
    let everything = |statement: &Value| {
        let is_any = |value: &Value| value == "*" || value["AWS"] == "*";
        statement["Effect"] == "Allow"
            && statement.get("Condition").is_none()
            && ["Action", "Resource", "Principal"].iter().all(|part| is_any(&statement[*part]))
    };
    let allows = |statement: &Value| statement["Effect"] == "Allow";
    statements.iter().all(allows) && statements.iter().any(everything)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_policy_that_lets_everybody_do_everything_is_open() {
        let policy = |statement: &str| format!(r#"{{"Statement":[{statement}]}}"#);
        let own = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#;
        let some = r#"{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}"#;
        let denied = r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#;
        for (text, expected) in [
            (policy(own), true),
            (policy(some), false),
            (policy(&format!("{own},{denied}")), false),
            (String::new(), true),
            ("no policy".to_owned(), false),
        ] {
            assert_eq!(is_open(&text), expected, "{text}");
        }
    }
}
