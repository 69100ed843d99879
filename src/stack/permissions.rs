//! What dispatch and sweep may do in ECS and EC2: what jobs.yaml needs, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::template::{Resource, reference, sub};
use crate::jobs::problem::Problem;
use crate::jobs::{JOB_TAG, Job, Jobs, Path, Source};

mod network;

/// Characters of dispatch's policy at most: a role's inline policies have 10,240 together
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>), of which
/// template.yaml uses a fifth.
const POLICY_CHARS_MAX: usize = 8_000;
/// Where a region's and account's ECS resources begin.
const ECS: &str = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:";

/// The two policies, by logical id.
pub(super) fn policies(jobs: &Jobs, problems: &mut Vec<Problem>) -> [(String, Resource); 2] {
    let needs = Needs::of(jobs, problems);
    let dispatch = needs.of_dispatch(jobs);
    check_size(&dispatch, problems);
    [
        ("DispatchPolicy".to_owned(), policy("dispatch", "DispatchRoleName", dispatch)),
        ("SweepPolicy".to_owned(), policy("sweep", "SweepRoleName", of_sweep())),
    ]
}

fn policy(function: &str, role: &str, statements: Vec<Value>) -> Resource {
    Resource {
        r#type: "AWS::IAM::Policy",
        properties: json!({
            "PolicyName": sub(format!("${{Namespace}}-{function}-jobs")),
            "Roles": [reference(role)],
            "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
        }),
    }
}

/// What all jobs need together, each thing once and in order.
#[derive(Default)]
struct Needs {
    clusters: BTreeSet<String>,
    /// Task definitions by cluster, and by whether `execute-command` may enter their tasks.
    launches: BTreeMap<(String, bool), BTreeSet<String>>,
    /// Task definitions that longshore registers.
    registered: BTreeSet<String>,
    roles: BTreeSet<String>,
}

impl Needs {
    fn of(jobs: &Jobs, problems: &mut Vec<Problem>) -> Self {
        let mut needs = Self::default();
        for job in jobs.iter() {
            let definition = match &job.task.source {
                Source::Image(_) => {
                    let own = format!("{ECS}task-definition/${{Namespace}}-{}:*", job.name);
                    needs.registered.insert(own.clone());
                    own
                }
                Source::TaskDefinition(name) => {
                    warn_of_unknown_roles(job, problems);
                    existing(name)
                }
            };
            needs.clusters.insert(job.cluster.clone());
            let launch = (job.cluster.clone(), job.enable_execute_command);
            needs.launches.entry(launch).or_default().insert(definition);
            let entry = &job.task.entry;
            needs.roles.extend(
                [&entry.task_role_arn, &entry.execution_role_arn].into_iter().flatten().cloned(),
            );
        }
        needs
    }

