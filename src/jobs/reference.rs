//! The reference of jobs.yaml as Markdown, from its schema: what the types say of themselves is
//! said once.

use std::fmt::Write as _;

use serde_json::Value;

mod cells;

use cells::{default_of, described, properties, values_of};

/// What the page begins with.
const HEAD: &str = "\
<!-- Written by `make reference` from the types that read jobs.yaml: change their comments. -->

# jobs.yaml, key by key

You get: every key with what may stand there, its default and its limits, as the program itself has
them. How they work together is told in [jobs.md](jobs.md), [triggers.md](triggers.md) and
[retries-and-limits.md](retries-and-limits.md).

";

/// What is told of one definition of the schema.
struct Section<'a> {
    definition: &'a str,
    schema: &'a Value,
    /// Where it stands in the file; inside a job, without the job.
    places: Vec<String>,
}

/// Writes the reference of a schema.
pub fn markdown(schema: &Value) -> String {
    let mut sections = Vec::new();
    collect(schema, "", schema, &mut sections);
    // What any number of keys have comes last.
    sections.sort_by_key(|section| section.schema.get("title").is_some());
    let mut text = HEAD.to_owned() + &keys(schema, &sections);
    for (index, section) in sections.iter().enumerate() {
        _ = write!(text, "\n## {}\n\n{}", section.heading(), described(section.schema));
        text += &also(section);
        let mut earlier = sections.iter().take(index);
        let same = earlier.find(|earlier| shares_keys(earlier.schema, section.schema));
        text += &match same {
            Some(same) => rest(section, same, &sections),
            None => "\n\n".to_owned() + &keys(section.schema, &sections),
        };
        text += &choices(section.schema);
    }
    text.trim_end().to_owned() + "\n"
}

impl Section<'_> {
    /// Its first place, or its own name where any number of keys have it.
    fn heading(&self) -> &str {
        self.schema["title"]
            .as_str()
            .or(self.places.first().map(String::as_str))
            .unwrap_or_default()
    }
}

/// Notes every definition that something below `holder` refers to, in the order of the file.
fn collect<'a>(root: &'a Value, at: &str, holder: &'a Value, sections: &mut Vec<Section<'a>>) {
    for (key, property) in properties(holder) {
        let place = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        for (place, definition) in references(&place, property) {
            let place = place.strip_prefix("jobs.NAME.").unwrap_or(&place).to_owned();
            let schema = &root["$defs"][definition];
            if let Some(known) = sections.iter_mut().find(|known| known.definition == definition) {
                known.places.push(place);
                continue;
            }
            sections.push(Section { definition, schema, places: vec![place.clone()] });
            collect(root, &place, schema, sections);
        }
    }
}

/// The definitions that a property refers to, each with its place in the file.
fn references<'a>(place: &str, property: &'a Value) -> Vec<(String, &'a str)> {
    let entry = if place == "prices" { "REGION" } else { "NAME" };
    cells::parts(property)
        .into_iter()
        .filter_map(|(part, schema)| {
            let definition = schema["$ref"].as_str()?.strip_prefix("#/$defs/")?;
            let place = match part {
                cells::Part::Itself => place.to_owned(),
                cells::Part::Item => format!("{place}[]"),
                cells::Part::Entry => format!("{place}.{entry}"),
            };
            Some((place, definition))
        })
        .collect()
}

/// The other places of a section, unless it is no more than the kind of a value.
fn also(section: &Section<'_>) -> String {
    let others: Vec<_> = section.places.iter().skip(1).map(|place| format!("`{place}`")).collect();
    match others.is_empty() || section.schema.get("title").is_some() {
        true => String::new(),
        false => format!(" Also in {}.", others.join(", ")),
    }
}

/// Whether one object has most keys of another.
fn shares_keys(earlier: &Value, later: &Value) -> bool {
    let keys = properties(later);
    let shared = keys.iter().filter(|(key, schema)| earlier["properties"].get(key) == Some(schema));
    2 * shared.count() > keys.len()
}

