//! `longshore logs --on aws`: read from CloudWatch Logs, whole and as it grows.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

use std::process::{Command, Stdio};

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, LogConfiguration, LogDriver, NetworkMode,
};
use jiff::{SignedDuration, Timestamp};
use longshore::event::{LastStatus, TaskState};
use longshore::identity::{Namespace, RunId};
use longshore::jobs::{RunSpec, TaskRequest, TaskSource};
use longshore::ledger::{Claim, Ledger as _, Saved};
use longshore::run::{Applied, Fact, Run, Sighting, apply};
use serde_json::{Value, json};

use crate::contracts;
use crate::functions::network;
use crate::installation::Installation;
use crate::moto;
use crate::program::{Done, Running, wait_for};

/// jobs.yaml with the job `work`, which logs to this group.
fn jobs(group: &str) -> String {
    format!("jobs: {{ work: {{ task: {{ image: alpine }}, logs: {{ group: {group} }} }} }}\n")
}

/// An account with a run in its ledger, and a log group for its tasks.
struct Account {
    there: Installation,
    group: String,
    run: Run,
}

impl Account {
    /// The run waits for its first task.
    async fn new() -> Self {
        let group = format!("/ecs/{}", moto::fresh("logs"));
        let there = Installation::new(&jobs(&group)).await;
        let mut run = contracts::run("work", &moto::fresh("key"), 0);
        run.created_at = Timestamp::now();
        let request = request(&jobs(&group), &there.namespace, &run);
        run.arm(request, Timestamp::now(), Timestamp::now(), "a");
        let account = Self { there, group, run };
        account.ask("CreateLogGroup", json!({ "logGroupName": account.group })).await;
        let claimed = account.there.ledger().claim(&account.run).await.expect("an answer");
        assert!(matches!(claimed, Claim::Won), "the run is new");
        account
    }

    async fn ask(&self, what: &str, question: Value) {
        let target = format!("Logs_20140328.{what}");
        moto::ask("logs", "POST", "/", Some(&target), question.to_string()).await;
    }

    /// Changes the run in the ledger, as dispatch and record would.
    async fn change(&mut self, change: impl FnOnce(&Run) -> Run) {
        let stored = self.there.ledger().load(&self.run.id).await.expect("loaded");
        let mut run = change(&stored.expect("the run"));
        let saved = self.there.ledger().save(&mut run).await.expect("an answer");
        assert_eq!(saved, Saved::Done);
        self.run = run;
    }

    /// RunTask answered with this task.
    async fn launched(&mut self, id: &str) {
        let task = format!("arn:aws:ecs:eu-west-1:123456789012:task/batch/{id}");
        self.change(|run| after(run, &Fact::Launched { task })).await;
    }

    /// The present task has ended, so many seconds ago.
    async fn ended(&mut self, code: i32, secs: i64) {
        self.change(|run| {
            let state = json!({
                "taskArn": run.last_task(),
                "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/batch",
                "lastStatus": "STOPPED",
                "stopCode": "EssentialContainerExited",
                "version": 9,
                "containers": [{ "name": run.request().map(|r| &r.container), "exitCode": code }],
                "startedAt": Timestamp::now() - SignedDuration::from_secs(secs + 10),
                "stoppedAt": Timestamp::now() - SignedDuration::from_secs(secs),
            });
            let state: TaskState = serde_json::from_value(state).expect("a state");
            assert_eq!(state.last_status, LastStatus::Stopped);
            after(run, &Fact::Seen(Sighting::of(&state, None).expect("a known status")))
        })
        .await;
    }

    /// A stream of the group, as the container that starts makes it.
    async fn stream(&self, name: &str) {
        let stream = json!({ "logGroupName": self.group, "logStreamName": name });
        self.ask("CreateLogStream", stream).await;
    }

    /// Lines that were printed so many seconds ago.
    async fn log(&self, stream: &str, secs: i64, lines: &[&str]) {
        let at = (Timestamp::now() - SignedDuration::from_secs(secs)).as_millisecond();
        let events: Vec<Value> =
            lines.iter().map(|line| json!({ "timestamp": at, "message": line })).collect();
        let batch =
            json!({ "logGroupName": self.group, "logStreamName": stream, "logEvents": events });
        self.ask("PutLogEvents", batch).await;
    }

    /// The stream of a task.
    fn name(&self, task: &str) -> String {
        let container = self.run.request().map(|request| request.container.as_str());
        format!("{}-work/{}/{task}", self.there.namespace, container.unwrap_or_default())
    }

    fn start(&self, arguments: &[&str]) -> Running {
        Running::start(command(&self.there, arguments))
    }

    /// `longshore logs` of the run.
    fn logs(&self, arguments: &[&str]) -> Done {
        self.start(&[&["logs", self.run.id.as_str()], arguments].concat()).finish()
    }
}

/// The program at work on an installation.
fn command(there: &Installation, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.args(arguments).args(["--on", "aws"]).env_clear().envs(there.variables());
    command.env("AWS_REGION", "eu-west-1").stdin(Stdio::null());
    command.envs([("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")]);
    command
}

