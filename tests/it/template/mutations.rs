//! Each row must notice when what it holds is weakened or taken away.

use serde_json::{Value, json};

use super::account::Files;
use super::{Deployed, ROWS, files};

/// Which file is changed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum In {
    Template,
    Triggers,
}
use In::{Template, Triggers};

/// A weakening: the row that must notice, the place as a JSON pointer, and what stands there then;
/// `null` takes it away.
type Weakening = (&'static str, In, &'static str, Value);

const EVENTS: &str = "/Resources/EventsQueue/Properties";

fn weakenings() -> Vec<Weakening> {
    let dispatch = "/Resources/DispatchPolicy/Properties/PolicyDocument/Statement";
    // The statements of triggers.yaml by their names, so that another order changes nothing here.
    let triggers = files().triggers;
    let at = |sid: &str, rest: &str| -> &'static str {
        let statements = triggers.pointer(dispatch).unwrap().as_array().unwrap();
        let index = statements.iter().position(|one| one["Sid"] == sid).unwrap();
        Box::leak(format!("{dispatch}/{index}{rest}").into_boxed_str())
    };
    let mut all = of_template();
    all.extend([
        (
            "schedules_are_tried_for_a_day_and_then_kept",
            Triggers,
            "/Resources/NightlyReportSchedule/Properties/Target/DeadLetterConfig",
            Value::Null,
        ),
        (
            "schedules_are_tried_for_a_day_and_then_kept",
            Triggers,
            "/Resources/NightlyReportSchedule/Properties/Target/RetryPolicy",
            Value::Null,
        ),
        (
            "schedules_are_tried_for_a_day_and_then_kept",
            Triggers,
            "/Resources/NightlyReportSchedule/Properties/FlexibleTimeWindow/Mode",
            json!("FLEXIBLE"),
        ),
        (
            "schedules_send_the_time_they_were_due",
            Triggers,
            "/Resources/NightlyReportSchedule/Properties/Target/Input",
            json!(
                "{\"job\":\"nightly-report\",\"scheduledTime\":\"<aws.scheduler.execution-id>\"}"
            ),
        ),
        (
            "schedules_send_the_time_they_were_due",
            Triggers,
            "/Resources/NightlyReportSchedule/Properties/ScheduleExpressionTimezone",
            Value::Null,
        ),
        (
            "scheduler_roles_trust_this_installations_schedules_only",
            Triggers,
            "/Resources/NightlyReportSchedule/Properties/GroupName",
            json!("default"),
        ),
        (
            "everything_is_named_after_the_namespace",
            Triggers,
            "/Resources/NightlyReportSchedule/Properties/Name",
            json!("nightly-report"),
        ),
        (
            "rules_are_tried_for_a_day_and_then_kept",
            Triggers,
            "/Resources/InspectUploadRule/Properties/Targets/0/DeadLetterConfig",
            Value::Null,
        ),
        (
            "rules_are_tried_for_a_day_and_then_kept",
            Triggers,
            "/Resources/InspectUploadRule/Properties/Targets/0/RetryPolicy/MaximumRetryAttempts",
            json!(3),
        ),
        (
            "rules_are_tried_for_a_day_and_then_kept",
            Triggers,
            "/Resources/InspectUploadRule/Properties/State",
            json!("DISABLED"),
        ),
        (
            "every_rule_may_send_to_its_queue_and_its_dead_letter_queue",
            Triggers,
            "/Resources/InspectUploadRule/Properties/Name",
            json!("inspect-upload"),
        ),
        (
            "object_rules_let_the_sample_through",
            Triggers,
            "/Resources/InspectUploadRule/Properties/EventPattern/detail/object/key",
            json!([{ "prefix": "Incoming/" }]),
        ),
        (
            "object_rules_let_the_sample_through",
            Triggers,
            "/Resources/InspectUploadRule/Properties/EventPattern/detail/bucket",
            Value::Null,
        ),
        (
            "object_rules_let_the_sample_through",
            Triggers,
            "/Resources/InspectUploadRule/Properties/EventPattern/source",
            Value::Null,
        ),
        (
            "object_rules_let_the_sample_through",
            Triggers,
            "/Resources/InspectUploadRule/Properties/EventPattern/detail-type",
            Value::Null,
        ),
        (
            "tasks_are_started_in_their_cluster_and_cannot_be_entered",
            Triggers,
            at("RunTask1", "/Condition/ArnEquals"),
            Value::Null,
        ),
        (
            "tasks_are_started_in_their_cluster_and_cannot_be_entered",
            Triggers,
            at("RunTask1", "/Condition/StringEqualsIfExists"),
            Value::Null,
        ),
        (
            "tasks_are_started_in_their_cluster_and_cannot_be_entered",
            Triggers,
            at("RunTask1", "/Resource"),
            json!("*"),
        ),
        (
            "every_resource_is_named_where_the_action_knows_one",
            Triggers,
            at("RunTask1", "/Resource"),
            json!("*"),
        ),
        (
            "tasks_are_found_in_any_cluster_and_only_ours_are_stopped",
            Triggers,
            at("FindTasks", "/Condition"),
            Value::Null,
        ),
        (
            "tasks_are_found_in_any_cluster_and_only_ours_are_stopped",
            Triggers,
            at("StopTasks", "/Condition"),
            Value::Null,
        ),
        (
            "tasks_are_found_in_any_cluster_and_only_ours_are_stopped",
            Triggers,
            "/Resources/SweepPolicy/Properties/PolicyDocument/Statement/0/Condition",
            json!({ "Null": { "aws:ResourceTag/longshore:job": "false" } }),
        ),
        (
            "tasks_are_found_in_any_cluster_and_only_ours_are_stopped",
            Triggers,
            "/Resources/SweepPolicy/Properties/PolicyDocument/Statement/1/Condition",
            Value::Null,
        ),
        ("only_what_is_being_made_is_tagged", Triggers, at("TagTasks", "/Condition"), Value::Null),
        (
            "only_what_is_being_made_is_tagged",
            Triggers,
            at("TagTaskDefinitions", "/Resource"),
            json!("*"),
        ),
        (
            "exactly_the_roles_of_jobs_yaml_are_passed_and_to_ecs_only",
            Triggers,
            at("PassRoles", "/Condition"),
            Value::Null,
        ),
        (
            "exactly_the_roles_of_jobs_yaml_are_passed_and_to_ecs_only",
            Triggers,
            at("PassRoles", "/Resource"),
            json!("*"),
        ),
        (
            "exactly_the_roles_of_jobs_yaml_are_passed_and_to_ecs_only",
            Triggers,
            at("PassRoles", "/Resource/-"),
            json!("arn:aws:iam::123456789012:role/admin"),
        ),
        (
            "security_groups_are_made_in_the_jobs_vpc_only",
            Triggers,
            at("MakeSecurityGroups", "/Resource"),
            json!("*"),
        ),
        (
            "security_groups_are_made_in_the_jobs_vpc_only",
            Triggers,
            at("LimitSecurityGroups", "/Condition"),
            Value::Null,
        ),
        (
            "security_groups_are_made_in_the_jobs_vpc_only",
            Triggers,
            at("TagSecurityGroups", "/Condition"),
            Value::Null,
        ),
        (
            "security_groups_are_made_in_the_jobs_vpc_only",
            Triggers,
            at("MarkSecurityGroups", ""),
            Value::Null,
        ),
        (
            "security_groups_are_made_in_the_jobs_vpc_only",
            Triggers,
            at("MarkSecurityGroups", "/Condition/ArnEquals"),
            Value::Null,
        ),
        (
            "security_groups_are_made_in_the_jobs_vpc_only",
            Triggers,
            at("MarkSecurityGroups", "/Condition/StringEquals"),
            Value::Null,
        ),
        (
            "security_groups_are_made_in_the_jobs_vpc_only",
            Triggers,
            at("MarkSecurityGroups", "/Condition/ForAllValues:StringEquals"),
            Value::Null,
        ),
        (
            "no_role_is_allowed_a_whole_service",
            Triggers,
            at("StopTasks", "/Action"),
            json!("ecs:*"),
        ),
        (
            "no_role_is_allowed_a_whole_service",
            Triggers,
            at("StopTasks", "/Action"),
            json!("ecs:ExecuteCommand"),
        ),
        (
            "each_role_is_allowed_what_its_function_calls_and_no_more",
            Triggers,
            at("StopTasks", "/Action"),
            json!("ecs:UpdateService"),
        ),
        (
            "each_role_is_allowed_what_its_function_calls_and_no_more",
            Triggers,
            at("ReadTaskDefinitions", ""),
            Value::Null,
        ),
        (
            "the_nested_stack_gets_every_parameter",
            Triggers,
            "/Parameters/Another",
            json!({ "Type": "String" }),
        ),
    ]);
    all
}

