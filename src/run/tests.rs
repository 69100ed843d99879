//! What a task state says, and what every fact does to every run.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use serde_json::{Value, json};

use super::*;
use crate::event::TaskState;
use crate::jobs::Period;

mod causes;

const T1: &str = "arn:aws:ecs:eu-west-1:123456789012:task/batch/1";
const T2: &str = "arn:aws:ecs:eu-west-1:123456789012:task/batch/2";
const T9: &str = "arn:aws:ecs:eu-west-1:123456789012:task/batch/9";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + secs).unwrap()
}

fn request(container: &str) -> TaskRequest {
    serde_json::from_value(json!({
        "cluster": "batch", "source": { "registered": "report" }, "container": container,
        "environment": {}, "changes": {}, "enableExecuteCommand": false, "tags": {},
        "startedBy": "longshore/report/1",
    }))
    .unwrap()
}

/// A run that was just claimed.
fn claimed() -> Run {
    let job: JobName = "report".parse().unwrap();
    let occurrence = Occurrence { kind: "manual".to_owned(), parts: vec!["x".to_owned()] };
    Run {
        id: occurrence.run_id(&job),
        job,
        occurrence,
        happened_at: Some(at(0)),
        values: Values::new(),
        policy: Policy { timeout: Some(Period::from_secs(3600)), ..Policy::default() },
        created_at: at(0),
        owner: "a".to_owned(),
        state: State::Waiting { until: at(0), wait: Wait::Event },
        attempts: vec![Attempt { number: 1, ..Attempt::default() }],
        stop: None,
        reruns: Vec::new(),
        due: Some(at(0)),
        revision: 0,
    }
}

#[test]
fn a_run_knows_its_newest_reruns_each_once_whatever_became_of_it() {
    let mut run = claimed();
    let id = |n: u32| RunId::derive(&run.job, "rerun", &[run.id.as_str(), &n.to_string()]);
    let ids: Vec<RunId> = (0..25).map(id).collect();
    for id in &ids {
        assert!(run.note_rerun(id, at(9)));
        assert!(!run.note_rerun(id, at(10)), "told twice");
    }
    let known: Vec<&RunId> = run.reruns.iter().map(|rerun| &rerun.run_id).collect();
    assert_eq!(known, ids[5..].iter().collect::<Vec<_>>());
    // The truth about a lost run keeps them.
    run.arm(request("app"), at(0), at(90), "a");
    run.state = State::Ended { verdict: Verdict::Lost, at: at(100) };
    let truth = seen("t", 1, News::Ended(Ending::Exited { code: 0, out_of_memory: false }));
    let Applied::Changed(after) = apply(&run, 1, &truth, at(200)) else { unreachable!() };
    assert_eq!((after.verdict(), &after.reruns), (Some(Verdict::Succeeded), &run.reruns));
}

fn armed() -> Run {
    let mut run = claimed();
    run.arm(request("app"), at(0), at(90), "a");
    run
}

fn seen(task: &str, version: u64, news: News) -> Fact {
    let exit_code = match &news {
        News::Ended(Ending::Exited { code, .. }) => Some(*code),
        News::Ended(_) | News::Pending | News::Running => None,
    };
    let (reason, times) = ("as ECS says".to_owned(), Times::default());
    let containers = Vec::new();
    let (task, size) = (task.to_owned(), None);
    Fact::Seen(Sighting { task, version, news, exit_code, reason, times, containers, size })
}

fn exited(code: i32) -> News {
    News::Ended(Ending::Exited { code, out_of_memory: false })
}

fn launched(task: &str) -> Fact {
    Fact::Launched { task: task.to_owned() }
}

fn observed(observed: Observed, task: Option<&str>) -> Fact {
    let (task, reason) = (task.map(str::to_owned), "longshore saw it".to_owned());
    Fact::Observed { observed, task, owner: "a".to_owned(), reason }
}

fn after(run: &Run, fact: &Fact) -> Run {
    match apply(run, run.attempt(), fact, at(60)) {
        Applied::Changed(run) => *run,
        Applied::Ignored(ignored) => unreachable!("{fact:?} was ignored: {ignored:?}"),
    }
}

// What a stopped task says.

/// A container of a stopped task: name, exit code, reason.
type Exit = (&'static str, Option<i32>, &'static str);

