//! `trigger`: what starts a run exists, is switched on, and gets through to the events queue.

use super::{Look, source};
use crate::diagnosis::evidence::SubjectTrigger;
use crate::diagnosis::{Check, Finding, Source, Status, Unseen};

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
        SubjectTrigger::Schedule { name, elsewhere: true } => vec![elsewhere(look, name)],
        SubjectTrigger::Schedule { name, elsewhere: false } => vec![one(
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

/// What triggers.yaml does not make may be a schedule or a rule: whichever of them works counts.
fn elsewhere(look: Look<'_>, name: &str) -> Finding {
    let judge = |key: &str, enable: String| {
        let told = ["is enabled", "is neither a schedule nor a rule", "is disabled"];
        let make = format!(
            "let a schedule or a rule {name} send to the events queue, or correct `scheduleName`"
        );
        one(look, key, told, [make, enable])
    };
    let key = format!("schedule/{name}");
    let schedule = judge(&key, format!("enable schedule {name}"));
    let rule = judge(&format!("rule/{name}"), format!("aws events enable-rule --name {name}"));
    let is_no_schedule = look.evidence.triggers.get(&key) == Some(&Source::Seen(None));
    // A schedule that may not be looked for may be what works.
    let is_rule = is_no_schedule || rule.status == Status::Ok;
    if is_rule && schedule.status != Status::Ok { rule } else { schedule }
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
            "deploy template.yaml again: its queue policy lets in rules whose names begin with the \
             namespace; extend it for others, made elsewhere",
        ),
        Ok(None) => look.fail(
            Check::Trigger,
            "the events queue does not exist: nothing that triggers send arrives",
            "deploy template.yaml, or name the installation with --namespace",
        ),
        Err(unseen) => look.skip(Check::Trigger, &unseen),
    }
}
