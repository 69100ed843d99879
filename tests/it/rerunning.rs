//! A run once more: the same values, the job as it is now, one run for each key, and both runs say
//! what they are to each other.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use jiff::{SignedDuration, Timestamp};
use longshore::dispatch::{DispatchError, Invocation, dispatch};
use longshore::event::{Event, Rerun};
use longshore::ledger::Ledger as _;
use longshore::record::record;
use longshore::run::Verdict;
use serde_json::{Map, Value, json};

use crate::crossings::{Tasks, backend_in, event, id, jobs};
use crate::program::{Done, Project, job};

/// The ids of all runs, the oldest first.
fn ids(project: &Project) -> Vec<String> {
    let runs = project.runs();
    runs.iter().filter_map(|run| run["runId"].as_str().map(str::to_owned)).collect()
}

/// The only run that a command of ours was about.
fn rerun(project: &Project, arguments: &[&str]) -> Value {
    let done = project.run(&[&["rerun"], arguments, &["-o", "json", "-q"]].concat());
    assert_eq!(done.code, Some(0), "{done:#?}");
    done.only_run()
}

fn refused(done: &Done, code: i32, why: &str) {
    assert_eq!((done.code, done.stdout.as_str()), (Some(code), ""), "{done:#?}");
    assert!(done.stderr.contains(why), "{done:#?}");
}

