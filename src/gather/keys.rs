//! Keys of the account's own that secrets are encrypted with: whether execution roles may decrypt by
//! them. A key's own policy has the first word, and may leave it to the account's roles
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html>).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::ecs::account_of;
use super::iam;
use super::inquiry::Inquiry;
use super::policy::{self, Word};
use crate::aws::signed::Service;
use crate::diagnosis::evidence::{Decision, Evidence};
use crate::diagnosis::{Source, Unseen};

const DECRYPT: &str = "kms:Decrypt";

/// A key.
struct Key {
    /// Its ARN, or the name it has where that could not be found out.
    arn: String,
    /// Its policy, if it could be seen.
    policy: Option<Value>,
}

/// Adds to what roles may do whether they may decrypt their tasks' secrets.
pub(super) async fn decide(inquiry: &Inquiry<'_>, evidence: &mut Evidence) {
    let wanted = wanted(evidence);
    let names: BTreeSet<&String> = wanted.values().flatten().collect();
    let asked = names.into_iter().map(async |name| (name.clone(), key(inquiry, name).await));
    let keys: BTreeMap<String, Key> = join_all(asked).await.into_iter().collect();
    let of = |names: &BTreeSet<String>| -> Vec<&Key> {
        names.iter().filter_map(|name| keys.get(name)).collect()
    };
    let needed = wanted.iter().map(|(role, names)| {
        let keys = of(names).into_iter().map(|key| (DECRYPT.to_owned(), key.arn.clone()));
        (role.clone(), keys.collect())
    });
    let roles = iam::roles(inquiry, &needed.collect()).await;
    for (role, names) in &wanted {
        let Some(Source::Seen(Some(known))) = evidence.roles.get_mut(role) else { continue };
        let Source::Seen(decisions) = &mut known.decisions else { continue };
        let own = roles.get(role);
        decisions.extend(of(names).into_iter().map(|key| Decision {
            action: DECRYPT.to_owned(),
            resource: key.arn.clone(),
            allowed: may_decrypt(role, own.and_then(|own| by_itself(own, &key.arn)), key),
        }));
    }
}

/// The keys that each execution role needs.
fn wanted(evidence: &Evidence) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for subject in &evidence.jobs {
        let Source::Seen(Some(definition)) = &subject.definition else { continue };
        let Some(role) = &definition.execution_role else { continue };
        for secret in definition.containers.iter().flat_map(|container| &container.secrets) {
            if let Some(Source::Seen(Some(secret))) = evidence.secrets.get(secret)
                && let Some(key) = &secret.key
            {
                wanted.entry(role.clone()).or_default().insert(key.clone());
            }
        }
    }
    wanted
}

async fn key(inquiry: &Inquiry<'_>, name: &str) -> Key {
    let arn = if name.contains(":key/") { Ok(name.to_owned()) } else { arn(inquiry, name).await };
    let Ok(arn) = arn else { return Key { arn: name.to_owned(), policy: None } };
    let question = json!({ "KeyId": arn, "PolicyName": "default" });
    let kms = kms(inquiry, &arn);
    let call = kms.ask("TrentService.GetKeyPolicy", &question);
    let found = inquiry.ask("kms:GetKeyPolicy", call).await;
    let text = found.ok().and_then(|found| found["Policy"].as_str().map(str::to_owned));
    Key { arn, policy: text.and_then(|text| serde_json::from_str(&text).ok()) }
}

/// The ARN of a key that is known by its id or an alias.
async fn arn(inquiry: &Inquiry<'_>, name: &str) -> Result<String, Unseen> {
    let kms = kms(inquiry, name);
    let question = json!({ "KeyId": name });
    let call = kms.ask("TrentService.DescribeKey", &question);
    let found = inquiry.ask("kms:DescribeKey", call).await?;
    let arn = found["KeyMetadata"]["Arn"].as_str().map(str::to_owned);
    arn.ok_or_else(|| Unseen::Failed("the key has no ARN".to_owned()))
}

