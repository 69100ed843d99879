//! Asks EC2 what a job's network means.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, SubnetState, Tag};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{Awsvpc, Known, NetworkError, Subnet, choose_subnets};
use crate::aws::failure::{Failure, FailureKind};
use crate::jobs::Network;

mod group;

/// The networks of one account and Region. Costs nothing until the first is asked for.
#[derive(Debug)]
pub struct Ec2 {
    config: SdkConfig,
    client: OnceLock<Client>,
    /// Held while EC2 is asked: whoever comes meanwhile waits for the same answer.
    known: Mutex<Known>,
}

impl Ec2 {
    /// Asks over this connection.
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), client: OnceLock::new(), known: Mutex::default() }
    }

    /// The subnets and groups `network` means. Makes its security group if it says so. Answers are
    /// kept for five minutes after `now`.
    pub async fn resolve(&self, network: &Network, now: Timestamp) -> Result<Awsvpc, NetworkError> {
        if let Some(written) = Awsvpc::as_written(network) {
            return Ok(written);
        }
        let mut known = self.known.lock().await;
        if let Some(awsvpc) = known.get(network, now) {
            return Ok(awsvpc.clone());
        }
        // Subnets first: no group is made for a network that has no place.
        let awsvpc = Awsvpc {
            subnets: self.subnets(network).await?,
            security_groups: self.security_groups(network).await?,
            assign_public_ip: network.assign_public_ip,
        };
        known.put(network.clone(), awsvpc.clone(), now);
        Ok(awsvpc)
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    async fn subnets(&self, network: &Network) -> Result<Vec<String>, NetworkError> {
        if network.subnet_tags.is_empty() {
            return choose_subnets(network, &[]);
        }
        // All of the VPC's, so that an error can name them.
        let found: Result<Vec<_>, _> = self
            .client()
            .describe_subnets()
            .filters(filter("vpc-id", vpc(network)?))
            .into_paginator()
            .items()
            .send()
            .collect()
            .await;
        let found = found.map_err(|error| failed("ec2:DescribeSubnets", &error))?;
        let found: Vec<Subnet> = found.into_iter().map(to_subnet).collect();
        choose_subnets(network, &found)
    }

    async fn security_groups(&self, network: &Network) -> Result<Vec<String>, NetworkError> {
        match &network.security_group {
            Some(wanted) => Ok(vec![group::find(self.client(), wanted, vpc(network)?).await?]),
            None => Ok(network.security_groups.clone()),
        }
    }
}

fn vpc(network: &Network) -> Result<&str, NetworkError> {
    let missing = || NetworkError::Invalid("has no `vpc` to look in".to_owned());
    network.vpc.as_deref().ok_or_else(missing)
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn to_subnet(subnet: aws_sdk_ec2::types::Subnet) -> Subnet {
    let free = subnet.available_ip_address_count.unwrap_or(0);
    Subnet {
        available: subnet.state == Some(SubnetState::Available),
        free_addresses: u32::try_from(free).unwrap_or(0),
        tags: to_tags(subnet.tags.unwrap_or_default()),
        id: subnet.subnet_id.unwrap_or_default(),
        zone: subnet.availability_zone.unwrap_or_default(),
    }
}

fn to_tags(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// What a failed call means for the network.
fn failed<E>(action: &str, error: &SdkError<E, HttpResponse>) -> NetworkError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let failure = Failure::of(error);
    let text = failure.to_text(action);
    match failure.kind {
        FailureKind::Unsent | FailureKind::Unanswered | FailureKind::Unavailable => {
            NetworkError::Unavailable(text)
        }
        FailureKind::Denied | FailureKind::Rejected => NetworkError::Invalid(text),
    }
}
