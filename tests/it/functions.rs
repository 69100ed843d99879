//! The functions as Lambda runs them: the real program, polling a Runtime API on loopback, its
//! AWS a server on this machine.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::installation::Installation;
use crate::moto;

/// The program of a function, with what Lambda sets and nothing of our own environment.
pub(crate) fn program(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda"));
    command
        .env_clear()
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "longshore"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "planted-secret-marker"),
        ])
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command
}

/// What the program says when it refuses to start.
fn refusal(variables: &[(&str, &str)]) -> String {
    let done = program(variables).output().expect("the program runs");
    assert!(!done.status.success(), "it started");
    String::from_utf8(done.stderr).expect("text")
}

#[test]
fn a_function_that_is_set_up_wrongly_says_what_is_missing_and_does_not_start() {
    let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs.yaml");
    let jobs = jobs.to_str().expect("a path");
    let whole = [
        ("TABLE_NAME", "t"),
        ("EVENTS_QUEUE_URL", "http://127.0.0.1:9/0/e"),
        ("STATES_QUEUE_URL", "http://127.0.0.1:9/0/s"),
        ("REJECT_QUEUE_URL", "http://127.0.0.1:9/0/r"),
        ("EVENT_BUS_NAME", "longshore"),
        ("JOBS_FILE", jobs),
    ];
    assert!(refusal(&whole).contains("neither _HANDLER nor LONGSHORE_FUNCTION"));
    let unknown = refusal(&[("_HANDLER", "bootstrap")]);
    assert!(unknown.contains("_HANDLER: `bootstrap` is no function of longshore"), "{unknown}");
    for (function, needs) in [
        (
            "dispatch",
            vec!["TABLE_NAME", "EVENTS_QUEUE_URL", "STATES_QUEUE_URL", "REJECT_QUEUE_URL"],
        ),
        ("record", vec!["TABLE_NAME", "EVENTS_QUEUE_URL", "REJECT_QUEUE_URL", "EVENT_BUS_NAME"]),
        ("sweep", vec!["TABLE_NAME", "EVENTS_QUEUE_URL", "STATES_QUEUE_URL"]),
    ] {
        for missing in needs {
            let mut variables: Vec<_> =
                whole.iter().copied().filter(|(name, _)| *name != missing).collect();
            variables.push(("_HANDLER", function));
            let said = refusal(&variables);
            let expected = format!("{missing} is not set: the function `{function}` needs it");
            assert!(said.contains(&expected), "{said}");
        }
    }
    let mut variables = whole.to_vec();
    variables.extend([("_HANDLER", "dispatch"), ("JOBS_FILE", "/nowhere/jobs.yaml")]);
    let said = refusal(&variables);
    assert!(
        said.contains("/nowhere/jobs.yaml: ") && said.contains("the layer with jobs.yaml"),
        "{said}"
    );
}

/// A VPC as moto wants it for Fargate: two private subnets and a group.
pub(crate) async fn network(aws: &aws_config::SdkConfig) -> String {
    let ec2 = aws_sdk_ec2::Client::new(aws);
    let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.expect("a VPC");
    let vpc = vpc.vpc().and_then(|vpc| vpc.vpc_id()).expect("its id").to_owned();
    let on = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true).build();
    let hostnames = ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on);
    hostnames.send().await.expect("host names");
    for (zone, block) in [("eu-west-1a", "10.9.1.0/24"), ("eu-west-1b", "10.9.2.0/24")] {
        let tag = aws_sdk_ec2::types::Tag::builder().key("Type").value("private").build();
        let tags = aws_sdk_ec2::types::TagSpecification::builder()
            .resource_type(aws_sdk_ec2::types::ResourceType::Subnet)
            .tags(tag)
            .build();
        let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block(block).availability_zone(zone);
        subnet.tag_specifications(tags).send().await.expect("a subnet");
    }
    format!(
        "network: {{ vpc: {vpc}, subnetTags: {{ Type: private }}, \
         securityGroup: {{ name: longshore-tasks, create: true }} }}"
    )
}

/// jobs.yaml with one job that S3 starts and people may.
pub(crate) async fn one_job() -> (String, String) {
    let aws = moto::connect().await;
    let cluster = moto::fresh("batch");
    let ecs = aws_sdk_ecs::Client::new(&aws);
    ecs.create_cluster().cluster_name(&cluster).send().await.expect("a cluster");
    let jobs = format!(
        "defaults:\n  cluster: {cluster}\n  {}\n  \
         executionRoleArn: arn:aws:iam::123456789012:role/execution\n\
         jobs:\n  upload:\n    triggers: [{{ s3: {{ bucket: longshore-uploads }} }}]\n    \
         parameters: {{ day: {{ default: today }} }}\n    \
         task:\n      image: public.ecr.aws/docker/library/alpine:3.22\n      \
         command: [report, --, \"{{{{ key | default('none') }}}}\"]\n",
        network(&aws).await
    );
    (jobs, cluster)
}

pub(crate) async fn tasks(aws: &aws_config::SdkConfig, cluster: &str) -> Vec<String> {
    let ecs = aws_sdk_ecs::Client::new(aws);
    let listed = ecs.list_tasks().cluster(cluster).send().await.expect("listed");
    listed.task_arns().to_vec()
}