    fn of_dispatch(&self, jobs: &Jobs) -> Vec<Value> {
        let mut statements = self.run_task();
        statements.push(json!({
            "Sid": "FindTasks",
            "Effect": "Allow",
            "Action": "ecs:ListTasks",
            // Its resource would be a container instance, which Fargate has not. All clusters: a
            // run keeps its own when its job moves.
            "Resource": "*",
            "Condition": { "ArnLike": { "ecs:cluster": cluster_arn("*") } },
        }));
        statements.push(stop_tasks());
        statements.push(tag("TagTasks", self.task_arns(), "RunTask"));
        statements.push(json!({
            "Sid": "ReadTaskDefinitions",
            "Effect": "Allow",
            "Action": "ecs:DescribeTaskDefinition",
            // It knows no resource.
            "Resource": "*",
        }));
        if !self.registered.is_empty() {
            let definitions: Vec<Value> = self.registered.iter().map(arn).collect();
            statements.push(json!({
                "Sid": "RegisterTaskDefinitions",
                "Effect": "Allow",
                "Action": "ecs:RegisterTaskDefinition",
                "Resource": definitions,
            }));
            statements.push(tag("TagTaskDefinitions", definitions, "RegisterTaskDefinition"));
        }
        if !self.roles.is_empty() {
            statements.push(json!({
                "Sid": "PassRoles",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": self.roles,
                "Condition": { "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
            }));
        }
        statements.extend(network::statements(jobs));
        statements
    }

    /// A task definition runs in the clusters of its jobs, and may be entered only if they say so.
    fn run_task(&self) -> Vec<Value> {
        let mut statements = Vec::new();
        for (index, ((cluster, may_enter), definitions)) in self.launches.iter().enumerate() {
            let mut condition = json!({ "ArnEquals": { "ecs:cluster": cluster_arn(cluster) } });
            if !may_enter {
                // The key may be missing when a request does not say.
                condition["StringEqualsIfExists"] =
                    json!({ "ecs:enable-execute-command": "false" });
            }
            statements.push(json!({
                "Sid": format!("RunTask{}", index + 1),
                "Effect": "Allow",
                "Action": "ecs:RunTask",
                "Resource": definitions.iter().map(arn).collect::<Vec<_>>(),
                "Condition": condition,
            }));
        }
        statements
    }

    fn task_arns(&self) -> Vec<Value> {
        self.clusters.iter().map(|cluster| task_arn(cluster)).collect()
    }
}

/// Sweep looks at the tasks of open runs, whichever clusters jobs.yaml names by now.
fn of_sweep() -> Vec<Value> {
    vec![
        json!({
            "Sid": "LookAtTasks",
            "Effect": "Allow",
            "Action": "ecs:DescribeTasks",
            // No condition on tags: a task that ECS has forgotten has none, and one of these would
            // turn the answer about all of them into a denial.
            "Resource": task_arn("*"),
        }),
        stop_tasks(),
    ]
}

/// Leave to stop what longshore started, in any cluster, and nothing else. The tag is on every task
/// from RunTask on, and dispatch may put it on nothing that exists
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/control-access-with-tags.html>).
fn stop_tasks() -> Value {
    json!({
        "Sid": "StopTasks",
        "Effect": "Allow",
        "Action": "ecs:StopTask",
        "Resource": task_arn("*"),
        "Condition": { "Null": { (format!("aws:ResourceTag/{JOB_TAG}")): "false" } },
    })
}

/// Leave to tag what is being made, and nothing that exists.
fn tag(sid: &str, resources: Vec<Value>, made_by: &str) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Action": "ecs:TagResource",
        "Resource": resources,
        "Condition": { "StringEquals": { "ecs:CreateAction": made_by } },
    })
}

fn task_arn(cluster: &str) -> Value {
    sub(format!("{ECS}task/{cluster}/*"))
}

fn cluster_arn(cluster: &str) -> Value {
    sub(format!("{ECS}cluster/{cluster}"))
}

/// An ARN as it is, or with places that CloudFormation fills in.
fn arn(text: &String) -> Value {
    if text.contains("${") { sub(text) } else { json!(text) }
}

/// The revisions of a task definition that a job may mean.
fn existing(name: &str) -> String {
    let whole = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        format!("{ECS}task-definition/{name}")
    };
    let is_pinned = whole.rsplit('/').next().is_some_and(|name| name.contains(':'));
    if is_pinned { whole } else { format!("{whole}:*") }
}

/// ECS asks for leave to pass the roles that a task definition names, and they are not in jobs.yaml.
fn warn_of_unknown_roles(job: &Job, problems: &mut Vec<Problem>) {
    let entry = &job.task.entry;
    if entry.execution_role_arn.is_some() && entry.task_role_arn.is_some() {
        return;
    }
    let at = Path::root().key("jobs").key(job.name.as_str()).key("task");
    problems.push(Problem::warning(at, "does not name both roles of its task definition").remedy(
        "add the `taskRoleArn` and `executionRoleArn` that it has: dispatch may pass only \
             roles that stand in jobs.yaml",
    ));
}

fn check_size(statements: &[Value], problems: &mut Vec<Problem>) {
    // The longest that CloudFormation fills in.
    let text = json!(statements)
        .to_string()
        .replace("${AWS::Partition}", "aws-us-gov")
        .replace("${AWS::Region}", "ap-northeast-1")
        .replace("${AWS::AccountId}", "123456789012")
        .replace("{\"Fn::Sub\":", "")
        .replace("${Namespace}", &"n".repeat(32));
    let chars = text.chars().count();
    if chars > POLICY_CHARS_MAX {
        let message = format!(
            "need a policy of {chars} characters, of which IAM leaves {POLICY_CHARS_MAX} for them"
        );
        problems.push(Problem::error(Path::root().key("jobs"), message).remedy(
            "share the jobs between installations, each with a namespace of its own; jobs that \
             share roles and task definitions need less",
        ));
    }
}
