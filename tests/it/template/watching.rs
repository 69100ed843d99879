//! Rows about alarms and the dashboard.

use serde_json::{Value, json};

use super::account::{Account, TOPIC, list};
use super::{Deployed, must, number, same};

/// What the functions measure, in the CloudWatch namespace `longshore`.
const METRICS: [&str; 9] = [
    "RunsEnded",
    "StartLatency",
    "RunTime",
    "LaunchesRefused",
    "Sweeps",
    "MessagesRejected",
    "SecondTasks",
    "UnknownRuns",
    "JobsThrottled",
];

/// The one alarm on a metric of something.
fn alarm<'a>(account: &'a Account, metric: (&str, &str), dimension: (&str, &str)) -> &'a Value {
    alarm_of(account, metric, &json!([{ "Name": dimension.0, "Value": dimension.1 }]))
}

/// The one alarm on how many of our runs end so.
fn alarm_of_verdict<'a>(account: &'a Account, verdict: &str) -> &'a Value {
    let dimensions = json!([
        { "Name": "Namespace", "Value": "shore" },
        { "Name": "Verdict", "Value": verdict },
    ]);
    alarm_of(account, ("longshore", "RunsEnded"), &dimensions)
}

fn alarm_of<'a>(account: &'a Account, metric: (&str, &str), dimensions: &Value) -> &'a Value {
    let is_it = |alarm: &Value| {
        alarm["Namespace"] == metric.0
            && alarm["MetricName"] == metric.1
            && alarm["Dimensions"] == *dimensions
    };
    let mut found = account.all("AWS::CloudWatch::Alarm").filter(|(_, alarm)| is_it(alarm));
    found.next().map_or(&Value::Null, |(_, alarm)| alarm)
}

/// An alarm that rings as soon as one is more than `most`, and not for want of news.
fn rings_above(what: &str, alarm: &Value, most: u64) -> Vec<Option<String>> {
    vec![
        same(what, &alarm["ComparisonOperator"], &json!("GreaterThanThreshold")),
        must(format!("{what}: no threshold"), !alarm["Threshold"].is_null()),
        same(what, number(&alarm["Threshold"]), most),
        same(what, &alarm["TreatMissingData"], &json!("notBreaching")),
        must(
            format!("{what}: looks once in {} s", alarm["Period"]),
            (60..=300).contains(&number(&alarm["Period"])),
        ),
        must(
            format!("{what}: the average hides one"),
            alarm["Statistic"] == "Sum" || alarm["Statistic"] == "Maximum",
        ),
    ]
}

pub(super) fn every_dead_letter_queue_and_the_reject_queue_have_an_alarm(
    deployed: &Deployed,
) -> Vec<String> {
    let account = &deployed.plain;
    let mut complaints = Vec::new();
    let mut queues: Vec<&str> = account
        .all("AWS::SQS::Queue")
        .filter(|(_, queue)| !queue["RedriveAllowPolicy"].is_null())
        .filter_map(|(_, queue)| queue["QueueName"].as_str())
        .collect();
    queues.push("shore-reject");
    complaints.push(same("queues", queues.len(), 3));
    for queue in queues {
        let metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible");
        complaints.extend(rings_above(queue, alarm(account, metric, ("QueueName", queue)), 0));
    }
    complaints.into_iter().flatten().collect()
}

