//! What jobs.yaml must not say, by what `check` answers: never a panic, always a line and a remedy.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use crate::program::{Done, Project, task};

/// What `check` finds: each problem must have a line and a remedy.
fn check(jobs: impl AsRef<[u8]>) -> (Done, Vec<String>) {
    let project = Project::new("");
    project.write("jobs.yaml", jobs);
    let done = project.run(&["check", "-o", "json"]);
    let problems = done.json()["problems"].as_array().cloned().unwrap_or_default();
    let line = |problem: &Value| {
        assert!(problem["remedy"].as_str().is_some_and(|text| !text.is_empty()), "{problem:#}");
        let (severity, line) = (problem["severity"].as_str(), &problem["line"]);
        let (path, message) = (problem["path"].as_str(), problem["message"].as_str());
        format!("{} {line} {}: {}", severity.unwrap(), path.unwrap(), message.unwrap())
    };
    let problems = problems.iter().map(line).collect();
    (done, problems)
}

/// A job with these settings has one error that says so, and the exit code is 1.
#[track_caller]
fn check_refused(settings: &[&str], expected: &str) {
    let (done, problems) = check(task(settings));
    assert_eq!(done.code, Some(1), "{settings:?}: {done:#?}");
    let errors: Vec<_> = problems.iter().filter(|line| line.starts_with("error ")).collect();
    let found = errors.iter().any(|line| line.contains(expected) && !line.contains(" null "));
    assert!(found, "{settings:?}: no `{expected}` in {problems:#?}");
}

/// The same of a job that is right but for this setting.
#[track_caller]
fn check_setting(setting: &str, expected: &str) {
    check_refused(&["task.image: alpine", "task.command: [a]", setting], expected);
}

#[test]
fn a_variable_that_decides_what_runs_or_is_no_variable_is_refused() {
    let names = ["LD_PRELOAD", "PATH", "BASH_ENV", "NODE_OPTIONS", "ECS_AGENT_URI", "AWS_PROFILE"];
    for name in names.into_iter().chain(["LD_LIBRARY_PATH", "LONGSHORE_RUN_ID"]) {
        check_setting(&format!("task.environment: {{ {name}: x }}"), "may not be set by a job");
    }
    for name in ["A=B", "", "1A", "A B", "ä", "A\\0"] {
        check_setting(
            &format!("task.environment: {{ \"{name}\": x }}"),
            "is no name of an environment",
        );
    }
    check_setting("task.environment: { A: \"x\\0y\" }", "holds the character NUL");
}

#[test]
fn variables_that_together_outgrow_the_overrides_are_refused() {
    let many: Vec<String> = (0..400).map(|n| format!("A{n}: '{{{{ job }}}}'")).collect();
    check_setting(&format!("task.environment: {{ {} }}", many.join(", ")), "at most 8192");
}

#[test]
fn an_argument_that_no_program_can_be_given_is_refused() {
    let nothing = "parameters: { p: { default: '' } }";
    for (command, expected) in [
        ("[]", "has no program"),
        ("['', a]", "has no program"),
        ("[a, \"b\\0\"]", "holds the character NUL"),
        ("['{{ parameters.p }}']", "comes out empty"),
    ] {
        let command = format!("task.command: {command}");
        check_refused(&[nothing, "task.image: alpine", &command], expected);
    }
}

#[test]
fn a_pattern_that_would_explode_is_refused_or_matches_in_no_time() {
    check_setting("parameters: { p: { pattern: '((a{1000}){1000}){1000}' } }", "size limit");
    check_setting("parameters: { p: { pattern: '(' } }", "is no regular expression");
    let slow_elsewhere =
        format!("parameters: {{ p: {{ pattern: '(a+)+', default: {}! }} }}", "a".repeat(1000));
    check_setting(&slow_elsewhere, "must match `(a+)+`");
}

