//! Rows about the functions, their logs and the table.

use serde_json::{Value, json};

use super::account::{ACCOUNT, KEY, NAMESPACE, REGION, list};
use super::{Deployed, must, number, same};

pub(super) const FUNCTIONS: [(&str, &str); 3] =
    [("DispatchFunction", "dispatch"), ("RecordFunction", "record"), ("SweepFunction", "sweep")];
const MAPPINGS: [(&str, &str, &str); 2] =
    [("DispatchFunction", "Events", "EventsQueue"), ("RecordFunction", "States", "StatesQueue")];

fn per_mapping(
    deployed: &Deployed,
    row: impl Fn(&str, &Value, &Value) -> Option<String>,
) -> Vec<String> {
    let account = &deployed.plain;
    MAPPINGS
        .iter()
        .flat_map(|(function, event, queue)| {
            let properties = account.properties(function);
            let mapping = &properties["Events"][event];
            [
                same(function, &mapping["Type"], &json!("SQS")),
                same(function, &mapping["Properties"]["Queue"], &json!(account.arn(queue))),
                row(function, properties, &mapping["Properties"]),
            ]
        })
        .flatten()
        .collect()
}

fn per_function(
    deployed: &Deployed,
    row: impl Fn(&str, &str, &Value) -> Vec<Option<String>>,
) -> Vec<String> {
    let found =
        FUNCTIONS.iter().flat_map(|(id, name)| row(id, name, deployed.plain.properties(id)));
    let count = deployed.plain.all("AWS::Serverless::Function").count();
    found.chain([same("functions", count, FUNCTIONS.len())]).flatten().collect()
}

/// Without it, one bad message brings nine good ones back.
pub(super) fn batches_report_single_failures(deployed: &Deployed) -> Vec<String> {
    per_mapping(deployed, |id, _, mapping| {
        same(id, &mapping["FunctionResponseTypes"], &json!(["ReportBatchItemFailures"]))
    })
}

pub(super) fn batches_have_ten_messages(deployed: &Deployed) -> Vec<String> {
    per_mapping(deployed, |id, _, mapping| same(id, number(&mapping["BatchSize"]), 10))
}

/// A throttled batch counts as received, and ten of these are a dead letter.
pub(super) fn no_more_batches_at_a_time_than_are_reserved(deployed: &Deployed) -> Vec<String> {
    let mut complaints = Vec::new();
    for asked in ["2", "10", "700"] {
        let account =
            deployed.files.deploy(&[("DispatchConcurrency", asked), ("RecordConcurrency", asked)]);
        for (id, event, _) in MAPPINGS {
            let function = account.properties(id);
            let mapping = &function["Events"][event]["Properties"];
            let most = number(&mapping["ScalingConfig"]["MaximumConcurrency"]);
            let reserved = number(&function["ReservedConcurrentExecutions"]);
            complaints.extend(must(
                format!("{id}: {most} batches at a time, {reserved} reserved"),
                (2..=reserved).contains(&most),
            ));
        }
    }
    complaints
}

/// SQS deletes what a filter leaves out.
pub(super) fn no_event_is_filtered_away(deployed: &Deployed) -> Vec<String> {
    per_mapping(deployed, |id, _, mapping| same(id, &mapping["FilterCriteria"], &Value::Null))
}

pub(super) fn functions_come_from_one_binary(deployed: &Deployed) -> Vec<String> {
    per_function(deployed, |id, name, function| {
        let metadata = &deployed.plain.resource(id)["Metadata"];
        vec![
            same(id, &metadata["BuildMethod"], &json!("rust-cargolambda")),
            same(id, &metadata["BuildProperties"], &json!({ "Binary": "lambda" })),
            same(id, &function["CodeUri"], &json!(".")),
            same(id, &function["Handler"], &json!(name)),
            same(id, &function["Runtime"], &json!("provided.al2023")),
            same(id, &function["Architectures"], &json!(["arm64"])),
        ]
    })
}

