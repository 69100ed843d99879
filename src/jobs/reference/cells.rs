//! What stands in the cells of the reference's tables.

use serde_json::{Map, Value};

/// How a property uses another schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The value is one.
    Itself,
    /// Each item of the list is one.
    Item,
    /// Each entry of the map is one.
    Entry,
}

/// The schemas that a property's value consists of.
pub(super) fn parts(property: &Value) -> Vec<(Part, &Value)> {
    let one_of = property["anyOf"].as_array().into_iter().flatten();
    let patterns = property["patternProperties"].as_object().into_iter().flat_map(Map::values);
    let others = property.get("additionalProperties").filter(|others| others.is_object());
    std::iter::once(property)
        .chain(one_of)
        .map(|schema| (Part::Itself, schema))
        .chain(property.get("items").map(|schema| (Part::Item, schema)))
        .chain(patterns.chain(others).map(|schema| (Part::Entry, schema)))
        .collect()
}

/// The keys of an object, those first that must be given.
pub(super) fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    let mut found: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    found.sort_by_key(|(key, _)| !is_required(schema, key));
    found
}

pub(super) fn is_required(schema: &Value, key: &str) -> bool {
    schema["required"].as_array().into_iter().flatten().any(|required| required == key)
}

/// What a description says of a key that is not there.
const WITHOUT_IT: &str = "Without it: ";

/// A description as one line of a table, but for what stands there by default.
pub(super) fn described(schema: &Value) -> String {
    let text = one_line(schema);
    match split(&text) {
        Some((before, _, after)) => format!("{} {}", before.trim_end(), after).trim().to_owned(),
        None => text,
    }
}

fn one_line(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// What is before, in and after the sentence that tells the default.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(WITHOUT_IT)?;
    let (default, after) = rest.split_once(". ").unwrap_or((rest.trim_end_matches('.'), ""));
    Some((before, default, after))
}

/// What may stand there; what has a section of its own is a link to it.
pub(super) fn values_of<'a>(
    property: &Value,
    heading: &impl Fn(&str) -> Option<&'a str>,
) -> String {
    let found: Vec<_> = parts(property)
        .into_iter()
        .filter_map(|(part, schema)| Some((part, one_value(schema, heading)?)))
        .collect();
    let inner = found.iter().find(|(part, _)| *part != Part::Itself).or(found.first());
    match inner {
        Some((Part::Itself, value)) => value.clone(),
        Some((Part::Item, value)) => format!("list of {value}"),
        Some((Part::Entry, value)) => format!("map to {value}"),
        None => String::new(),
    }
}

fn one_value<'a>(schema: &Value, heading: &impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    if let Some(definition) = schema["$ref"].as_str() {
        return heading(definition.strip_prefix("#/$defs/")?).map(link);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str())?;
    let plain = match kind {
        "string" => "text",
        "integer" => "whole number",
        "boolean" => "`true`, `false`",
        "null" => return None,
        other => other,
    };
    Some(plain.to_owned())
}

/// A default as YAML has it, or as the description tells it; nothing where there is none.
pub(super) fn default_of(property: &Value) -> String {
    match &property["default"] {
        Value::Object(map) if map.is_empty() => String::new(),
        Value::Null => {
            let text = one_line(property);
            split(&text).map_or_else(String::new, |(_, default, _)| default.to_owned())
        }
        default => format!("`{}`", flow(default)),
    }
}

/// A value in YAML's flow style, as far as defaults need it.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Number(number) => number.as_f64().unwrap_or_default().to_string(),
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

/// A link to a section of the page, by the name that web pages of Markdown give it.
pub(super) fn link(heading: &str) -> String {
    let anchor: String = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    format!("[{heading}](#{anchor})")
}
