//! jobs.yaml as a whole: what is read, what is wrong, who wants what, and what RunTask gets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::event::{Event, Manual, Object, Schedule, Values};
use crate::identity::{ClientToken, Namespace, RunId};

const SAMPLE: &[u8] = include_bytes!("../../jobs.yaml");

fn now() -> Timestamp {
    "2026-11-24T03:00:00Z".parse().unwrap()
}

fn jobs(source: &str) -> Jobs {
    let reading = read(source.as_bytes(), now());
    let problems: Vec<String> = reading.problems.iter().map(ToString::to_string).collect();
    reading.jobs.unwrap_or_else(|| panic!("{}", problems.join("\n")))
}

/// The errors, one line each, with line and column.
fn errors(source: &str) -> Vec<String> {
    read(source.as_bytes(), now())
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| {
            let record = problem.record(source);
            let (line, column) = (record.line.unwrap_or(0), record.column.unwrap_or(0));
            format!("{line}:{column} {problem}")
        })
        .collect()
}

fn job_named(jobs: &Jobs, name: &str) -> Job {
    jobs.get(name).cloned().unwrap()
}

fn one(task: &str) -> String {
    format!("jobs:\n  j:\n    task: {task}\n")
}

#[test]
fn the_sample_has_no_problem_at_all() {
    let reading = read(SAMPLE, now());
    assert_eq!(reading.problems, []);
    assert_eq!(reading.jobs.unwrap().iter().count(), 2);
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    let committed: serde_json::Value =
        serde_json::from_str(include_str!("../../jobs.schema.json")).unwrap();
    assert_eq!(committed, schema(), "run `make schema`");
}

#[test]
fn a_job_takes_from_the_defaults_what_it_does_not_say() {
    let jobs = jobs(
        "defaults:
  cluster: batch
  timeout: 1h
  executionRoleArn: arn:aws:iam::123456789012:role/exec
  retry: { attempts: 3 }
  capacity: [FARGATE_SPOT, FARGATE]
jobs:
  takes: { task: { image: alpine } }
  says:
    cluster: own
    timeout: 5m
    retry: { backoff: { delay: 1s } }
    task: { image: alpine, executionRoleArn: 'arn:aws:iam::123456789012:role/own' }
",
    );
    let (takes, says) = (job_named(&jobs, "takes"), job_named(&jobs, "says"));
    assert_eq!(takes.cluster, "batch");
    assert_eq!(takes.policy.timeout, Some(Period::from_secs(3600)));
    assert_eq!(takes.policy.retry.attempts, 3);
    assert!(takes.task.entry.execution_role_arn.unwrap().ends_with("role/exec"));
    assert_eq!(says.cluster, "own");
    assert_eq!(says.policy.timeout, Some(Period::from_secs(300)));
    // The job's own `retry` replaces the default whole.
    assert_eq!(says.policy.retry.attempts, 1);
    assert!(says.task.entry.execution_role_arn.unwrap().ends_with("role/own"));
    assert_eq!(says.capacity, takes.capacity);
}

