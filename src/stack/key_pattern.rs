//! The keys of an S3 trigger as EventBridge patterns.
//!
//! The patterns of one field are alternatives: a prefix *and* a suffix cannot be said as two of
//! them, but as one with a wildcard between
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>).

use serde_json::{Value, json};

use crate::jobs::problem::Problem;
use crate::jobs::{Path, S3Trigger};

/// Wildcards in one pattern at most: EventBridge refuses patterns that take it too long, and says
/// no number; with this many it has not refused any we know of.
const WILDCARDS_MAX: usize = 5;

/// Alternatives for `detail.object.key`; `Some(None)` for every key, `None` after a problem.
#[expect(clippy::option_option, reason = "every key is not the same as no pattern")]
pub(super) fn key_pattern(
    trigger: &S3Trigger,
    at: &Path,
    problems: &mut Vec<Problem>,
) -> Option<Option<Vec<Value>>> {
    let ends = of_ends(trigger.prefix.as_deref(), trigger.suffix.as_deref());
    let Some(glob) = trigger.glob.as_deref() else { return Some(ends) };
    let literals = |text: Option<&str>| text.map_or(0, str::len);
    let in_ends = literals(trigger.prefix.as_deref()) + literals(trigger.suffix.as_deref());
    let in_glob = glob.chars().filter(|c| !"*?".contains(*c)).map(char::len_utf8).sum::<usize>();
    // All of it must hold, and one pattern is all there is: the one that says more.
    if in_ends >= in_glob {
        return Some(ends);
    }
    let pattern = of_glob(glob);
    let wildcards = glob_wildcards(glob);
    if wildcards > WILDCARDS_MAX {
        let message = format!(
            "has {wildcards} wildcards apart from each other, EventBridge takes {WILDCARDS_MAX} \
             for certain"
        );
        problems.push(Problem::error(at.key("glob"), message).remedy(
            "use fewer `*` and `?`, or `prefix` and `suffix`, and let the task look at the rest",
        ));
        return None;
    }
    Some(Some(vec![pattern]))
}

/// Keys with this beginning and this end.
fn of_ends(prefix: Option<&str>, suffix: Option<&str>) -> Option<Vec<Value>> {
    match (prefix, suffix) {
        (None, None) => None,
        (Some(prefix), None) => Some(vec![json!({ "prefix": prefix })]),
        (None, Some(suffix)) => Some(vec![json!({ "suffix": suffix })]),
        (Some(prefix), Some(suffix)) => {
            let between = format!("{}*{}", escape(prefix), escape(suffix));
            let mut patterns = vec![json!({ "wildcard": between })];
            patterns.extend(overlaps(prefix, suffix).map(Value::String));
            Some(patterns)
        }
    }
}

/// The keys in which the two share characters, which no wildcard between them matches: `aba` begins
/// with `ab` and ends with `ba`.
fn overlaps(prefix: &str, suffix: &str) -> impl Iterator<Item = String> {
    let shared = move |end: usize| {
        let (head, tail) = (suffix.get(..end)?, suffix.get(end..)?);
        prefix.ends_with(head).then(|| format!("{prefix}{tail}"))
    };
    (1..=prefix.len().min(suffix.len())).filter_map(shared)
}

/// A glob: EventBridge has no sign for one character, so `?` is any text there.
fn of_glob(glob: &str) -> Value {
    let mut pattern = String::new();
    let mut wild = false;
    for c in glob.chars() {
        let is_wildcard = matches!(c, '*' | '?');
        match c {
            // It refuses two in a row, which mean no more than one.
            '*' | '?' if wild => {}
            '*' | '?' => pattern.push('*'),
            literal => pattern.push_str(&escape(literal.encode_utf8(&mut [0; 4]))),
        }
        wild = is_wildcard;
    }
    if glob_wildcards(glob) == 0 { json!(glob) } else { json!({ "wildcard": pattern }) }
}

/// The wildcards that are left when those in a row are one.
fn glob_wildcards(glob: &str) -> usize {
    glob.split(|c| !matches!(c, '*' | '?')).filter(|wildcards| !wildcards.is_empty()).count()
}

/// A text that means itself between wildcards.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('*', r"\*")
}