pub(super) fn a_stopped_sweep_rings(deployed: &Deployed) -> Vec<String> {
    let alarm = alarm(&deployed.plain, ("longshore", "Sweeps"), ("Namespace", "shore"));
    [
        same("statistic", &alarm["Statistic"], &json!("Sum")),
        same("operator", &alarm["ComparisonOperator"], &json!("LessThanThreshold")),
        same("threshold", number(&alarm["Threshold"]), 1),
        // A function that does not run measures nothing.
        same("missing", &alarm["TreatMissingData"], &json!("breaching")),
        must("period", (120..=600).contains(&number(&alarm["Period"]))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn refused_launches_lost_states_and_old_events_ring(deployed: &Deployed) -> Vec<String> {
    let rows = [
        (("longshore", "LaunchesRefused"), ("Namespace", "shore"), 0),
        (("AWS/Events", "FailedInvocations"), ("RuleName", "shore-states"), 0),
        (("AWS/SQS", "ApproximateAgeOfOldestMessage"), ("QueueName", "shore-events"), 900),
    ];
    let account = &deployed.plain;
    rows.iter()
        .flat_map(|(metric, dimension, most)| {
            rings_above(metric.1, alarm(account, *metric, *dimension), *most)
        })
        .flatten()
        .collect()
}

/// Neither is ever to happen.
pub(super) fn a_lost_run_and_a_second_task_ring(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    let second = alarm(account, ("longshore", "SecondTasks"), ("Namespace", "shore"));
    let mut complaints = rings_above("Lost", alarm_of_verdict(account, "Lost"), 0);
    complaints.extend(rings_above("SecondTasks", second, 0));
    complaints.into_iter().flatten().collect()
}

/// A start that was denied is told nowhere else.
pub(super) fn failed_runs_ring_as_often_as_is_wanted(deployed: &Deployed) -> Vec<String> {
    let mut complaints = Vec::new();
    for (given, least) in [(None, 1), (Some("20"), 20)] {
        let parameters: Vec<_> =
            given.map(|given| ("FailedRunsAlarm", given)).into_iter().collect();
        let account = deployed.files.deploy(&parameters);
        let alarm = alarm_of_verdict(&account, "Failed");
        let operator = json!("GreaterThanOrEqualToThreshold");
        complaints.extend([
            same("operator", &alarm["ComparisonOperator"], &operator),
            same("threshold", number(&alarm["Threshold"]), least),
            same("statistic", &alarm["Statistic"], &json!("Sum")),
            same("missing", &alarm["TreatMissingData"], &json!("notBreaching")),
            // As the parameter says.
            same("period", number(&alarm["Period"]), 300),
        ]);
    }
    let silent = deployed.files.deploy(&[("FailedRunsAlarm", "0")]);
    complaints.push(same("none", alarm_of_verdict(&silent, "Failed"), &Value::Null));
    complaints.into_iter().flatten().collect()
}

pub(super) fn every_function_s_errors_ring(deployed: &Deployed) -> Vec<String> {
    let account = &deployed.plain;
    // A single sweep may fail: the next one does its work.
    [("shore-dispatch", 0), ("shore-record", 0), ("shore-sweep", 2)]
        .iter()
        .flat_map(|(function, most)| {
            let dimension = ("FunctionName", *function);
            rings_above(function, alarm(account, ("AWS/Lambda", "Errors"), dimension), *most)
        })
        .flatten()
        .collect()
}

pub(super) fn alarms_go_to_the_topic(deployed: &Deployed) -> Vec<String> {
    let mut complaints = Vec::new();
    for (id, alarm) in deployed.keyed.all("AWS::CloudWatch::Alarm") {
        complaints.push(same(id, &alarm["AlarmActions"], &json!([TOPIC])));
        complaints.push(same(id, &alarm["OKActions"], &json!([TOPIC])));
        let told = alarm["AlarmDescription"].as_str().unwrap_or_default();
        complaints.push(must(format!("{id} does not say what it means"), told.len() > 20));
    }
    for (id, alarm) in deployed.plain.all("AWS::CloudWatch::Alarm") {
        complaints.push(same(id, &alarm["AlarmActions"], &Value::Null));
    }
    complaints.into_iter().flatten().collect()
}

pub(super) fn the_dashboard_shows_every_metric(deployed: &Deployed) -> Vec<String> {
    let body = deployed.plain.properties("Dashboard")["DashboardBody"].as_str();
    let widgets: Value = match serde_json::from_str(body.unwrap_or_default()) {
        Ok(widgets) => widgets,
        Err(error) => return vec![format!("the dashboard is no JSON: {error}")],
    };
    let shown = widgets["widgets"].to_string();
    METRICS
        .iter()
        .filter_map(|metric| must(format!("{metric} is not shown"), shown.contains(metric)))
        .collect()
}

/// In a SEARCH, `Namespace=` is CloudWatch's own namespace, and a bare name may be anything's.
pub(super) fn the_dashboard_shows_this_installation_alone(deployed: &Deployed) -> Vec<String> {
    let body = deployed.plain.properties("Dashboard")["DashboardBody"].as_str();
    let widgets: Value = serde_json::from_str(body.unwrap_or_default()).unwrap_or_default();
    let lines: Vec<&Value> = list(&widgets["widgets"])
        .iter()
        .flat_map(|widget| list(&widget["properties"]["metrics"]))
        .collect();
    let ours = |line: &Value| match line[0]["expression"].as_str() {
        Some(query) => query.contains("WHERE \"Namespace\" = 'shore'"),
        None if line[0] == "longshore" => line[2] == "Namespace" && line[3] == "shore",
        None => line[3].as_str().is_some_and(|name| name.starts_with("shore-")),
    };
    let foreign = lines.iter().filter(|line| !ours(line));
    let mut complaints: Vec<_> = foreign.map(|line| format!("anybody's: {line}")).collect();
    complaints.extend(must("nothing is shown", lines.len() > 10));
    complaints
}
