//! `local --serve`: ECS's wire protocol, spoken with the real program.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::containers::DOCKER;
use crate::program::{Project, Running, wait_for};

mod client;
mod events;
mod faults;
mod receiver;

use client::{Answer, Served, TARGET, definition, request, text};

#[test]
fn a_task_runs_as_its_definition_and_its_overrides_say() {
    let served = Served::start(&[]);
    let mut written = definition("work", "echo \"$A $B $0\" > marker");
    written["containerDefinitions"][0]["environment"] =
        json!([{ "name": "A", "value": "a" }, { "name": "B", "value": "b" }]);
    written["containerDefinitions"][0]["entryPoint"] = json!(["sh", "-c"]);
    written["containerDefinitions"][0]["command"] = json!(["echo unchanged > marker"]);
    served.ok("RegisterTaskDefinition", written);
    let overrides = json!({ "containerOverrides": [{
        "name": "main",
        "command": ["echo \"$A $B $0\" > marker", "zero"],
        "environment": [{ "name": "B", "value": "c" }],
    }] });
    let answer = served.ok(
        "RunTask",
        request(json!({
            "overrides": overrides,
            "startedBy": "team/work-1",
            "tags": [{ "key": "k", "value": "v" }],
        })),
    );
    let task = &answer["tasks"][0];
    assert_eq!(
        (&task["lastStatus"], &task["desiredStatus"], &task["version"], &task["startedBy"]),
        (&json!("PROVISIONING"), &json!("RUNNING"), &json!(1), &json!("team/work-1"))
    );
    assert_eq!((&task["overrides"], &answer["failures"]), (&overrides, &json!([])));
    assert_eq!(task["tags"], json!([{ "key": "k", "value": "v" }]));
    assert_eq!(
        (&task["group"], &task["launchType"], &task["cpu"], &task["memory"]),
        (&json!("family:work"), &json!("FARGATE"), &json!("256"), &json!("512"))
    );
    assert_eq!(
        task["attachments"][0]["details"],
        json!([{ "name": "subnetId", "value": "subnet-1" }])
    );
    let arn = text(&task["taskArn"]);
    let stopped = served.await_status(&arn, "STOPPED");
    assert_eq!(served.project.read("marker"), b"a c zero\n");
    assert_eq!(
        stopped["taskDefinitionArn"],
        "arn:aws:ecs:local:000000000000:task-definition/work:1"
    );
    let times =
        ["createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppingAt", "stoppedAt"];
    let times: Vec<f64> = times.iter().map(|name| stopped[name].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] > 1.7e9, "{stopped:#}");
    assert_eq!(stopped["attachments"][0]["status"], "DELETED");
    served.end();
}

#[test]
fn containers_are_made_of_the_definition_and_the_overrides() {
    let project = Project::new("jobs: {}\n");
    std::fs::create_dir(project.path("bin")).unwrap();
    project.write("bin/docker", DOCKER);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path("bin/docker"), executable).unwrap();
    project.write("state.json", r#"{"Status":"exited","ExitCode":5,"OOMKilled":false}"#);
    let served = Served::start_in(project, &["--runtime", "docker"]);
    let mut written = definition("work", "");
    let container = &mut written["containerDefinitions"][0];
    container["command"] = json!(["serve", "--all"]);
    container["environment"] = json!([{ "name": "A", "value": "a" }]);
    container["user"] = json!("1000:1000");
    container["workingDirectory"] = json!("/srv");
    container["readonlyRootFilesystem"] = json!(true);
    served.ok("RegisterTaskDefinition", written);
    let overrides = json!({
        "cpu": "1 vCPU",
        "memory": "2048",
        "containerOverrides": [{ "name": "main", "environment": [{ "name": "B", "value": "b" }] }],
    });
    let arn = served.run(json!({ "overrides": overrides }));
    let task = served.await_status(&arn, "STOPPED");
    assert_eq!(task["containers"][0]["exitCode"], 5, "{task:#}");
    assert_eq!((&task["cpu"], &task["memory"]), (&json!("1 vCPU"), &json!("2048")));
    let calls = String::from_utf8(served.project.read("calls")).unwrap();
    let made = calls.lines().find(|call| call.starts_with("create ")).unwrap();
    let label = format!("[--label=longshore.task={arn}]");
    assert_eq!(
        made.split_once(&label).unwrap().1,
        " [--env] [A=a] [--env] [B=b] [--cpus=1] [--memory=2048m] [--memory-swap=2048m] \
         [--user=1000:1000] [--workdir=/srv] [--read-only] [--] [alpine] [serve] [--all]"
    );
    served.end();
}