fn stopped(stop_code: &str, stopped_reason: &str, containers: &[Exit]) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|(name, code, reason)| {
            let reason = Some(reason).filter(|reason| !reason.is_empty());
            json!({ "name": name, "lastStatus": "STOPPED", "exitCode": code, "reason": reason })
        })
        .collect();
    let ran = stop_code != "TaskFailedToStart";
    json!({
        "taskArn": T1, "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/batch",
        "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "version": 5, "memory": "512",
        "stopCode": stop_code, "stoppedReason": stopped_reason, "containers": containers,
        "startedAt": ran.then_some("2023-11-14T22:14:20Z"),
    })
}

fn sighting(state: Value, named: Option<&str>) -> Option<Sighting> {
    Sighting::of(&serde_json::from_value::<TaskState>(state).unwrap(), named)
}

/// Verdict and reason of a running run whose task `app` ends so.
fn check(state: Value, asked: Option<StopCause>) -> String {
    let codes = state["containers"].as_array().unwrap().iter();
    let codes: Vec<String> = codes.map(|exit| exit["exitCode"].to_string()).collect();
    let mut run = after(&armed(), &seen(T1, 2, News::Running));
    if let Some(cause) = asked {
        run.ask_to_stop(StopAsked::new(cause, at(50)).by("ana"));
    }
    let case = format!("{} [{}]", state["stopCode"].as_str().unwrap(), codes.join(" "));
    let run = after(&run, &Fact::Seen(sighting(state, Some("app")).unwrap()));
    let asked = asked.map_or_else(String::new, |cause| format!(" {cause:?}"));
    format!("{case}{asked} -> {}: {}\n", run.verdict().unwrap(), run.reason().unwrap())
}