#[test]
fn an_object_is_taken_once_more_and_both_runs_say_so() {
    let project = Project::sample();
    let first = project.run(&["local", "-o", "json", "events/s3-object-created.json"]).only_run();
    let old = first["runId"].as_str().expect("an id");
    let again = project.run(&["rerun", "inspect-upload"]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    // The task was given the same object.
    assert!(again.stderr.contains("lines     13"), "{again:#?}");
    assert!(again.stdout.contains(&format!("claimed  rerun of {old}")), "{again:#?}");
    let new = ids(&project).pop().expect("the new run");
    assert_ne!(new, old);
    let shown = project.run(&["show", old]).stdout;
    assert!(shown.contains(&format!("rerun    as {new}")), "{shown}");
    let told = project.run(&["show", old, "-o", "json"]).json();
    assert_eq!((&told["reruns"][0]["runId"], &told["rerunOf"]), (&json!(new), &Value::Null));
    assert_eq!(told["verdict"], first["verdict"]);
    assert_eq!(project.run(&["show", &new, "-o", "json"]).json()["rerunOf"], old);
}

#[test]
fn a_schedule_is_taken_once_more_for_the_same_time_and_a_rerun_can_be_taken_once_more() {
    let print = "echo \"at $AT by $BY\"";
    let values = "task.environment: { AT: '{{ scheduledTime }}', BY: '{{ scheduleName }}' }";
    let project = Project::new(&job(print, &["triggers: [{ schedule: rate(1 day) }]", values]));
    let fired =
        json!({ "job": "work", "schedule": "daily", "scheduledTime": "2020-02-29T04:30:00Z" });
    project.write("fired.json", fired.to_string());
    let mut run = project.run(&["local", "-o", "json", "-q", "fired.json"]).only_run();
    for _ in 0..2 {
        let id = run["runId"].as_str().map(str::to_owned).expect("an id");
        let log = project.run(&["logs", &id]).stdout;
        assert_eq!(log, "at 2020-02-29T04:30:00Z by daily\n");
        // The time is long over, and the ledger may have forgotten it: still it is asked for now.
        run = rerun(&project, &[&id]);
        assert_eq!((&run["rerunOf"], &run["verdict"]), (&json!(id), &json!("Succeeded")));
    }
    assert_eq!(project.runs().len(), 3);
}

#[test]
fn one_key_is_one_rerun_however_often_it_is_asked_for() {
    let project = Project::new(&job("echo x >> marker", &[]));
    assert_eq!(project.run(&["run", "work"]).code, Some(0));
    let old = ids(&project).pop().expect("the run");
    let first = rerun(&project, &[&old, "--key", "again"]);
    let second = rerun(&project, &[&old, "--key", "again"]);
    assert_eq!(first["runId"], second["runId"]);
    assert_eq!(project.lines("marker"), 2);
    // Without a key, each is another; of one key, each run has its own.
    rerun(&project, &[&old]);
    rerun(&project, &[first["runId"].as_str().expect("an id"), "--key", "again"]);
    assert_eq!((project.lines("marker"), project.runs().len()), (4, 4));
    let told = project.run(&["show", &old, "-o", "json"]).json();
    assert_eq!(told["reruns"].as_array().map(Vec::len), Some(2), "{told:#}");
}

const DAY: &str = r"parameters: { day: { pattern: '\d\d' }, mode: { default: fast } }";
const PRINT: &str = "echo \"$DAY $MODE\"";
const VALUES: &str =
    "task.environment: { DAY: '{{ parameters.day }}', MODE: '{{ parameters.mode }}' }";

/// What the last run printed.
fn printed(project: &Project) -> String {
    let id = ids(project).pop().expect("a run");
    project.run(&["logs", &id]).stdout
}

#[test]
fn parameters_are_the_old_run_s_but_for_those_given_and_patterns_still_hold() {
    let project = Project::new(&job(PRINT, &[DAY, VALUES]));
    assert_eq!(project.run(&["run", "work", "-p", "day=24", "-p", "mode=slow"]).code, Some(0));
    let old = ids(&project).pop().expect("the run");
    rerun(&project, &[&old]);
    assert_eq!(printed(&project), "24 slow\n");
    rerun(&project, &[&old, "--same-parameters"]);
    assert_eq!(printed(&project), "24 slow\n");
    rerun(&project, &[&old, "-p", "mode=fast"]);
    assert_eq!(printed(&project), "24 fast\n");
    let count = project.runs().len();
    for (arguments, code, why) in [
        (&["-p", "day=2x"][..], 1, r"parameter `day` must match `\d\d`"),
        (&["-p", "dya=25"], 1, "did you mean `day`?"),
        (&["-p", "day=25", "--same-parameters"], 2, "cannot be used with"),
    ] {
        refused(&project.run(&[&["rerun", &old], arguments].concat()), code, why);
    }
    // The job asks for something else since.
    let strict = DAY.replace(r"'\d\d'", "'1.'");
    project.write("jobs.yaml", job(PRINT, &[&strict, VALUES]));
    refused(&project.run(&["rerun", &old]), 1, "parameter `day` must match `1.`");
    assert_eq!(project.runs().len(), count);
}

#[test]
fn a_parameter_that_came_or_went_since_is_minded_only_if_all_must_be_the_same() {
    let project = Project::new(&job(PRINT, &[DAY, VALUES]));
    assert_eq!(project.run(&["run", "work", "-p", "day=24", "-p", "mode=slow"]).code, Some(0));
    let old = ids(&project).pop().expect("the run");
    let went = "parameters: { day: {} }";
    let print = "task.environment: { DAY: '{{ parameters.day }}' }";
    project.write("jobs.yaml", job(PRINT, &[went, print]));
    let done = project.run(&["rerun", &old, "--same-parameters"]);
    refused(&done, 1, "parameter `mode` is not declared by the job any more");
    rerun(&project, &[&old]);
    assert_eq!(printed(&project), "24 \n");
    let bare = ids(&project).pop().expect("the rerun");
    project.write("jobs.yaml", job(PRINT, &[DAY, VALUES]));
    let done = project.run(&["rerun", &bare, "--same-parameters"]);
    refused(&done, 1, "parameter `mode` was not declared when that run began");
    rerun(&project, &[&bare]);
    assert_eq!(printed(&project), "24 fast\n");
}

#[test]
fn a_run_that_goes_on_or_never_was_or_whose_job_is_gone_is_not_done_again() {
    let retry = "retry: { attempts: 2, backoff: { delay: 10m } }";
    let project = Project::new(&job("echo x >> marker; exit 3", &[retry]));
    let running = project.start(&["run", "work"]);
    crate::program::wait_for("the first attempt", || project.lines("marker") == 1);
    crate::program::wait_for("the wait", || project.runs()[0]["status"] == "Waiting");
    let open = ids(&project).pop().expect("the run");
    let done = project.run(&["rerun", &open]);
    refused(&done, 1, &format!("`longshore stop {open}` first"));
    // Nor is it where somebody sends the event by hand; what names no run of ours starts nothing.
    let gone = format!("work-{}", "a".repeat(20));
    for (event, why) in [
        (json!({ "rerun": open }), "has not ended"),
        (json!({ "rerun": gone }), "there is no run"),
        (json!({ "rerun": open, "bucket": "b" }), "`bucket` cannot be given"),
        (json!({ "rerun": "../x" }), "is no run id"),
    ] {
        project.write("event.json", event.to_string());
        let done = project.run(&["local", "-q", "event.json"]);
        assert_eq!(done.code, Some(1), "{done:#?}");
        assert!(done.stderr.contains(why), "{why}: {done:#?}");
    }
    assert_eq!((project.runs().len(), project.lines("marker")), (1, 1));
    assert!(running.kill());
    assert_eq!(project.run(&["stop", &open]).code, Some(0));
    project.write("jobs.yaml", job("true", &[]).replace("work:", "wrk:"));
    refused(&project.run(&["rerun", &open]), 1, "did you mean `wrk`?");
}

#[tokio::test]
async fn a_rerun_whose_message_comes_again_starts_one_task_whoever_died_in_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let ecs = Tasks::default();
    let backend = backend_in(folder.path(), ecs.clone());
    let jobs = jobs("");
    let start = Timestamp::now();
    let at = |seconds| start + SignedDuration::from_secs(seconds);
    let invocation =
        |nonce, seconds| Invocation { now: at(seconds), nonce, clock: &Timestamp::now };
    dispatch(&backend, &jobs, &event("1"), invocation("a", 0)).await.expect("dispatched");
    let asked =
        Rerun { run: id("1"), parameters: Map::new(), same_parameters: false, key: "k".to_owned() };
    let again = Event::Rerun(asked.clone());
    let early = dispatch(&backend, &jobs, &again, invocation("b", 1)).await;
    assert!(matches!(early, Err(DispatchError::NotEnded(_))), "{early:?}");
    let load = async || backend.ledger.load(&id("1")).await.expect("loaded").expect("the run");
    let task = load().await.last_task().map(str::to_owned).expect("a task");
    record(&backend, &ecs.tell(&task, Some(3), at(2)), at(2)).await.expect("recorded");
    let ended = load().await;
    assert_eq!(ended.verdict(), Some(Verdict::Failed));

    // An invocation that told the old run and went away.
    let mut told = ended.clone();
    assert!(told.note_rerun(&asked.run_id(), at(3)));
    backend.ledger.save(&mut told).await.expect("saved");
    for (index, nonce) in ["c", "d", "e"].into_iter().enumerate() {
        let dispatched = dispatch(&backend, &jobs, &again, invocation(nonce, 4)).await;
        let dispatched = dispatched.expect("dispatched");
        assert_eq!((dispatched[0].new, &dispatched[0].run.id), (index == 0, &asked.run_id()));
    }
    assert_eq!(ecs.count(), 2);
    // Nothing of the old run is another but that it knows of the new one.
    let after = load().await;
    assert_eq!(after.reruns.len(), 1);
    let revision = ended.revision;
    let mut bare = after.clone();
    (bare.reruns, bare.revision) = (Vec::new(), revision);
    assert_eq!(bare, ended);
}
