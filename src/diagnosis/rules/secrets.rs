//! `secrets`: those a task definition names exist and have a value.

use std::collections::BTreeSet;

use super::{Look, source};
use crate::diagnosis::evidence::{Definition, whole_secret};
use crate::diagnosis::{Check, Finding};

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    let secrets: BTreeSet<&String> =
        definition.containers.iter().flat_map(|container| &container.secrets).collect();
    secrets.into_iter().map(|secret| of(look, secret)).collect()
}

fn of(look: Look<'_>, name: &str) -> Finding {
    let (check, subject) = (Check::Secrets, look.about(name));
    let here = look.evidence.region.as_str();
    match source(&look.evidence.secrets, name, "secrets") {
        Ok(Some(secret)) if secret.deleted => Finding::fail(
            check,
            &subject,
            format!("{name} waits to be deleted and gives its value to nobody"),
            format!("aws secretsmanager restore-secret --secret-id {}", whole_secret(name)),
        ),
        Ok(Some(secret)) if secret.has_value => {
            Finding::ok(check, &subject, "it exists and has a value")
        }
        Ok(Some(_)) => Finding::fail(
            check,
            &subject,
            format!("{name} has no value in its AWSCURRENT version"),
            format!(
                "aws secretsmanager put-secret-value --secret-id {} --secret-string VALUE",
                whole_secret(name)
            ),
        ),
        Ok(None) => Finding::fail(
            check,
            &subject,
            format!("{name} does not exist in {}", region_of(name).unwrap_or(here)),
            "correct it in `task.secrets`, or create it",
        ),
        Err(unseen) => Finding::skipped(check, &subject, &unseen),
    }
}

/// The region that an ARN names.
fn region_of(name: &str) -> Option<&str> {
    name.starts_with("arn:").then(|| name.split(':').nth(3)).flatten()
}
