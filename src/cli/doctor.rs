//! `doctor`: what is broken before anything runs.

use super::Common;
use super::diagnosis::EvidenceFiles;
use super::exit::{Exit, Failure};
use crate::identity::JobName;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this job.
    job: Option<JobName>,
    #[command(flatten)]
    files: EvidenceFiles,
}

pub(super) fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let Some(mut evidence) = arguments.files.read()? else {
        return Err(Failure::usage(
            "doctor judges evidence that was kept: name it with --from FILE",
        ));
    };
    // A run's own words are for `why`.
    evidence.run = None;
    if let Some(job) = &arguments.job {
        let known: Vec<String> = evidence.jobs.iter().map(|known| known.job.clone()).collect();
        evidence.jobs.retain(|known| known.job == job.as_str());
        if evidence.jobs.is_empty() {
            return Err(Failure::bad(format!(
                "the evidence is not about job {job}, but about {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )));
        }
    }
    arguments.files.conclude(common, evidence)
}
