//! What a new project has: the files that make a folder one, from a few answers. Pure, so that an
//! answer can be judged before anything is written.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::identity::Namespace;
use crate::jobs::prices::is_region;
use crate::jobs::problem::{Problem, Severity};
use crate::jobs::{self, Jobs};
use crate::stack;

mod choices;
mod event;
mod jobs_yaml;
mod question;

pub use choices::{Choices, SubnetChoice, VpcChoice};
use jobs_yaml::Draft;
pub use question::Question;

/// The stack as this version of longshore has it.
const TEMPLATE: &str = include_str!("../template.yaml");
/// Where the template looks for the functions' source in longshore's own repository.
const SOURCE_HERE: &str = "CodeUri: .\n";
/// Where it looks in a project, which has longshore's source in a folder.
const SOURCE_THERE: &str = "CodeUri: longshore\n";
const SAMCONFIG: &str = include_str!("project/samconfig.toml");
const WORKFLOW: &str = include_str!("project/workflow.yml");
const IGNORED: &str = "/.aws-sam\n/.longshore\n";

/// One answer of whoever starts a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The region that the installation is in.
    Region,
    /// The image.
    Image,
    /// The job's name.
    Job,
    /// When it runs.
    Schedule,
    /// The zone of the schedule.
    TimeZone,
    /// The bucket whose objects start it.
    Bucket,
    /// What their keys begin with.
    Prefix,
    /// The cluster.
    Cluster,
    /// The VPC.
    Vpc,
    /// Subnet ids, separated by commas.
    Subnets,
    /// Tags of subnets, `NAME=VALUE`, separated by commas.
    SubnetTags,
    /// The role that ECS pulls the image and writes logs with.
    ExecutionRole,
}

/// The answers.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was answered, as it was written.
    pub answers: BTreeMap<Answer, String>,
    /// Whether tasks get a public address.
    pub assign_public_ip: bool,
    /// The name of the installation.
    pub namespace: Namespace,
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The answer; `None` where it is about all of them together.
    pub answer: Option<Answer>,
    /// What is wrong with it, and what to answer instead.
    pub message: String,
}

/// A file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is, from the project's folder.
    pub path: &'static str,
    /// What is in it.
    pub content: Content,
    /// Whether one that is there already does as well.
    pub optional: bool,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// This text.
    Text(String),
    /// It is a link to this path.
    Link(&'static str),
}

/// What is its owner's once there is a jobs.yaml: that, and what follows from it.
pub const YOURS: [&str; 3] = ["jobs.yaml", "triggers.yaml", "events/first.json"];

/// Every file, or every fault of the answers.
pub fn files(plan: &Plan, now: Timestamp) -> Result<Vec<File>, Vec<Fault>> {
    let (draft, triggers) = check(plan, now)?;
    let mut files = vec![
        file("jobs.yaml", draft.text()),
        file("triggers.yaml", triggers),
        file("samconfig.toml", filled(SAMCONFIG, plan)),
        file("events/first.json", event::first(plan, now)),
    ];
    files.extend(ours(plan));
    Ok(files)
}

/// What a project that is there gets anew: every file but [`YOURS`]. The region is all it takes.
pub fn upgrade(plan: &Plan) -> Result<Vec<File>, Vec<Fault>> {
    if let Some(fault) = region_fault(plan) {
        return Err(vec![fault]);
    }
    let mut files = ours(plan);
    // Its owner's as well, but it follows from nothing that is kept.
    files.push(File { optional: true, ..file("samconfig.toml", filled(SAMCONFIG, plan)) });
    Ok(files)
}

/// The files that are as this version of longshore has them.
fn ours(plan: &Plan) -> Vec<File> {
    let link = Content::Link("../jobs.yaml");
    vec![
        // The layer with jobs.yaml is made of a folder.
        File { path: "config/jobs.yaml", content: link, optional: false },
        file("template.yaml", TEMPLATE.replacen(SOURCE_HERE, SOURCE_THERE, 1)),
        file(".github/workflows/longshore.yml", filled(WORKFLOW, plan)),
        File { path: ".gitignore", content: Content::Text(IGNORED.to_owned()), optional: true },
    ]
}

fn file(path: &'static str, text: String) -> File {
    File { path, content: Content::Text(text), optional: false }
}

