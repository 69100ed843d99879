//! docs/deploy.md, cost.md and security.md against the templates: what they list is there, what is
//! there they list.

use serde_json::Value;

use super::Deployed;

fn read(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn page() -> String {
    read("deploy.md")
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

/// The last cells of a row that are numbers, in their order.
fn numbers(row: &str) -> Vec<f64> {
    let cells = row.trim_end_matches(" |").split(" | ");
    cells.filter_map(|cell| cell.trim_matches(['*', '|', ' ']).parse().ok()).collect()
}

#[test]
fn the_costs_of_a_million_runs_are_reckoned_rightly() {
    let page = read("cost.md");
    let table = page.split("| per million runs |").nth(1).unwrap().split("\n\n").next().unwrap();
    let (mut sum, mut together, mut rows) = (0.0, None, 0);
    for row in table.lines().map(numbers) {
        match row.as_slice() {
            [units, price, dollars] => {
                // Half a cent either way, as the column is rounded.
                assert!((units * price - dollars).abs() < 0.0051, "{row:?}");
                let prices = page.split("| unit | price |").nth(1).unwrap();
                assert!(prices.split("\n\n").next().unwrap().contains(&format!("{price}")));
                sum += dollars;
                rows += 1;
            }
            [all] => together = Some(*all),
            _ => {}
        }
    }
    assert_eq!(rows, 8);
    assert!((sum - together.unwrap()).abs() < 0.005, "{sum} {together:?}");
}

#[test]
fn a_month_without_runs_costs_the_sum_of_its_rows() {
    let page = read("cost.md");
    let table = page.split("| each month |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut dollars: Vec<f64> =
        table.lines().filter_map(|row| numbers(row).last().copied()).collect();
    let together = dollars.pop().unwrap();
    assert_eq!(dollars.len(), 6, "{dollars:?}");
    assert!((dollars.iter().sum::<f64>() - together).abs() < 0.005, "{dollars:?} {together}");
    let alarms = deployed().plain.all("AWS::CloudWatch::Alarm").count();
    assert!(table.contains(&format!("| {alarms} and 1 |")), "{alarms} alarms");
}

#[test]
fn every_permission_of_every_role_has_its_reason() {
    let (page, deployed) = (read("security.md"), deployed());
    let mut actions = std::collections::BTreeSet::new();
    collect_actions(&deployed.files.template, &mut actions);
    collect_actions(&deployed.files.triggers, &mut actions);
    actions.retain(|action| action != "sqs:*" && action != "sts:AssumeRole");
    assert!(actions.len() > 30, "{actions:?}");
    let told = |action: &String| page.contains(&format!("`{action}`"));
    let untold: Vec<&String> = actions.iter().filter(|action| !told(action)).collect();
    assert!(untold.is_empty(), "{untold:?}");
    for name in page.split('`').skip(1).step_by(2) {
        let service = name.split(':').next().unwrap_or_default();
        let is_action = ["sqs", "dynamodb", "events", "iam", "kms", "xray"].contains(&service);
        assert!(!is_action || !name.contains(':') || actions.contains(name), "nobody has {name}");
    }
}

/// Every action that a policy somewhere below allows or denies.
fn collect_actions(value: &Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Action", Value::String(action)) => drop(found.insert(action.clone())),
                    ("Action", Value::Array(list)) => {
                        found.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => collect_actions(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect_actions(value, found)),
        _ => {}
    }
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
