//! What a jobs.yaml comes to before anybody is asked.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use jiff::Timestamp;

use super::*;
use crate::diagnosis::evidence::Evidence;
use crate::diagnosis::{Check, Status, diagnose};

const JOBS: &str = "
jobs:
  report:
    cluster: batch
    triggers:
      - schedule: rate(1 hour)
      - s3: { bucket: uploads }
      - schedule: rate(2 hours)
        scheduleName: by-hand
      - s3: { bucket: archive }
      - scheduleName: theirs
    capacity: [FARGATE_SPOT, FARGATE_SPOT, FARGATE]
    logs: { group: /ecs/report, create: true }
    network: { subnets: [subnet-0a1b2c3d], securityGroups: [sg-0a1b2c3d], assignPublicIp: true }
    task:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/report:1
      architecture: ARM64
      executionRoleArn: arn:aws:iam::123456789012:role/execution
      secrets:
        DB: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:password::'
        KEY: arn:aws:ssm:eu-west-1:123456789012:parameter/report/key
  other:
    cluster: batch
    network: { vpc: vpc-0a1b2c3d, subnetTags: { Type: private }, securityGroup: { name: tasks } }
    task: { taskDefinition: other, container: app, cpu: 512, memory: 1024 }
";

fn subject(job: &str) -> (Subject, TaskEntry) {
    let reading = jobs::read(JOBS.as_bytes(), Timestamp::UNIX_EPOCH);
    let jobs = reading.jobs.unwrap_or_else(|| unreachable!("{:?}", reading.problems));
    let job = jobs.iter().find(|known| known.name.as_str() == job).unwrap();
    let namespace = "longshore".parse().unwrap();
    (Subject::of(job, &namespace, "eu-west-1"), job.task.entry.clone())
}

#[test]
fn a_job_with_an_image_is_known_without_asking_ecs() {
    let (report, _) = subject("report");
    let Source::Seen(Some(definition)) = &report.definition else { unreachable!("{report:?}") };
    assert_eq!(definition.name, "longshore-report");
    assert_eq!((definition.cpu, definition.memory), (256, 512));
    assert_eq!(definition.architecture, "ARM64");
    assert_eq!(report.capacity, ["FARGATE_SPOT", "FARGATE"]);
    assert_eq!(report.subnets, Source::Seen(vec!["subnet-0a1b2c3d".to_owned()]));
    assert!(report.assign_public_ip);
}

#[test]
fn triggers_have_the_names_that_are_rendered() {
    let (report, _) = subject("report");
    let bucket = |bucket: &str, rule: &str| SubjectTrigger::Bucket {
        bucket: bucket.to_owned(),
        rule: rule.to_owned(),
    };
    let schedule =
        |name: &str, elsewhere| SubjectTrigger::Schedule { name: name.to_owned(), elsewhere };
    let expected = [
        schedule("longshore-report", false),
        bucket("uploads", "longshore-report-s3"),
        schedule("by-hand", false),
        bucket("archive", "longshore-report-s3-2"),
        schedule("theirs", true),
    ];
    assert_eq!(report.triggers, expected);
    let reading = jobs::read(JOBS.as_bytes(), Timestamp::UNIX_EPOCH).jobs.unwrap();
    let rendered = crate::stack::render(&reading, &"longshore".parse().unwrap()).text.unwrap();
    for name in ["-report\"", "-report-s3\"", "by-hand", "-report-s3-2\""] {
        assert!(rendered.contains(name.trim_end_matches('"')), "{name}: {rendered}");
    }
}

#[test]
fn what_only_names_stand_for_is_left_to_be_looked_up() {
    let (other, entry) = subject("other");
    assert_eq!(other.definition, Source::NotAsked);
    assert_eq!((&other.subnets, &other.security_groups), (&Source::NotAsked, &Source::NotAsked));
    let (report, _) = subject("report");
    let Source::Seen(Some(registered)) = report.definition else { unreachable!() };
    let changed = registered.clone().changed_by(&entry);
    assert_eq!((changed.cpu, changed.memory), (512, 1024));
    assert_eq!(changed.execution_role, registered.execution_role);
}

#[test]
fn the_execution_role_needs_what_image_log_and_secrets_ask_for() {
    let (report, _) = subject("report");
    let Source::Seen(Some(definition)) = report.definition else { unreachable!() };
    let needed = definition.permissions("123456789012", "eu-west-1");
    let told: String = needed.iter().map(|(action, on)| format!("{action} {on}\n")).collect();
    insta::assert_snapshot!(told, @r"
    ecr:BatchCheckLayerAvailability arn:aws:ecr:eu-west-1:123456789012:repository/acme/report
    ecr:BatchGetImage arn:aws:ecr:eu-west-1:123456789012:repository/acme/report
    ecr:GetAuthorizationToken *
    ecr:GetDownloadUrlForLayer arn:aws:ecr:eu-west-1:123456789012:repository/acme/report
    logs:CreateLogGroup arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/report:*
    logs:CreateLogStream arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/report:*
    logs:PutLogEvents arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/report:*
    secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf
    ssm:GetParameters arn:aws:ssm:eu-west-1:123456789012:parameter/report/key
    ");
}

#[test]
fn a_repositorys_arn_names_the_partition_of_its_region() {
    let (report, _) = subject("report");
    let Source::Seen(Some(mut definition)) = report.definition else { unreachable!() };
    for (region, domain, partition) in [
        ("cn-north-1", "amazonaws.com.cn", "aws-cn"),
        ("us-gov-west-1", "amazonaws.com", "aws-us-gov"),
    ] {
        definition.containers[0].image = format!("123456789012.dkr.ecr.{region}.{domain}/report:1");
        let needed = definition.permissions("123456789012", region);
        let repository = format!("arn:{partition}:ecr:{region}:123456789012:repository/report");
        assert!(needed.contains(&("ecr:BatchGetImage".to_owned(), repository)), "{needed:?}");
    }
}

#[test]
fn what_was_never_asked_is_skipped_and_never_fails() {
    let mut evidence = Evidence::new("eu-west-1", Timestamp::UNIX_EPOCH);
    evidence.jobs = vec![subject("report").0, subject("other").0];
    let diagnosis = diagnose(&evidence);
    assert!(diagnosis.is_good(), "{diagnosis:#?}");
    let size = diagnosis.findings.iter().find(|finding| finding.check == Check::CpuMemory);
    assert_eq!(size.map(|finding| finding.status), Some(Status::Ok));
    assert!(diagnosis.findings.iter().filter(|f| f.status == Status::Skipped).count() > 15);
}
