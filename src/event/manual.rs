//! A run somebody asked for: `{"job": .., "parameters": {..}, "key": ..}`.

use serde_json::{Map, Value, json};

use super::{Occurrence, Unreadable};
use crate::identity::JobName;

const KIND: &str = "manual event";
/// Characters of a caller's key at most.
const KEY_CHARS_MAX: usize = 256;

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

    pub(super) fn occurrence(&self) -> Occurrence {
        Occurrence::new("manual", [self.key.clone()])
    }
}

/// Reads a manual event; `id` stands in for a missing key.
pub(super) fn read(value: &Value, id: &str) -> Result<Manual, Unreadable> {
    let malformed = |problem: String| Unreadable::malformed(KIND, problem);
    let unknown = value
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys())
        .find(|key| !["job", "parameters", "key"].contains(&key.as_str()));
    if let Some(key) = unknown {
        let key: String = key.chars().take(80).collect();
        return Err(malformed(format!(
            "`{}` cannot be given; a manual event has `job`, `parameters` and `key`",
            key.escape_debug()
        )));
    }
    let job = match value.get("job") {
        Some(Value::String(job)) => job.parse().map_err(|error| malformed(format!("{error}")))?,
        _ => return Err(malformed("`job` must be a string".to_owned())),
    };
    let parameters = match value.get("parameters") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(parameters)) => parameters.clone(),
        Some(_) => return Err(malformed("`parameters` must be an object".to_owned())),
    };
    let key = match value.get("key") {
        None | Some(Value::Null) => id.to_owned(),
        Some(Value::String(key)) if (1..=KEY_CHARS_MAX).contains(&key.chars().count()) => {
            key.clone()
        }
        Some(_) => {
            let problem = format!("`key` must be a string of 1 to {KEY_CHARS_MAX} characters");
            return Err(malformed(problem));
        }
    };
    Ok(Manual { job, parameters, key })
}
