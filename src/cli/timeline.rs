//! A run as a story: what happened when, the same in `local`, `show` and JSON.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::output::{clock, printable, span};
use crate::cost::THIS_MACHINE;
use crate::run::{Attempt, ContainerExit, Launch, RerunAs, Run, State, Wait};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// Everything that happened to a run so far, in order.
pub(super) fn timeline(run: &Run) -> Vec<Moment> {
    let event = run.happened_at.map(|at| Moment {
        at,
        text: format!("event    {}", printable(&run.occurrence.to_string())),
    });
    let mut moments = Vec::new();
    let mut note = |at: Option<Timestamp>, text: String| {
        if let Some(at) = at {
            moments.push(Moment { at, text });
        }
    };
    let rerun = run.occurrence.rerun_of().map(|of| format!("  rerun of {}", printable(of)));
    note(Some(run.created_at), format!("claimed{}", rerun.unwrap_or_default()));
    for RerunAs { run_id, at } in &run.reruns {
        note(Some(*at), format!("rerun    as {run_id}"));
    }
    for attempt in &run.attempts {
        for launch in &attempt.launches {
            tell_launch(attempt, launch, &mut note);
        }
        tell_end(run, attempt, &mut note);
    }
    if let Some(stop) = &run.stop {
        let asked = format!("asked for{}{}", stop.by_whom(), stop.why());
        note(Some(stop.at), format!("stop     {}", printable(&asked)));
    }
    if let State::Waiting { until, wait } = run.state {
        let what = match wait {
            Wait::Event => "its first launch",
            Wait::Slot => "a slot of its job's limit",
            Wait::Turn => "its turn: ECS takes no more launches for now",
            Wait::Launch | Wait::Doubt => "its next launch",
            Wait::Retry => "its next attempt",
        };
        note(Some(until), format!("waits    for {what}"));
    }
    moments.sort_by_key(|moment| moment.at);
    // The event comes first even where its clock is ahead of ours.
    event.into_iter().chain(moments).collect()
}

fn tell_launch(
    attempt: &Attempt,
    launch: &Launch,
    note: &mut impl FnMut(Option<Timestamp>, String),
) {
    let relaunch = match launch.number {
        1 => String::new(),
        number => format!(", launch {number}"),
    };
    note(Some(launch.at), format!("launch   attempt {}{relaunch}", attempt.number));
    let times = &launch.times;
    if let Some(task) = &launch.task {
        note(times.created_at, format!("task     {}", told_task(attempt, launch, task)));
        tell_task(launch, note);
    }
    if let Some(refusal) = &launch.refusal {
        let verb = if launch.task.is_some() { "ended" } else { "refused" };
        let text = format!("{verb:8} {}", printable(refusal));
        note(Some(times.stopped_at.unwrap_or(launch.at)), text);
    }
}

/// `075b3bd9635baed28dc7c22339f7b24d on FARGATE_SPOT`.
fn told_task(attempt: &Attempt, launch: &Launch, task: &str) -> String {
    let id = printable(task.rsplit('/').next().unwrap_or(task));
    let capacity = attempt.request.as_ref().and_then(|request| request.capacity);
    match capacity.filter(|_| launch.region() != Some(THIS_MACHINE)) {
        Some(capacity) => format!("{id} on {}", capacity.as_str()),
        None => id,
    }
}

/// What ECS says of a task's life, from its network to its containers' ends.
fn tell_task(launch: &Launch, note: &mut impl FnMut(Option<Timestamp>, String)) {
    let times = &launch.times;
    note(times.connectivity_at, "network  attached".to_owned());
    match (times.pull_started_at, times.pull_stopped_at) {
        (Some(from), Some(to)) => {
            let pulled = to.duration_since(from);
            // On this machine nothing is pulled.
            if pulled.as_secs() > 0 {
                let (span, from) = (span(pulled), clock(from));
                note(Some(to), format!("pulled   its image in {span}, since {from}"));
            }
        }
        (from, _) => note(from, "pulling  its image".to_owned()),
    }
    note(times.started_at, "running".to_owned());
    // Steps of the same moment are one.
    let before_end = |at: Timestamp| {
        times.stopped_at.is_none_or(|end| end.duration_since(at) >= SignedDuration::from_secs(1))
    };
    note(times.stopping_at.filter(|at| before_end(*at)), "stopping".to_owned());
    let exited = times.execution_stopped_at.or(times.stopped_at);
    let ran = times.started_at.is_some() || launch.containers.iter().any(|c| c.exit_code.is_some());
    if !ran {
        return;
    }
    if launch.containers.len() > 1 || exited.is_some_and(before_end) {
        let exits: Vec<String> = launch.containers.iter().map(exit).collect();
        note(exited, format!("exited   {}", exits.join(", ")).trim_end().to_owned());
    }
}

