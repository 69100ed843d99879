//! Task definitions: registered, each under the next revision of its family, and found again by
//! family, by family:revision or by ARN.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::definition::{self, Definition};
use super::tags;
use super::wire::{ApiError, Page, Parameters, Tag, epoch, read};

const ARN: &str = "arn:aws:ecs:local:000000000000:task-definition/";
const ACTIVE: &str = "ACTIVE";
const INACTIVE: &str = "INACTIVE";

/// A task definition as it is kept.
pub(super) struct Kept {
    pub(super) family: String,
    pub(super) revision: i64,
    active: bool,
    /// In ECS's own JSON.
    body: Value,
}

impl Kept {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (status, body): (String, String) = (row.get(2)?, row.get(3)?);
        Ok(Self {
            family: row.get(0)?,
            revision: row.get(1)?,
            active: status == ACTIVE,
            body: serde_json::from_str(&body).unwrap_or_default(),
        })
    }

    pub(super) fn arn(&self) -> String {
        format!("{ARN}{}:{}", self.family, self.revision)
    }

    /// What it says, as far as a task here needs it.
    pub(super) fn definition(&self) -> Result<Definition, ApiError> {
        // It was read before it was kept.
        Definition::deserialize(&self.body).map_err(|error| ApiError::Server(error.to_string()))
    }

    /// In ECS's own JSON.
    fn to_json(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(body) = body.as_object_mut() {
            body.insert("taskDefinitionArn".to_owned(), json!(self.arn()));
            body.insert("revision".to_owned(), json!(self.revision));
            let status = if self.active { ACTIVE } else { INACTIVE };
            body.insert("status".to_owned(), json!(status));
        }
        body
    }
}

const COLUMNS: &str = "SELECT family, revision, status, body FROM task_definitions";

/// Finds what `family`, `family:revision` or an ARN means; a family is its newest active revision.
pub(super) fn find(sqlite: &Connection, name: &str) -> rusqlite::Result<Option<Kept>> {
    let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    match name.rsplit_once(':') {
        Some((family, revision)) => {
            let Ok(revision) = revision.parse::<i64>() else { return Ok(None) };
            sqlite
                .prepare_cached(&format!("{COLUMNS} WHERE family = ?1 AND revision = ?2"))?
                .query_row(params![family, revision], Kept::read)
                .optional()
        }
        None => sqlite
            .prepare_cached(&format!(
                "{COLUMNS} WHERE family = ?1 AND status = ?2 ORDER BY revision DESC LIMIT 1"
            ))?
            .query_row([name, ACTIVE], Kept::read)
            .optional(),
    }
}

/// The task definition that a task shall be started from.
pub(super) fn to_run(sqlite: &Connection, name: &str) -> Result<Kept, ApiError> {
    match find(sqlite, name)? {
        None => Err(ApiError::Client("TaskDefinition not found.".to_owned())),
        Some(kept) if !kept.active => Err(ApiError::invalid("TaskDefinition is inactive")),
        Some(kept) => Ok(kept),
    }
}

