//! `run`: a job by hand, on this machine or in AWS.

use std::rc::Rc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::exit::{Exit, Failure};
use super::local::{self, Arrival, Machine, OnInterrupt};
use super::output::printable;
use super::records::Place;
use super::{Common, jobs_file};
use crate::event::{Event, KEY_CHARS_MAX, Manual, Rerun};
use crate::identity::{JobName, RunId};
use crate::jobs::{Jobs, Match, RequestError, RunSpec, TemplateError};
use crate::queue::Message;

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod watch;

/// Beside the codes that every verb has.
pub(super) const HELP: &str = "\
Example:
  longshore run nightly-report -p day=2026-11-24 --on aws --wait

While it waits, Ctrl-C asks whether to stop the task, and a second one leaves. Without a terminal
that can answer, a task of this machine is stopped, and one in AWS goes on. Whoever leaves is told
the run's id, and how to look at it and stop it.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The job.
    job: JobName,
    /// A parameter that the job declares. May be repeated.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    asking: Asking,
}

/// How a run is asked for, for the first time or once more.
#[derive(Debug, clap::Args)]
pub(super) struct Asking {
    /// Makes a repetition of this command the same run: one key, one run of the job.
    #[arg(long, value_parser = key)]
    key: Option<String>,
    /// Wait until the run has ended, and exit with its container's code. Without `--on aws` that is
    /// always so.
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    pub(super) machine: Machine,
}

impl Asking {
    /// The caller's key, else one that no other command has.
    pub(super) fn key(&self) -> String {
        self.key.clone().unwrap_or_else(|| Uuid::new_v4().to_string())
    }
}

/// Reads `NAME=VALUE`.
pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, like `-p day=2026-11-24`".to_owned()),
    }
}

/// Parameters as an event has them. One that is given twice means nobody knows what.
pub(super) fn given(parameters: &[(String, String)]) -> Result<Map<String, Value>, Failure> {
    let mut map = Map::new();
    for (name, value) in parameters {
        if map.insert(name.clone(), value.as_str().into()).is_some() {
            let name = printable(name);
            return Err(Failure::usage(format!("parameter `{name}` is given twice: give it once")));
        }
    }
    Ok(map)
}

/// Reads a key: what dispatch would reject is said here and now.
fn key(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=KEY_CHARS_MAX => Ok(text.to_owned()),
        count => Err(format!("write 1 to {KEY_CHARS_MAX} characters, not {count}")),
    }
}

/// What asks for a run.
pub(super) enum Wish {
    /// For the first time.
    Run(Manual),
    /// Once more.
    Again(Rerun),
}

impl Wish {
    fn event(&self) -> Event {
        match self {
            Self::Run(manual) => Event::Manual(manual.clone()),
            Self::Again(rerun) => Event::Rerun(rerun.clone()),
        }
    }

    fn message(&self) -> Message {
        match self {
            Self::Run(manual) => Message::Manual(manual.clone()),
            Self::Again(rerun) => Message::Rerun(rerun.clone()),
        }
    }

    /// The run that it asks for.
    #[cfg(feature = "aws")]
    fn run_id(&self) -> RunId {
        match self {
            Self::Run(manual) => manual.run_id(),
            Self::Again(rerun) => rerun.run_id(),
        }
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let jobs = jobs_file::load(&common.jobs)?;
    let manual = Manual {
        job: arguments.job.clone(),
        parameters: given(&arguments.parameters)?,
        key: arguments.asking.key(),
    };
    let id = manual.run_id();
    let wish = Wish::Run(manual);
    // Said here and now rather than by the reject queue.
    let wanting = jobs
        .wanting(&wish.event(), &common.namespace)
        .map_err(|unwanted| Failure::bad(unwanted.to_string()))?;
    for wanted in &wanting {
        hold_against(common, wanted, &id).map_err(|error| unfit(common, wanted, &error))?;
    }
    ask(common, &arguments.asking, jobs, wish).await
}

/// Holds a run's values against what its job asks for: what would fail before it is launched need
/// not become a run.
pub(super) fn hold_against(
    common: &Common,
    wanted: &Match<'_>,
    run: &RunId,
) -> Result<(), RequestError> {
    let namespace = &common.namespace;
    let spec = RunSpec { namespace, run, attempt: 1, values: &wanted.values };
    wanted.job.request(spec).map(drop)
}

/// Why a job cannot be run by hand.
fn unfit(common: &Common, wanted: &Match<'_>, error: &RequestError) -> Failure {
    let job = &wanted.job.name;
    let RequestError::Template { place, problem: TemplateError::NoValue(names) } = error else {
        return Failure::bad(format!("job `{job}`: {error}"));
    };
    let flag = common.place.flag();
    Failure::bad(format!(
        "job `{job}`: {place}: a run by hand has no value for {names}: send the job an event \
         (`longshore local EVENT.json`), do an earlier run again (`longshore rerun RUN{flag}`), or \
         add `| default('')` to the placeholder"
    ))
}

/// Asks for a run that its job is known to want: here, or in AWS.
pub(super) async fn ask(
    common: &Common,
    asking: &Asking,
    jobs: Jobs,
    wish: Wish,
) -> Result<Exit, Failure> {
    match common.place {
        Place::Local => {
            let body = Rc::from(wish.message().to_json().to_string());
            let arrival = Arrival { place: String::new(), body, event: Ok(wish.event()) };
            local::take(common, &asking.machine, jobs, vec![arrival], OnInterrupt::Ask).await
        }
        Place::Aws => on_aws(common, &jobs, &wish, asking.wait).await,
    }
}

#[cfg(feature = "aws")]
async fn on_aws(common: &Common, jobs: &Jobs, wish: &Wish, wait: bool) -> Result<Exit, Failure> {
    aws::run(common, jobs, wish, wait).await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "it waits where AWS is built in")]
async fn on_aws(_: &Common, _: &Jobs, _: &Wish, _: bool) -> Result<Exit, Failure> {
    Err(super::records::built_without_aws())
}
