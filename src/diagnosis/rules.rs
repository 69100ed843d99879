//! The rules: for each check what is fine, what is not, and what to do. Each looks at one job and
//! only at the sources it needs.

mod cluster;
mod definition;
mod image;
mod logs;
mod paths;
mod quota;
mod roles;
mod secrets;
mod subnets;
mod task;
mod trigger;

use super::evidence::{Definition, Evidence, Subject};
use super::{Check, Finding, Source, Unseen};

/// One job before its evidence.
#[derive(Clone, Copy)]
struct Look<'e> {
    evidence: &'e Evidence,
    subject: &'e Subject,
}

/// Every finding about every job, in the order of a task's way.
pub(super) fn findings(evidence: &Evidence) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        evidence.jobs.iter().flat_map(|subject| Look { evidence, subject }.all()).collect();
    findings.extend(evidence.run.as_ref().and_then(task::finding));
    findings.sort_by_key(|finding| finding.check);
    findings
}

impl<'e> Look<'e> {
    fn all(self) -> Vec<Finding> {
        let mut found = [
            trigger::findings(self),
            cluster::findings(self),
            quota::findings(self),
            subnets::findings(self),
        ]
        .concat();
        match self.definition() {
            Ok(Some(definition)) => found.extend(
                [
                    definition::findings(self, definition),
                    roles::findings(self, definition),
                    secrets::findings(self, definition),
                    image::findings(self, definition),
                    logs::findings(self, definition),
                    paths::findings(self, definition),
                ]
                .concat(),
            ),
            Ok(None) => found.push(self.fail(
                Check::TaskDefinition,
                "ECS has no such task definition, or no active revision of it",
                "correct `task.taskDefinition`, or register it: aws ecs register-task-definition",
            )),
            // What is not known of it is not known of all that it names.
            Err(unseen) => {
                let checks = definition::CHECKS.into_iter().chain(paths::CHECKS);
                found.extend(checks.map(|check| self.skip(check, &unseen)));
            }
        }
        found
    }

    /// The job's task definition; `None` where there is none.
    fn definition(self) -> Result<Option<&'e Definition>, Unseen> {
        Ok(self.subject.definition.seen("task definitions")?.as_ref())
    }

    /// `report: secretsmanager`.
    fn about(self, what: &str) -> String {
        format!("{}: {what}", self.subject.job)
    }

    fn ok(self, check: Check, evidence: impl Into<String>) -> Finding {
        Finding::ok(check, &self.subject.job, evidence)
    }

    fn fail(self, check: Check, evidence: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding::fail(check, &self.subject.job, evidence, remedy)
    }

    fn warn(self, check: Check, evidence: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding::warn(check, &self.subject.job, evidence, remedy)
    }

    fn open(self, check: Check, evidence: &str) -> Finding {
        Finding::open(check, &self.subject.job, evidence)
    }

    fn skip(self, check: Check, unseen: &Unseen) -> Finding {
        Finding::skipped(check, &self.subject.job, unseen)
    }
}

/// A source in a map: nobody asked for what is not there.
fn source<'m, T>(
    map: &'m std::collections::BTreeMap<String, Source<T>>,
    key: &str,
    what: &'static str,
) -> Result<&'m T, Unseen> {
    map.get(key).map_or(Err(Unseen::NotAsked(what)), |source| source.seen(what))
}
