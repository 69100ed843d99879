//! `secrets`: those a task definition names exist and have a value.

use std::collections::BTreeSet;

use super::{Look, source};
use crate::diagnosis::evidence::Definition;
use crate::diagnosis::{Check, Finding};

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    let secrets: BTreeSet<&String> =
        definition.containers.iter().flat_map(|container| &container.secrets).collect();
    secrets.into_iter().map(|secret| of(look, secret)).collect()
}

fn of(look: Look<'_>, name: &str) -> Finding {
    let (check, subject) = (Check::Secrets, look.about(name));
    match source(&look.evidence.secrets, name, "secrets") {
        Ok(Some(secret)) if secret.has_value => {
            Finding::ok(check, &subject, "it exists and has a value")
        }
        Ok(Some(_)) => Finding::fail(
            check,
            &subject,
            format!("{name} has no value in its AWSCURRENT version"),
            format!("aws secretsmanager put-secret-value --secret-id {name} --secret-string VALUE"),
        ),
        Ok(None) => Finding::fail(
            check,
            &subject,
            format!("{name} does not exist in {}", look.evidence.region),
            "correct it in `task.secrets`, or create it",
        ),
        Err(unseen) => Finding::skipped(check, &subject, &unseen),
    }
}
