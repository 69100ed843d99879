//! `vpc-dns`, `public-ip`, `route`, `endpoint`, `security-group` and `network-acl`: the way from
//! each of the job's subnets to each service it needs. A task may land in any of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Look;
use crate::diagnosis::evidence::Definition;
use crate::diagnosis::needs::services;
use crate::diagnosis::reach::{Blocker, Destination, Note, Origin, Path, Service, reach};
use crate::diagnosis::{Check, Finding, Status, Unseen};

/// The checks of a packet's way.
pub(super) const CHECKS: [Check; 6] = [
    Check::VpcDns,
    Check::PublicIp,
    Check::Route,
    Check::Endpoint,
    Check::SecurityGroup,
    Check::NetworkAcl,
];

/// Services that are stopped, each from which subnets.
type Stopped = Vec<(Destination, Vec<String>)>;

/// What was found on every way.
#[derive(Default)]
struct Ways {
    /// The way of each service, from which subnets.
    paths: BTreeMap<(Service, Path), Vec<String>>,
    /// What stops which services, each from which subnets.
    blocked: BTreeMap<Blocker, Stopped>,
    /// What stops which services, unless something that was not seen lets them through.
    doubted: BTreeMap<(Blocker, Unseen), Stopped>,
    notes: BTreeSet<Note>,
    unseen: BTreeSet<(Check, Unseen)>,
    /// How many ways passed each check.
    passed: BTreeMap<Check, usize>,
    /// How many there are, and how many of them are known from end to end.
    walked: usize,
    whole: usize,
}

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    let subject = look.subject;
    let subnets = match subject.subnets.seen("subnets") {
        Ok(subnets) => subnets,
        Err(unseen) => return CHECKS.map(|check| look.skip(check, &unseen)).to_vec(),
    };
    let mut ways = Ways::default();
    let groups = match subject.security_groups.seen("security groups") {
        Ok(groups) => Some(groups.as_slice()),
        Err(unseen) => {
            ways.unseen.insert((Check::SecurityGroup, unseen));
            None
        }
    };
    for to in services(look.evidence, subject, definition) {
        for subnet in subnets {
            let from = Origin { subnet, groups, public_address: subject.assign_public_ip };
            ways.walk(look, &from, &to);
        }
    }
    ways.into_findings(look)
}

impl Ways {
    fn walk(&mut self, look: Look<'_>, from: &Origin<'_>, to: &Destination) {
        let way = reach(&look.evidence.network, from, to);
        self.walked += 1;
        self.whole += usize::from(way.path.is_some());
        if let (Some(path), true, true) = (way.path, way.blockers.is_empty(), way.doubts.is_empty())
        {
            let key = (to.service.clone(), path);
            self.paths.entry(key).or_default().push(from.subnet.to_owned());
        }
        for blocker in way.blockers {
            // That a subnet is missing is told once, by its own check.
            if !matches!(blocker, Blocker::NoSubnet { .. }) {
                note_stop(self.blocked.entry(blocker).or_default(), from.subnet, to);
            }
        }
        for doubt in way.doubts {
            note_stop(self.doubted.entry(doubt).or_default(), from.subnet, to);
        }
        for check in way.passed {
            *self.passed.entry(check).or_default() += 1;
        }
        self.notes.extend(way.notes);
        self.unseen.extend(way.unseen);
    }

    fn into_findings(self, look: Look<'_>) -> Vec<Finding> {
        let mut found = self.fine(look);
        for (blocker, services) in &self.blocked {
            match blocker.check() {
                // One for each service: each has its own host and its own remedy.
                Check::Route => {
                    let each = services.iter().map(std::slice::from_ref);
                    found.extend(each.filter_map(|service| stopped(look, blocker, service)));
                }
                _ => found.extend(stopped(look, blocker, services)),
            }
        }
        for ((blocker, unseen), services) in &self.doubted {
            let each = services.iter().map(std::slice::from_ref);
            found.extend(each.filter_map(|service| doubted(look, blocker, unseen, service)));
        }
        found.extend(self.notes.iter().filter_map(|note| noted(look, note)));
        found.extend(self.unseen.iter().map(|(check, unseen)| look.skip(*check, unseen)));
        found
    }

    /// What is in order: the ways, and each check that stopped nothing and was looked at.
    fn fine(&self, look: Look<'_>) -> Vec<Finding> {
        let mut found: Vec<Finding> = self
            .paths
            .iter()
            .map(|((service, path), subnets)| {
                let subject = look.about(&service.to_string());
                let evidence = format!("{path}, from {}", subnets.join(", "));
                Finding::ok(Check::Route, &subject, evidence)
            })
            .collect();
        let has_endpoint =
            self.paths.keys().any(|(_, path)| matches!(path, Path::Interface { .. }));
        let is_public = self.paths.keys().any(|(_, path)| matches!(path, Path::Internet { .. }));
        let has_passed = |check: Check| self.passed.contains_key(&check);
        let (groups, acls) = if self.whole == self.walked {
            (
                "the task's security groups let it out to every service",
                "question and answer pass every network ACL",
            )
        } else {
            (
                "the task's security groups let it out as far as its way is known",
                "question and answer pass the network ACLs as far as their way is known",
            )
        };
        for (check, applies, evidence) in [
            (Check::VpcDns, has_passed(Check::VpcDns), "the VPC resolves names"),
            (Check::PublicIp, is_public, "tasks have the public address that their subnets need"),
            (Check::Endpoint, has_endpoint, "the endpoints work and let the task in"),
            (Check::SecurityGroup, has_passed(Check::SecurityGroup), groups),
            (Check::NetworkAcl, has_passed(Check::NetworkAcl), acls),
        ] {
            if applies && !self.is_in_question(check) {
                found.push(look.ok(check, evidence));
            }
        }
        found
    }