#[test]
fn exit_codes_and_stop_codes_are_what_really_happened() {
    let served = Served::start(&[]);
    for (script, code) in [("exit 0", 0), ("exit 3", 3), ("exit 127", 127), ("kill -KILL $$", 137)]
    {
        served.register("work", script);
        let task = served.await_status(&served.run(json!({})), "STOPPED");
        assert_eq!(task["containers"][0]["exitCode"], code, "{task:#}");
        assert_eq!(task["stopCode"], "EssentialContainerExited");
        assert_eq!(task["stoppedReason"], "Essential container in task exited");
    }
    // Stopped: 143 by SIGTERM, 137 once the stop timeout is over.
    for (script, code, reason) in [
        ("echo x >> started; while :; do sleep 0.05; done", 143, Some("no longer wanted")),
        ("trap '' TERM; echo x >> started; while :; do sleep 0.05; done", 137, None),
    ] {
        served.register("work", script);
        let before = served.project.lines("started");
        let arn = served.run(json!({ "tags": [{ "key": "k", "value": "v" }] }));
        wait_for("its start", || served.project.lines("started") > before);
        served.await_status(&arn, "RUNNING");
        let mut stop = json!({ "task": arn });
        if let Some(reason) = reason {
            stop["reason"] = json!(reason);
        }
        let stopping = served.ok("StopTask", stop)["task"].clone();
        let reason = reason.unwrap_or("Task stopped by user");
        assert_eq!(
            (&stopping["desiredStatus"], &stopping["stopCode"]),
            (&json!("STOPPED"), &json!("UserInitiated"))
        );
        assert_eq!(served.list(json!({})), Vec::<String>::new());
        let task = served.await_status(&arn, "STOPPED");
        assert_eq!(task["containers"][0]["exitCode"], code, "{task:#}");
        assert_eq!(
            (&task["stopCode"], &task["stoppedReason"]),
            (&json!("UserInitiated"), &json!(reason))
        );
        assert_eq!(
            served.ok("ListTagsForResource", json!({ "resourceArn": arn }))["tags"],
            json!([])
        );
        // Once more is no error and changes nothing.
        let again = served.ok("StopTask", json!({ "task": arn, "reason": "again" }));
        assert_eq!(again["task"], task);
    }
    // What never ran has no code.
    let mut missing = definition("work", "");
    missing["containerDefinitions"][0]["command"] = json!(["no-such-program"]);
    served.ok("RegisterTaskDefinition", missing);
    let task = served.await_status(&served.run(json!({})), "STOPPED");
    assert_eq!(
        (&task["stopCode"], &task["startedAt"]),
        (&json!("TaskFailedToStart"), &Value::Null)
    );
    assert_eq!(task["containers"][0]["exitCode"], Value::Null);
    assert!(text(&task["containers"][0]["reason"]).contains("CannotStartContainerError"));
    served.end();
}