pub(crate) fn event(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("events").join(name);
    let text = std::fs::read_to_string(file).expect("an event");
    // Whatever the day, it is not too old to run.
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    if value.get("time").is_some() {
        value["time"] = json!(now);
    }
    value.to_string()
}

#[tokio::test]
async fn an_object_becomes_one_task_and_its_exit_a_verdict_that_the_bus_tells() {
    let (jobs, cluster) = one_job().await;
    let there = Installation::new(&jobs).await;
    let mut dispatch = there.function("dispatch").await;
    let mut record = there.function("record").await;
    let object = event("s3-object-created.json");
    there.send("events", &object).await;
    assert_eq!(there.pump("events", &mut dispatch).await, 1);
    let started = tasks(&there.aws, &cluster).await;
    assert_eq!(started.len(), 1, "{:?}", dispatch.end());
    // The same event twice more, at once and later.
    there.send("events", &object).await;
    there.send("events", &object).await;
    assert_eq!(there.pump("events", &mut dispatch).await, 2);
    assert_eq!(tasks(&there.aws, &cluster).await, started);

    there.tell_states(&cluster, &started[0]).await;
    there.pump("states", &mut record).await;
    let outcomes = there.take("outcomes").await;
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    let outcome: Value =
        serde_json::from_str(outcomes[0].body().unwrap_or_default()).expect("JSON");
    assert_eq!(outcome["source"], "longshore", "{outcome:#}");
    assert_eq!(outcome["detail-type"], "Run Succeeded", "{outcome:#}");
    assert_eq!(outcome["detail"]["exitCode"], 0, "{outcome:#}");
    assert_eq!(outcome["detail"]["task"], started[0].as_str(), "{outcome:#}");

    // A person sees the same from their machine.
    let shown = there.longshore(&["show", "upload-", "-o", "json"]);
    assert_eq!((shown.0, &shown.1["verdict"]), (Some(0), &json!("Succeeded")), "{shown:?}");

    let (measured, logged) = record.end();
    let ended = measured.lines().filter(|line| line.contains("\"RunsEnded\":1")).count();
    assert_eq!(ended, 1, "{measured}");
    let (more, also) = dispatch.end();
    for text in [measured, logged, more, also] {
        for secret in ["planted-secret-marker", "cargo manifest"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_person_runs_a_job_from_their_machine_and_lists_it() {
    let (jobs, cluster) = one_job().await;
    let there = Installation::new(&jobs).await;
    let (code, asked) = there.longshore(&["run", "upload", "-p", "day=monday", "-o", "json"]);
    assert_eq!(code, Some(0), "{asked:?}");
    let mut dispatch = there.function("dispatch").await;
    assert_eq!(there.pump("events", &mut dispatch).await, 1);
    assert_eq!(tasks(&there.aws, &cluster).await.len(), 1);
    let (code, listed) = there.longshore(&["runs", "-o", "json"]);
    assert_eq!(code, Some(0), "{listed:?}");
    assert_eq!(listed["runs"][0]["runId"], asked["runId"], "{listed:#}");
    assert_eq!(listed["runs"][0]["status"], "Started", "{listed:#}");
}

#[tokio::test]
async fn what_can_never_be_acted_upon_lies_in_the_reject_queue_with_its_reason() {
    let (jobs, _) = one_job().await;
    let there = Installation::new(&jobs).await;
    let mut dispatch = there.function("dispatch").await;
    for body in ["not json", r#"{"job":"nobody"}"#] {
        there.send("events", body).await;
    }
    there.send("events", &event("ecs-task-stopped.json")).await;
    assert_eq!(there.pump("events", &mut dispatch).await, 3);
    let mut reasons: Vec<String> = Vec::new();
    for message in there.take("reject").await {
        let body: Value = serde_json::from_str(message.body().unwrap_or_default()).expect("JSON");
        reasons.push(body["reason"].as_str().unwrap_or_default().to_owned());
    }
    reasons.sort();
    let begin = ["misdirected: ", "not_json_object: ", "there is no job `nobody`"];
    assert_eq!(reasons.len(), begin.len(), "{reasons:?}");
    for (reason, begin) in reasons.iter().zip(begin) {
        assert!(reason.starts_with(begin), "{reason}");
    }
}

#[tokio::test]
async fn every_sample_event_is_answered_by_every_function() {
    let (jobs, _) = one_job().await;
    let there = Installation::new(&jobs).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("events/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    assert!(files.len() > 12, "{files:?}");
    for function in ["dispatch", "record", "sweep"] {
        let mut running = there.function(function).await;
        for file in &files {
            let text = std::fs::read_to_string(file).expect("an event");
            let payload: Value = serde_json::from_str(&text).expect("JSON");
            match running.invoke(&payload).await {
                Ok(_) => {}
                // An event that came straight and is another function's, or no job's.
                Err(error) => {
                    assert_eq!(error["errorType"], "Refused", "{function} {file:?}: {error}");
                }
            }
        }
        let (_, logged) = running.end();
        assert!(!logged.contains("panicked"), "{logged}");
    }
}