pub(super) fn functions_have_memory_traces_and_json_logs(deployed: &Deployed) -> Vec<String> {
    per_function(deployed, |id, name, function| {
        let logging = &function["LoggingConfig"];
        vec![
            same(id, number(&function["MemorySize"]), 256),
            same(id, &function["Tracing"], &json!("Active")),
            same(id, &logging["LogFormat"], &json!("JSON")),
            same(id, &logging["LogGroup"], &json!(format!("/aws/lambda/{NAMESPACE}-{name}"))),
        ]
    })
}

pub(super) fn functions_have_no_address_and_no_vpc(deployed: &Deployed) -> Vec<String> {
    per_function(deployed, |id, _, function| {
        vec![
            same(id, &function["FunctionUrlConfig"], &Value::Null),
            same(id, &function["VpcConfig"], &Value::Null),
        ]
    })
}

pub(super) fn functions_have_exactly_the_variables_they_read(deployed: &Deployed) -> Vec<String> {
    let queue = |name: &str| format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/shore-{name}");
    let (events, states, reject) = (queue("events"), queue("states"), queue("reject"));
    per_function(deployed, |id, name, function| {
        let expected = match name {
            "dispatch" => json!({
                "LONGSHORE_NAMESPACE": "shore", "TABLE_NAME": "shore-runs",
                "EVENTS_QUEUE_URL": events, "STATES_QUEUE_URL": states, "REJECT_QUEUE_URL": reject,
            }),
            "record" => json!({
                "LONGSHORE_NAMESPACE": "shore", "TABLE_NAME": "shore-runs",
                "EVENTS_QUEUE_URL": events, "REJECT_QUEUE_URL": reject, "EVENT_BUS_NAME": "shore",
            }),
            _ => json!({
                "LONGSHORE_NAMESPACE": "shore", "TABLE_NAME": "shore-runs",
                "EVENTS_QUEUE_URL": events, "STATES_QUEUE_URL": states,
            }),
        };
        vec![same(id, &function["Environment"]["Variables"], &expected)]
    })
}

pub(super) fn jobs_yaml_comes_as_a_layer(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let uri = &account.properties("JobsLayer")["ContentUri"];
    let layer = account.arn("JobsLayer");
    // Where the functions look without JOBS_FILE: /opt/jobs.yaml. record has all it needs in the run.
    let mut complaints = per_function(deployed, |id, name, function| {
        let layers = list(&function["Layers"]).contains(&json!(layer));
        vec![same(id, layers, name != "record")]
    });
    complaints.extend(same("layer", uri, &json!("config/")));
    complaints
}

pub(super) fn logs_are_kept_for_a_limited_time(deployed: &Deployed) -> Vec<String> {
    per_function(deployed, |id, name, _| {
        let group = json!(format!("/aws/lambda/{NAMESPACE}-{name}"));
        let mut groups = deployed.plain.all("AWS::Logs::LogGroup");
        let own = groups.find(|(_, logs)| logs["LogGroupName"] == group);
        let days = own.map_or(0, |(_, logs)| number(&logs["RetentionInDays"]));
        vec![must(format!("{id}: its logs are kept {days} days"), (1..=90).contains(&days))]
    })
}

