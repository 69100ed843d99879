//! Subnets by their tags, spread over zones, so that one zone without capacity does not keep every
//! task from starting.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::NetworkError;
use crate::jobs::Network;

/// Subnets RunTask takes at most
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html>).
const SUBNETS_MAX: usize = 16;
/// Subnets an error names at most.
const SHOWN_MAX: usize = 8;
/// Tags an error names of each subnet at most, and characters of each.
const TAGS_SHOWN_MAX: usize = 3;
const TAG_CHARS_MAX: usize = 40;

/// A subnet of the job's VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-` and digits.
    pub id: String,
    /// The zone, by name.
    pub zone: String,
    /// Addresses nobody has.
    pub free_addresses: u32,
    /// Whether it can be used.
    pub available: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The subnets of `network` by id, sorted: those it names, or, of all `found` in its VPC, those
/// with its tags. More than ECS takes are thinned out evenly over the zones, the fullest first.
pub fn choose_subnets(network: &Network, found: &[Subnet]) -> Result<Vec<String>, NetworkError> {
    if network.subnet_tags.is_empty() {
        return Ok(network.subnets.clone());
    }
    let tagged: Vec<&Subnet> =
        found.iter().filter(|subnet| has_tags(subnet, &network.subnet_tags)).collect();
    if tagged.is_empty() {
        return Err(NetworkError::Invalid(no_match(network, found)));
    }
    let usable: Vec<&Subnet> = tagged.into_iter().filter(|subnet| subnet.available).collect();
    if usable.is_empty() {
        let reason = "its subnets are not available yet";
        return Err(NetworkError::Unavailable(reason.to_owned()));
    }
    // ECS picks at random, and a task in a full subnet fails; if all are full, ECS says so best.
    let free: Vec<&Subnet> =
        usable.iter().copied().filter(|subnet| subnet.free_addresses > 0).collect();
    let mut chosen = spread(if free.is_empty() { usable } else { free });
    // The same launch asked twice must be the same request.
    chosen.sort();
    Ok(chosen)
}

/// Takes one subnet of each zone in turn, the one with most free addresses first.
fn spread(subnets: Vec<&Subnet>) -> Vec<String> {
    let mut zones: BTreeMap<&str, Vec<&Subnet>> = BTreeMap::new();
    for subnet in subnets {
        zones.entry(&subnet.zone).or_default().push(subnet);
    }
    let mut ranked = Vec::new();
    for (zone, mut subnets) in zones {
        subnets.sort_by_key(|subnet| (Reverse(subnet.free_addresses), &subnet.id));
        ranked.extend(subnets.into_iter().enumerate().map(|(rank, subnet)| (rank, zone, subnet)));
    }
    ranked.sort_by_key(|(rank, zone, _)| (*rank, *zone));
    ranked.into_iter().take(SUBNETS_MAX).map(|(_, _, subnet)| subnet.id.clone()).collect()
}

fn has_tags(subnet: &Subnet, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| subnet.tags.get(key) == Some(value))
}

/// What was asked, and what there is.
fn no_match(network: &Network, found: &[Subnet]) -> String {
    let vpc = network.vpc.as_deref().unwrap_or("the VPC");
    let wanted: Vec<String> = network.subnet_tags.iter().map(tag).collect();
    let wanted = wanted.join(", ");
    if found.is_empty() {
        return format!(
            "{vpc} has no subnets (asked for: {wanted}); is it in this account and Region?"
        );
    }
    let mut sorted: Vec<&Subnet> = found.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let shown: Vec<String> =
        sorted.iter().take(SHOWN_MAX).map(|subnet| describe(subnet, network)).collect();
    let more = match found.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "no subnet of {vpc} has the tags {wanted}; there are: {}{more}; correct `subnetTags`, or \
         tag the subnets",
        shown.join(", ")
    )
}

/// A subnet with the tags that are most like the ones asked for.
fn describe(subnet: &Subnet, network: &Network) -> String {
    let is_asked = |key: &str| network.subnet_tags.keys().any(|k| k.eq_ignore_ascii_case(key));
    let mut tags: Vec<_> = subnet.tags.iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
    tags.sort_by_key(|(key, _)| (!is_asked(key), key.as_str()));
    let shown: Vec<String> = tags.into_iter().take(TAGS_SHOWN_MAX).map(tag).collect();
    let shown = if shown.is_empty() { "no tags".to_owned() } else { shown.join(", ") };
    format!("{} ({}: {shown})", subnet.id, subnet.zone)
}