/// A text with region and namespace in it.
fn filled(text: &str, plan: &Plan) -> String {
    let region = plan.answers.get(&Answer::Region).map_or("", String::as_str);
    text.replace("{namespace}", plan.namespace.as_str()).replace("{region}", region)
}

/// What is wrong with one answer by itself, whatever the others will be.
pub fn fault(answer: Answer, value: &str, namespace: &Namespace, now: Timestamp) -> Option<String> {
    let mut plan = Plan::example(namespace.clone());
    if matches!(answer, Answer::Bucket | Answer::Prefix) {
        plan.answers.remove(&Answer::Schedule);
        plan.answers.insert(Answer::Bucket, "bucket".to_owned());
    }
    if answer == Answer::SubnetTags {
        plan.answers.remove(&Answer::Subnets);
    }
    plan.answers.insert(answer, value.to_owned());
    let faults = check(&plan, now).err()?;
    faults.into_iter().find(|fault| fault.answer == Some(answer)).map(|fault| fault.message)
}

/// A name for a job that runs this image: the image's own, without registry and tag.
pub fn job_name(image: &str) -> Option<String> {
    let name = image.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default().replace(['.', '_'], "-");
    name.parse::<crate::identity::JobName>().ok().map(String::from)
}

/// jobs.yaml and triggers.yaml, or every fault.
fn check(plan: &Plan, now: Timestamp) -> Result<(Draft, String), Vec<Fault>> {
    let mut faults: Vec<Fault> = region_fault(plan).into_iter().collect();
    let draft = match Draft::new(plan) {
        Ok(draft) => draft,
        Err(fault) => {
            faults.push(fault);
            return Err(faults);
        }
    };
    let source = draft.text();
    let jobs::Reading { jobs, problems } = jobs::read(source.as_bytes(), now);
    faults.extend(to_faults(&draft, &problems));
    let triggers = jobs.and_then(|jobs| match render(&jobs, plan, &source) {
        Ok(text) => Some(text),
        Err(problems) => {
            faults.extend(to_faults(&draft, &problems));
            None
        }
    });
    match triggers {
        Some(triggers) if faults.is_empty() => Ok((draft, triggers)),
        _ => Err(faults),
    }
}

fn render(jobs: &Jobs, plan: &Plan, source: &str) -> Result<String, Vec<Problem>> {
    let stack::Rendering { text, mut problems } = stack::render(jobs, &plan.namespace);
    jobs::locate(source, &mut problems);
    text.ok_or(problems)
}

/// A warning is told by `check`, whenever it runs; it keeps nobody from starting.
fn to_faults(draft: &Draft, problems: &[Problem]) -> Vec<Fault> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let fault = |problem: &Problem| Fault {
        answer: problem.span.as_ref().and_then(|span| draft.answer_at(span.start)),
        message: format!("{}: {}", problem.message, problem.remedy),
    };
    errors.map(fault).collect()
}

/// A region goes into files that nobody reads for us.
fn region_fault(plan: &Plan) -> Option<Fault> {
    let region = plan.answers.get(&Answer::Region)?;
    (!is_region(region)).then(|| Fault {
        answer: Some(Answer::Region),
        message: format!("`{}` is no region: write one like eu-west-1", region.escape_debug()),
    })
}

impl Plan {
    /// Gives tasks a public address where they could reach nothing without one; whether it did.
    pub fn settle_address(&mut self, choices: &Choices) -> bool {
        let subnets = self.answers.get(&Answer::Subnets);
        let needed = subnets.is_some_and(|subnets| choices.are_public(subnets));
        let is_new = needed && !self.assign_public_ip;
        self.assign_public_ip |= needed;
        is_new
    }

    /// Answers that nothing is wrong with.
    fn example(namespace: Namespace) -> Self {
        let answers = [
            (Answer::Region, "eu-west-1"),
            (Answer::Image, "alpine"),
            (Answer::Job, "job"),
            (Answer::Schedule, "rate(1 day)"),
            (Answer::Cluster, "default"),
            (Answer::Vpc, "vpc-00000000"),
            (Answer::Subnets, "subnet-00000000"),
        ];
        let answers = answers.map(|(answer, value)| (answer, value.to_owned()));
        Self { answers: answers.into(), assign_public_ip: false, namespace }
    }
}

#[cfg(test)]
mod tests;
