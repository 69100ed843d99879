//! `why`: what one run failed of, or waits for.

use jiff::Timestamp;

use super::diagnosis::EvidenceFiles;
use super::exit::{Exit, Failure};
use super::output::printable;
use super::records::Records;
use super::{Common, LedgerPath};
use crate::diagnosis::Evidence;
use crate::diagnosis::evidence::RunSeen;

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

/// What the ledger has of the run.
async fn ask(common: &Common, arguments: &Arguments) -> Result<Evidence, Failure> {
    let records = Records::open(common, &arguments.ledger).await?;
    let run = records.find(arguments.run.as_deref().unwrap_or_default()).await?;
    let mut evidence = Evidence::new("", Timestamp::now());
    evidence.run = Some(RunSeen::of(&run));
    Ok(evidence)
}
