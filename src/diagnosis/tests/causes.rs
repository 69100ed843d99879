//! What ECS says, joined with what was found: one cause, though the words fit two.

use super::evidence::{EXECUTION, LOG, SECRET, failed, healthy, with_network};
use crate::cause::Kind;
use crate::diagnosis::Source::{self, Seen};
use crate::diagnosis::evidence::{Decision, Evidence, LogGroup, Role, Secret, SubjectTrigger};
use crate::diagnosis::{Check, NamedCause, Status, diagnose, redact};

const AUTH: &str = "ResourceInitializationError: unable to pull secrets or registry auth: The task \
                    cannot pull registry auth from Amazon ECR: There is a connection issue between \
                    the task and Amazon ECR.";
const NO_GROUP: &str = "ResourceInitializationError: failed to validate logger args: The task cannot \
                        find the Amazon CloudWatch log group defined in the task definition. There \
                        is a connection issue between the task and Amazon CloudWatch.";

fn cause(evidence: &Evidence) -> NamedCause {
    diagnose(evidence).cause.unwrap()
}

/// Private subnets without any way out.
fn cut_off() -> Evidence {
    with_network("nat", "table rtb-app for=app")
}

#[test]
fn no_way_to_the_registry_is_told_from_a_disturbance() {
    let lasting = cause(&failed(cut_off(), AUTH));
    assert_eq!(
        (lasting.kind, lasting.check),
        (Some(Kind::RegistryUnreachable), Some(Check::Route))
    );
    insta::assert_snapshot!(lasting.sentence, @"the task cannot reach Amazon ECR to sign in: rtb-app has no route to api.ecr.eu-west-1.amazonaws.com, and no VPC endpoint stands in for one; from app");
    insta::assert_snapshot!(lasting.remedy, @r"
    aws ec2 create-route --route-table-id rtb-app --destination-cidr-block 0.0.0.0/0 --nat-gateway-id NAT
    or, without a NAT gateway:
    aws ec2 create-vpc-endpoint --vpc-id vpc-1 --service-name com.amazonaws.eu-west-1.ecr.api --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids app --security-group-ids SG
    ");
    let passing = cause(&failed(healthy(), AUTH));
    assert_eq!((passing.kind, passing.check), (Some(Kind::RegistryUnreachable), None));
    assert!(passing.sentence.ends_with("so it passed by itself"), "{}", passing.sentence);
    assert!(passing.proof.iter().any(|proof| proof.contains("ecr.api: by nat-1")), "{passing:#?}");
}

#[test]
fn what_was_not_seen_is_not_taken_for_fine() {
    let mut evidence = failed(healthy(), AUTH);
    evidence.network.nat_gateways =
        crate::diagnosis::Source::Refused { permission: "ec2:DescribeNatGateways".to_owned() };
    let cause = cause(&evidence);
    assert!(!cause.sentence.contains("passed by itself"), "{}", cause.sentence);
    assert!(cause.remedy.contains("NAT route"), "{}", cause.remedy);
    let missing = "route: not allowed to look: ec2:DescribeNatGateways is missing";
    assert!(cause.proof.iter().any(|proof| proof == missing), "{:#?}", cause.proof);
}

#[test]
fn a_log_group_that_is_missing_is_told_from_one_that_is_out_of_reach() {
    let mut missing = failed(healthy(), NO_GROUP);
    missing.log_groups.insert(LOG.to_owned(), Seen(None));
    assert_eq!(cause(&missing).check, Some(Check::LogGroup));
    assert!(cause(&missing).remedy.contains("--log-group-name /ecs/report-log"));
    insta::assert_snapshot!(cause(&missing).sentence, @"the task cannot open its log: log group /ecs/report-log does not exist in eu-west-1");
    let unreachable = cause(&failed(cut_off(), NO_GROUP));
    assert_eq!(unreachable.check, Some(Check::Route));
    assert!(unreachable.sentence.contains("logs.eu-west-1"), "{}", unreachable.sentence);
}

#[test]
fn a_way_that_the_words_do_not_mean_is_not_the_cause() {
    // The log cannot be reached, but the registry can, and it is the registry that is complained of.
    let evidence = with_network(
        "endpoints",
        "without vpce-logs
        endpoint vpce-secrets secretsmanager in=ends group=sg-ends",
    );
    let named = cause(&failed(evidence.clone(), AUTH));
    assert_eq!(named.check, None, "{named:#?}");
    let named = cause(&failed(evidence, NO_GROUP));
    assert_eq!(named.check, Some(Check::Route), "{named:#?}");
}

#[test]
fn what_is_broken_for_another_job_is_not_the_cause() {
    let mut evidence = failed(healthy(), AUTH);
    let mut other = evidence.jobs[0].clone();
    other.job = "other".to_owned();
    other.subnets = Seen(vec!["edge".to_owned()]);
    evidence.jobs.insert(0, other);
    let diagnosis = diagnose(&evidence);
    assert!(diagnosis.findings.iter().any(|f| f.check == Check::PublicIp), "{diagnosis:#?}");
    assert_eq!(diagnosis.cause.map(|cause| cause.check), Some(None));
}

#[test]
fn without_a_run_the_first_thing_on_a_tasks_way_is_the_cause() {
    let mut evidence = cut_off();
    evidence.log_groups.insert(LOG.to_owned(), Seen(None));
    assert_eq!(cause(&evidence).check, Some(Check::Route));
    evidence.clusters.insert("batch-cluster".to_owned(), Seen(None));
    assert_eq!(cause(&evidence).check, Some(Check::Cluster));
}

#[test]
fn a_run_that_is_still_waited_for_has_what_is_broken_as_its_cause() {
    let mut evidence = failed(cut_off(), "");
    if let Some(run) = &mut evidence.run {
        run.status = "Started".to_owned();
        run.reasons.clear();
        run.stop_code = None;
    }
    assert_eq!(cause(&evidence).check, Some(Check::Route));
    evidence.network = healthy().network;
    assert_eq!(diagnose(&evidence).cause, None);
}

#[test]
fn a_task_that_did_not_start_in_time_has_the_first_thing_it_waits_for_as_its_cause() {
    let slow = "failed to start: stopped because it took longer than 10m";
    let mut evidence = failed(cut_off(), slow);
    evidence.queue_admits = Seen(Some(false));
    let named = cause(&evidence);
    assert_eq!((named.kind, named.check), (Some(Kind::StartTimeout), Some(Check::Route)));
    assert!(named.sentence.starts_with("the task did not start within its limit: rtb-app has no"));
    let named = cause(&failed(healthy(), slow));
    assert_eq!((named.kind, named.check), (Some(Kind::StartTimeout), None));
    assert!(named.sentence.ends_with("ECS does not say why"), "{}", named.sentence);
}

#[test]
fn a_programs_own_end_is_not_blamed_on_the_account() {
    let mut evidence = failed(cut_off(), "container `main` exited with code 3");
    if let Some(run) = &mut evidence.run {
        (run.exit_code, run.stop_code) = (Some(3), Some("EssentialContainerExited".to_owned()));
    }
    let named = cause(&evidence);
    assert_eq!((named.kind, named.check), (None, None));
    assert_eq!(named.remedy, "longshore logs report-aaaaabbbbbcccccddddd --on aws");
}

#[test]
fn words_that_no_finding_proves_are_believed() {
    let named = cause(&failed(healthy(), "OutOfMemoryError: Container killed due to memory usage"));
    assert_eq!((named.kind, named.check), (Some(Kind::OutOfMemory), None));
    assert!(named.remedy.contains("task.memory"));
}

#[test]
fn evidence_survives_being_kept() {
    let evidence = failed(cut_off(), AUTH);
    let kept = serde_json::to_string_pretty(&evidence).unwrap();
    let read = Evidence::read(&kept).unwrap();
    assert_eq!(read, evidence);
    assert_eq!(diagnose(&read), diagnose(&evidence));
}

#[test]
fn evidence_of_a_newer_format_is_refused_and_what_is_none_is_told() {
    let newer = r#"{"version":2,"shape":"round"}"#;
    let message = Evidence::read(newer).unwrap_err().to_string();
    assert!(message.contains("format version 2"), "{message}");
    assert!(Evidence::read("{}").unwrap_err().to_string().contains("no evidence"));
}

#[test]
fn redacted_evidence_has_no_names_and_leads_to_the_same_findings() {
    let mut evidence = failed(cut_off(), &format!("{AUTH} for {SECRET} of report"));
    evidence.secrets.insert(SECRET.to_owned(), Seen(None));
    let redacted = redact(&evidence).unwrap();
    let text = serde_json::to_string(&redacted).unwrap();
    for name in [
        "123456789012",
        "report",
        "batch-cluster",
        "acme",
        "/ecs/",
        "uploads",
        "longshore-dispatch",
        "198.51",
    ] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    assert!(text.contains("rtb-app") && text.contains("000000000001"), "{text}");
    let (before, after) = (diagnose(&evidence), diagnose(&redacted));
    let shape = |diagnosis: &crate::diagnosis::Diagnosis| {
        let found = diagnosis.findings.iter().map(|f| (f.check, f.status));
        let mut found: Vec<_> = found.collect();
        found.sort();
        (found, diagnosis.cause.as_ref().map(|cause| (cause.kind, cause.check)))
    };
    assert_eq!(shape(&before), shape(&after));
    assert_eq!(redact(&evidence).unwrap(), redacted);
}

#[test]
fn a_name_that_is_also_aws_own_word_does_not_spoil_the_evidence() {
    for name in ["logs", "s3", "ecr", "local", "available", "platform", "eu-west-1"] {
        let mut evidence = failed(cut_off(), AUTH);
        name.clone_into(&mut evidence.jobs[0].job);
        name.clone_into(&mut evidence.run.as_mut().unwrap().job);
        let redacted = redact(&evidence).unwrap();
        let named = |evidence: &Evidence| diagnose(evidence).cause.map(|c| (c.kind, c.check));
        assert_eq!(named(&redacted), named(&evidence), "{name}");
    }
}

#[test]
fn a_permission_that_the_words_do_not_mean_is_not_the_cause() {
    let denied = "CannotPullContainerError: AccessDeniedException: User is not authorized to \
                  perform: ecr:BatchGetImage on resource";
    for (decision, check) in [(0, None), (1, Some(Check::ExecutionRolePermissions))] {
        let mut evidence = failed(healthy(), denied);
        let role = evidence.roles.get_mut(EXECUTION).unwrap();
        let Seen(Some(Role { decisions: Seen(decisions), .. })) = role else { panic!("{role:?}") };
        decisions[decision].allowed = Some(false);
        let named = cause(&evidence);
        assert_eq!((named.kind, named.check), (Some(Kind::ImageDenied), check), "{named:#?}");
    }
}

#[test]
fn what_was_skipped_or_cancelled_is_not_blamed_on_the_account() {
    for (status, reason) in [
        ("Skipped", "the limit of 1 run is reached"),
        ("Cancelled", "stopped by ana; Task stopped by user"),
    ] {
        let mut evidence = failed(cut_off(), reason);
        if let Some(run) = &mut evidence.run {
            (run.status, run.stop_code) = (status.to_owned(), None);
        }
        let named = cause(&evidence);
        assert_eq!((named.check, named.sentence.as_str()), (None, reason));
    }
}

#[test]
fn a_subnet_without_addresses_is_not_taken_for_a_passing_disturbance() {
    let reason = "Unexpected EC2 error while attempting to Create Network Interface with public IP \
                  assignment disabled in subnet 'app'";
    for (free, check) in [(0, Some(Check::FreeAddresses)), (3, None)] {
        let mut evidence = failed(healthy(), reason);
        if let Seen(subnets) = &mut evidence.network.subnets {
            subnets[0].free_addresses = free;
        }
        let named = cause(&evidence);
        assert_eq!(named.check, check, "{named:#?}");
        assert!(!named.sentence.contains("passed by itself"), "{}", named.sentence);
    }
}

#[test]
fn a_waiting_run_is_not_blamed_for_another_job() {
    let mut evidence = failed(healthy(), "");
    let mut other = evidence.jobs[0].clone();
    other.job = "other".to_owned();
    other.subnets = Seen(vec!["edge".to_owned()]);
    evidence.jobs.insert(0, other);
    if let Some(run) = &mut evidence.run {
        (run.status, run.stop_code) = ("Started".to_owned(), None);
        run.reasons.clear();
    }
    assert_eq!(diagnose(&evidence).cause, None);
}

#[test]
fn a_run_that_waits_for_others_of_its_job_is_not_blamed_on_the_account() {
    let mut evidence = failed(cut_off(), "");
    if let Some(run) = &mut evidence.run {
        (run.status, run.stop_code) = ("WaitingForSlot".to_owned(), None);
        run.reasons.clear();
    }
    let diagnosis = diagnose(&evidence);
    assert_eq!(diagnosis.cause, None);
    let told = diagnosis.findings.iter().find(|finding| finding.check == Check::Task).unwrap();
    assert!(told.evidence.contains("concurrency.limit"), "{told:?}");
}

#[test]
fn whether_ecs_still_shows_the_task_is_told() {
    let refused = Source::Refused { permission: "ecs:DescribeTasks".to_owned() };
    let failed_to_say = Source::Failed { reason: "ecs:DescribeTasks: no answer".to_owned() };
    for (shown, status, part) in [
        (Seen(true), Status::Ok, "ECS shows it"),
        (Seen(false), Status::Skipped, "not show it any more"),
        (refused, Status::Skipped, "ecs:DescribeTasks is missing"),
        (failed_to_say, Status::Skipped, "could not be asked"),
    ] {
        let mut evidence = failed(healthy(), AUTH);
        evidence.run.as_mut().unwrap().task_shown = shown;
        let findings = diagnose(&evidence).findings;
        let found = findings.iter().find(|finding| finding.check == Check::Task).unwrap();
        assert_eq!(found.status, status);
        assert!(found.evidence.contains(part), "{}", found.evidence);
    }
    let findings = diagnose(&failed(healthy(), AUTH)).findings;
    assert!(findings.iter().all(|finding| finding.check != Check::Task));
}

/// Evidence in which every name that people gave has `acme` in it.
fn named_throughout() -> Evidence {
    let key = "arn:aws:kms:eu-west-1:123456789012:alias/acme-key".to_owned();
    let parameter = "/acme/token".to_owned();
    let image = "registry.acme.io:5000/acme/report:1".to_owned();
    let role = "arn:aws:iam::123456789012:role/service-role/acme-execution".to_owned();
    let mut evidence = failed(cut_off(), "assumed-role/acme-execution/0a1b may not kms:Decrypt");
    let asker = "User: arn:aws:sts::123456789012:assumed-role/AcmeAdmin/ana@acme.io may not";
    evidence.network.vpcs = Source::Failed { reason: asker.to_owned() };
    let subject = &mut evidence.jobs[0];
    subject.job = "acme-job".to_owned();
    subject.cluster = "acme-cluster".to_owned();
    subject.triggers = vec![
        SubjectTrigger::Bucket { bucket: "acme-b".to_owned(), rule: "acme-r".to_owned() },
        SubjectTrigger::Schedule { name: "acme-s".to_owned(), elsewhere: true },
    ];
    let definition = super::evidence::definition(&mut evidence);
    definition.name = "acme-family:7".to_owned();
    definition.execution_role = Some(role.clone());
    definition.task_role = Some(role.clone());
    let container = &mut definition.containers[0];
    container.name = "acme-main".to_owned();
    container.image.clone_from(&image);
    container.secrets = vec![parameter.clone(), format!("{SECRET}:acme-key::")];
    container.logs.as_mut().unwrap().group = "/ecs/acme".to_owned();
    evidence.jobs[0].container = "acme-main".to_owned();
    let secret = Secret { has_value: true, key: Some(key.clone()), ..Secret::default() };
    evidence.secrets.insert(parameter, Seen(Some(secret)));
    let decision = Decision {
        action: "ssm:GetParameters".to_owned(),
        resource: "arn:aws:ssm:eu-west-1:123456789012:parameter/acme/token".to_owned(),
        allowed: Some(false),
    };
    let role_seen = Role { decisions: Seen(vec![decision]), ..Role::default() };
    evidence.roles = [(role, Seen(Some(role_seen)))].into();
    evidence.images = [(image, Seen(None))].into();
    evidence.log_groups =
        [("eu-west-1:/ecs/acme".to_owned(), Seen(Some(LogGroup { key: Some(key) })))].into();
    evidence.clusters = [("acme-cluster".to_owned(), Seen(None))].into();
    let none = ["bucket/acme-b", "rule/acme-r", "schedule/acme-s", "rule/acme-s"];
    evidence.triggers = none.map(|key| (key.to_owned(), Seen(None))).into();
    evidence.run.as_mut().unwrap().job = "acme-job".to_owned();
    evidence
}

#[test]
fn no_name_that_people_gave_is_left_when_redacted() {
    let evidence = named_throughout();
    let redacted = redact(&evidence).unwrap();
    let text = serde_json::to_string_pretty(&redacted).unwrap();
    let left: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("acme") || line.contains("123456789012"))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
    let shape = |evidence: &Evidence| -> Vec<_> {
        let mut found: Vec<_> =
            diagnose(evidence).findings.iter().map(|f| (f.check, f.status)).collect();
        found.sort();
        found
    };
    assert_eq!(shape(&evidence), shape(&redacted));
}

#[test]
fn a_cluster_that_is_called_like_a_region_hides_no_log_group_when_redacted() {
    let mut evidence = healthy();
    evidence.jobs[0].cluster = "eu-west-1".to_owned();
    let mut redacted = redact(&evidence).unwrap();
    let logs = super::evidence::definition(&mut redacted).containers[0].logs.clone().unwrap();
    assert!(redacted.log_groups.contains_key(&logs.key()), "{:?}", redacted.log_groups);
}