fn kms<'a>(inquiry: &Inquiry<'a>, name: &str) -> Service<'a> {
    let here = || inquiry.aws.region().map(ToString::to_string).unwrap_or_default();
    let region = name.starts_with("arn:").then(|| name.split(':').nth(3)).flatten();
    Service { aws: inquiry.aws, name: "kms", region: region.map_or_else(here, str::to_owned) }
}

/// What the role's own policies say; `None` where that is not known.
fn by_itself(role: &Source<Option<crate::diagnosis::evidence::Role>>, key: &str) -> Option<bool> {
    let Source::Seen(Some(role)) = role else { return None };
    let Source::Seen(decisions) = &role.decisions else { return None };
    decisions.iter().find(|decision| decision.resource == key)?.allowed
}

/// Whether a role may decrypt, by what its own policies say and by the key's.
fn may_decrypt(role: &str, own: Option<bool>, key: &Key) -> Option<bool> {
    let Some(policy) = &key.policy else { return own.filter(|allowed| *allowed) };
    let account = account_of(role).unwrap_or_default();
    let root = format!(":iam::{account}:root");
    let word = |is_meant: &dyn Fn(&str) -> bool| {
        let applies = |statement: &Value| {
            let principal = &statement["Principal"];
            let mut named = policy::texts(principal).chain(policy::texts(&principal["AWS"]));
            named.any(is_meant)
        };
        policy::word(std::slice::from_ref(policy), DECRYPT, "", &applies)
    };
    let directly = word(&|named| named == "*" || named == role);
    let to_account = word(&|named| named == account || named.ends_with(&root));
    match (directly, to_account) {
        (Word::Denies, _) | (_, Word::Denies) => Some(false),
        // Within one account one of both is enough.
        (Word::Allows, _) if account_of(&key.arn) == Some(account) => Some(true),
        (Word::Allows, _) | (_, Word::Allows) => own,
        (Word::Unclear, _) | (_, Word::Unclear) => None,
        (Word::Silent, Word::Silent) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/exec";
    const ROOT: &str = "arn:aws:iam::123456789012:root";

    /// Whether the role may, where a statement of the key's policy has this effect on this principal.
    fn told(own: Option<bool>, effect: &str, principal: &str, account: &str) -> Option<bool> {
        let policy = json!({ "Statement": [{
            "Effect": effect,
            "Principal": { "AWS": principal },
            "Action": "kms:*",
            "Resource": "*",
        }] });
        let arn = format!("arn:aws:kms:eu-west-1:{account}:key/1");
        may_decrypt(ROLE, own, &Key { arn, policy: Some(policy) })
    }

    #[test]
    fn a_key_lets_a_role_in_by_name_or_leaves_it_to_the_account() {
        let (here, elsewhere) = ("123456789012", "210987654321");
        for (own, effect, principal, account, expected) in [
            (Some(true), "Allow", ROOT, here, Some(true)),
            (Some(false), "Allow", ROOT, here, Some(false)),
            (None, "Allow", ROOT, here, None),
            (Some(false), "Allow", ROLE, here, Some(true)),
            (Some(false), "Allow", ROLE, elsewhere, Some(false)),
            (Some(true), "Allow", ROOT, elsewhere, Some(true)),
            (Some(true), "Allow", "arn:aws:iam::210987654321:root", elsewhere, Some(false)),
            (Some(true), "Deny", ROLE, here, Some(false)),
        ] {
            let found = told(own, effect, principal, account);
            assert_eq!(found, expected, "{own:?} {effect} {principal} {account}");
        }
    }

    #[test]
    fn a_policy_that_was_not_seen_may_allow_what_the_role_may_not() {
        let key = Key { arn: "arn:aws:kms:eu-west-1:123456789012:key/1".to_owned(), policy: None };
        for (own, expected) in [(Some(true), Some(true)), (Some(false), None), (None, None)] {
            assert_eq!(may_decrypt(ROLE, own, &key), expected);
        }
    }
}
