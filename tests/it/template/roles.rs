//! Rows about what each function may do.

use std::collections::{BTreeMap, BTreeSet};

use longshore::network::{EGRESS_FINISHED, EGRESS_TAG, EGRESS_UNFINISHED};
use serde_json::{Value, json};

use super::account::{ACCOUNT, Account, REGION, list, texts};
use super::{Deployed, must, same};

/// What each function calls, and what Lambda calls for it. What is granted is held equal to it, and
/// it to the sources by `calls.rs`.
pub(super) const CALLS: [(&str, &[&str]); 3] = [
    (
        "DispatchRole",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:RevokeSecurityGroupEgress",
            "ecs:DescribeTaskDefinition",
            "ecs:ListTasks",
            "ecs:RegisterTaskDefinition",
            "ecs:RunTask",
            "ecs:StopTask",
            "ecs:TagResource",
            "iam:PassRole",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
    ),
    (
        "RecordRole",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            "events:PutEvents",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
    ),
    (
        "SweepRole",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            "ecs:DescribeTasks",
            "ecs:StopTask",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sqs:SendMessage",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
    ),
];
/// Actions that IAM knows no resource for, or none that Fargate has.
const WITHOUT_RESOURCE: [&str; 6] = [
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTasks",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// The statements of a role that allow an action.
fn allowing<'a>(account: &'a Account, role: &str, action: &str) -> Vec<&'a Value> {
    let mut allowed = account.allowed(role);
    allowed.retain(|statement| texts(&statement["Action"]).contains(&action));
    allowed
}

/// The resources of an action, over all statements.
fn resources(account: &Account, role: &str, action: &str) -> BTreeSet<String> {
    let statements = allowing(account, role, action);
    statements.iter().flat_map(|one| texts(&one["Resource"])).map(str::to_owned).collect()
}

fn ecs(rest: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{rest}")
}

fn set(texts: &[String]) -> BTreeSet<String> {
    texts.iter().cloned().collect()
}

pub(super) fn each_role_is_allowed_what_its_function_calls_and_no_more(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    let mut complaints = Vec::new();
    for (role, calls) in CALLS {
        let allowed = account.allowed(role);
        let actions: BTreeSet<&str> =
            allowed.iter().flat_map(|statement| texts(&statement["Action"])).collect();
        complaints.extend(same(role, actions, calls.iter().copied().collect()));
    }
    let queues = |ids: &[&str]| ids.iter().map(|id| account.arn(id)).collect::<BTreeSet<_>>();
    let table = || BTreeSet::from([account.arn("RunsTable")]);
    let index = |name: &str| format!("{}/index/{name}", account.arn("RunsTable"));
    for (role, action, expected) in [
        ("DispatchRole", "sqs:ReceiveMessage", queues(&["EventsQueue"])),
        ("RecordRole", "sqs:ReceiveMessage", queues(&["StatesQueue"])),
        (
            "DispatchRole",
            "sqs:SendMessage",
            queues(&["EventsQueue", "StatesQueue", "RejectQueue", "EventsDeadQueue"]),
        ),
        (
            "RecordRole",
            "sqs:SendMessage",
            queues(&["EventsQueue", "RejectQueue", "StatesDeadQueue"]),
        ),
        ("SweepRole", "sqs:SendMessage", queues(&["EventsQueue", "StatesQueue"])),
        ("SchedulerRole", "sqs:SendMessage", queues(&["EventsQueue", "EventsDeadQueue"])),
        ("DispatchRole", "dynamodb:Query", BTreeSet::from([index("job")])),
        ("RecordRole", "dynamodb:Query", BTreeSet::from([index("job")])),
        ("SweepRole", "dynamodb:Query", BTreeSet::from([index("due"), index("job")])),
        ("DispatchRole", "dynamodb:PutItem", table()),
        ("RecordRole", "dynamodb:UpdateItem", table()),
        ("SweepRole", "dynamodb:UpdateItem", table()),
        ("DispatchRole", "logs:PutLogEvents", BTreeSet::from([account.arn("DispatchLogs")])),
        ("RecordRole", "logs:PutLogEvents", BTreeSet::from([account.arn("RecordLogs")])),
        ("SweepRole", "logs:PutLogEvents", BTreeSet::from([account.arn("SweepLogs")])),
    ] {
        let what = format!("{role}: {action}");
        complaints.extend(same(&what, resources(account, role, action), expected));
    }
    complaints
}

