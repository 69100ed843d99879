//! `trigger`: what starts a run exists, is switched on, and gets through to the events queue.

use super::{Look, source};
use crate::diagnosis::evidence::SubjectTrigger;
use crate::diagnosis::{Check, Finding};

pub(super) fn findings(look: Look<'_>) -> Vec<Finding> {
    let triggers = &look.subject.triggers;
    let mut found: Vec<Finding> = triggers.iter().flat_map(|trigger| of(look, trigger)).collect();
    if !triggers.is_empty() {
        found.push(queue(look));
    }
    found
}

fn of(look: Look<'_>, trigger: &SubjectTrigger) -> Vec<Finding> {
    let deploy = "longshore render, then deploy triggers.yaml";
    match trigger {
        SubjectTrigger::Schedule { name } => vec![one(
            look,
            &format!("schedule/{name}"),
            ["is enabled", "does not exist", "is disabled"],
            [deploy.to_owned(), format!("enable schedule {name}, or {deploy}")],
        )],
        SubjectTrigger::Bucket { bucket, rule } => vec![
            one(
                look,
                &format!("bucket/{bucket}"),
                [
                    "sends its events to EventBridge",
                    "does not exist",
                    "does not send its events to EventBridge",
                ],
                [
                    format!("aws s3api create-bucket --bucket {bucket}, or correct the trigger"),
                    // The call replaces the whole configuration, so others must not be lost.
                    format!(
                        "switch on \"Send notifications to Amazon EventBridge\" in the bucket's \
                         properties; where it has no other notifications:\n\
                         aws s3api put-bucket-notification-configuration --bucket {bucket} \
                         --notification-configuration '{{\"EventBridgeConfiguration\":{{}}}}'"
                    ),
                ],
            ),
            one(
                look,
                &format!("rule/{rule}"),
                ["is enabled", "does not exist", "is disabled"],
                [deploy.to_owned(), format!("aws events enable-rule --name {rule}")],
            ),
        ],
    }
}

fn one(look: Look<'_>, key: &str, told: [&str; 3], remedies: [String; 2]) -> Finding {
    let subject = look.about(&key.replacen('/', " ", 1));
    let name = key.split_once('/').map_or(key, |(_, name)| name);
    let [fine, missing, off] = told;
    let [create, enable] = remedies;
    match source(&look.evidence.triggers, key, "triggers") {
        Ok(Some(trigger)) if trigger.astray => Finding::fail(
            Check::Trigger,
            &subject,
            format!("{name} does not send to the events queue"),
            create,
        ),
        Ok(Some(trigger)) if trigger.enabled => {
            Finding::ok(Check::Trigger, &subject, format!("it {fine}"))
        }
        Ok(Some(_)) => Finding::fail(Check::Trigger, &subject, format!("{name} {off}"), enable),
        Ok(None) => Finding::fail(Check::Trigger, &subject, format!("{name} {missing}"), create),
        Err(unseen) => Finding::skipped(Check::Trigger, &subject, &unseen),
    }
}

fn queue(look: Look<'_>) -> Finding {
    match look.evidence.queue_admits.seen("queue policies") {
        Ok(true) => look.ok(Check::Trigger, "the events queue lets in what triggers send"),
        Ok(false) => look.fail(
            Check::Trigger,
            "the events queue's policy does not let in what rules and schedules send",
            "deploy template.yaml again: its queue policy does",
        ),
        Err(unseen) => look.skip(Check::Trigger, &unseen),
    }
}
