//! A run that somebody wants once more: `{"rerun": RUN, "parameters": {..}, "key": ..}`.
//!
//! The event names a run and no more: what the run was for comes from the ledger. So whoever sends
//! one can repeat what was accepted before, and cannot make an event up.

use serde_json::{Map, Value, json};

use super::manual::{key_of, parameters_of, refuse_unknown};
use super::{Occurrence, Unreadable};
use crate::identity::RunId;

const KIND: &str = "rerun event";
const NO_RUN: &str =
    "`rerun` is no run id: one looks like `nightly-report-` and 20 letters and digits";

/// A request for another run of the same job for the same values.
#[derive(Clone, Debug, PartialEq)]
pub struct Rerun {
    /// The run that is to be done again.
    pub run: RunId,
    /// Parameters that shall have other values than in that run, not yet held against what the job
    /// declares.
    pub parameters: Map<String, Value>,
    /// Whether every parameter must have the value it had.
    pub same_parameters: bool,
    /// What makes a repetition of the request the same: the caller's key, else the delivery's id.
    pub key: String,
}

impl Rerun {
    /// The event.
    pub fn to_json(&self) -> Value {
        json!({
            "rerun": self.run,
            "parameters": self.parameters,
            "sameParameters": self.same_parameters,
            "key": self.key,
        })
    }

    /// The run that it asks for: of the same job.
    pub fn run_id(&self) -> RunId {
        self.occurrence().run_id(&self.run.job_name())
    }

    pub(super) fn occurrence(&self) -> Occurrence {
        Occurrence::new(Occurrence::RERUN, [self.run.to_string(), self.key.clone()])
    }
}

/// Reads a rerun event; `id` stands in for a missing key.
pub(super) fn read(value: &Value, id: &str) -> Result<Rerun, Unreadable> {
    let malformed = |problem: String| Unreadable::malformed(KIND, problem);
    refuse_unknown(KIND, value, &["rerun", "parameters", "sameParameters", "key"])?;
    let run = match value.get("rerun") {
        // Not quoted: a message names jobs and kinds, and no other value of a body.
        Some(Value::String(run)) => run.parse().map_err(|_| malformed(NO_RUN.to_owned()))?,
        _ => return Err(malformed("`rerun` must be a string".to_owned())),
    };
    let parameters = parameters_of(KIND, value)?;
    let same_parameters = match value.get("sameParameters") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(same)) => *same,
        Some(_) => return Err(malformed("`sameParameters` must be true or false".to_owned())),
    };
    if same_parameters && !parameters.is_empty() {
        return Err(malformed("with `sameParameters` there can be no `parameters`".to_owned()));
    }
    Ok(Rerun { run, parameters, same_parameters, key: key_of(KIND, value, id)? })
}
