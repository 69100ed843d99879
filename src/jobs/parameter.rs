//! Parameters of manual runs: declared by the job, held against type, pattern and length.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::nearest::nearest;
use super::problem::Problem;
use super::yaml::Path;
use crate::event::{Rerun, Values};

/// Characters of a parameter's value at most, unless `maxLength` says less.
const LENGTH_MAX: usize = 1024;
/// What the name of a template value begins with that is a parameter.
const PREFIX: &str = "parameters.";

/// A value a manual run may give, used as `{{ parameters.NAME }}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parameter {
    /// What it is for.
    pub description: Option<String>,
    /// What the value is. Without it: `string`.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// A regular expression that the whole value must match. Without it: any value.
    pub pattern: Option<String>,
    /// Characters at most: 1 to 1,024. Without it: 1,024.
    pub max_length: Option<usize>,
    /// The value when none is given. Without it: the parameter must be given.
    pub default: Option<String>,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ParameterType {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// Why the parameters of a manual run are refused. Values are never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not declared by the job.
    #[error("parameter `{name}` is not declared by the job{hint}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The nearest declared one, or all of them.
        hint: String,
    },
    /// Declared without a default and not given.
    #[error("parameter `{0}` is missing and has no default")]
    Missing(String),
    /// Given with a wrong value.
    #[error("parameter `{name}` {problem}")]
    Wrong {
        /// Its name.
        name: String,
        /// What its value must be.
        problem: Cow<'static, str>,
    },
}

impl Parameter {
    pub(super) fn check(&self, at: &Path, name: &str, problems: &mut Vec<Problem>) {
        if !is_parameter_name(name) {
            problems.push(
                Problem::error(
                    at.clone(),
                    format!("`{}` is no parameter name", name.escape_debug()),
                )
                .remedy("use 1 to 64 letters, digits and underscores, a letter first"),
            );
        }
        if let Some(pattern) = &self.pattern
            && let Err(error) = whole(pattern)
        {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            let last = last.strip_prefix("error: ").unwrap_or(last);
            problems.push(
                Problem::error(at.key("pattern"), format!("is no regular expression: {last}"))
                    .remedy("write it as https://docs.rs/regex/#syntax has it"),
            );
        }
        let before = problems.len();
        if self.max_length.is_some_and(|max| !(1..=LENGTH_MAX).contains(&max)) {
            problems.push(
                Problem::error(at.key("maxLength"), format!("must be from 1 to {LENGTH_MAX}"))
                    .remedy("write a number in that range, or leave it out"),
            );
        }
        // Held against a wrong length a default tells nothing new.
        if let Some(default) = &self.default
            && problems.len() == before
            && let Err(problem) = self.accept(&Value::String(default.clone()))
        {
            problems.push(
                Problem::error(at.key("default"), problem)
                    .remedy("write a value that a manual run may give, or leave it out"),
            );
        }
    }

    /// The value as text, or what it must be.
    fn accept(&self, value: &Value) -> Result<String, Cow<'static, str>> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err("must be a string, a number, true or false".into());
            }
        };
        match self.kind {
            ParameterType::Integer if text.parse::<i64>().is_err() => {
                return Err("must be a whole number".into());
            }
            ParameterType::Boolean if text != "true" && text != "false" => {
                return Err("must be true or false".into());
            }
            ParameterType::Integer | ParameterType::Boolean | ParameterType::String => {}
        }
        let length_max = self.max_length.unwrap_or(LENGTH_MAX);
        if text.chars().count() > length_max || text.contains('\0') {
            return Err(format!("must have at most {length_max} characters, without NUL").into());
        }
        match self.pattern.as_ref().map(|pattern| (pattern, whole(pattern))) {
            Some((pattern, Ok(regex))) if !regex.is_match(&text) => {
                Err(format!("must match `{pattern}`").into())
            }
            _ => Ok(text),
        }
    }
}

