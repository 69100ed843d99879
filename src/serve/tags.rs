//! Tags of tasks and task definitions.

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::definitions;
use super::wire::{ApiError, Parameters, Tag, read as read_parameters};
use crate::ecs::local::served;

/// Tags of one resource, at most.
const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Reads a `tags` parameter, and refuses what ECS would.
pub(super) fn read(tags: Option<&Value>) -> Result<Vec<Tag>, ApiError> {
    let Some(tags) = tags else { return Ok(Vec::new()) };
    let tags: Vec<Tag> =
        Vec::deserialize(tags).map_err(|error| ApiError::Serialization(error.to_string()))?;
    if tags.len() > TAGS_MAX {
        return Err(ApiError::invalid("A resource can have at most 50 tags."));
    }
    for tag in &tags {
        let key = tag.key.chars().count();
        if !(1..=KEY_CHARS_MAX).contains(&key) || tag.value.chars().count() > VALUE_CHARS_MAX {
            return Err(ApiError::invalid(
                "A tag's key has 1 to 128 characters, its value 256 at most.",
            ));
        }
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::invalid(
                "A tag's key must not begin with aws:, which is AWS's own.",
            ));
        }
    }
    Ok(tags)
}

/// Sets tags beside those that are there.
pub(super) fn put(sqlite: &Connection, resource: &str, tags: &[Tag]) -> rusqlite::Result<()> {
    let mut set = sqlite.prepare_cached(
        "INSERT INTO tags (resource, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    for tag in tags {
        set.execute(params![resource, tag.key, tag.value])?;
    }
    Ok(())
}

/// The tags of a resource in ECS's own JSON.
pub(super) fn of(sqlite: &Connection, resource: &str) -> rusqlite::Result<Value> {
    let tags: Vec<Value> = sqlite
        .prepare_cached("SELECT key, value FROM tags WHERE resource = ?1 ORDER BY key")?
        .query_map([resource], |row| {
            let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(json!({ "key": key, "value": value }))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(json!(tags))
}

/// Gives one resource the tags of another.
pub(super) fn copy(sqlite: &Connection, from: &str, to: &str) -> rusqlite::Result<()> {
    sqlite.execute(
        "INSERT INTO tags (resource, key, value)
         SELECT ?2, key, value FROM tags WHERE resource = ?1",
        [from, to],
    )?;
    Ok(())
}

/// Takes all tags off a resource.
pub(super) fn clear(sqlite: &Connection, resource: &str) -> rusqlite::Result<()> {
    sqlite.execute("DELETE FROM tags WHERE resource = ?1", [resource])?;
    Ok(())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    resource_arn: String,
    tag_keys: Vec<String>,
}

/// TagResource.
pub(super) fn tag_resource(
    sqlite: &Connection,
    parameters: &Parameters,
) -> Result<Value, ApiError> {
    let arn = resource(sqlite, parameters)?.resource_arn;
    let new = read(parameters.get("tags"))?;
    let there = of(sqlite, &arn)?;
    let kept = there.as_array().into_iter().flatten();
    let kept = kept.filter(|old| new.iter().all(|tag| old["key"] != tag.key.as_str())).count();
    if kept + new.len() > TAGS_MAX {
        return Err(ApiError::invalid("A resource can have at most 50 tags."));
    }
    put(sqlite, &arn, &new)?;
    Ok(json!({}))
}

/// UntagResource.
pub(super) fn untag_resource(
    sqlite: &Connection,
    parameters: &Parameters,
) -> Result<Value, ApiError> {
    let input = resource(sqlite, parameters)?;
    for key in &input.tag_keys {
        sqlite.execute(
            "DELETE FROM tags WHERE resource = ?1 AND key = ?2",
            [&input.resource_arn, key],
        )?;
    }
    Ok(json!({}))
}

/// ListTagsForResource.
pub(super) fn list(sqlite: &Connection, parameters: &Parameters) -> Result<Value, ApiError> {
    let arn = resource(sqlite, parameters)?.resource_arn;
    Ok(json!({ "tags": of(sqlite, &arn)? }))
}

/// Reads which resource is meant; it must be there.
fn resource(sqlite: &Connection, parameters: &Parameters) -> Result<Input, ApiError> {
    let input: Input = read_parameters(parameters)?;
    let arn = input.resource_arn.as_str();
    let there = if arn.contains(":task-definition/") {
        definitions::find(sqlite, arn)?.is_some_and(|kept| kept.arn() == arn)
    } else {
        served::find(sqlite, arn)?.is_some()
    };
    match there {
        true => Ok(input),
        false => Err(ApiError::ResourceNotFound(format!(
            "The specified resource {arn} could not be found."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_ecs_would_not_take_are_refused() {
        let many: Vec<Value> =
            (0..51).map(|n| json!({ "key": format!("k{n}"), "value": "" })).collect();
        let one = |key: &str, value: &str| json!([{ "key": key, "value": value }]);
        for (tags, good) in [
            (json!([]), true),
            (one("k", ""), true),
            (one(&"k".repeat(128), &"v".repeat(256)), true),
            (one(&"k".repeat(129), ""), false),
            (one("k", &"v".repeat(257)), false),
            (one("", "v"), false),
            (one("AWS:x", "v"), false),
            (json!(many), false),
            (json!("k=v"), false),
        ] {
            assert_eq!(read(Some(&tags)).is_ok(), good, "{tags}");
        }
    }
}
