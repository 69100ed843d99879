//! Reads a CloudFormation template: YAML with short tags, which become the long form.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value, json};

/// A file of the repository.
pub(crate) fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    parse(&fs::read_to_string(path).unwrap())
}

/// A template in the long form.
pub(super) fn parse(text: &str) -> Value {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    let first = events.find(|event| {
        matches!(event, Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..))
    });
    node(first.unwrap(), &mut events)
}

fn node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, style, _, tag) => {
            let value = if style == ScalarStyle::Plain && tag.is_none() {
                plain(&text)
            } else {
                json!(text)
            };
            tagged(tag.as_ref(), value)
        }
        Event::SequenceStart(_, tag) => {
            let mut items = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => break,
                    event => items.push(node(event, events)),
                }
            }
            tagged(tag.as_ref(), Value::Array(items))
        }
        Event::MappingStart(_, tag) => {
            let mut entries = Map::new();
            loop {
                match events.next().unwrap() {
                    Event::MappingEnd => break,
                    event => {
                        let key = match node(event, events) {
                            Value::String(key) => key,
                            other => other.to_string(),
                        };
                        let value = node(events.next().unwrap(), events);
                        assert!(entries.insert(key.clone(), value).is_none(), "{key} twice");
                    }
                }
            }
            tagged(tag.as_ref(), Value::Object(entries))
        }
        other => panic!("{other:?} is nothing a template has"),
    }
}

fn plain(text: &str) -> Value {
    match text {
        "true" => json!(true),
        "false" => json!(false),
        "" | "null" | "~" => Value::Null,
        _ => text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number)),
    }
}

/// `!GetAtt A.Arn` is `{"Fn::GetAtt": ["A", "Arn"]}`.
fn tagged(tag: Option<&Cow<'_, Tag>>, value: Value) -> Value {
    match (tag.map(|tag| tag.suffix.as_str()), value) {
        (None, value) => value,
        (Some("Ref"), value) => json!({ "Ref": value }),
        (Some("GetAtt"), Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap();
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (Some(name @ ("Sub" | "If" | "Not" | "Equals")), value) => {
            json!({ format!("Fn::{name}"): value })
        }
        (Some(other), _) => panic!("nobody taught this reader `!{other}`"),
    }
}
