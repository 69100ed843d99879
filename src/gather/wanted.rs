//! What has to be asked once accounts and task definitions are known. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::ecs::account_of;
use super::iam::Needed;
use crate::diagnosis::evidence::{Definition, LogTarget};
use crate::diagnosis::{Evidence, Source};

/// Names, each once.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Roles by ARN, with what they must be allowed.
    pub(super) roles: BTreeMap<String, Needed>,
    /// Images, each with the role that pulls it.
    pub(super) images: BTreeMap<String, Option<String>>,
    /// Secrets and parameters.
    pub(super) secrets: BTreeSet<String>,
    /// Log groups, each once.
    pub(super) log_groups: BTreeMap<String, LogTarget>,
}

impl Wanted {
    /// What the jobs of the evidence name.
    pub(super) fn of(evidence: &Evidence) -> Self {
        let mut wanted = Self::default();
        let region = &evidence.region;
        for subject in &evidence.jobs {
            if let Source::Seen(Some(definition)) = &subject.definition {
                // Without a permission to describe clusters, a role's own account must do.
                let role = definition.execution_role.as_deref().and_then(account_of);
                let account = evidence.account.as_deref().or(role).unwrap_or("*");
                wanted.add(definition, account, region);
                if let Some(dispatch) = &subject.dispatch_role
                    && !evidence.roles.contains_key(dispatch)
                {
                    wanted.pass(dispatch, definition);
                }
            }
        }
        wanted
    }

    /// Dispatch hands over the task's roles.
    fn pass(&mut self, dispatch: &str, definition: &Definition) {
        let roles = [&definition.execution_role, &definition.task_role].into_iter().flatten();
        let needed = roles.map(|role| ("iam:PassRole".to_owned(), role.clone()));
        self.roles.entry(dispatch.to_owned()).or_default().extend(needed);
    }

    fn add(&mut self, definition: &Definition, account: &str, region: &str) {
        if let Some(role) = &definition.execution_role {
            let needed = definition.permissions(account, region);
            self.roles.entry(role.clone()).or_default().extend(needed);
        }
        if let Some(role) = &definition.task_role {
            self.roles.entry(role.clone()).or_default();
        }
        for container in &definition.containers {
            let role = definition.execution_role.clone();
            self.images.entry(container.image.clone()).or_insert(role);
            self.secrets.extend(container.secrets.iter().cloned());
            let logs = container.logs.as_ref();
            self.log_groups.extend(logs.map(|logs| (logs.key(), logs.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::diagnosis::evidence::Subject;
    use crate::jobs;

    const JOBS: &str = "
jobs:
  here: { task: { image: alpine }, logs: { group: /ecs/report } }
  there: { task: { image: alpine }, logs: { group: /ecs/report, region: eu-central-1 } }
";

    #[test]
    fn groups_of_one_name_in_two_regions_are_both_asked_for() {
        let jobs = jobs::read(JOBS.as_bytes(), Timestamp::UNIX_EPOCH).jobs.unwrap_or_default();
        let mut evidence = Evidence::new("eu-west-1", Timestamp::UNIX_EPOCH);
        let namespace = crate::identity::Namespace::default();
        let subjects = jobs.iter().map(|job| Subject::of(job, &namespace, "eu-west-1"));
        evidence.jobs = subjects.collect();
        let wanted: Vec<String> = Wanted::of(&evidence).log_groups.into_keys().collect();
        assert_eq!(wanted, ["eu-central-1:/ecs/report", "eu-west-1:/ecs/report"]);
    }
}
