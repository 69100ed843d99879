//! One mistake on its way from the value at fault up to the top, in the words of YAML: serde's own
//! name Rust types.

use std::fmt::Display;
use std::ops::Range;

use serde::de;

use crate::jobs::nearest::nearest;
use crate::jobs::problem::Problem;
use crate::jobs::yaml::{MERGE_KEY, Node, Path, Segment, Value};

/// The remedy where nothing more fitting is known.
const LOOK_UP: &str = "write what docs/reference.md has for this key";
/// Keys that are looked for where they are not, each with a key that is there and what to do.
const ELSEWHERE: [(&str, &str, &str); 1] = [(
    "parameters",
    "scheduleName",
    "a schedule starts with the defaults of the job's `parameters`; make a second job for other \
     values",
)];
/// The longest value that is quoted in full, in characters.
const QUOTED_CHARS_MAX: usize = 60;

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Error {
    message: String,
    remedy: Option<Box<str>>,
    pub(super) kind: Kind,
    pub(super) span: Option<Range<usize>>,
    /// The way to the value that has to go, innermost step first.
    steps: Vec<Segment>,
    /// Whether it comes only of what was left out before.
    pub(super) is_echo: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Value,
    Key,
    Missing(&'static str),
    /// A key that is not known, and the known one that may be meant.
    Unknown(Option<&'static str>),
}

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: None,
            kind: Kind::Value,
            span: None,
            steps: Vec::new(),
            is_echo: false,
        }
    }

    /// One that comes only of what was made up, and so is not told.
    pub(super) fn echo() -> Self {
        Self { is_echo: true, ..Self::new("has something missing") }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<Box<str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Places an error that has no place yet at `node`.
    pub(super) fn at(mut self, node: &Node) -> Self {
        if self.span.is_none() {
            self.span = Some(node.span.clone());
            self.is_echo |= match (self.kind, &node.value) {
                (Kind::Missing(field), Value::Mapping(entries)) => {
                    let is_cause = |key: &str| key == field || key == MERGE_KEY;
                    let left_out = |(key, value): &(Node, Node)| {
                        !value.is_read() && key.text().is_some_and(is_cause)
                    };
                    entries.iter().any(left_out)
                }
                _ => node.has_unread(),
            };
        }
        self
    }

    /// Adds the step that led to the value at fault.
    pub(super) fn within(mut self, step: Segment) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds the step by `key`, which is underlined when the value itself is not the place to
    /// look: because something is missing from it, or because there is nothing there.
    pub(super) fn under(mut self, key: &Node) -> Self {
        let is_absent = matches!(self.kind, Kind::Missing(_))
            || self.span.as_ref().is_some_and(Range::is_empty);
        if self.steps.is_empty() && is_absent {
            self.span = Some(key.span.clone());
        }
        self.within(Segment::Key(key.text().unwrap_or_default().to_owned()))
    }

    /// Places an error in the entry of `key`, at the key.
    pub(super) fn of_key(mut self, key: &Node) -> Self {
        if matches!(self.kind, Kind::Value) && !self.is_echo {
            self.kind = Kind::Key;
        }
        self.at(key).under(key)
    }

    pub(super) fn path(&self) -> Path {
        self.steps.iter().rev().cloned().collect()
    }

    /// The known key that a misspelt one may be.
    pub(super) fn meant(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Unknown(meant) => meant,
            _ => None,
        }
    }

    pub(super) fn into_problem(self) -> Problem {
        let path = match self.kind {
            // The message names the key, so the path is that of the mapping.
            Kind::Unknown(_) => self.steps.iter().skip(1).rev().cloned().collect(),
            _ => self.path(),
        };
        let remedy = self.remedy.as_deref().unwrap_or(LOOK_UP);
        Problem { span: self.span, ..Problem::error(path, self.message).remedy(remedy) }
    }
}

impl de::Error for Error {
    /// Our own types say what is wrong and, after the last colon, what to write.
    fn custom<M: Display>(message: M) -> Self {
        let text = message.to_string();
        match text.rsplit_once(": ") {
            Some((message, remedy)) => Self::new(message).remedy(remedy),
            None => Self::new(text),
        }
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let must = one_of(expected);
        let remedy = nearest(found, expected).map_or_else(|| format!("write {must}"), did_you_mean);
        Self::new(format!("is {}, must be {must}", quote(found))).remedy(remedy)
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        let meant = nearest(found, expected);
        let is_elsewhere =
            |(key, beside, _): &&(&str, &str, &str)| *key == found && expected.contains(beside);
        let remedy = match (ELSEWHERE.iter().find(is_elsewhere), meant) {
            (Some((_, _, remedy)), _) => (*remedy).to_owned(),
            (None, Some(meant)) => did_you_mean(meant),
            (None, None) => format!("the keys allowed here are {}", list(expected, "and")),
        };
        let error = Self::new(format!("unknown key `{}`", shorten(found))).remedy(remedy);
        Self { kind: Kind::Unknown(meant), ..error }
    }

    fn missing_field(field: &'static str) -> Self {
        let error = Self::new(format!("has no `{field}`")).remedy(format!("add `{field}:`"));
        Self { kind: Kind::Missing(field), ..error }
    }
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// Names as in a sentence.
pub(super) fn list(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {conjunction} {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

pub(super) fn one_of(names: &[&str]) -> String {
    let prefix = if names.len() > 1 { "one of " } else { "" };
    format!("{prefix}{}", list(names, "or"))
}

/// A value as it is shown in a message: bare when that is clear.
pub(super) fn quote(text: &str) -> String {
    let is_clear = |c: char| c.is_ascii_graphic() || c.is_alphanumeric();
    if !text.is_empty() && text.chars().all(is_clear) {
        return shorten(text);
    }
    format!("'{}'", shorten(text))
}

/// A text no longer than a message can bear, and without what would break its line.
pub(super) fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let escape = |c: char| {
        if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
    };
    shown.chars().map(escape).collect()
}
