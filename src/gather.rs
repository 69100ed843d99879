//! Asks AWS what a diagnosis rests on. It only reads.
//!
//! Every source is asked by itself, all at the same time, each with a bounded time: one that is
//! refused or does not answer is noted as such in the evidence and hides no other.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use jiff::Timestamp;

use crate::diagnosis::evidence::{Definition, Quota, RunSeen, Subject, SubjectTrigger, Trigger};
use crate::diagnosis::{Evidence, Source, Unseen};
use crate::identity::Namespace;
use crate::jobs::{self, Job, Network};
use crate::run::Run;

mod buckets;
mod choices;
mod ec2;
mod ecr;
mod ecs;
mod events;
mod function;
mod iam;
mod inquiry;
mod keys;
mod logs;
mod parameters;
mod policy;
mod queue;
mod quotas;
mod requested;
mod scheduler;
mod secrets;
mod wanted;

pub use choices::choices;
use ecs::Ecs;
use inquiry::Inquiry;
use wanted::Wanted;

/// Buckets, rules and schedules by name.
type Triggers = BTreeMap<String, Source<Option<Trigger>>>;

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Questions asked so far; answers lead to more.
    pub asked: u32,
    /// Those that were answered, one way or another.
    pub answered: u32,
}

/// What the evidence is to be about.
#[derive(Clone, Copy, Debug)]
pub struct Topic<'a> {
    /// The installation.
    pub namespace: &'a Namespace,
    /// The jobs. Of a run that has asked for its task, what it asked for counts instead.
    pub jobs: &'a [&'a Job],
    /// The run, if it is about one.
    pub run: Option<&'a Run>,
}

/// Why there is no evidence at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// Nobody said where to ask.
    #[error("AWS needs a region: set AWS_REGION, or `region` in ~/.aws/config")]
    NoRegion,
    /// Nothing was answered, not even with a no.
    #[error("AWS cannot be asked: {0}")]
    Unreachable(String),
}

/// Asks for everything about the topic, and tells how far it is.
pub async fn gather(
    aws: &SdkConfig,
    topic: &Topic<'_>,
    now: Timestamp,
    tell: &dyn Fn(Progress),
) -> Result<Evidence, GatherError> {
    let region = aws.region().ok_or(GatherError::NoRegion)?.to_string();
    let known = topic.jobs.first().copied();
    let requested = topic.run.and_then(|run| requested::job(run, known));
    let requested: Vec<&Job> = requested.iter().collect();
    let jobs = if requested.is_empty() { topic.jobs } else { &requested };
    let topic = &Topic { jobs, ..*topic };
    let inquiry = Inquiry::new(aws, tell);
    let mut evidence = Evidence::new(&region, now);
    let subjects = topic.jobs.iter().map(|job| Subject::of(job, topic.namespace, &region));
    evidence.jobs = subjects.collect();
    evidence.run = topic.run.map(RunSeen::of);
    let networks: Vec<&Network> =
        topic.jobs.iter().filter_map(|job| job.network.as_ref()).collect();
    let ecs = Ecs::new(&inquiry);
    let (tasks, triggers, usage, found, task) = tokio::join!(
        ask_about_tasks(&inquiry, &ecs, topic, evidence.clone()),
        ask_about_triggers(&inquiry, topic, &evidence.jobs),
        async { tokio::join!(quotas::vcpus_max(&inquiry), ecs.vcpus_used()) },
        find_network(&inquiry, &networks),
        ecs.task(topic),
    );
    let mut evidence = tasks;
    (evidence.triggers, evidence.queue_admits) = triggers;
    evidence.quotas = to_quotas(usage);
    if let Some(found) = found {
        place_jobs(topic, &mut evidence, found);
    }
    if let (Some(run), Some(task)) = (&mut evidence.run, task) {
        run.task_shown = task.as_ref().map(Option::is_some).map_err(Unseen::clone).into();
        if let Ok(Some(task)) = task {
            task.complete(run);
        }
    }
    match inquiry.silence() {
        Some(reason) => Err(GatherError::Unreachable(reason)),
        None => Ok(evidence),
    }
}

/// Clusters, definitions, and what these name.
async fn ask_about_tasks(
    inquiry: &Inquiry<'_>,
    ecs: &Ecs<'_>,
    topic: &Topic<'_>,
    mut evidence: Evidence,
) -> Evidence {
    let (definitions, clusters, dispatch) = tokio::join!(
        ecs.definitions(topic.jobs),
        ecs.clusters(topic.jobs),
        function::dispatch_role(inquiry, topic.namespace),
    );
    evidence.account = clusters.account;
    evidence.clusters = clusters.known;
    for (subject, job) in evidence.jobs.iter_mut().zip(topic.jobs) {
        if let Some(definition) = definition_of(job, &definitions) {
            subject.definition = definition;
        }
    }
    name_dispatch(dispatch, topic, &mut evidence);
    let wanted = Wanted::of(&evidence);
    let account = evidence.account.as_deref();
    let (roles, images, secrets, parameters, logs) = tokio::join!(
        iam::roles(inquiry, &wanted.roles),
        ecr::images(inquiry, &wanted.images, account),
        secrets::secrets(inquiry, &wanted.secrets),
        parameters::parameters(inquiry, &wanted.secrets, account),
        logs::groups(inquiry, &wanted.log_groups),
    );
    evidence.roles.extend(roles);
    evidence.images = images;
    evidence.secrets = secrets;
    evidence.secrets.extend(parameters);
    evidence.log_groups = logs;
    keys::decide(inquiry, &mut evidence).await;
    evidence
}

