//! Images in private registries of ECR's.

use std::collections::BTreeMap;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::{Builder, Region};
use aws_sdk_ecr::types::ImageIdentifier;
use futures_util::future::join_all;
use serde_json::Value;

use super::inquiry::Inquiry;
use super::policy::{self, Word};
use crate::aws::signed;
use crate::diagnosis::evidence::Image;
use crate::diagnosis::{ImageName, Source, Unseen};

/// What pulling is, to a repository's policy.
const PULL: [&str; 3] =
    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
/// Lists of images, and images by themselves.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// An image's configuration is a few thousand; more is something else.
const CONFIG_BYTES_MAX: u64 = 4 << 20;
/// What ECR says of an image that it does not have.
const MISSING: [&str; 2] = ["ImageNotFoundException", "RepositoryNotFoundException"];

/// An image's place.
struct Ecr<'a> {
    client: Client,
    inquiry: &'a Inquiry<'a>,
    registry: &'a str,
    repository: &'a str,
    id: ImageIdentifier,
}

/// The images of ECR's among these references, each with the execution role that pulls it.
pub(super) async fn images(
    inquiry: &Inquiry<'_>,
    wanted: &BTreeMap<String, Option<String>>,
    account: Option<&str>,
) -> BTreeMap<String, Source<Option<Image>>> {
    let asked = wanted.iter().filter_map(|(reference, role)| {
        let name = ImageName::of(reference);
        let (registry, region) = name.ecr?;
        let config = Builder::from(inquiry.aws).region(Region::new(region.to_owned())).build();
        let client = Client::from_conf(config);
        let (repository, id) = (name.repository, identifier(reference));
        let ecr = Ecr { client, inquiry, registry, repository, id };
        Some(async move {
            let found = ecr.image(role.as_deref(), account).await;
            (reference.clone(), found.into())
        })
    });
    join_all(asked).await.into_iter().collect()
}

/// By digest, where there is one: it decides.
fn identifier(reference: &str) -> ImageIdentifier {
    let id = ImageIdentifier::builder();
    if let Some((_, digest)) = reference.split_once('@') {
        return id.image_digest(digest).build();
    }
    let tag = reference.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
    id.image_tag(tag.unwrap_or("latest")).build()
}

