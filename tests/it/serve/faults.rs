//! Faults on request: every example of docs/serve.md is executed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Answer, Served, request, text};
use crate::program::wait_for;

/// An example: the faults, and what comes of calls.
struct Example {
    name: String,
    faults: String,
    story: Vec<String>,
}

fn examples() -> Vec<Example> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/serve.md");
    let page = fs::read_to_string(path).unwrap();
    let block = |section: &str, language: &str| -> String {
        let fence = format!("```{language}\n");
        let rest = section.split(fence.as_str()).nth(1).unwrap_or_default();
        rest.split("```").next().unwrap().to_owned()
    };
    page.split("\n### ")
        .skip(1)
        .map(|section| Example {
            name: section.lines().next().unwrap().to_owned(),
            faults: block(section, "json"),
            story: block(section, "text").lines().map(str::to_owned).collect(),
        })
        .collect()
}

/// What came of a call, in the page's words.
fn outcome(answer: &Answer) -> String {
    match answer {
        Answer::Closed => "closed".to_owned(),
        Answer::Cut { status } => format!("{status} cut off"),
        Answer::Whole { status: 200, body } => {
            let count = |name: &str| body[name].as_array().map_or(0, Vec::len);
            match body["failures"].as_array().map(Vec::as_slice) {
                Some([failure, ..]) => format!("200 failures: {}", text(&failure["reason"])),
                _ => format!("200 {} tasks", count("tasks") + count("taskArns")),
            }
        }
        Answer::Whole { status, body } => {
            format!("{status} {}: {}", text(&body["__type"]), text(&body["message"]))
        }
    }
}

/// Does one line of a story: `RunTask a -> 200 1 tasks`, or `1 tasks started`.
fn play(served: &Served, example: &Example, line: &str) {
    let started_by = example.name.replace(' ', "-");
    let Some((call, expected)) = line.split_once(" -> ") else {
        let listed =
            |status: &str| served.list(json!({ "startedBy": started_by, "desiredStatus": status }));
        let started: BTreeSet<String> =
            ["RUNNING", "STOPPED"].into_iter().flat_map(listed).collect();
        assert_eq!(line, format!("{} tasks started", started.len()), "{}", example.name);
        return;
    };
    let began = Instant::now();
    let answer = match call.split_once(' ') {
        Some(("RunTask", token)) => {
            let token = format!("{started_by}-{token}");
            let change = json!({ "clientToken": token, "startedBy": started_by });
            served.call("RunTask", &request(change))
        }
        _ => served.call(call, &json!({ "startedBy": started_by })),
    };
    let (expected, ms) = match expected.split_once(" after ") {
        Some((expected, delay)) => (expected, delay.strip_suffix(" ms").unwrap().parse().unwrap()),
        None => (expected, 0),
    };
    assert_eq!(outcome(&answer), expected, "{}: {line}", example.name);
    assert!(began.elapsed() >= Duration::from_millis(ms), "{}: {line}", example.name);
}

#[test]
fn every_fault_does_what_its_page_says() {
    let served = Served::start(&[]);
    served.register("work", "while :; do sleep 0.05; done");
    let examples = examples();
    let mut kinds = BTreeSet::new();
    for example in &examples {
        let asked: Value = serde_json::from_str(&example.faults).unwrap();
        kinds.insert(text(&asked[0]["fault"]));
        match served.faults("POST", &example.faults) {
            Answer::Whole { status: 200, body } => {
                let left = body["left"].as_array().unwrap();
                assert_eq!(left.len(), asked.as_array().unwrap().len(), "{}", example.name);
            }
            other => panic!("{}: {other:#?}", example.name),
        }
        assert!(example.story.len() > 1, "{}", example.name);
        for line in &example.story {
            play(&served, example, line);
        }
        // All of it fired, and nothing else.
        let Answer::Whole { body, .. } = served.faults("GET", "") else { panic!() };
        let fired = body["fired"].as_array().unwrap();
        assert!(!fired.is_empty() && fired.iter().all(|one| one["fault"] == asked[0]["fault"]));
        served.faults("DELETE", "");
    }
    let all = [
        "throttle",
        "serverError",
        "connectionClosed",
        "answerLost",
        "answerTruncated",
        "failures",
        "failuresAlthoughStarted",
        "listDelay",
        "delay",
    ];
    assert_eq!(kinds, all.map(str::to_owned).into());
    served.end();
}

#[test]
fn tasks_that_are_not_listed_yet_are_listed_later() {
    let served = Served::start(&[]);
    served.register("work", "while :; do sleep 0.05; done");
    let fault = json!([
        { "operation": "ListTasks", "fault": "listDelay", "ms": 400, "times": "always" }
    ]);
    served.faults("POST", &fault.to_string());
    let began = Instant::now();
    let arn = served.run(json!({}));
    let early = served.list(json!({}));
    // On a machine that slept in between there is nothing to see.
    assert!(early.is_empty() || began.elapsed() >= Duration::from_millis(400));
    assert_eq!(served.describe(&arn)["taskArn"], arn);
    wait_for("the task to be listed", || served.list(json!({})) == [arn.as_str()]);
    assert!(began.elapsed() >= Duration::from_millis(400));
    served.end();
}

#[test]
fn who_goes_away_in_a_delay_has_started_nothing() {
    let served = Served::start(&[]);
    served.register("work", "exit 0");
    let delay = |ms: u64| {
        let fault = json!([{ "operation": "RunTask", "fault": "delay", "ms": ms }]);
        served.faults("POST", &fault.to_string());
    };
    delay(200);
    served.abandon("RunTask", &request(json!({ "startedBy": "gone" })));
    // By the time the second has its answer, the first would have started its task.
    delay(500);
    served.run(json!({ "startedBy": "patient" }));
    for status in ["RUNNING", "STOPPED"] {
        let found = served.list(json!({ "startedBy": "gone", "desiredStatus": status }));
        assert_eq!(found, Vec::<String>::new());
    }
    let Answer::Whole { body, .. } = served.faults("GET", "") else { panic!() };
    assert_eq!(body["fired"].as_array().map(Vec::len), Some(2));
    served.end();
}

#[test]
fn faults_that_are_none_are_refused() {
    let served = Served::start(&[]);
    let fault = r#"[{"operation":"RunTask","fault":"throttle"}]"#;
    let plain = [("Content-Type", "text/plain")];
    for (answer, problem) in [
        (served.faults("POST", "{"), "a list of faults"),
        (
            served.faults("POST", r#"[{"operation":"Fly","fault":"delay"}]"#),
            "`Fly` is no operation",
        ),
        (served.faults("PUT", "[]"), "GET, POST and DELETE"),
        // What a web page can send without being asked whether it may.
        (served.send("POST", "/longshore/faults", &plain, fault.as_bytes()), "application/json"),
    ] {
        let Answer::Whole { status: 400, body } = answer else { panic!("{answer:#?}") };
        assert!(text(&body["message"]).contains(problem), "{body}");
    }
    assert!(matches!(
        served.faults("GET", ""),
        Answer::Whole { status: 200, body } if body == json!({ "left": [], "fired": [] })
    ));
    served.end();
}
