//! `task`: what ECS itself says of the run's task, where it was asked for that.

use crate::diagnosis::evidence::RunSeen;
use crate::diagnosis::{Check, Finding, Source};

pub(super) fn finding(run: &RunSeen) -> Option<Finding> {
    let (check, subject) = (Check::Task, format!("{}: {}", run.job, run.id));
    if run.waits_for_slot() {
        let sentence = "it waits for others of its job to end, as `concurrency.limit` says";
        return Some(Finding::ok(check, &subject, sentence));
    }
    Some(match (&run.task_shown, run.task_shown.seen("tasks")) {
        // A run without a task, or of this machine.
        (Source::NotAsked, _) => return None,
        (_, Ok(true)) => Finding::ok(check, &subject, "ECS shows it, and its words are judged"),
        (_, Ok(false)) => Finding::open(
            check,
            &subject,
            "ECS does not show it any more: what was recorded of it is judged",
        ),
        (_, Err(unseen)) => Finding::partly(
            check,
            &subject,
            "only what was recorded of it is judged, and not what ECS says of it now",
            &unseen,
        ),
    })
}