/// The keys that an earlier section has not told of.
fn rest(section: &Section<'_>, same: &Section<'_>, sections: &[Section<'_>]) -> String {
    let mut own = section.schema.clone();
    let mut shared = Vec::new();
    for (key, schema) in properties(section.schema) {
        if same.schema["properties"].get(key) == Some(schema) {
            shared.push(format!("`{key}`"));
            own["properties"].as_object_mut().map(|keys| keys.remove(key));
        }
    }
    let link = cells::link(same.heading());
    format!("\n\nAs in {link}: {}.\n\n{}", shared.join(", "), keys(&own, sections))
}

/// The table of an object's keys.
fn keys(schema: &Value, sections: &[Section<'_>]) -> String {
    let keys = properties(schema);
    if keys.is_empty() {
        return String::new();
    }
    let heading = |definition: &str| {
        sections.iter().find(|section| section.definition == definition).map(Section::heading)
    };
    let mut text = "| key | what it is | value | default |\n|---|---|---|---|\n".to_owned();
    for (key, property) in keys {
        let default = match cells::is_required(schema, key) {
            true => "must be given".to_owned(),
            false => default_of(property),
        };
        let (what, values) = (described(property), values_of(property, &heading));
        _ = writeln!(text, "| `{key}` | {what} | {values} | {default} |");
    }
    text
}

/// The table of a choice's values.
fn choices(schema: &Value) -> String {
    let Some(choices) = schema["oneOf"].as_array() else { return String::new() };
    let mut text = "| value | what it is |\n|---|---|\n".to_owned();
    for choice in choices {
        let value = match (choice["const"].as_str(), choice["required"][0].as_str()) {
            (Some(value), _) => value.to_owned(),
            (None, Some(key)) => format!("{{ {key}: [..] }}"),
            (None, None) => continue,
        };
        _ = writeln!(text, "| `{value}` | {} |", described(choice));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_becomes_a_page() {
        let schema = json!({
            "required": ["jobs"],
            "properties": {
                "paint": { "description": "What it\nlooks like. Without it: red.", "$ref": "#/$defs/Colour" },
                "jobs": {
                    "description": "All | of them.",
                    "patternProperties": { "^a$": { "$ref": "#/$defs/Job" } },
                },
            },
            "$defs": {
                "Colour": {
                    "description": "A colour.",
                    "oneOf": [
                        { "const": "red", "description": "As blood." },
                        { "required": ["mix"], "description": "Of some." },
                    ],
                },
                "Job": {
                    "description": "A job.",
                    "properties": {
                        "colour": { "anyOf": [{ "$ref": "#/$defs/Colour" }, { "type": "null" }] },
                        "wait": { "$ref": "#/$defs/Period", "default": "30s" },
                        "codes": { "type": ["array", "null"], "items": { "type": "integer" } },
                        "tags": { "additionalProperties": { "type": "string" }, "default": {} },
                        "backoff": { "type": "object", "default": { "factor": 2.0, "on": ["a", 1] } },
                    },
                },
                "Period": { "type": "string", "title": "duration", "description": "Of time." },
            },
        });
        let page = markdown(&schema);
        insta::assert_snapshot!(page.strip_prefix(HEAD).unwrap_or(&page), @r"
        | key | what it is | value | default |
        |---|---|---|---|
        | `jobs` | All \| of them. | map to [jobs.NAME](#jobsname) | must be given |
        | `paint` | What it looks like. | [colour](#colour) | red |

        ## jobs.NAME

        A job.

        | key | what it is | value | default |
        |---|---|---|---|
        | `backoff` |  | object | `{ factor: 2, on: [a, 1] }` |
        | `codes` |  | list of whole number |  |
        | `colour` |  | [colour](#colour) |  |
        | `tags` |  | map to text |  |
        | `wait` |  | [duration](#duration) | `30s` |

        ## colour

        A colour. Also in `paint`.

        | value | what it is |
        |---|---|
        | `red` | As blood. |
        | `{ mix: [..] }` | Of some. |

        ## duration

        Of time.
        ");
    }
}
