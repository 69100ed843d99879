//! Each check finds what it is for, and nothing else; what may not be looked at hides nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{
    DISPATCH, EXECUTION, IMAGE, LOG, SECRET, TASK, definition, healthy, with_network,
};
use crate::diagnosis::Source::{self, Seen};
use crate::diagnosis::evidence::{Evidence, SubjectTrigger, Trigger};
use crate::diagnosis::{Check, Finding, Status, diagnose};

fn with(evidence: &Evidence, status: Status) -> Vec<Finding> {
    diagnose(evidence).findings.into_iter().filter(|f| f.status == status).collect()
}

#[test]
fn a_job_that_lacks_nothing_has_only_good_findings() {
    let diagnosis = diagnose(&healthy());
    let others: Vec<&Finding> =
        diagnosis.findings.iter().filter(|finding| finding.status != Status::Ok).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(diagnosis.is_good() && diagnosis.cause.is_none());
    let seen: BTreeSet<Check> = diagnosis.findings.iter().map(|finding| finding.check).collect();
    // It has no public address and no interface endpoint to look at.
    let missing: Vec<Check> =
        Check::ALL.into_iter().filter(|check| !seen.contains(check)).collect();
    assert_eq!(missing, [Check::PublicIp, Check::Endpoint, Check::Task]);
}

#[test]
fn endpoints_in_place_of_a_nat_gateway_are_as_good() {
    let evidence = with_network(
        "endpoints",
        "subnet app-b b 10.0.2.0/24
        table rtb-app for=app,app-b pl-s3=vpce-s3
        endpoint vpce-api ecr.api in=ends,ends-b group=sg-ends
        endpoint vpce-dkr ecr.dkr in=ends,ends-b group=sg-ends
        endpoint vpce-logs logs in=ends,ends-b group=sg-ends policy=own
        endpoint vpce-secrets secretsmanager in=ends,ends-b group=sg-ends
        acl acl-1 for=app,app-b,ends,ends-b in:100:allow:all:0.0.0.0/0 out:100:allow:all:0.0.0.0/0
        task in=app,app-b groups=sg-task",
    );
    let diagnosis = diagnose(&evidence);
    assert!(diagnosis.findings.iter().all(|f| f.status == Status::Ok), "{diagnosis:#?}");
    assert!(diagnosis.findings.iter().any(|finding| finding.check == Check::Endpoint));
}

#[test]
fn public_subnets_with_a_public_address_are_as_good() {
    let evidence = with_network(
        "nat",
        "subnet edge-b b 10.0.8.0/24
        table rtb-edge for=edge,edge-b 0.0.0.0/0=igw-1
        task in=edge,edge-b groups=sg-task public",
    );
    let diagnosis = diagnose(&evidence);
    assert!(diagnosis.findings.iter().all(|f| f.status == Status::Ok), "{diagnosis:#?}");
    assert!(diagnosis.findings.iter().any(|finding| finding.check == Check::PublicIp));
}

type Break = fn(&mut Evidence);