fn tag((key, value): (&String, &String)) -> String {
    let cut = |text: &str| text.chars().take(TAG_CHARS_MAX).collect::<String>();
    format!("{}={}", cut(key), cut(value)).escape_debug().to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn subnet(id: &str, zone: &str, free_addresses: u32, kind: &str) -> Subnet {
        let tags = BTreeMap::from([("Type".to_owned(), kind.to_owned())]);
        Subnet { id: id.to_owned(), zone: zone.to_owned(), free_addresses, available: true, tags }
    }

    fn private() -> Network {
        Network {
            vpc: Some("vpc-12345678".to_owned()),
            subnet_tags: BTreeMap::from([("Type".to_owned(), "private".to_owned())]),
            ..Network::default()
        }
    }

    fn check(found: &[Subnet], expected: &[&str]) {
        assert_eq!(choose_subnets(&private(), found).unwrap(), expected);
    }

    fn error(found: &[Subnet]) -> String {
        choose_subnets(&private(), found).unwrap_err().to_string()
    }

    #[test]
    fn only_subnets_with_every_tag_are_taken_in_sorted_order() {
        check(
            &[
                subnet("subnet-c", "a", 10, "private"),
                subnet("subnet-b", "b", 10, "public"),
                subnet("subnet-a", "b", 10, "private"),
            ],
            &["subnet-a", "subnet-c"],
        );
    }

    #[test]
    fn sixteen_are_spread_over_zones_and_full_ones_give_way() {
        let mut found: Vec<Subnet> =
            (0..20).map(|n| subnet(&format!("subnet-a{n:02}"), "a", 100 - n, "private")).collect();
        found.push(subnet("subnet-b00", "b", 1, "private"));
        found.push(subnet("subnet-c00", "c", 1, "private"));
        let chosen = choose_subnets(&private(), &found).unwrap();
        assert_eq!(chosen.len(), 16);
        assert!(chosen.contains(&"subnet-b00".to_owned()), "{chosen:?}");
        assert!(chosen.contains(&"subnet-c00".to_owned()), "{chosen:?}");
        assert!(chosen.contains(&"subnet-a13".to_owned()), "{chosen:?}");
        assert!(!chosen.contains(&"subnet-a14".to_owned()), "{chosen:?}");
        found.reverse();
        assert_eq!(choose_subnets(&private(), &found).unwrap(), chosen);
    }

    #[test]
    fn a_subnet_without_addresses_is_left_out_unless_all_are() {
        let full = subnet("subnet-a", "a", 0, "private");
        check(&[full.clone(), subnet("subnet-b", "b", 5, "private")], &["subnet-b"]);
        check(&[full], &["subnet-a"]);
    }

    #[test]
    fn a_subnet_that_is_being_made_is_waited_for() {
        let pending = Subnet { available: false, ..subnet("subnet-a", "a", 9, "private") };
        check(&[pending.clone(), subnet("subnet-b", "b", 9, "private")], &["subnet-b"]);
        assert!(matches!(
            choose_subnets(&private(), &[pending]),
            Err(NetworkError::Unavailable(_))
        ));
    }

    #[test]
    fn an_error_says_what_was_asked_and_what_there_is() {
        let found = error(&[
            subnet("subnet-b", "b", 9, "Private"),
            Subnet { tags: BTreeMap::new(), ..subnet("subnet-a", "a", 9, "") },
        ]);
        insta::assert_snapshot!(found, @"network: no subnet of vpc-12345678 has the tags Type=private; there are: subnet-a (a: no tags), subnet-b (b: Type=Private); correct `subnetTags`, or tag the subnets");
        insta::assert_snapshot!(error(&[]), @"network: vpc-12345678 has no subnets (asked for: Type=private); is it in this account and Region?");
    }

    #[test]
    fn an_error_is_short_however_much_there_is() {
        let long = |n: u32| {
            let tags = (0..50).map(|k| (format!("{k}{}", "k".repeat(100)), "v".repeat(200)));
            Subnet { tags: tags.collect(), ..subnet(&format!("subnet-{n:08}"), "a", 9, "") }
        };
        let found: Vec<Subnet> = (0..200).map(long).collect();
        let text = error(&found);
        assert!(text.contains("and 192 more"), "{text}");
        assert!(text.chars().count() < 2_600, "{}", text.chars().count());
    }
}
