//! What an account has that a new project can be made of, and what of it is proposed.

/// Subnets that a job names at most.
const SUBNETS_MAX: usize = 16;

/// What there is, as far as AWS was asked and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// The region that was asked.
    pub region: Option<String>,
    /// Clusters by name.
    pub clusters: Vec<String>,
    /// VPCs.
    pub vpcs: Vec<VpcChoice>,
    /// Subnets of all of them.
    pub subnets: Vec<SubnetChoice>,
    /// The ARN of the role that ECS itself proposes, if it was made.
    pub execution_role: Option<String>,
    /// What could not be seen, and why.
    pub notes: Vec<String>,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcChoice {
    /// Its id.
    pub id: String,
    /// Its name tag, or nothing.
    pub name: String,
    /// Whether it is the region's default one.
    pub is_default: bool,
}

/// A subnet that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetChoice {
    /// Its id.
    pub id: String,
    /// The VPC it is in.
    pub vpc: String,
    /// Its name tag, or nothing.
    pub name: String,
    /// Its availability zone.
    pub zone: String,
    /// Whether what starts in it is meant to get a public address.
    pub is_public: bool,
}

impl Choices {
    /// The only cluster, or the one that ECS takes when nobody says.
    pub(super) fn cluster(&self) -> Option<String> {
        match self.clusters.as_slice() {
            [only] => Some(only.clone()),
            known if known.is_empty() || known.iter().any(|name| name == "default") => {
                Some("default".to_owned())
            }
            _ => None,
        }
    }

    /// The only VPC, or the region's default one.
    pub(super) fn vpc(&self) -> Option<String> {
        let vpc = match self.vpcs.as_slice() {
            [only] => Some(only),
            known => known.iter().find(|vpc| vpc.is_default),
        };
        vpc.map(|vpc| vpc.id.clone())
    }

    /// The private subnets of a VPC, or all of them where none is private.
    pub(super) fn subnets(&self, vpc: &str) -> Option<String> {
        let (public, private): (Vec<_>, Vec<_>) =
            self.subnets_of(vpc).partition(|subnet| subnet.is_public);
        let chosen = if private.is_empty() { public } else { private };
        let ids: Vec<&str> =
            chosen.iter().take(SUBNETS_MAX).map(|subnet| subnet.id.as_str()).collect();
        (!ids.is_empty()).then(|| ids.join(","))
    }

    pub(super) fn subnets_of(&self, vpc: &str) -> impl Iterator<Item = &SubnetChoice> {
        self.subnets.iter().filter(move |subnet| subnet.vpc == vpc)
    }

    /// Whether each of these subnets is known as public: without an address of its own nothing in
    /// them reaches a registry.
    pub(super) fn are_public(&self, ids: &str) -> bool {
        ids.split(',').all(|id| self.subnets.iter().any(|known| known.id == id && known.is_public))
    }
}
