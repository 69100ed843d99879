//! The task definitions of jobs with an image: each content is registered once, not once a run.
//!
//! A revision carries the hash of what was registered as a tag, so any process can tell whether
//! the newest one is what its job says. Two that register at the same time make two equal
//! revisions, which is harmless: each starts its task from its own, and the newest is found after.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{TaskDefinitionField, TaskDefinitionStatus};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tracing::info;

use super::register;
use crate::aws::failure::{Failure, FailureKind};
use crate::ecs::RunTaskError;
use crate::jobs::{JOB_TAG, TaskDefinition};

/// The tag with the hash of what was registered.
const CONTENT_TAG: &str = "longshore:content";

/// Revisions of one family by the hash of their content. Held while ECS is asked: ECS takes one
/// registration a second, and whoever comes meanwhile waits for the same.
type Family = Arc<tokio::sync::Mutex<BTreeMap<String, String>>>;

/// The revisions this process knows.
#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<BTreeMap<String, Family>>);

impl Definitions {
    /// The ARN of the revision with this content: known, found, or registered now.
    pub(super) async fn revision(
        &self,
        client: &Client,
        definition: &TaskDefinition,
        task_tags: &BTreeMap<String, String>,
    ) -> Result<String, RunTaskError> {
        let content = content(definition);
        let family = self.family(&definition.family);
        let mut revisions = family.lock().await;
        if let Some(arn) = revisions.get(&content) {
            return Ok(arn.clone());
        }
        let arn = match newest(client, &definition.family, &content).await? {
            Some(arn) => arn,
            None => {
                let mut tags = BTreeMap::from([(CONTENT_TAG.to_owned(), content.clone())]);
                tags.extend(task_tags.get_key_value(JOB_TAG).map(|(k, v)| (k.clone(), v.clone())));
                register(client, definition, &tags).await?
            }
        };
        revisions.insert(content, arn.clone());
        Ok(arn)
    }

    /// Lets go of a revision that ECS does not start any more.
    pub(super) fn forget(&self, definition: &TaskDefinition) {
        // A family that is being looked up has nothing old to forget.
        if let Ok(mut revisions) = self.family(&definition.family).try_lock() {
            revisions.remove(&content(definition));
        }
    }

    fn family(&self, name: &str) -> Family {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        families.entry(name.to_owned()).or_default().clone()
    }
}

/// The hash of what is registered.
fn content(definition: &TaskDefinition) -> String {
    HEXLOWER.encode(&Sha256::digest(definition.to_register().to_string()))
}

/// The newest active revision, if it has this content.
async fn newest(
    client: &Client,
    family: &str,
    content: &str,
) -> Result<Option<String>, RunTaskError> {
    let found = client
        .describe_task_definition()
        .task_definition(family)
        .include(TaskDefinitionField::Tags)
        .send()
        .await;
    let found = match found {
        Ok(found) => found,
        // What ECS says of a family without an active revision.
        Err(error) if says(&error, "unable to describe task definition") => return Ok(None),
        Err(error) => return Err(failed("ecs:DescribeTaskDefinition", &error)),
    };
    let is_ours = |tag: &aws_sdk_ecs::types::Tag| {
        tag.key() == Some(CONTENT_TAG) && tag.value() == Some(content)
    };
    let same = found.tags().iter().any(is_ours);
    let revision = found
        .task_definition()
        .filter(|revision| same && revision.status() != Some(&TaskDefinitionStatus::Inactive));
    Ok(revision.and_then(|revision| revision.task_definition_arn()).map(str::to_owned))
}

async fn register(
    client: &Client,
    definition: &TaskDefinition,
    tags: &BTreeMap<String, String>,
) -> Result<String, RunTaskError> {
    let call = register::call(client, definition, tags).map_err(|error| {
        RunTaskError::Invalid(format!("the task definition cannot be written: {error}"))
    })?;
    let registered = match call.send().await {
        Ok(registered) => registered,
        // Somebody else registers the same family at this moment.
        Err(error) if says(&error, "too many concurrent attempts") => {
            return Err(RunTaskError::Unsent(Failure::of(&error).to_string()));
        }
        Err(error) => return Err(failed("ecs:RegisterTaskDefinition", &error)),
    };
    let arn = registered.task_definition().and_then(|revision| revision.task_definition_arn());
    let Some(arn) = arn else {
        let reason = "RegisterTaskDefinition's answer names no revision";
        return Err(RunTaskError::Unsent(reason.to_owned()));
    };
    info!(revision = arn, "registered a task definition");
    Ok(arn.to_owned())
}

fn says<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, text: &str) -> bool {
    let answer = error.as_service_error().and_then(|answer| answer.message());
    answer.is_some_and(|message| message.to_lowercase().contains(text))
}

/// What a failed call on the way to RunTask means for the launch.
fn failed<E>(action: &str, error: &SdkError<E, HttpResponse>) -> RunTaskError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let failure = Failure::of(error);
    let text = failure.to_text(action);
    match failure.kind {
        FailureKind::Unsent | FailureKind::Unanswered | FailureKind::Unavailable => {
            RunTaskError::Unsent(text)
        }
        FailureKind::Denied => RunTaskError::Invalid(text),
        FailureKind::Rejected => {
            RunTaskError::Invalid(format!("{text}; correct the job's `task` in jobs.yaml"))
        }
    }
}
