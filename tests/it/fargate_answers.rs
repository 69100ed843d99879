//! What really goes over the wire to ECS, and what each of its answers means: the real SDK against
//! answers that are played.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use longshore::ecs::fargate::Fargate;
use longshore::ecs::{Described, Ecs, RunTaskError};
use longshore::event::{Event, TaskState, read_body};
use longshore::identity::ClientToken;
use longshore::jobs::{TaskRequest, TaskSource};
use serde_json::{Value, json};

use crate::fargate::request;
use crate::moto;
use crate::wire::{Answer, Wire};

const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/default/0123456789abcdef";
const REVISION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/longshore-j:7";

/// Fargate over the wire, as patient as ever but quicker about it.
async fn fargate(wire: &Wire) -> Fargate {
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = moto::connect_to(&wire.endpoint).await.into_builder();
    Fargate::new(&config.retry_config(retries).build())
}

fn exception(code: &'static str, message: &str) -> Answer {
    Answer::Exception(400, code, json!({ "message": message }))
}

fn started() -> Answer {
    Answer::Json(200, json!({ "tasks": [{ "taskArn": TASK }], "failures": [] }))
}

fn revision(tags: Value) -> Answer {
    let definition = json!({ "taskDefinitionArn": REVISION, "status": "ACTIVE" });
    Answer::Json(200, json!({ "taskDefinition": definition, "tags": tags }))
}

fn registered() -> (TaskRequest, ClientToken) {
    request("", "{ taskDefinition: 'thumbs:7', container: app }", "1")
}

fn inline() -> (TaskRequest, ClientToken) {
    request("", "{ image: 'alpine:3', command: [echo, '{{ attempt }}'] }", "1")
}

/// What RunTask makes of these answers, and the requests it took.
async fn run(
    answers: impl IntoIterator<Item = Answer>,
    (request, token): (TaskRequest, ClientToken),
) -> (Result<String, RunTaskError>, Wire) {
    let wire = Wire::play(answers).await;
    let result = fargate(&wire).await.run_task(&request, &token).await;
    (result, wire)
}

#[tokio::test]
async fn what_is_sent_is_what_explain_shows() {
    let s3 = "    triggers: [{ s3: { bucket: uploads } }]\n";
    let spot = s3.to_owned() + "    capacity: [FARGATE_SPOT]\n    platformVersion: 1.4.0\n";
    let plain = s3.to_owned() + "    enableExecuteCommand: true\n    tags: { team: ü }\n";
    let changed = "{ taskDefinition: 'thumbs:7', container: app, cpu: 512, memory: 1024, \
                   ephemeralStorage: 30, taskRoleArn: 'arn:aws:iam::123456789012:role/t', \
                   executionRoleArn: 'arn:aws:iam::123456789012:role/e', \
                   command: [make, '{{ key }}'], environment: { KEY: '{{ key }}' } }";
    for (settings, task) in [
        (spot.as_str(), changed),
        (plain.as_str(), changed),
        (plain.as_str(), "{ taskDefinition: thumbs, container: app }"),
    ] {
        let (request, token) = request(settings, task, "a \"b\"");
        let explained = request.to_run_task(&token);
        let (result, wire) = run([started()], (request, token)).await;
        assert_eq!(result, Ok(TASK.to_owned()));
        let [asked] = wire.asked().try_into().unwrap();
        assert_eq!((asked.operation.as_str(), asked.body), ("RunTask", explained));
    }
}

