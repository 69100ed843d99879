//! What ECS's words mean is stored with the run as soon as they are known, and not longer than they
//! are true.

use super::*;
use crate::cause::Kind;

const NO_WAY: &str = "ResourceInitializationError: unable to pull secrets or registry auth: The task \
                      cannot pull registry auth from Amazon ECR: There is a connection issue between \
                      the task and Amazon ECR. Check your task network configuration.";

fn kind(run: &Run) -> Option<Kind> {
    run.cause().map(|cause| cause.kind)
}

fn ended(state: Value) -> Run {
    after(&armed(), &Fact::Seen(sighting(state, Some("app")).unwrap()))
}

#[test]
fn a_bad_end_has_the_cause_that_ecs_words_name() {
    let oom = "OutOfMemoryError: Container killed due to memory usage";
    for (code, reason, containers, expected) in [
        ("TaskFailedToStart", NO_WAY, &[][..], Some(Kind::RegistryUnreachable)),
        (
            "TaskFailedToStart",
            "Task failed to start",
            &[("app", None, "CannotPullContainerError: invalid reference format")][..],
            Some(Kind::ImageName),
        ),
        (
            "EssentialContainerExited",
            "over",
            &[("app", Some(137), oom)][..],
            Some(Kind::OutOfMemory),
        ),
        ("EssentialContainerExited", "over", &[("app", Some(0), oom)][..], None),
        ("EssentialContainerExited", "over", &[("app", Some(3), "")][..], None),
        ("EssentialContainerExited", "over", &[("app", Some(0), "")][..], None),
        // A name is no word of ECS's.
        (
            "EssentialContainerExited",
            "over",
            &[("app", Some(3), ""), ("outofmemory", Some(0), "")][..],
            None,
        ),
        ("SpotInterruption", "gone", &[("app", Some(143), "")][..], Some(Kind::SpotInterruption)),
        ("InfrastructureHealth", "odd", &[("app", None, "")][..], Some(Kind::HostFailed)),
        ("UserInitiated", "by me", &[("app", Some(143), "")][..], None),
    ] {
        assert_eq!(kind(&ended(stopped(code, reason, containers))), expected, "{code}: {reason}");
    }
}

#[test]
fn a_long_reason_is_understood_before_it_is_cut() {
    let reason = format!("{}: OutOfMemoryError", "words ".repeat(100));
    let run = ended(stopped("TaskFailedToStart", &reason, &[]));
    assert!(!run.reason().unwrap().contains("OutOfMemory"));
    assert_eq!(kind(&run), Some(Kind::OutOfMemory));
}

#[test]
fn a_refusal_has_its_cause_until_a_task_is_there() {
    let mut run = armed();
    run.refused("RESOURCE:CPU", at(70));
    assert_eq!(kind(&run), Some(Kind::InstanceFull));
    run.arm(request("app"), at(70), at(160), "b");
    assert_eq!(kind(&run), Some(Kind::InstanceFull));
    let run = after(&run, &launched(T2));
    assert_eq!(kind(&run), None);
}

#[test]
fn a_failed_start_keeps_its_cause_while_the_next_launch_is_waited_for() {
    let mut run = ended(stopped("TaskFailedToStart", NO_WAY, &[]));
    run.reopen_attempt(at(80));
    assert_eq!(kind(&run), Some(Kind::RegistryUnreachable));
    run.arm(request("app"), at(80), at(170), "b");
    let run = after(&run, &launched(T2));
    let run = after(&run, &seen(T2, 2, News::Running));
    let run = after(&run, &seen(T2, 3, exited(0)));
    assert_eq!((run.verdict(), kind(&run)), (Some(Verdict::Succeeded), None));
}

#[test]
fn a_task_beyond_its_start_limit_is_told_of_before_it_has_stopped() {
    let mut run = after(&armed(), &launched(T1));
    assert!(run.ask_to_stop(StopAsked::new(StopCause::StartTimeout, at(700))));
    assert_eq!(kind(&run), Some(Kind::StartTimeout));
    let state = stopped("UserInitiated", &StopCause::StartTimeout.to_reason(), &[]);
    let mut state = state;
    state["startedAt"] = Value::Null;
    let run = after(&run, &Fact::Seen(sighting(state, Some("app")).unwrap()));
    assert_eq!(kind(&run), Some(Kind::StartTimeout), "{:?}", run.reason());
}

#[test]
fn somebody_who_asks_for_a_stop_is_no_cause() {
    let mut run = after(&armed(), &launched(T1));
    run.ask_to_stop(StopAsked::new(StopCause::Cancelled, at(50)));
    assert_eq!(kind(&run), None);
}

#[test]
fn a_run_that_was_stored_before_causes_can_be_read() {
    let run = ended(stopped("TaskFailedToStart", "words of a new kind", &[]));
    let stored = serde_json::to_value(&run).unwrap();
    assert!(stored["attempts"][0].get("cause").is_none(), "{stored:#}");
    let read: Run = serde_json::from_value(stored).unwrap();
    assert_eq!(read, run);
}
