//! `longshore render`: the committed file, the verb, and rules that leave out no object.

use longshore::event::Object;
use longshore::identity::Namespace;
use longshore::jobs::{S3Trigger, Trigger};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::document;
use super::pattern::matches;
use crate::program::Project;

fn read(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap()
}

fn rendered(source: &str) -> String {
    let jobs = longshore::jobs::read(source.as_bytes(), jiff::Timestamp::now()).jobs.unwrap();
    let rendering = longshore::stack::render(&jobs, &Namespace::default());
    rendering.text.unwrap_or_else(|| panic!("{:?}", rendering.problems))
}

#[test]
fn the_committed_triggers_are_those_of_jobs_yaml() {
    assert_eq!(read("triggers.yaml"), rendered(&read("jobs.yaml")), "say `longshore render`");
}

#[test]
fn the_layer_holds_jobs_yaml() {
    // A checkout without symbolic links would ship a file with the link's text in it.
    assert_eq!(read("config/jobs.yaml"), read("jobs.yaml"));
}

#[test]
fn render_writes_the_file_once_and_check_tells_the_first_stale_line() {
    let project = Project::sample();
    let missing = project.run(&["render", "--check"]);
    assert_eq!(missing.code, Some(1), "{missing:#?}");
    assert!(missing.stderr.contains("triggers.yaml is not what jobs.yaml asks for: line 1"));
    let written = project.run(&["render"]);
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), "written: triggers.yaml\n"));
    assert_eq!(project.read("triggers.yaml"), read("triggers.yaml").as_bytes());
    let again = project.run(&["render", "-o", "json"]).json();
    assert_eq!(
        again,
        json!({ "path": "triggers.yaml", "ok": true, "written": false, "difference": null })
    );
    assert_eq!(project.run(&["render", "--check"]).code, Some(0));

    let jobs = read("jobs.yaml").replace("30 4 * * ? *", "45 4 * * ? *");
    project.write("jobs.yaml", jobs);
    let stale = project.run(&["render", "--check"]);
    assert_eq!((stale.code, stale.stdout.as_str()), (Some(1), ""), "{stale:#?}");
    assert!(
        stale.stderr.contains(
            "is `ScheduleExpression: cron(30 4 * * ? *)`, must be \
         `ScheduleExpression: cron(45 4 * * ? *)`; write it with `longshore render`"
        ),
        "{stale:#?}"
    );
    let stale = project.run(&["render", "--check", "-o", "json"]);
    let line = stale.json()["difference"]["line"].as_u64().unwrap();
    let file = String::from_utf8(project.read("triggers.yaml")).unwrap();
    let shown = file.lines().nth(usize::try_from(line).unwrap() - 1).unwrap();
    assert!(shown.contains("cron(30 4"), "{line}: {shown}");
    assert_eq!(stale.code, Some(1));
    // Comparing wrote nothing.
    assert_eq!(project.read("triggers.yaml"), read("triggers.yaml").as_bytes());
}

