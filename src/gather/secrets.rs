//! Secrets of Secrets Manager. Their values are never asked for.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Builder, Region};
use futures_util::future::join_all;

use super::inquiry::Inquiry;
use crate::diagnosis::evidence::{Secret, whole_secret};
use crate::diagnosis::{Source, Unseen};

/// The key that is AWS's own.
const OWN_KEY: &str = "aws/secretsmanager";

/// The secrets among what task definitions name.
pub(super) async fn secrets(
    inquiry: &Inquiry<'_>,
    wanted: &BTreeSet<String>,
) -> BTreeMap<String, Source<Option<Secret>>> {
    let kept = wanted.iter().filter(|name| name.contains(":secretsmanager:"));
    let asked = kept.map(async |name| {
        let found = secret(inquiry, name).await;
        (name.clone(), found.into())
    });
    join_all(asked).await.into_iter().collect()
}

async fn secret(inquiry: &Inquiry<'_>, name: &str) -> Result<Option<Secret>, Unseen> {
    let region = name.split(':').nth(3).unwrap_or_default().to_owned();
    let config = Builder::from(inquiry.aws).region(Region::new(region)).build();
    let call = Client::from_conf(config).describe_secret().secret_id(whole_secret(name)).send();
    let missing = ["ResourceNotFoundException"];
    let found = inquiry.ask_unless("secretsmanager:DescribeSecret", &missing, call).await?;
    Ok(found.map(|found| {
        let versions = found.version_ids_to_stages.unwrap_or_default();
        let is_current = versions.values().flatten().any(|stage| stage == "AWSCURRENT");
        Secret {
            has_value: is_current,
            deleted: found.deleted_date.is_some(),
            key: found.kms_key_id.filter(|key| !key.ends_with(OWN_KEY)),
        }
    }))
}