#[rustfmt::skip]
fn of_template() -> Vec<Weakening> {
    let record = "/Resources/RecordRole/Properties/Policies/0/PolicyDocument/Statement";
    let at = |rest: &str| -> &'static str { Box::leak(format!("{record}{rest}").into_boxed_str()) };
    let events = |rest: &str| -> &'static str { Box::leak(format!("{EVENTS}{rest}").into_boxed_str()) };
    vec![
        ("every_queue_is_encrypted", Template, events("/SqsManagedSseEnabled"), Value::Null),
        ("every_queue_is_encrypted", Template, "/Resources/RejectQueue/Properties/KmsMasterKeyId", Value::Null),
        ("every_queue_keeps_its_messages_for_two_weeks", Template, "/Resources/StatesDeadQueue/Properties/MessageRetentionPeriod", json!(345_600)),
        ("a_message_is_hidden_six_times_as_long_as_its_function_may_take", Template, events("/VisibilityTimeout"), json!(90)),
        ("a_message_is_hidden_six_times_as_long_as_its_function_may_take", Template, "/Globals/Function/Timeout", json!(120)),
        ("messages_are_tried_ten_and_a_hundred_times", Template, events("/RedrivePolicy/maxReceiveCount"), json!(1)),
        ("messages_are_tried_ten_and_a_hundred_times", Template, "/Resources/StatesQueue/Properties/RedrivePolicy/maxReceiveCount", json!(5)),
        ("messages_are_tried_ten_and_a_hundred_times", Template, events("/RedrivePolicy"), Value::Null),
        ("dead_letter_queues_take_from_their_own_queue_only", Template, "/Resources/EventsDeadQueue/Properties/RedriveAllowPolicy/redrivePermission", json!("allowAll")),
        ("dead_letter_queues_take_from_their_own_queue_only", Template, "/Resources/StatesDeadQueue/Properties/RedriveAllowPolicy", Value::Null),
        ("every_queue_refuses_connections_without_tls", Template, "/Resources/RejectQueuePolicy", Value::Null),
        ("every_queue_refuses_connections_without_tls", Template, "/Resources/EventsQueuePolicy/Properties/PolicyDocument/Statement/1", Value::Null),
        ("every_queue_refuses_connections_without_tls", Template, "/Resources/StatesDeadQueuePolicy/Properties/PolicyDocument/Statement/1/Effect", json!("Allow")),
        ("senders_are_named_by_arn_and_account", Template, "/Resources/EventsQueuePolicy/Properties/PolicyDocument/Statement/0/Condition/StringEquals", Value::Null),
        ("senders_are_named_by_arn_and_account", Template, "/Resources/EventsQueuePolicy/Properties/PolicyDocument/Statement/0/Condition/ArnLike", Value::Null),
        ("senders_are_named_by_arn_and_account", Template, "/Resources/EventsDeadQueuePolicy/Properties/PolicyDocument/Statement/0/Condition/ArnLike/aws:SourceArn", json!("arn:aws:events:*:*:rule/*")),
        ("senders_are_named_by_arn_and_account", Template, "/Resources/StatesQueuePolicy/Properties/PolicyDocument/Statement/0/Principal", json!("*")),
        ("senders_are_named_by_arn_and_account", Template, "/Resources/StatesQueuePolicy/Properties/PolicyDocument/Statement/0/Action", json!("sqs:*")),
        ("every_rule_may_send_to_its_queue_and_its_dead_letter_queue", Template, "/Resources/StatesDeadQueuePolicy/Properties/PolicyDocument/Statement/0", Value::Null),
        ("everything_is_named_after_the_namespace", Template, "/Resources/RunsTable/Properties/TableName", Value::Null),
        ("scheduler_roles_trust_this_installations_schedules_only", Template, "/Resources/SchedulerRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition/StringEquals", Value::Null),
        ("scheduler_roles_trust_this_installations_schedules_only", Template, "/Resources/SweepScheduleRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition/ArnEquals", Value::Null),
        ("scheduler_roles_trust_this_installations_schedules_only", Template, "/Resources/SchedulerRole/Properties/Policies/0/PolicyDocument/Statement/0/Action", json!("sqs:*")),
        ("rules_are_tried_for_a_day_and_then_kept", Template, "/Resources/StatesRule/Properties/Targets/0/DeadLetterConfig", Value::Null),
        ("rules_are_tried_for_a_day_and_then_kept", Template, "/Resources/StatesRule/Properties/Targets/0/RetryPolicy/MaximumEventAgeInSeconds", json!(60)),
        ("the_states_rule_lets_our_tasks_through_and_nothing_else", Template, "/Resources/StatesRule/Properties/EventPattern/detail/startedBy", Value::Null),
        ("the_states_rule_lets_our_tasks_through_and_nothing_else", Template, "/Resources/StatesRule/Properties/EventPattern/detail/lastStatus", Value::Null),
        ("the_states_rule_lets_our_tasks_through_and_nothing_else", Template, "/Resources/StatesRule/Properties/EventPattern/detail/lastStatus", json!(["STOPPED"])),
        ("the_states_rule_lets_our_tasks_through_and_nothing_else", Template, "/Resources/StatesRule/Properties/EventPattern/source", Value::Null),
        ("the_states_rule_lets_our_tasks_through_and_nothing_else", Template, "/Resources/StatesRule/Properties/EventPattern/detail/startedBy/0/prefix", json!("shore")),
        ("sweep_is_called_every_minute", Template, "/Resources/SweepSchedule/Properties/State", json!("DISABLED")),
        ("sweep_is_called_every_minute", Template, "/Resources/SweepSchedule/Properties/ScheduleExpression", json!("rate(1 hour)")),
        ("batches_report_single_failures", Template, "/Resources/DispatchFunction/Properties/Events/Events/Properties/FunctionResponseTypes", Value::Null),
        ("batches_have_ten_messages", Template, "/Resources/RecordFunction/Properties/Events/States/Properties/BatchSize", json!(1000)),
        ("no_more_batches_at_a_time_than_are_reserved", Template, "/Resources/DispatchFunction/Properties/Events/Events/Properties/ScalingConfig", Value::Null),
        ("no_more_batches_at_a_time_than_are_reserved", Template, "/Resources/RecordFunction/Properties/ReservedConcurrentExecutions", json!(5)),
        ("no_event_is_filtered_away", Template, "/Resources/DispatchFunction/Properties/Events/Events/Properties/FilterCriteria", json!({ "Filters": [] })),
        ("functions_come_from_one_binary", Template, "/Globals/Function/Runtime", json!("provided.al2")),
        ("functions_come_from_one_binary", Template, "/Globals/Function/Architectures", Value::Null),
        ("functions_come_from_one_binary", Template, "/Resources/SweepFunction/Metadata", Value::Null),
        ("functions_come_from_one_binary", Template, "/Resources/SweepFunction/Properties/Handler", json!("bootstrap")),
        ("functions_have_memory_traces_and_json_logs", Template, "/Globals/Function/Tracing", Value::Null),
        ("functions_have_memory_traces_and_json_logs", Template, "/Globals/Function/MemorySize", Value::Null),
        ("functions_have_memory_traces_and_json_logs", Template, "/Resources/RecordFunction/Properties/LoggingConfig/LogFormat", json!("Text")),
        ("functions_have_no_address_and_no_vpc", Template, "/Resources/DispatchFunction/Properties/FunctionUrlConfig", json!({ "AuthType": "NONE" })),
        ("functions_have_exactly_the_variables_they_read", Template, "/Resources/RecordFunction/Properties/Environment/Variables/STATES_QUEUE_URL", json!("x")),
        ("functions_have_exactly_the_variables_they_read", Template, "/Resources/SweepFunction/Properties/Environment/Variables/TABLE_NAME", Value::Null),
        ("jobs_yaml_comes_as_a_layer", Template, "/Resources/SweepFunction/Properties/Layers", Value::Null),
        ("logs_are_kept_for_a_limited_time", Template, "/Resources/SweepLogs/Properties/RetentionInDays", Value::Null),
        ("logs_are_kept_for_a_limited_time", Template, "/Resources/RecordLogs/Properties/LogGroupName", json!("/aws/lambda/other")),
        ("one_sweep_at_a_time", Template, "/Resources/SweepFunction/Properties/ReservedConcurrentExecutions", Value::Null),
        ("one_sweep_at_a_time", Template, "/Resources/SweepFunction/Properties/EventInvokeConfig", Value::Null),
        ("what_fails_without_a_queue_is_a_dead_letter", Template, "/Resources/DispatchFunction/Properties/EventInvokeConfig", Value::Null),
        ("what_fails_without_a_queue_is_a_dead_letter", Template, "/Resources/RecordFunction/Properties/EventInvokeConfig/DestinationConfig/OnFailure", Value::Null),
        ("the_table_is_billed_by_request", Template, "/Resources/RunsTable/Properties/BillingMode", json!("PROVISIONED")),
        ("the_table_outlives_mistakes", Template, "/Resources/RunsTable/DeletionPolicy", Value::Null),
        ("the_table_outlives_mistakes", Template, "/Resources/RunsTable/UpdateReplacePolicy", Value::Null),
        ("the_table_outlives_mistakes", Template, "/Resources/RunsTable/Properties/DeletionProtectionEnabled", json!(false)),
        ("the_table_outlives_mistakes", Template, "/Resources/RunsTable/Properties/PointInTimeRecoverySpecification", Value::Null),
        ("the_table_outlives_mistakes", Template, "/Resources/RunsTable/Properties/SSESpecification", Value::Null),
        ("the_table_forgets_what_is_old", Template, "/Resources/RunsTable/Properties/TimeToLiveSpecification/Enabled", json!(false)),
        ("the_table_has_its_key_and_two_sparse_indexes", Template, "/Resources/RunsTable/Properties/GlobalSecondaryIndexes/0/Projection/ProjectionType", json!("ALL")),
        ("the_table_has_its_key_and_two_sparse_indexes", Template, "/Resources/RunsTable/Properties/GlobalSecondaryIndexes/1", Value::Null),
        ("a_key_of_ones_own_protects_everything", Template, "/Globals/Function/KmsKeyArn", Value::Null),
        ("a_key_of_ones_own_protects_everything", Template, "/Resources/SweepLogs/Properties/KmsKeyId", Value::Null),
        ("a_key_of_ones_own_protects_everything", Template, "/Resources/RunsTable/Properties/SSESpecification/KMSMasterKeyId", Value::Null),
        ("a_key_of_ones_own_protects_everything", Template, "/Resources/KeyPolicy", Value::Null),
        ("each_role_is_allowed_what_its_function_calls_and_no_more", Template, at("/1/Resource/-"), json!("arn:aws:sqs:eu-west-1:123456789012:other")),
        ("each_role_is_allowed_what_its_function_calls_and_no_more", Template, at("/2/Action/-"), json!("dynamodb:DescribeTable")),
        ("each_role_is_allowed_what_its_function_calls_and_no_more", Template, at("/2/Action/-"), json!("dynamodb:PutItem")),
        ("each_role_is_allowed_what_its_function_calls_and_no_more", Template, at("/3/Resource"), json!("*")),
        ("no_role_is_allowed_a_whole_service", Template, at("/2/Action/-"), json!("dynamodb:Scan")),
        ("no_role_is_allowed_a_whole_service", Template, at("/2/Action/-"), json!("dynamodb:DeleteItem")),
        ("no_role_is_allowed_a_whole_service", Template, "/Resources/SweepRole/Properties/ManagedPolicyArns", json!(["arn:aws:iam::aws:policy/AdministratorAccess"])),
        ("every_resource_is_named_where_the_action_knows_one", Template, at("/2/Resource"), json!("*")),
        ("outcomes_come_from_longshore_only", Template, at("/4/Condition"), Value::Null),
        ("outcomes_come_from_longshore_only", Template, at("/4/Resource"), json!("*")),
        ("functions_are_run_by_lambda_only", Template, "/Resources/SweepRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal", json!("*")),
        ("functions_are_run_by_lambda_only", Template, "/Resources/SweepFunction/Properties/Role", json!("arn:aws:iam::123456789012:role/DispatchRole")),
        ("every_dead_letter_queue_and_the_reject_queue_have_an_alarm", Template, "/Resources/StatesDeadAlarm", Value::Null),
        ("every_dead_letter_queue_and_the_reject_queue_have_an_alarm", Template, "/Resources/RejectAlarm/Properties/Threshold", json!(100)),
        ("a_stopped_sweep_rings", Template, "/Resources/SweepAlarm/Properties/TreatMissingData", json!("notBreaching")),
        ("a_stopped_sweep_rings", Template, "/Resources/SweepAlarm", Value::Null),
        ("refused_launches_lost_states_and_old_events_ring", Template, "/Resources/StatesRuleAlarm", Value::Null),
        ("refused_launches_lost_states_and_old_events_ring", Template, "/Resources/EventAgeAlarm", Value::Null),
        ("refused_launches_lost_states_and_old_events_ring", Template, "/Resources/LaunchesRefusedAlarm/Properties/MetricName", json!("LaunchRefused")),
        ("every_function_s_errors_ring", Template, "/Resources/RecordErrorsAlarm/Properties/Statistic", json!("Average")),
        ("every_function_s_errors_ring", Template, "/Resources/SweepErrorsAlarm", Value::Null),
        ("a_lost_run_and_a_second_task_ring", Template, "/Resources/RunsLostAlarm/Properties/Dimensions/1", Value::Null),
        ("a_lost_run_and_a_second_task_ring", Template, "/Resources/SecondTasksAlarm", Value::Null),
        ("failed_runs_ring_as_often_as_is_wanted", Template, "/Resources/RunsFailedAlarm/Properties/Threshold", json!(100)),
        ("failed_runs_ring_as_often_as_is_wanted", Template, "/Resources/RunsFailedAlarm/Condition", Value::Null),
        ("failed_runs_ring_as_often_as_is_wanted", Template, "/Parameters/FailedRunsAlarm/Default", json!(0)),
        ("alarms_go_to_the_topic", Template, "/Resources/SweepAlarm/Properties/AlarmActions", Value::Null),
        ("alarms_go_to_the_topic", Template, "/Resources/SweepAlarm/Properties/AlarmDescription", Value::Null),
        ("the_dashboard_shows_every_metric", Template, "/Resources/Dashboard/Properties/DashboardBody", json!("{\"widgets\": []}")),
        ("the_dashboard_shows_this_installation_alone", Template, "/Resources/Dashboard/Properties/DashboardBody/Fn::Sub", json!(searching())),
        ("parameters_say_what_they_take", Template, "/Parameters/Namespace/AllowedPattern", Value::Null),
        ("parameters_say_what_they_take", Template, "/Parameters/KmsKeyArn/Description", Value::Null),
        ("parameters_say_what_they_take", Template, "/Metadata", Value::Null),
        ("no_log_level_drops_metrics", Template, "/Parameters/LogLevel/AllowedValues/-", json!("WARN")),
        ("the_nested_stack_gets_every_parameter", Template, "/Resources/Triggers/Properties/Parameters/ScheduleGroup", Value::Null),
        ("the_nested_stack_gets_every_parameter", Template, "/Resources/Triggers/Properties/TemplateURL", json!("other.yaml")),
    ]
}