pub(super) fn one_sweep_at_a_time(deployed: &Deployed) -> Vec<String> {
    let sweep = deployed.plain.properties("SweepFunction");
    let retries = &sweep["EventInvokeConfig"]["MaximumRetryAttempts"];
    [
        same("reserved", &sweep["ReservedConcurrentExecutions"], &json!(1)),
        // The next sweep is the retry.
        same("retries", retries, &json!(0)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Nobody keeps a copy of what does not come through a queue; the next sweep is sweep's.
pub(super) fn what_fails_without_a_queue_is_a_dead_letter(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    per_function(deployed, |id, name, function| {
        let expected = match name {
            "dispatch" => json!({ "Type": "SQS", "Destination": account.arn("EventsDeadQueue") }),
            "record" => json!({ "Type": "SQS", "Destination": account.arn("StatesDeadQueue") }),
            _ => Value::Null,
        };
        vec![same(id, &function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"], &expected)]
    })
}

pub(super) fn the_table_is_billed_by_request(deployed: &Deployed) -> Vec<String> {
    let table = deployed.plain.properties("RunsTable");
    same("billing", &table["BillingMode"], &json!("PAY_PER_REQUEST")).into_iter().collect()
}

pub(super) fn the_table_outlives_mistakes(deployed: &Deployed) -> Vec<String> {
    let resource = deployed.plain.resource("RunsTable");
    let table = &resource["Properties"];
    let recovery = &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
    [
        same("deletion", &resource["DeletionPolicy"], &json!("Retain")),
        same("replacement", &resource["UpdateReplacePolicy"], &json!("Retain")),
        same("protection", &table["DeletionProtectionEnabled"], &json!(true)),
        same("recovery", recovery, &json!(true)),
        same("encryption", &table["SSESpecification"]["SSEEnabled"], &json!(true)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn the_table_forgets_what_is_old(deployed: &Deployed) -> Vec<String> {
    let table = deployed.plain.properties("RunsTable");
    let expected = json!({ "AttributeName": "ttl", "Enabled": true });
    same("ttl", &table["TimeToLiveSpecification"], &expected).into_iter().collect()
}

pub(super) fn the_table_has_its_key_and_two_sparse_indexes(deployed: &Deployed) -> Vec<String> {
    let table = deployed.plain.properties("RunsTable");
    let hash = |name: &str| json!({ "AttributeName": name, "KeyType": "HASH" });
    let range = |name: &str| json!({ "AttributeName": name, "KeyType": "RANGE" });
    let keys_only = json!({ "ProjectionType": "KEYS_ONLY" });
    let indexes = json!([
        { "IndexName": "due", "KeySchema": [hash("ds"), range("du")], "Projection": keys_only },
        { "IndexName": "job", "KeySchema": [hash("jb"), range("ct")], "Projection": keys_only },
    ]);
    let types: Vec<(&str, &str)> = list(&table["AttributeDefinitions"])
        .iter()
        .filter_map(|one| Some((one["AttributeName"].as_str()?, one["AttributeType"].as_str()?)))
        .collect();
    [
        same("key", &table["KeySchema"], &json!([hash("pk")])),
        same("indexes", &table["GlobalSecondaryIndexes"], &indexes),
        same("types", types, vec![("pk", "S"), ("ds", "S"), ("du", "N"), ("jb", "S"), ("ct", "N")]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Queues have a row of their own.
pub(super) fn a_key_of_ones_own_protects_everything(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.keyed;
    let key = json!(KEY);
    let mut complaints = Vec::new();
    for (kind, pointer) in [
        ("AWS::Serverless::Function", "/KmsKeyArn"),
        ("AWS::Logs::LogGroup", "/KmsKeyId"),
        ("AWS::DynamoDB::Table", "/SSESpecification/KMSMasterKeyId"),
        ("AWS::Events::EventBus", "/KmsKeyIdentifier"),
    ] {
        for (id, properties) in account.all(kind) {
            let found = properties.pointer(pointer).unwrap_or(&Value::Null);
            complaints.extend(same(id, found, &key));
            let without = deployed.plain.properties(id).pointer(pointer);
            complaints.extend(same(id, without, None));
        }
    }
    for role in ["DispatchRole", "RecordRole", "SweepRole", "SchedulerRole"] {
        let allowed = account.allowed(role);
        let mut uses = allowed.iter().filter(|statement| statement["Resource"] == key);
        let actions = uses.next().map(|statement| &statement["Action"]);
        let expected =
            json!(["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]);
        complaints.extend(same(role, actions, Some(&expected)));
    }
    complaints
}
