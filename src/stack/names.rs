//! What things are called in the account and in the template, and whether AWS takes the name.

use std::collections::BTreeMap;

use crate::identity::{JobName, Namespace};
use crate::jobs::problem::Problem;
use crate::jobs::{Job, Path};

/// Characters of a schedule's and of a rule's name at most
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
const NAME_CHARS_MAX: usize = 64;

/// The names given so far, each with whose it is.
pub(super) struct Names<'a> {
    namespace: &'a Namespace,
    taken: BTreeMap<String, Path>,
}

impl<'a> Names<'a> {
    pub(super) fn new(namespace: &'a Namespace) -> Self {
        Self { namespace, taken: BTreeMap::new() }
    }

    /// Takes `<namespace>-<rest>` in the account.
    pub(super) fn take_own(&mut self, rest: &str, at: Path, problems: &mut Vec<Problem>) {
        let name = format!("{}-{rest}", self.namespace);
        let over = name.len().saturating_sub(NAME_CHARS_MAX);
        if over > 0 {
            let message = format!(
                "comes to the name `{name}`, {} characters, AWS takes at most {NAME_CHARS_MAX}",
                name.len()
            );
            problems.push(Problem::error(at.clone(), message).remedy(format!(
                "shorten the job's name or the namespace by {over}; a schedule may also be given \
                 a `scheduleName`"
            )));
        }
        self.take(name, at, problems);
    }

    /// Takes a name in the account, or in the template.
    pub(super) fn take(&mut self, name: String, at: Path, problems: &mut Vec<Problem>) {
        if let Some(owner) = self.taken.get(&name) {
            problems.push(
                Problem::error(at, format!("comes to the name `{name}`, which is {owner}'s"))
                    .remedy("rename one of the jobs, or give the schedule a `scheduleName`"),
            );
        } else {
            self.taken.insert(name, at);
        }
    }

    /// Takes the name of a job's resource in the template, which has letters and digits only:
    /// `NightlyReportSchedule2`.
    pub(super) fn logical(
        &mut self,
        job: &JobName,
        kind: &str,
        number: &str,
        at: Path,
        problems: &mut Vec<Problem>,
    ) -> String {
        let id = format!("{}{kind}{number}", camel(job.as_str()));
        self.take(id.clone(), at, problems);
        id
    }
}

/// Where a job's trigger stands, counted from 0.
pub(super) fn place(job: &Job, index: usize) -> Path {
    Path::root().key("jobs").key(job.name.as_str()).key("triggers").index(index)
}

fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect()
}