#[test]
fn a_token_is_its_first_answer_until_it_is_forgotten() {
    let served = Served::start(&["--remember", "4s"]);
    served.register("work", "while ! [ -e go ]; do sleep 0.05; done");
    let once = json!({ "clientToken": "once", "startedBy": "a" });
    let first = served.ok("RunTask", request(once.clone()));
    let arn = text(&first["tasks"][0]["taskArn"]);
    served.await_status(&arn, "RUNNING");
    assert_eq!(served.ok("RunTask", request(once.clone())), first);
    // A newer revision does not matter: nothing is looked up again.
    served.register("work", "exit 9");
    assert_eq!(served.ok("RunTask", request(once.clone())), first);
    let other = json!({ "clientToken": "once", "startedBy": "b" });
    match served.call("RunTask", &request(other.clone())) {
        Answer::Whole { status: 400, body } => {
            assert_eq!(body["__type"], "ConflictException");
            assert_eq!(body["resourceIds"], json!([arn]));
        }
        answer => panic!("{answer:#?}"),
    }
    // Another cluster has tokens of its own.
    let elsewhere = json!({ "clientToken": "once", "startedBy": "a", "cluster": "other" });
    assert_ne!(served.run(elsewhere), arn);
    assert_eq!(served.list(json!({ "startedBy": "a" })), [arn.as_str()]);

    served.project.write("go", "");
    served.await_status(&arn, "STOPPED");
    // Remembered for a while: a stopped task is told of in short.
    let short = json!({ "taskArn": arn, "lastStatus": "STOPPED", "desiredStatus": "STOPPED" });
    assert_eq!(served.ok("RunTask", request(once))["tasks"], json!([short]));
    // Then forgotten: the token starts another task, and nobody knows the old one.
    wait_for("the token to be forgotten", || {
        matches!(served.call("RunTask", &request(other.clone())), Answer::Whole { status: 200, .. })
    });
    assert_ne!(served.run(other), arn);
    let missing = served.ok("DescribeTasks", json!({ "tasks": [arn] }));
    assert_eq!(missing["failures"], json!([{ "arn": arn, "reason": "MISSING" }]));
    served.end();
}

#[test]
fn a_token_that_many_ask_with_at_once_is_one_task() {
    let served = Served::start(&[]);
    served.register("work", "echo x >> started");
    let token = json!({ "clientToken": "shared", "startedBy": "many", "count": 2 });
    let answers: Vec<Value> = thread::scope(|scope| {
        let ask = || served.ok("RunTask", request(token.clone()))["tasks"].clone();
        let threads: Vec<_> = (0..24).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let arns = |tasks: &Value| -> BTreeSet<String> {
        tasks.as_array().unwrap().iter().map(|task| text(&task["taskArn"])).collect()
    };
    let first = arns(&answers[0]);
    assert_eq!(first.len(), 2);
    assert!(answers.iter().all(|tasks| arns(tasks) == first), "{answers:#?}");
    for arn in &first {
        served.await_status(arn, "STOPPED");
    }
    assert_eq!(served.project.lines("started"), 2);
    served.end();
}

#[test]
fn task_definitions_have_revisions_and_tags() {
    let served = Served::start(&[]);
    let mut first = definition("work", "exit 0");
    first["tags"] = json!([{ "key": "team", "value": "docks" }]);
    let answer = served.ok("RegisterTaskDefinition", first);
    assert_eq!(answer["tags"], json!([{ "key": "team", "value": "docks" }]));
    let first = text(&answer["taskDefinition"]["taskDefinitionArn"]);
    let second = served.register("work", "exit 1");
    served.register("work-2", "exit 0");
    let describe = |name: &str| {
        let answer = served.ok("DescribeTaskDefinition", json!({ "taskDefinition": name }));
        assert_eq!(answer["tags"], Value::Null);
        text(&answer["taskDefinition"]["taskDefinitionArn"])
    };
    assert_eq!((describe("work"), describe("work:1")), (second.clone(), first.clone()));
    assert_eq!(describe(&first), first);
    let tagged = json!({ "taskDefinition": "work:1", "include": ["TAGS"] });
    served
        .ok("TagResource", json!({ "resourceArn": first, "tags": [{ "key": "a", "value": "1" }] }));
    served.ok("UntagResource", json!({ "resourceArn": first, "tagKeys": ["team"] }));
    let answer = served.ok("DescribeTaskDefinition", tagged);
    assert_eq!(answer["tags"], json!([{ "key": "a", "value": "1" }]));
    assert_eq!(answer["taskDefinition"]["containerDefinitions"][0]["essential"], true);
    let list =
        |filter: Value| served.ok("ListTaskDefinitions", filter)["taskDefinitionArns"].clone();
    assert_eq!(list(json!({ "familyPrefix": "work", "sort": "DESC" })), json!([second, first]));
    let page = served.ok("ListTaskDefinitions", json!({ "maxResults": 2 }));
    let rest = json!({ "maxResults": 2, "nextToken": page["nextToken"] });
    assert_eq!(list(rest).as_array().map(Vec::len), Some(1));

    served.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "work:2" }));
    assert_eq!(describe("work"), first);
    assert_eq!(list(json!({ "status": "INACTIVE" })), json!([second]));
    let inactive = served.error("RunTask", request(json!({ "taskDefinition": "work:2" })));
    assert_eq!(inactive, error("InvalidParameterException", "TaskDefinition is inactive"));
    let unknown = served.error("RunTask", request(json!({ "taskDefinition": "nobody" })));
    assert_eq!(unknown, error("ClientException", "TaskDefinition not found."));
    let unknown = served.error("DescribeTaskDefinition", json!({ "taskDefinition": "work:7" }));
    assert_eq!(unknown, error("ClientException", "Unable to describe task definition."));
    let missing = json!({ "resourceArn": format!("{first}0") });
    assert_eq!(served.error("ListTagsForResource", missing).0, "ResourceNotFoundException");
    served.end();
}

