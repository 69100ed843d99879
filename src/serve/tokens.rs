//! Client tokens as ECS keeps them: within a cluster, the same token with the same parameters gets
//! the first answer again, with others a conflict; it lives min(24 h, its tasks' life + 1 h)
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>).

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::wire::{ApiError, Parameters};
use crate::ecs::local::served;

/// How long a token lives at most.
const LIFE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A token and what it is for.
pub(super) struct Claim<'a> {
    pub(super) cluster: &'a str,
    pub(super) token: &'a str,
    /// See [`fingerprint`].
    pub(super) parameters: String,
}

/// What is known of a token.
pub(super) enum Known {
    /// It is new, or forgotten.
    New,
    /// It was used with the same parameters and answered so.
    Answered(Value),
    /// It was used with others.
    Conflict(ApiError),
}

/// Looks a token up; one whose life is over is forgotten.
pub(super) fn look_up(
    sqlite: &Connection,
    claim: &Claim<'_>,
    remember: SignedDuration,
    now: Timestamp,
) -> rusqlite::Result<Known> {
    let row: Option<(String, i64, String, String)> = sqlite
        .prepare_cached(
            "SELECT parameters, created_at, tasks, answer FROM client_tokens
             WHERE cluster = ?1 AND token = ?2",
        )?
        .query_row([claim.cluster, claim.token], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((parameters, created_at, tasks, answer)) = row else { return Ok(Known::New) };
    let tasks: Vec<String> = serde_json::from_str(&tasks).unwrap_or_default();
    let created_at = Timestamp::from_microsecond(created_at).unwrap_or(now);
    if now >= dies_at(sqlite, &tasks, created_at, remember)? {
        sqlite.execute(
            "DELETE FROM client_tokens WHERE cluster = ?1 AND token = ?2",
            [claim.cluster, claim.token],
        )?;
        return Ok(Known::New);
    }
    if parameters != claim.parameters {
        return Ok(Known::Conflict(ApiError::Conflict {
            message: "The client token was used before, in a request with other parameters."
                .to_owned(),
            resource_ids: tasks,
        }));
    }
    let mut answer = serde_json::from_str(&answer).unwrap_or_default();
    shorten(sqlite, &mut answer)?;
    Ok(Known::Answered(answer))
}

/// Keeps a token with its tasks and the answer its caller gets. Those that nobody can use any more,
/// whatever became of their tasks, are forgotten first.
pub(super) fn keep(
    sqlite: &Connection,
    claim: &Claim<'_>,
    tasks: &[String],
    answer: &Value,
    now: Timestamp,
) -> rusqlite::Result<()> {
    sqlite
        .prepare_cached("DELETE FROM client_tokens WHERE created_at <= ?1")?
        .execute([(now - LIFE_MAX).as_microsecond()])?;
    sqlite
        .prepare_cached(
            "INSERT INTO client_tokens (cluster, token, parameters, created_at, tasks, answer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            claim.cluster,
            claim.token,
            claim.parameters,
            now.as_microsecond(),
            json!(tasks).to_string(),
            answer.to_string()
        ])?;
    Ok(())
}

/// What two requests must have in common to be the same: all parameters but the token. Hashed,
/// because there may be secrets among them.
pub(super) fn fingerprint(parameters: &Parameters, cluster: &str) -> String {
    let mut parameters = parameters.clone();
    parameters.remove("clientToken");
    // A default that is said is the same as one that is not.
    parameters.insert("cluster".to_owned(), json!(cluster));
    parameters.entry("count").or_insert(json!(1));
    HEXLOWER.encode(&Sha256::digest(Value::Object(parameters).to_string()))
}

/// When a token is forgotten: it outlives the last of its tasks, but not its day.
fn dies_at(
    sqlite: &Connection,
    tasks: &[String],
    created_at: Timestamp,
    remember: SignedDuration,
) -> rusqlite::Result<Timestamp> {
    let mut stopped_at = created_at;
    for task in tasks {
        let stopped = served::find(sqlite, task)?.map(|task| task.state.stopped_at);
        match stopped {
            Some(Some(at)) => stopped_at = stopped_at.max(at),
            // It lives.
            Some(None) => return Ok(created_at + LIFE_MAX),
            // Gone altogether.
            None => {}
        }
    }
    Ok((stopped_at + remember).min(created_at + LIFE_MAX))
}

/// Of a task that has stopped since, ECS repeats its ARN and where it stands alone.
fn shorten(sqlite: &Connection, answer: &mut Value) -> rusqlite::Result<()> {
    let tasks = answer.get_mut("tasks").and_then(Value::as_array_mut);
    for task in tasks.into_iter().flatten() {
        let Some(arn) = task.get("taskArn").and_then(Value::as_str) else { continue };
        if served::find(sqlite, arn)?.is_none_or(|task| task.has_stopped()) {
            *task = json!({ "taskArn": arn, "lastStatus": "STOPPED", "desiredStatus": "STOPPED" });
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::super::wire;
    use super::*;
    use crate::identity::Namespace;
    use crate::ledger::database::Database;

    #[test]
    fn a_token_is_gone_when_another_is_kept_after_its_day() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let database = Database::open(&file, &Namespace::default()).unwrap();
        let keep_at = |token: &str, hours| {
            let claim = Claim { cluster: "c", token, parameters: String::new() };
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
            database.with(|sqlite| keep(sqlite, &claim, &[], &json!({}), now)).unwrap();
        };
        for (token, hours) in [("first", 0), ("second", 23), ("third", 24)] {
            keep_at(token, hours);
        }
        let select = "SELECT group_concat(token) FROM client_tokens";
        let kept: String =
            database.with(|sqlite| sqlite.query_row(select, [], |row| row.get(0))).unwrap();
        assert_eq!(kept, "second,third");
    }

    #[test]
    fn requests_are_the_same_whatever_is_said_of_defaults_and_the_order_of_their_keys() {
        let of = |body: &str| fingerprint(&wire::parameters(body.as_bytes()).unwrap(), "default");
        let first = of(r#"{"taskDefinition":"a","startedBy":"x","clientToken":"1"}"#);
        for same in [
            r#"{"startedBy":"x","taskDefinition":"a"}"#,
            r#"{"startedBy":"x","taskDefinition":"a","count":1,"cluster":"default"}"#,
            r#"{"startedBy":"x","taskDefinition":"a","group":null,"clientToken":"2"}"#,
        ] {
            assert_eq!(of(same), first, "{same}");
        }
        for other in [
            r#"{"taskDefinition":"a","startedBy":"y"}"#,
            r#"{"taskDefinition":"a:1","startedBy":"x"}"#,
            r#"{"taskDefinition":"a","startedBy":"x","count":2}"#,
            r#"{"taskDefinition":"a","startedBy":"x","unheardOf":1}"#,
        ] {
            assert_ne!(of(other), first, "{other}");
        }
    }
}