fn roles(account: &Account) -> Vec<&str> {
    account.all("AWS::IAM::Role").map(|(id, _)| id).collect()
}

pub(super) fn no_role_is_allowed_a_whole_service(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.keyed;
    let mut complaints = Vec::new();
    for role in roles(account) {
        complaints.extend(same(role, &account.properties(role)["ManagedPolicyArns"], &Value::Null));
        for statement in account.allowed(role) {
            complaints.extend(same(role, &statement["NotAction"], &Value::Null));
            for action in texts(&statement["Action"]) {
                let forbidden = ["Scan", "Delete", "ExecuteCommand", "*"];
                let is_ours = action == "sqs:DeleteMessage";
                let bad = !is_ours && forbidden.iter().any(|word| action.contains(word));
                complaints.extend(must(format!("{role} may {action}"), !bad));
            }
        }
    }
    complaints
}

pub(super) fn every_resource_is_named_where_the_action_knows_one(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.keyed;
    let mut complaints = Vec::new();
    for role in roles(account) {
        for statement in account.allowed(role) {
            let resources = texts(&statement["Resource"]);
            complaints
                .extend(must(format!("{role}: no resource in {statement}"), !resources.is_empty()));
            if resources.contains(&"*") {
                for action in texts(&statement["Action"]) {
                    let has_none = WITHOUT_RESOURCE.contains(&action);
                    complaints.extend(must(format!("{role} may {action} on anything"), has_none));
                }
            }
        }
    }
    complaints
}

/// The jobs of the repository, as they are written.
fn jobs() -> longshore::jobs::Jobs {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs.yaml");
    let source = std::fs::read(path).unwrap();
    longshore::jobs::read(&source, jiff::Timestamp::now()).jobs.unwrap()
}

pub(super) fn tasks_are_started_in_their_cluster_and_cannot_be_entered(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    let mut complaints = Vec::new();
    let mut definitions = BTreeSet::new();
    for statement in allowing(account, "DispatchRole", "ecs:RunTask") {
        let condition = json!({
            "ArnEquals": { "ecs:cluster": ecs("cluster/batch") },
            "StringEqualsIfExists": { "ecs:enable-execute-command": "false" },
        });
        complaints.extend(same("RunTask", &statement["Condition"], &condition));
        definitions.extend(texts(&statement["Resource"]).into_iter().map(str::to_owned));
    }
    let jobs = jobs();
    let of_jobs = jobs.iter().map(|job| ecs(&format!("task-definition/shore-{}:*", job.name)));
    let of_jobs: BTreeSet<String> = of_jobs.collect();
    let registered = resources(account, "DispatchRole", "ecs:RegisterTaskDefinition");
    complaints.extend(same("RunTask", &definitions, &of_jobs));
    complaints.extend(same("RegisterTaskDefinition", &registered, &of_jobs));
    complaints
}

/// A run keeps the cluster it began in when its job moves to another.
pub(super) fn tasks_are_found_in_any_cluster_and_only_ours_are_stopped(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    let any_cluster = json!({ "ArnLike": { "ecs:cluster": ecs("cluster/*") } });
    let ours = json!({ "Null": { "aws:ResourceTag/longshore:job": "false" } });
    let mut complaints = Vec::new();
    for (role, action, resource, condition) in [
        ("DispatchRole", "ecs:ListTasks", "*".to_owned(), &any_cluster),
        ("DispatchRole", "ecs:StopTask", ecs("task/*/*"), &ours),
        ("SweepRole", "ecs:StopTask", ecs("task/*/*"), &ours),
        // A task that is gone has no tags, and must be answered as missing.
        ("SweepRole", "ecs:DescribeTasks", ecs("task/*/*"), &Value::Null),
    ] {
        let found = allowing(account, role, action);
        let conditions: Vec<&Value> = found.iter().map(|one| &one["Condition"]).collect();
        complaints.extend(same(action, conditions, vec![condition]));
        complaints.extend(same(action, resources(account, role, action), set(&[resource])));
    }
    complaints
}

