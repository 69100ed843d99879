//! Rows about the queues.

use serde_json::{Value, json};

use super::account::{ACCOUNT, Account, KEY, NAMESPACE, REGION, list, texts};
use super::{Deployed, must, number, same};

const QUEUE: &str = "AWS::SQS::Queue";
const WORK: [(&str, &str, &str, u64); 2] = [
    ("EventsQueue", "EventsDeadQueue", "DispatchFunction", 10),
    ("StatesQueue", "StatesDeadQueue", "RecordFunction", 100),
];

pub(super) fn every_queue_is_encrypted(deployed: &Deployed) -> Vec<String> {
    let count = deployed.plain.all(QUEUE).count();
    let plain = deployed.plain.all(QUEUE).flat_map(|(id, queue)| {
        [
            same(id, &queue["SqsManagedSseEnabled"], &json!(true)),
            same(id, &queue["KmsMasterKeyId"], &Value::Null),
        ]
    });
    let keyed = deployed
        .keyed
        .all(QUEUE)
        .map(|(id, queue)| same(id, &queue["KmsMasterKeyId"], &json!(KEY)));
    plain.chain(keyed).chain([same("queues", count, 5)]).flatten().collect()
}

pub(super) fn every_queue_keeps_its_messages_for_two_weeks(deployed: &Deployed) -> Vec<String> {
    let queues = deployed.plain.all(QUEUE);
    queues
        .filter_map(|(id, queue)| {
            same(id, number(&queue["MessageRetentionPeriod"]), 14 * 24 * 60 * 60)
        })
        .collect()
}

pub(super) fn a_message_is_hidden_six_times_as_long_as_its_function_may_take(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    WORK.iter()
        .filter_map(|(queue, _, function, _)| {
            let timeout = number(&account.properties(function)["Timeout"]);
            let hidden = number(&account.properties(queue)["VisibilityTimeout"]);
            must(
                format!("{queue}: hidden {hidden} s, {function} may take {timeout} s"),
                timeout > 0 && hidden >= 6 * timeout,
            )
        })
        .collect()
}

pub(super) fn messages_are_tried_ten_and_a_hundred_times(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    WORK.iter()
        .filter_map(|(queue, dead, _, tries)| {
            let expected =
                json!({ "deadLetterTargetArn": account.arn(dead), "maxReceiveCount": tries });
            same(queue, &account.properties(queue)["RedrivePolicy"], &expected)
        })
        .collect()
}

pub(super) fn dead_letter_queues_take_from_their_own_queue_only(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    WORK.iter()
        .filter_map(|(queue, dead, ..)| {
            let expected = json!({
                "redrivePermission": "byQueue",
                "sourceQueueArns": [account.arn(queue)],
            });
            same(dead, &account.properties(dead)["RedriveAllowPolicy"], &expected)
        })
        .collect()
}

/// The statements of the one policy a queue has.
fn statements<'a>(account: &'a Account, queue: &str) -> Vec<&'a Value> {
    let url = json!(format!(
        "https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{}",
        account.properties(queue)["QueueName"].as_str().unwrap_or_default()
    ));
    let policies = account.all("AWS::SQS::QueuePolicy");
    let mut own = policies.filter(|(_, policy)| list(&policy["Queues"]).contains(&url));
    let first = own.next();
    assert!(own.next().is_none(), "{queue} has two policies, of which one would be lost");
    first.map_or_else(Vec::new, |(_, policy)| {
        list(&policy["PolicyDocument"]["Statement"]).iter().collect()
    })
}

pub(super) fn every_queue_refuses_connections_without_tls(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let refuses = |id: &str, statement: &Value| {
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && statement["Action"] == "sqs:*"
            && statement["Resource"] == account.arn(id)
            && statement["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
    };
    account
        .all(QUEUE)
        .filter_map(|(id, _)| {
            let statements = statements(account, id);
            must(
                format!("{id}: takes connections without TLS"),
                statements.iter().any(|statement| refuses(id, statement)),
            )
        })
        .collect()
}

pub(super) fn senders_are_named_by_arn_and_account(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let ours = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{NAMESPACE}-");
    let mut complaints = Vec::new();
    for (id, _) in account.all(QUEUE) {
        for statement in statements(account, id).iter().filter(|one| one["Effect"] == "Allow") {
            let condition = &statement["Condition"];
            let arn = condition["ArnEquals"]["aws:SourceArn"].as_str();
            let arn = arn.or(condition["ArnLike"]["aws:SourceArn"].as_str()).unwrap_or_default();
            complaints.extend([
                same(id, &statement["Action"], &json!("sqs:SendMessage")),
                same(id, &statement["Principal"], &json!({ "Service": "events.amazonaws.com" })),
                same(id, &statement["Resource"], &json!(account.arn(id))),
                must(format!("{id}: `{arn}` is more than our rules"), arn.starts_with(&ours)),
                same(id, &condition["StringEquals"]["aws:SourceAccount"], &json!(ACCOUNT)),
            ]);
        }
    }
    complaints.into_iter().flatten().collect()
}

pub(super) fn every_rule_may_send_to_its_queue_and_its_dead_letter_queue(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    let lets_in = |queue: &str, rule: &str| {
        statements(account, queue).iter().any(|statement| {
            let exact = &statement["Condition"]["ArnEquals"]["aws:SourceArn"];
            let like = statement["Condition"]["ArnLike"]["aws:SourceArn"].as_str();
            exact == rule
                || like.and_then(|like| like.strip_suffix('*')).is_some_and(|l| rule.starts_with(l))
        })
    };
    let by_arn = |arn: &Value| {
        account.all(QUEUE).map(|(id, _)| id).find(|id| *arn == account.arn(id)).unwrap_or("?")
    };
    let mut complaints = Vec::new();
    for (id, rule) in account.all("AWS::Events::Rule") {
        for target in list(&rule["Targets"]) {
            for queue in [&target["Arn"], &target["DeadLetterConfig"]["Arn"]].map(by_arn) {
                let allowed = lets_in(queue, &account.arn(id));
                complaints.extend(must(format!("{id} may not send to {queue}"), allowed));
            }
        }
    }
    complaints
}

/// The command line finds them by these names, without asking CloudFormation.
pub(super) fn everything_is_named_after_the_namespace(deployed: &Deployed) -> Vec<String> {
    [
        ("EventsQueue", "QueueName", "shore-events"),
        ("EventsDeadQueue", "QueueName", "shore-events-dead"),
        ("StatesQueue", "QueueName", "shore-states"),
        ("StatesDeadQueue", "QueueName", "shore-states-dead"),
        ("RejectQueue", "QueueName", "shore-reject"),
        ("RunsTable", "TableName", "shore-runs"),
        ("OutcomeBus", "Name", "shore"),
        ("ScheduleGroup", "Name", "shore"),
        ("Dashboard", "DashboardName", "shore"),
        ("DispatchFunction", "FunctionName", "shore-dispatch"),
        ("RecordFunction", "FunctionName", "shore-record"),
        ("SweepFunction", "FunctionName", "shore-sweep"),
        ("NightlyReportSchedule", "Name", "shore-nightly-report"),
    ]
    .iter()
    .filter_map(|(id, key, name)| same(id, texts(&deployed.plain.properties(id)[key]), vec![*name]))
    .collect()
}
