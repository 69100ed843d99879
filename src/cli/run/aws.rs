//! `run --on aws`: asks the installation for a run, and waits for it if told to.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Wish;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output;
use crate::cli::show::{conclusion, tell};
use crate::cli::timeline::{self, timeline};
use crate::cli::{Common, Format};
use crate::cloud::Cloud;
use crate::identity::RunId;
use crate::jobs::Jobs;
use crate::ledger::LedgerError;
use crate::run::Run;

/// How often a run is looked at while it is waited for.
const LOOK: Duration = Duration::from_secs(1);
/// After this long without a claim, a person should look at the queues.
const CLAIM_EXPECTED: Duration = Duration::from_secs(30);
/// After this long it is no use to wait: an event that was rejected is never claimed.
const CLAIM_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long the ledger may be out of reach while a run is waited for.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

pub(super) async fn run(
    common: &Common,
    jobs: &Jobs,
    wish: &Wish,
    wait: bool,
) -> Result<Exit, Failure> {
    let cloud = Cloud::connect(common.namespace.clone(), jobs).await;
    let id = &wish.run_id();
    cloud.ask_for(&wish.message()).await?;
    if wait {
        return follow(common, &cloud, id).await;
    }
    match common.output {
        Format::Json => output::print_json(&json!({ "runId": id })),
        Format::Text => output::print_text(&format!(
            "asked for {id}\n`longshore show {id} --on aws` tells how it goes\n"
        )),
    }
}

/// Tells what happens until the run has ended.
async fn follow(common: &Common, cloud: &Cloud, id: &RunId) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let mut reached = Instant::now();
    let mut told = 0;
    let mut warned = false;
    loop {
        match cloud.load(id).await {
            Ok(Some(run)) => {
                reached = Instant::now();
                told = tell_news(common, &run, told)?;
                if run.verdict().is_some() {
                    end(common, &run)?;
                    return Ok(Exit::of(&run));
                }
            }
            Ok(None) if begun.elapsed() > CLAIM_LIMIT => {
                return Err(Failure::environment(unclaimed(common, id)));
            }
            Ok(None) if begun.elapsed() > CLAIM_EXPECTED && !warned => {
                warned = true;
                output::print_aside(&format!("{}\n", unclaimed(common, id)));
            }
            Ok(None) => {}
            // A run may take hours: one that cannot be looked at for a while goes on all the same.
            Err(LedgerError::Unavailable(_)) if reached.elapsed() < PATIENCE => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn unclaimed(common: &Common, id: &RunId) -> String {
    let namespace = &common.namespace;
    format!(
        "{id} is not claimed yet: it waits in the queue {namespace}-events, was rejected into \
         {namespace}-reject with a reason, or the log of {namespace}-dispatch tells more"
    )
}

/// Prints the moments that are new, and says how many were told so far.
fn tell_news(common: &Common, run: &Run, told: usize) -> Result<usize, Failure> {
    let moments = timeline(run);
    if common.output == Format::Text && moments.len() > told {
        if told == 0 {
            output::print_text(&format!("{}\n", run.id))?;
        }
        let news: String = moments.iter().skip(told).map(tell).collect();
        output::print_text(&news)?;
    }
    Ok(moments.len().max(told))
}

fn end(common: &Common, run: &Run) -> Result<Exit, Failure> {
    match common.output {
        Format::Json => output::print_json(&timeline::to_json(run)),
        Format::Text => output::print_text(&format!("  {}\n", conclusion(run))),
    }
}