#[test]
fn every_problem_is_told_in_one_pass_with_its_place_and_remedy() {
    let source = "jobs:
  report:
    retires: { attempts: 3 }
    timeout: 10
    triggers:
      - schedule: cron(0 3 * * * *)
        timeZone: Mars/X
      - s3: { bucket: Up, prefix: in/ }
    task:
      image: alpine
      cpu: 256
      memory: 3072
      command: [sh, -c, 'cat {{ key }}']
      environment: { DB_PASSWORD: hunter2, 1A: x }
    concurrency: { limit: 0 }
    retry: { attempts: 0, backoff: { delay: 10m, max: 5m } }
  Report: { task: { image: alpine } }
";
    let expected = [
        "3:5 jobs.report: unknown key `retires`: did you mean `retry`?",
        "4:14 jobs.report.timeout: `10` has no unit",
        "6:19 jobs.report.triggers[0].schedule: ",
        "7:19 jobs.report.triggers[0].timeZone: `Mars/X` is no IANA time zone",
        "8:23 jobs.report.triggers[1].s3.bucket: `Up` is no bucket name",
        "12:15 jobs.report.task.memory: Fargate has no memory 3072 with cpu 256",
        "13:25 jobs.report.task.command[2]: puts `key` into a string",
        "13:25 jobs.report.task.command[2]: a schedule has no value for `key`",
        "14:35 jobs.report.task.environment.DB_PASSWORD: `DB_PASSWORD` looks like a secret",
        "14:48 jobs.report.task.environment.1A: `1A` is no name of an environment variable",
        "15:27 jobs.report.concurrency.limit: is 0, must be from 1 to 500",
        "16:24 jobs.report.retry.attempts: is 0, must be from 1 to 10",
        "16:55 jobs.report.retry.backoff.max: is 5m, must be at least delay (10m)",
        "17:3 jobs",
    ];
    let found = errors(source);
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nexpected {expected}");
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

#[test]
fn a_template_is_told_wrong_in_words_that_fit_every_event() {
    for (element, expected) in [
        (
            "{{ job | nope }}",
            "filter nope is unknown: use `date`, or one of https://docs.rs/minijinja/latest/minijinja/filters/",
        ),
        (
            "{{ job | date }}",
            "`date` takes a time like scheduledTime: write it like `{{ key | upper }}` or `{{ scheduledTime | date('%Y/%m', 'Europe/Paris') }}`",
        ),
        (
            "{{ job",
            "is no template: unexpected end of input, expected end of variable block: write it like `{{ key }}`, or `{{ '{{' }}` for two braces that are no placeholder",
        ),
        ("{{ job.name }}", "`job.name` is no value: did you mean `job`?"),
        (
            "{{ key }}",
            "`key` comes with S3 events, and no trigger of this job is one: use another value, or add such a trigger",
        ),
    ] {
        let source = one(&format!("{{ image: alpine, command: [\"{element}\"] }}"));
        let place = "3:38 jobs.j.task.command[0]: ";
        assert_eq!(errors(&source), [format!("{place}{expected}")]);
    }
}

#[test]
fn what_a_job_cannot_mean_is_refused_with_the_way_to_say_it() {
    for (source, expected) in [
        ("jobs: {}\n".to_owned(), "has no job"),
        ("defaults: {}\n".to_owned(), "jobs"),
        ("jobs:\n  j: {}\n".to_owned(), "task"),
        (one("{}"), "does not say what to run"),
        (one("{ image: a, taskDefinition: b, container: c }"), "stands beside `image`"),
        (one("{ taskDefinition: b }"), "does not name the main container"),
        (one("{ taskDefinition: b, container: c, entryPoint: [x] }"), "cannot be changed"),
        (one("{ image: 'A b' }"), "is no image reference"),
        (one("{ image: alpine, command: [] }"), "has no program"),
        (one("{ image: alpine, command: ['', x] }"), "has no program"),
        (one("{ image: alpine, entryPoint: ['{{ job }}'] }"), "the same for every run"),
        (one("{ image: alpine, entryPoint: [sh, -c], command: ['{{ job }}'] }"), "runs as code"),
        (one("{ image: alpine, command: [python3, -c, 'x {{ job }}'] }"), "runs as code"),
        (one("{ image: alpine, command: ['{{ nope }}'] }"), "`nope` is no value"),
        (one("{ image: alpine, command: ['{{ bukket }}'] }"), "did you mean `bucket`?"),
        (one("{ image: alpine, command: ['{{ job'] }"), "is no template"),
        (one("{ image: alpine, environment: { LD_PRELOAD: x } }"), "may not be set"),
        (one("{ image: alpine, environment: { AWS_SECRET_ACCESS_KEY: x } }"), "may not be set"),
        (one("{ image: alpine, secrets: { A: b } }"), "is no ARN of Secrets Manager"),
        (one("{ image: alpine, taskRoleArn: role/x }"), "is no role's ARN"),
        (one("{ image: alpine, stopTimeout: 3m }"), "must be from 2s to 2m"),
        (one("{ image: alpine, ephemeralStorage: 20 }"), "must be from 21 to 200"),
        (one("{ image: alpine, cpu: 300 }"), "Fargate has no cpu 300"),
        (one("{ image: alpine }\n    timeout: 400d"), "must be from 1s to 14d"),
        (one("{ image: alpine }\n    timeout: 0s"), "must be from 1s to 14d"),
        (one("{ image: alpine }\n    capacity: []"), "names no capacity provider"),
        (one("{ image: alpine }\n    capacity: [EC2]"), "FARGATE"),
        (one("{ image: alpine }\n    retry: { on: [{ exitCode: [0] }] }"), "which is success"),
        (one("{ image: alpine }\n    retry: { on: [spot] }"), "spotInterruption"),
        (one("{ image: alpine }\n    network: {}"), "names no subnets"),
        (
            one("{ image: alpine }\n    network: { subnets: [x], securityGroups: [sg-12345678] }"),
            "`x` is no id",
        ),
        (one("{ image: alpine }\n    triggers: [{}]"), "says nothing to start on"),
        (
            one(
                "{ image: alpine }\n    triggers: [{ schedule: rate(1 hour), s3: { bucket: abc } }]",
            ),
            "both a schedule and an S3",
        ),
        (
            one(
                "{ image: alpine }\n    triggers: [{ schedule: rate(1 hour), parameters: { a: b } }]",
            ),
            "unknown key `parameters`: a schedule starts with the defaults",
        ),
        (
            one(
                "{ image: alpine, command: ['{{ key }}'] }\n    triggers: [{ schedule: rate(1 hour) }]",
            ),
            "`key` comes with S3 events",
        ),
        (
            one(
                "{ image: alpine, command: ['{{ parameters.day }}'] }\n    parameters: { day: {} }\n    triggers: [{ schedule: rate(1 hour) }]",
            ),
            "has no value in triggered runs",
        ),
        (
            one("{ image: alpine }\n    parameters: { day: { pattern: '(' } }"),
            "is no regular expression",
        ),
        (
            one(&format!(
                "{{ taskDefinition: b, container: c, command: [x, '{}'] }}",
                "y".repeat(9000)
            )),
            "at most 8192",
        ),
    ] {
        let found = errors(&source);
        assert!(
            found.iter().any(|error| error.contains(expected)),
            "{source}: {found:?}, expected {expected}"
        );
    }
}

#[test]
fn one_mistake_is_told_once() {
    for (settings, expected) in [
        (
            "triggers: [{ s3: { bucket: uploads } }, { schedule: rate(1 hour) }]
    task: { image: alpine, command: [x, '{{ job | nope }}'] }",
            "filter nope is unknown",
        ),
        (
            "parameters: { day: { maxLength: 0, default: today } }
    task: { image: alpine }",
            "must be from 1 to 1024",
        ),
        ("capacity: [FARGATE_SPOTT]\n    task: { image: alpine }", "did you mean `FARGATE_SPOT`?"),
        (
            "retry: { attempts: -1 }\n    task: { image: alpine }",
            "write a whole number, not below 0",
        ),
        (
            "retry: { attempts: 99999999999 }\n    task: { image: alpine }",
            "write a smaller whole number",
        ),
        ("task:", "jobs.j.task: has no value"),
        ("", "jobs.j: has no value"),
    ] {
        let found = errors(&format!("jobs:\n  j:\n    {settings}\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().any(|error| error.contains(expected)), "{found:?}");
    }
}

#[test]
fn what_a_backoff_leaves_out_is_that_of_its_own_kind() {
    let jobs = jobs(
        "jobs:
  j:
    retry: { backoff: { delay: 5s } }
    launches: { backoff: { delay: 5s } }
    task: { image: alpine }
",
    );
    let policy = job_named(&jobs, "j").policy;
    let max =
        |backoff: Backoff| (backoff.delay.to_string(), backoff.factor, backoff.max.to_string());
    assert_eq!(max(policy.retry.backoff), ("5s".to_owned(), 2.0, "15m".to_owned()));
    assert_eq!(max(policy.launches.backoff), ("5s".to_owned(), 2.0, "1m".to_owned()));
}

#[test]
fn a_schedule_that_another_job_takes_is_warned_of() {
    let source = "jobs:
  a: { triggers: [{ scheduleName: b }, { scheduleName: a }, { scheduleName: c }], task: { image: alpine } }
  b: { task: { image: alpine } }
";
    let reading = read(source.as_bytes(), now());
    let warnings: Vec<String> = reading
        .problems
        .iter()
        .filter(|problem| problem.path.to_string().ends_with("scheduleName"))
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    let expected = "jobs.a.triggers[0].scheduleName: the job `b` is named after this schedule and \
                    gets its events";
    assert_eq!(warnings, [expected]);
    assert!(reading.jobs.is_some());
}

fn schedule(name: &str, job: Option<&str>) -> Event {
    Event::Schedule(Schedule {
        name: name.to_owned(),
        scheduled_time: now(),
        job: job.map(|job| job.parse().unwrap()),
    })
}

fn object(bucket: &str, key: &str) -> Event {
    Event::S3(Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        size: 5,
        etag: None,
        version_id: None,
        sequencer: Some("1".to_owned()),
        time: None,
    })
}

fn manual(job: &str, parameters: serde_json::Value) -> Event {
    Event::Manual(Manual {
        job: job.parse().unwrap(),
        parameters: parameters.as_object().cloned().unwrap(),
        key: "k".to_owned(),
    })
}

#[test]
fn an_event_goes_to_the_jobs_that_want_it() {
    let jobs = jobs(
        "jobs:
  hourly:
    triggers: [{ schedule: rate(1 hour) }, { schedule: cron(0 5 * * ? *) }]
    task: { image: alpine }
  hourly-2: { task: { image: alpine } }
  named: { triggers: [{ scheduleName: legacy }], task: { image: alpine } }
  thumbs: { triggers: [{ s3: { bucket: uploads, prefix: in/ } }], task: { image: alpine } }
  index: { triggers: [{ s3: { bucket: uploads, suffix: .png } }], task: { image: alpine } }
  asked:
    parameters: { day: { pattern: '[0-9]+' } }
    task: { image: alpine }
",
    );
    for (event, expected) in [
        (schedule("hourly", None), "hourly"),
        (schedule("longshore-hourly", None), "hourly"),
        (schedule("longshore-hourly-2", None), "hourly-2"),
        (schedule("legacy", None), "named"),
        (schedule("anything", Some("thumbs")), "thumbs"),
        (schedule("hourly", Some("gone")), "there is no job `gone`"),
        (
            schedule("longshore-hourli", None),
            "no job is named after the schedule `longshore-hourli`, and no trigger has `scheduleName: longshore-hourli`; did you mean `hourly`?",
        ),
        (object("uploads", "in/a.png"), "index thumbs"),
        (object("uploads", "in/a.txt"), "thumbs"),
        (object("uploads", "out/a.txt"), ""),
        (object("other", "in/a.png"), "no trigger names the bucket `other`"),
        (manual("asked", json!({"day": "3"})), "asked"),
        (manual("asked", json!({"day": "x"})), "job `asked`: parameter `day` must match `[0-9]+`"),
        (manual("asket", json!({})), "there is no job `asket`; did you mean `asked`?"),
    ] {
        let found = match jobs.wanting(&event, &Namespace::default()) {
            Ok(matches) => {
                let names: Vec<&str> =
                    matches.iter().map(|found| found.job.name.as_str()).collect();
                names.join(" ")
            }
            Err(unwanted) => unwanted.to_string(),
        };
        assert_eq!(found, expected, "{event:?}");
    }
}

fn request_of(source: &str, values: &Values) -> Result<TaskRequest, RequestError> {
    let job = jobs(source).iter().next().cloned().unwrap();
    let run = RunId::derive(&job.name, "s3", &["x"]);
    let namespace = Namespace::default();
    job.request(RunSpec { namespace: &namespace, run: &run, attempt: 2, values })
}

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_request_is_spelt_as_ecs_spells_it() {
    let source = "jobs:
  thumbs:
    triggers: [{ s3: { bucket: uploads } }]
    cluster: batch
    capacity: [FARGATE_SPOT, FARGATE]
    tags: { team: images }
    network:
      subnets: [subnet-12345678]
      securityGroups: [sg-12345678]
    task:
      taskDefinition: thumbnailer:7
      container: app
      memory: 1024
      cpu: 512
      command: [make, '{{ key }}']
      environment: { FIXED: '1', KEY: '{{ key }}' }
";
    let request = request_of(source, &values(&[("key", "a \"b\"")])).unwrap();
    let run = RunId::derive(&"thumbs".parse().unwrap(), "s3", &["x"]);
    let token = ClientToken::new(&Namespace::default(), &run, 2, 1);
    assert_eq!(
        request.to_run_task(&token),
        json!({
            "cluster": "batch",
            "taskDefinition": "thumbnailer:7",
            "count": 1,
            "startedBy": format!("longshore/{run}/2"),
            "clientToken": token.as_str(),
            "capacityProviderStrategy": [{ "capacityProvider": "FARGATE", "weight": 1, "base": 0 }],
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-12345678"],
                "securityGroups": ["sg-12345678"],
                "assignPublicIp": "DISABLED",
            }},
            "enableExecuteCommand": false,
            "propagateTags": "TASK_DEFINITION",
            "tags": [
                { "key": "longshore:job", "value": "thumbs" },
                { "key": "longshore:run", "value": run.as_str() },
                { "key": "team", "value": "images" },
            ],
            "overrides": {
                "cpu": "512",
                "memory": "1024",
                "containerOverrides": [{
                    "name": "app",
                    "command": ["make", "a \"b\""],
                    "environment": [
                        { "name": "FIXED", "value": "1" },
                        { "name": "KEY", "value": "a \"b\"" },
                        { "name": "LONGSHORE_ATTEMPT", "value": "2" },
                        { "name": "LONGSHORE_JOB", "value": "thumbs" },
                        { "name": "LONGSHORE_RUN_ID", "value": run.as_str() },
                    ],
                }],
            },
        })
    );
}