fn request(jobs: &str, namespace: &Namespace, run: &Run) -> TaskRequest {
    let read = longshore::jobs::read(jobs.as_bytes(), Timestamp::now());
    let jobs = read.jobs.unwrap_or_else(|| panic!("{:?}", read.problems));
    let spec = RunSpec { namespace, run: &run.id, attempt: run.attempt(), values: &run.values };
    jobs.get("work").expect("the job").request(spec).expect("a request")
}

fn after(run: &Run, fact: &Fact) -> Run {
    match apply(run, run.attempt(), fact, Timestamp::now()) {
        Applied::Changed(run) => *run,
        Applied::Ignored(why) => panic!("{fact:?} was ignored: {why:?}"),
    }
}

#[tokio::test]
async fn a_log_is_printed_whole_or_since_a_time_from_the_stream_that_the_request_names() {
    let mut account = Account::new().await;
    let early = account.logs(&[]);
    assert_eq!(early.code, Some(1), "{early:#?}");
    assert!(early.stderr.contains("no task yet: --follow waits"), "{early:#?}");

    account.launched("t1").await;
    let none = account.logs(&[]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""), "{none:#?}");
    let place = format!("{} in the log group {} of eu-west-1", account.name("t1"), account.group);
    assert!(
        none.stderr.contains("printed nothing yet") && none.stderr.contains(&place),
        "{none:?}"
    );

    let stream = account.name("t1");
    account.stream(&stream).await;
    account.log(&stream, 600, &["\u{1b}[31mred\u{1b}[0m  two  spaces ", ""]).await;
    // More than one page.
    let many: Vec<String> = (0..10_500).map(|number| number.to_string()).collect();
    for some in many.chunks(8_000) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        account.log(&stream, 30, &some).await;
    }
    let whole = account.logs(&[]);
    let expected = format!("\u{1b}[31mred\u{1b}[0m  two  spaces \n\n{}\n", many.join("\n"));
    assert!(whole.stdout == expected, "{} bytes", whole.stdout.len());
    let late = account.logs(&["--since", "5m"]);
    assert!(late.stdout == format!("{}\n", many.join("\n")), "{} bytes", late.stdout.len());

    let json = account.logs(&["-o", "json"]).json();
    let lines = json["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 10_502);
    assert_eq!(lines[2]["text"], "0");
    let at: Timestamp = lines[2]["at"].as_str().expect("a time").parse().expect("a time");
    assert!(Timestamp::now().duration_since(at) < SignedDuration::from_mins(5), "{at}");
    let wrong = account.logs(&["--attempt", "2"]);
    assert!(wrong.stderr.contains("no attempt 2: its last one is 1"), "{wrong:#?}");
}

#[tokio::test]
async fn a_followed_log_waits_for_the_task_goes_on_through_attempts_and_ends_after_the_verdict() {
    let mut account = Account::new().await;
    let follower = account.start(&["logs", account.run.id.as_str(), "--follow"]);
    account.launched("t1").await;
    let first = account.name("t1");
    account.stream(&first).await;
    account.log(&first, 0, &["one"]).await;
    wait_for("the first line", || follower.stdout() == "one\n");
    account.log(&first, 0, &["two"]).await;
    wait_for("the second line", || follower.stdout() == "one\ntwo\n");

    // The first attempt fails, and a second one follows.
    account.ended(1, 0).await;
    let jobs = jobs(&account.group);
    let namespace = account.there.namespace.clone();
    account
        .change(|run| {
            let mut run = run.clone();
            run.open_attempt(Timestamp::now());
            let request = request(&jobs, &namespace, &run);
            run.arm(request, Timestamp::now(), Timestamp::now(), "b");
            run
        })
        .await;
    account.launched("t2").await;
    let second = account.name("t2");
    account.stream(&second).await;
    account.log(&second, 0, &["three"]).await;
    wait_for("the second attempt", || follower.stdout() == "one\ntwo\nthree\n");
    account.ended(0, 0).await;
    // CloudWatch Logs has the last lines a moment later.
    account.log(&second, 0, &["late"]).await;
    let done = follower.finish();
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "one\ntwo\nthree\nlate\n"),
        "{done:#?}"
    );

    for (arguments, expected) in [
        (&["--attempt", "1"][..], "one\ntwo\n"),
        (&["--attempt", "1", "--follow"], "one\ntwo\n"),
        (&[], "three\nlate\n"),
    ] {
        let done = account.logs(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(0), expected), "{done:#?}");
    }
}

/// Registers a task definition whose container logs so; returns its family.
async fn register(account: &Account, logs: Option<(LogDriver, &[(&str, &str)])>) -> String {
    let family = moto::fresh("theirs");
    let mut container = ContainerDefinition::builder().name("app").image("alpine");
    if let Some((driver, options)) = logs {
        let options = options.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let configuration = LogConfiguration::builder().log_driver(driver);
        let configuration = configuration.set_options(Some(options.collect())).build();
        container = container.log_configuration(configuration.expect("a configuration"));
    }
    let ecs = aws_sdk_ecs::Client::new(&account.there.aws);
    ecs.register_task_definition()
        .family(&family)
        .network_mode(NetworkMode::Awsvpc)
        .requires_compatibilities(Compatibility::Fargate)
        .cpu("256")
        .memory("512")
        .container_definitions(container.build())
        .send()
        .await
        .expect("registered");
    family
}

