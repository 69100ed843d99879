//! The outer form of the template: its parameters, its resources, and the text.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

const HEADER: &str = "\
# Rendered from jobs.yaml by `longshore render`: change that file, not this one.
# template.yaml deploys it as a nested stack and fills in the parameters.
";

/// The parameters, each filled in by template.yaml.
const PARAMETERS: [(&str, &str); 7] = [
    ("Namespace", "The name that keeps this installation apart from others."),
    ("EventsQueueArn", "The queue that dispatch receives from."),
    ("EventsDeadLetterArn", "Where events go that could not be delivered."),
    ("ScheduleGroup", "The schedule group."),
    ("SchedulerRoleArn", "What EventBridge Scheduler may do."),
    ("DispatchRoleName", "The role of the function that starts tasks."),
    ("SweepRoleName", "The role of the function that looks after tasks."),
];

/// A CloudFormation template.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    version: &'static str,
    description: &'static str,
    metadata: Value,
    parameters: BTreeMap<&'static str, Parameter>,
    resources: BTreeMap<String, Resource>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    r#type: &'static str,
    description: &'static str,
}

/// One resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Resource {
    pub(super) r#type: &'static str,
    pub(super) properties: Value,
}

impl Template {
    pub(super) fn new(resources: BTreeMap<String, Resource>) -> Self {
        let parameter = |(name, description)| (name, Parameter { r#type: "String", description });
        Self {
            version: "2010-09-09",
            description: "What starts the jobs of jobs.yaml, and what they may use.",
            // A file without schedules leaves the parameters of schedules unused.
            metadata: json!({ "cfn-lint": { "config": { "ignore_checks": ["W2001"] } } }),
            parameters: PARAMETERS.into_iter().map(parameter).collect(),
            resources,
        }
    }

    pub(super) fn to_yaml(&self) -> Result<String, serde_saphyr::ser::Error> {
        let options = serde_saphyr::ser_options! {
            // Reviews compare lines: a text stays on the line of its key.
            prefer_block_scalars: false,
            compact_list_indent: false,
        };
        let body = serde_saphyr::to_string_with_options(self, options)?;
        Ok(format!("{HEADER}{body}"))
    }
}

/// The value of a parameter.
pub(super) fn reference(parameter: &str) -> Value {
    json!({ "Ref": parameter })
}

/// A text whose `${..}` CloudFormation fills in.
pub(super) fn sub(text: impl Into<String>) -> Value {
    json!({ "Fn::Sub": text.into() })
}