#[tokio::test]
async fn what_is_registered_is_what_explain_shows_in_our_region_with_our_tags() {
    let full = "{ image: 'alpine:3', entryPoint: [/init], command: [echo], cpu: 512, \
                memory: 1024, ephemeralStorage: 30, architecture: ARM64, user: '1000', \
                workingDirectory: /w, readonlyRootFilesystem: true, stopTimeout: 60s, \
                environment: { A: '1' }, \
                secrets: { B: 'arn:aws:ssm:eu-west-1:123456789012:parameter/b' }, \
                taskRoleArn: 'arn:aws:iam::123456789012:role/t', \
                executionRoleArn: 'arn:aws:iam::123456789012:role/e' }";
    let logs = "    logs: { group: /ecs/x, create: true }\n";
    let there = "    logs: { group: /ecs/x, region: eu-north-1 }\n";
    for (settings, task, region) in [
        (logs, full, Some("eu-west-1")),
        (there, full, Some("eu-north-1")),
        ("", "{ image: 'alpine:3' }", None),
    ] {
        let (request, token) = request(settings, task, "1");
        let TaskSource::Inline(definition) = &request.source else { panic!("not inline") };
        let mut explained = definition.to_register();
        if let Some(region) = region {
            let container = &mut explained["containerDefinitions"][0];
            container["logConfiguration"]["options"]["awslogs-region"] = json!(region);
        }
        let mut expected = request.to_run_task(&token);
        expected["taskDefinition"] = json!(REVISION);
        let none = exception("ClientException", "Unable to describe task definition.");
        let answers = [none, revision(json!([])), started()];
        let (result, wire) = run(answers, (request.clone(), token.clone())).await;
        assert_eq!(result, Ok(TASK.to_owned()));
        let [look, mut register, run_task] = wire.asked().try_into().unwrap();
        assert_eq!(look.body, json!({ "taskDefinition": definition.family, "include": ["TAGS"] }));
        let tags = register.body.as_object_mut().unwrap().remove("tags").unwrap();
        assert_eq!(register.body, explained);
        assert_eq!(run_task.body, expected);
        assert_eq!(tags[0]["key"], "longshore:content");
        assert_eq!(tags[1], json!({ "key": "longshore:job", "value": "j" }));
        // The tag is how the next process knows it.
        let (result, wire) = run([revision(tags), started()], (request, token)).await;
        assert_eq!(result, Ok(TASK.to_owned()));
        assert_eq!(wire.asked().len(), 2, "looked, found, started");
    }
}

#[tokio::test]
async fn one_call_keeps_its_token_over_the_sdks_tries() {
    let broken = Answer::Exception(500, "ServerException", json!({ "message": "x" }));
    let answers = [broken, Answer::Closed, started()];
    let wire = Wire::play(answers).await;
    // The connection of the functions, with its own patience.
    let fargate = Fargate::new(&moto::connect_to(&wire.endpoint).await);
    let (request, token) = registered();
    assert_eq!(fargate.run_task(&request, &token).await, Ok(TASK.to_owned()));
    let asked = wire.asked();
    assert_eq!(asked.len(), 3);
    let bodies: BTreeSet<String> = asked.iter().map(|asked| asked.body.to_string()).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(asked[0].body["clientToken"], token.as_str());
}

/// Which variant it is, and its text.
fn outcome(result: Result<String, RunTaskError>) -> (&'static str, String) {
    match result {
        Ok(task) => ("task", task),
        Err(RunTaskError::Unsent(text)) => ("unsent", text),
        Err(RunTaskError::Refused(text)) => ("refused", text),
        Err(RunTaskError::Conflict(tasks)) => ("conflict", tasks.join(" ")),
        Err(RunTaskError::Invalid(text)) => ("invalid", text),
        Err(RunTaskError::Unknown(text)) => ("unknown", text),
        Err(RunTaskError::Throttled(text)) => ("throttled", text),
    }
}