#[test]
fn what_cannot_be_deployed_is_underlined_in_jobs_yaml() {
    let name = "a".repeat(60);
    let project = Project::new(&format!(
        "jobs:\n  {name}:\n    triggers:\n      - schedule: rate(1 hour)\n    task: {{ image: alpine }}\n"
    ));
    let done = project.run(&["render"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    for part in ["--> jobs.yaml:4:", "70 characters", "`scheduleName`", "jobs.yaml has 1 problem"] {
        assert!(done.stderr.contains(part), "{part}: {done:#?}");
    }
    assert!(!project.path("triggers.yaml").exists());
}

/// The pattern of a job that has this trigger alone.
fn pattern(trigger: &S3Trigger) -> Value {
    let mut s3 = json!({ "bucket": trigger.bucket });
    for (key, value) in
        [("prefix", &trigger.prefix), ("suffix", &trigger.suffix), ("glob", &trigger.glob)]
    {
        if let Some(value) = value {
            s3[key] = json!(value);
        }
    }
    for (key, value) in [("minSize", trigger.min_size), ("maxSize", trigger.max_size)] {
        if let Some(value) = value {
            s3[key] = json!(value);
        }
    }
    // JSON is YAML.
    let jobs = json!({ "jobs": { "a": { "triggers": [{ "s3": s3 }], "task": { "image": "b" } } } });
    let template = document::parse(&rendered(&jobs.to_string()));
    template["Resources"]["ARule"]["Properties"]["EventPattern"].clone()
}

fn object(key: &str, size: u64) -> Object {
    Object {
        bucket: "uploads".to_owned(),
        key: key.to_owned(),
        size,
        etag: None,
        version_id: None,
        sequencer: None,
        time: None,
    }
}

fn event(object: &Object) -> Value {
    json!({
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": { "name": object.bucket },
            "object": { "key": object.key, "size": object.size },
        },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// An object that a trigger wants is never held back by its rule. Few letters make the ends of
    /// a key overlap; `*` and the backslash mean themselves in a prefix.
    #[test]
    fn a_rule_is_never_narrower_than_its_trigger(
        prefix in proptest::option::of(r"[ab*\\]{1,3}"),
        suffix in proptest::option::of(r"[ab*\\]{1,3}"),
        glob in proptest::option::weighted(0.4, r"[ab*?é]{1,5}"),
        min_size in proptest::option::of(0_u64..3),
        more in proptest::option::of(prop_oneof![0_u64..3, Just(5_000_000_000_u64), Just(6_000_000_000)]),
        keys in proptest::collection::vec(r"[ab*\\é]{1,6}", 24),
        size in prop_oneof![0_u64..4, Just(5_500_000_000_u64)],
    ) {
        let max_size = more.map(|more| min_size.unwrap_or_default() + more);
        let trigger = S3Trigger { bucket: "uploads".to_owned(), prefix, suffix, glob, min_size, max_size };
        let pattern = pattern(&trigger);
        let head = trigger.prefix.as_deref().unwrap_or_default();
        let tail = trigger.suffix.as_deref().unwrap_or_default();
        let ends = (0..=tail.len()).map(|shared| format!("{head}{}", &tail[shared..]));
        for key in keys.into_iter().chain(ends) {
            let object = object(&key, size);
            if trigger.matches(&object) {
                prop_assert!(matches(&pattern, &event(&object)), "{key} {size} {pattern}");
            }
        }
    }
}

#[test]
fn a_rule_says_as_much_of_its_trigger_as_eventbridge_can() {
    for (s3, expected) in [
        (json!({}), Value::Null),
        (json!({ "prefix": "in/" }), json!({ "key": [{ "prefix": "in/" }] })),
        (json!({ "suffix": ".csv" }), json!({ "key": [{ "suffix": ".csv" }] })),
        (
            json!({ "prefix": "in/*\\", "suffix": ".csv" }),
            json!({ "key": [{ "wildcard": "in/\\*\\\\*.csv" }] }),
        ),
        (
            json!({ "prefix": "ab", "suffix": "ba" }),
            json!({ "key": [{ "wildcard": "ab*ba" }, "aba"] }),
        ),
        (json!({ "glob": "a.csv" }), json!({ "key": ["a.csv"] })),
        (
            json!({ "glob": "*/2026-??/*.csv" }),
            json!({ "key": [{ "wildcard": "*/2026-*/*.csv" }] }),
        ),
        (
            json!({ "prefix": "incoming/", "glob": "*.csv" }),
            json!({ "key": [{ "prefix": "incoming/" }] }),
        ),
        (
            json!({ "minSize": 1, "maxSize": 10 }),
            json!({ "size": [{ "numeric": [">=", 1, "<=", 10] }] }),
        ),
        // EventBridge compares no number beyond five billion: a rule would lose the largest objects.
        (json!({ "minSize": 1 }), Value::Null),
        (json!({ "maxSize": 6_000_000_000_u64 }), Value::Null),
    ] {
        let trigger: S3Trigger = {
            let mut whole = s3.clone();
            whole["bucket"] = json!("uploads");
            serde_json::from_value(whole).unwrap()
        };
        assert_eq!(pattern(&trigger)["detail"]["object"], expected, "{s3}");
    }
}

#[test]
fn schedules_are_named_as_dispatch_knows_them() {
    let source = "jobs:\n  hourly:\n    triggers:\n      - schedule: rate(1 hour)\n      \
                  - scheduleName: made-elsewhere\n      - schedule: rate(2 hours)\n    task: { image: alpine }\n";
    let template = document::parse(&rendered(source));
    let resources = template["Resources"].as_object().unwrap();
    let names: Vec<&Value> = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::Scheduler::Schedule")
        .map(|resource| &resource["Properties"]["Name"]["Fn::Sub"])
        .collect();
    assert_eq!(names, [&json!("${Namespace}-hourly"), &json!("${Namespace}-hourly-3")]);
    let jobs = longshore::jobs::read(source.as_bytes(), jiff::Timestamp::now()).jobs.unwrap();
    let job = jobs.get("hourly").unwrap();
    assert!(job.triggers.iter().all(|trigger| matches!(trigger, Trigger::Schedule(_))));
    for name in ["longshore-hourly", "longshore-hourly-3"] {
        // Even without our own input, as `aws scheduler` sends it by default.
        let mut event = super::events::sample("schedule-scheduler.json");
        event["resources"] =
            json!([format!("arn:aws:scheduler:eu-west-1:1:schedule/longshore/{name}")]);
        let mut read = longshore::event::read(event.to_string().as_bytes(), "test");
        let event = read.remove(0).events.remove(0).unwrap();
        let wanting = jobs.wanting(&event, &Namespace::default()).unwrap();
        assert_eq!(wanting.len(), 1, "{name}");
    }
}
