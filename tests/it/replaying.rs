//! `longshore replay` on this machine: what was rejected is shown with its reason, and goes back once
//! it can be acted upon.

use serde_json::{Value, json};

use crate::program::{Done, Project, job};

const SECRET: &str = "planted-secret-marker";

/// A project where three messages of four were rejected: an unknown job, a bad parameter, no JSON.
fn project() -> Project {
    let project = Project::new(&job("echo x >> marker", &["parameters: { day: { pattern: x } }"]));
    let message =
        |id: &str, body: &str| json!({ "eventSource": "aws:sqs", "messageId": id, "body": body });
    let bad = json!({ "job": "work", "parameters": { "day": SECRET }, "key": "bad" });
    let records = [
        message("m-1", &json!({ "job": "wrok", "key": "mistyped" }).to_string()),
        message("m-2", &bad.to_string()),
        message("m-3", SECRET),
        message("m-4", &json!({ "job": "work", "parameters": { "day": "x" } }).to_string()),
    ];
    project.write("batch.json", json!({ "Records": records }).to_string());
    let done = project.run(&["local", "-q", "batch.json"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert_eq!(project.lines("marker"), 1);
    project
}

/// The letters, and how many were sent and stay.
fn letters(done: &Done) -> (Vec<Value>, (u64, u64)) {
    let told = done.json();
    let count = |name: &str| told[name].as_u64().unwrap_or(99);
    let letters = told["letters"].as_array().cloned().unwrap_or_default();
    assert!(!format!("{done:?}").contains(SECRET), "{done:#?}");
    (letters, (count("sent"), count("stay")))
}

fn text<'a>(letter: &'a Value, name: &str) -> &'a str {
    letter[name].as_str().unwrap_or_default()
}

#[test]
fn letters_are_shown_with_what_they_are_about_and_without_what_they_say() {
    let project = project();
    let done = project.run(&["replay", "--dry-run", "-o", "json"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    let (letters, counts) = letters(&done);
    assert_eq!((letters.len(), counts), (3, (0, 3)), "{done:#?}");
    let reasons = ["no job `wrok`", "must match `x`", "not_json_object"];
    for (letter, reason) in letters.iter().zip(reasons) {
        assert!(text(letter, "reason").contains(reason), "{letter:#}");
        assert!(text(letter, "stays").contains(reason), "{letter:#}");
        assert_eq!((&letter["queue"], &letter["sent"]), (&json!("reject"), &json!(false)));
        assert!(text(letter, "firstSeen").starts_with("20"), "{letter:#}");
    }
    assert_eq!(letters[0]["kinds"], json!(["manual"]));
    assert_eq!(letters[0]["occurrences"], json!(["manual mistyped"]));
    let shown = project.run(&["replay", "--dry-run"]);
    for part in ["reject  manual", "event    manual mistyped", "stays", "0 would be sent back, 3 "]
    {
        assert!(shown.stdout.contains(part), "{part}: {shown:#?}");
    }
    // The reason stands above it, and is not said twice.
    let stays: Vec<&str> =
        shown.stdout.lines().filter_map(|line| line.strip_prefix("  stays    ")).collect();
    let again = "it would be rejected again";
    let unreadable = format!("its {} bytes cannot be read", SECRET.len());
    assert_eq!(stays, [again, again, &unreadable], "{shown:#?}");
    assert!(!shown.stdout.contains(SECRET), "{shown:#?}");
    let none = project.run(&["replay", "--queue", "events"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), "no dead letters\n"), "{none:#?}");
}

#[test]
fn what_can_be_acted_upon_by_now_goes_back_and_runs_once() {
    let project = project();
    let jobs = job("echo y >> marker", &[]).replace("jobs:\n  work:", "jobs:\n  wrok:");
    project.write("jobs.yaml", jobs);
    let dry = project.run(&["replay", "--dry-run", "-o", "json"]);
    let (found, counts) = letters(&dry);
    assert_eq!((counts, &found[0]["to"]), ((0, 2), &json!("events")), "{dry:#?}");
    assert_eq!(project.lines("marker"), 1, "a dry run starts nothing");
    let one = project.run(&["replay", "--limit", "1"]);
    assert_eq!(one.code, Some(0), "{one:#?}");
    assert!(one.stdout.contains("1 sent back, 0 stay; there may be more"), "{one:#?}");
    assert!(one.stderr.contains("`longshore local` takes on"), "{one:#?}");
    let local = project.run(&["local", "-o", "json", "-q"]);
    assert_eq!(local.code, Some(0), "{local:#?}");
    let run = local.only_run();
    assert_eq!((&run["job"], &run["verdict"]), (&json!("wrok"), &json!("Succeeded")), "{run:#}");
    assert_eq!(run["occurrence"], "manual mistyped");
    assert_eq!(project.lines("marker"), 2);
    let (left, counts) = letters(&project.run(&["replay", "-o", "json"]));
    assert_eq!((left.len(), counts), (2, (0, 2)), "{left:#?}");
}

#[test]
fn a_letter_that_was_rejected_again_has_its_new_reason() {
    let project = project();
    // Without a jobs.yaml nobody knows what is wanted: what can be read goes back.
    let elsewhere = ["--jobs", "nowhere.yaml"];
    let done = project.run(&[&["replay", "-o", "json"][..], &elsewhere].concat());
    assert_eq!(letters(&done).1, (2, 1), "{done:#?}");
    project.write("jobs.yaml", job("true", &[]));
    let local = project.run(&["local", "-q"]);
    assert!(local.stderr.contains("there is no job `wrok`"), "{local:#?}");
    let (again, _) = letters(&project.run(&["replay", "--dry-run", "-o", "json"]));
    let reasons: Vec<&str> = again.iter().map(|letter| text(letter, "reason")).collect();
    assert!(reasons[0].contains("not_json_object"), "{reasons:?}");
    assert!(reasons[2].contains("is not declared by the job"), "{reasons:?}");
}

#[test]
fn a_rerun_stays_until_its_run_can_be_done_again() {
    let project = Project::new(&job("echo x >> marker", &["parameters: { day: { pattern: x } }"]));
    let first = project.run(&["run", "work", "-q", "-p", "day=x", "-o", "json"]);
    let id = text(&first.only_run(), "runId").to_owned();
    let unknown = format!("work-{}", "a".repeat(20));
    let reruns = [
        json!({ "rerun": unknown, "key": "k" }),
        json!({ "rerun": id, "parameters": { "day": "y" }, "key": "k" }),
    ];
    let record = |body: &Value| json!({ "eventSource": "aws:sqs", "messageId": "m-1", "body": body.to_string() });
    let records: Vec<Value> = reruns.iter().map(record).collect();
    project.write("batch.json", json!({ "Records": records }).to_string());
    let rejected = project.run(&["local", "-q", "batch.json"]);
    assert_eq!(rejected.code, Some(1), "{rejected:#?}");
    let (found, counts) = letters(&project.run(&["replay", "-o", "json"]));
    assert_eq!(counts, (0, 2), "{found:#?}");
    for (letter, why) in found.iter().zip([&*format!("no run `{unknown}`"), "must match `x`"]) {
        assert!(text(letter, "stays").contains(why), "{letter:#}");
    }
    project.write("jobs.yaml", job("echo y >> marker", &["parameters: { day: { pattern: y } }"]));
    assert_eq!(letters(&project.run(&["replay", "-o", "json"])).1, (1, 1));
    let again = project.run(&["local", "-q", "-o", "json"]);
    assert_eq!(again.only_run()["verdict"], "Succeeded", "{again:#?}");
    assert_eq!(project.lines("marker"), 2);
}