/// What is broken, the check that must say so and how, and a part of what it says.
const BROKEN: &[(Break, Check, Status, &str)] = &[
    (
        |e| set(&mut e.triggers, "schedule/report-nightly", None),
        Check::Trigger,
        Status::Fail,
        "report-nightly does not exist",
    ),
    (
        |e| off(e, "schedule/report-nightly"),
        Check::Trigger,
        Status::Fail,
        "report-nightly is disabled",
    ),
    (|e| off(e, "bucket/report-uploads"), Check::Trigger, Status::Fail, "does not send its events"),
    (|e| off(e, "rule/report-objects"), Check::Trigger, Status::Fail, "report-objects is disabled"),
    (|e| e.queue_admits = Seen(Some(false)), Check::Trigger, Status::Fail, "does not let in"),
    (|e| e.queue_admits = Seen(None), Check::Trigger, Status::Fail, "queue does not exist"),
    (
        |e| seen(&mut e.triggers, "rule/report-objects").to_queue = Seen(false),
        Check::Trigger,
        Status::Fail,
        "does not send to the events queue",
    ),
    (
        |e| set(&mut e.clusters, "batch-cluster", None),
        Check::Cluster,
        Status::Fail,
        "no cluster batch-cluster",
    ),
    (
        |e| seen(&mut e.clusters, "batch-cluster").status = "INACTIVE".to_owned(),
        Check::Cluster,
        Status::Fail,
        "INACTIVE",
    ),
    (
        |e| drop(seen(&mut e.clusters, "batch-cluster").capacity_providers.pop()),
        Check::CapacityProvider,
        Status::Fail,
        "FARGATE_SPOT",
    ),
    (
        |e| e.jobs[0].definition = Seen(None),
        Check::TaskDefinition,
        Status::Fail,
        "no such task definition",
    ),
    (|e| definition(e).active = false, Check::TaskDefinition, Status::Fail, "not active"),
    (
        |e| definition(e).fargate = false,
        Check::TaskDefinition,
        Status::Fail,
        "not made for Fargate",
    ),
    (
        |e| e.jobs[0].container = "other".to_owned(),
        Check::Container,
        Status::Fail,
        "no container other",
    ),
    (|e| definition(e).memory = 700, Check::CpuMemory, Status::Fail, "no memory 700"),
    (
        |e| definition(e).execution_role = None,
        Check::ExecutionRole,
        Status::Fail,
        "no execution role",
    ),
    (|e| set(&mut e.roles, EXECUTION, None), Check::ExecutionRole, Status::Fail, "does not exist"),
    (
        |e| seen(&mut e.roles, EXECUTION).trusted_services.clear(),
        Check::ExecutionRole,
        Status::Fail,
        "ecs-tasks",
    ),
    (
        |e| set(&mut e.roles, TASK, None),
        Check::TaskRole,
        Status::Fail,
        "report-task does not exist",
    ),
    (
        |e| deny(e, EXECUTION, 0),
        Check::ExecutionRolePermissions,
        Status::Fail,
        "may not logs:CreateLogStream",
    ),
    (
        |e| deny(e, EXECUTION, 1),
        Check::ExecutionRolePermissions,
        Status::Fail,
        "may not ecr:BatchGetImage",
    ),
    (|e| deny(e, DISPATCH, 1), Check::PassRole, Status::Fail, "report-task"),
    (|e| definition(e).cpu = 8_192, Check::Quota, Status::Fail, "needs 8 vCPU"),
    (|e| used(e, 5.9), Check::Quota, Status::Warn, "5.9 of 6"),
    (
        |e| e.jobs[0].subnets = Seen(vec!["gone".to_owned()]),
        Check::Subnets,
        Status::Fail,
        "EC2 knows no gone",
    ),
    (|e| e.jobs[0].subnets = Seen(Vec::new()), Check::Subnets, Status::Fail, "subnetTags"),
    (
        |e| e.jobs[0].subnets = Seen(vec!["app".to_owned()]),
        Check::Zones,
        Status::Warn,
        "all subnets are in a",
    ),
    (|e| free(e, 0, 90), Check::FreeAddresses, Status::Fail, "app has 0 free addresses"),
    (|e| free(e, 7, 90), Check::FreeAddresses, Status::Warn, "app has 7 free addresses"),
    (|e| set(&mut e.secrets, SECRET, None), Check::Secrets, Status::Fail, "does not exist"),
    (
        |e| seen(&mut e.secrets, SECRET).deleted = true,
        Check::Secrets,
        Status::Fail,
        "waits to be deleted",
    ),
    (
        |e| seen(&mut e.secrets, SECRET).has_value = false,
        Check::Secrets,
        Status::Fail,
        "AWSCURRENT",
    ),
    (|e| set(&mut e.images, IMAGE, None), Check::Image, Status::Fail, "has no 123456789012.dkr"),
    (
        |e| seen(&mut e.images, IMAGE).policy_admits = Seen(Some(false)),
        Check::Image,
        Status::Fail,
        "policy of repository acme/report",
    ),
    (
        |e| seen(&mut e.images, IMAGE).platforms = Seen(vec!["linux/arm64/v8".to_owned()]),
        Check::ImagePlatform,
        Status::Fail,
        "linux/amd64",
    ),
    (
        |e| definition(e).architecture = "ARM64".to_owned(),
        Check::ImagePlatform,
        Status::Fail,
        "built for linux/amd64",
    ),
    (|e| definition(e).windows = true, Check::ImagePlatform, Status::Fail, "runs on windows/amd64"),
    (
        |e| set(&mut e.log_groups, LOG, None),
        Check::LogGroup,
        Status::Fail,
        "/ecs/report-log does not exist",
    ),
    (|e| e.jobs[0].enable_execute_command = true, Check::Route, Status::Ok, "by nat-1"),
];

