//! A run somebody asked for: `{"job": .., "parameters": {..}, "key": ..}`.

use serde_json::{Map, Value, json};

use super::{Occurrence, Unreadable};
use crate::identity::{JobName, RunId, quote};

const KIND: &str = "manual event";
/// Characters of a caller's key at most.
pub const KEY_CHARS_MAX: usize = 256;

/// A request for one run of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct Manual {
    /// The job.
    pub job: JobName,
    /// Parameters, not yet held against what the job declares.
    pub parameters: Map<String, Value>,
    /// What makes a repetition of the request the same: the caller's key, else the delivery's id.
    pub key: String,
}

impl Manual {
    /// The event.
    pub fn to_json(&self) -> Value {
        json!({ "job": self.job, "parameters": self.parameters, "key": self.key })
    }

    /// The run that it asks for.
    pub fn run_id(&self) -> RunId {
        self.occurrence().run_id(&self.job)
    }

    pub(super) fn occurrence(&self) -> Occurrence {
        Occurrence::new("manual", [self.key.clone()])
    }
}

/// Reads a manual event; `id` stands in for a missing key.
pub(super) fn read(value: &Value, id: &str) -> Result<Manual, Unreadable> {
    let malformed = |problem: String| Unreadable::malformed(KIND, problem);
    refuse_unknown(KIND, value, &["job", "parameters", "key"])?;
    let job = match value.get("job") {
        Some(Value::String(job)) => job.parse().map_err(|error| malformed(format!("{error}")))?,
        _ => return Err(malformed("`job` must be a string".to_owned())),
    };
    let parameters = parameters_of(KIND, value)?;
    Ok(Manual { job, parameters, key: key_of(KIND, value, id)? })
}

/// Refuses a field that a person's event cannot have: what is meant by it would not be done.
pub(super) fn refuse_unknown(
    kind: &'static str,
    value: &Value,
    known: &[&str],
) -> Result<(), Unreadable> {
    let keys = value.as_object().into_iter().flat_map(|object| object.keys());
    let Some(key) = keys.into_iter().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    let (last, first) = known.split_last().unwrap_or((&"", &[]));
    let known = format!("`{}` and `{last}`", first.join("`, `"));
    Err(Unreadable::malformed(kind, format!("`{}` cannot be given; it has {known}", quote(key))))
}

/// The parameters that a person's event gives.
pub(super) fn parameters_of(
    kind: &'static str,
    value: &Value,
) -> Result<Map<String, Value>, Unreadable> {
    match value.get("parameters") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(parameters)) => Ok(parameters.clone()),
        Some(_) => Err(Unreadable::malformed(kind, "`parameters` must be an object")),
    }
}

/// The key of a person's event; `id` stands in for a missing one.
pub(super) fn key_of(kind: &'static str, value: &Value, id: &str) -> Result<String, Unreadable> {
    match value.get("key") {
        None | Some(Value::Null) => Ok(id.to_owned()),
        Some(Value::String(key)) if (1..=KEY_CHARS_MAX).contains(&key.chars().count()) => {
            Ok(key.clone())
        }
        Some(_) => {
            let problem = format!("`key` must be a string of 1 to {KEY_CHARS_MAX} characters");
            Err(Unreadable::malformed(kind, problem))
        }
    }
}