#[test]
fn a_limit_out_of_its_range_is_told_with_the_range() {
    for (setting, expected) in [
        ("timeout: 0s", "must be from 1s to 14d"),
        ("timeout: -1s", "is no duration"),
        ("timeout: -1", "is no duration"),
        ("timeout: 400d", "must be from 1s to 14d"),
        ("timeout: 30m1h", "is no duration"),
        ("timeout: 10", "`10` has no unit"),
        ("timeout: 99999999999999999999d", "is longer than a century"),
        ("startWithin: 0s", "must be from 1s to 14d"),
        ("retry: { attempts: -1 }", "-1"),
        ("retry: { attempts: 1000 }", "must be from 1 to 10"),
        ("retry: { backoff: { delay: 10m, max: 5m } }", "must be at least delay"),
        ("retry: { backoff: { factor: .nan } }", "factor"),
        ("retry: { backoff: { factor: .inf } }", "factor"),
        ("launches: { max: 21 }", "must be from 1 to 20"),
        ("concurrency: { limit: 501 }", "must be from 1 to 500"),
        ("concurrency: { limit: -5 }", "-5"),
        ("concurrency: { limit: 1.5 }", "1.5"),
    ] {
        check_setting(setting, expected);
    }
}

#[test]
fn a_schedule_nobody_could_keep_is_refused_or_warned_of() {
    for zone in ["Mars/X", "''", "../../etc/passwd", "europe paris"] {
        let trigger = format!("triggers: [{{ schedule: rate(1 hour), timeZone: {zone} }}]");
        check_setting(&trigger, "is no IANA time zone");
    }
    for (schedule, expected) in [
        ("rate(0 hours)", "rate"),
        ("rate(1 hours)", "hour"),
        ("cron(* * * * * *)", "cannot both be set"),
        ("every day", "schedule"),
    ] {
        check_setting(&format!("triggers: [{{ schedule: '{schedule}' }}]"), expected);
    }
    for (trigger, expected) in [
        ("schedule: cron(30 2 * * ? *), timeZone: Europe/Paris", "Europe/Paris skips"),
        ("schedule: cron(0 0 31 2 ? *)", "never fires again"),
    ] {
        let triggers = format!("triggers: [{{ {trigger} }}]");
        let (done, problems) = check(task(&["task.image: alpine", "task.command: [a]", &triggers]));
        assert_eq!(done.code, Some(0), "{done:#?}");
        let warned = |line: &String| line.starts_with("warning ") && line.contains(expected);
        assert!(problems.iter().any(warned), "{problems:#?}");
    }
}

#[test]
fn a_name_that_means_many_things_or_none_is_refused() {
    for cluster in ["'*'", "arn:aws:ecs:eu-west-1:123456789012:cluster/batch", "''", "a b"] {
        check_setting(&format!("cluster: {cluster}"), "is no cluster's name");
    }
    for family in ["'*'", "'report:*'", "report:latest", "arn:aws:ecs:eu-west-1:1:cluster/x", "''"]
    {
        let family = format!("task.taskDefinition: {family}");
        check_refused(&[&family, "task.container: app"], "is no task definition");
    }
    let family = ["task.taskDefinition: report", "task.container: app"];
    let (done, problems) = check(task(&family));
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(problems.iter().any(|line| line.contains("newest when a run starts")), "{problems:#?}");
}

#[test]
fn a_network_that_fargate_would_refuse_or_that_is_open_by_chance_is_refused() {
    const GROUP: &str = "securityGroups: [sg-0a1b2c3d4e5f60718]";
    let subnet = |n: usize| format!("subnet-{n:017x}");
    let seventeen: Vec<String> = (0..17).map(subnet).collect();
    for (network, expected) in [
        (format!("subnets: [], {GROUP}"), "names no subnets"),
        (format!("subnets: [{}], {GROUP}", seventeen.join(", ")), "ECS takes at most 16"),
        (format!("subnets: [{}]", subnet(1)), "names no security group"),
        (format!("subnets: [x], {GROUP}"), "`x` is no id"),
        (format!("subnets: [{}], {GROUP}, assignPublicIp: yes", subnet(1)), "assignPublicIp"),
        (format!("subnets: [{}], {GROUP}, assignPublicIp: ENABLED", subnet(1)), "assignPublicIp"),
    ] {
        check_setting(&format!("network: {{ {network} }}"), expected);
    }
}

