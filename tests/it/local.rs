//! `longshore local` as people meet it: real processes, real signals, one ledger on disk.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::program::{Done, Project, Running, job, task, wait_for};

/// Goes on until the test says so.
pub(crate) const UNTIL_GATE: &str = "until [ -e gate ]; do sleep 0.02; done";
pub(crate) const LEDGER: &str = ".longshore/longshore.db";

fn local(project: &Project, event: &str) -> Done {
    project.run(&["local", "-o", "json", event])
}

/// Runs the job `work` once.
fn once(jobs: &str) -> (Project, Done) {
    let project = Project::new(jobs);
    let event = project.event("once");
    let done = local(&project, &event);
    (project, done)
}

#[track_caller]
pub(crate) fn check_end(done: &Done, exit: i32, verdict: &str, code: Option<i32>, reason: &str) {
    let run = done.only_run();
    let text = run["reason"].as_str().unwrap_or_default();
    assert_eq!((done.code, &run["verdict"]), (Some(exit), &json!(verdict)), "{done:#?}");
    assert_eq!(run["exitCode"], json!(code), "{done:#?}");
    assert!(text.contains(reason), "`{text}` should say `{reason}`");
}

fn attempts(run: &Value) -> &[Value] {
    run["attempts"].as_array().map_or(&[], Vec::as_slice)
}

fn verdicts(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["verdict"].as_str().unwrap_or("open")).collect()
}