/// Holds what a manual event gave against what the job declares; the result has every declared
/// parameter, as template values.
pub fn accept(
    declared: &BTreeMap<String, Parameter>,
    given: &Map<String, Value>,
) -> Result<Values, ParameterError> {
    if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
        let names: Vec<&str> = declared.keys().map(String::as_str).collect();
        let hint = match (nearest(name, &names), names.as_slice()) {
            (Some(near), _) => format!(": did you mean `{near}`?"),
            (None, []) => ", which declares none".to_owned(),
            (None, names) => format!(", which has `{}`", names.join("`, `")),
        };
        let name: String = name.chars().take(64).collect();
        return Err(ParameterError::Unknown { name: name.escape_debug().to_string(), hint });
    }
    let mut values = Values::new();
    for (name, parameter) in declared {
        let text = match (given.get(name), &parameter.default) {
            (Some(value), _) => parameter
                .accept(value)
                .map_err(|problem| ParameterError::Wrong { name: name.clone(), problem })?,
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(ParameterError::Missing(name.clone())),
        };
        values.insert(format!("{PREFIX}{name}"), text);
    }
    Ok(values)
}

/// The values of a run for another one of the same job: its event's, and its parameters as far as
/// the job still declares them and the rerun gives no others. A parameter that is new has its
/// default.
pub fn accept_again(
    declared: &BTreeMap<String, Parameter>,
    rerun: &Rerun,
    earlier: &Values,
) -> Result<Values, ParameterError> {
    let mut wanted = Map::new();
    let mut values = Values::new();
    for (name, value) in earlier {
        match name.strip_prefix(PREFIX) {
            Some(parameter) => {
                wanted.insert(parameter.to_owned(), Value::String(value.clone()));
            }
            None => drop(values.insert(name.clone(), value.clone())),
        }
    }
    if rerun.same_parameters {
        refuse_changed(declared, &wanted)?;
    }
    wanted.retain(|name, _| declared.contains_key(name));
    wanted.extend(rerun.parameters.clone());
    values.extend(accept(declared, &wanted)?);
    Ok(values)
}

/// Refuses parameters of a run which are not those that its job declares now.
fn refuse_changed(
    declared: &BTreeMap<String, Parameter>,
    had: &Map<String, Value>,
) -> Result<(), ParameterError> {
    let gone = had.keys().find(|name| !declared.contains_key(*name));
    let new = declared.keys().find(|name| !had.contains_key(*name));
    let (name, problem) = match (gone, new) {
        (Some(gone), _) => (gone, "is not declared by the job any more"),
        (None, Some(new)) => (new, "was not declared when that run began"),
        (None, None) => return Ok(()),
    };
    let problem = format!("{problem}, so a rerun cannot have the same parameters");
    Err(ParameterError::Wrong { name: name.clone(), problem: problem.into() })
}

fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

fn is_parameter_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, Parameter> {
        let parameter = |kind, pattern: Option<&str>, default: Option<&str>| Parameter {
            kind,
            pattern: pattern.map(str::to_owned),
            default: default.map(str::to_owned),
            ..Parameter::default()
        };
        [
            ("day", parameter(ParameterType::String, Some(r"\d{4}-\d{2}-\d{2}"), None)),
            ("count", parameter(ParameterType::Integer, None, Some("1"))),
            ("dry", parameter(ParameterType::Boolean, None, Some("false"))),
        ]
        .map(|(name, parameter)| (name.to_owned(), parameter))
        .into()
    }

    #[test]
    fn parameters_are_held_against_their_declaration() {
        for (given, expected) in [
            (r#"{"day": "2026-11-24"}"#, "2026-11-24 1 false"),
            (r#"{"day": "2026-11-24", "count": 3, "dry": true}"#, "2026-11-24 3 true"),
            (r#"{"day": "2026-11-24", "count": "3"}"#, "2026-11-24 3 false"),
            (r#"{}"#, "parameter `day` is missing and has no default"),
            (r#"{"dya": "x"}"#, "parameter `dya` is not declared by the job: did you mean `day`?"),
            (r#"{"day": "x2026-11-24"}"#, r"parameter `day` must match `\d{4}-\d{2}-\d{2}`"),
            (r#"{"day": "2026-11-24", "count": 1.5}"#, "parameter `count` must be a whole number"),
            (r#"{"day": "2026-11-24", "dry": "yes"}"#, "parameter `dry` must be true or false"),
            (
                r#"{"day": ["2026-11-24"]}"#,
                "parameter `day` must be a string, a number, true or false",
            ),
        ] {
            let given: Map<String, Value> = serde_json::from_str(given).unwrap();
            let text = match accept(&declared(), &given) {
                Ok(values) => ["day", "count", "dry"]
                    .map(|name| values[&format!("parameters.{name}")].clone())
                    .join(" "),
                Err(error) => error.to_string(),
            };
            assert_eq!(text, expected);
        }
    }
}
