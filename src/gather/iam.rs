//! The roles of tasks: who may take them on, and what they may do.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType,
};
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;

use super::inquiry::Inquiry;
use super::policy::{self, Word};
use crate::diagnosis::evidence::{Decision, Role};
use crate::diagnosis::{Source, Unseen};

/// What a role must be allowed: action and resource.
pub(super) type Needed = BTreeSet<(String, String)>;

struct Iam<'a> {
    client: Client,
    inquiry: &'a Inquiry<'a>,
}

/// The roles with these ARNs, asked whether they may do what is needed of them.
pub(super) async fn roles(
    inquiry: &Inquiry<'_>,
    wanted: &BTreeMap<String, Needed>,
) -> BTreeMap<String, Source<Option<Role>>> {
    let iam = Iam { client: Client::new(inquiry.aws), inquiry };
    let asked = wanted.iter().map(async |(arn, needed)| {
        let found = iam.role(arn, needed).await;
        (arn.clone(), found.into())
    });
    join_all(asked).await.into_iter().collect()
}

impl Iam<'_> {
    async fn role(&self, arn: &str, needed: &Needed) -> Result<Option<Role>, Unseen> {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let call = self.client.get_role().role_name(name).send();
        let found = self.inquiry.ask_unless("iam:GetRole", &["NoSuchEntity"], call).await?;
        // IAM finds a role by its name; another path is another ARN.
        let Some(role) = found.and_then(|found| found.role).filter(|role| role.arn == arn) else {
            return Ok(None);
        };
        let trust = role.assume_role_policy_document.as_deref().and_then(policy::read);
        let is_bounded = role.permissions_boundary.is_some();
        let decisions = match needed.is_empty() {
            true => Source::Seen(Vec::new()),
            false => self.decisions(arn, name, needed, is_bounded).await.into(),
        };
        let trusted_services = trust.as_ref().map(policy::trusted_services).unwrap_or_default();
        Ok(Some(Role { trusted_services, decisions }))
    }

    /// By simulation, which knows boundaries and conditions; else by reading the role's policies.
    async fn decisions(
        &self,
        arn: &str,
        name: &str,
        needed: &Needed,
        is_bounded: bool,
    ) -> Result<Vec<Decision>, Unseen> {
        let unseen = match self.simulate(arn, needed).await {
            Ok(decisions) => return Ok(decisions),
            Err(unseen) => unseen,
        };
        let policies = if is_bounded { None } else { self.policies(name).await.ok() };
        policies.map(|policies| decide(&policies, needed)).ok_or(unseen)
    }

    async fn simulate(&self, arn: &str, needed: &Needed) -> Result<Vec<Decision>, Unseen> {
        let mut by_resource: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (action, resource) in needed {
            by_resource.entry(resource).or_default().push(action.clone());
        }
        let to_tasks = ContextEntry::builder()
            .context_key_name("iam:PassedToService")
            .context_key_type(ContextKeyTypeEnum::String)
            .context_key_values(policy::ECS_TASKS)
            .build();
        let asked = by_resource.into_iter().map(async |(resource, actions)| {
            let call = self.client.simulate_principal_policy().policy_source_arn(arn);
            let call = call.context_entries(to_tasks.clone());
            let call =
                call.set_action_names(Some(actions)).resource_arns(concrete(resource)).send();
            let answer = self.inquiry.ask("iam:SimulatePrincipalPolicy", call).await?;
            let results = answer.evaluation_results.unwrap_or_default().into_iter();
            Ok(results.map(|result| to_decision(result, resource)).collect::<Vec<_>>())
        });
        Ok(try_join_all(asked).await?.concat())
    }

    /// Every policy of the role.
    async fn policies(&self, role: &str) -> Result<Vec<Value>, Unseen> {
        let (own, attached) = tokio::try_join!(self.own(role), self.attached(role))?;
        Ok(own.into_iter().chain(attached).collect())
    }

    async fn own(&self, role: &str) -> Result<Vec<Value>, Unseen> {
        let pages = self.client.list_role_policies().role_name(role).into_paginator().items();
        let names = pages.send().collect::<Result<Vec<_>, _>>();
        let names = self.inquiry.ask("iam:ListRolePolicies", names).await?;
        let read = names.into_iter().map(async |name| {
            let call = self.client.get_role_policy().role_name(role).policy_name(name).send();
            let found = self.inquiry.ask("iam:GetRolePolicy", call).await?;
            readable(policy::read(&found.policy_document))
        });
        try_join_all(read).await
    }

    async fn attached(&self, role: &str) -> Result<Vec<Value>, Unseen> {
        let call = self.client.list_attached_role_policies().role_name(role);
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let found = self.inquiry.ask("iam:ListAttachedRolePolicies", found).await?;
        let arns = found.into_iter().filter_map(|attached| attached.policy_arn);
        try_join_all(arns.map(async |arn| {
            let call = self.client.get_policy().policy_arn(&arn).send();
            let found = self.inquiry.ask("iam:GetPolicy", call).await?.policy;
            let version = found.and_then(|found| found.default_version_id).unwrap_or_default();
            let call = self.client.get_policy_version().policy_arn(&arn).version_id(version);
            let found = self.inquiry.ask("iam:GetPolicyVersion", call.send()).await?;
            let document = found.policy_version.and_then(|version| version.document);
            readable(document.as_deref().and_then(policy::read))
        }))
        .await
    }
}

/// What a simulation says. It knows nothing of the task, so a condition on the task's VPC, say, is no
/// reason to deny it.
fn to_decision(result: EvaluationResult, resource: &str) -> Decision {
    let is_open = result.missing_context_values.is_some_and(|missing| !missing.is_empty());
    let allowed = match result.eval_decision {
        PolicyEvaluationDecisionType::Allowed => Some(true),
        _ if is_open => None,
        _ => Some(false),
    };
    Decision { action: result.eval_action_name, resource: resource.to_owned(), allowed }
}

/// A log group's streams are allowed by `:*` and by `:log-stream:*` alike: one of them is asked for.
fn concrete(resource: &str) -> String {
    match resource.strip_suffix(":*") {
        Some(group) if group.contains(":log-group:") => format!("{group}:log-stream:longshore"),
        _ => resource.to_owned(),
    }
}

fn readable(policy: Option<Value>) -> Result<Value, Unseen> {
    policy.ok_or_else(|| Unseen::Failed("a policy could not be read".to_owned()))
}

/// What the policies say plainly.
fn decide(policies: &[Value], needed: &Needed) -> Vec<Decision> {
    needed
        .iter()
        .map(|(action, resource)| {
            let resource_name = concrete(resource);
            let allowed = match policy::word(policies, action, &resource_name, &|_| true) {
                Word::Allows => Some(true),
                Word::Denies | Word::Silent => Some(false),
                Word::Unclear => None,
            };
            Decision { action: action.clone(), resource: resource.clone(), allowed }
        })
        .collect()
}