#[test]
fn pages_of_task_definitions_go_on_where_they_ended_whatever_is_taken_out_or_put_in() {
    let served = Served::start(&[]);
    for family in ["b", "b", "a", "b", "c"] {
        served.register(family, "exit 0");
    }
    let page = |sort: &str, token: Value| {
        let filter = json!({ "maxResults": 2, "sort": sort, "nextToken": token });
        let page = served.ok("ListTaskDefinitions", filter);
        let arns: Vec<String> =
            page["taskDefinitionArns"].as_array().unwrap().iter().map(text).collect();
        let names =
            arns.iter().filter_map(|arn| arn.rsplit('/').next()).collect::<Vec<_>>().join(" ");
        (names, page["nextToken"].clone())
    };
    let (newest, descending) = page("DESC", Value::Null);
    assert_eq!(newest, "c:1 b:3");
    let (oldest, ascending) = page("ASC", Value::Null);
    assert_eq!(oldest, "a:1 b:1");
    served.register("c", "exit 0");
    for name in ["a:1", "b:1"] {
        served.ok("DeregisterTaskDefinition", json!({ "taskDefinition": name }));
    }
    assert_eq!(page("DESC", descending), ("b:2".to_owned(), Value::Null));
    let (next, ascending) = page("ASC", ascending);
    assert_eq!(next, "b:2 b:3");
    assert_eq!(page("ASC", ascending), ("c:1 c:2".to_owned(), Value::Null));
    let bad = json!({ "nextToken": "b" });
    assert_eq!(served.error("ListTaskDefinitions", bad).0, "InvalidParameterException");
    served.end();
}

fn error(name: &str, message: &str) -> (String, String) {
    (name.to_owned(), message.to_owned())
}

