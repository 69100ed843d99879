//! docs/deploy.md against the templates: what it lists is there, what is there it lists.

use serde_json::Value;

use super::Deployed;

fn page() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy.md");
    std::fs::read_to_string(path).unwrap()
}

fn deployed() -> Deployed {
    Deployed::new(super::files())
}

#[test]
fn every_alarm_queue_and_parameter_is_explained() {
    let (page, deployed) = (page(), deployed());
    let alarms = deployed.plain.all("AWS::CloudWatch::Alarm").map(|(_, one)| &one["AlarmName"]);
    let queues = deployed.plain.all("AWS::SQS::Queue").map(|(_, one)| &one["QueueName"]);
    let names = alarms.chain(queues).map(|name| {
        // The page speaks of the default namespace.
        format!("`{}`", name.as_str().unwrap().replace("shore-", "longshore-"))
    });
    let parameters = deployed.files.template["Parameters"].as_object().unwrap();
    let names: Vec<String> = names.chain(parameters.keys().map(|key| format!("`{key}`"))).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let rows = page.lines().filter(|line| line.starts_with("| "));
        let first = |row: &str| row.split(" | ").next().unwrap().to_owned();
        assert!(rows.map(first).any(|cell| cell.contains(&name)), "no row tells of {name}");
    }
}

#[test]
fn the_default_of_each_parameter_is_told() {
    let (page, deployed) = (page(), deployed());
    for (name, parameter) in deployed.files.template["Parameters"].as_object().unwrap() {
        let default = match &parameter["Default"] {
            Value::String(text) if text.is_empty() => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let row =
            page.lines().find(|row| row.starts_with("| ") && row.contains(&format!("`{name}`")));
        let told = row.unwrap().trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(told.contains(&default), "{name}: {told} is not {default}");
    }
}

#[test]
fn the_deployer_s_policy_is_json_and_names_what_it_allows() {
    let page = page();
    let text = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let policy: Value = serde_json::from_str(text).unwrap();
    for statement in policy["Statement"].as_array().unwrap() {
        let on_anything = statement["Resource"] == "*";
        let whole_service = statement["Action"].to_string().contains(":*\"");
        assert!(!(on_anything && whole_service), "{statement}");
    }
}

/// The last cell of a row as a number.
fn dollars(row: &str) -> Option<f64> {
    let cell = row.trim_end_matches(" |").rsplit(" | ").next()?;
    cell.trim_matches('*').parse().ok()
}

#[test]
fn the_costs_of_a_million_runs_add_up() {
    let page = page();
    let table = page.split("| per million runs |").nth(1).unwrap().split("\n\n").next().unwrap();
    let costs: Vec<f64> = table.lines().filter_map(dollars).collect();
    let (together, parts) = costs.split_last().unwrap();
    assert_eq!(parts.len(), 8);
    assert!((parts.iter().sum::<f64>() - together).abs() < 0.005, "{parts:?} {together}");
}

/// cargo-lambda, which `sam build` calls, sets `panic = "abort"` where the profile says nothing: then
/// a message that makes a function panic would take its whole batch along.
#[test]
fn what_is_deployed_can_catch_a_panic() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(path).unwrap();
    let release = manifest.split("[profile.release]\n").nth(1).unwrap();
    let release = release.split("\n[").next().unwrap();
    assert!(release.lines().any(|line| line == r#"panic = "unwind""#), "{release}");
}