#[tokio::test]
async fn a_registered_definition_says_where_its_log_is() {
    let mut account = Account::new().await;
    account.launched("t1").await;
    let group = account.group.clone();
    let ours = [("awslogs-group", group.as_str()), ("awslogs-stream-prefix", "theirs")];
    let splunk = [("splunk-token", "planted-secret-marker"), ("splunk-url", "https://s:8088")];
    account.stream("theirs/app/t1").await;
    account.log("theirs/app/t1", 0, &["from a definition"]).await;
    for (logs, code, told) in [
        (Some((LogDriver::Awslogs, &ours[..])), 0, "from a definition"),
        (Some((LogDriver::Splunk, &splunk[..])), 2, "logs with splunk to https://s:8088, not with"),
        (None, 1, "nobody keeps what container `app` of theirs-"),
    ] {
        let family = register(&account, logs).await;
        account
            .change(|run| {
                let mut run = run.clone();
                let attempt = run.attempts.last_mut().expect("an attempt");
                let request = attempt.request.as_mut().expect("a request");
                request.source = TaskSource::Registered(format!("{family}:1"));
                request.container = "app".to_owned();
                run
            })
            .await;
        let done = account.logs(&[]);
        let all = format!("{}{}", done.stdout, done.stderr);
        assert_eq!(done.code, Some(code), "{done:#?}");
        assert!(all.contains(told) && !all.contains("planted"), "{done:#?}");
    }
}

#[tokio::test]
async fn cloudwatch_logs_may_have_an_endpoint_of_its_own() {
    let mut account = Account::new().await;
    account.launched("t1").await;
    let stream = account.name("t1");
    account.stream(&stream).await;
    account.log(&stream, 0, &["elsewhere"]).await;
    let nowhere = "http://127.0.0.1:9";
    let mut command = command(&account.there, &["logs", account.run.id.as_str()]);
    command.env("AWS_ENDPOINT_URL", nowhere).env("AWS_ENDPOINT_URL_DYNAMODB", moto::endpoint());
    command.env("AWS_MAX_ATTEMPTS", "1");
    let lost = Running::start(command).finish();
    assert_eq!(lost.code, Some(3), "{lost:#?}");
    assert!(lost.stderr.contains("CloudWatch Logs cannot be reached"), "{lost:#?}");
    let mut command = crate::logs::command(&account.there, &["logs", account.run.id.as_str()]);
    command.env("AWS_ENDPOINT_URL", nowhere).env("AWS_ENDPOINT_URL_DYNAMODB", moto::endpoint());
    command.env("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", moto::endpoint());
    assert_eq!(Running::start(command).finish().stdout, "elsewhere\n");
}

#[tokio::test]
async fn a_run_that_is_waited_for_shows_its_log() {
    let aws = moto::connect().await;
    let cluster = moto::fresh("batch");
    let ecs = aws_sdk_ecs::Client::new(&aws);
    ecs.create_cluster().cluster_name(&cluster).send().await.expect("a cluster");
    let group = format!("/ecs/{}", moto::fresh("logs"));
    let jobs = format!(
        "defaults:\n  cluster: {cluster}\n  {}\n  \
         executionRoleArn: arn:aws:iam::123456789012:role/execution\n  \
         logs: {{ group: {group} }}\njobs: {{ work: {{ task: {{ image: alpine }} }} }}\n",
        network(&aws).await
    );
    let there = Installation::new(&jobs).await;
    let waiting = Running::start(command(&there, &["run", "work", "--wait", "--key", "once"]));
    let mut dispatch = there.function("dispatch").await;
    let mut record = there.function("record").await;
    while there.pump("events", &mut dispatch).await == 0 {}
    let id: RunId = RunId::derive(&contracts::job("work"), "manual", &["once"]);
    let stored = there.ledger().load(&id).await.expect("loaded").expect("the run");
    let task = stored.last_task().expect("a task").to_owned();
    let account = Account { there, group, run: stored };
    account.ask("CreateLogGroup", json!({ "logGroupName": account.group })).await;
    let stream = account.name(task.rsplit('/').next().unwrap_or_default());
    account.stream(&stream).await;
    account.log(&stream, 0, &["hello \u{1b}[2Jthere"]).await;
    wait_for("the line", || waiting.stderr().contains("work | hello \\u{1b}[2Jthere\n"));
    account.there.tell_states(&cluster, &task).await;
    account.there.pump("states", &mut record).await;
    let done = waiting.finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.contains("Succeeded, exit code 0"), "{done:#?}");
    assert_eq!(done.stderr.matches("work |").count(), 1, "{done:#?}");
}
