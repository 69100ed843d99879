//! Holds template.yaml and triggers.yaml: a row for each property that must not be lost, and for
//! each row a weakening that it must notice.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use serde_json::Value;

mod account;
mod calls;
mod deploying;
mod document;
mod events;
mod functions;
mod mutations;
mod parameters;
mod pattern;
mod queues;
mod render;
mod roles;
mod watching;
mod workflows;

use account::{Account, Files, KEY, TOPIC};
pub(crate) use document::read;

/// What the templates come to: as they are by default, and with a key and a topic.
struct Deployed {
    files: Files,
    plain: Account,
    keyed: Account,
}

/// A property that must hold: what is wrong with it, if anything.
type Row = fn(&Deployed) -> Vec<String>;

impl Deployed {
    fn new(files: Files) -> Self {
        let plain = files.deploy(&[]);
        let keyed = files.deploy(&[("KmsKeyArn", KEY), ("AlarmTopicArn", TOPIC)]);
        Self { files, plain, keyed }
    }
}

fn files() -> Files {
    Files { template: document::read("template.yaml"), triggers: document::read("triggers.yaml") }
}

/// Notes each difference between what is there and what must be.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Option<String> {
    (found != expected).then(|| format!("{what}: is {found:?}, must be {expected:?}"))
}

/// A complaint, unless `holds`.
fn must(what: impl Into<String>, holds: bool) -> Option<String> {
    (!holds).then(|| what.into())
}

/// A number, also when it came as a parameter's text.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// Makes a test of each row, and a list of them for the weakenings.
macro_rules! rows {
    ($($module:ident :: $row:ident,)*) => {
        const ROWS: &[(&str, Row)] = &[$((stringify!($row), $module::$row),)*];
        $(
            #[test]
            fn $row() {
                assert_eq!($module::$row(&Deployed::new(files())), Vec::<String>::new());
            }
        )*
    };
}

rows! {
    queues::every_queue_is_encrypted,
    queues::every_queue_keeps_its_messages_for_two_weeks,
    queues::a_message_is_hidden_six_times_as_long_as_its_function_may_take,
    queues::messages_are_tried_ten_and_a_hundred_times,
    queues::dead_letter_queues_take_from_their_own_queue_only,
    queues::every_queue_refuses_connections_without_tls,
    queues::senders_are_named_by_arn_and_account,
    queues::every_rule_may_send_to_its_queue_and_its_dead_letter_queue,
    queues::everything_is_named_after_the_namespace,
    events::scheduler_roles_trust_this_installations_schedules_only,
    events::schedules_are_tried_for_a_day_and_then_kept,
    events::schedules_send_the_time_they_were_due,
    events::rules_are_tried_for_a_day_and_then_kept,
    events::the_states_rule_lets_our_tasks_through_and_nothing_else,
    events::object_rules_let_the_sample_through,
    events::sweep_is_called_every_minute,
    functions::batches_report_single_failures,
    functions::batches_have_ten_messages,
    functions::no_more_batches_at_a_time_than_are_reserved,
    functions::no_event_is_filtered_away,
    functions::functions_come_from_one_binary,
    functions::functions_have_memory_traces_and_json_logs,
    functions::functions_have_no_address_and_no_vpc,
    functions::functions_have_exactly_the_variables_they_read,
    functions::jobs_yaml_comes_as_a_layer,
    functions::logs_are_kept_for_a_limited_time,
    functions::one_sweep_at_a_time,
    functions::what_fails_without_a_queue_is_a_dead_letter,
    functions::the_table_is_billed_by_request,
    functions::the_table_outlives_mistakes,
    functions::the_table_forgets_what_is_old,
    functions::the_table_has_its_key_and_two_sparse_indexes,
    functions::a_key_of_ones_own_protects_everything,
    roles::each_role_is_allowed_what_its_function_calls_and_no_more,
    roles::no_role_is_allowed_a_whole_service,
    roles::every_resource_is_named_where_the_action_knows_one,
    roles::tasks_are_started_in_their_cluster_and_cannot_be_entered,
    roles::tasks_are_found_in_any_cluster_and_only_ours_are_stopped,
    roles::only_what_is_being_made_is_tagged,
    roles::exactly_the_roles_of_jobs_yaml_are_passed_and_to_ecs_only,
    roles::security_groups_are_made_in_the_jobs_vpc_only,
    roles::outcomes_come_from_longshore_only,
    roles::functions_are_run_by_lambda_only,
    watching::every_dead_letter_queue_and_the_reject_queue_have_an_alarm,
    watching::a_stopped_sweep_rings,
    watching::refused_launches_lost_states_and_old_events_ring,
    watching::a_lost_run_and_a_second_task_ring,
    watching::failed_runs_ring_as_often_as_is_wanted,
    watching::every_function_s_errors_ring,
    watching::alarms_go_to_the_topic,
    watching::the_dashboard_shows_every_metric,
    watching::the_dashboard_shows_this_installation_alone,
    parameters::parameters_say_what_they_take,
    parameters::no_log_level_drops_metrics,
    parameters::the_nested_stack_gets_every_parameter,
}
