//! What was looked up lately, so that a burst of launches asks EC2 once.

use jiff::{SignedDuration, Timestamp};

use super::Awsvpc;
use crate::jobs::Network;

/// How long an answer is used: a subnet or group that went away is noticed after this.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Networks and what they meant a short while ago. Failures are not kept.
#[derive(Clone, Debug, Default)]
pub struct Known(Vec<(Network, Awsvpc, Timestamp)>);

impl Known {
    /// What `network` means, if that was looked up less than five minutes before `now`.
    pub fn get(&self, network: &Network, now: Timestamp) -> Option<&Awsvpc> {
        let is_it =
            |(known, _, at): &&(Network, Awsvpc, Timestamp)| known == network && is_fresh(*at, now);
        self.0.iter().find(is_it).map(|(_, awsvpc, _)| awsvpc)
    }

    /// Keeps what was looked up at `now`, and forgets what is old.
    pub fn put(&mut self, network: Network, awsvpc: Awsvpc, now: Timestamp) {
        self.0.retain(|(known, _, at)| *known != network && is_fresh(*at, now));
        self.0.push((network, awsvpc, now));
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    // A clock that was set back makes nothing last longer.
    at <= now && now.duration_since(at) < FRESH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_five_minutes_and_its_own_network() {
        let network = |vpc: &str| Network { vpc: Some(vpc.to_owned()), ..Network::default() };
        let awsvpc = Awsvpc {
            subnets: vec!["subnet-1".to_owned()],
            security_groups: Vec::new(),
            assign_public_ip: false,
        };
        let start = Timestamp::UNIX_EPOCH;
        let mut known = Known::default();
        known.put(network("vpc-1"), awsvpc.clone(), start);
        let secs = |secs| start + SignedDuration::from_secs(secs);
        for (vpc, now, expected) in [
            ("vpc-1", secs(0), true),
            ("vpc-1", secs(299), true),
            ("vpc-1", secs(300), false),
            ("vpc-1", secs(-1), false),
            ("vpc-2", secs(0), false),
        ] {
            assert_eq!(known.get(&network(vpc), now).is_some(), expected, "{vpc} {now}");
        }
        known.put(network("vpc-2"), awsvpc, secs(300));
        assert_eq!(known.0.len(), 1);
    }
}