    /// Whether something was found in this check, or could not be seen.
    fn is_in_question(&self, check: Check) -> bool {
        self.blocked.keys().any(|blocker| blocker.check() == check)
            || self.doubted.keys().any(|(blocker, _)| blocker.check() == check)
            || self.unseen.iter().any(|(unseen, _)| *unseen == check)
    }
}

/// Notes which service is stopped from which subnet.
fn note_stop(stopped: &mut Stopped, subnet: &str, to: &Destination) {
    match stopped.iter_mut().find(|(service, _)| service == to) {
        Some((_, subnets)) => subnets.push(subnet.to_owned()),
        None => stopped.push((to.clone(), vec![subnet.to_owned()])),
    }
}

/// A finding about what stops these services unless something unseen lets them through.
fn doubted(
    look: Look<'_>,
    blocker: &Blocker,
    unseen: &Unseen,
    services: &[(Destination, Vec<String>)],
) -> Option<Finding> {
    let told = stopped(look, blocker, services)?;
    let evidence = format!("{}; this is not certain: {unseen}", told.evidence);
    Some(Finding { status: Status::Skipped, evidence, remedy: unseen.remedy(), ..told })
}

/// A finding about what stops these services.
fn stopped(
    look: Look<'_>,
    blocker: &Blocker,
    services: &[(Destination, Vec<String>)],
) -> Option<Finding> {
    let (first, _) = services.first()?;
    let names: Vec<String> = services.iter().map(|(to, _)| to.service.to_string()).collect();
    let subnets: BTreeSet<&str> =
        services.iter().flat_map(|(_, subnets)| subnets).map(String::as_str).collect();
    let subnets: Vec<&str> = subnets.into_iter().collect();
    let subject = look.about(&names.join(", "));
    let evidence = format!("{}; from {}", blocker.sentence(first), subnets.join(", "));
    let remedy = fill(look, &blocker.remedy(first), &subnets);
    // Secrets are decrypted by their own service: AWS asks for this way, few tasks ever take it.
    Some(match services.iter().all(|(to, _)| to.service == Service::Kms) {
        true => Finding::warn(blocker.check(), &subject, evidence, remedy),
        false => Finding::fail(blocker.check(), &subject, evidence, remedy),
    })
}

/// Puts what is known into the commands, so that less is left to be looked up.
fn fill(look: Look<'_>, remedy: &str, subnets: &[&str]) -> String {
    let known = look.evidence.network.subnets.seen("subnets").ok();
    let vpc =
        known.and_then(|known| known.iter().find(|known| subnets.contains(&known.id.as_str())));
    let mut filled =
        remedy.replace("--subnet-ids SUBNET", &format!("--subnet-ids {}", subnets.join(" ")));
    if let Some(subnet) = vpc {
        filled = filled.replace("--vpc-id VPC", &format!("--vpc-id {}", subnet.vpc));
    }
    if let Ok([group, ..]) = look.subject.security_groups.seen("groups").map(Vec::as_slice) {
        filled = filled.replace("TASK_SECURITY_GROUP", group);
    }
    filled
}

/// One of the job's subnets in a zone.
fn one_of<'e>(look: Look<'e>, zone: &str) -> Option<&'e str> {
    let wanted = look.subject.subnets.seen("subnets").ok()?;
    let known = look.evidence.network.subnets.seen("subnets").ok()?;
    let found = known.iter().find(|subnet| subnet.zone == zone && wanted.contains(&subnet.id))?;
    Some(&found.id)
}

fn noted(look: Look<'_>, note: &Note) -> Option<Finding> {
    match note {
        Note::OtherZone { endpoint, zone } => Some(look.warn(
            Check::Endpoint,
            format!("{endpoint} is in no subnet of {zone}: tasks there depend on another zone"),
            format!(
                "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint} --add-subnet-ids {}",
                one_of(look, zone).unwrap_or("SUBNET")
            ),
        )),
        Note::Thief { table, destination, target } => Some(look.warn(
            Check::Route,
            format!(
                "{table} sends {destination} to {target}: services with addresses in it go there"
            ),
            "look whether that is meant so",
        )),
        // A policy of its own is no fault; what it allows was not read.
        Note::Policy { endpoint } => Some(look.ok(
            Check::Endpoint,
            format!("{endpoint} has a policy of its own, which was not read"),
        )),
    }
}
