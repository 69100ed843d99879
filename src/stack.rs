//! What AWS must have for a jobs.yaml: schedules, rules and permissions, written as a
//! CloudFormation template that people review. Pure: the same jobs are the same text.
//!
//! The rest of the installation (functions, queues, table) is the same for every jobs.yaml and
//! stands in template.yaml, which deploys this as a nested stack.

use std::collections::BTreeMap;

use crate::identity::Namespace;
use crate::jobs::problem::{Problem, Severity};
use crate::jobs::{Jobs, Path};

mod key_pattern;
mod names;
mod permissions;
mod rule;
mod schedule;
mod template;

use names::Names;
use template::{Resource, Template};

/// Resources in one stack at most
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
const RESOURCES_MAX: usize = 500;

/// What rendering came to.
#[derive(Debug)]
pub struct Rendering {
    /// triggers.yaml, unless there is an error.
    pub text: Option<String>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

/// Writes triggers.yaml for these jobs. The namespace is a parameter of the template; here it only
/// decides whether the names that begin with it are short enough.
pub fn render(jobs: &Jobs, namespace: &Namespace) -> Rendering {
    let mut problems = Vec::new();
    let mut names = Names::new(namespace);
    let mut resources = BTreeMap::new();
    for job in jobs.iter() {
        let found = schedule::schedules(job, &mut names, &mut problems);
        resources.extend(found);
        resources.extend(rule::rules(job, &mut names, &mut problems));
    }
    resources.extend(permissions::policies(jobs, &mut problems));
    check_count(&resources, &mut problems);
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    let text = if failed { None } else { write(resources, &mut problems) };
    Rendering { text, problems }
}

fn check_count(resources: &BTreeMap<String, Resource>, problems: &mut Vec<Problem>) {
    let count = resources.len();
    if count > RESOURCES_MAX {
        let message = format!(
            "need {count} schedules, rules and policies, CloudFormation takes at most \
             {RESOURCES_MAX} in one stack"
        );
        problems.push(
            Problem::error(Path::root().key("jobs"), message)
                .remedy("share the jobs between installations, each with a namespace of its own"),
        );
    }
}

fn write(resources: BTreeMap<String, Resource>, problems: &mut Vec<Problem>) -> Option<String> {
    match Template::new(resources).to_yaml() {
        Ok(text) => Some(text),
        Err(error) => {
            problems.push(
                Problem::error(Path::root(), format!("cannot be written as a template: {error}"))
                    .remedy("look for a character in it that no YAML can hold"),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
