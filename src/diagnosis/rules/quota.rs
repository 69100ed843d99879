//! `quota`: vCPUs the account may run, against what runs and what the task needs.

use super::{Look, source};
use crate::diagnosis::evidence::Quota;
use crate::diagnosis::{Check, Finding};

/// ECS units in a vCPU.
const UNITS: f64 = 1_024.0;

pub(super) fn findings(look: Look<'_>) -> Vec<Finding> {
    let capacity = &look.subject.capacity;
    let mut providers: Vec<&str> = capacity.iter().map(String::as_str).collect();
    if providers.is_empty() {
        providers.push("FARGATE");
    }
    providers.sort_unstable();
    providers.dedup();
    let Ok(Some(definition)) = look.definition() else { return Vec::new() };
    let needed = f64::from(definition.cpu) / UNITS;
    providers.into_iter().map(|provider| of(look, provider, needed)).collect()
}

fn of(look: Look<'_>, provider: &str, needed: f64) -> Finding {
    let (check, subject) = (Check::Quota, look.about(provider));
    let quota = match source(&look.evidence.quotas, provider, "quotas") {
        Ok(quota) => quota,
        Err(unseen) => return Finding::skipped(check, &subject, &unseen),
    };
    let Quota { vcpus_max: max, vcpus_used } = quota;
    let max = *max;
    let in_use = vcpus_used.seen("tasks that run");
    let used = in_use.as_ref().map_or(0.0, |used| **used);
    let code = if provider == "FARGATE_SPOT" { "L-36FBB829" } else { "L-3032A538" };
    let ask = format!(
        "aws service-quotas request-service-quota-increase --service-code fargate --quota-code \
         {code} --desired-value {}",
        (max * 2.0).max(used + needed).max(16.0)
    );
    if needed > max {
        let sentence =
            format!("the task needs {needed} vCPU, and the account may run {max} of {provider}");
        return Finding::fail(check, &subject, sentence, ask);
    }
    if used + needed > max {
        let sentence = format!(
            "{used} of {max} vCPU of {provider} are in use, and the task needs {needed}: it \
             waits for others to end"
        );
        return Finding::warn(check, &subject, sentence, ask);
    }
    match in_use {
        Ok(used) => {
            let sentence = format!("{used} of {max} vCPU are in use, the task needs {needed}");
            Finding::ok(check, &subject, sentence)
        }
        Err(unseen) => {
            let seen = format!(
                "the account may run {max} vCPU, the task needs {needed}, how many run now is not \
                 known"
            );
            Finding::partly(check, &subject, &seen, &unseen)
        }
    }
}