#[test]
fn a_task_definition_holds_what_every_run_shares_and_the_request_the_rest() {
    let source = "jobs:
  j:
    triggers: [{ s3: { bucket: uploads } }]
    logs: { group: /ecs/x }
    task:
      image: alpine
      executionRoleArn: arn:aws:iam::123456789012:role/exec
      command: [echo, fixed]
      environment: { FIXED: '1', KEY: '{{ key }}' }
";
    let request = request_of(source, &values(&[("key", "a")])).unwrap();
    assert_eq!(request.command, None);
    assert!(!request.environment.contains_key("FIXED"));
    let TaskSource::Inline(definition) = &request.source else { panic!("not inline") };
    let other = request_of(source, &values(&[("key", "b")])).unwrap();
    assert_eq!(other.source, request.source);
    let registered = definition.to_register();
    let container = &registered["containerDefinitions"][0];
    assert_eq!(container["memory"].to_string(), registered["memory"].as_str().unwrap());
    assert_eq!(container["command"], json!(["echo", "fixed"]));
    assert_eq!(container["environment"], json!([{ "name": "FIXED", "value": "1" }]));
    assert_eq!(container["logConfiguration"]["options"]["awslogs-group"], "/ecs/x");
}

#[test]
fn a_launch_is_refused_when_its_text_does_not_fit() {
    let one = |task: &str| one(task) + "    triggers: [{ s3: { bucket: uploads } }]\n";
    let dash = one("{ image: alpine, command: [cat, '{{ key }}'] }");
    let tail = one("{ image: alpine, command: [cat, 'in/{{ key }}'] }");
    let allowed = dash.clone() + "    allowLeadingDash: true\n";
    let name = one("{ image: alpine, environment: { K: '{{ key }}' } }");
    let long = "ü".repeat(9000);
    let lacking = one("{ image: alpine, command: [cat, '{{ versionId }}'] }");
    for (source, key, expected) in [
        (
            &lacking,
            "x",
            Some("command[1]: this event has no value for `versionId`; add `| default('')`"),
        ),
        (&dash, "-rf", Some("command[1]: the inserted text begins with `-`")),
        (&dash, "x-rf", None),
        (&tail, "-rf", None),
        (&allowed, "-rf", None),
        (&name, "-rf", None),
        (&name, long.as_str(), Some("ECS takes at most 8192")),
    ] {
        let found = request_of(source, &values(&[("key", key)])).err().map(|e| e.to_string());
        match (found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => {
                assert!(found.contains(expected), "{found}");
                assert!(!found.contains("-rf"), "the value is quoted: {found}");
            }
            (found, expected) => panic!("{source} {found:?} {expected:?}"),
        }
    }
}
