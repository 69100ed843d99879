//! `doctor` on an account that we did not write: moto's.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use std::process::Command;

use aws_sdk_ecs::types::{AwsVpcConfiguration, LaunchType, NetworkConfiguration};
use futures_util::future::join_all;
use longshore::ledger::Ledger as _;
use longshore::run::{Attempt, Launch, Run, State};
use serde_json::{Value, json};

use crate::contracts::{at, run};
use crate::installation::Installation;
use crate::program::{Done, Project, Running};
use crate::terminal::on_terminal;

mod account;
mod refusals;
mod worlds;

use account::Account;
use worlds::{Built, Written, build, written};

/// Runs the program with moto as its AWS, or whatever else answers there.
async fn ask(project: Project, arguments: &[&str], endpoint: &str) -> (Project, Done) {
    let command = project.command(arguments);
    (project, finish(command, endpoint).await)
}

async fn finish(mut command: Command, endpoint: &str) -> Done {
    command.envs([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "planted-secret-marker"),
    ]);
    // What speaks for moto lives in this thread.
    let ended = tokio::task::spawn_blocking(|| Running::start(command).finish());
    ended.await.expect("the program ends")
}

/// A job in a world, which needs this service.
fn job(account: &Account, built: &Built, service: &str) -> String {
    let mut image = account.image.clone();
    let mut more = String::new();
    match service {
        "secretsmanager" => more = format!("      secrets: {{ TOKEN: '{}' }}\n", account.secret),
        "ssmmessages" => more = "    enableExecuteCommand: true\n".to_owned(),
        host if host.contains("docker") => image = "alpine:3.22".to_owned(),
        _ => {}
    }
    let cluster = &account.name;
    format!(
        "jobs:\n  report:\n    cluster: {cluster}\n    logs: {{ group: {} }}\n{}    \
         task:\n      image: {image}\n      executionRoleArn: {}\n{more}",
        account.log_group(),
        network(built),
        account.role,
    )
}

/// A job's network in a world.
fn network(built: &Built) -> String {
    format!(
        "    network:\n      subnets: [{}]\n      securityGroups: [{}]\n      \
         assignPublicIp: {}\n",
        built.subnets.join(", "),
        built.groups.join(", "),
        built.public,
    )
}

/// The check that finds a blocker of this name; `None` where the name is a way's.
fn check_of(blocker: &str) -> Option<&'static str> {
    Some(match blocker {
        "Nat" | "Internet" | "Interface" | "GatewayEndpoint" | "Beyond" => return None,
        "NoSubnet" => "subnets",
        "DnsOff" => "vpc-dns",
        "NoPublicIp" => "public-ip",
        "PrivateDnsOff" | "HostnamesOff" | "EndpointNotInTable" | "EndpointClosed" => "endpoint",
        "NoGroup" | "EgressClosed" => "security-group",
        "AclClosed" => "network-acl",
        "NoRoute" | "Stolen" | "GatewayDetached" | "NatState" | "NatPrivate" | "NatNoWayOut"
        | "PeeringEnds" | "EgressOnlyIsV6" => "route",
        other => panic!("no check is known for {other}"),
    })
}

fn findings<'d>(diagnosis: &'d Value, check: &str, status: &str) -> Vec<&'d Value> {
    let all = diagnosis["findings"].as_array().expect("findings").iter();
    all.filter(|finding| finding["check"] == check && finding["status"] == status).collect()
}

fn says(finding: &Value, id: &str) -> bool {
    finding["evidence"].as_str().is_some_and(|evidence| evidence.contains(id))
}

/// Whether a finding is about the service, or about the job as a whole.
fn is_about(finding: &Value, service: &str) -> bool {
    let subject = finding["subject"].as_str().expect("a subject");
    let services = subject.split_once(": ").map_or(service, |(_, services)| services);
    services.split(", ").any(|known| known == service)
}

