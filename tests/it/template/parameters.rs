//! Rows about the parameters.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value};

use super::account::list;
use super::{Deployed, must, same};

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

pub(super) fn parameters_say_what_they_take(deployed: &Deployed) -> Vec<String> {
    let template = &deployed.files.template;
    let mut complaints = Vec::new();
    for (name, parameter) in template["Parameters"].as_object().unwrap() {
        let described = parameter["Description"].as_str().unwrap_or_default().len() > 20;
        complaints.push(must(format!("{name}: no description"), described));
        complaints.push(must(format!("{name}: no default"), !parameter["Default"].is_null()));
        let pattern = parameter["AllowedPattern"].as_str();
        let bounded = parameter["MinValue"].is_u64() && parameter["MaxValue"].is_u64();
        let listed = !list(&parameter["AllowedValues"]).is_empty();
        complaints
            .push(must(format!("{name}: takes anything"), pattern.is_some() || bounded || listed));
        complaints.push(must(
            format!("{name}: does not say what it takes"),
            listed || parameter["ConstraintDescription"].is_string(),
        ));
        if let (Some(pattern), Some(default)) = (pattern, parameter["Default"].as_str()) {
            let fits = Regex::new(pattern).unwrap().is_match(default);
            complaints.push(must(format!("{name}: its default does not fit"), fits));
        }
    }
    let interface = &template["Metadata"]["AWS::CloudFormation::Interface"];
    let grouped = list(&interface["ParameterGroups"])
        .iter()
        .flat_map(|group| list(&group["Parameters"]))
        .filter_map(Value::as_str);
    let declared = keys(&template["Parameters"]);
    complaints.push(same("groups", grouped.collect(), declared.clone()));
    complaints.push(same("labels", keys(&interface["ParameterLabels"]), declared));
    complaints.into_iter().flatten().collect()
}

/// To Lambda, a line of metrics is one of INFO: at a level above it there would be no metrics.
pub(super) fn no_log_level_drops_metrics(deployed: &Deployed) -> Vec<String> {
    let levels = &deployed.files.template["Parameters"]["LogLevel"]["AllowedValues"];
    let levels: BTreeSet<_> = list(levels).iter().filter_map(Value::as_str).collect();
    same("levels", levels, BTreeSet::from(["TRACE", "DEBUG", "INFO"])).into_iter().collect()
}

pub(super) fn the_nested_stack_gets_every_parameter(deployed: &Deployed) -> Vec<String> {
    let nested = deployed.plain.properties("Triggers");
    let declared = keys(&deployed.files.triggers["Parameters"]);
    [
        same("parameters", keys(&nested["Parameters"]), declared),
        same("file", nested["TemplateURL"].as_str(), Some("triggers.yaml")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
