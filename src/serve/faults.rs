//! Faults on request: what goes wrong with ECS once in a month, whenever a test needs it. Asked for
//! with `POST /longshore/faults`; docs/serve.md has an example of each.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::Fault;
use super::wire::ApiError;

/// Faults that may wait at once.
const FAULTS_MAX: usize = 1_000;
/// Fired faults that are remembered.
const FIRED_MAX: usize = 1_000;

/// `failures` that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) reason: String,
    pub(super) detail: Option<String>,
    /// Whether the tasks start all the same.
    pub(super) lying: bool,
}

impl Failing {
    /// One entry of `failures`.
    pub(super) fn to_json(&self) -> Value {
        match &self.detail {
            Some(detail) => json!({ "reason": self.reason, "detail": detail }),
            None => json!({ "reason": self.reason }),
        }
    }
}

/// What happens instead of the effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// This is answered.
    Answer(ApiError),
    /// Nothing is answered.
    Close,
}

/// What happens to the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Lost,
    Truncated,
}

/// What goes wrong with one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) delay: Duration,
    pub(super) list_delay: Duration,
    pub(super) before: Option<Before>,
    pub(super) failing: Option<Failing>,
    pub(super) after: Option<After>,
}

/// The faults of a server.
#[derive(Debug, Default)]
pub(super) struct Faults {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    left: Vec<Fault>,
    fired: VecDeque<Value>,
}

impl Faults {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what a body asks for, all or nothing.
    pub(super) fn add(&self, body: &[u8]) -> Result<(), String> {
        let asked: Vec<Fault> = serde_json::from_slice(body)
            .map_err(|error| format!("the body must be a list of faults: {error}"))?;
        for (index, fault) in asked.iter().enumerate() {
            fault.check().map_err(|problem| format!("fault {index}: {problem}"))?;
        }
        let mut kept = self.kept();
        if kept.left.len() + asked.len() > FAULTS_MAX {
            return Err(format!("there can be {FAULTS_MAX} faults at once: DELETE clears them"));
        }
        kept.left.extend(asked);
        Ok(())
    }

    /// Forgets all of them, and what fired.
    pub(super) fn clear(&self) {
        *self.kept() = Kept::default();
    }

    /// What is left and what fired.
    pub(super) fn to_json(&self) -> Value {
        let kept = self.kept();
        json!({ "left": kept.left, "fired": kept.fired })
    }

    /// What shall go wrong with this call: every delay, and the first of the others.
    pub(super) fn take(&self, operation: &str, now: Timestamp) -> Trouble {
        let mut kept = self.kept();
        let Kept { left, fired } = &mut *kept;
        let mut trouble = Trouble::default();
        let mut decided = false;
        for fault in left.iter_mut().filter(|fault| fault.operation == operation) {
            if decided && !fault.is_a_delay() {
                continue;
            }
            decided |= !fault.is_a_delay();
            fault.add_to(&mut trouble);
            fault.count();
            let at = now.to_string();
            fired.push_back(json!({ "operation": operation, "fault": fault.fault, "at": at }));
        }
        left.retain(|fault| !fault.is_over());
        while fired.len() > FIRED_MAX {
            fired.pop_front();
        }
        trouble
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn faults(body: Value) -> Faults {
        let faults = Faults::default();
        faults.add(body.to_string().as_bytes()).unwrap();
        faults
    }

    #[test]
    fn faults_fire_in_their_order_and_as_often_as_they_were_asked_for() {
        let faults = faults(json!([
            { "operation": "RunTask", "fault": "delay", "ms": 5, "times": "always" },
            { "operation": "RunTask", "fault": "answerLost" },
            { "operation": "RunTask", "fault": "serverError", "times": 2 },
        ]));
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(faults.take("StopTask", now), Trouble::default());
        let taken: Vec<Trouble> = (0..4).map(|_| faults.take("RunTask", now)).collect();
        assert!(taken.iter().all(|trouble| trouble.delay == Duration::from_millis(5)));
        let after: Vec<_> = taken.iter().map(|trouble| trouble.after).collect();
        assert_eq!(after, [Some(After::Lost), None, None, None]);
        let before: Vec<bool> = taken.iter().map(|trouble| trouble.before.is_some()).collect();
        assert_eq!(before, [false, true, true, false]);
        assert_eq!(faults.to_json()["fired"].as_array().map(Vec::len), Some(7));
        assert_eq!(faults.to_json()["left"].as_array().map(Vec::len), Some(1));
        faults.clear();
        assert_eq!(faults.to_json(), json!({ "left": [], "fired": [] }));
    }

    #[test]
    fn what_is_no_fault_is_refused_with_the_rest_of_its_list() {
        for (fault, problem) in [
            (json!({ "operation": "Fly", "fault": "throttle" }), "`Fly` is no operation"),
            (json!({ "operation": "RunTask", "fault": "boom" }), "unknown variant"),
            (json!({ "operation": "RunTask", "fault": "throttle", "times": 0 }), "from 1"),
            (json!({ "operation": "RunTask", "fault": "throttle", "times": "2" }), "from 1"),
            (json!({ "operation": "RunTask", "fault": "throttle", "name": "X" }), "`name` is"),
            (json!({ "operation": "RunTask", "fault": "delay" }), "needs `ms`"),
            (json!({ "operation": "RunTask", "fault": "delay", "ms": 600_001 }), "needs `ms`"),
            (json!({ "operation": "RunTask", "fault": "failures" }), "needs `reason`"),
            (
                json!({ "operation": "StopTask", "fault": "failures", "reason": "X" }),
                "RunTask alone",
            ),
            (json!({ "operation": "RunTask", "fault": "listDelay", "ms": 1 }), "ListTasks alone"),
        ] {
            let faults = Faults::default();
            let body = json!([{ "operation": "RunTask", "fault": "throttle" }, fault]);
            let refused = faults.add(body.to_string().as_bytes()).unwrap_err();
            assert!(refused.contains(problem), "{fault}: {refused}");
            assert_eq!(faults.to_json()["left"], json!([]));
        }
    }
}