#[test]
fn the_main_containers_exit_code_is_the_verdict_and_the_reason_says_what_it_means() {
    let codes = [0, 1, 3, 126, 127, 134, 137, 139, 143, -1];
    let oom = "OutOfMemoryError: Container killed due to memory usage";
    let rows = codes.map(|code| (code, "")).into_iter().chain([(137, oom), (0, oom)]);
    let exit = |(code, why)| {
        check(stopped("EssentialContainerExited", "over", &[("app", Some(code), why)]), None)
    };
    insta::assert_snapshot!(rows.map(exit).collect::<String>(), @r"
    EssentialContainerExited [0] -> Succeeded: container `app` exited with code 0
    EssentialContainerExited [1] -> Failed: container `app` exited with code 1
    EssentialContainerExited [3] -> Failed: container `app` exited with code 3
    EssentialContainerExited [126] -> Failed: container `app` exited with code 126: its program is no executable
    EssentialContainerExited [127] -> Failed: container `app` exited with code 127: its program was not found
    EssentialContainerExited [134] -> Failed: container `app` exited with code 134 (SIGABRT): it aborted
    EssentialContainerExited [137] -> Failed: container `app` exited with code 137 (SIGKILL): it was killed, and ECS reports no memory shortage
    EssentialContainerExited [139] -> Failed: container `app` exited with code 139 (SIGSEGV): it crashed
    EssentialContainerExited [143] -> Failed: container `app` exited with code 143 (SIGTERM): something asked it to end
    EssentialContainerExited [-1] -> Failed: container `app` exited with code -1
    EssentialContainerExited [137] -> Failed: container `app` ran out of memory (exit code 137, OutOfMemoryError): raise `memory` (now 512 MiB)
    EssentialContainerExited [0] -> Succeeded: container `app` exited with code 0, although a process in it ran out of memory: raise `memory` (now 512 MiB)
    ");
}

#[test]
fn a_missing_exit_code_is_never_a_success() {
    let cannot = "CannotPullContainerError: not found";
    let (exited, failed) = ("EssentialContainerExited", "TaskFailedToStart");
    let rows: [(&str, &str, &[Exit]); 8] = [
        (failed, "ResourceInitializationError: no route", &[]),
        (failed, "Task failed to start", &[("proxy", None, ""), ("app", None, cannot)]),
        (failed, cannot, &[("app", None, cannot)]),
        (failed, "Timeout waiting for network", &[("app", None, cannot)]),
        (exited, "over", &[("app", None, "ContainerRuntimeError: gone")]),
        (exited, "over", &[("proxy", Some(0), "")]),
        ("InfrastructureHealth", "Underlying host failed", &[("app", None, "")]),
        ("SomethingNew", "Nobody knows", &[("app", None, "")]),
    ];
    let rows = rows.map(|(code, reason, exits)| check(stopped(code, reason, exits), None));
    insta::assert_snapshot!(rows.concat(), @r"
    TaskFailedToStart [] -> Failed: failed to start: ResourceInitializationError: no route
    TaskFailedToStart [null null] -> Failed: failed to start: CannotPullContainerError: not found
    TaskFailedToStart [null] -> Failed: failed to start: CannotPullContainerError: not found
    TaskFailedToStart [null] -> Failed: failed to start: Timeout waiting for network: CannotPullContainerError: not found
    EssentialContainerExited [null] -> Failed: container `app` has no exit code, so this is no success: ContainerRuntimeError: gone
    EssentialContainerExited [0] -> Failed: ECS reports no container `app` and no exit code, so this is no success: over
    InfrastructureHealth [null] -> Failed: the host under the task failed: Underlying host failed; `infrastructureHealth` in `retry.on` tries again
    SomethingNew [null] -> Failed: container `app` has no exit code, so this is no success: Nobody knows
    ");
}

#[test]
fn a_stop_is_told_by_who_asked_for_it() {
    use StopCause::{Cancelled, Replaced, StartTimeout, Timeout};
    let (by_us, exited) = ("UserInitiated", "EssentialContainerExited");
    let rows = [
        (by_us, "longshore: timed out", Some(137), Some(Timeout)),
        (by_us, "longshore: timed out", Some(143), Some(Timeout)),
        (by_us, "longshore: timed out", Some(0), Some(Timeout)),
        (by_us, "longshore: timed out", None, Some(Timeout)),
        (exited, "over", Some(0), Some(Timeout)),
        (exited, "over", Some(1), Some(Timeout)),
        (by_us, "longshore: did not start in time", Some(143), Some(StartTimeout)),
        (by_us, "longshore: cancelled", Some(143), Some(Cancelled)),
        (exited, "over", Some(1), Some(Cancelled)),
        (by_us, "longshore: replaced by a newer run", Some(137), Some(Replaced)),
        (by_us, "Task stopped by bob", Some(0), None),
        (by_us, "longshore: timed out, says bob", Some(0), None),
        ("ServiceSchedulerInitiated", "Scaling activity", Some(0), None),
        ("SpotInterruption", "Your Spot Task was interrupted.", Some(143), None),
        ("InfrastructureHealth", "Underlying host failed", Some(1), None),
        ("InfrastructureHealth", "Underlying host failed", Some(0), None),
        ("SomethingNew", "Nobody knows", Some(0), None),
    ];
    let rows = rows.map(|(stop_code, reason, code, asked)| {
        check(stopped(stop_code, reason, &[("app", code, "")]), asked)
    });
    insta::assert_snapshot!(rows.concat(), @r#"
    UserInitiated [137] Timeout -> TimedOut: stopped after its timeout of 1h; container `app` did not end on SIGTERM and was killed (exit code 137)
    UserInitiated [143] Timeout -> TimedOut: stopped after its timeout of 1h; container `app` ended with exit code 143
    UserInitiated [0] Timeout -> TimedOut: stopped after its timeout of 1h; container `app` ended with exit code 0
    UserInitiated [null] Timeout -> TimedOut: stopped after its timeout of 1h; container `app` has no exit code
    EssentialContainerExited [0] Timeout -> Succeeded: container `app` exited with code 0, just before it would have been stopped
    EssentialContainerExited [1] Timeout -> TimedOut: stopped after its timeout of 1h; container `app` exited with code 1
    UserInitiated [143] StartTimeout -> TimedOut: stopped because it had not started within 10m; container `app` ended with exit code 143
    UserInitiated [143] Cancelled -> Cancelled: stopped by ana; container `app` ended with exit code 143
    EssentialContainerExited [1] Cancelled -> Cancelled: stopped by ana; container `app` exited with code 1
    UserInitiated [137] Replaced -> Cancelled: replaced by ana; container `app` did not end on SIGTERM and was killed (exit code 137)
    UserInitiated [0] -> Cancelled: stopped by somebody ("Task stopped by bob"); container `app` ended with exit code 0
    UserInitiated [0] -> Cancelled: stopped by somebody ("longshore: timed out, says bob"); container `app` ended with exit code 0
    ServiceSchedulerInitiated [0] -> Cancelled: stopped by somebody ("Scaling activity"); container `app` ended with exit code 0
    SpotInterruption [143] -> Failed: Fargate Spot took the capacity back and container `app` ended with exit code 143; `spotInterruption` in `retry.on` tries again, `FARGATE` in `capacity` avoids it
    InfrastructureHealth [1] -> Failed: the host under the task failed: Underlying host failed; `infrastructureHealth` in `retry.on` tries again
    InfrastructureHealth [0] -> Succeeded: container `app` exited with code 0
    SomethingNew [0] -> Succeeded: container `app` exited with code 0
    "#);
}

#[test]
fn a_sidecar_never_speaks_for_the_main_container() {
    let marked = json!([{ "name": "proxy", "environment": [{ "name": "A", "value": "b" }] },
        { "name": "app", "environment": [{ "name": "LONGSHORE_RUN_ID", "value": "x" }] }]);
    let single = json!([{ "name": "app" }]);
    for (named, overrides) in [(Some("app"), json!([])), (None, marked), (None, single)] {
        for (app, proxy, news) in [
            (Some(0), Some(1), exited(0)),
            (Some(1), Some(0), exited(1)),
            (Some(0), None, exited(0)),
            (None, Some(0), News::Ended(Ending::NoExitCode)),
        ] {
            let mut exits = [("app", app, ""), ("proxy", proxy, "")];
            for _ in 0..2 {
                let mut state = stopped("EssentialContainerExited", "over", &exits);
                state["overrides"] = json!({ "containerOverrides": overrides });
                let told = sighting(state, named).unwrap();
                let case = (named, &overrides, &exits);
                assert_eq!((&told.news, told.exit_code), (&news, app), "{case:?}");
                exits.reverse();
            }
        }
    }
    let both = [("proxy", Some(2), ""), ("app", Some(1), "")];
    let reason = sighting(stopped("EssentialContainerExited", "over", &both), Some("app"));
    let expected = "container `app` exited with code 1; beside it, `proxy` exited with code 2";
    assert_eq!(reason.unwrap().reason, expected);
}

#[test]
fn without_any_sign_only_a_single_container_is_the_main_one() {
    for (exits, news) in [
        (vec![("any", Some(0), "")], exited(0)),
        (vec![("a", Some(0), ""), ("b", Some(0), "")], News::Ended(Ending::NoExitCode)),
        (vec![], News::Ended(Ending::NoExitCode)),
    ] {
        let mut state = stopped("EssentialContainerExited", "over", &exits);
        assert_eq!(sighting(state.clone(), None).unwrap().news, news, "{exits:?}");
        if exits.len() > 1 {
            let two = json!([{ "name": "b" }, { "name": "a" }]);
            state["overrides"] = json!({ "containerOverrides": two });
            assert_eq!(sighting(state, None).unwrap().news, news, "{exits:?}");
        }
    }
}

#[test]
fn a_task_that_was_too_slow_to_start_may_be_launched_again_and_a_cancelled_one_not() {
    let slow = "failed to start: stopped because it took longer than 10m";
    let cancelled = Ending::Stopped { cause: Some(StopCause::Cancelled) };
    let never = "stopped on request; container `app` had not started";
    for (cause, ending, verdict, reason) in [
        (StopCause::StartTimeout, Ending::FailedToStart, Verdict::Failed, slow),
        (StopCause::Cancelled, cancelled, Verdict::Cancelled, never),
    ] {
        let mut state = stopped("UserInitiated", &cause.to_reason(), &[]);
        state["startedAt"] = Value::Null;
        let mut run = after(&armed(), &launched(T1));
        run.ask_to_stop(StopAsked::new(cause, at(50)));
        let run = after(&run, &Fact::Seen(sighting(state, Some("app")).unwrap()));
        assert_eq!((&run.attempts[0].ending, run.verdict()), (&Some(ending), Some(verdict)));
        assert_eq!(run.reason(), Some(reason));
    }
}

#[test]
fn the_last_status_tells_how_far_a_task_has_come() {
    use News::{Pending, Running};
    for (status, without_start, with_start) in [
        ("PROVISIONING", Some(Pending), Some(Pending)),
        ("PENDING", Some(Pending), Some(Pending)),
        ("ACTIVATING", Some(Pending), Some(Pending)),
        ("RUNNING", Some(Running), Some(Running)),
        ("DEACTIVATING", Some(Pending), Some(Running)),
        ("STOPPING", Some(Pending), Some(Running)),
        ("DEPROVISIONING", Some(Pending), Some(Running)),
        ("STOPPED", Some(exited(0)), Some(exited(0))),
        ("DELETED", Some(exited(0)), Some(exited(0))),
        ("HIBERNATING", None, None),
        ("", None, None),
    ] {
        for (started_at, news) in [(None, without_start), (Some(at(60)), with_start)] {
            let mut state = stopped("EssentialContainerExited", "over", &[("app", Some(0), "")]);
            state["lastStatus"] = json!(status);
            state["startedAt"] = json!(started_at);
            assert_eq!(sighting(state, None).map(|told| told.news), news, "{status}");
        }
    }
}

#[test]
fn a_spot_warning_is_no_end_and_only_the_stopped_state_is() {
    let spot = News::Ended(Ending::SpotInterruption);
    for (status, news) in [("RUNNING", News::Running), ("STOPPED", spot)] {
        let mut state = stopped("TerminationNotice", "Your Spot Task was interrupted.", &[]);
        state["lastStatus"] = json!(status);
        assert_eq!(sighting(state, None).unwrap().news, news);
    }
}

#[test]
fn long_texts_of_others_are_cut_between_characters() {
    let state = stopped("TaskFailedToStart", &"’".repeat(999), &[]);
    let run = after(&armed(), &Fact::Seen(sighting(state, None).unwrap()));
    let reason = run.reason().unwrap();
    assert!(reason.chars().count() == 257 && reason.ends_with("’…"), "{reason}");
    assert_eq!(shorten(&"ü".repeat(256)), "ü".repeat(256));
}

// What a fact does to a run.

/// Launch 1's task failed to start, launch 2 is in the state of the name.
fn run_in(name: &str) -> Run {
    let mut run = after(&armed(), &seen(T1, 5, News::Ended(Ending::FailedToStart)));
    run.reopen_attempt(at(60));
    if name == "claimed" {
        return claimed();
    }
    if name == "launch again" {
        return run;
    }
    run.arm(request("app"), at(60), at(150), "a");
    let started = after(&run, &seen(T2, 5, News::Pending));
    match name {
        "launching" => {}
        "doubt" => run.refused("no capacity", at(120)),
        "lost unseen" => run = after(&run, &observed(Observed::Lost, None)),
        "started" => run = started,
        "running" => run = after(&started, &seen(T2, 6, News::Running)),
        "lost" => run = after(&started, &observed(Observed::Lost, Some(T2))),
        "succeeded" => run = after(&started, &seen(T2, 6, exited(0))),
        "failed" => run = after(&started, &seen(T2, 6, exited(1))),
        other => unreachable!("{other}"),
    }
    run
}

fn word(applied: &Applied) -> String {
    match applied {
        Applied::Ignored(ignored) => format!("({ignored:?})").to_lowercase(),
        Applied::Changed(run) => match &run.state {
            State::Waiting { .. } => "Waiting".to_owned(),
            State::Launching { .. } => "Launching".to_owned(),
            State::Started => "Started".to_owned(),
            State::Running { .. } => "Running".to_owned(),
            State::Ended { verdict, .. } => verdict.to_string(),
        },
    }
}

/// A table of what each fact does in each state; asserts what holds for all of them.
fn table(states: &str, facts: &[(&str, Fact)]) -> String {
    let mut text = format!("{:14}", "state");
    text.extend(facts.iter().map(|(name, _)| format!("{name:12}")));
    for name in states.split(", ") {
        let run = run_in(name);
        text += &format!("\n{name:14}");
        for (_, fact) in facts {
            let applied = apply(&run, 1, fact, at(60));
            text += &format!("{:12}", word(&applied));
            if let Applied::Changed(next) = &applied {
                let again = apply(next, 1, fact, at(61));
                assert!(matches!(again, Applied::Ignored(_)), "{name}: {fact:?} counted twice");
                assert_eq!(next.due.is_none(), next.verdict().is_some(), "{name}: {fact:?}");
            }
            for other in [0, 2] {
                let late = apply(&run, other, fact, at(60));
                assert_eq!(late, Applied::Ignored(Ignored::Late), "{name}: {fact:?}");
            }
        }
    }
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn every_news_of_a_task_can_follow_every_state() {
    let all = "claimed, launch again, launching, doubt, started, running, lost unseen, lost, succeeded, failed";
    let facts = [
        ("launched", launched(T2)),
        ("pending", seen(T2, 7, News::Pending)),
        ("running", seen(T2, 7, News::Running)),
        ("exited 0", seen(T2, 7, exited(0))),
        ("exited 1", seen(T2, 7, exited(1))),
        ("spot", seen(T2, 7, News::Ended(Ending::SpotInterruption))),
    ];
    insta::assert_snapshot!(table(all, &facts), @r"
    state         launched    pending     running     exited 0    exited 1    spot
    claimed       (othertask) (othertask) (othertask) (othertask) (othertask) (othertask)
    launch again  (othertask) (othertask) (othertask) (othertask) (othertask) (othertask)
    launching     Started     Started     Running     Succeeded   Failed      Failed
    doubt         Started     Started     Running     Succeeded   Failed      Failed
    started       (known)     (known)     Running     Succeeded   Failed      Failed
    running       (known)     (known)     (known)     Succeeded   Failed      Failed
    lost unseen   (ended)     (ended)     (ended)     Succeeded   Failed      Failed
    lost          (ended)     (ended)     (ended)     Succeeded   Failed      Failed
    succeeded     (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    failed        (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    ");
    // Started knows version 5, Running 6: what is not newer is known, unless nobody counts.
    let facts = [
        ("running v4", seen(T2, 4, News::Running)),
        ("running v5", seen(T2, 5, News::Running)),
        ("exited v5", seen(T2, 5, exited(0))),
        ("exited v6", seen(T2, 6, exited(0))),
        ("running v0", seen(T2, 0, News::Running)),
        ("exited v0", seen(T2, 0, exited(0))),
    ];
    insta::assert_snapshot!(table("started, running, lost, succeeded", &facts), @r"
    state         running v4  running v5  exited v5   exited v6   running v0  exited v0
    started       (known)     (known)     (known)     Succeeded   Running     Succeeded
    running       (known)     (known)     (known)     (known)     (known)     Succeeded
    lost          (ended)     (ended)     (known)     Succeeded   (ended)     Succeeded
    succeeded     (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    ");
    // T1 is the earlier launch's task; T9 is nobody's.
    let facts = [
        ("launched T1", launched(T1)),
        ("running T1", seen(T1, 7, News::Running)),
        ("exited T1", seen(T1, 7, exited(0))),
        ("launched T9", launched(T9)),
        ("running T9", seen(T9, 7, News::Running)),
        ("exited T9", seen(T9, 7, exited(0))),
    ];
    insta::assert_snapshot!(table(all, &facts), @r"
    state         launched T1 running T1  exited T1   launched T9 running T9  exited T9
    claimed       (othertask) (othertask) (othertask) (othertask) (othertask) (othertask)
    launch again  (late)      (late)      (late)      (othertask) (othertask) (othertask)
    launching     (late)      (late)      (late)      Started     Running     Succeeded
    doubt         (late)      (late)      (late)      Started     Running     Succeeded
    started       (late)      (late)      (late)      (othertask) (othertask) (othertask)
    running       (late)      (late)      (late)      (othertask) (othertask) (othertask)
    lost unseen   (ended)     (ended)     (late)      (ended)     (ended)     Succeeded
    lost          (ended)     (ended)     (late)      (ended)     (ended)     (othertask)
    succeeded     (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    failed        (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    ");
}

#[test]
fn what_longshore_saw_itself_counts_only_while_it_can_still_be_true() {
    let states = "launch again, launching, doubt, started, running, lost unseen, lost, succeeded";
    let facts = [
        ("skipped", observed(Observed::Skipped, None)),
        ("invalid", observed(Observed::Invalid, None)),
        ("not placed", observed(Observed::NotPlaced, None)),
        ("cancelled", observed(Observed::Cancelled, None)),
        ("lost", observed(Observed::Lost, None)),
        ("lost T2", observed(Observed::Lost, Some(T2))),
        ("invalid T2", observed(Observed::Invalid, Some(T2))),
    ];
    insta::assert_snapshot!(table(states, &facts), @r"
    state         skipped     invalid     not placed  cancelled   lost        lost T2     invalid T2
    launch again  Skipped     Failed      Failed      Cancelled   Lost        (late)      (late)
    launching     (late)      Failed      (late)      (late)      Lost        (late)      (late)
    doubt         Skipped     Failed      Failed      Cancelled   Lost        (late)      (late)
    started       (late)      (late)      (late)      (late)      (late)      Lost        (late)
    running       (late)      (late)      (late)      (late)      (late)      Lost        (late)
    lost unseen   (ended)     (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    lost          (ended)     (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    succeeded     (ended)     (ended)     (ended)     (ended)     (ended)     (ended)     (ended)
    ");
}

#[test]
fn the_news_may_come_in_any_order() {
    let facts = [
        launched(T2),
        seen(T2, 6, News::Pending),
        seen(T2, 7, News::Running),
        seen(T2, 8, exited(3)),
    ];
    // Every order is four digits, each once.
    let orders = (0..4usize.pow(4)).map(|n| [n % 4, n / 4 % 4, n / 16 % 4, n / 64]);
    let mut count = 0;
    for order in orders.filter(|order| (0..4).all(|n| order.contains(&n))) {
        let mut run = run_in("launching");
        for index in order {
            if let Applied::Changed(next) = apply(&run, 1, &facts[index], at(70)) {
                run = *next;
            }
        }
        assert_eq!(
            (run.verdict(), run.last_task()),
            (Some(Verdict::Failed), Some(T2)),
            "{order:?}"
        );
        assert_eq!((run.exit_code(), run.launch().unwrap().version), (Some(3), 8), "{order:?}");
        count += 1;
    }
    assert_eq!(count, 24);
}

#[test]
fn lost_is_corrected_once_and_the_attempt_tells_the_truth_then() {
    let truth = after(&run_in("lost"), &seen(T2, 8, exited(1)));
    assert_eq!((truth.verdict(), truth.exit_code()), (Some(Verdict::Failed), Some(1)));
    assert_eq!(truth.reason(), Some("as ECS says"));
    for fact in [seen(T2, 9, exited(0)), seen(T2, 0, exited(0)), observed(Observed::Lost, Some(T2))]
    {
        assert_eq!(apply(&truth, 1, &fact, at(99)), Applied::Ignored(Ignored::Ended));
    }
}

#[test]
fn a_refusal_that_was_a_lie_is_taken_back_with_its_task() {
    let doubt = run_in("doubt");
    assert_eq!(doubt.launch().unwrap().refusal.as_deref(), Some("no capacity"));
    for fact in [launched(T2), seen(T2, 3, News::Pending), seen(T2, 3, News::Running)] {
        let run = after(&doubt, &fact);
        let launch = run.launch().unwrap();
        assert_eq!((launch.number, &launch.refusal, run.last_task()), (2, &None, Some(T2)));
    }
}

#[test]
fn a_later_account_keeps_the_times_of_the_earlier_ones() {
    let mut state = stopped("EssentialContainerExited", "over", &[("app", Some(0), "")]);
    state["lastStatus"] = json!("RUNNING");
    state["createdAt"] = json!(at(10));
    let run = after(&armed(), &Fact::Seen(sighting(state.clone(), None).unwrap()));
    assert_eq!(run.state, State::Running { since: at(60) });
    for (key, value) in [
        ("lastStatus", json!("STOPPED")),
        ("version", json!(9)),
        ("createdAt", json!("no time")),
        ("startedAt", Value::Null),
        ("executionStoppedAt", json!(at(70))),
    ] {
        state[key] = value;
    }
    let run = after(&run, &Fact::Seen(sighting(state, None).unwrap()));
    let Launch { times, containers, .. } = run.launch().unwrap();
    let known = [times.created_at, times.started_at, times.stopped_at];
    assert_eq!(known, [Some(at(10)), Some(at(60)), Some(at(70))]);
    let exit = ContainerExit { name: "app".to_owned(), exit_code: Some(0), reason: None };
    assert_eq!(*containers, [exit]);
}

// The timeline of a run.

#[test]
fn every_launch_of_an_attempt_has_a_token_of_its_own_and_asks_for_the_same() {
    let namespace = Namespace::default();
    let mut run = armed();
    let first = run.client_token(&namespace);
    run.hold(at(200), "b");
    assert_eq!((run.client_token(&namespace), run.owner.as_str()), (first.clone(), "b"));
    run.refused("no capacity", at(260));
    run.arm(request("other"), at(260), at(350), "c");
    assert_eq!(run.request().unwrap().container, "app");
    assert_eq!(run.state, State::Launching { lease: at(350) });
    assert_eq!((run.launch().unwrap().number, run.first_launch_at()), (2, Some(at(0))));
    let second = run.client_token(&namespace);
    run.open_attempt(at(400));
    assert_eq!(run.request(), None);
    run.arm(request("other"), at(400), at(490), "d");
    assert_eq!((run.attempt(), run.launch().unwrap().number), (2, 1));
    assert_eq!(run.request().unwrap().container, "other");
    let third = run.client_token(&namespace);
    assert!(first != second && second != third && first != third);
}

#[test]
fn waiting_for_a_slot_does_not_count_as_a_launch() {
    let mut run = armed();
    run.wait_for_slot(at(10), at(60));
    assert!(run.line() == Some(Line::Slot) && run.launch().is_none());
    assert_eq!(
        (&run.state, run.due),
        (&State::Waiting { until: at(10), wait: Wait::Slot }, Some(at(60)))
    );
    run.arm(request("other"), at(60), at(150), "b");
    assert_eq!((run.launch().unwrap().number, run.launch().unwrap().at), (1, at(60)));
    assert_eq!(run.request().unwrap().container, "app");
}

#[test]
fn an_attempt_opened_again_keeps_its_launches_and_forgets_its_end() {
    let run = run_in("launch again");
    let attempt = run.attempts.last().unwrap();
    assert_eq!((attempt.number, attempt.launches.len(), run.due), (1, 1, Some(at(60))));
    assert_eq!(run.state, State::Waiting { until: at(60), wait: Wait::Launch });
    let end = (&attempt.ending, attempt.exit_code, &attempt.reason, attempt.ended_at);
    assert_eq!(end, (&None, None, &None, None));
    assert_eq!(attempt.launches[0].refusal.as_deref(), Some("as ECS says"));
    assert_eq!((run.last_task(), run.living_task()), (Some(T1), None));
}

#[test]
fn a_next_attempt_leaves_the_earlier_one_as_it_was() {
    let failed = run_in("failed");
    let mut run = failed.clone();
    run.open_attempt(at(90));
    assert_eq!(run.attempts[..1], failed.attempts[..]);
    assert_eq!(
        (run.attempt(), run.launch(), run.last_task(), run.exit_code()),
        (2, None, None, None)
    );
    assert_eq!((run.reason(), run.due), (Some("as ECS says"), Some(at(90))));
    assert_ne!(run.holder(2), run.holder(1));
}

#[test]
fn a_fact_moves_the_alarm_to_an_earlier_time_only() {
    // startWithin is 10m from the launch at 0, the timeout 1h from 60.
    for (due, fact, expected) in [
        (90, launched(T1), 90),
        (900, launched(T1), 600),
        (900, seen(T1, 1, News::Pending), 600),
        (90, seen(T1, 1, News::Running), 90),
        (900, seen(T1, 1, News::Running), 600),
    ] {
        let mut run = armed();
        run.due = Some(at(due));
        assert_eq!(after(&run, &fact).due, Some(at(expected)), "{due} {fact:?}");
    }
    for (due, expected) in [(600, 600), (3659, 3659), (3661, 3660), (9000, 3660)] {
        let mut run = after(&armed(), &launched(T1));
        run.due = Some(at(due));
        assert_eq!(after(&run, &seen(T1, 1, News::Running)).due, Some(at(expected)), "{due}");
    }
}

#[test]
fn the_first_request_to_stop_counts_and_none_after_the_end() {
    let mut run = run_in("running");
    run.ask_to_stop(StopAsked::new(StopCause::Cancelled, at(70)).by("ana"));
    let asked = run.stop.clone();
    assert_eq!((asked.is_some(), run.due), (true, Some(at(70))));
    run.ask_to_stop(StopAsked::new(StopCause::Timeout, at(80)));
    assert_eq!((&run.stop, run.due), (&asked, Some(at(70))));
    for name in ["succeeded", "failed", "lost"] {
        let mut run = run_in(name);
        run.ask_to_stop(StopAsked::new(StopCause::Cancelled, at(70)));
        assert_eq!((run.stop, run.due), (None, None), "{name}");
    }
}
