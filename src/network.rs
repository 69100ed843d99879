//! Which subnets and security groups a job's network means, chosen from what EC2 has.
//!
//! A network that names its subnets and groups by id is taken as written, and EC2 is not asked.
//! Choosing is pure; asking is in `ec2`.

use crate::jobs::Network;

#[cfg(feature = "aws")]
pub mod ec2;
mod groups;
mod known;
mod subnets;

pub use groups::no_such_group;
pub use groups::{EGRESS_FINISHED, EGRESS_TAG, EGRESS_UNFINISHED, Group, GroupStep, group_step};
pub use known::Known;
pub use subnets::{Subnet, choose_subnets};

/// Where tasks are placed, in RunTask's own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awsvpc {
    /// Subnet ids, 1 to 16.
    pub subnets: Vec<String>,
    /// Security group ids, 1 to 5.
    pub security_groups: Vec<String>,
    /// Whether tasks get a public address.
    pub assign_public_ip: bool,
}

impl Awsvpc {
    /// The network as it is written, if it leaves nothing to be looked up.
    pub fn as_written(network: &Network) -> Option<Self> {
        let written = network.subnet_tags.is_empty() && network.security_group.is_none();
        written.then(|| Self {
            subnets: network.subnets.clone(),
            security_groups: network.security_groups.clone(),
            assign_public_ip: network.assign_public_ip,
        })
    }
}

/// Why a network could not be looked up. The variants are what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Nothing fits, or we may not look: give up until jobs.yaml, the VPC or the role has changed.
    #[error("network: {0}")]
    Invalid(String),
    /// EC2 cannot say for now: look again later.
    #[error("EC2 cannot be asked for the network: {0}")]
    Unavailable(String),
}