fn set<T>(map: &mut BTreeMap<String, Source<Option<T>>>, key: &str, value: Option<T>) {
    map.insert(key.to_owned(), Seen(value));
}

fn seen<'m, T>(map: &'m mut BTreeMap<String, Source<Option<T>>>, key: &str) -> &'m mut T {
    match map.get_mut(key) {
        Some(Seen(Some(value))) => value,
        _ => panic!("{key} was not seen"),
    }
}

fn off(evidence: &mut Evidence, trigger: &str) {
    seen(&mut evidence.triggers, trigger).enabled = false;
}

fn deny(evidence: &mut Evidence, role: &str, decision: usize) {
    match &mut seen(&mut evidence.roles, role).decisions {
        Seen(decisions) => decisions[decision].allowed = Some(false),
        other => panic!("{other:?}"),
    }
}

fn used(evidence: &mut Evidence, vcpus: f64) {
    for quota in evidence.quotas.values_mut() {
        if let Seen(quota) = quota {
            quota.vcpus_used = Seen(vcpus);
        }
    }
}

fn free(evidence: &mut Evidence, app: u32, app_b: u32) {
    let Seen(subnets) = &mut evidence.network.subnets else { panic!("no subnets") };
    for subnet in subnets {
        subnet.free_addresses = if subnet.id == "app" { app } else { app_b };
    }
}

#[test]
fn what_is_broken_is_found_by_its_own_check_and_by_no_other() {
    for (n, (break_it, check, status, part)) in BROKEN.iter().enumerate() {
        let mut evidence = healthy();
        break_it(&mut evidence);
        let findings = diagnose(&evidence).findings;
        let found = findings.iter().find(|f| f.check == *check && f.status == *status);
        let Some(found) = found.filter(|found| found.evidence.contains(part)) else {
            panic!("{n}: {check} does not say {part}: {findings:#?}");
        };
        assert!(
            *status == Status::Ok || found.remedy.as_ref().is_some_and(|r| r.len() > 10),
            "{found:?}"
        );
        assert!(found.subject.starts_with("report"), "{found:?}");
        let others = findings.iter().filter(|f| f.check != *check && f.status < Status::Skipped);
        // Eight vCPUs are another memory size as well.
        let others: Vec<&Finding> = others
            .filter(|f| !found.evidence.contains("8 vCPU") || f.check != Check::CpuMemory)
            .collect();
        assert!(others.is_empty(), "{n}: {others:#?}");
    }
}

#[test]
fn every_check_but_those_of_the_way_is_broken_above() {
    let broken: BTreeSet<Check> = BROKEN.iter().map(|row| row.1).collect();
    let rest: Vec<Check> = Check::ALL.into_iter().filter(|check| !broken.contains(check)).collect();
    let way =
        [Check::VpcDns, Check::PublicIp, Check::Endpoint, Check::SecurityGroup, Check::NetworkAcl];
    assert_eq!(rest, [&way[..], &[Check::Task]].concat());
}

