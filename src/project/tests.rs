//! What is written, judged and proposed.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-11-26T12:00:42Z".parse().unwrap()
}

fn plan(changes: &[(Answer, &str)]) -> Plan {
    let mut plan = Plan::example("staging".parse().unwrap());
    plan.answers.extend(changes.iter().map(|(answer, value)| (*answer, (*value).to_owned())));
    plan
}

fn text(files: &[File], path: &str) -> String {
    let file = files.iter().find(|file| file.path == path).unwrap();
    match &file.content {
        Content::Text(text) => text.clone(),
        Content::Link(target) => (*target).to_owned(),
    }
}

/// Two zones of private and public subnets in one VPC, and a default VPC beside it.
fn account() -> Choices {
    let subnet = |id: &str, vpc: &str, is_public| SubnetChoice {
        id: id.to_owned(),
        vpc: vpc.to_owned(),
        name: String::new(),
        zone: "eu-west-1a".to_owned(),
        is_public,
    };
    let vpc =
        |id: &str, is_default| VpcChoice { id: id.to_owned(), name: String::new(), is_default };
    Choices {
        region: Some("eu-west-1".to_owned()),
        clusters: vec!["batch".to_owned()],
        vpcs: vec![vpc("vpc-1", false), vpc("vpc-2", true)],
        subnets: vec![
            subnet("subnet-1", "vpc-1", true),
            subnet("subnet-2", "vpc-1", false),
            subnet("subnet-3", "vpc-1", false),
            subnet("subnet-4", "vpc-2", true),
            subnet("subnet-5", "vpc-2", true),
        ],
        ..Choices::default()
    }
}

#[test]
fn the_template_is_this_version_s_with_the_source_in_a_folder() {
    let written = text(&files(&plan(&[]), now()).unwrap(), "template.yaml");
    assert_ne!(written, TEMPLATE);
    assert_eq!(written.replace(SOURCE_THERE, SOURCE_HERE), TEMPLATE);
}

#[test]
fn region_and_namespace_stand_wherever_they_are_needed() {
    let files = files(&plan(&[(Answer::Region, "ap-southeast-2")]), now()).unwrap();
    for path in ["samconfig.toml", ".github/workflows/longshore.yml"] {
        let text = text(&files, path);
        assert!(text.contains("staging") && text.contains("ap-southeast-2"), "{text}");
        assert!(!text.contains("{region}") && !text.contains("{namespace}"), "{text}");
    }
}

#[test]
fn the_first_event_is_one_that_the_job_wants() {
    for changes in [vec![], vec![(Answer::Bucket, "uploads"), (Answer::Prefix, "in/")]] {
        let mut plan = plan(&changes);
        if !changes.is_empty() {
            plan.answers.remove(&Answer::Schedule);
        }
        let files = files(&plan, now()).unwrap();
        let jobs = jobs::read(text(&files, "jobs.yaml").as_bytes(), now()).jobs.unwrap();
        let event = text(&files, "events/first.json");
        let read = crate::event::read_body(event.as_bytes(), "first").remove(0).unwrap();
        assert_eq!(jobs.wanting(&read, &plan.namespace).unwrap().len(), 1, "{event}");
    }
}

#[test]
fn a_bad_answer_is_told_by_itself() {
    let namespace = "longshore".parse().unwrap();
    for (answer, value, told) in [
        (Answer::Region, "Ireland", "no region"),
        (Answer::Region, "eu-west-a", "no region"),
        (Answer::Image, "", "image"),
        (Answer::Job, "Nightly", "no job name"),
        (Answer::Schedule, "cron(0 25 * * ? *)", "0-23"),
        (Answer::TimeZone, "Europe/Pariss", "Europe/Paris"),
        (Answer::Bucket, "Uploads", "bucket"),
        (Answer::Cluster, "a b", "cluster"),
        (Answer::Vpc, "vpc-1", "no id"),
        (Answer::Subnets, "subnet-00000000,sub", "`sub` is no id"),
        (Answer::SubnetTags, "private", "NAME=VALUE"),
        (Answer::ExecutionRole, "role", "ARN"),
    ] {
        let fault = fault(answer, value, &namespace, now()).unwrap_or_default();
        assert!(fault.contains(told), "{answer:?} {value}: {fault}");
    }
}

