//! `why`: what one run failed of, or waits for.

use jiff::Timestamp;

use super::diagnosis::EvidenceFiles;
use super::exit::{Exit, Failure};
#[cfg(feature = "aws")]
use super::output;
use super::output::printable;
use super::records::Records;
use super::{Common, LedgerPath};
use crate::diagnosis::Evidence;
use crate::diagnosis::evidence::RunSeen;
#[cfg(feature = "aws")]
use crate::{gather::Topic, jobs::Jobs, run::Run};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or enough of its beginning.
    #[arg(required_unless_present = "from")]
    run: Option<String>,
    #[command(flatten)]
    files: EvidenceFiles,
    #[command(flatten)]
    ledger: LedgerPath,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let evidence = match arguments.files.read()? {
        Some(evidence) => about(evidence, arguments.run.as_deref())?,
        None => ask(common, arguments).await?,
    };
    arguments.files.conclude(common, evidence)
}

/// The evidence, if it is about this run.
fn about(mut evidence: Evidence, prefix: Option<&str>) -> Result<Evidence, Failure> {
    let Some(run) = &evidence.run else {
        return Err(Failure::bad("the evidence is about no run: `longshore doctor` judges it"));
    };
    if let Some(prefix) = prefix.filter(|prefix| !run.id.starts_with(prefix)) {
        return Err(Failure::bad(format!(
            "the evidence is about {}, and not about `{}`",
            printable(&run.id),
            printable(prefix)
        )));
    }
    let job = run.job.clone();
    evidence.jobs.retain(|known| known.job == job);
    Ok(evidence)
}

/// What the ledger has of the run, and AWS of its job, if that is where it ran.
async fn ask(common: &Common, arguments: &Arguments) -> Result<Evidence, Failure> {
    let records = Records::open(common, &arguments.ledger).await?;
    let run = records.find(arguments.run.as_deref().unwrap_or_default()).await?;
    #[cfg(feature = "aws")]
    if let Records::Aws { cloud, knows_jobs, .. } = &records {
        return ask_aws(common, cloud, *knows_jobs, &run).await;
    }
    let mut evidence = Evidence::new("", Timestamp::now());
    evidence.run = Some(RunSeen::of(&run));
    Ok(evidence)
}

/// What AWS has for what the run asked for, or for its job as jobs.yaml says it now.
#[cfg(feature = "aws")]
async fn ask_aws(
    common: &Common,
    cloud: &crate::cloud::Cloud,
    knows_jobs: bool,
    run: &Run,
) -> Result<Evidence, Failure> {
    let jobs = if knows_jobs { super::jobs_file::load(&common.jobs)? } else { Jobs::default() };
    let jobs: Vec<_> = jobs.iter().filter(|job| job.name == run.job).collect();
    if jobs.is_empty() && run.request().is_none() {
        output::print_aside(&format!(
            "{} has no job {}: only the run's own words are judged\n",
            common.jobs.display(),
            run.job
        ));
    }
    let topic = Topic { namespace: cloud.namespace(), jobs: &jobs, run: Some(run) };
    super::evidence::ask(cloud.aws(), &topic).await
}
