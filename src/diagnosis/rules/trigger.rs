//! `trigger`: what starts a run exists, is switched on, and gets through to the events queue.

use super::{Look, source};
use crate::diagnosis::evidence::SubjectTrigger;
use crate::diagnosis::{Check, Finding, Source, Unseen};

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
    let fail = |sentence: String, remedy: String| {
        Finding::fail(Check::Trigger, &subject, sentence, remedy)
    };
    match source(&look.evidence.triggers, key, "triggers") {
        Ok(Some(trigger)) if trigger.to_queue == Source::Seen(false) => {
            fail(format!("{name} does not send to the events queue"), create)
        }
        Ok(Some(trigger)) if trigger.enabled => match trigger.to_queue.seen("targets") {
            // Nobody asks a bucket where it sends to.
            Ok(_) | Err(Unseen::NotAsked(_)) => {
                Finding::ok(Check::Trigger, &subject, format!("it {fine}"))
            }
            Err(unseen) => {
                let seen = format!("it {fine}, whether it sends to the events queue is not known");
                Finding::partly(Check::Trigger, &subject, &seen, &unseen)
            }
        },
        Ok(Some(_)) => fail(format!("{name} {off}"), enable),
        Ok(None) => fail(format!("{name} {missing}"), create),
        Err(unseen) => Finding::skipped(Check::Trigger, &subject, &unseen),
    }
}

fn queue(look: Look<'_>) -> Finding {
    match look.evidence.queue_admits.seen("queue policies") {
        Ok(Some(true)) => look.ok(Check::Trigger, "the events queue lets in what triggers send"),
        Ok(Some(false)) => look.fail(
            Check::Trigger,
            "the events queue's policy does not let in what rules send",
            "deploy template.yaml again: its queue policy does",
        ),
        Ok(None) => look.fail(
            Check::Trigger,
            "the events queue does not exist: nothing that triggers send arrives",
            "deploy template.yaml, or name the installation with --namespace",
        ),
        Err(unseen) => look.skip(Check::Trigger, &unseen),
    }
}
