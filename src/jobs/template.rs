//! Templates in argv elements and environment values: `{{ key }}`, `{{ scheduledTime | date }}`.
//!
//! A text is filled in one pass and what was inserted is never looked at again, so an object key
//! that reads `{{ runId }}` stays that. Nothing here ever meets a shell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::event::Values;

/// Why a template cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The event has no value for these placeholders.
    #[error("this event has no value for {0}")]
    NoValue(String),
    /// Whatever the event.
    #[error("{message}")]
    Wrong {
        /// What is wrong.
        message: String,
        /// What to write instead.
        remedy: &'static str,
    },
}

impl TemplateError {
    /// What to write instead.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoValue(_) => DEFAULT,
            Self::Wrong { remedy, .. } => remedy,
        }
    }
}

const ESCAPE: &str =
    "write it like `{{ key }}`, or `{{ '{{' }}` for two braces that are no placeholder";
const DEFAULT: &str = "add `| default('')` to the placeholder";
const FILTERS: &str = "use `date`, or one of https://docs.rs/minijinja/latest/minijinja/filters/";
const EXAMPLE: &str = "write it like `{{ key | upper }}` or \
                       `{{ scheduledTime | date('%Y/%m', 'Europe/Paris') }}`";

impl From<Error> for TemplateError {
    fn from(error: Error) -> Self {
        // Never `{:#}`: that prints the values of the variables.
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        // The kind's own words in front of the detail would only hide it.
        match error.kind() {
            ErrorKind::UndefinedError => Self::NoValue("a placeholder".to_owned()),
            ErrorKind::SyntaxError => {
                Self::Wrong { message: format!("is no template: {detail}"), remedy: ESCAPE }
            }
            ErrorKind::UnknownFilter => Self::Wrong { message: detail, remedy: FILTERS },
            _ => Self::Wrong { message: detail, remedy: EXAMPLE },
        }
    }
}

/// Whether a text has placeholders. A text without any is taken as it stands, so that a shell's
/// `${#name}` never means anything here.
pub fn has_placeholder(text: &str) -> bool {
    text.contains("{{")
}

/// Whether what is inserted comes first in the text, so that it decides whether the whole begins
/// with a dash.
pub fn begins_with_placeholder(text: &str) -> bool {
    text.trim_start().starts_with("{{")
}

/// The names a template asks for: `key`, `parameters.day`.
pub fn names(text: &str) -> Result<BTreeSet<String>, TemplateError> {
    if !has_placeholder(text) {
        return Ok(BTreeSet::new());
    }
    let template = ENVIRONMENT.template_from_str(text)?;
    Ok(template.undeclared_variables(true).into_iter().collect())
}

/// Fills a template with `values` (names may be `parameters.NAME`).
pub fn fill(text: &str, values: &Values) -> Result<String, TemplateError> {
    if !has_placeholder(text) {
        return Ok(text.to_owned());
    }
    let filled = ENVIRONMENT.render_str(text, context(values)).map_err(|error| {
        // Name what is missing: minijinja only says that something is.
        if error.kind() == ErrorKind::UndefinedError {
            let missing: Vec<String> = names(text)
                .unwrap_or_default()
                .into_iter()
                .filter(|name| !values.contains_key(name))
                .map(|name| format!("`{name}`"))
                .collect();
            // A known name may lack a part: `key.x`.
            let some = !missing.is_empty();
            let missing = if some { missing.join(", ") } else { "a placeholder".to_owned() };
            return TemplateError::NoValue(missing);
        }
        TemplateError::from(error)
    })?;
    if filled.contains('\0') {
        let message = "the filled text holds the character NUL".to_owned();
        let remedy = "remove it: no program can be given one";
        return Err(TemplateError::Wrong { message, remedy });
    }
    Ok(filled)
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(
        SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default(),
    );
    environment.add_filter("date", date);
    environment
});

fn context(values: &Values) -> BTreeMap<&str, Value> {
    let mut context = BTreeMap::new();
    let mut parameters: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in values {
        match name.strip_prefix("parameters.") {
            Some(parameter) => drop(parameters.insert(parameter, value)),
            None => drop(context.insert(name.as_str(), Value::from(value.as_str()))),
        }
    }
    context.insert("parameters", Value::from_pairs(parameters));
    context
}

/// `{{ scheduledTime | date }}`, `{{ scheduledTime | date("%Y/%m") }}`,
/// `{{ scheduledTime | date("%F", "Europe/Paris") }}`. UTC unless a zone is given.
fn date(time: &str, format: Option<&str>, zone: Option<&str>) -> Result<String, Error> {
    let invalid = |problem: String| Error::new(ErrorKind::InvalidOperation, problem);
    let time: Timestamp =
        time.parse().map_err(|_| invalid("`date` takes a time like scheduledTime".to_owned()))?;
    let zone = match zone {
        None => TimeZone::UTC,
        Some(name) => {
            TimeZone::get(name).map_err(|_| invalid(format!("`{name}` is no IANA time zone")))?
        }
    };
    let local = time.to_zoned_datetime(zone);
    jiff::fmt::strtime::format(format.unwrap_or("%F"), &local)
        .map_err(|_| invalid("the format of `date` is not strftime's".to_owned()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn values() -> Values {
        [
            ("key", "in/a b.png"),
            ("scheduledTime", "2026-11-24T23:30:00Z"),
            ("parameters.day", "{{ key }}"),
            ("name", "{{ key }}"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn placeholders_are_filled_once_and_insertions_left_alone() {
        for (text, filled) in [
            ("plain", "plain"),
            ("${#name} {% raw %}", "${#name} {% raw %}"),
            ("{{ key }}", "in/a b.png"),
            ("--file={{key}}", "--file=in/a b.png"),
            ("{{ name }}", "{{ key }}"),
            ("{{ parameters.day }}", "{{ key }}"),
            ("{{ key | upper }}", "IN/A B.PNG"),
            ("{{ key | split('/') | last }}", "a b.png"),
            ("{{ versionId | default('none') }}", "none"),
            ("{{ scheduledTime | date }}", "2026-11-24"),
            ("{{ scheduledTime | date('%d.%m.') }}", "24.11."),
            ("{{ scheduledTime | date('%F', 'Europe/Paris') }}", "2026-11-25"),
            ("{{ key }}\n", "in/a b.png\n"),
        ] {
            assert_eq!(fill(text, &values()).as_deref(), Ok(filled), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_is_named_without_its_value() {
        for (text, problem) in [
            ("{{ bucket }}", "this event has no value for `bucket`"),
            ("{{ parameters.other }}", "this event has no value for `parameters.other`"),
            ("{{ key", "is no template: unexpected end"),
            ("{{ key | nope }}", "filter nope is unknown"),
            ("{{ key | date }}", "`date` takes a time"),
            ("{{ scheduledTime | date('%F', 'Mars/X') }}", "no IANA time zone"),
        ] {
            let error = fill(text, &values()).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
            assert!(!error.contains("a b.png"), "{error}");
        }
    }
}
