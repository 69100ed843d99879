//! `why` and `doctor` on evidence that was kept, and on a run of this machine.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use std::path::Path;

use longshore::cause::{Cause, Kind};
use longshore::diagnosis::Check;
use longshore::queue::Outcome;
use longshore::run::{Attempt, Run, State, Verdict};
use serde_json::{Value, json};

use crate::contracts::{at, run};
use crate::program::{Done, Project, job, task};

/// A project with the evidence of this name as `evidence.json`.
fn project(name: &str) -> Project {
    let project = Project::new("jobs: {}\n");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/evidence/{name}.json"));
    project.write("evidence.json", std::fs::read(kept).expect("evidence"));
    project
}

fn ask(project: &Project, arguments: &[&str]) -> Done {
    project.run(&[arguments, &["--from", "evidence.json"]].concat())
}

fn with_status<'a>(diagnosis: &'a Value, status: &str) -> Vec<&'a Value> {
    let findings = diagnosis["findings"].as_array().expect("findings");
    findings.iter().filter(|finding| finding["status"] == status).collect()
}

#[test]
fn the_cause_comes_first_then_proof_and_remedy_then_what_was_looked_at() {
    let project = project("no-way-out");
    let done = ask(&project, &["why", "report-aaaaa"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(1), ""), "{done:#?}");
    let lines: Vec<&str> = done.stdout.lines().collect();
    let place = |part: &str| {
        let found = lines.iter().position(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no {part}: {}", done.stdout))
    };
    assert!(lines[0].starts_with("the task cannot reach Amazon ECR to sign in: rtb-"));
    let order = [
        place("ECS: ResourceInitializationError"),
        place("> aws ec2 create-route --route-table-id rtb-"),
        place("FAIL  route "),
        place("WARN  zones "),
        place("OK    cluster "),
        place("5 fail, 1 warn, 0 skipped"),
    ];
    assert!(order.is_sorted(), "{order:?}: {}", done.stdout);
    assert!(done.stdout.contains("--vpc-id vpc-0a1b"), "{}", done.stdout);
}

#[test]
fn of_a_run_that_ran_the_way_to_its_start_is_only_counted() {
    let project = project("no-way-out");
    let mut evidence: Value =
        serde_json::from_slice(&project.read("evidence.json")).expect("evidence");
    evidence["run"]["reasons"] = json!(["container `main` exited with code 3"]);
    evidence["run"]["exitCode"] = json!(3);
    project.write("evidence.json", evidence.to_string());
    let done = ask(&project, &["why"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    let told = "container `main` exited with code 3\n  > longshore logs \
                report-aaaaabbbbbcccccddddd --on aws\n\nwhat its job needs to start, as it is now: \
                5 fail, 1 warn; `longshore doctor report` shows them\n";
    assert_eq!(done.stdout, told);
    // It runs: nothing is wrong with it, whatever would become of the next.
    evidence["run"]["status"] = json!("Running");
    evidence["run"]["exitCode"] = json!(null);
    project.write("evidence.json", evidence.to_string());
    let done = ask(&project, &["why"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(
        done.stdout.starts_with("nothing is wrong with it: Running\nwhat its job"),
        "{done:#?}"
    );
}

#[test]
fn as_json_it_is_the_cause_and_a_list_of_findings() {
    let done = ask(&project("no-way-out"), &["why", "-o", "json"]);
    let diagnosis = done.json();
    assert_eq!(done.code, Some(1));
    let cause = &diagnosis["cause"];
    assert_eq!(
        (&cause["kind"], &cause["check"]),
        (&json!("registry-unreachable"), &json!("route"))
    );
    let failed = with_status(&diagnosis, "fail");
    assert_eq!(failed.len(), 5, "{diagnosis:#}");
    for finding in failed {
        let keys: Vec<&String> = finding.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["check", "evidence", "remedy", "status", "subject"], "{finding:#}");
    }
}

#[test]
fn a_job_that_lacks_nothing_exits_with_0_and_has_no_cause() {
    let project = project("nothing-wrong");
    let done = ask(&project, &["doctor", "-o", "json"]);
    let diagnosis = done.json();
    assert_eq!((done.code, &diagnosis["cause"]), (Some(0), &Value::Null), "{diagnosis:#}");
    for status in ["fail", "warn", "skipped"] {
        assert!(with_status(&diagnosis, status).is_empty(), "{status}: {diagnosis:#}");
    }
    assert_eq!(ask(&project, &["doctor", "report"]).code, Some(0));
}

#[test]
fn a_permission_that_was_missing_is_named_and_hides_nothing_else() {
    let diagnosis = ask(&project("nat-refused"), &["doctor", "-o", "json"]).json();
    let skipped = with_status(&diagnosis, "skipped");
    assert_eq!(skipped.len(), 1, "{diagnosis:#}");
    assert!(skipped[0]["evidence"].as_str().is_some_and(|e| e.contains("ec2:DescribeNatGateways")));
    assert!(with_status(&diagnosis, "ok").len() > 20, "{diagnosis:#}");
    let fine: Vec<&Value> =
        with_status(&diagnosis, "ok").into_iter().map(|finding| &finding["check"]).collect();
    for check in ["vpc-dns", "security-group", "network-acl"] {
        assert!(fine.contains(&&json!(check)), "{check}: {diagnosis:#}");
    }
}

#[test]
fn what_is_saved_redacted_names_nobody_and_says_the_same() {
    let project = project("no-way-out");
    let done = ask(&project, &["why", "--save", "kept.json", "--redact"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    let kept = String::from_utf8(project.read("kept.json")).expect("text");
    for name in ["123456789012", "report", "batch-cluster"] {
        assert!(!kept.contains(name) && !done.stdout.contains(name), "{name}");
    }
    let again = project.run(&["why", "--from", "kept.json"]);
    assert_eq!(again.stdout, done.stdout);
}

#[test]
fn what_the_evidence_is_not_about_is_told() {
    let project = project("nothing-wrong");
    for (arguments, code, part) in [
        (&["doctor", "other"][..], 1, "not about job other, but about report"),
        (&["why", "report-zzzz"][..], 1, "about no run"),
    ] {
        let done = ask(&project, arguments);
        assert_eq!(done.code, Some(code), "{done:#?}");
        assert!(done.stderr.contains(part), "{}", done.stderr);
    }
    project.write("jobs.yaml", job("true", &[]));
    let done = project.run(&["doctor"]);
    let told = if cfg!(feature = "aws") { "AWS needs a region" } else { "--from FILE" };
    assert_eq!((done.code, done.stderr.contains(told)), (Some(2), true), "{done:#?}");
    project.write("evidence.json", r#"{"version": 99}"#);
    let done = ask(&project, &["doctor"]);
    assert!(done.stderr.contains("format version 99"), "{done:#?}");
}

/// Evidence in which something is changed.
fn changed(name: &str, change: impl Fn(&mut Value)) -> String {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/evidence/{name}.json"));
    let text = std::fs::read_to_string(kept).expect("evidence");
    let mut evidence: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut evidence);
    evidence.to_string()
}

#[test]
fn what_is_no_evidence_is_told_with_its_place() {
    let whole = changed("nothing-wrong", |_| {});
    let project = Project::new("jobs: {}\n");
    let lists = "[".repeat(100_000);
    for (text, part) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("null", "invalid type: null"),
        ("[]", "invalid length 0"),
        ("{}", "missing field `version`"),
        (r#"{"version":1}"#, "missing field `gatheredAt`"),
        (r#"{"version":0}"#, "format version 0"),
        (r#"{"version":-1}"#, "invalid value: integer `-1`"),
        (r#"{"version":"1"}"#, "invalid type: string"),
        (r#"{"version":2,"shape":"round"}"#, "use the longshore that wrote it"),
        (r#"{"version":99999999999}"#, "format version 99999999999"),
        (&whole[..whole.len() / 2], "EOF while parsing"),
        (&lists, "this is no evidence"),
    ] {
        project.write("evidence.json", text);
        for verb in ["doctor", "why"] {
            let done = ask(&project, &[verb]);
            assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{text:.40}: {done:#?}");
            assert!(done.stderr.contains(part), "{text:.40}: {}", done.stderr);
        }
    }
    project.write("evidence.json", b"\xff\xfe{}");
    assert!(ask(&project, &["doctor"]).stderr.contains("not UTF-8"));
    project.write("evidence.json", vec![b' '; (64 << 20) + 1]);
    assert!(ask(&project, &["doctor"]).stderr.contains("it has over 64 MiB"));
}

#[test]
fn evidence_that_a_later_longshore_added_to_is_read_all_the_same() {
    let project = Project::new("jobs: {}\n");
    let text = changed("nothing-wrong", |evidence| {
        evidence["phaseOfTheMoon"] = json!("full");
        evidence["jobs"][0]["colour"] = json!("red");
    });
    project.write("evidence.json", format!("\u{feff}{text}"));
    let done = ask(&project, &["doctor"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
}

#[test]
fn evidence_with_nothing_in_it_is_no_clean_bill() {
    let project = Project::new("jobs: {}\n");
    let nothing =
        r#"{"version":1,"gatheredAt":"2026-11-24T09:14:07Z","region":"eu-west-1","jobs":[]}"#;
    project.write("evidence.json", nothing);
    for (verb, part) in [("doctor", "about no job"), ("why", "about no run")] {
        let done = ask(&project, &[verb]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{done:#?}");
        assert!(done.stderr.contains(part), "{}", done.stderr);
    }
    // A job of which nothing was seen: all is skipped, and nothing is called fine or broken.
    let text = changed("nothing-wrong", |evidence| {
        let keys: Vec<String> = evidence.as_object().expect("it").keys().cloned().collect();
        for key in keys.iter().filter(|key| !["version", "gatheredAt", "region"].contains(&&***key))
        {
            if key != "jobs" {
                evidence.as_object_mut().expect("it").remove(key);
            }
        }
        evidence["jobs"] = json!([{ "job": "report", "cluster": "batch", "container": "main" }]);
    });
    project.write("evidence.json", text);
    let diagnosis = ask(&project, &["doctor", "-o", "json"]).json();
    for status in ["fail", "warn", "ok"] {
        assert!(with_status(&diagnosis, status).is_empty(), "{status}: {diagnosis:#}");
    }
    // Everything was seen, and there is nothing.
    let text = changed("nothing-wrong", |evidence| {
        for (_, seen) in evidence["network"].as_object_mut().expect("a network") {
            *seen = json!({ "seen": [] });
        }
    });
    project.write("evidence.json", text);
    let diagnosis = ask(&project, &["doctor", "-o", "json"]).json();
    assert_eq!(diagnosis["cause"]["check"], "subnets", "{diagnosis:#}");
}

#[test]
fn a_run_of_this_machine_is_told_of_by_its_own_words() {
    let project = Project::new(&job("exit 3", &[]));
    let event = project.event("one");
    assert_eq!(project.run(&["local", &event]).code, Some(3));
    let done = project.run(&["why", "work", "-o", "json"]);
    let cause = &done.json()["cause"];
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(
        cause["sentence"].as_str().is_some_and(|s| s.contains("exited with code 3")),
        "{cause:#}"
    );
    assert!(
        cause["remedy"].as_str().is_some_and(|r| r.starts_with("longshore logs work-")),
        "{cause:#}"
    );
}

#[test]
fn a_task_that_cannot_start_has_its_cause_in_the_story_unasked() {
    let settings =
        ["task.image: alpine", "task.command: [no-such-program]", "launches: { max: 1 }"];
    let project = Project::new(&task(&settings));
    let event = project.event("one");
    let local = project.run(&["local", &event]);
    assert_eq!(local.code, Some(1), "{local:#?}");
    let shown = project.run(&["show", "work"]).stdout;
    for part in ["  cause    the image has no such program\n", "  remedy   correct command"] {
        assert!(local.stdout.contains(part) && shown.contains(part), "{part}: {local:#?}");
    }
    let shown = project.run(&["show", "work", "-o", "json"]).json();
    assert_eq!(shown["cause"]["kind"], "program-missing", "{shown:#}");
    assert_eq!(shown["cause"], shown["attempts"][0]["cause"]);
    let why = project.run(&["why", "work", "-o", "json"]).json();
    assert_eq!(why["cause"]["sentence"], shown["cause"]["sentence"], "{why:#}");
}

#[test]
fn a_run_of_this_machine_that_went_well_has_no_cause() {
    let project = Project::new(&job("exit 0", &[]));
    let event = project.event("one");
    assert_eq!(project.run(&["local", &event]).code, Some(0));
    let done = project.run(&["why", "work"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "nothing is wrong with it: Succeeded\n"),
        "{done:#?}"
    );
}

#[test]
fn the_documentation_has_every_check_in_order_and_every_permission_in_its_policy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnosis.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let named: Vec<&str> = rows.iter().filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(named, Check::ALL.map(Check::as_str));
    let policy = text.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    let policy: Value = serde_json::from_str(policy.expect("a policy")).expect("JSON");
    let allowed = policy["Statement"][0]["Action"].as_array().expect("actions");
    let mut needed: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.split('|').nth(3))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    needed.sort_unstable();
    needed.dedup();
    assert_eq!(allowed.iter().filter_map(Value::as_str).collect::<Vec<_>>(), needed);
}

#[test]
fn an_outcome_carries_the_cause_that_was_stored_with_its_run() {
    let cause = Cause::of_reason("OutOfMemoryError: Container killed", None);
    let attempt = Attempt { number: 1, cause, ..Attempt::default() };
    let state = State::Ended { verdict: Verdict::Failed, at: at(7) };
    let ended = Run { state, attempts: vec![attempt], ..run("report", "1", 0) };
    let outcome = Outcome::of(&ended).expect("an outcome");
    assert_eq!(outcome.cause.as_ref().map(|cause| cause.kind), Some(Kind::OutOfMemory));
    let told = serde_json::to_value(&outcome).expect("JSON");
    assert_eq!(told["cause"]["kind"], "out-of-memory");
    // Every copy follows from the stored run, and is the same.
    let stored = serde_json::to_string(&ended).expect("JSON");
    let again: Run = serde_json::from_str(&stored).expect("a run");
    assert_eq!(Outcome::of(&again), Some(outcome));
}