/// RegisterTaskDefinition.
pub(super) fn register(
    sqlite: &Connection,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<Value, ApiError> {
    let (body, tags) = checked(parameters, now)?;
    let family = body.get("family").and_then(Value::as_str).unwrap_or_default().to_owned();
    let revision: i64 = sqlite
        .prepare_cached(
            "SELECT coalesce(max(revision), 0) + 1 FROM task_definitions WHERE family = ?1",
        )?
        .query_row([&family], |row| row.get(0))?;
    sqlite
        .prepare_cached(
            "INSERT INTO task_definitions (family, revision, status, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![family, revision, ACTIVE, body.to_string()])?;
    let kept = Kept { family, revision, active: true, body };
    tags::put(sqlite, &kept.arn(), &tags)?;
    Ok(json!({ "taskDefinition": kept.to_json(), "tags": tags::of(sqlite, &kept.arn())? }))
}

/// A definition as it will be kept, with what ECS adds, and its tags.
fn checked(parameters: &Parameters, now: Timestamp) -> Result<(Value, Vec<Tag>), ApiError> {
    let definition: Definition = read(parameters)?;
    definition.check()?;
    let tags: Vec<Tag> = tags::read(parameters.get("tags"))?;
    let mut body = parameters.clone();
    body.remove("tags");
    let defaults = [
        ("volumes", json!([])),
        ("placementConstraints", json!([])),
        ("requiresAttributes", json!([])),
        ("compatibilities", definition.compatibilities()),
        ("registeredAt", epoch(now)),
        ("registeredBy", json!("arn:aws:iam::000000000000:root")),
    ];
    for (name, value) in defaults {
        body.entry(name).or_insert(value);
    }
    for container in
        body.get_mut("containerDefinitions").and_then(Value::as_array_mut).into_iter().flatten()
    {
        definition::add_defaults(container);
    }
    Ok((Value::Object(body), tags))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    task_definition: String,
    include: Vec<String>,
}

/// DescribeTaskDefinition.
pub(super) fn describe(sqlite: &Connection, parameters: &Parameters) -> Result<Value, ApiError> {
    let named: Named = read(parameters)?;
    let Some(kept) = find(sqlite, &named.task_definition)? else {
        return Err(ApiError::Client("Unable to describe task definition.".to_owned()));
    };
    let mut answer = json!({ "taskDefinition": kept.to_json() });
    if named.include.iter().any(|field| field == "TAGS") {
        answer["tags"] = tags::of(sqlite, &kept.arn())?;
    }
    Ok(answer)
}

/// DeregisterTaskDefinition.
pub(super) fn deregister(sqlite: &Connection, parameters: &Parameters) -> Result<Value, ApiError> {
    let named: Named = read(parameters)?;
    let name = &named.task_definition;
    if !name.rsplit('/').next().unwrap_or_default().contains(':') {
        return Err(ApiError::invalid("Revision is missing."));
    }
    let Some(mut kept) = find(sqlite, name)? else {
        return Err(ApiError::Client("The specified task definition does not exist.".to_owned()));
    };
    sqlite.execute(
        "UPDATE task_definitions SET status = ?1 WHERE family = ?2 AND revision = ?3",
        params![INACTIVE, kept.family, kept.revision],
    )?;
    kept.active = false;
    Ok(json!({ "taskDefinition": kept.to_json() }))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    family_prefix: Option<String>,
    status: Option<String>,
    sort: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// A place in the list, as a page's token says it: `family:revision`. What is taken out of the list
/// before it, or put in, moves nothing after it.
struct Place {
    family: String,
    revision: i64,
}

impl FromStr for Place {
    type Err = ();

    fn from_str(token: &str) -> Result<Self, ()> {
        let (family, revision) = token.rsplit_once(':').ok_or(())?;
        Ok(Self { family: family.to_owned(), revision: revision.parse().map_err(drop)? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.revision)
    }
}

/// ListTaskDefinitions.
pub(super) fn list(sqlite: &Connection, parameters: &Parameters) -> Result<Value, ApiError> {
    let wanted: Wanted = read(parameters)?;
    let page: Page<Place> = Page::read(wanted.max_results, wanted.next_token.as_deref())?;
    let descending = wanted.sort.as_deref() == Some("DESC");
    let (order, behind) = if descending { ("DESC", "<") } else { ("ASC", ">") };
    let status = wanted.status.as_deref().unwrap_or(ACTIVE);
    let after = page.after.as_ref().map(|place| (&place.family, place.revision)).unzip();
    let found: Vec<(Place, String)> = sqlite
        .prepare_cached(&format!(
            "{COLUMNS} WHERE status = ?1 AND (?2 IS NULL OR family = ?2)
             AND (?3 IS NULL OR (family, revision) {behind} (?3, ?4))
             ORDER BY family {order}, revision {order}"
        ))?
        .query_map(params![status, wanted.family_prefix, after.0, after.1], |row| {
            let kept = Kept::read(row)?;
            let arn = kept.arn();
            Ok((Place { family: kept.family, revision: kept.revision }, arn))
        })?
        .take(page.size + 1)
        .collect::<rusqlite::Result<_>>()?;
    Ok(page.answer("taskDefinitionArns", found))
}
