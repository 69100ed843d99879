//! `init` in an account: what there is is offered, what may not be seen is noted.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use longshore::gather::choices;
use longshore::project::Choices;
use serde_json::json;

use crate::moto;
use crate::program::{Done, Project};
use crate::wire::{Answer, Wire};

/// A region in which no other test makes anything: it has the default VPC alone.
const QUIET: &str = "ap-northeast-3";

#[tokio::test]
async fn what_the_account_has_is_there_to_choose_from() {
    let aws = moto::connect().await;
    let cluster = moto::fresh("batch");
    let ecs = aws_sdk_ecs::Client::new(&aws);
    ecs.create_cluster().cluster_name(&cluster).send().await.expect("a cluster");
    let found = choices(&aws, None).await;
    assert_eq!(found.region.as_deref(), Some("eu-west-1"));
    assert!(found.clusters.contains(&cluster), "{found:?}");
    let vpc = found.vpcs.iter().find(|vpc| vpc.is_default).expect("the default VPC");
    assert!(found.subnets.iter().any(|subnet| subnet.vpc == vpc.id && subnet.is_public));
    assert_eq!(found.notes, [""; 0]);

    let elsewhere = choices(&aws, Some(QUIET)).await;
    assert_eq!(elsewhere.region.as_deref(), Some(QUIET));
    assert!(elsewhere.clusters.is_empty(), "{elsewhere:?}");
}

#[tokio::test]
async fn what_may_not_be_seen_is_noted() {
    let refusal = Answer::Exception(400, "AccessDeniedException", json!({}));
    let wire = Wire::play([refusal]).await;
    let found = choices(&moto::connect_to(&wire.endpoint).await, None).await;
    let nothing =
        Choices { region: found.region.clone(), notes: found.notes.clone(), ..Choices::default() };
    assert_eq!(found, nothing);
    let note = "not allowed to look: ecs:ListClusters is missing";
    assert!(found.notes.iter().any(|seen| seen == note), "{found:?}");
}

fn init(project: &Project, endpoint: &str, region: &str) -> Done {
    let arguments = [
        "init",
        "new",
        "--yes",
        "--image",
        "alpine",
        "--schedule",
        "rate(1 day)",
        "--region",
        region,
    ];
    let mut command = project.command(&arguments);
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ACCESS_KEY_ID", "testing");
    command.env("AWS_SECRET_ACCESS_KEY", "testing");
    crate::program::Running::start(command).finish()
}

#[test]
fn yes_takes_what_there_is_no_doubt_about() {
    let project = Project::new("");
    let done = init(&project, moto::endpoint(), QUIET);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr.contains("the subnets are public"), "{done:#?}");
    let jobs = String::from_utf8(project.read("new/jobs.yaml")).expect("text");
    for line in ["cluster: default\n", "vpc: vpc-", "- subnet-", "assignPublicIp: true\n"] {
        assert!(jobs.contains(line), "{line}: {jobs}");
    }
    assert_eq!(project.run(&["check", "--jobs", "new/jobs.yaml"]).code, Some(0));
}

#[test]
fn yes_without_an_answer_from_aws_names_the_flags() {
    let project = Project::new("");
    // Nobody listens there.
    let done = init(&project, "http://127.0.0.1:1", QUIET);
    assert_eq!(done.code, Some(2), "{done:#?}");
    assert_eq!(done.stderr.matches("note:").count(), 1, "{done:#?}");
    assert!(done.stderr.ends_with("give --vpc, --subnets or --subnet-tags\n"), "{done:#?}");
    assert!(!project.path("new").exists());
}
