//! `doctor`: what is broken before anything runs.

use super::Common;
use super::diagnosis::EvidenceFiles;
use super::exit::{Exit, Failure};
use super::output::printable;
use crate::diagnosis::Evidence;
use crate::identity::JobName;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this job.
    job: Option<JobName>,
    #[command(flatten)]
    files: EvidenceFiles,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let evidence = match arguments.files.read()? {
        Some(evidence) => about(evidence, arguments.job.as_ref())?,
        None => ask(common, arguments.job.as_ref()).await?,
    };
    arguments.files.conclude(common, evidence)
}

/// The evidence that was kept, as far as it is about the job.
fn about(mut evidence: Evidence, job: Option<&JobName>) -> Result<Evidence, Failure> {
    // A run's own words are for `why`.
    if evidence.run.take().is_some() && evidence.jobs.is_empty() {
        return Err(Failure::bad("the evidence is about a run alone: `longshore why` judges it"));
    }
    if evidence.jobs.is_empty() {
        return Err(Failure::bad("the evidence is about no job"));
    }
    let Some(job) = job else { return Ok(evidence) };
    let known: Vec<String> = evidence.jobs.iter().map(|known| known.job.clone()).collect();
    evidence.jobs.retain(|known| known.job == job.as_str());
    if evidence.jobs.is_empty() {
        return Err(Failure::bad(format!(
            "the evidence is not about job {job}, but about {}",
            printable(&known.join(", "))
        )));
    }
    Ok(evidence)
}

/// What AWS has for the jobs of jobs.yaml.
#[cfg(feature = "aws")]
async fn ask(common: &Common, job: Option<&JobName>) -> Result<Evidence, Failure> {
    let jobs = super::jobs_file::load(&common.jobs)?;
    let wanted: Vec<_> =
        jobs.iter().filter(|known| job.is_none_or(|job| known.name == *job)).collect();
    if let (Some(job), true) = (job, wanted.is_empty()) {
        let known: Vec<&str> = jobs.iter().map(|known| known.name.as_str()).collect();
        let shown = common.jobs.display();
        return Err(Failure::bad(format!("{shown} has no job {job}, but {}", known.join(", "))));
    }
    if wanted.is_empty() {
        let shown = common.jobs.display();
        return Err(Failure::bad(format!("{shown} has no job to look at")));
    }
    let topic = crate::gather::Topic { namespace: &common.namespace, jobs: &wanted, run: None };
    super::evidence::ask(&crate::aws::connect().await, &topic).await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "it waits where AWS is built in")]
async fn ask(_: &Common, _: Option<&JobName>) -> Result<Evidence, Failure> {
    Err(Failure::usage(
        "this longshore was built without AWS, and judges evidence that was kept: name it with \
         --from FILE",
    ))
}
