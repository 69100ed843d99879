//! EventBridge's patterns, as far as these templates use them
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>).

use serde_json::Value;

/// Whether the pattern lets the event through: every field named must hold, by any alternative.
pub(super) fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.iter().all(|(name, pattern)| matches(pattern, &event[name]))
        }
        Value::Array(alternatives) => {
            !event.is_null() && alternatives.iter().any(|alternative| holds(alternative, event))
        }
        other => panic!("{other} is no pattern"),
    }
}

fn holds(alternative: &Value, found: &Value) -> bool {
    let Value::Object(operator) = alternative else { return alternative == found };
    let (name, operand) = operator.iter().next().unwrap();
    assert_eq!(operator.len(), 1, "{alternative}");
    let text = found.as_str();
    match (name.as_str(), operand) {
        ("prefix", Value::String(prefix)) => text.is_some_and(|text| text.starts_with(prefix)),
        ("suffix", Value::String(suffix)) => text.is_some_and(|text| text.ends_with(suffix)),
        ("wildcard", Value::String(wildcard)) => {
            text.is_some_and(|text| wild(&tokens(wildcard), text))
        }
        ("numeric", Value::Array(range)) => {
            // Beyond five billion it compares none.
            let number = found.as_f64().filter(|number| number.abs() <= 5.0e9);
            number.is_some_and(|number| in_range(range, number))
        }
        _ => panic!("{alternative} is no operator these templates have"),
    }
}

fn in_range(range: &[Value], number: f64) -> bool {
    range.chunks(2).all(|pair| {
        let bound = pair[1].as_f64().unwrap();
        match pair[0].as_str().unwrap() {
            ">=" => number >= bound,
            "<=" => number <= bound,
            other => panic!("{other}"),
        }
    })
}

/// A wildcard pattern: `None` is any text.
fn tokens(wildcard: &str) -> Vec<Option<char>> {
    let mut found = Vec::new();
    let mut chars = wildcard.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => {
                assert_ne!(found.last(), Some(&None), "EventBridge refuses `**`: {wildcard}");
                found.push(None);
            }
            '\\' => {
                let escaped = chars.next().unwrap();
                assert!("*\\".contains(escaped), "EventBridge refuses it: {wildcard}");
                found.push(Some(escaped));
            }
            literal => found.push(Some(literal)),
        }
    }
    found
}

fn wild(pattern: &[Option<char>], text: &str) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((None, rest)) => {
            text.char_indices().any(|(at, _)| wild(rest, &text[at..])) || wild(rest, "")
        }
        Some((Some(literal), rest)) => {
            text.strip_prefix(*literal).is_some_and(|text| wild(rest, text))
        }
    }
}