#[test]
fn the_sample_event_succeeds_as_it_is() {
    let project = Project::sample();
    let done = project.run(&["local", "events/s3-object-created.json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.contains("Succeeded, exit code 0"), "{done:#?}");
    assert!(done.stderr.contains("object    s3://longshore-uploads/incoming/"), "{done:#?}");
    assert!(done.stderr.contains("bytes     312 of 312"), "{done:#?}");
}

#[test]
fn the_first_line_names_the_runtime_and_says_that_images_are_ignored() {
    let project = Project::new(&job("exit 0", &[]));
    let event = project.event("once");
    let text = project.run(&["local", &event]);
    let json = project.run(&["local", "-o", "json", &event]);
    for output in [text.stdout, json.stderr] {
        let first = output.lines().next().unwrap_or_default();
        assert!(first.contains("tasks run as processes"), "{output}");
        assert!(first.contains("images are ignored"), "{output}");
    }
}

#[test]
fn the_last_line_says_what_became_of_the_events() {
    let project = Project::new(&job("exit 0", &["startingDeadline: 1h"]));
    let old = json!({ "job": "work", "schedule": "work", "scheduledTime": "2020-01-01T00:00:00Z" });
    project.write("old.json", old.to_string());
    let now = project.event("now");
    for (arguments, last) in [
        (&[][..], "nothing started: no run is open"),
        (&["old.json"], "1 run skipped"),
        (&["old.json", &now], "1 run started; 1 run existed already"),
        (
            &[&now],
            "nothing started: 1 run of this event exists already (with another --ledger it starts \
             anew)",
        ),
    ] {
        let done = project.run(&[&["local"], arguments].concat());
        assert_eq!(done.stdout.lines().last(), Some(last), "{done:#?}");
    }
}

#[test]
fn an_event_whose_run_ended_badly_leads_to_a_rerun() {
    let project = Project::new(&job("exit 3", &[]));
    let event = project.event("once");
    assert_eq!(project.run(&["local", &event]).code, Some(3));
    let again = project.run(&["local", &event]);
    let id = project.runs()[0]["runId"].as_str().map(str::to_owned).expect("an id");
    let last = format!(
        "nothing started: 1 run of this event exists already (`longshore rerun {id}` runs it again)"
    );
    assert_eq!((again.code, again.stdout.lines().last()), (Some(3), Some(&*last)), "{again:#?}");
}

#[test]
fn a_program_that_is_not_here_leads_to_the_image() {
    let project = Project::new(
        "jobs: { work: { task: { image: alpine, command: [no-such-program] }, \
         launches: { max: 2, backoff: { delay: 1s } } } }",
    );
    let event = project.event("once");
    let done = project.run(&["local", &event]);
    assert!(done.stdout.contains("  Failed, 2 launches\n"), "{done:#?}");
    assert!(done.stderr.ends_with("--runtime docker, podman or finch\n"), "{done:#?}");
    let logs = project.run(&["logs", "work"]);
    assert_eq!((logs.code, logs.stdout.as_str()), (Some(0), ""), "{logs:#?}");
    assert!(logs.stderr.contains("printed nothing: failed to start"), "{logs:#?}");
    let second = project.run(&["logs", "work", "--attempt", "2"]);
    assert_eq!(second.code, Some(1), "{second:#?}");
    assert!(second.stderr.contains("no attempt 2: its last one is 1"), "{second:#?}");
    fs::remove_dir_all(project.path(".longshore/longshore.tasks")).expect("the folder of logs");
    assert!(project.run(&["logs", "work"]).stderr.contains("is not there"));
}

#[test]
fn an_engine_that_is_not_here_ends_the_command_before_anything_starts() {
    let project = Project::new(&job("exit 0", &[]));
    let event = project.event("once");
    let mut command = project.command(&["local", "--runtime", "finch", &event]);
    command.env("PATH", project.path("."));
    let done = Running::start(command).finish();
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert!(done.stderr.contains("there is no `finch` in your PATH"), "{done:#?}");
    assert!(!project.path(LEDGER).exists());
}

#[test]
fn a_ledger_that_cannot_be_there_leads_to_another() {
    let project = Project::new(&job("exit 0", &[]));
    let event = project.event("once");
    for ledger in [".", "once.json/ledger.db"] {
        let done = project.run(&["local", "--ledger", ledger, &event]);
        assert_eq!(done.code, Some(3), "{done:#?}");
        assert!(done.stderr.contains("--ledger"), "{done:#?}");
    }
}

#[test]
fn the_exit_code_is_the_tasks_own() {
    for (script, exit, verdict, reason) in [
        ("exit 0", 0, "Succeeded", ""),
        ("exit 3", 3, "Failed", "container `main` exited with code 3"),
        ("exit 255", 255, "Failed", "exited with code 255"),
        ("kill -KILL $$", 137, "Failed", "SIGKILL"),
        ("kill -TERM $$", 143, "Failed", "SIGTERM"),
        ("kill -SEGV $$", 139, "Failed", "SIGSEGV"),
    ] {
        let (_project, done) = once(&job(script, &[]));
        check_end(&done, exit, verdict, Some(exit), reason);
    }
}

#[test]
fn a_task_that_outlives_its_timeout_timed_out_however_it_ends() {
    let rows = [
        ("sleep 60", 143, 143, "ended with exit code 143"),
        ("trap '' TERM; while :; do sleep 0.1; done", 137, 137, "did not end on SIGTERM"),
        ("trap 'exit 0' TERM; while :; do sleep 0.1; done", 1, 0, "ended with exit code 0"),
    ];
    let started = rows.map(|(script, exit, code, reason)| {
        let project = Project::new(&job(script, &["timeout: 1s", "task.stopTimeout: 2s"]));
        let event = project.event("once");
        let running = project.start(&["local", "-o", "json", &event]);
        (project, running, exit, code, reason)
    });
    for (_project, running, exit, code, reason) in started {
        check_end(&running.finish(), exit, "TimedOut", Some(code), reason);
    }
}

#[test]
fn a_program_that_does_not_exist_fails_to_start_as_often_as_it_may_be_launched() {
    let (_project, done) = once(&task(&[
        "task.image: alpine",
        "task.command: [no-such-program-anywhere]",
        "launches: { max: 3, backoff: { delay: 1s, factor: 1, max: 1s } }",
        "retry: { attempts: 5, on: [anyExitCode] }",
    ]));
    check_end(&done, 1, "Failed", None, "failed to start");
    let run = done.only_run();
    assert!(run["reason"].to_string().contains("no-such-program-anywhere"), "{run:#}");
    assert_eq!(attempts(&run).len(), 1, "{run:#}");
    assert_eq!(run["attempts"][0]["launches"].as_array().map(Vec::len), Some(3), "{run:#}");
}

#[test]
fn only_a_listed_exit_code_is_tried_again() {
    const RETRY: &str = "retry: { attempts: 3, on: [{ exitCode: [75] }], backoff: { delay: 1s, factor: 1, max: 1s } }";
    let rows = [
        ("exit 75", 75, "Failed", 3),
        ("exit 1", 1, "Failed", 1),
        ("kill -KILL $$", 137, "Failed", 1),
        ("if [ -e tried ]; then exit 0; fi; : > tried; exit 75", 0, "Succeeded", 2),
    ];
    let started = rows.map(|(script, exit, verdict, count)| {
        let project = Project::new(&job(&format!("echo x >> marker; {script}"), &[RETRY]));
        let event = project.event("once");
        let running = project.start(&["local", "-o", "json", &event]);
        (project, running, exit, verdict, count)
    });
    for (project, running, exit, verdict, count) in started {
        let done = running.finish();
        check_end(&done, exit, verdict, Some(exit), "");
        assert_eq!(attempts(&done.only_run()).len(), count, "{done:#?}");
        assert_eq!(project.lines("marker"), count, "{done:#?}");
    }
}

#[test]
fn every_attempt_keeps_its_output() {
    let (project, done) = once(&job(
        "echo this is attempt $LONGSHORE_ATTEMPT; echo beside it >&2; exit 75",
        &["retry: { attempts: 2, on: [{ exitCode: [75] }], backoff: { delay: 1s } }"],
    ));
    assert_eq!(done.code, Some(75), "{done:#?}");
    for (arguments, output) in [
        (&["logs", "work"][..], "this is attempt 2\nbeside it\n"),
        (&["logs", "work", "--attempt", "1"], "this is attempt 1\nbeside it\n"),
        (&["logs", "work", "--attempt", "2"], "this is attempt 2\nbeside it\n"),
    ] {
        let logs = project.run(arguments);
        assert_eq!((logs.code, logs.stdout.as_str()), (Some(0), output), "{logs:#?}");
    }
    let none = project.run(&["logs", "work", "--attempt", "3"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(1), ""), "{none:#?}");
}

/// Three events of one job that takes one task at a time.
fn crowd(when_full: &str) -> (Project, [String; 3]) {
    let script = format!("echo in >> marker; {UNTIL_GATE}; sleep 0.05; echo out >> marker");
    let limit = format!("concurrency: {{ limit: 1, whenFull: {when_full} }}");
    let project = Project::new(&job(&script, &[&limit, "task.stopTimeout: 2s"]));
    let events = ["one", "two", "three"].map(|key| project.event(key));
    (project, events)
}

fn count(project: &Project, verdict: &str) -> usize {
    verdicts(&project.runs()).iter().filter(|other| **other == verdict).count()
}

#[test]
fn a_full_job_lets_its_runs_wait_skip_or_replace() {
    for (when_full, before, good, last) in [
        ("wait", ("open", 3), true, ["Succeeded", "Succeeded", "Succeeded"]),
        ("skip", ("Skipped", 2), true, ["Succeeded", "Skipped", "Skipped"]),
        ("replace", ("Cancelled", 2), false, ["Cancelled", "Cancelled", "Succeeded"]),
    ] {
        let (project, [one, two, three]) = crowd(when_full);
        let running = project.start(&["local", "-o", "json", &one, &two, &three]);
        wait_for("the first task", || project.lines("marker") > 0);
        wait_for("the others", || count(&project, before.0) == before.1);
        project.write("gate", "");
        let done = running.finish();
        let runs = done.json()["runs"].as_array().cloned().unwrap_or_default();
        assert_eq!(verdicts(&runs), last, "{done:#?}");
        assert_eq!(done.code == Some(0), good, "{done:#?}");
    }
}

#[test]
fn waiting_runs_never_overlap_even_across_processes() {
    let (project, events) = crowd("wait");
    let running = events.map(|event| project.start(&["local", "-o", "json", &event]));
    wait_for("the first task", || project.lines("marker") > 0);
    wait_for("all three", || count(&project, "open") == 3);
    project.write("gate", "");
    for running in running {
        check_end(&running.finish(), 0, "Succeeded", Some(0), "");
    }
    let marker = String::from_utf8_lossy(&project.read("marker")).into_owned();
    assert_eq!(marker, "in\nout\n".repeat(3), "two tasks lived at a time");
}

#[test]
fn another_process_is_skipped_or_replaces_the_task_of_the_first() {
    let (project, [one, two, _]) = crowd("skip");
    let first = project.start(&["local", "-o", "json", &one]);
    wait_for("the first task", || project.lines("marker") > 0);
    let second = local(&project, &two);
    check_end(&second, 0, "Skipped", None, "");
    project.write("gate", "");
    check_end(&first.finish(), 0, "Succeeded", Some(0), "");

    let (project, [one, two, _]) = crowd("replace");
    let first = project.start(&["local", "-o", "json", &one]);
    wait_for("the first task", || project.lines("marker") > 0);
    let second = project.start(&["local", "-o", "json", &two]);
    check_end(&first.finish(), 143, "Cancelled", Some(143), "");
    project.write("gate", "");
    check_end(&second.finish(), 0, "Succeeded", Some(0), "");
}

#[test]
fn the_same_event_again_starts_nothing_and_ends_as_the_first_did() {
    for (script, exit) in [("echo x >> marker", 0), ("echo x >> marker; exit 9", 9)] {
        let (project, first) = once(&job(script, &[]));
        assert_eq!(first.json()["started"], 1, "{first:#?}");
        let again = local(&project, "once.json");
        assert_eq!((again.code, project.lines("marker")), (Some(exit), 1), "{again:#?}");
        assert_eq!(again.json()["started"], 0, "{again:#?}");
        assert_eq!(again.json()["duplicates"], 1, "{again:#?}");
        assert_eq!(again.only_run(), first.only_run());
        let text = project.run(&["local", "once.json"]);
        assert_eq!(text.code, Some(exit), "{text:#?}");
        assert!(text.stdout.contains("nothing started"), "{text:#?}");
    }
}

#[test]
fn a_schedule_is_one_run_whoever_tells_of_it() {
    let project = Project::sample();
    let done = project.run(&[
        "local",
        "-o",
        "json",
        "events/schedule-rule.json",
        "events/schedule-scheduler.json",
        "events/schedule-input.json",
    ]);
    check_end(&done, 0, "Succeeded", Some(0), "");
    assert_eq!(done.json()["started"], 1, "{done:#?}");
    assert_eq!(done.json()["duplicates"], 2, "{done:#?}");
}

#[test]
fn a_killed_command_leaves_its_task_running_and_the_next_one_follows_it() {
    let script = format!("echo x >> marker; {UNTIL_GATE}; echo done; exit 7");
    let project = Project::new(&job(&script, &[]));
    let event = project.event("once");
    let first = project.start(&["local", &event]);
    wait_for("the task", || project.lines("marker") == 1);
    first.kill();
    wait_for("news of the task", || project.runs()[0]["status"] == "Running");

    let second = project.start(&["local", "-o", "json", &event]);
    project.write("gate", "");
    let done = second.finish();
    check_end(&done, 7, "Failed", Some(7), "exited with code 7");
    assert_eq!((&done.json()["started"], project.lines("marker")), (&json!(0), 1), "{done:#?}");
    assert_eq!(project.run(&["logs", "work"]).stdout, "done\n");
}

#[test]
fn without_an_event_local_follows_what_is_open() {
    let project = Project::new(&job(&format!("echo x >> marker; {UNTIL_GATE}; exit 4"), &[]));
    let event = project.event("once");
    let first = project.start(&["local", &event]);
    wait_for("the task", || project.lines("marker") == 1);
    first.kill();
    project.write("gate", "");
    let done = project.run(&["local", "-o", "json"]);
    check_end(&done, 4, "Failed", Some(4), "");
    assert_eq!(project.lines("marker"), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_task_that_nobody_watched_to_its_end_is_lost_and_not_started_again() {
    let project = Project::new(&job(&format!("echo x >> marker; {UNTIL_GATE}"), &[]));
    let event = project.event("once");
    let first = project.start(&["local", &event]);
    wait_for("the task", || project.lines("marker") == 1);
    // Between its start and that there is nothing to find it by.
    wait_for("its process to be written down", || is_written_down(&project));
    first.kill();
    assert_eq!(project.processes("supervise-task").len(), 1);
    project.kill("supervise-task");

    let runs = project.runs();
    assert_eq!(verdicts(&runs), ["Lost"], "{runs:#?}");
    // Its slot may go to another: it does not run on.
    wait_for("the task to be gone", || project.processes("").is_empty());
    project.write("gate", "");
    let done = local(&project, &event);
    check_end(&done, 1, "Lost", None, "look at its log before you run the job again");
    assert_eq!((&done.json()["started"], project.lines("marker")), (&json!(0), 1), "{done:#?}");
}

/// Whether the ledger knows the process of its one task.
#[cfg(target_os = "linux")]
fn is_written_down(project: &Project) -> bool {
    let file = Connection::open(project.path(LEDGER)).expect("the ledger opens");
    file.query_row("SELECT body IS NOT NULL FROM tasks", [], |row| row.get(0)).unwrap_or(false)
}

#[test]
#[cfg(target_os = "linux")]
fn a_lost_run_is_corrected_by_the_truth_when_it_comes() {
    let project = Project::new(&job(&format!("echo x >> marker; {UNTIL_GATE}"), &[]));
    let event = project.event("once");
    let first = project.start(&["local", &event]);
    wait_for("the task", || project.lines("marker") == 1);
    first.kill();
    project.kill("supervise-task");
    assert_eq!(verdicts(&project.runs()), ["Lost"]);

    // What ECS would have told of the task, had its news not been lost.
    let file = Connection::open(project.path(LEDGER)).expect("the ledger opens");
    let state: String =
        file.query_row("SELECT state FROM tasks", [], |row| row.get(0)).expect("one task");
    let mut detail: Value = serde_json::from_str(&state).expect("a task state is JSON");
    let version = detail["version"].as_u64().unwrap_or_default();
    detail["version"] = json!(version + 1);
    detail["lastStatus"] = json!("STOPPED");
    detail["stopCode"] = json!("EssentialContainerExited");
    detail["stoppedAt"] = json!(Timestamp::now().to_string());
    detail["containers"][0]["lastStatus"] = json!("STOPPED");
    detail["containers"][0]["exitCode"] = json!(6);
    let news = json!({
        "id": "1", "source": "aws.ecs", "detail-type": "ECS Task State Change",
        "time": "2026-11-24T09:14:07Z", "resources": [], "detail": detail,
    });
    project.write("news.json", news.to_string());
    let done = project.run(&["local", "news.json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let runs = project.runs();
    assert_eq!((verdicts(&runs), &runs[0]["exitCode"]), (vec!["Failed"], &json!(6)), "{runs:#?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_command_killed_at_any_point_never_makes_a_task_run_twice() {
    const DELAYS_MS: [u64; 30] = [
        0, 33, 7, 51, 14, 46, 3, 28, 60, 19, 40, 11, 57, 24, 1, 36, 9, 54, 17, 44, 5, 30, 59, 21,
        38, 13, 49, 26, 2, 42,
    ];
    let round = |seed: usize, delay: u64| {
        let project = Project::new(&job("echo x >> marker", &[]));
        let event = project.event("once");
        let first = project.start(&["local", &event]);
        // The moment of the kill is what is tried out, not waited for.
        thread::sleep(Duration::from_millis(delay));
        first.kill();
        if seed % 2 == 1 {
            project.kill("supervise-task");
        }
        let done = local(&project, &event);
        let run = done.only_run();
        match run["verdict"].as_str() {
            Some("Succeeded") => assert_eq!(project.lines("marker"), 1, "{seed}: {done:#?}"),
            Some("Lost") => assert!(project.lines("marker") <= 1, "{seed}: {done:#?}"),
            _ => panic!("{seed}: neither Succeeded nor Lost: {done:#?}"),
        }
        assert_eq!(attempts(&run).len(), 1, "{seed}: {done:#?}");
    };
    let seeds: Vec<(usize, u64)> = DELAYS_MS.into_iter().enumerate().collect();
    thread::scope(|scope| {
        for seeds in seeds.chunks(8) {
            scope.spawn(|| seeds.iter().for_each(|(seed, delay)| round(*seed, *delay)));
        }
    });
}

#[test]
fn namespaces_do_not_share_runs() {
    let project = Project::new(&job("echo x >> marker", &[]));
    let event = project.event("once");
    let ids: Vec<Value> = ["north", "south"]
        .map(|namespace| {
            let done = project.run(&["local", "-o", "json", "--namespace", namespace, &event]);
            assert_eq!(done.json()["started"], 1, "{done:#?}");
            let listed = project.run(&["runs", "-o", "json", "--namespace", namespace]);
            assert_eq!(listed.only_run()["runId"], done.only_run()["runId"]);
            listed.only_run()["attempts"][0]["launches"][0]["task"].clone()
        })
        .into();
    assert_eq!(project.lines("marker"), 2);
    assert_ne!(ids.first(), ids.last(), "two runs, two tasks");
}

fn sqlite(project: &Project, statements: &str) {
    let file = Connection::open(project.path(LEDGER)).expect("the ledger opens");
    file.execute_batch(statements).expect("the statements work");
}

#[test]
fn a_ledger_that_cannot_be_written_or_is_no_file_is_told_as_such() {
    let (project, first) = once(&job("echo x >> marker", &[]));
    assert_eq!(first.code, Some(0), "{first:#?}");
    let next = project.event("next");
    // A version for writing that is newer than SQLite's own: to be read only, also for root.
    let mut header = project.read(LEDGER);
    header[18] = 3;
    project.write(LEDGER, header);
    fs::create_dir(project.path("folder.db")).expect("a folder");
    for (ledger, said) in [(LEDGER, "give it to this user to write"), ("folder.db", "folder.db")] {
        let done = project.run(&["local", &next, "--ledger", ledger]);
        assert_eq!(done.code, Some(3), "{done:#?}");
        assert!(done.stderr.starts_with("error: ") && done.stderr.contains(said), "{done:#?}");
    }
    let done = project.run(&["runs", "--ledger", "folder.db"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:#?}");
    // To look needs nothing to be written.
    let done = project.run(&["runs", "-o", "json"]);
    assert_eq!((done.code, verdicts(&project.runs())), (Some(0), vec!["Succeeded"]), "{done:#?}");
    assert_eq!(project.lines("marker"), 1);
}

#[test]
fn a_ledger_that_is_not_ours_is_refused_and_left_as_it_is() {
    type Spoil = fn(&Project);
    let rows: [(&str, Spoil, &str); 8] = [
        ("another namespace's", |_| (), "say --namespace longshore"),
        (
            "text",
            |project| project.write(LEDGER, "no database at all\n".repeat(300)),
            "move it away",
        ),
        (
            "half of it",
            |project| {
                let whole = project.read(LEDGER);
                project.write(LEDGER, whole.get(..whole.len() / 2).unwrap_or_default());
            },
            "restore a copy",
        ),
        (
            "the first hundred bytes",
            |project| {
                let whole = project.read(LEDGER);
                project.write(LEDGER, whole.get(..100).unwrap_or_default());
            },
            "restore a copy",
        ),
        (
            "a changed digit",
            |project| {
                let mut whole = project.read(LEDGER);
                let code = b"\"exitCode\":0";
                // Wherever it stands: some of it may be what is left of rows that are gone.
                for at in code.len()..=whole.len() {
                    if whole[..at].ends_with(code) {
                        whole[at - 1] = b'1';
                    }
                }
                project.write(LEDGER, whole);
            },
            "restore a copy",
        ),
        (
            "older",
            |project| {
                let old = "tests/corpus/ledger/schema-2.db";
                let old = Path::new(env!("CARGO_MANIFEST_DIR")).join(old);
                project.write(LEDGER, fs::read(old).expect("an older ledger"));
            },
            "another longshore",
        ),
        ("newer", |project| sqlite(project, "PRAGMA user_version = 99"), "another longshore"),
        (
            "another program's",
            |project| {
                fs::remove_file(project.path(LEDGER)).expect("the ledger goes");
                sqlite(project, "CREATE TABLE theirs (name TEXT)");
            },
            "name another file with --ledger",
        ),
    ];
    for (what, spoil, remedy) in rows {
        let (project, first) = once(&job("echo x >> marker", &[]));
        assert_eq!(first.code, Some(0), "{first:#?}");
        spoil(&project);
        let before = project.read(LEDGER);
        let namespace = if what.starts_with("another n") { "other" } else { "longshore" };
        for verb in [&["local", "once.json"][..], &["runs"], &["show", "work"], &["logs", "work"]] {
            let arguments = [verb, &["--namespace", namespace, "--ledger", LEDGER]].concat();
            let done = project.run(&arguments);
            assert_eq!(done.code, Some(3), "{what}: {done:#?}");
            assert!(done.stderr.contains(remedy), "{what}: {done:#?}");
            assert!(done.stderr.contains(LEDGER), "{what}: {done:#?}");
        }
        assert!(project.read(LEDGER) == before, "{what}: the file has changed");
        assert_eq!(project.lines("marker"), 1, "{what}");
    }
}

/// A job that writes one argument and one variable down, each with a NUL behind it.
const KEY_JOB: [&str; 4] = [
    "triggers: [{ s3: { bucket: uploads } }]",
    "task.image: alpine",
    r#"task.command: [sh, -c, 'printf "%s\0" "$#" "$1" "$KEY" > seen', sh, "{{ key }}"]"#,
    r#"task.environment: { KEY: "{{ key }}" }"#,
];

fn notification(form_encoded_key: &str) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-24T09:14:07.482Z", "awsRegion": "eu-west-1",
        "s3": {
            "bucket": { "name": "uploads" },
            "object": { "key": form_encoded_key, "size": 1, "eTag": "e", "sequencer": "0A" },
        },
    }] })
}

fn object_created(key: &str) -> Value {
    json!({
        "version": "0", "id": "ffa3bda6-248e-40b3-abc7-82392a832340", "source": "aws.s3",
        "detail-type": "Object Created", "account": "123456789012", "region": "eu-west-1",
        "time": "2026-11-24T09:14:07Z", "resources": ["arn:aws:s3:::uploads"],
        "detail": {
            "version": "0", "bucket": { "name": "uploads" },
            "object": { "key": key, "size": 1, "etag": "e", "sequencer": "0A" },
        },
    })
}

#[test]
fn a_key_reaches_the_task_byte_for_byte_from_both_shapes() {
    const KEY: &str = "incoming/a+b%20(1) ü;rm -rf $(x).png";
    let encoded = "incoming/a%2Bb%2520%281%29+%C3%BC%3Brm+-rf+%24%28x%29.png";
    let mut ids = Vec::new();
    for event in [notification(encoded), object_created(KEY)] {
        let project = Project::new(&task(&KEY_JOB));
        project.write("event.json", event.to_string());
        let done = local(&project, "event.json");
        check_end(&done, 0, "Succeeded", Some(0), "");
        assert_eq!(String::from_utf8_lossy(&project.read("seen")), format!("1\0{KEY}\0{KEY}\0"));
        ids.push(done.only_run()["runId"].clone());
    }
    assert_eq!(ids.first(), ids.last(), "both shapes tell of one object");
}

#[test]
fn a_key_that_looks_like_an_option_needs_the_jobs_leave() {
    for (allow, seen) in [("false", ""), ("true", "1\0--exec=x\0--exec=x\0")] {
        let allow = format!("allowLeadingDash: {allow}");
        let project = Project::new(&task(&[&KEY_JOB[..], &[&allow]].concat()));
        project.write("event.json", object_created("--exec=x").to_string());
        let done = local(&project, "event.json");
        match seen {
            "" => check_end(&done, 1, "Failed", None, "allowLeadingDash"),
            _ => check_end(&done, 0, "Succeeded", Some(0), ""),
        }
        assert_eq!(String::from_utf8_lossy(&project.read("seen")), seen, "{done:#?}");
    }
}

#[test]
fn a_task_gets_no_variable_of_the_caller_unless_it_is_passed() {
    let project = Project::new(&job("env > env", &["task.environment: { OWN: value }"]));
    let event = project.event("once");
    let mut command = project.command(&["local", "-o", "json", "--pass-env", "PASSED", &event]);
    command.envs([("PASSED", "through"), ("KEPT_OUT", "x"), ("AWS_SECRET_ACCESS_KEY", "x")]);
    let done = Running::start(command).finish();
    check_end(&done, 0, "Succeeded", Some(0), "");
    let seen = String::from_utf8_lossy(&project.read("env")).into_owned();
    let value = |name: &str| seen.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    for (name, expected) in [
        ("PASSED", Some("through")),
        ("OWN", Some("value")),
        ("LONGSHORE_RUN_ID", done.only_run()["runId"].as_str()),
        ("LONGSHORE_JOB", Some("work")),
        ("LONGSHORE_ATTEMPT", Some("1")),
        ("KEPT_OUT", None),
        ("AWS_SECRET_ACCESS_KEY", None),
    ] {
        assert_eq!(value(name), expected, "{name} in {seen}");
    }
}

#[test]
fn output_beyond_the_cap_is_dropped_and_the_task_goes_on() {
    const MIB: usize = 1024 * 1024;
    let script = "head -c 12582912 /dev/zero | tr '\\0' x && echo written >> marker";
    let project = Project::new(&job(script, &[]));
    let event = project.event("once");
    check_end(&project.run(&["local", "-qo", "json", &event]), 0, "Succeeded", Some(0), "");
    assert_eq!(project.lines("marker"), 1);
    let log = project.run(&["logs", "work"]).stdout;
    assert!((10 * MIB..10 * MIB + 10_000).contains(&log.len()), "{} bytes", log.len());
    assert!(log.ends_with("[longshore: the log ends here, at 10 MiB]\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_program_leaves_behind_ends_with_it() {
    let (project, done) = once(&job("sleep 300 & echo $! > child", &[]));
    check_end(&done, 0, "Succeeded", Some(0), "");
    assert_eq!(project.lines("child"), 1);
    wait_for("the child to be gone", || project.processes("").is_empty());
}

#[test]
fn an_unreadable_record_does_not_hurt_its_neighbour() {
    let project = Project::new(&job("echo x >> marker", &[]));
    let record = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
            "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": {},
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:events",
            "awsRegion": "eu-west-1",
        })
    };
    let good = json!({ "job": "work", "key": "good" }).to_string();
    let batch = json!({ "Records": [record("a", "{ no json"), record("b", &good)] });
    project.write("batch.json", batch.to_string());
    let done = local(&project, "batch.json");
    check_end(&done, 1, "Succeeded", Some(0), "");
    assert_eq!(done.json()["rejected"].as_array().map(Vec::len), Some(1), "{done:#?}");
    assert!(done.stderr.contains("error: batch.json: "), "{done:#?}");
    assert_eq!(project.lines("marker"), 1);
}

#[test]
fn one_file_that_cannot_be_read_starts_nothing_at_all() {
    for content in ["{ no json", "", "[]", r#"{"some": "thing"}"#, r#"{"Records": []}"#, "\u{0}"] {
        let project = Project::new(&job("echo x >> marker", &[]));
        let good = project.event("good");
        project.write("bad.json", content);
        let done = project.run(&["local", &good, "bad.json"]);
        assert_eq!(done.code, Some(1), "{content:?}: {done:#?}");
        assert!(done.stderr.contains("error: bad.json: "), "{content:?}: {done:#?}");
        assert!(done.stderr.contains("nothing was started"), "{content:?}: {done:#?}");
        assert!(!project.path(".longshore").exists(), "{content:?}: the ledger was made");
        assert_eq!(project.lines("marker"), 0, "{content:?}");
    }
    let project = Project::new(&job("exit 0", &[]));
    let done = project.run(&["local", "missing.json"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stderr.contains("cannot read missing.json"), "{done:#?}");
}

#[test]
fn an_event_older_than_the_starting_deadline_is_skipped() {
    let project = Project::new(&task(&[
        "triggers: [{ s3: { bucket: uploads } }]",
        "startingDeadline: 10m",
        "task.image: alpine",
        "task.command: [sh, -c, 'echo x >> marker']",
    ]));
    for (minutes, verdict, reason) in
        [(11, "Skipped", "its startingDeadline is 10m"), (9, "Succeeded", "")]
    {
        let time = Timestamp::now() - SignedDuration::from_mins(minutes);
        let mut event = object_created(&format!("{minutes}.csv"));
        event["time"] = json!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        project.write("event.json", event.to_string());
        let done = local(&project, "event.json");
        let code = (verdict == "Succeeded").then_some(0);
        check_end(&done, 0, verdict, code, reason);
    }
    assert_eq!(project.lines("marker"), 1);
}

#[test]
fn a_ledger_that_would_lie_where_tasks_print_is_refused() {
    let project = Project::new(&job("exit 0", &[]));
    let done = project.run(&["local", &project.event("once"), "--ledger", "x.tasks"]);
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert!(done.stderr.contains("x.tasks: ") && done.stderr.contains(".db"), "{done:#?}");
    assert!(!project.path("x.tasks").exists());
}

#[test]
fn the_output_of_a_task_that_has_ended_is_read_no_more_while_others_run() {
    let script = format!("mkdir first 2>/dev/null && echo done && exit; {UNTIL_GATE}");
    let project = Project::new(&job(&script, &[]));
    let events = [project.event("one"), project.event("two")];
    let running = project.start(&["local", &events[0], &events[1]]);
    wait_for("the first end", || running.stderr().contains("Succeeded"));
    // It tells of the end and of the last output in the same turn; this is longer.
    thread::sleep(Duration::from_millis(200));
    let logs = fs::read_dir(project.path(".longshore/longshore.tasks")).expect("the tasks' folder");
    let mut logs = logs.filter_map(|entry| Some(entry.ok()?.path()));
    let log = logs.find(|path| fs::read(path).is_ok_and(|text| text == b"done\n"));
    fs::write(log.expect("the log"), "done\nlate\n").expect("the log grows");
    thread::sleep(Duration::from_millis(200));
    project.write("gate", "");
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert_eq!(done.stderr.matches("done\n").count(), 1, "{done:#?}");
    assert!(!done.stderr.contains("late"), "{done:#?}");
}