#[test]
fn every_bad_answer_is_told_at_once() {
    let bad = plan(&[(Answer::Region, "Ireland"), (Answer::SubnetTags, "private")]);
    let faults = files(&bad, now()).unwrap_err();
    let answers: Vec<Option<Answer>> = faults.iter().map(|fault| fault.answer).collect();
    assert_eq!(answers, [Some(Answer::Region), Some(Answer::SubnetTags)], "{faults:?}");
}

#[test]
fn a_job_is_named_after_its_image() {
    for (image, name) in [
        ("alpine", Some("alpine")),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/night_report:1.4.2",
            Some("night-report"),
        ),
        ("localhost:5000/report@sha256:00", Some("report")),
        ("example.org/3d", None),
        ("", None),
    ] {
        assert_eq!(job_name(image).as_deref(), name, "{image}");
    }
}

#[test]
fn what_is_proposed_is_what_there_is_no_doubt_about() {
    let mut choices = account();
    let mut plan = plan(&[]);
    plan.answers.remove(&Answer::Vpc);
    let proposal = |question: Question, plan: &Plan, choices: &Choices| {
        question.proposal(plan, choices).unwrap_or_default()
    };
    assert_eq!(proposal(Question::Cluster, &plan, &choices), "batch");
    assert_eq!(proposal(Question::Vpc, &plan, &choices), "vpc-2");
    assert_eq!(proposal(Question::Subnets, &plan, &choices), "");
    plan.answers.insert(Answer::Vpc, "vpc-1".to_owned());
    assert_eq!(proposal(Question::Subnets, &plan, &choices), "subnet-2,subnet-3");
    choices.clusters.push("web".to_owned());
    choices.vpcs[1].is_default = false;
    assert_eq!(proposal(Question::Cluster, &plan, &choices), "");
    assert_eq!(proposal(Question::Vpc, &plan, &choices), "");
}

#[test]
fn tasks_in_public_subnets_alone_get_an_address() {
    for (subnets, public) in
        [("subnet-4,subnet-5", true), ("subnet-1,subnet-2", false), ("subnet-unknown", false)]
    {
        let mut plan = plan(&[(Answer::Subnets, subnets)]);
        assert_eq!(plan.settle_address(&account()), public, "{subnets}");
        assert_eq!(plan.assign_public_ip, public, "{subnets}");
    }
}

#[test]
fn an_answer_may_say_more_than_one_thing() {
    let read = |question: Question, text| question.read(text);
    assert_eq!(
        read(Question::Trigger, "s3://uploads/in/box/"),
        [(Answer::Bucket, "uploads".to_owned()), (Answer::Prefix, "in/box/".to_owned())]
    );
    assert_eq!(read(Question::Trigger, "s3://up"), [(Answer::Bucket, "up".to_owned())]);
    assert_eq!(read(Question::Trigger, "rate(1 day)")[0].0, Answer::Schedule);
    assert_eq!(read(Question::Subnets, "Type=private")[0].0, Answer::SubnetTags);
    assert_eq!(read(Question::Subnets, "subnet-1")[0].0, Answer::Subnets);
}

proptest! {
    /// Whatever somebody answers stays the value of its own key.
    #[test]
    fn no_answer_becomes_yaml(prefix in "\\PC{1,40}") {
        let mut plan = plan(&[(Answer::Bucket, "uploads"), (Answer::Prefix, prefix.as_str())]);
        plan.answers.remove(&Answer::Schedule);
        if let Ok(files) = files(&plan, now()) {
            let jobs = jobs::read(text(&files, "jobs.yaml").as_bytes(), now()).jobs.unwrap();
            let job = jobs.iter().next().unwrap();
            let jobs::Trigger::S3(s3) = &job.triggers[0] else { unreachable!("{job:?}") };
            prop_assert_eq!(s3.prefix.as_deref(), Some(prefix.as_str()));
        }
    }
}
