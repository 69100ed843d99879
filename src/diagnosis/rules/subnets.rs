//! `subnets`, `free-addresses` and `zones`.

use std::collections::BTreeSet;

use super::Look;
use crate::diagnosis::world::Subnet;
use crate::diagnosis::{Check, Finding, Unseen};

/// Fewer free addresses than this are soon none.
const FEW: u32 = 8;

pub(super) fn findings(look: Look<'_>) -> Vec<Finding> {
    let (wanted, known) = match both(look) {
        Ok(both) => both,
        Err(unseen) => {
            return [Check::Subnets, Check::FreeAddresses, Check::Zones]
                .map(|check| look.skip(check, &unseen))
                .to_vec();
        }
    };
    let found: Vec<&Subnet> = known.iter().filter(|subnet| wanted.contains(&subnet.id)).collect();
    vec![exist(look, wanted, &found), free(look, &found), zones(look, &found)]
        .into_iter()
        .flatten()
        .collect()
}

fn both(look: Look<'_>) -> Result<(&Vec<String>, &Vec<Subnet>), Unseen> {
    let wanted = look.subject.subnets.seen("subnets")?;
    Ok((wanted, look.evidence.network.subnets.seen("subnets")?))
}

fn exist(look: Look<'_>, wanted: &[String], found: &[&Subnet]) -> Option<Finding> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|id| !found.iter().any(|subnet| subnet.id == **id))
        .map(String::as_str)
        .collect();
    let vpcs: BTreeSet<&str> = found.iter().map(|subnet| subnet.vpc.as_str()).collect();
    let unusable: Vec<&str> =
        found.iter().filter(|s| !s.available).map(|s| s.id.as_str()).collect();
    Some(if wanted.is_empty() {
        look.fail(
            Check::Subnets,
            "no subnet has the tags that `network.subnetTags` asks for",
            "correct `network.subnetTags`, or tag the subnets",
        )
    } else if !missing.is_empty() {
        look.fail(
            Check::Subnets,
            format!("EC2 knows no {} in {}", missing.join(", "), look.evidence.region),
            "correct `network.subnets`",
        )
    } else if vpcs.len() > 1 {
        let vpcs: Vec<&str> = vpcs.into_iter().collect();
        look.fail(
            Check::Subnets,
            format!("the subnets are in several VPCs: {}", vpcs.join(", ")),
            "name subnets of one VPC",
        )
    } else if !unusable.is_empty() {
        look.fail(
            Check::Subnets,
            format!("{} cannot be used yet", unusable.join(", ")),
            "wait until EC2 has made them",
        )
    } else {
        look.ok(Check::Subnets, format!("{} can be used", wanted.join(", ")))
    })
}

fn free(look: Look<'_>, found: &[&Subnet]) -> Option<Finding> {
    let check = Check::FreeAddresses;
    // IPv6 has more than anybody needs.
    let found: Vec<&&Subnet> = found.iter().filter(|subnet| subnet.v4().is_some()).collect();
    if found.is_empty() {
        return None;
    }
    let told = |few: u32| {
        let told: Vec<String> = found
            .iter()
            .filter(|subnet| subnet.free_addresses < few)
            .map(|subnet| format!("{} has {}", subnet.id, subnet.free_addresses))
            .collect();
        told.join(", ")
    };
    let least = found.iter().map(|subnet| subnet.free_addresses).min().unwrap_or(0);
    let remedy = "add subnets with free addresses to `network`, or free some in these";
    Some(if least == 0 {
        let sentence = format!("{} free addresses; a task may land in any subnet", told(1));
        look.fail(check, sentence, remedy)
    } else if least < FEW {
        let sentence = format!("{} free addresses; a task may land in any subnet", told(FEW));
        look.warn(check, sentence, remedy)
    } else {
        look.ok(check, format!("every subnet has at least {least} free addresses"))
    })
}

fn zones(look: Look<'_>, found: &[&Subnet]) -> Option<Finding> {
    let zones: BTreeSet<&str> = found.iter().map(|subnet| subnet.zone.as_str()).collect();
    let zones: Vec<&str> = zones.into_iter().collect();
    match zones.as_slice() {
        [] => None,
        [only] => Some(look.warn(
            Check::Zones,
            format!("all subnets are in {only}: when that zone has no capacity, nothing starts"),
            "add subnets of other zones to `network`",
        )),
        several => Some(look.ok(Check::Zones, several.join(", "))),
    }
}