#[test]
fn only_the_subnets_that_are_cut_off_are_named() {
    let evidence = with_network(
        "nat",
        "subnet app-b b 10.0.2.0/24
        table rtb-b for=app-b
        task in=app,app-b groups=sg-task",
    );
    let failed = with(&evidence, Status::Fail);
    let services: Vec<&str> = failed.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(
        services,
        [
            "report: ecr.api",
            "report: ecr.dkr",
            "report: s3",
            "report: logs",
            "report: secretsmanager"
        ]
    );
    assert!(
        failed.iter().all(|f| f.check == Check::Route && f.evidence.ends_with("; from app-b")),
        "{failed:#?}"
    );
    let ok = with(&evidence, Status::Ok);
    assert!(ok.iter().any(|f| f.check == Check::Route && f.evidence == "by nat-1, from app"));
}

/// A source: the permission it asks for, how to refuse it, and the checks that rest on it.
type Refusal = (&'static str, fn(&mut Evidence, &str), Vec<Check>);

fn sources() -> Vec<Refusal> {
    use Check::*;
    fn refuse<T>(source: &mut Source<T>, permission: &str) {
        *source = Source::Refused { permission: permission.to_owned() };
    }
    fn refuse_all<T>(map: &mut BTreeMap<String, Source<T>>, permission: &str) {
        map.values_mut().for_each(|source| refuse(source, permission));
    }
    let way = vec![VpcDns, PublicIp, Route, Endpoint, SecurityGroup, NetworkAcl];
    let of_definition = [
        TaskDefinition,
        Container,
        CpuMemory,
        PassRole,
        ExecutionRole,
        TaskRole,
        Quota,
        ExecutionRolePermissions,
        Secrets,
        Image,
        ImagePlatform,
        LogGroup,
    ];
    vec![
        (
            "ecs:DescribeClusters",
            |e, p| refuse_all(&mut e.clusters, p),
            vec![Cluster, CapacityProvider],
        ),
        (
            "ecs:DescribeTaskDefinition",
            |e, p| refuse(&mut e.jobs[0].definition, p),
            [of_definition.to_vec(), way.clone()].concat(),
        ),
        ("ecr:DescribeImages", |e, p| refuse_all(&mut e.images, p), vec![Image, ImagePlatform]),
        (
            "iam:GetRole",
            |e, p| refuse_all(&mut e.roles, p),
            vec![ExecutionRole, TaskRole, PassRole, ExecutionRolePermissions],
        ),
        (
            "iam:SimulatePrincipalPolicy",
            |e, p| {
                e.roles.values_mut().for_each(|role| {
                    if let Seen(Some(role)) = role {
                        refuse(&mut role.decisions, p)
                    }
                })
            },
            vec![PassRole, ExecutionRolePermissions],
        ),
        (
            "ecr:BatchGetImage",
            |e, p| refuse(&mut seen(&mut e.images, IMAGE).platforms, p),
            vec![ImagePlatform],
        ),
        (
            "ecr:GetRepositoryPolicy",
            |e, p| refuse(&mut seen(&mut e.images, IMAGE).policy_admits, p),
            vec![Image],
        ),
        (
            "events:ListTargetsByRule",
            |e, p| refuse(&mut seen(&mut e.triggers, "rule/report-objects").to_queue, p),
            vec![Trigger],
        ),
        (
            "ecs:ListTasks",
            |e, p| {
                e.quotas.values_mut().for_each(|quota| {
                    if let Seen(quota) = quota {
                        refuse(&mut quota.vcpus_used, p)
                    }
                })
            },
            vec![Quota],
        ),
        ("logs:DescribeLogGroups", |e, p| refuse_all(&mut e.log_groups, p), vec![LogGroup]),
        ("secretsmanager:DescribeSecret", |e, p| refuse_all(&mut e.secrets, p), vec![Secrets]),
        ("events:DescribeRule", |e, p| refuse_all(&mut e.triggers, p), vec![Trigger]),
        ("sqs:GetQueueAttributes", |e, p| refuse(&mut e.queue_admits, p), vec![Trigger]),
        ("servicequotas:GetServiceQuota", |e, p| refuse_all(&mut e.quotas, p), vec![Quota]),
        ("ec2:DescribeVpcs", |e, p| refuse(&mut e.network.vpcs, p), vec![VpcDns]),
        (
            "ec2:DescribeSubnets",
            |e, p| refuse(&mut e.network.subnets, p),
            [vec![Subnets, FreeAddresses, Zones], way.clone()].concat(),
        ),
        ("ec2:DescribeRouteTables", |e, p| refuse(&mut e.network.route_tables, p), vec![Route]),
        ("ec2:DescribeNatGateways", |e, p| refuse(&mut e.network.nat_gateways, p), vec![Route]),
        (
            "ec2:DescribeVpcEndpoints",
            |e, p| refuse(&mut e.network.endpoints, p),
            vec![Endpoint, SecurityGroup, NetworkAcl],
        ),
        (
            "ec2:DescribeSecurityGroups",
            |e, p| refuse(&mut e.network.security_groups, p),
            vec![SecurityGroup],
        ),
        (
            "ec2:DescribeNetworkAcls",
            |e, p| refuse(&mut e.network.network_acls, p),
            vec![NetworkAcl],
        ),
    ]
}

/// Broken in ten places that have nothing to do with each other.
fn broken_all_over() -> Evidence {
    let mut evidence = healthy();
    off(&mut evidence, "bucket/report-uploads");
    evidence.queue_admits = Seen(Some(false));
    drop(seen(&mut evidence.clusters, "batch-cluster").capacity_providers.pop());
    definition(&mut evidence).memory = 700;
    set(&mut evidence.secrets, SECRET, None);
    seen(&mut evidence.images, IMAGE).policy_admits = Seen(Some(false));
    set(&mut evidence.log_groups, LOG, None);
    set(&mut evidence.roles, TASK, None);
    deny(&mut evidence, EXECUTION, 0);
    free(&mut evidence, 0, 0);
    if let Seen(groups) = &mut evidence.network.security_groups {
        groups[0].egress.clear();
    }
    if let Seen(acls) = &mut evidence.network.network_acls {
        acls[0].entries.clear();
    }
    evidence
}

#[test]
fn a_refused_source_is_named_and_hides_no_other_finding() {
    let broken = broken_all_over();
    let before = with(&broken, Status::Fail);
    let checks: BTreeSet<Check> = before.iter().map(|finding| finding.check).collect();
    assert_eq!(checks.len(), 11, "{checks:?}");
    for (permission, refuse, its_own) in sources() {
        let mut evidence = broken.clone();
        refuse(&mut evidence, permission);
        let after = diagnose(&evidence).findings;
        for finding in before.iter().filter(|finding| !its_own.contains(&finding.check)) {
            assert!(after.contains(finding), "{permission} hides {finding:?}");
        }
        let skipped: Vec<&Finding> =
            after.iter().filter(|finding| finding.status == Status::Skipped).collect();
        assert!(!skipped.is_empty(), "{permission}");
        for finding in skipped {
            assert!(its_own.contains(&finding.check), "{permission} skips {finding:?}");
            assert!(finding.evidence.contains(permission), "{permission}: {finding:?}");
            assert!(finding.remedy.as_ref().is_some_and(|r| r.contains(permission)), "{finding:?}");
        }
    }
}

#[test]
fn a_group_that_was_not_found_out_is_not_taken_for_shut_out() {
    for (rule, skips) in [("in=443:sg-task", true), ("in=443:10.0.0.0/16", false)] {
        let mut evidence = with_network(
            "endpoints",
            &format!(
                "endpoint vpce-secrets secretsmanager in=ends group=sg-ends
                group sg-ends {rule}"
            ),
        );
        evidence.jobs[0].security_groups =
            Source::Refused { permission: "ec2:DescribeSecurityGroups".to_owned() };
        assert!(diagnose(&evidence).is_good(), "{rule}: {:#?}", with(&evidence, Status::Fail));
        let skipped: BTreeSet<Check> =
            with(&evidence, Status::Skipped).iter().map(|finding| finding.check).collect();
        assert!(skipped.contains(&Check::SecurityGroup), "{rule}");
        assert_eq!(skipped.contains(&Check::Endpoint), skips, "{rule}");
    }
}

#[test]
fn each_service_is_told_with_its_own_subnets() {
    let evidence = with_network(
        "nat",
        "subnet app-b b 10.0.2.0/24
        nat nat-1 in=edge state=failed
        endpoint vpce-s3 s3
        table rtb-b for=app-b 0.0.0.0/0=nat-1 pl-s3=vpce-s3
        task in=app,app-b groups=sg-task",
    );
    let told: Vec<(String, bool)> = with(&evidence, Status::Fail)
        .into_iter()
        .map(|f| (f.subject, f.evidence.ends_with("from app, app-b")))
        .collect();
    let expected = [("ecr.api", true), ("ecr.dkr", true), ("s3", false), ("logs", true)];
    for (service, both) in expected {
        assert!(told.contains(&(format!("report: {service}"), both)), "{service}: {told:?}");
    }
}

#[test]
fn a_refused_source_makes_nothing_of_a_healthy_job_fail() {
    for (permission, refuse, _) in sources() {
        let mut evidence = healthy();
        refuse(&mut evidence, permission);
        let diagnosis = diagnose(&evidence);
        assert!(diagnosis.is_good(), "{permission}: {diagnosis:#?}");
        assert!(with(&evidence, Status::Warn).is_empty(), "{permission}");
    }
}

#[test]
fn what_was_not_seen_is_not_called_fine() {
    for (permission, refuse, _) in sources() {
        let mut evidence = healthy();
        refuse(&mut evidence, permission);
        let findings = diagnose(&evidence).findings;
        for skipped in findings.iter().filter(|finding| finding.status == Status::Skipped) {
            let same = |f: &&Finding| f.check == skipped.check && f.subject == skipped.subject;
            let statuses: Vec<Status> = findings.iter().filter(same).map(|f| f.status).collect();
            assert!(!statuses.contains(&Status::Ok), "{permission}: {skipped:?}");
        }
    }
}

#[test]
fn a_variant_of_a_processor_is_that_processor() {
    let mut evidence = healthy();
    definition(&mut evidence).architecture = "ARM64".to_owned();
    seen(&mut evidence.images, IMAGE).platforms = Seen(vec!["linux/arm64/v8".to_owned()]);
    assert!(with(&evidence, Status::Fail).is_empty());
}

#[test]
fn what_nobody_asked_for_is_skipped() {
    let mut evidence = healthy();
    evidence.images.clear();
    evidence.quotas.clear();
    let skipped: BTreeSet<Check> =
        with(&evidence, Status::Skipped).iter().map(|finding| finding.check).collect();
    assert_eq!(skipped, BTreeSet::from([Check::Image, Check::ImagePlatform, Check::Quota]));
}

#[test]
fn a_key_of_the_account_asks_for_a_way_to_kms_without_failing_for_it() {
    let mut evidence =
        with_network("endpoints", "endpoint vpce-secrets secretsmanager in=ends group=sg-ends");
    seen(&mut evidence.secrets, SECRET).key =
        Some("arn:aws:kms:eu-west-1:123456789012:key/1".to_owned());
    let warned: Vec<Finding> =
        with(&evidence, Status::Warn).into_iter().filter(|f| f.subject.contains("kms")).collect();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(diagnose(&evidence).is_good());
}

#[test]
fn where_the_way_may_not_be_seen_the_rest_of_it_is_told_all_the_same() {
    for refuse in [
        |e: &mut Evidence| e.network.nat_gateways = refused("ec2:DescribeNatGateways"),
        |e: &mut Evidence| e.network.route_tables = refused("ec2:DescribeRouteTables"),
    ] {
        let mut evidence = healthy();
        refuse(&mut evidence);
        let fine: BTreeSet<Check> = with(&evidence, Status::Ok).iter().map(|f| f.check).collect();
        for check in [Check::VpcDns, Check::SecurityGroup, Check::NetworkAcl] {
            assert!(fine.contains(&check), "{check}: {fine:?}");
        }
        // The NAT gateway's own subnet was not passed.
        let told = with(&evidence, Status::Ok);
        assert!(told.iter().any(|f| f.evidence.ends_with("as far as their way is known")));
    }
}

fn refused<T>(permission: &str) -> Source<T> {
    Source::Refused { permission: permission.to_owned() }
}

#[test]
fn what_an_unseen_endpoint_may_stand_in_for_is_told_and_does_not_fail() {
    let mut evidence = with_network("nat", "nat nat-1 in=edge state=failed");
    evidence.network.endpoints = refused("ec2:DescribeVpcEndpoints");
    assert!(diagnose(&evidence).is_good(), "{:#?}", with(&evidence, Status::Fail));
    let skipped = with(&evidence, Status::Skipped);
    let told = skipped.iter().find(|f| f.subject == "report: ecr.api").unwrap();
    insta::assert_snapshot!(told.evidence, @"nat-1 is failed, not available; from app; this is not certain: not allowed to look: ec2:DescribeVpcEndpoints is missing");
    assert_eq!(told.remedy.as_deref(), Some("allow ec2:DescribeVpcEndpoints to whoever asks"));
}

#[test]
fn what_a_condition_decides_is_neither_allowed_nor_denied() {
    let mut evidence = healthy();
    if let Seen(decisions) = &mut seen(&mut evidence.roles, EXECUTION).decisions {
        decisions[0].allowed = None;
    }
    if let Seen(decisions) = &mut seen(&mut evidence.roles, DISPATCH).decisions {
        decisions[1].allowed = None;
    }
    assert!(diagnose(&evidence).is_good());
    let open: Vec<String> = with(&evidence, Status::Skipped)
        .into_iter()
        .map(|f| format!("{} {}: {}", f.check, f.subject, f.evidence))
        .collect();
    insta::assert_snapshot!(open.join("\n"), @r"
    pass-role report: a condition decides whether dispatch may hand over the task's roles
    execution-role-permissions report: logs:CreateLogStream: a condition decides whether report-execution may logs:CreateLogStream on /ecs/report-log
    ");
    let fine = with(&evidence, Status::Ok);
    let may = fine.iter().find(|f| f.check == Check::ExecutionRolePermissions).unwrap();
    assert_eq!(may.evidence, "report-execution may ecr:BatchGetImage");
}

#[test]
fn a_role_of_which_nothing_is_needed_is_fine() {
    let mut evidence = healthy();
    seen(&mut evidence.roles, EXECUTION).decisions = Seen(Vec::new());
    let fine = with(&evidence, Status::Ok);
    let may = fine.iter().find(|f| f.check == Check::ExecutionRolePermissions).unwrap();
    assert_eq!(may.evidence, "report-execution needs no permission");
}

#[test]
fn another_registrys_image_is_told_to_be_unknown_once() {
    let mut evidence = healthy();
    definition(&mut evidence).containers[0].image = "ghcr.io/acme/report:1".to_owned();
    evidence.images.clear();
    let skipped = with(&evidence, Status::Skipped);
    assert_eq!(skipped.len(), 1, "{skipped:#?}");
    insta::assert_snapshot!(skipped[0].evidence, @"ghcr.io is no private registry of ECR's: it was not asked whether it has the image, and for which processor");
}

#[test]
fn an_image_that_names_no_processor_is_not_taken_for_another_ones() {
    let mut evidence = healthy();
    seen(&mut evidence.images, IMAGE).platforms = Seen(Vec::new());
    assert!(diagnose(&evidence).is_good());
    assert_eq!(with(&evidence, Status::Skipped)[0].check, Check::ImagePlatform);
}

#[test]
fn a_group_that_one_container_makes_is_there_for_all() {
    for first in [true, false] {
        let mut evidence = healthy();
        set(&mut evidence.log_groups, LOG, None);
        let containers = &mut definition(&mut evidence).containers;
        containers.push(containers[0].clone());
        for (container, create) in containers.iter_mut().zip([first, !first]) {
            container.logs.as_mut().unwrap().create = create;
        }
        assert!(diagnose(&evidence).is_good(), "{first}");
    }
}

#[test]
fn groups_of_one_name_in_two_regions_are_two() {
    let mut evidence = healthy();
    set(&mut evidence.log_groups, "eu-central-1:/ecs/report-log", None);
    let containers = &mut definition(&mut evidence).containers;
    containers.push(containers[0].clone());
    containers[1].logs.as_mut().unwrap().region = "eu-central-1".to_owned();
    let is_its_own = |finding: &Finding| finding.check == Check::LogGroup;
    let missing = with(&evidence, Status::Fail);
    let missing: Vec<&Finding> = missing.iter().filter(|finding| is_its_own(finding)).collect();
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert!(missing[0].evidence.ends_with("does not exist in eu-central-1"), "{missing:#?}");
    assert_eq!(with(&evidence, Status::Ok).iter().filter(|f| is_its_own(f)).count(), 1);
}

#[test]
fn a_schedule_that_is_made_elsewhere_may_be_a_rule() {
    let refused = |permission: &str| Source::Refused { permission: permission.to_owned() };
    let on = Trigger { enabled: true, to_queue: Seen(true) };
    let off = Trigger { enabled: false, to_queue: Seen(true) };
    let aside = Trigger { enabled: true, to_queue: Seen(false) };
    let there = |trigger: &Trigger| Seen(Some(trigger.clone()));
    for (schedule, rule, status, part) in [
        (there(&on), Seen(None), Status::Ok, "enabled"),
        (there(&off), there(&on), Status::Ok, "enabled"),
        (there(&off), Seen(None), Status::Fail, "is disabled"),
        (Seen(None), there(&on), Status::Ok, "enabled"),
        (refused("scheduler:GetSchedule"), there(&on), Status::Ok, "enabled"),
        (Seen(None), there(&off), Status::Fail, "is disabled"),
        (Seen(None), there(&aside), Status::Fail, "does not send to the events queue"),
        (Seen(None), Seen(None), Status::Fail, "is neither a schedule nor a rule"),
        (Seen(None), refused("events:DescribeRule"), Status::Skipped, "events:DescribeRule"),
        (refused("scheduler:GetSchedule"), Seen(None), Status::Skipped, "scheduler:GetSchedule"),
        (refused("scheduler:GetSchedule"), there(&off), Status::Skipped, "scheduler:GetSchedule"),
    ] {
        let mut evidence = healthy();
        let name = "theirs".to_owned();
        evidence.jobs[0].triggers = vec![SubjectTrigger::Schedule { name, elsewhere: true }];
        evidence.triggers =
            [("schedule/theirs".to_owned(), schedule), ("rule/theirs".to_owned(), rule)].into();
        let findings = diagnose(&evidence).findings;
        let found = findings.iter().find(|finding| finding.subject.ends_with(" theirs")).unwrap();
        assert_eq!(found.status, status, "{found:?}");
        assert!(found.evidence.contains(part), "{part}: {found:?}");
        let remedy = found.remedy.as_deref().unwrap_or_default();
        assert!(!remedy.contains("triggers.yaml"), "{found:?}");
    }
}