#[test]
fn what_cannot_run_here_is_refused() {
    let served = Served::start(&[]);
    let mut two = definition("two", "exit 0");
    let sidecar = json!({ "name": "sidecar", "image": "alpine" });
    two["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
    served.ok("RegisterTaskDefinition", two);
    let (name, message) = served.error("RunTask", request(json!({ "taskDefinition": "two" })));
    assert_eq!(name, "ClientException");
    assert!(message.contains("one container a task"), "{message}");
    let mut image = definition("image", "");
    image["containerDefinitions"][0]["command"] = json!([]);
    served.ok("RegisterTaskDefinition", image);
    let (name, message) = served.error("RunTask", request(json!({ "taskDefinition": "image" })));
    assert_eq!(name, "ClientException");
    assert!(message.contains("--runtime docker"), "{message}");
    served.register("work", "exit 0");
    let network = request(json!({ "networkConfiguration": null }));
    assert_eq!(served.error("RunTask", network).0, "InvalidParameterException");
    assert_eq!(served.list(json!({ "desiredStatus": "STOPPED" })), Vec::<String>::new());
    let stop = served.error("StopTask", json!({ "task": "0".repeat(32) }));
    assert_eq!(stop, error("InvalidParameterException", "The referenced task was not found."));
    served.end();
}

#[test]
fn tasks_are_listed_by_cluster_family_starter_and_status() {
    let served = Served::start(&[]);
    served.register("work", "while :; do sleep 0.05; done");
    served.register("short", "exit 0");
    let started = served.ok("RunTask", request(json!({ "count": 5, "startedBy": "a" })));
    let five: Vec<String> =
        started["tasks"].as_array().unwrap().iter().map(|task| text(&task["taskArn"])).collect();
    let short = served.run(json!({ "taskDefinition": "short", "startedBy": "a" }));
    let arn = "arn:aws:ecs:local:000000000000:cluster/other";
    let elsewhere = served.run(json!({ "cluster": arn, "startedBy": "b" }));
    served.await_status(&short, "STOPPED");
    assert_eq!(served.list(json!({ "startedBy": "a" })), five);
    assert_eq!(
        served.list(json!({ "startedBy": "a", "desiredStatus": "STOPPED" })),
        [short.as_str()]
    );
    assert_eq!(served.list(json!({ "family": "work" })), five);
    assert_eq!(served.list(json!({ "desiredStatus": "PENDING" })), Vec::<String>::new());
    assert_eq!(served.list(json!({ "cluster": "other" })), [elsewhere.as_str()]);
    // In pages.
    let mut pages = Vec::new();
    let mut filter = json!({ "maxResults": 2 });
    loop {
        let page = served.ok("ListTasks", filter.clone());
        pages.push(page["taskArns"].as_array().unwrap().len());
        match page.get("nextToken") {
            Some(token) => filter["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(pages, [2, 2, 1]);
    // By id, and only in its own cluster.
    let id = elsewhere.rsplit('/').next().unwrap();
    let there = served.ok("DescribeTasks", json!({ "cluster": "other", "tasks": [id] }));
    assert_eq!(there["tasks"][0]["taskArn"], elsewhere);
    let here = served.ok("DescribeTasks", json!({ "tasks": [id, elsewhere, short] }));
    assert_eq!(here["failures"].as_array().map(Vec::len), Some(2));
    assert_eq!(here["tasks"].as_array().map(Vec::len), Some(1));
    let many = json!({ "tasks": vec!["x"; 101] });
    assert_eq!(served.error("DescribeTasks", many).0, "InvalidParameterException");
    served.end();
}

/// Headers, a body, and the status and the error they get.
type Mistake<'a> = (&'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);

#[test]
fn what_is_no_request_gets_an_error_and_the_server_goes_on() {
    let served = Served::start(&[]);
    let target = format!("{TARGET}RunTask");
    let run_task = [("X-Amz-Target", target.as_str())];
    let too_large = vec![b' '; 1024 * 1024 + 1];
    let cases: [Mistake<'_>; 9] = [
        (&run_task, b"{", 400, "SerializationException"),
        (&run_task, b"[1]", 400, "SerializationException"),
        (&run_task, b"\xff\xfe\x00", 400, "SerializationException"),
        (&run_task, br#"{"count":"many"}"#, 400, "SerializationException"),
        (&run_task, br#"{"taskDefinition":"work","overrides":[]}"#, 400, "SerializationException"),
        (&run_task, b"", 400, "InvalidParameterException"),
        (&run_task, &too_large, 413, "RequestEntityTooLargeException"),
        (&[("X-Amz-Target", "AmazonSQS.SendMessage")], b"{}", 400, "UnknownOperationException"),
        // A web page whose name was made to mean this machine.
        (&[("Host", "attacker.example"), run_task[0]], b"{}", 400, "AccessDeniedException"),
    ];
    for (headers, body, expected, name) in cases {
        match served.send("POST", "/", headers, body) {
            Answer::Whole { status, body } => {
                assert_eq!((status, text(&body["__type"]).as_str()), (expected, name));
            }
            other => panic!("{name}: {other:#?}"),
        }
    }
    let (name, message) = served.error("CreateService", json!({}));
    assert_eq!(name, "UnknownOperationException");
    assert!(message.contains("CreateService") && message.contains("RunTask"), "{message}");
    // Not even HTTP.
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(&served.address).unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").unwrap();
    drop(stream.read_to_end(&mut Vec::new()));
    assert_eq!(served.list(json!({})), Vec::<String>::new());
    served.end();
}

#[test]
fn the_first_signal_stops_the_tasks_and_the_second_does_not_wait() {
    let served = Served::start(&[]);
    served.register("work", "echo x >> started; while :; do sleep 0.05; done");
    served.run(json!({}));
    wait_for("its start", || served.project.lines("started") == 1);
    served.running.signal(Signal::INT);
    let Served { project, running, .. } = served;
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr.contains("stopping the tasks"), "{done:#?}");
    let last: Value = serde_json::from_str(done.stdout.lines().next_back().unwrap()).unwrap();
    assert_eq!(last["detail"]["lastStatus"], "STOPPED");
    assert_eq!(last["detail"]["stoppedReason"], "longshore: the server was stopped");
    assert_eq!(last["detail"]["containers"][0]["exitCode"], 143);

    let served = Served::start_in(project, &[]);
    served.register("work", "trap '' TERM; echo x >> started; while :; do sleep 0.05; done");
    let arn = served.run(json!({}));
    wait_for("its start", || served.project.lines("started") == 2);
    served.running.signal(Signal::TERM);
    wait_for("the first signal", || served.running.stderr().contains("stopping the tasks"));
    served.running.signal(Signal::TERM);
    let Served { project, running, .. } = served;
    assert_eq!(running.finish().code, Some(130));
    let served = Served::start_in(project, &[]);
    let task = served.await_status(&arn, "STOPPED");
    assert_eq!(task["containers"][0]["exitCode"], 137);
    served.end();
}

#[test]
fn the_first_line_names_the_address_and_strangers_are_warned_of() {
    let project = Project::new("jobs: {}\n");
    let start = |address: &str| -> Running {
        let running = project.start(&["local", "--serve", address]);
        wait_for("its first line", || running.stdout().contains('\n'));
        running
    };
    let served = start("127.0.0.1:0");
    let first = served.stdout();
    assert!(first.starts_with("longshore: ECS at http://127.0.0.1:"), "{first}");
    assert!(first.contains("tasks run as processes of this machine"), "{first}");
    assert_eq!(served.stderr(), "");
    let address = first.split(['/', ';']).nth(2).unwrap().to_owned();
    let taken = project.run(&["local", "--serve", &address]);
    assert_eq!(taken.code, Some(3), "{taken:#?}");
    assert!(taken.stderr.contains(&format!("cannot serve at {address}")), "{taken:#?}");
    let open = start("0.0.0.0:0");
    assert!(open.stderr().contains("runs commands on this machine"), "{}", open.stderr());
    for running in [served, open] {
        running.signal(Signal::TERM);
        assert_eq!(running.finish().code, Some(0));
    }
    for (arguments, problem) in [
        (["local", "--events-to", "http://127.0.0.1:1/"].as_slice(), "--serve"),
        (&["local", "--serve", "127.0.0.1:0", "--events-to", "https://x/"], "only http"),
        (&["local", "--serve", "127.0.0.1:0", "event.json"], "cannot be used with"),
        (&["local", "--serve", "4510"], "like 127.0.0.1:4510"),
        (&["local", "--serve", "localhost:99999"], "like 127.0.0.1:4510"),
    ] {
        let refused = project.run(arguments);
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(problem), "{refused:#?}");
    }
}
