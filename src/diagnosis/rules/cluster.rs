//! `cluster` and `capacity-provider`.

use super::{Look, source};
use crate::diagnosis::{Check, Finding};

pub(super) fn findings(look: Look<'_>) -> Vec<Finding> {
    let name = &look.subject.cluster;
    let cluster = match source(&look.evidence.clusters, name, "clusters") {
        Ok(Some(cluster)) => cluster,
        Ok(None) => {
            return vec![look.fail(
                Check::Cluster,
                format!("ECS has no cluster {name} in {}", look.evidence.region),
                format!("aws ecs create-cluster --cluster-name {name}"),
            )];
        }
        Err(unseen) => {
            return [Check::Cluster, Check::CapacityProvider]
                .map(|check| look.skip(check, &unseen))
                .to_vec();
        }
    };
    if cluster.status != "ACTIVE" {
        return vec![look.fail(
            Check::Cluster,
            format!("cluster {name} is {}, not ACTIVE", cluster.status),
            "use another cluster, or wait until it is made",
        )];
    }
    let missing: Vec<&str> = look
        .subject
        .capacity
        .iter()
        .filter(|wanted| !cluster.capacity_providers.contains(wanted))
        .map(String::as_str)
        .collect();
    let providers = if missing.is_empty() {
        let wanted = match look.subject.capacity.as_slice() {
            [] => "FARGATE".to_owned(),
            wanted => wanted.join(", "),
        };
        look.ok(Check::CapacityProvider, format!("cluster {name} has {wanted}"))
    } else {
        look.fail(
            Check::CapacityProvider,
            format!("cluster {name} is not associated with {}", missing.join(", ")),
            format!(
                "aws ecs put-cluster-capacity-providers --cluster {name} --capacity-providers \
                 FARGATE FARGATE_SPOT --default-capacity-provider-strategy \
                 capacityProvider=FARGATE"
            ),
        )
    };
    vec![look.ok(Check::Cluster, format!("cluster {name} is active")), providers]
}
