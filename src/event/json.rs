//! The strict door for JSON: bounded in size and depth before it is parsed, no name twice in one
//! object, no characters that no program could be given.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Unreadable;

/// Bytes of one message at most. S3 and ECS events are a few KiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a whole payload at most: Lambda's own limit for an invocation.
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Brackets within each other at most.
const DEPTH_MAX: usize = 64;

/// Parses a Lambda payload, which may be a batch of messages. What no program could be given is
/// let through: in one message it must not hurt the others.
pub(super) fn parse_payload(bytes: &[u8]) -> Result<Value, Unreadable> {
    parse(bytes, PAYLOAD_BYTES_MAX)
}

/// Parses one message.
pub(super) fn parse_message(bytes: &[u8]) -> Result<Value, Unreadable> {
    without_nul(parse(bytes, MESSAGE_BYTES_MAX)?)
}

/// Refuses what no argument or environment value can hold.
pub(super) fn without_nul(value: Value) -> Result<Value, Unreadable> {
    if holds_nul(&value) {
        return Err(Unreadable::NotJsonObject("a string holds the character NUL".to_owned()));
    }
    Ok(value)
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(object) => object.iter().any(|(key, v)| key.contains('\0') || holds_nul(v)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn parse(bytes: &[u8], bytes_max: usize) -> Result<Value, Unreadable> {
    if bytes.len() > bytes_max {
        let problem = format!("{} bytes, at most {bytes_max} are read", bytes.len());
        return Err(Unreadable::TooLarge(problem));
    }
    if depth(bytes) > DEPTH_MAX {
        let problem = format!("more than {DEPTH_MAX} brackets within each other");
        return Err(Unreadable::TooLarge(problem));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Unreadable::NotJsonObject(format!("not UTF-8: {error}")))?;
    match serde_json::from_str::<Unique>(text) {
        Ok(Unique(value @ Value::Object(_))) => Ok(value),
        Ok(Unique(other)) => Err(Unreadable::NotJsonObject(format!("it is {}", name(&other)))),
        Err(error) => Err(explain(text, &error)),
    }
}

/// The deepest bracket, counted without parsing so that no nesting can exhaust the stack.
fn depth(bytes: &[u8]) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn explain(text: &str, error: &serde_json::Error) -> Unreadable {
    let message = error.to_string();
    if let Some(key) = message.strip_prefix(DUPLICATE) {
        let key = key.split('\u{0}').next().unwrap_or_default();
        return Unreadable::DuplicateKey(key.escape_debug().to_string());
    }
    let trimmed = text.trim_start();
    Unreadable::NotJsonObject(if trimmed.is_empty() {
        "it is empty".to_owned()
    } else if trimmed.starts_with('\u{feff}') {
        "it begins with a byte order mark".to_owned()
    } else if trimmed.starts_with(['{', '[']) {
        message
    } else {
        "it is not JSON (base64 or gzip are not unpacked)".to_owned()
    })
}

/// Marks our own error within serde's text; the NUL ends the key.
const DUPLICATE: &str = "duplicate key \u{0}";

/// A JSON value without duplicate keys.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let Unique(value) = entries.next_value()?;
            if object.contains_key(&key) {
                let shown: String = key.chars().take(80).collect();
                return Err(A::Error::custom(format!("{DUPLICATE}{shown}\0")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