#[test]
fn a_document_that_would_grow_without_bounds_is_refused_and_told_of_briefly() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        let before = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb += &format!("a{n}: &a{n} [{before}]\n");
    }
    let deep = format!("jobs: {}{}", "[".repeat(1_000), "]".repeat(1_000));
    let indented: String = (0..1_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let long = format!("jobs: {{}} # {}", "x".repeat(10 * 1024 * 1024));
    for (source, expected) in [
        (bomb.as_str(), "aliases are not supported"),
        (&deep, "nested too deep"),
        (&indented, "nested too deep"),
        (&long, "keep it to 1048576 bytes"),
        ("jobs:\n\twork: {}\n", "tab"),
    ] {
        let project = Project::new(source);
        let done = project.run(&["check"]);
        assert_eq!(done.code, Some(1), "{done:#?}");
        assert!(done.stderr.contains(expected), "{expected}: {:.3000}", done.stderr);
        assert!(done.stderr.len() < 100_000, "{expected}: {} bytes", done.stderr.len());
    }
}

#[test]
fn jobs_of_one_name_or_of_none_are_refused() {
    const JOB: &str = "{ task: { image: alpine, command: [a] } }";
    for (jobs, expected) in [
        ("jobs: {}\n".to_owned(), "error 1 jobs: has no job"),
        (format!("jobs:\n  a: {JOB}\n  a: {JOB}\n"), "error 3 jobs.a: is given twice"),
        (format!("jobs:\n  a: {JOB}\n  A: {JOB}\n"), "`A` is no job name"),
        (format!("jobs:\n  a: {JOB}\njobs:\n  b: {JOB}\n"), "error 3 jobs: is given twice"),
        (format!("jobs:\n  <<: {{}}\n  a: {JOB}\n"), "is a merge key"),
        (format!("jobs:\n  a: !!python/object:os.system {JOB}\n"), "has the tag"),
        (format!("jobs:\n  a: {JOB}\nretires: 1\n"), "unknown key `retires`"),
    ] {
        let (done, problems) = check(&jobs);
        assert_eq!(done.code, Some(1), "{done:#?}");
        assert!(problems.iter().any(|line| line.contains(expected)), "{jobs}: {problems:#?}");
    }
}

#[test]
fn what_is_no_file_of_text_is_told_as_such_and_never_waited_for() {
    let good = task(&["task.image: alpine", "task.command: [a]"]);
    let project = Project::new(&good);
    fs::create_dir(project.path("folder")).unwrap();
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().unwrap();
    assert!(made.success());
    symlink("jobs.yaml", project.path("link")).unwrap();
    symlink("nowhere", project.path("dangling")).unwrap();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    project.write("utf16", utf16);
    project.write("latin", b"jobs: \xe9\n");
    project.write("empty", "");
    project.write("crlf", good.replace('\n', "\r\n"));
    project.write("marked", format!("\u{feff}{good}"));
    for (file, code, said) in [
        ("folder", 3, "folder is no file"),
        ("pipe", 3, "pipe is no file"),
        ("/dev/null", 3, "/dev/null is no file"),
        ("dangling", 3, "there is no dangling"),
        ("missing", 3, "there is no missing"),
        ("utf16", 1, "the file is UTF-16"),
        ("latin", 1, "not UTF-8"),
        ("empty", 1, "the file is empty"),
        ("link", 0, ""),
        ("crlf", 0, ""),
        ("marked", 0, ""),
    ] {
        let done = project.run(&["check", "--jobs", file]);
        assert_eq!(done.code, Some(code), "{file}: {done:#?}");
        assert!(done.stderr.contains(said), "{file}: {done:#?}");
    }
}
