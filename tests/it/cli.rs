//! What the verbs print and how they exit: text for people, JSON for programs, codes for scripts.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::local::UNTIL_GATE;
use crate::program::{Done, Project, Running, job, task, wait_for};

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value[name].as_array() {
        Some(list) => list,
        None => panic!("`{name}` is no list in {value:#}"),
    }
}

#[test]
fn check_lists_every_job_with_its_next_times() {
    let project = Project::sample();
    let text = project.run(&["check"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""), "{text:#?}");
    for part in ["inspect-upload", "nightly-report", "s3://longshore-uploads/incoming/*.csv"] {
        assert!(text.stdout.contains(part), "{part}: {text:#?}");
    }
    let times = text.stdout.lines().filter(|line| line.contains(" 04:30 CE")).count();
    assert_eq!(times, 5, "{text:#?}");

    let report = project.run(&["check", "-o", "json"]).json();
    assert_eq!((&report["ok"], &report["problems"]), (&json!(true), &json!([])), "{report:#}");
    let night = list(&report, "jobs").iter().find(|job| job["job"] == "nightly-report");
    let next: Vec<jiff::Timestamp> = night
        .map(|night| list(&list(night, "triggers")[0], "next"))
        .unwrap_or_default()
        .iter()
        .map(|time| time.as_str().unwrap_or_default().parse().expect("a time"))
        .collect();
    assert_eq!(next.len(), 5, "{report:#}");
    assert!(next.iter().all(|time| *time > jiff::Timestamp::now()), "{report:#}");
    assert!(next.is_sorted_by(|one, other| one < other), "{report:#}");
}

const NETWORK: &str = "defaults: { network: { subnets: [subnet-0a1b2c3d4e5f60718], \
                       securityGroups: [sg-0a1b2c3d4e5f60718] } }\n";

/// Twelve mistakes, each in a line of its own.
const MISTAKES: &str = r#"
  first:
    triggers:
      - schedule: cron(0 25 * * ? *)
        timeZone: Europe/Pariss
    task:
      image: alpine
      cpu: 256
      memory: 4096
      command: [report]
      environment: { DB_PASSWORD: hunter2 }
    timeout: 90
    concurency: { limit: 1 }
    retry: { attempts: 3, backoff: { delay: 10m, max: 5m } }
  second:
    triggers:
      - s3: { bucket: uploads }
      - s3: { bucket: Uploads }
    task:
      image: alpine
      command:
        - echo
        - "{{ keyy }}"
    concurrency: { limit: 0 }
  third:
    triggers: [{ s3: { bucket: uploads } }]
    task:
      image: alpine
      command: [sh, -c, "cat {{ key }}"]
  third:
    task: { image: alpine, command: [echo] }
"#;

/// What each is about, where it stands in [`MISTAKES`], and what its remedy says.
const TOLD: [(&str, &str, &str); 12] = [
    ("jobs.first.triggers[0].schedule", "cron(0 25", "write 0-23"),
    ("jobs.first.triggers[0].timeZone", "Europe/Pariss", "write a name like `Europe/Paris`"),
    ("jobs.first.task.memory", "4096", "use cpu 512"),
    ("jobs.first.task.environment.DB_PASSWORD", "hunter2", "under `secrets:`"),
    ("jobs.first.timeout", "90", "write `90s`"),
    ("jobs.first", "concurency", "did you mean `concurrency`?"),
    ("jobs.first.retry.backoff.max", "5m }", "write `10m` or more"),
    ("jobs.second.triggers[1].s3.bucket", "Uploads", "lower-case letters"),
    ("jobs.second.task.command[1]", "\"{{ keyy", "did you mean `key`?"),
    ("jobs.second.concurrency.limit", "0 }", "write a number from 1 to 500"),
    ("jobs.third.task.command[2]", "\"cat {{", "use `\"$KEY\"` here"),
    ("jobs.third", "third:\n    task: {", "keep one of them"),
];

/// Line and column, from 1, of the first place where a text stands.
fn place(source: &str, text: &str) -> (usize, usize) {
    let offset = source.find(text).unwrap_or_else(|| panic!("no `{text}`"));
    let before = source.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, offset - line_start + 1)
}

#[test]
fn check_tells_every_mistake_once_with_its_place_and_what_to_do() {
    let source = format!("{NETWORK}jobs:{MISTAKES}");
    let project = Project::new(&source);
    let done = project.run(&["check", "-o", "json"]);
    let report = done.json();
    assert_eq!((done.code, &report["ok"]), (Some(1), &json!(false)), "{done:#?}");
    let problems = list(&report, "problems");
    let paths: Vec<&str> = problems.iter().filter_map(|problem| problem["path"].as_str()).collect();
    assert_eq!(paths, TOLD.map(|(path, ..)| path), "{report:#}");

    let text = project.run(&["check"]);
    assert_eq!((text.code, text.stdout.as_str()), (Some(1), ""), "{text:#?}");
    assert_eq!(text.stderr.matches("--> jobs.yaml:").count(), TOLD.len(), "{}", text.stderr);
    for (problem, (path, mistake, advice)) in problems.iter().zip(TOLD) {
        let (line, column) = place(&source, mistake);
        assert_eq!(
            (&problem["line"], &problem["column"]),
            (&json!(line), &json!(column)),
            "{path}"
        );
        // Whoever reads only the JSON is told what to do as well.
        let said = problem["remedy"].as_str().unwrap_or_default();
        assert!(said.contains(advice), "{path}: {problem:#}");
        assert!(text.stderr.contains(&format!(" jobs.yaml:{line}:{column}\n")), "{path}");
        assert!(text.stderr.contains(advice), "{path}: {}", text.stderr);
    }
}