#[tokio::test]
async fn every_answer_of_run_task_says_what_to_do_next() {
    let e = exception;
    let failures = |failure: Value| Answer::Json(200, json!({ "failures": [failure] }));
    let passrole = "User: arn:aws:sts::1:assumed-role/d is not authorized to perform: iam:PassRole \
                    on resource: arn:aws:iam::1:role/e";
    let quota = "You\u{2019}ve reached the limit on the number of vCPUs you can run concurrently";
    let provider = "The specified capacity provider 'FARGATE_SPOT' was not found.";
    let rows = [
        (started(), "task", TASK),
        (Answer::Json(200, json!({})), "unknown", "names no task"),
        (Answer::Json(200, json!({ "tasks": [{}] })), "unknown", "names no task"),
        (Answer::Truncated(json!({ "tasks": [{ "taskArn": TASK }] })), "unknown", ""),
        (Answer::Closed, "unknown", ""),
        (
            failures(json!({ "reason": "RESOURCE:MEMORY", "detail": "1 requested" })),
            "refused",
            "RESOURCE:MEMORY (1 requested)",
        ),
        (
            failures(json!({ "reason": "Capacity is unavailable at this time" })),
            "refused",
            "Capacity is unavailable",
        ),
        (
            Answer::Exception(
                400,
                "ConflictException",
                json!({ "message": "x", "resourceIds": [TASK] }),
            ),
            "conflict",
            TASK,
        ),
        (e("ConflictException", "x"), "conflict", ""),
        (
            Answer::Exception(500, "ServerException", json!({ "message": "oops" })),
            "unknown",
            "oops",
        ),
        (Answer::Json(503, json!({ "message": "busy" })), "unknown", ""),
        (Answer::Json(403, json!("a proxy's page")), "unknown", ""),
        (e("ThrottlingException", "Rate exceeded"), "throttled", "Rate exceeded"),
        (e("TooManyRequestsException", "later"), "throttled", "later"),
        (
            e("InvalidParameterException", "EC2 said Throttling: Rate exceeded"),
            "throttled",
            "Throttling",
        ),
        (
            e(
                "InvalidParameterException",
                "com.amazonaws.services.ec2.model.AmazonEC2Exception: Request limit exceeded. \
                 (Service: AmazonEC2; Status Code: 503; Error Code: RequestLimitExceeded)",
            ),
            "throttled",
            "Request limit exceeded",
        ),
        (
            e(
                "InvalidParameterException",
                "Error retrieving security group information for [sg-0a1b2c3d4e5f60718]: An \
                 internal error has occurred (ErrorCode: InternalError)",
            ),
            "refused",
            "internal error",
        ),
        (e("ExpiredTokenException", "expired"), "unknown", "expired"),
        (e("ThrottlingException", quota), "refused", "reached the limit"),
        (e("ClientException", quota), "refused", "reached the limit"),
        (
            e("ClientException", "the quota of tasks in the PROVISIONING state is reached"),
            "refused",
            "PROVISIONING",
        ),
        (
            e("ClientException", "The requested CPU configuration is above your limit"),
            "invalid",
            "Service Quotas",
        ),
        (
            e("AccessDeniedException", "no"),
            "invalid",
            "ecs:RunTask: allow it; what its functions need, `longshore render` writes",
        ),
        (e("AccessDeniedException", passrole), "invalid", "may not do iam:PassRole"),
        (
            e("ClusterNotFoundException", "Cluster not found."),
            "invalid",
            "`aws ecs create-cluster --cluster-name default`",
        ),
        (
            e("InvalidParameterException", provider),
            "invalid",
            "put-cluster-capacity-providers --cluster default",
        ),
        (
            e(
                "InvalidParameterException",
                "Override for container named app is not a container in the TaskDefinition.",
            ),
            "invalid",
            "correct `container: app`",
        ),
        (
            e("ClientException", "TaskDefinition not found."),
            "invalid",
            "correct `taskDefinition: thumbs:7`",
        ),
        (
            e("ClientException", "TaskDefinition is inactive"),
            "invalid",
            "correct `taskDefinition: thumbs:7`",
        ),
        (
            e("ClientException", "ECS was unable to assume the role 'arn:aws:iam::1:role/t'"),
            "invalid",
            "let ecs-tasks.amazonaws.com assume the role",
        ),
        (
            e("InvalidParameterException", "The subnet ID 'subnet-1' does not exist"),
            "invalid",
            "correct the job's `network`",
        ),
        (
            e("InvalidParameterException", "Network Configuration must be provided"),
            "invalid",
            "give the job a `network`",
        ),
        (e("PlatformUnknownException", "x"), "invalid", "correct `platformVersion: LATEST`"),
        (
            e("PlatformTaskDefinitionIncompatibilityException", "x"),
            "invalid",
            "leave `platformVersion` out",
        ),
        (e("UnsupportedFeatureException", "x"), "invalid", "Region's Fargate"),
        (e("BlockedException", "x"), "invalid", "ask AWS Support"),
    ];
    for (answer, variant, text) in rows {
        let shown = format!("{answer:?}");
        let (result, _) = run([answer], registered()).await;
        let (found, told) = outcome(result);
        assert_eq!(found, variant, "{shown}: {told}");
        assert!(told.to_lowercase().contains(&text.to_lowercase()), "{shown}: {told}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_and_may_be_a_task() {
    let wire = Wire::play([Answer::Silence]).await;
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(200));
    let config = moto::connect_to(&wire.endpoint).await.into_builder();
    let fargate = Fargate::new(&config.timeout_config(timeouts.build()).build());
    let (request, token) = registered();
    let (found, told) = outcome(fargate.run_task(&request, &token).await);
    assert_eq!(found, "unknown", "{told}");
    assert!(told.contains("timeout"), "{told}");
}

#[tokio::test]
async fn a_registration_that_cannot_be_had_is_told_from_one_that_never_can() {
    let none = || exception("ClientException", "Unable to describe task definition.");
    let busy = "Too many concurrent attempts to create a new revision of the specified family.";
    for (answers, variant, text) in [
        (vec![exception("ThrottlingException", "x")], "unsent", "ecs:DescribeTaskDefinition"),
        (
            vec![none(), exception("ThrottlingException", "x")],
            "unsent",
            "ecs:RegisterTaskDefinition",
        ),
        (vec![none(), Answer::Closed], "unsent", "ecs:RegisterTaskDefinition"),
        (vec![none(), Answer::Json(200, json!({}))], "unsent", "names no revision"),
        (vec![none(), exception("ClientException", busy)], "unsent", "Too many concurrent"),
        (
            vec![exception("AccessDeniedException", "x")],
            "invalid",
            "ecs:DescribeTaskDefinition: allow it",
        ),
        (
            vec![none(), exception("AccessDeniedException", "x")],
            "invalid",
            "ecs:RegisterTaskDefinition: allow it",
        ),
        (
            vec![none(), exception("ClientException", "No such image")],
            "invalid",
            "correct the job's `task`",
        ),
    ] {
        let (result, wire) = run(answers, inline()).await;
        let (found, told) = outcome(result);
        assert_eq!(found, variant, "{told}");
        assert!(told.contains(text), "{told}");
        assert!(wire.asked().iter().all(|asked| asked.operation != "RunTask"));
    }
}

#[tokio::test]
async fn a_revision_that_somebody_deregistered_is_registered_anew() {
    let none = || exception("ClientException", "Unable to describe task definition.");
    let inactive = exception("ClientException", "TaskDefinition is inactive");
    let wire =
        Wire::play([none(), revision(json!([])), inactive, none(), revision(json!([])), started()])
            .await;
    let fargate = fargate(&wire).await;
    let (request, token) = inline();
    let (found, told) = outcome(fargate.run_task(&request, &token).await);
    assert_eq!(found, "refused", "{told}");
    assert_eq!(fargate.run_task(&request, &token).await, Ok(TASK.to_owned()));
    assert_eq!(wire.asked().len(), 6);
}

#[tokio::test]
async fn nothing_of_an_answer_that_cannot_be_read_is_told() {
    let secret = json!({ "tasks": [{ "overrides": "hunter2", "taskArn": 7 }] });
    for answer in [Answer::Truncated(secret.clone()), Answer::Json(200, secret)] {
        let (result, _) = run([answer], registered()).await;
        let (found, told) = outcome(result);
        assert_eq!(found, "unknown");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

/// A task as DescribeTasks shows it: as the event does, but for its times.
fn as_described(detail: &Value) -> Value {
    let mut task = detail.clone();
    for (name, value) in task.as_object_mut().unwrap() {
        if name.ends_with("At") {
            let time: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
            *value = serde_json::from_str(&format!("{}", time.as_millisecond() as f64 / 1000.0))
                .unwrap();
        }
    }
    task
}

#[tokio::test]
async fn a_task_is_described_as_its_events_tell_of_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("ecs-task-") {
            continue;
        }
        seen += 1;
        let bytes = std::fs::read(&path).unwrap();
        let Event::TaskState(expected) = read_body(&bytes, "1").remove(0).unwrap() else {
            panic!("{name}")
        };
        let event: Value = serde_json::from_slice(&bytes).unwrap();
        let tasks = json!({ "tasks": [as_described(&event["detail"])], "failures": [] });
        let wire = Wire::play([Answer::Json(200, tasks)]).await;
        let tasks = [expected.task_arn.clone()];
        let described = fargate(&wire).await.describe("batch", &tasks).await.unwrap();
        assert_eq!(described, [Described::Task(expected)], "{name}");
    }
    assert!(seen > 3, "only {seen} events were read");
}

#[tokio::test]
async fn tasks_are_described_in_hundreds_and_what_is_unknown_is_told_apart() {
    let arn = |n: usize| format!("{TASK}{n:03}");
    let failures = json!({ "failures": [
        { "arn": arn(0), "reason": "MISSING" },
        { "arn": arn(1), "reason": "SOMETHING" },
    ]});
    let one = json!({ "tasks": [{ "taskArn": arn(249), "lastStatus": "NEW WORD", "version": 3 }] });
    let none = Answer::Json(200, json!({}));
    let wire = Wire::play([Answer::Json(200, failures), none, Answer::Json(200, one)]).await;
    let tasks: Vec<String> = (0..250).map(arn).collect();
    let described = fargate(&wire).await.describe("batch", &tasks).await.unwrap();
    let sizes: Vec<usize> =
        wire.asked().iter().map(|asked| asked.body["tasks"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(wire.asked()[0].body["cluster"], "batch");
    let state = TaskState {
        task_arn: arn(249),
        last_status: "NEW WORD".into(),
        version: 3,
        ..TaskState::default()
    };
    assert_eq!(described, [Described::Missing(arn(0)), Described::Task(Box::new(state))]);
    let broken = Wire::play([exception("ClientException", "oops")]).await;
    let error = fargate(&broken).await.describe("batch", &tasks).await.unwrap_err();
    assert!(
        error.to_string().contains("ECS refuses ecs:DescribeTasks: ClientException: oops"),
        "{error}"
    );
}

#[tokio::test]
async fn tasks_are_listed_running_and_stopped_on_every_page() {
    let page = |arns: &[&str], next: Option<&str>| {
        Answer::Json(200, json!({ "taskArns": arns, "nextToken": next }))
    };
    let wire = Wire::play([page(&["a"], Some("2")), page(&["b"], None), page(&["b", "c"], None)]);
    let wire = wire.await;
    let found = fargate(&wire).await.list_started_by("batch", "longshore/x/1").await.unwrap();
    assert_eq!(found, ["a", "b", "c"]);
    let asked: Vec<Value> = wire.asked().into_iter().map(|asked| asked.body).collect();
    let first =
        json!({ "cluster": "batch", "startedBy": "longshore/x/1", "desiredStatus": "RUNNING" });
    assert_eq!(asked[0], first);
    assert_eq!(asked[1]["nextToken"], "2");
    assert_eq!(asked[2]["desiredStatus"], "STOPPED");
}

#[tokio::test]
async fn stopping_a_task_that_is_gone_is_no_error() {
    for (answer, expected) in [
        (Answer::Json(200, json!({ "task": { "taskArn": TASK } })), None),
        (exception("InvalidParameterException", "The referenced task was not found."), None),
        (exception("ClusterNotFoundException", "Cluster not found."), None),
        (exception("InvalidParameterException", "Reason is too long"), Some("Reason is too long")),
        (
            exception("AccessDeniedException", "no"),
            Some("a call to ECS failed: longshore may not do ecs:StopTask: allow it"),
        ),
    ] {
        let wire = Wire::play([answer]).await;
        let stopped = fargate(&wire).await.stop("batch", TASK, "longshore: timeout").await;
        match (stopped, expected) {
            (Ok(()), None) => {}
            (Err(error), Some(text)) => assert!(error.to_string().contains(text), "{error}"),
            (stopped, expected) => panic!("{stopped:?}, not {expected:?}"),
        }
        let body = json!({ "cluster": "batch", "task": TASK, "reason": "longshore: timeout" });
        assert_eq!(wire.asked()[0].body, body);
    }
}
