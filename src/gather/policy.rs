//! Reads policies as far as they say plainly whether something is allowed. Where a condition or a
//! variable decides, it says so, and nobody takes it for a yes or a no.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use wildmatch::WildMatch;

/// Whom dispatch hands roles over to.
pub(super) const ECS_TASKS: &str = "ecs-tasks.amazonaws.com";

/// What policies say of one action on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Yes.
    Allows,
    /// No, whatever others say.
    Denies,
    /// Nothing, which is no.
    Silent,
    /// It depends.
    Unclear,
}

/// A document as IAM hands it out, percent-encoded.
pub(super) fn read(document: &str) -> Option<Value> {
    let text = percent_decode_str(document).decode_utf8().ok()?;
    serde_json::from_str(&text).ok()
}

/// What these policies together say. `applies` tells whether a statement is about whoever asks.
pub(super) fn word(
    policies: &[Value],
    action: &str,
    resource: &str,
    applies: &dyn Fn(&Value) -> bool,
) -> Word {
    let (mut allows, mut may_allow, mut may_deny) = (false, false, false);
    for statement in policies.iter().flat_map(statements).filter(|one| applies(one)) {
        let is_plain = statement.get("Condition").is_none_or(is_met) && !has_variable(statement);
        let is_about = matches(statement, "Action", &action.to_lowercase(), true)
            && matches(statement, "Resource", resource, false);
        match (statement["Effect"].as_str(), is_about || has_variable(statement), is_plain) {
            (Some("Deny"), true, true) => return Word::Denies,
            (Some("Deny"), true, false) => may_deny = true,
            (Some("Allow"), true, true) => allows = true,
            (Some("Allow"), true, false) => may_allow = true,
            _ => {}
        }
    }
    match (allows, may_allow, may_deny) {
        (true, _, false) => Word::Allows,
        (false, false, _) => Word::Silent,
        _ => Word::Unclear,
    }
}

/// The services that a trust policy lets take a role on.
pub(super) fn trusted_services(policy: &Value) -> Vec<String> {
    statements(policy)
        .filter(|statement| {
            statement["Effect"] == "Allow" && matches(statement, "Action", "sts:assumerole", true)
        })
        .flat_map(|statement| texts(&statement["Principal"]["Service"]))
        .map(str::to_owned)
        .collect()
}

/// A policy's statements: a list, or one by itself.
pub(super) fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    let (list, one) = match &policy["Statement"] {
        Value::Array(list) => (list.as_slice(), None),
        one => (&[][..], Some(one)),
    };
    list.iter().chain(one.filter(|one| one.is_object()))
}

/// A text, or a list of them.
pub(super) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let (list, one) = match value {
        Value::Array(list) => (list.as_slice(), None),
        one => (&[][..], one.as_str()),
    };
    list.iter().filter_map(Value::as_str).chain(one)
}

/// Whether `Action` or `NotAction` of a statement takes this in. One that says neither is about
/// everything: the policy of a thing names no resource.
fn matches(statement: &Value, part: &str, text: &str, lower: bool) -> bool {
    let is_like = |pattern: &str| {
        let pattern = if lower { pattern.to_lowercase() } else { pattern.to_owned() };
        WildMatch::new(&pattern).matches(text)
    };
    if let Some(patterns) = statement.get(part) {
        return texts(patterns).any(is_like);
    }
    match statement.get(format!("Not{part}")) {
        Some(patterns) => !texts(patterns).any(is_like),
        None => true,
    }
}

/// Whether a condition asks no more than that a role be handed over to ECS's tasks.
fn is_met(condition: &Value) -> bool {
    let Some(tests) = condition.as_object() else { return false };
    tests.iter().all(|(test, keys)| {
        ["StringEquals", "StringLike"].contains(&test.as_str())
            && keys.as_object().is_some_and(|keys| {
                keys.iter().all(|(key, values)| {
                    key.eq_ignore_ascii_case("iam:PassedToService")
                        && texts(values).any(|service| service == ECS_TASKS)
                })
            })
    })
}

fn has_variable(statement: &Value) -> bool {
    ["Resource", "NotResource"]
        .iter()
        .any(|part| texts(&statement[*part]).any(|pattern| pattern.contains("${")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(statements: &Value) -> Word {
        let group = "arn:aws:logs:eu-west-1:1:log-group:/ecs/report:log-stream:main";
        let policy = json!({ "Statement": statements });
        word(&[policy], "logs:PutLogEvents", group, &|_| true)
    }

    #[test]
    fn what_policies_say_plainly_is_a_word_and_the_rest_is_unclear() {
        let allow = json!({ "Effect": "Allow", "Action": "logs:*", "Resource": "*" });
        let deny = json!({ "Effect": "Deny", "Action": ["logs:putlogevents"], "Resource": "*" });
        let condition = json!({ "Bool": { "aws:SecureTransport": "false" } });
        let with = |statement: &Value, part: &str, value: Value| {
            let mut changed = statement.clone();
            changed[part] = value;
            changed
        };
        let only_here = with(&allow, "Resource", json!(["arn:aws:logs:*:*:log-group:/ecs/*"]));
        let variable = json!("arn:aws:logs:*:*:log-group:${aws:PrincipalTag/t}:*");
        for (statements, expected) in [
            (json!([allow]), Word::Allows),
            (allow.clone(), Word::Allows),
            (json!([]), Word::Silent),
            (json!([only_here]), Word::Allows),
            (json!([with(&allow, "Action", json!("ecr:*"))]), Word::Silent),
            (json!([with(&allow, "Resource", json!("arn:aws:s3:::b/*"))]), Word::Silent),
            (json!([allow, deny]), Word::Denies),
            (json!([allow, with(&deny, "Condition", condition.clone())]), Word::Unclear),
            (json!([with(&allow, "Condition", condition)]), Word::Unclear),
            (
                json!([with(
                    &allow,
                    "Condition",
                    json!({ "StringEquals": { "iam:PassedToService": ECS_TASKS } })
                )]),
                Word::Allows,
            ),
            (json!([with(&allow, "Resource", variable)]), Word::Unclear),
            (json!([{ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" }]), Word::Allows),
            (json!([{ "Effect": "Allow", "NotAction": "logs:*", "Resource": "*" }]), Word::Silent),
        ] {
            assert_eq!(told(&statements), expected, "{statements}");
        }
    }

    #[test]
    fn a_trust_policy_names_the_services_that_it_lets_in() {
        let policy = read(
            "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B\
             %22Service%22%3A%22ecs-tasks.amazonaws.com%22%7D%2C%22Action%22%3A\
             %22sts%3AAssumeRole%22%7D%5D%7D",
        );
        let services = policy.as_ref().map(trusted_services);
        assert_eq!(services, Some(vec!["ecs-tasks.amazonaws.com".to_owned()]));
    }
}
