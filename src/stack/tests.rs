//! What AWS would refuse is refused here first, with its place and a remedy.

use super::*;

fn problems(jobs: &str, namespace: &str) -> Vec<String> {
    let reading = crate::jobs::read(jobs.as_bytes(), jiff::Timestamp::UNIX_EPOCH);
    let Some(jobs) = reading.jobs else {
        return reading.problems.iter().map(ToString::to_string).collect();
    };
    let namespace = namespace.parse().unwrap_or_default();
    let rendering = render(&jobs, &namespace);
    let has_error = rendering.problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(rendering.text.is_none(), has_error);
    rendering.problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(jobs: &str, expected: &[&str]) {
    let found = problems(jobs, "longshore");
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}\nlacks\n{expected}");
    }
}

fn job(name: &str, triggers: &str) -> String {
    format!("  {name}: {{ triggers: [{triggers}], task: {{ image: alpine }} }}\n")
}

const HOURLY: &str = "{ schedule: rate(1 hour) }";

#[test]
fn a_name_that_aws_does_not_take_is_refused() {
    let long = "a".repeat(54);
    check(&format!("jobs:\n{}", job(&long, HOURLY)), &[]);
    let longer = "a".repeat(55);
    check(
        &format!("jobs:\n{}", job(&longer, HOURLY)),
        &["triggers[0].schedule: comes to the name `longshore-aaa"],
    );
    let named = "{ schedule: rate(1 hour), scheduleName: short }";
    check(&format!("jobs:\n{}", job(&longer, named)), &[]);
    let objects = "{ s3: { bucket: uploads } }";
    check(&format!("jobs:\n{}", job(&"a".repeat(51), objects)), &[]);
    check(
        &format!("jobs:\n{}", job(&"a".repeat(52), objects)),
        &["shorten the job's name or the namespace by 1"],
    );
    assert_eq!(problems(&format!("jobs:\n{}", job(&long, HOURLY)), "longshore2").len(), 1);
}

#[test]
fn two_things_of_one_name_are_refused() {
    let twice = format!("{HOURLY}, {HOURLY}");
    check(
        &format!("jobs:\n{}{}", job("report", &twice), job("report-2", HOURLY)),
        &[
            "jobs.report-2.triggers[0].schedule: comes to the name `longshore-report-2`, which is \
             jobs.report.triggers[1].schedule's",
            "comes to the name `Report2Schedule`",
        ][..1],
    );
    let shared = "{ schedule: rate(1 hour), scheduleName: shared }";
    check(
        &format!("jobs:\n{}{}", job("one", shared), job("two", shared)),
        &["jobs.two.triggers[0].scheduleName: comes to the name `shared`"],
    );
    check(
        &format!("jobs:\n{}{}", job("b-1", HOURLY), job("b1", HOURLY)),
        &["comes to the name `B1Schedule`, which is jobs.b-1.triggers[0]'s: rename one"],
    );
}

#[test]
fn what_eventbridge_finds_too_complex_is_refused() {
    let glob = |glob: &str| {
        format!("jobs:\n{}", job("a", &format!("{{ s3: {{ bucket: uploads, glob: '{glob}' }} }}")))
    };
    check(&glob("*a*b*c*d*"), &[]);
    check(&glob("*a?b*c*d?e*"), &["jobs.a.triggers[0].s3.glob: has 6 wildcards"]);
    check(&glob("?????*****?????x"), &[]);
    let long = "x".repeat(1_000);
    let ends = format!("{{ s3: {{ bucket: uploads, prefix: '{long}', suffix: '{long}' }} }}");
    check(
        &format!("jobs:\n{}", job("a", &ends)),
        &["jobs.a.triggers[0].s3: comes to an event pattern"],
    );
}

#[test]
fn more_than_one_stack_or_one_policy_holds_is_refused() {
    let jobs = |count: usize, job: &dyn Fn(usize) -> String| {
        let all: String = (0..count).map(job).collect();
        format!("jobs:\n{all}")
    };
    let same_task = |n: usize| {
        format!(
            "  j{n}: {{ triggers: [{HOURLY}], task: {{ taskDefinition: 'one:1', container: a, \
                 taskRoleArn: 'arn:aws:iam::123456789012:role/a', executionRoleArn: 'arn:aws:iam::123456789012:role/a' }} }}\n"
        )
    };
    check(&jobs(498, &same_task), &[]);
    check(&jobs(499, &same_task), &["jobs: need 501 schedules, rules and policies"]);
    let own_task = |n: usize| job(&format!("j{n}"), "");
    check(&jobs(20, &own_task), &[]);
    check(&jobs(60, &own_task), &["jobs: need a policy of"]);
}

#[test]
fn roles_that_a_task_definition_may_have_are_asked_for() {
    let task = |roles: &str| {
        format!("jobs:\n  a: {{ task: {{ taskDefinition: 'one:1', container: a{roles} }} }}\n")
    };
    check(&task(""), &["jobs.a.task: does not name both roles of its task definition"]);
    check(
        &task(
            ", taskRoleArn: 'arn:aws:iam::123456789012:role/a', executionRoleArn: 'arn:aws:iam::123456789012:role/b'",
        ),
        &[],
    );
}

#[test]
fn only_jobs_that_say_so_have_tasks_that_can_be_entered() {
    let task = "task: { taskDefinition: 'one:1', container: a }";
    let source = format!(
        "jobs:\n  closed: {{ {task} }}\n  open: {{ {task}, cluster: other, enableExecuteCommand: true }}\n"
    );
    let reading = crate::jobs::read(source.as_bytes(), jiff::Timestamp::UNIX_EPOCH);
    let text = render(&reading.jobs.unwrap_or_default(), &Namespace::default()).text;
    let text = text.unwrap_or_default();
    let statement = |sid: &str| {
        let before = text.split(&format!("Sid: {sid}\n")).next().unwrap_or_default();
        before.rsplit("- Action: ecs:RunTask\n").next().unwrap_or_default().to_owned()
    };
    assert!(statement("RunTask1").contains("cluster/default"), "{text}");
    assert!(statement("RunTask1").contains("ecs:enable-execute-command"), "{text}");
    assert!(statement("RunTask2").contains("cluster/other"), "{text}");
    assert!(!statement("RunTask2").contains("ecs:enable-execute-command"), "{text}");
    for pinned in ["RunTask1", "RunTask2"] {
        assert!(statement(pinned).contains("task-definition/one:1\n"), "{text}");
    }
}