/// Builds a world, asks the program, and holds its answer against the one that is written.
async fn check(account: &Account, name: &str) {
    let world: Written = written(name);
    let built = build(&account.aws, &world).await;
    for (service, answer) in &world.answers {
        let project = Project::new(&job(account, &built, service));
        let (_, done) = ask(project, &["doctor", "-o", "json"], account.endpoint()).await;
        let diagnosis = done.json();
        let (answer, note) = answer.split_once(" + ").unwrap_or((answer, ""));
        // What stops it only if nothing unseen lets it through.
        let (answer, is_doubt) =
            answer.split_once(" ? ").map_or((answer, false), |it| (it.0, true));
        let mut words = answer.split(' ');
        let kind = words.next().expect("an answer");
        let id = built.id(words.next().expect("what it is about"));
        let shown = || format!("{name}: {service} -> {answer} ({id}):\n{diagnosis:#}");
        let proof: Vec<&Value> = match check_of(kind) {
            Some(check) if is_doubt => findings(&diagnosis, check, "skipped"),
            Some(check) => {
                assert_eq!(done.code, Some(1), "{}", shown());
                assert_eq!(diagnosis["cause"]["check"], check, "{}", shown());
                findings(&diagnosis, check, "fail")
            }
            None => findings(&diagnosis, "route", "ok"),
        };
        let found = proof.iter().any(|finding| is_about(finding, service) && says(finding, &id));
        assert!(found, "{}", shown());
        if let Some((kind, about)) = note.split_once(' ') {
            let about = built.id(about.split(' ').next().expect("an id"));
            let (check, status) = match kind {
                "OtherZone" => ("endpoint", "warn"),
                "Policy" => ("endpoint", "ok"),
                _ => ("route", "warn"),
            };
            let noted = findings(&diagnosis, check, status);
            assert!(noted.iter().any(|finding| says(finding, &about)), "{note}: {}", shown());
        }
    }
}

async fn check_all(names: &[&str]) {
    let account = Account::new().await;
    for some in names.chunks(4) {
        join_all(some.iter().map(|name| check(&account, name))).await;
    }
}

#[tokio::test]
async fn the_way_out_of_a_vpc_is_found_or_what_stops_it() {
    check_all(&[
        "private with NAT",
        "private with NAT, to Docker Hub",
        "public with address",
        "public without address",
        "no NAT, no endpoints",
        "public address in a private subnet",
        "public address where NAT is the way",
        "no table of its own, main has NAT",
        "no table of its own, main has nothing",
        "own table without route, main with NAT",
        "NAT deleted, route not yet a blackhole",
        "NAT in a subnet without internet gateway",
        "NAT in the very subnet it serves",
        "private NAT to the internet",
        "private NAT to a transit gateway",
        "internet gateway not attached",
        "internet gateway of the NAT not attached",
        "transit gateway",
        "peering for the internet",
        "VPN",
        "an instance that forwards",
        "the internet in halves",
        "one half of the internet only",
        "a route for public addresses that may be the service's",
        "a route for private addresses beside it",
        "an egress-only gateway for IPv4",
        "a subnet that is not there",
    ])
    .await;
}

#[tokio::test]
async fn an_endpoint_is_the_way_or_is_what_stops_it() {
    check_all(&[
        "endpoint",
        "endpoint for the log",
        "gateway endpoint",
        "no endpoint for secrets",
        "no endpoint for the SSM messages of execute-command",
        "another registry beside endpoints",
        "private DNS off",
        "private DNS off beside a NAT",
        "DNS hostnames off",
        "DNS hostnames off beside a NAT",
        "DNS off",
        "DNS off, resolvers of their own",
        "endpoint in another zone only",
        "endpoint in both zones",
        "endpoint with a policy",
        "S3 endpoint missing from this table",
        "S3 endpoint missing altogether",
        "S3 endpoint missing from this table, NAT beside",
        "S3 endpoint before NAT",
        "endpoint closed, NAT beside it",
    ])
    .await;
}

#[tokio::test]
async fn security_groups_and_acls_let_through_or_are_what_stops_it() {
    check_all(&[
        "endpoint closed to the task's group",
        "endpoint open on another port",
        "endpoint open to the VPC",
        "endpoint open to half of the subnet",
        "endpoint open to a list with the VPC",
        "egress only to private addresses, by NAT",
        "egress only to private addresses, by endpoint",
        "egress only to private addresses, to S3",
        "egress to S3 by list",
        "egress by UDP only",
        "egress on a range of ports",
        "no egress at all",
        "two groups, the second lets it out",
        "a group that is not there",
        "ACL stops the question",
        "ACL stops the answer",
        "ACL lets answers to half of the ports through",
        "ACL lets the ports through in two rules",
        "ACL denies one port of the answers first",
        "ACL with nothing in it",
        "ACL for UDP only",
        "ACL of the NAT's subnet stops what comes from tasks",
        "ACL of the endpoint's subnet lets nothing in",
        "ACL for the VPC only, endpoints",
        "ACL for the VPC only, S3",
    ])
    .await;
}

/// A run whose task ECS has and has not started.
async fn start(installation: &Installation, task: &str) -> Run {
    let launch: Launch = serde_json::from_value(json!({
        "number": 1, "at": at(1), "task": task, "version": 1, "refusal": null,
    }))
    .expect("a launch");
    let attempt = Attempt { number: 1, launches: vec![launch], ..Attempt::default() };
    let started = Run { state: State::Started, attempts: vec![attempt], ..run("report", task, 0) };
    installation.ledger().claim(&started).await.expect("claimed");
    started
}