/// Which subnets and groups the jobs mean, and everything around these.
fn place_jobs(topic: &Topic<'_>, evidence: &mut Evidence, mut found: ec2::Found) {
    if let Some(account) = &evidence.account {
        found.note_shared(account);
    }
    for (subject, job) in evidence.jobs.iter_mut().zip(topic.jobs) {
        if let Some(network) = &job.network {
            let place = found.place(network);
            subject.subnets = place.subnets;
            subject.security_groups = place.groups;
        }
    }
    evidence.network = found.world;
}

/// Notes whose role hands over those of tasks. Where that may not be known, the role stands for its
/// own absence.
fn name_dispatch(role: Result<Option<String>, Unseen>, topic: &Topic<'_>, evidence: &mut Evidence) {
    let role = match role {
        Ok(role) => role,
        Err(unseen) => {
            let role = format!("{}-dispatch", topic.namespace);
            evidence.roles.insert(role.clone(), Err(unseen).into());
            Some(role)
        }
    };
    for subject in &mut evidence.jobs {
        subject.dispatch_role.clone_from(&role);
    }
}

/// What starts the jobs, and whether the events queue lets it in.
async fn ask_about_triggers(
    inquiry: &Inquiry<'_>,
    topic: &Topic<'_>,
    jobs: &[Subject],
) -> (Triggers, Source<Option<bool>>) {
    // Nothing sends where nothing triggers.
    if jobs.iter().all(|job| job.triggers.is_empty()) {
        return (Triggers::new(), Source::NotAsked);
    }
    let (mut triggers, schedules, buckets, queue) = tokio::join!(
        events::rules(inquiry, jobs, topic.namespace),
        scheduler::schedules(inquiry, jobs, topic.namespace),
        buckets::buckets(inquiry, jobs),
        queue::events_queue(inquiry, topic.namespace),
    );
    triggers.extend(schedules);
    triggers.extend(buckets);
    let rules = sending_rules(jobs, &triggers);
    let admits = queue.map(|queue| queue.map(|queue| queue.admits(&rules)));
    (triggers, admits.into())
}

/// The rules that are to send into the events queue, be they there or not; of those that are made
/// elsewhere only what is there and is no schedule.
fn sending_rules<'j>(jobs: &'j [Subject], triggers: &Triggers) -> BTreeSet<&'j str> {
    let is_there = |key: String| matches!(triggers.get(&key), Some(Source::Seen(Some(_))));
    let sends =
        |name: &str| is_there(format!("rule/{name}")) && !is_there(format!("schedule/{name}"));
    let rule = |trigger: &'j SubjectTrigger| match trigger {
        SubjectTrigger::Bucket { rule, .. } => Some(rule.as_str()),
        SubjectTrigger::Schedule { name, elsewhere } => {
            (*elsewhere && sends(name)).then_some(name.as_str())
        }
    };
    jobs.iter().flat_map(|job| &job.triggers).filter_map(rule).collect()
}

/// How much may run by capacity provider, with how much does, where that is known.
fn to_quotas((most, used): (quotas::Most, ecs::Used)) -> BTreeMap<String, Source<Quota>> {
    let quota = |(provider, vcpus_max): (&str, Result<f64, Unseen>)| {
        let in_use = used.as_ref().map(|used| used.get(provider).copied().unwrap_or(0.0));
        let vcpus_used = in_use.map_err(Unseen::clone).into();
        let quota = vcpus_max.map(|vcpus_max| Quota { vcpus_max, vcpus_used });
        (provider.to_owned(), quota.into())
    };
    most.into_iter().map(quota).collect()
}

async fn find_network(inquiry: &Inquiry<'_>, networks: &[&Network]) -> Option<ec2::Found> {
    // Nothing is asked about a network that no job has.
    if networks.is_empty() {
        return None;
    }
    Some(ec2::find(inquiry, networks).await)
}

/// The registered definition a job names, with what the job changes in it.
fn definition_of(
    job: &Job,
    known: &BTreeMap<String, Source<Option<Definition>>>,
) -> Option<Source<Option<Definition>>> {
    let jobs::Source::TaskDefinition(name) = &job.task.source else { return None };
    Some(match known.get(name)? {
        Source::Seen(found) => {
            let changed = |found: Definition| found.changed_by(&job.task.entry);
            Source::Seen(found.clone().map(changed))
        }
        other => other.clone(),
    })
}
