//! Parameters of Parameter Store that stand in for secrets. Their values are never asked for.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::json;

use super::ecs::account_of;
use super::inquiry::Inquiry;
use crate::aws::signed::Service;
use crate::diagnosis::evidence::Secret;
use crate::diagnosis::{Source, Unseen};

/// The key that is AWS's own.
const OWN_KEY: &str = "alias/aws/ssm";

/// The parameters among what task definitions name.
pub(super) async fn parameters(
    inquiry: &Inquiry<'_>,
    wanted: &BTreeSet<String>,
    account: Option<&str>,
) -> BTreeMap<String, Source<Option<Secret>>> {
    let kept = wanted.iter().filter(|name| !name.contains(":secretsmanager:"));
    let asked = kept.map(async |name| {
        let found = parameter(inquiry, name, account).await;
        (name.clone(), found.into())
    });
    join_all(asked).await.into_iter().collect()
}

async fn parameter(
    inquiry: &Inquiry<'_>,
    named: &str,
    account: Option<&str>,
) -> Result<Option<Secret>, Unseen> {
    let here = inquiry.aws.region().map(ToString::to_string).unwrap_or_default();
    let region = named.starts_with("arn:").then(|| named.split(':').nth(3)).flatten();
    let region = region.map_or(here, str::to_owned);
    let ssm = Service { aws: inquiry.aws, name: "ssm", region };
    let filter = json!({ "Key": "Name", "Option": "Equals", "Values": [name_of(named)] });
    let question = json!({ "ParameterFilters": [filter] });
    let call = ssm.ask("AmazonSSM.DescribeParameters", &question);
    let answer = inquiry.ask("ssm:DescribeParameters", call).await?;
    let found = answer["Parameters"].as_array().and_then(|found| found.first());
    // Only an account itself lists its parameters.
    let owner = account_of(named).filter(|_| named.starts_with("arn:"));
    if found.is_none() && owner.is_some_and(|owner| account.is_none_or(|own| own != owner)) {
        return Err(Unseen::Failed("another account's parameters are not listed".to_owned()));
    }
    Ok(found.map(|found| {
        let key = found["KeyId"].as_str().filter(|key| *key != OWN_KEY);
        // A parameter is made with its value.
        Secret { has_value: true, deleted: false, key: key.map(str::to_owned) }
    }))
}

/// A parameter's name: an ARN leaves out the slash that a path begins with.
fn name_of(named: &str) -> String {
    match named.split_once(":parameter/") {
        Some((_, rest)) if rest.contains('/') => format!("/{rest}"),
        Some((_, rest)) => rest.to_owned(),
        None => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_one_name_however_it_is_written() {
        let arn = |rest: &str| format!("arn:aws:ssm:eu-west-1:123456789012:parameter/{rest}");
        for (written, name) in [
            ("token".to_owned(), "token"),
            ("/team/token".to_owned(), "/team/token"),
            (arn("token"), "token"),
            (arn("team/token"), "/team/token"),
        ] {
            assert_eq!(name_of(&written), name, "{written}");
        }
    }
}