impl Ecr<'_> {
    async fn image(
        &self,
        role: Option<&str>,
        account: Option<&str>,
    ) -> Result<Option<Image>, Unseen> {
        let call = self.client.describe_images().registry_id(self.registry);
        let call = call.repository_name(self.repository).image_ids(self.id.clone()).send();
        let found = self.inquiry.ask_unless("ecr:DescribeImages", &MISSING, call).await?;
        if found.is_none() {
            return self.comes_at_first_pull().await;
        }
        let (platforms, policy) = tokio::join!(self.platforms(), self.policy());
        let is_ours = account.is_none_or(|account| account == self.registry);
        let policy_admits =
            policy.map(|policy| role.and_then(|role| admits(policy.as_ref(), role, is_ours)));
        Ok(Some(Image { platforms: platforms.into(), policy_admits: policy_admits.into() }))
    }

    /// An image that is not there, unless the registry fetches it from another one when somebody
    /// asks for it first
    /// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html>).
    async fn comes_at_first_pull(&self) -> Result<Option<Image>, Unseen> {
        let call = self.client.describe_pull_through_cache_rules().registry_id(self.registry);
        let rules = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let rules = self.inquiry.ask("ecr:DescribePullThroughCacheRules", rules).await?;
        let mut prefixes = rules.into_iter().filter_map(|rule| rule.ecr_repository_prefix);
        match prefixes.find(|prefix| is_below(self.repository, prefix)) {
            Some(prefix) => Err(Unseen::Failed(format!(
                "the registry fetches {prefix} from another one at the first pull"
            ))),
            None => Ok(None),
        }
    }

    /// What the image was built for: a list of images says it, one by itself in its configuration.
    async fn platforms(&self) -> Result<Vec<String>, Unseen> {
        let Some(manifest) = self.manifest().await? else { return Ok(Vec::new()) };
        let config = &manifest["config"];
        let is_small = config["size"].as_u64().is_none_or(|size| size <= CONFIG_BYTES_MAX);
        match config["digest"].as_str().filter(|_| is_small) {
            Some(digest) => Ok(platform(&self.config(digest).await?).into_iter().collect()),
            None => Ok(listed_platforms(&manifest)),
        }
    }

    async fn config(&self, digest: &str) -> Result<Value, Unseen> {
        let permission = "ecr:GetDownloadUrlForLayer";
        let call = self.client.get_download_url_for_layer().registry_id(self.registry);
        let call = call.repository_name(self.repository).layer_digest(digest).send();
        let url = self.inquiry.ask(permission, call).await?.download_url.unwrap_or_default();
        let text = self.inquiry.ask(permission, signed::fetch(self.inquiry.aws, &url)).await?;
        serde_json::from_str(&text)
            .map_err(|_| Unseen::Failed("the image's configuration cannot be read".to_owned()))
    }

    async fn manifest(&self) -> Result<Option<Value>, Unseen> {
        let call = self.client.batch_get_image().registry_id(self.registry);
        let call = call.repository_name(self.repository).image_ids(self.id.clone());
        let kinds = MANIFESTS.map(str::to_owned).to_vec();
        let call = call.set_accepted_media_types(Some(kinds)).send();
        let found = self.inquiry.ask("ecr:BatchGetImage", call).await?;
        let image = found.images.unwrap_or_default().into_iter().next();
        let manifest = image.and_then(|image| image.image_manifest);
        Ok(manifest.and_then(|manifest| serde_json::from_str(&manifest).ok()))
    }

    async fn policy(&self) -> Result<Option<Value>, Unseen> {
        let call = self.client.get_repository_policy().registry_id(self.registry);
        let call = call.repository_name(self.repository).send();
        let missing = ["RepositoryPolicyNotFoundException"];
        let found = self.inquiry.ask_unless("ecr:GetRepositoryPolicy", &missing, call).await?;
        let text = found.and_then(|found| found.policy_text);
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

/// Whether a rule for this prefix is about the repository; `ROOT` is about all.
fn is_below(repository: &str, prefix: &str) -> bool {
    let rest = repository.strip_prefix(prefix);
    prefix == "ROOT" || rest.is_some_and(|rest| rest.starts_with('/'))
}

/// What a list of images says they were built for.
fn listed_platforms(manifest: &Value) -> Vec<String> {
    let listed = manifest["manifests"].as_array().into_iter().flatten();
    listed.filter_map(|image| platform(&image["platform"])).collect()
}

/// System, processor and its variant, in a list as in a configuration
/// (<https://github.com/opencontainers/image-spec/blob/main/config.md>).
fn platform(of: &Value) -> Option<String> {
    let (os, processor) = (of["os"].as_str()?, of["architecture"].as_str()?);
    // A builder's notes are listed among the images.
    (os != "unknown").then(|| match of["variant"].as_str() {
        Some(variant) => format!("{os}/{processor}/{variant}"),
        None => format!("{os}/{processor}"),
    })
}

/// Whether a repository's policy lets a role pull; `None` where it does not decide. In the role's
/// own account it only counts if it denies, in another one it must allow.
fn admits(policy: Option<&Value>, role: &str, is_ours: bool) -> Option<bool> {
    let policies: Vec<Value> = policy.cloned().into_iter().collect();
    let applies = |statement: &Value| is_about(&statement["Principal"], role);
    let words = PULL.map(|action| policy::word(&policies, action, "", &applies));
    if words.contains(&Word::Denies) {
        return Some(false);
    }
    if is_ours || words.contains(&Word::Unclear) {
        return None;
    }
    Some(words.iter().all(|word| *word == Word::Allows))
}

/// Whether a principal takes in this role: everybody, its account, or itself.
fn is_about(principal: &Value, role: &str) -> bool {
    let account = role.split(':').nth(4).unwrap_or_default();
    let root = format!(":iam::{account}:root");
    let is_it =
        |named: &str| named == "*" || named == role || named == account || named.ends_with(&root);
    policy::texts(principal).any(is_it) || policy::texts(&principal["AWS"]).any(is_it)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/exec";

    #[test]
    fn in_another_account_a_repository_must_let_the_role_in_and_at_home_only_not_keep_it_out() {
        let policy = |effect: &str, principal: Value| json!({ "Statement": [{ "Effect": effect, "Principal": principal, "Action": PULL }] });
        let account = json!({ "AWS": "arn:aws:iam::123456789012:root" });
        let others = json!({ "AWS": ["arn:aws:iam::210987654321:root"] });
        for (policy, at_home, elsewhere) in [
            (None, None, Some(false)),
            (Some(policy("Allow", account.clone())), None, Some(true)),
            (Some(policy("Allow", json!({ "AWS": ROLE }))), None, Some(true)),
            (Some(policy("Allow", json!("*"))), None, Some(true)),
            (Some(policy("Allow", others)), None, Some(false)),
            (Some(policy("Deny", account)), Some(false), Some(false)),
        ] {
            let told = [true, false].map(|is_ours| admits(policy.as_ref(), ROLE, is_ours));
            assert_eq!(told, [at_home, elsewhere], "{policy:?}");
        }
    }

    #[test]
    fn an_image_is_asked_for_by_digest_before_its_tag() {
        let repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/report";
        for (rest, tag, digest) in [
            ("", Some("latest"), None),
            (":1", Some("1"), None),
            ("@sha256:ab", None, Some("sha256:ab")),
            (":1@sha256:ab", None, Some("sha256:ab")),
        ] {
            let id = identifier(&format!("{repository}{rest}"));
            assert_eq!((id.image_tag(), id.image_digest()), (tag, digest), "{rest}");
        }
    }
}
