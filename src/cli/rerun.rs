//! `rerun`: another run of the same job for the same values, and each of the two says so.

use super::exit::{Exit, Failure};
use super::records::Records;
use super::run::{Asking, Wish, ask, given, hold_against, parameter};
use super::show::conclusion;
use super::{Common, jobs_file};
use crate::event::Rerun;

/// What is carried over, and what is not.
pub(super) const HELP: &str = "\
Example:
  longshore rerun nightly-report-4f -p day=2026-11-23 --on aws --wait

The new run has what the old one had of its event (bucket and key, or the scheduled time) and the
job as jobs.yaml has it now. Its parameters are the old run's, but for those given with -p; one
that the job no longer declares is left out, a new one has its default, and all are held against
what the job declares now. With --same-parameters a job whose parameters have changed is refused.
A startingDeadline does not count: the run was asked for now. Only a run that has ended can be done
again; `show` of either run names the other.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run that is to be done again: its id, or enough of its beginning.
    run: String,
    /// A parameter that shall have another value than in that run. May be repeated.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Refuse unless every parameter can have the value it had.
    #[arg(long, conflicts_with = "parameters")]
    same_parameters: bool,
    #[command(flatten)]
    asking: Asking,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let jobs = jobs_file::load(&common.jobs)?;
    let records = Records::open(common, &arguments.asking.machine.ledger).await?;
    let earlier = records.find(&arguments.run).await?;
    if earlier.verdict().is_none() {
        let (id, flag) = (&earlier.id, records.flag());
        return Err(Failure::bad(format!(
            "{id} has not ended ({}): wait for it, or `longshore stop {id}{flag}` first",
            conclusion(&earlier)
        )));
    }
    drop(records);
    let rerun = Rerun {
        run: earlier.id,
        parameters: given(&arguments.parameters)?,
        same_parameters: arguments.same_parameters,
        key: arguments.asking.key(),
    };
    // Said here and now rather than by the reject queue.
    let wanted = jobs
        .wanting_again(&rerun, &earlier.values)
        .map_err(|unwanted| Failure::bad(unwanted.to_string()))?;
    hold_against(common, &wanted, &rerun.run_id())
        .map_err(|error| Failure::bad(format!("job `{}`: {error}", wanted.job.name)))?;
    ask(common, &arguments.asking, jobs, Wish::Again(rerun)).await
}