pub(super) fn only_what_is_being_made_is_tagged(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let found: BTreeMap<&str, Vec<&str>> = allowing(account, "DispatchRole", "ecs:TagResource")
        .into_iter()
        .map(|statement| {
            let action = &statement["Condition"]["StringEquals"]["ecs:CreateAction"];
            (action.as_str().unwrap_or_default(), texts(&statement["Resource"]))
        })
        .collect();
    let tasks = ecs("task/batch/*");
    let definitions = resources(account, "DispatchRole", "ecs:RegisterTaskDefinition");
    let definitions: Vec<&str> = definitions.iter().map(String::as_str).collect();
    let expected = BTreeMap::from([
        ("RunTask", vec![tasks.as_str()]),
        ("RegisterTaskDefinition", definitions),
    ]);
    same("TagResource", found, expected).into_iter().collect()
}

pub(super) fn exactly_the_roles_of_jobs_yaml_are_passed_and_to_ecs_only(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    let condition = json!({ "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } });
    let mut complaints = Vec::new();
    for statement in allowing(account, "DispatchRole", "iam:PassRole") {
        complaints.extend(same("PassRole", &statement["Condition"], &condition));
    }
    let named: BTreeSet<String> = jobs()
        .iter()
        .flat_map(|job| [&job.task.entry.task_role_arn, &job.task.entry.execution_role_arn])
        .flatten()
        .cloned()
        .collect();
    complaints.extend(same("PassRole", resources(account, "DispatchRole", "iam:PassRole"), named));
    complaints
}

pub(super) fn security_groups_are_made_in_the_jobs_vpc_only(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let ec2 = |rest: &str| format!("arn:aws:ec2:{REGION}:{ACCOUNT}:{rest}");
    let (vpc, groups) = (ec2("vpc/vpc-0a1b2c3d4e5f60718"), ec2("security-group/*"));
    let in_vpc = json!({ "ArnEquals": { "ec2:Vpc": [vpc] } });
    let at_creation = json!({ "StringEquals": { "ec2:CreateAction": "CreateSecurityGroup" } });
    // A group that exists: the key above is not there.
    let finished = json!({
        "ArnEquals": { "ec2:Vpc": [vpc] },
        "StringEquals": {
            (format!("aws:ResourceTag/{EGRESS_TAG}")): [EGRESS_UNFINISHED, EGRESS_FINISHED],
            (format!("aws:RequestTag/{EGRESS_TAG}")): EGRESS_FINISHED,
        },
        "ForAllValues:StringEquals": { "aws:TagKeys": [EGRESS_TAG] },
    });
    let mut complaints = Vec::new();
    let groups_only = || set(std::slice::from_ref(&groups));
    for (action, expected, allowed) in [
        ("ec2:CreateSecurityGroup", set(&[vpc.clone(), groups.clone()]), vec![&Value::Null]),
        ("ec2:AuthorizeSecurityGroupEgress", groups_only(), vec![&in_vpc]),
        ("ec2:RevokeSecurityGroupEgress", groups_only(), vec![&in_vpc]),
        ("ec2:CreateTags", groups_only(), vec![&at_creation, &finished]),
    ] {
        let found = allowing(account, "DispatchRole", action);
        let conditions: Vec<&Value> = found.iter().map(|one| &one["Condition"]).collect();
        complaints.extend(same(action, conditions, allowed));
        complaints.extend(same(action, resources(account, "DispatchRole", action), expected));
    }
    complaints
}

pub(super) fn outcomes_come_from_longshore_only(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let condition = json!({ "StringEquals": { "events:source": "longshore" } });
    let found = allowing(account, "RecordRole", "events:PutEvents");
    let conditions: Vec<&Value> = found.iter().map(|statement| &statement["Condition"]).collect();
    let bus = resources(account, "RecordRole", "events:PutEvents");
    [
        same("condition", conditions, vec![&condition]),
        same("bus", bus, set(&[account.arn("OutcomeBus")])),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn functions_are_run_by_lambda_only(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let mut complaints = Vec::new();
    for (function, role) in [
        ("DispatchFunction", "DispatchRole"),
        ("RecordFunction", "RecordRole"),
        ("SweepFunction", "SweepRole"),
    ] {
        let used = &account.properties(function)["Role"];
        complaints.extend(same(function, used, &json!(account.arn(role))));
        let trust = list(&account.properties(role)["AssumeRolePolicyDocument"]["Statement"]);
        let principals: Vec<&Value> = trust.iter().map(|one| &one["Principal"]).collect();
        complaints.extend(same(
            role,
            principals,
            vec![&json!({ "Service": "lambda.amazonaws.com" })],
        ));
    }
    complaints
}
