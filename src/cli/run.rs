//! `run`: a job by hand, on this machine or in AWS.

use std::rc::Rc;

use uuid::Uuid;

use super::exit::{Exit, Failure};
use super::local::{self, Arrival, Machine};
use super::records::Place;
use super::{Common, jobs_file};
use crate::event::{Event, Manual};
use crate::identity::JobName;
use crate::jobs::Jobs;

#[cfg(feature = "aws")]
mod aws;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The job.
    job: JobName,
    /// A parameter that the job declares. May be repeated.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Makes a repetition of this command the same run: one key, one run of the job.
    #[arg(long)]
    key: Option<String>,
    /// Wait until the run has ended, and exit with its container's code. Without `--on aws` that is
    /// always so.
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    machine: Machine,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, like `-p day=2026-11-24`".to_owned()),
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let jobs = jobs_file::load(&common.jobs)?;
    let parameters =
        arguments.parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
    let manual = Manual {
        job: arguments.job.clone(),
        parameters: parameters.collect(),
        key: arguments.key.clone().unwrap_or_else(|| Uuid::new_v4().to_string()),
    };
    // Said here and now rather than by the reject queue.
    jobs.wanting(&Event::Manual(manual.clone()), &common.namespace)
        .map_err(|unwanted| Failure::bad(unwanted.to_string()))?;
    match common.place {
        Place::Local => {
            let arrival = Arrival {
                place: String::new(),
                body: Rc::from(manual.to_json().to_string()),
                event: Ok(Event::Manual(manual)),
            };
            local::take(common, &arguments.machine, jobs, vec![arrival]).await
        }
        Place::Aws => on_aws(common, &jobs, &manual, arguments.wait).await,
    }
}

#[cfg(feature = "aws")]
async fn on_aws(
    common: &Common,
    jobs: &Jobs,
    manual: &Manual,
    wait: bool,
) -> Result<Exit, Failure> {
    aws::run(common, jobs, manual, wait).await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "it waits where AWS is built in")]
async fn on_aws(_: &Common, _: &Jobs, _: &Manual, _: bool) -> Result<Exit, Failure> {
    Err(super::records::built_without_aws())
}
