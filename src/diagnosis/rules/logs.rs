//! `log-group`: it exists, or the task makes it.

use std::collections::BTreeMap;

use super::{Look, source};
use crate::diagnosis::evidence::{Definition, LogTarget};
use crate::diagnosis::{Check, Finding};

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    let targets = definition.containers.iter().filter_map(|container| container.logs.as_ref());
    let mut each: BTreeMap<String, &LogTarget> = BTreeMap::new();
    for logs in targets {
        // Whoever makes the group makes it for all.
        each.entry(logs.key())
            .and_modify(|known| *known = if known.create { known } else { logs })
            .or_insert(logs);
    }
    each.into_values().map(|logs| of(look, logs)).collect()
}

fn of(look: Look<'_>, logs: &LogTarget) -> Finding {
    let (check, group) = (Check::LogGroup, &logs.group);
    let subject = look.about(group);
    match source(&look.evidence.log_groups, &logs.key(), "log groups") {
        Ok(Some(_)) => Finding::ok(check, &subject, "it exists"),
        Ok(None) if logs.create => Finding::ok(check, &subject, "the first task makes it"),
        Ok(None) => Finding::fail(
            check,
            &subject,
            format!("log group {group} does not exist in {}", logs.region),
            format!("aws logs create-log-group --region {} --log-group-name {group}", logs.region),
        ),
        Err(unseen) => Finding::skipped(check, &subject, &unseen),
    }
}