/// The dashboard with a search in it, where another installation's runs would be found too.
fn searching() -> String {
    let body = files().template["Resources"]["Dashboard"]["Properties"]["DashboardBody"].take();
    let ours = "WHERE \\\"Namespace\\\" = '${Namespace}' AND";
    body["Fn::Sub"].as_str().unwrap().replace(ours, "WHERE")
}

/// Puts a value at a place, or takes away what is there; `-` is behind the end of a list.
fn change(file: &mut Value, pointer: &str, value: &Value) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let parent = file.pointer_mut(parent);
    match (parent, value) {
        (Some(Value::Array(items)), value) if last == "-" => items.push(value.clone()),
        (Some(Value::Array(items)), Value::Null) => {
            items.remove(last.parse().unwrap());
        }
        (Some(Value::Object(entries)), Value::Null) => {
            assert!(entries.remove(last).is_some(), "{pointer} is not there to be taken away");
        }
        (Some(Value::Object(entries)), value) => {
            let before = entries.insert(last.to_owned(), value.clone());
            assert_ne!(before.as_ref(), Some(value), "{pointer} is so already");
        }
        (parent, _) => panic!("{pointer} leads to {parent:?}"),
    }
}

#[test]
fn every_weakening_is_noticed_by_its_row() {
    let whole = files();
    let weakenings = weakenings();
    let mut missed = Vec::new();
    for (row, place, pointer, value) in &weakenings {
        let mut files: Files = whole.clone();
        let file = if *place == Template { &mut files.template } else { &mut files.triggers };
        change(file, pointer, value);
        let check = ROWS.iter().find(|(name, _)| name == row).unwrap().1;
        if check(&Deployed::new(files)).is_empty() {
            missed.push(format!("{row} does not notice {pointer} becoming {value}"));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
    for (row, _) in ROWS {
        let tried = weakenings.iter().any(|(tried, ..)| tried == row);
        assert!(tried, "no weakening tries {row}");
    }
}