/// What a run asked for that was to live in this world.
fn request(account: &Account, built: &Built) -> Value {
    json!({
        "cluster": account.name,
        "source": { "registered": account.name },
        "container": "main",
        "environment": {},
        "changes": {},
        "network": {
            "subnets": built.subnets,
            "securityGroups": built.groups,
            "assignPublicIp": built.public,
        },
        "enableExecuteCommand": false,
        "tags": {},
        "startedBy": "longshore",
    })
}

#[tokio::test]
async fn a_run_is_judged_by_what_it_asked_for_and_not_by_what_jobs_yaml_says_since() {
    let account = Account::new().await;
    account.register().await;
    let (before, now) = (written("no NAT, no endpoints"), written("private with NAT"));
    let before = build(&account.aws, &before).await;
    let now = build(&account.aws, &now).await;
    let installation = Installation::new(&job(&account, &now, "ecr.api")).await;
    let task = format!("arn:aws:ecs:eu-west-1:123456789012:task/{}/0a1b2d", account.name);
    let mut waiting = start(&installation, &task).await;
    let asked = request(&account, &before);
    waiting.attempts[0].request = Some(serde_json::from_value(asked).expect("a request"));
    installation.ledger().save(&mut waiting).await.expect("saved");
    let (code, told) = installation.longshore(&["why", waiting.id.as_str(), "-o", "json"]);
    assert_eq!((code, &told["cause"]["check"]), (Some(1), &json!("route")), "{told:#}");
    let sentence = told["cause"]["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains(&before.id("rtb-app")), "{sentence}");
}

/// An installation whose job lives where nothing leads out.
async fn nowhere(account: &Account) -> Installation {
    let built = build(&account.aws, &written("no NAT, no endpoints")).await;
    Installation::new(&job(account, &built, "ecr.api")).await
}

#[tokio::test]
async fn a_run_that_waits_for_its_task_is_told_what_keeps_it() {
    let account = Account::new().await;
    let installation = nowhere(&account).await;
    let task = format!("arn:aws:ecs:eu-west-1:123456789012:task/{}/0a1b2c", account.name);
    let waiting = start(&installation, &task).await;
    let (code, told) = installation.longshore(&["why", waiting.id.as_str(), "-o", "json"]);
    assert_eq!(code, Some(1), "{told:#}");
    assert_eq!(told["cause"]["check"], "route", "{told:#}");
    let sentence = told["cause"]["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("has no route to api.ecr.eu-west-1.amazonaws.com"), "{sentence}");
}

#[tokio::test]
async fn what_ecs_says_of_a_stopped_task_is_joined_with_what_is_broken() {
    let account = Account::new().await;
    account.register().await;
    let installation = nowhere(&account).await;
    let ecs = aws_sdk_ecs::Client::new(&account.aws);
    let started = ecs.run_task().cluster(&account.name).task_definition(&account.name);
    let started = started.launch_type(LaunchType::Fargate);
    let world = build(&account.aws, &written("private with NAT")).await;
    let network = AwsVpcConfiguration::builder().set_subnets(Some(world.subnets));
    let network = network.set_security_groups(Some(world.groups)).build().expect("a network");
    let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let started = started.network_configuration(network).send().await.expect("a task");
    let task = started.tasks()[0].task_arn().expect("its ARN").to_owned();
    let words = "ResourceInitializationError: unable to pull secrets or registry auth: execution \
                 resource retrieval failed: unable to retrieve ecr registry auth: service call has \
                 been retried 3 time(s): RequestError: send request failed caused by: Post \
                 \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp 52.94.5.5:443: i/o timeout";
    let stopped = ecs.stop_task().cluster(&account.name).task(&task).reason(words);
    stopped.send().await.expect("stopped");
    // Nobody has told the ledger yet.
    let waiting = start(&installation, &task).await;
    let (code, told) = installation.longshore(&["why", waiting.id.as_str(), "-o", "json"]);
    assert_eq!(code, Some(1), "{told:#}");
    let cause = &told["cause"];
    assert_eq!(
        (&cause["kind"], &cause["check"]),
        (&json!("registry-unreachable"), &json!("route"))
    );
    let proof = cause["proof"].as_array().expect("a proof");
    assert!(proof.iter().any(|line| line == &json!(format!("ECS: {words}"))), "{told:#}");
}

#[tokio::test]
async fn on_a_terminal_a_line_tells_how_far_it_is_and_is_gone_afterwards() {
    let account = Account::new().await;
    let built = build(&account.aws, &written("private with NAT")).await;
    let project = Project::new(&job(&account, &built, "ecr.api"));
    let Some(command) = on_terminal(&project, &["doctor"]) else { return };
    let shown = finish(command, account.endpoint()).await.stdout;
    let last = shown.rfind("questions answered").expect("the live line");
    let first = shown.find("cluster").expect("a finding");
    assert!(last < first && shown.contains("\u{1b}[2K"), "{shown:?}");
}