/// `main 0`, `proxy without a code (OutOfMemoryError: Container killed due to memory usage)`.
fn exit(container: &ContainerExit) -> String {
    let name = printable(&container.name);
    let code = container.exit_code.map_or("without a code".to_owned(), |code| code.to_string());
    match &container.reason {
        Some(reason) => format!("{name} {code} ({})", printable(reason)),
        None => format!("{name} {code}"),
    }
}

fn tell_end(run: &Run, attempt: &Attempt, note: &mut impl FnMut(Option<Timestamp>, String)) {
    let Some(ending) = &attempt.ending else {
        // Not over, but kept from starting: by a refusal, or beyond its limit.
        let launch =
            attempt.launches.last().map(|launch| launch.times.stopped_at.unwrap_or(launch.at));
        let stop = run.stop.as_ref().map(|stop| stop.at);
        return tell_cause(attempt, stop.or(launch), note);
    };
    let last = attempt.number == run.attempt();
    let name = match (last, run.verdict()) {
        (true, Some(verdict)) => verdict.as_str(),
        (true, None) | (false, _) => ending.name(),
    };
    let stopped = attempt.launches.last().and_then(|launch| launch.times.stopped_at);
    let reason = printable(attempt.reason.as_deref().unwrap_or_default());
    note(stopped.or(attempt.ended_at), format!("{name:8} {reason}"));
    // What another attempt followed on has had its remedy.
    if last {
        tell_cause(attempt, stopped.or(attempt.ended_at), note);
    }
}

/// What the end means, and what to do.
fn tell_cause(
    attempt: &Attempt,
    at: Option<Timestamp>,
    note: &mut impl FnMut(Option<Timestamp>, String),
) {
    let Some(cause) = &attempt.cause else { return };
    note(at, format!("cause    {}", printable(&cause.sentence)));
    note(at, format!("remedy   {}", printable(&cause.remedy)));
}

/// A run as JSON, for `local`, `runs` and `show`.
pub(super) fn to_json(run: &Run) -> Value {
    let attempts: Vec<Value> = run.attempts.iter().map(attempt_json).collect();
    json!({
        "runId": run.id,
        "job": run.job,
        "status": super::output::status(run),
        "verdict": run.verdict(),
        "exitCode": run.exit_code(),
        "reason": run.reason(),
        "cause": run.cause(),
        "stop": run.stop,
        "occurrence": run.occurrence.to_string(),
        "rerunOf": run.occurrence.rerun_of(),
        "reruns": run.reruns,
        "happenedAt": run.happened_at,
        "createdAt": run.created_at,
        "endedAt": run.attempts.last().and_then(|attempt| attempt.ended_at),
        "attempts": attempts,
    })
}

fn attempt_json(attempt: &Attempt) -> Value {
    let launches: Vec<Value> = attempt
        .launches
        .iter()
        .map(|launch| {
            json!({
                "launch": launch.number,
                "at": launch.at,
                "task": launch.task,
                "refusal": launch.refusal,
                "times": launch.times,
                "size": launch.size,
                "containers": launch.containers,
            })
        })
        .collect();
    json!({
        "attempt": attempt.number,
        "ending": attempt.ending.as_ref().map(|ending| ending.name()),
        "exitCode": attempt.exit_code,
        "reason": attempt.reason,
        "cause": attempt.cause,
        "endedAt": attempt.ended_at,
        "capacity": attempt.request.as_ref().and_then(|request| request.capacity),
        "launches": launches,
    })
}