#[test]
fn the_summary_of_check_stands_in_a_line_of_its_own() {
    let project = Project::new(&format!("{NETWORK}jobs:{MISTAKES}"));
    let done = project.run(&["check"]);
    let last = done.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: jobs.yaml has "), "{}", done.stderr);
}

#[test]
fn a_mistake_in_a_trigger_is_not_told_again_of_the_templates_it_feeds() {
    let project = Project::new(&format!(
        "{NETWORK}jobs:\n  work:\n    triggers: [{{ s3: {{ bucket: No }} }}]\n    task: {{ image: \
         alpine, command: [cat, \"{{{{ key }}}}\"] }}\n"
    ));
    let report = project.run(&["check", "-o", "json"]).json();
    let paths: Vec<&Value> = list(&report, "problems").iter().map(|p| &p["path"]).collect();
    assert_eq!(paths, ["jobs.work.triggers[0].s3.bucket"], "{report:#}");
}

#[test]
fn a_task_state_of_a_run_that_is_not_here_names_its_file() {
    let done = Project::sample().run(&["local", "events/ecs-task-running.json"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    let complaint = "error: events/ecs-task-running.json: the task's run is not in this ledger\n";
    assert!(done.stderr.contains(complaint), "{done:#?}");
}

/// Every file in events/.
fn event_files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("events/")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json"))
        .map(|name| format!("events/{name}"))
        .collect();
    names.sort();
    names
}

fn explain(project: &Project, file: &str) -> Vec<Value> {
    let done = project.run(&["explain", file, "-o", "json"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{file}: {done:#?}");
    list(&done.json(), "events").to_vec()
}

#[test]
fn a_complaint_names_the_message_of_a_batch() {
    let project = Project::sample();
    let message =
        |id: &str, body: &str| json!({ "eventSource": "aws:sqs", "messageId": id, "body": body });
    let good = r#"{ "job": "nightly-report", "key": "1" }"#;
    let records =
        [message("m-1", "{"), message("m-2", good), message("m-3", r#"{ "job": "nope" }"#)];
    project.write("batch.json", json!({ "Records": records }).to_string());
    for verb in [&["explain"][..], &["local", "-q"]] {
        let done = project.run(&[verb, &["batch.json"]].concat());
        assert_eq!(done.code, Some(1), "{done:#?}");
        for complaint in [
            "batch.json: message `m-1`: not_json_object",
            "batch.json: message `m-3`: there is no job",
        ] {
            assert!(done.stderr.contains(complaint), "{done:#?}");
        }
    }
}

#[test]
fn explain_reads_every_sample_event() {
    let project = Project::sample();
    let files = event_files();
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let events = explain(&project, &file);
        assert!(!events.is_empty(), "{file}");
        for event in events {
            let runs = list(&event, "runs");
            match event["kind"].as_str() {
                Some("taskState") => {
                    let state = &event["taskState"];
                    assert!(state["fact"].is_string(), "{file}: {event:#}");
                    let lives = state["lastStatus"] != "STOPPED";
                    assert_eq!(state.get("verdict").map(Value::is_null), Some(lives), "{file}");
                }
                Some("s3TestEvent" | "rerun") => {
                    assert!(event["note"].is_string(), "{file}: {event:#}")
                }
                Some("s3" | "schedule" | "manual") => {
                    assert!(event["occurrence"].is_string(), "{file}: {event:#}");
                    assert_eq!(runs.len(), 1, "{file}: {event:#}");
                }
                _ => panic!("{file}: {event:#}"),
            }
            for run in runs {
                check_planned(run);
            }
        }
        assert_eq!(project.run(&["explain", &file]).code, Some(0), "{file}");
    }
    assert!(!project.path(".longshore").exists(), "explain made a ledger");
}

fn check_planned(run: &Value) {
    let text = |name: &str| run[name].as_str().unwrap_or_default();
    let (job, id) = (text("job"), text("runId"));
    let hash = id.strip_prefix(&format!("{job}-")).unwrap_or_default();
    assert_eq!(hash.len(), 20, "{run:#}");
    assert_eq!(text("startedBy"), format!("longshore/{id}/1"));
    assert!(text("clientToken").ends_with("-1-1"), "{run:#}");
    assert_eq!(run["request"]["clientToken"], run["clientToken"]);
    let overrides = run["request"]["overrides"].to_string();
    assert_eq!(run["overridesChars"], overrides.chars().count(), "{overrides}");
}

#[test]
fn a_task_state_leads_to_its_verdict_with_a_sentence_to_act_on() {
    let project = Project::sample();
    for (file, fact, verdict, code, reason) in [
        ("running", "Running", json!(null), json!(null), None),
        ("stopped", "Exited", json!("Succeeded"), json!(0), Some("exited with code 0")),
        ("stopped-failed", "Exited", json!("Failed"), json!(1), Some("`log-router` exited with")),
        ("out-of-memory", "Exited", json!("Failed"), json!(137), Some("raise `memory`")),
        ("failed-to-start", "FailedToStart", json!("Failed"), json!(null), Some("CannotPull")),
        ("spot-interruption", "SpotInterruption", json!("Failed"), json!(143), Some("retry.on")),
    ] {
        let events = explain(&project, &format!("events/ecs-task-{file}.json"));
        let state = &events[0]["taskState"];
        assert_eq!(state["fact"], fact, "{file}");
        assert_eq!((&state["verdict"], &state["exitCode"]), (&verdict, &code), "{file}");
        let said = state["reason"].as_str();
        assert!(said.unwrap_or_default().contains(reason.unwrap_or_default()), "{file}: {said:?}");
        assert_eq!(said.is_some(), reason.is_some(), "{file}: {said:?}");
    }
}

#[test]
fn a_stop_of_ours_is_told_with_its_cause() {
    let project = Project::sample();
    let stopped = fs::read_to_string(project.path("events/ecs-task-stopped.json"));
    let mut event: Value = serde_json::from_str(&stopped.expect("the sample")).expect("JSON");
    event["detail"]["stopCode"] = json!("UserInitiated");
    event["detail"]["stoppedReason"] = json!("longshore: timed out");
    event["detail"]["containers"][0]["exitCode"] = json!(137);
    project.write("stopped.json", event.to_string());
    let state = &explain(&project, "stopped.json")[0]["taskState"];
    assert_eq!(state["verdict"], "TimedOut");
    assert_eq!(
        state["reason"],
        "stopped by longshore: timed out; container `main` did not end on SIGTERM and was killed \
         (exit code 137)"
    );
}

#[test]
fn the_request_is_in_the_spelling_of_the_ecs_api() {
    let events = explain(&Project::sample(), "events/manual.json");
    let run = &list(&events[0], "runs")[0];
    let request = &run["request"];
    let container = &request["overrides"]["containerOverrides"][0];
    let environment: Vec<(&str, &str)> = list(container, "environment")
        .iter()
        .filter_map(|pair| Some((pair["name"].as_str()?, pair["value"].as_str()?)))
        .collect();
    let id = run["runId"].as_str().unwrap_or_default();
    assert_eq!(
        environment,
        [
            ("ASKED", "2026-11-23"),
            ("DAY", "2026-01-01"),
            ("LONGSHORE_ATTEMPT", "1"),
            ("LONGSHORE_JOB", "nightly-report"),
            ("LONGSHORE_RUN_ID", id),
        ]
    );
    assert_eq!(container["name"], "main");
    assert_eq!((&request["cluster"], &request["count"]), (&json!("batch"), &json!(1)));
    assert_eq!(request["startedBy"], run["startedBy"]);
    assert!(request["taskDefinition"].as_str().is_some_and(|family| !family.is_empty()));
    let provider = &request["capacityProviderStrategy"][0]["capacityProvider"];
    assert_eq!(provider, "FARGATE_SPOT", "{request:#}");
    let registers = &run["registerTaskDefinition"];
    assert_eq!(registers["requiresCompatibilities"], json!(["FARGATE"]));
    assert_eq!((&registers["cpu"], &registers["memory"]), (&json!("256"), &json!("512")));
}

fn object_created(key: &str) -> String {
    json!({
        "version": "0", "id": "ffa3bda6-248e-40b3-abc7-82392a832340", "source": "aws.s3",
        "detail-type": "Object Created", "account": "123456789012", "region": "eu-west-1",
        "time": "2026-11-24T09:14:07Z", "resources": [],
        "detail": {
            "bucket": { "name": "longshore-uploads" },
            "object": { "key": key, "size": 1, "etag": "e", "sequencer": "0A" },
        },
    })
    .to_string()
}

#[test]
fn an_object_nobody_wants_is_told_what_keeps_it_from_each_trigger() {
    let triggers = "triggers: [{ s3: { bucket: longshore-uploads, prefix: inn/ } }, \
                    { s3: { bucket: longshore-uploads, suffix: .png, minSize: 2 } }, \
                    { s3: { bucket: elsewhere } }]";
    let project =
        Project::new(&format!("jobs: {{ thumbs: {{ {triggers}, task: {{ image: a }} }} }}"));
    project.write("event.json", object_created("in/a.png"));
    let conditions =
        ["the key does not begin with prefix `inn/`", "the object's size is 1, below minSize 2"];
    let events = explain(&project, "event.json");
    let unmet = conditions.map(|condition| json!({ "job": "thumbs", "condition": condition }));
    assert_eq!(events[0]["unmet"], json!(unmet), "{events:#?}");
    let lines = conditions.map(|condition| format!("  thumbs: {condition}\n"));
    for verb in ["explain", "local"] {
        let text = project.run(&[verb, "event.json"]);
        for line in &lines {
            assert!(text.stdout.contains(line), "{text:#?}");
        }
    }
}

#[test]
fn an_event_nobody_wants_has_no_runs_and_says_so() {
    let project = Project::sample();
    for (event, note) in [
        (object_created("incoming/a.png"), "no job wants this event"),
        (object_created("a.csv").replace("longshore-uploads", "elsewhere"), "`elsewhere`"),
        (r#"{"schedule": "x", "scheduledTime": "2026-11-24T02:00:00Z"}"#.into(), "`x`"),
    ] {
        project.write("event.json", &event);
        let events = explain(&project, "event.json");
        assert_eq!(events[0]["runs"], json!([]), "{event}");
        assert!(events[0]["note"].as_str().is_some_and(|text| text.contains(note)), "{events:#?}");
        let text = project.run(&["explain", "event.json"]);
        assert!(text.stdout.contains(note), "{text:#?}");
    }
}

#[test]
fn what_cannot_be_read_is_explained_with_exit_1() {
    let project = Project::sample();
    for (event, reason) in [
        ("{ no json", "line 1 column 3"),
        (r#"{"what": "ever"}"#, "`what`"),
        (r#"{"source":"aws.ec2","detail-type":"EC2 Instance State-change Notification"}"#, "event"),
        (&object_created("a.csv").replace("2026-11-24T09:14:07Z", "yesterday"), "malformed"),
        (r#"{"job": "no-such-job"}"#, "no-such-job"),
        (r#"{"job": "nightly-report", "parameters": {"day": "$(date)"}}"#, "day"),
    ] {
        project.write("event.json", event);
        let done = project.run(&["explain", "event.json", "-o", "json"]);
        assert_eq!(done.code, Some(1), "{event}: {done:#?}");
        assert!(done.stderr.starts_with("error: event.json: "), "{event}: {done:#?}");
        assert!(done.stderr.contains(reason), "{event}: {done:#?}");
        assert_eq!(list(&done.json(), "events").len(), 1, "{event}: {done:#?}");
    }
    let missing = project.run(&["explain", "missing.json"]);
    assert_eq!(missing.code, Some(1), "{missing:#?}");
}

/// A project in which three keyed events of the job `work` have run; one ended with code 3.
fn history() -> (Project, Vec<String>) {
    let project = Project::new(&job("[ ! -e bad ] || exit 3", &[]));
    for key in ["one", "two", "three"] {
        if key == "three" {
            project.write("bad", "");
        }
        let event = project.event(key);
        let done = project.run(&["local", "-q", &event]);
        assert_eq!(done.code, Some(if key == "three" { 3 } else { 0 }), "{done:#?}");
    }
    let id = |run: &Value| run["runId"].as_str().unwrap_or_default().to_owned();
    let ids = project.runs().iter().map(id).collect();
    (project, ids)
}

#[test]
fn runs_lists_the_newest_first_and_filters() {
    let (project, ids) = history();
    let text = project.run(&["runs"]);
    let shown: Vec<&str> =
        text.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(shown, ["RUN", &ids[2], &ids[1], &ids[0]], "{text:#?}");
    for (arguments, count) in [
        (&["work"][..], 3),
        (&["other"], 0),
        (&["--failed"], 1),
        (&["--limit", "2"], 2),
        (&["--since", "1h"], 3),
    ] {
        let done = project.run(&[&["runs", "-o", "json"], arguments].concat());
        assert_eq!(list(&done.json(), "runs").len(), count, "{arguments:?}: {done:#?}");
    }
    let failed = project.run(&["runs", "--failed"]);
    assert!(failed.stdout.contains("container `main` exited with code 3"), "{failed:#?}");
}

#[test]
fn a_run_may_be_named_by_any_unique_beginning() {
    let (project, ids) = history();
    let unique = |id: &String| {
        let others: Vec<&String> = ids.iter().filter(|other| *other != id).collect();
        let length = (1..).find(|n| others.iter().all(|other| other.get(..*n) != id.get(..*n)));
        id.get(..length.unwrap_or_default()).unwrap_or_default().to_owned()
    };
    for id in &ids {
        for name in [id.clone(), unique(id)] {
            let done = project.run(&["show", &name, "-o", "json"]);
            assert_eq!(done.code, Some(0), "{name}: {done:#?}");
            assert_eq!(done.json()["runId"], id.as_str());
        }
    }
    let story = project.run(&["show", &ids[2]]).stdout;
    let moments = ["claimed", "launch   attempt 1", "task     ", "running", "Failed   container"];
    let order: Vec<Option<usize>> = moments.iter().map(|moment| story.find(moment)).collect();
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{story}");
    assert!(story.contains("Failed, exit code 3"), "{story}");

    for verb in ["show", "logs"] {
        let ambiguous = project.run(&[verb, "work-"]);
        assert_eq!(ambiguous.code, Some(1), "{ambiguous:#?}");
        for id in &ids {
            assert!(ambiguous.stderr.contains(id.as_str()), "{ambiguous:#?}");
        }
        for unknown in ["nothing", "%", "_"] {
            let done = project.run(&[verb, unknown]);
            assert_eq!(done.code, Some(1), "{unknown}: {done:#?}");
        }
        let unknown = project.run(&[verb, "nothing"]);
        assert!(unknown.stderr.contains("no run begins with `nothing`"), "{unknown:#?}");
    }
}

#[test]
fn every_verb_prints_json_when_asked_and_no_colours_without_a_terminal() {
    let project = Project::sample();
    let event = "events/s3-object-created.json";
    for verb in [
        &["check"][..],
        &["explain", event],
        &["local", event],
        &["runs"],
        &["show", "inspect-upload"],
        &["logs", "inspect-upload"],
        // As the README has it; its reruns have other ids.
        &["rerun", "inspect-upload-2qov22"],
        &["replay"],
        &["man", "manual"],
        &["schema"],
    ] {
        let colourful = |arguments: &[&str]| {
            let mut command = project.command(arguments);
            command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
            Running::start(command).finish()
        };
        let json = colourful(&[verb, &["-o", "json"]].concat());
        assert_eq!(json.code, Some(0), "{verb:?}: {json:#?}");
        assert!(json.json().is_object(), "{verb:?}: {json:#?}");
        let text = colourful(verb);
        assert_eq!(text.code, Some(0), "{verb:?}: {text:#?}");
        assert!(!text.stdout.is_empty(), "{verb:?}: {text:#?}");
        for output in [json.stdout, json.stderr, text.stdout, text.stderr] {
            assert!(!output.contains('\u{1b}'), "{verb:?}: {output:?}");
        }
    }
    project.write("jobs.yaml", format!("{NETWORK}jobs:{MISTAKES}"));
    let bad = project.run(&["check"]);
    assert!(bad.stderr.contains("error: ") && !bad.stderr.contains('\u{1b}'), "{bad:#?}");
}

#[test]
fn the_schema_is_the_committed_one() {
    let printed = Project::sample().run(&["schema"]);
    assert_eq!(printed.code, Some(0), "{printed:#?}");
    assert_eq!(printed.json()["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs.schema.json");
    let committed = fs::read_to_string(committed).expect("jobs.schema.json");
    assert!(printed.stdout == committed, "renew it: longshore schema > jobs.schema.json");
}

/// Every verb that people may use.
const VERBS: [&str; 17] = [
    "check",
    "explain",
    "init",
    "local",
    "run",
    "runs",
    "show",
    "logs",
    "stop",
    "rerun",
    "replay",
    "why",
    "doctor",
    "render",
    "schema",
    "completions",
    "man",
];

#[test]
fn every_verb_has_help_with_an_example_and_a_page_in_the_manual() {
    let project = Project::sample();
    let done = project.run(&["man", "pages/man1"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let all = project.run(&["--help"]).stdout;
    let offered = all.split("Options:").next().unwrap_or_default();
    let offered = offered.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let mut offered: Vec<&str> = offered.filter(|verb| !verb.is_empty()).collect();
    offered.retain(|verb| *verb != "help");
    offered.sort_unstable();
    let mut verbs = VERBS;
    verbs.sort_unstable();
    assert_eq!(offered, verbs);
    for verb in VERBS {
        let help = project.run(&[verb, "--help"]);
        let example = format!("Example:\n  longshore {verb}");
        assert!(help.code == Some(0) && help.stdout.contains(&example), "{help:#?}");
        let page = project.read(&format!("pages/man1/longshore-{verb}.1"));
        let page = String::from_utf8_lossy(&page);
        assert!(page.contains(".TH longshore") && page.contains("Example:"), "{verb}: {page}");
    }
    let main = project.read("pages/man1/longshore.1");
    assert!(String::from_utf8_lossy(&main).contains("Exit codes"), "no exit codes");
    let hidden = project.path("pages/man1/longshore-supervise-task.1");
    assert!(!hidden.exists());
    let blocked = project.run(&["man", "jobs.yaml/man1"]);
    assert_eq!(blocked.code, Some(3), "{blocked:#?}");
    assert!(blocked.stderr.contains("cannot write the manual into jobs.yaml/man1"), "{blocked:#?}");
}

#[test]
fn completions_know_the_verbs_and_hide_the_inner_one() {
    let project = Project::sample();
    for shell in ["bash", "zsh", "fish"] {
        let done = project.run(&["completions", shell]);
        assert_eq!(done.code, Some(0), "{shell}: {done:#?}");
        for verb in VERBS {
            assert!(done.stdout.contains(verb), "{shell} does not know {verb}");
        }
        assert!(!done.stdout.contains("supervise-task"), "{shell} offers supervise-task");
    }
}

#[test]
fn exit_codes_tell_usage_from_surroundings() {
    let empty = Project::sample();
    fs::remove_file(empty.path("jobs.yaml")).expect("jobs.yaml goes");
    let sample = Project::sample();
    let event = "events/manual.json";
    for (project, arguments, code, said) in [
        (&sample, &["--help"][..], 0, ""),
        (&sample, &["--version"], 0, ""),
        (&sample, &[], 2, "Usage"),
        (&sample, &["unknown"], 2, "unknown"),
        (&sample, &["check", "--unknown"], 2, "--unknown"),
        (&sample, &["check", "-o", "xml"], 2, "xml"),
        (&sample, &["check", "--namespace", "Not One"], 2, "namespace"),
        (&sample, &["runs", "--since", "5"], 2, "unit"),
        (&sample, &["explain"], 2, "<EVENT>"),
        (&sample, &["local", "--runtime", "vm", event], 2, "vm"),
        (&sample, &["runs"], 3, "there is no ledger .longshore/longshore.db"),
        (&sample, &["show", "x"], 3, "--ledger"),
        (&sample, &["logs", "x"], 3, "--ledger"),
        (&sample, &["check", "--jobs", "events"], 3, "is no file"),
        (&sample, &["local", "--ledger", "/proc/none/x.db", event], 3, "cannot make the folder"),
        (&empty, &["check"], 3, "there is no jobs.yaml"),
        (&empty, &["local", event], 3, "--jobs"),
        (&empty, &["explain", event], 3, "--jobs"),
    ] {
        let done = project.run(arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}: {done:#?}");
        assert!(done.stderr.contains(said), "{arguments:?}: {done:#?}");
        assert_eq!(done.stdout.is_empty(), code != 0, "{arguments:?}: {done:#?}");
    }
    assert!(!sample.path(".longshore").exists(), "looking made a ledger");
}

#[test]
fn every_exit_code_of_our_own_is_in_the_help_and_the_readme() {
    let help = Project::sample().run(&["--help"]).stdout;
    let listed = help.split("Exit codes:").nth(1).unwrap_or_default();
    let readme = include_str!("../../README.md").split("Exit codes:").nth(1);
    let readme = readme.and_then(|rest| rest.split("\n\n").next());
    let readme: Vec<&str> = readme.unwrap_or_default().split_whitespace().collect();
    for code in ["0", "1", "2", "3", "130"] {
        let in_help = |line: &str| line.split_whitespace().next() == Some(code);
        assert!(listed.lines().any(in_help), "{code} is not in {help}");
        assert!(readme.contains(&code), "README.md does not tell of exit code {code}");
    }
}

#[test]
fn jobs_and_namespace_may_come_from_the_environment() {
    let project = Project::sample();
    fs::rename(project.path("jobs.yaml"), project.path("other.yaml")).expect("another name");
    let mut command = project.command(&["explain", "events/manual.json", "-o", "json"]);
    command.envs([("LONGSHORE_JOBS", "other.yaml"), ("LONGSHORE_NAMESPACE", "harbour")]);
    let done = Running::start(command).finish();
    let run = done.json()["events"][0]["runs"][0].clone();
    assert!(run["startedBy"].as_str().is_some_and(|by| by.starts_with("harbour/")), "{done:#?}");
}

#[test]
fn a_variable_that_is_set_to_nothing_counts_as_not_set() {
    let project = Project::sample();
    let mut command = project.command(&["explain", "events/manual.json", "-o", "json"]);
    command.envs(["LONGSHORE_JOBS", "LONGSHORE_NAMESPACE", "LONGSHORE_ON"].map(|name| (name, "")));
    let done = Running::start(command).finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    let run = done.json()["events"][0]["runs"][0].clone();
    assert!(run["startedBy"].as_str().is_some_and(|by| by.starts_with("longshore/")), "{done:#?}");
    // On the command line it is a mistake.
    let named = project.run(&["check", "--namespace", ""]);
    assert_eq!(named.code, Some(2), "{named:#?}");
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let project = Project::sample();
    for verb in [
        &["schema"][..],
        &["check"],
        &["completions", "bash"],
        &["--help"],
        &["explain", "events/s3-notification-batch.json"],
        &["local", "events/s3-object-created.json"],
        &["rerun", "inspect-upload", "--key", "once"],
        &["run", "nightly-report"],
        &["runs"],
        &["runs", "-o", "json"],
        // It ends as soon as it has something to say and nobody listens.
        &["runs", "--follow"],
        &["runs", "--follow", "-o", "json"],
        &["show", "nightly-report"],
        &["logs", "nightly-report"],
        &["logs", "nightly-report", "--follow"],
        &["replay"],
        &["man", "manual"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let running = Running::start_into(project.command(verb), writer.into());
        drop(reader);
        let done = running.finish();
        assert_eq!(
            (done.code, done.stderr.contains("error")),
            (Some(0), false),
            "{verb:?} {done:#?}"
        );
    }
    let project = Project::new(&job("while :; do sleep 0.02; done", &["task.stopTimeout: 2s"]));
    let watched = project.start(&["run", "work"]);
    wait_for("its ledger", || project.path(".longshore/longshore.db").exists());
    wait_for("its news", || project.runs().iter().any(|run| run["status"] == "Running"));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let stop = Running::start_into(project.command(&["stop", "work"]), writer.into());
    drop(reader);
    assert_eq!(stop.finish().code, Some(0));
    assert_eq!(watched.finish().code, Some(143));
}

#[test]
fn what_strangers_wrote_cannot_steer_the_terminal() {
    const KEY: &str = "in/\u{1b}[31mred\u{202e}gpj.exe\u{7}\r\n\u{9b}2J";
    let escaped = r"in/\u{1b}[31mred\u{202e}gpj.exe\u{7}\r\n\u{9b}2J";
    let project = Project::new(&task(&[
        "triggers: [{ s3: { bucket: longshore-uploads } }]",
        "task.image: alpine",
        r#"task.command: [printf, "%s\n", "{{ key }}"]"#,
    ]));
    project.write("event.json", object_created(KEY));
    let check = |arguments: &[&str], outputs: fn(&Done) -> &str| {
        let done = project.run(arguments);
        assert_eq!(done.code, Some(0), "{arguments:?}: {done:#?}");
        for hostile in ['\u{1b}', '\u{202e}', '\u{7}', '\r', '\u{9b}'] {
            let all = format!("{}{}", done.stdout, done.stderr);
            assert!(!all.contains(hostile), "{arguments:?} prints {hostile:?}: {all:?}");
        }
        assert!(outputs(&done).contains(escaped), "{arguments:?}: {done:#?}");
    };
    check(&["explain", "event.json"], |done| &done.stdout);
    check(&["local", "event.json"], |done| &done.stdout);
    check(&["show", "work"], |done| &done.stdout);
    let json = project.run(&["show", "work", "-o", "json"]).json();
    assert!(json["occurrence"].as_str().is_some_and(|text| text.contains(KEY)), "{json:#}");
}

#[test]
fn followed_logs_come_while_the_task_runs_and_end_with_it() {
    let project = Project::new(&job(&format!("echo first; {UNTIL_GATE}; echo last"), &[]));
    let event = project.event("once");
    let local = project.start(&["local", "-q", &event]);
    wait_for("the run's task", || project.run(&["logs", "work"]).stdout == "first\n");
    let follower = project.start(&["logs", "work", "--follow"]);
    wait_for("the first line", || follower.stdout() == "first\n");
    project.write("gate", "");
    let done = follower.finish();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "first\nlast\n"), "{done:#?}");
    assert_eq!(local.finish().code, Some(0));
    let again = project.run(&["logs", "work", "--follow"]);
    assert_eq!(again.stdout, "first\nlast\n", "{again:#?}");
    let json = project.run(&["logs", "work", "--follow", "-o", "json"]);
    assert_eq!(json.code, Some(2), "{json:#?}");
}

#[test]
fn a_followed_log_goes_on_through_every_attempt() {
    let script =
        format!("echo attempt $LONGSHORE_ATTEMPT; {UNTIL_GATE}; exit $((2 - LONGSHORE_ATTEMPT))");
    let retry = "retry: { attempts: 2, backoff: { delay: 1s } }";
    let project = Project::new(&job(&script, &[retry]));
    let event = project.event("once");
    let local = project.start(&["local", "-q", &event]);
    wait_for("the run's task", || project.run(&["logs", "work"]).stdout == "attempt 1\n");
    let follower = project.start(&["logs", "work", "--follow"]);
    wait_for("the first attempt", || follower.stdout() == "attempt 1\n");
    project.write("gate", "");
    let done = follower.finish();
    assert_eq!(done.stdout, "attempt 1\nattempt 2\n", "{done:#?}");
    assert_eq!(local.finish().code, Some(0));
    let first = project.run(&["logs", "work", "--follow", "--attempt", "1"]);
    assert_eq!(first.stdout, "attempt 1\n", "{first:#?}");
}

#[test]
fn a_log_can_be_read_from_a_time_on() {
    let project = Project::new(&job(r"printf 'early\nlate \377\nlast'", &[]));
    let event = project.event("once");
    assert_eq!(project.run(&["local", "-q", &event]).code, Some(0));
    let logs = project.run(&["logs", "work", "-o", "json"]).json();
    let lines = list(&logs, "lines");
    let at: jiff::Timestamp = lines[1]["at"].as_str().unwrap_or_default().parse().expect("a time");
    let age = jiff::Timestamp::now().duration_since(at);
    assert!(age.as_secs() < 60 && !age.is_negative(), "{logs:#}");

    // As if an hour lay between its lines.
    let folder = project.path(".longshore/longshore.tasks");
    let mut files = fs::read_dir(folder).expect("the tasks").flatten().map(|entry| entry.path());
    let times = files.find(|path| path.extension().is_some_and(|end| end == "times"));
    let hour = at.as_millisecond() - 3_600_000;
    let noted = format!("{hour} 0\n{} 6\n", at.as_millisecond());
    fs::write(times.expect("its times"), noted).expect("written");
    for (since, expected) in [("2h", "early\nlate \u{fffd}\nlast"), ("30m", "late \u{fffd}\nlast")]
    {
        let done = project.run(&["logs", "work", "--since", since]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(0), expected), "{since}: {done:#?}");
    }
    let late = project.run(&["logs", "work", "--since", "30m", "-o", "json"]).json();
    let texts: Vec<&Value> = list(&late, "lines").iter().map(|line| &line["text"]).collect();
    assert_eq!(texts, ["late \u{fffd}", "last"], "{late:#}");
}

#[test]
fn logs_gives_a_tasks_output_as_it_is() {
    let project = Project::new(&job(r"printf '\033[31mred\033[0m\007 \377\n'", &[]));
    let event = project.event("once");
    assert_eq!(project.run(&["local", "-q", &event]).code, Some(0));
    let done = project.run(&["logs", "work"]);
    assert_eq!(done.stdout, "\u{1b}[31mred\u{1b}[0m\u{7} \u{fffd}\n", "{done:#?}");
}

#[test]
fn run_starts_a_job_by_hand_once_for_each_key_and_exits_with_its_code() {
    let project = Project::new(&format!(
        "{NETWORK}jobs:\n  hello:\n    parameters: {{ code: {{ type: integer, default: '0' }} }}\n    \
         task:\n      image: alpine\n      entryPoint: [sh, -c]\n      command: ['exit $CODE']\n      \
         environment: {{ CODE: '{{{{ parameters.code }}}}' }}\n"
    ));
    let good = project.run(&["run", "hello"]);
    assert_eq!(good.code, Some(0), "{good:#?}");
    assert!(good.stdout.ends_with("1 run started\n"), "{good:#?}");
    let bad = project.run(&["run", "hello", "-p", "code=7", "--key", "seven"]);
    assert_eq!(bad.code, Some(7), "{bad:#?}");
    let again = project.run(&["run", "hello", "-p", "code=7", "--key", "seven"]);
    assert!(again.stdout.contains("nothing started: 1 run of this event exists"), "{again:#?}");
    for (arguments, told) in [
        (&["run", "helo"][..], "there is no job `helo`; did you mean `hello`?"),
        (&["run", "hello", "-p", "cod=1"], "did you mean `code`?"),
        (&["run", "hello", "-p", "code=x"], "parameter `code`"),
    ] {
        let refused = project.run(arguments);
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert!(refused.stderr.contains(told), "{refused:#?}");
    }
    let runs = project.run(&["runs", "-o", "json"]).json();
    assert_eq!(list(&runs, "runs").len(), 2, "{runs:#}");
    let id = list(&runs, "runs")[0]["runId"].as_str().expect("an id");
    for asked in [["run", "hello"], ["rerun", id]] {
        let twice = project.run(&[&asked[..], &["-p", "code=1", "-p", "code=2"]].concat());
        assert_eq!(twice.code, Some(2), "{twice:#?}");
        assert!(twice.stderr.contains("parameter `code` is given twice"), "{twice:#?}");
    }
}

#[test]
fn a_job_that_needs_an_event_is_not_run_by_hand() {
    let of = |command: &str| {
        let triggers = "triggers: [{ s3: { bucket: uploads } }]";
        task(&["task.image: alpine", &format!("task.command: {command}"), triggers])
    };
    let project = Project::new(&of("[echo, --, '{{ bucket }}/{{ key }}']"));
    let refused = project.run(&["run", "work"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:#?}");
    for part in [
        "job `work`: command[2]: a run by hand has no value for `bucket`, `key`: ",
        "`longshore local EVENT.json`",
        "`longshore rerun RUN`",
        "`| default('')`",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:#?}");
    }
    assert!(!project.path(".longshore").exists(), "nothing was sent");
    // A run from before the job needed one has nothing to be done again with.
    project.write("jobs.yaml", of("[echo]"));
    assert_eq!(project.run(&["run", "work"]).code, Some(0));
    project.write("jobs.yaml", of("[echo, --, '{{ key }}']"));
    let again = project.run(&["rerun", "work"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""), "{again:#?}");
    assert!(again.stderr.contains("command[2]: this event has no value for `key`"), "{again:#?}");
    assert_eq!(project.runs().len(), 1);
}
