//! `logs`: the output of a run's main container, from this machine or from CloudWatch Logs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::records::Records;
use super::{Common, Format, LedgerPath, output};
use crate::jobs::{Period, earlier};
use crate::run::{Attempt, Launch, Run, Verdict};

#[cfg(feature = "aws")]
mod aside;
#[cfg(feature = "aws")]
mod cloudwatch;
mod file;
#[cfg(feature = "aws")]
mod follower;

#[cfg(feature = "aws")]
pub(super) use aside::Aside;
pub(super) use file::Tail;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or enough of its beginning.
    run: String,
    /// Go on until the run ends, through every attempt.
    #[arg(short, long)]
    follow: bool,
    /// Of this attempt; the last one without it.
    #[arg(long)]
    attempt: Option<u32>,
    /// Only what was printed in the last 90s, 15m, 6h, 7d ...
    #[arg(long, value_name = "DURATION")]
    since: Option<Period>,
    #[command(flatten)]
    ledger: LedgerPath,
}

/// Which part of a run's output is meant.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The attempt; the last one without it.
    attempt: Option<u32>,
    since: Option<Timestamp>,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.follow && common.output == Format::Json {
        return Err(Failure::usage("--follow prints text: leave out `-o json`"));
    }
    let records = Records::open(common, &arguments.ledger).await?;
    let run = records.find(&arguments.run).await?;
    let now = Timestamp::now();
    let part = Part {
        attempt: arguments.attempt,
        since: arguments.since.map(|period| earlier(now, period)),
    };
    if part.attempt.is_some_and(|attempt| run.attempts.iter().all(|a| a.number != attempt)) {
        return Err(Failure::bad(format!(
            "this run has no attempt {}: its last one is {}",
            part.attempt.unwrap_or_default(),
            run.attempt()
        )));
    }
    let waits = arguments.follow && !is_over(&run, part);
    if last_task(&run, part).is_none() && !waits {
        return Err(Failure::bad(match run.reason() {
            Some(reason) => format!("this run has no task: {}", output::printable(reason)),
            None => "this run has no task yet: --follow waits for it".to_owned(),
        }));
    }
    match (records, arguments.follow) {
        (Records::Local(local), true) => file::follow(&local, run, part).await,
        (Records::Local(local), false) => file::print(common, &local, &run, part),
        #[cfg(feature = "aws")]
        (Records::Aws { cloud, .. }, true) => cloudwatch::follow(&cloud, run, part).await,
        #[cfg(feature = "aws")]
        (Records::Aws { cloud, .. }, false) => cloudwatch::print(common, &cloud, &run, part).await,
    }
}

/// Every launch with a task, of the attempt that is meant or from the last one on.
fn launches(run: &Run, attempts: impl Fn(u32) -> bool) -> Vec<(&Attempt, &Launch, &str)> {
    let meant = run.attempts.iter().filter(|attempt| attempts(attempt.number));
    let launches = meant.flat_map(|attempt| attempt.launches.iter().map(move |l| (attempt, l)));
    launches
        .filter_map(|(attempt, launch)| Some((attempt, launch, launch.task.as_deref()?)))
        .collect()
}

/// The launch whose log is meant.
fn last_task(run: &Run, part: Part) -> Option<(&Attempt, &Launch, &str)> {
    let wanted = part.attempt.unwrap_or_else(|| run.attempt());
    launches(run, |number| number == wanted).pop()
}

/// Whether nothing more will be printed.
fn is_over(run: &Run, part: Part) -> bool {
    run.verdict().is_some() || part.attempt.is_some_and(|attempt| run.is_over(attempt))
}

/// What a log is as JSON: its lines, each with its time where that is known.
fn to_json(
    run: &Run,
    task: &str,
    lines: impl Iterator<Item = (Option<Timestamp>, String)>,
) -> Value {
    let lines: Vec<Value> = lines.map(|(at, text)| json!({ "at": at, "text": text })).collect();
    json!({ "runId": run.id, "task": task, "lines": lines })
}

/// Why there is nothing to print.
fn silence(run: &Run) -> String {
    match (run.verdict(), run.reason()) {
        (None, _) => "the task has printed nothing yet\n".to_owned(),
        (Some(Verdict::Succeeded), _) | (_, None) => "the task printed nothing\n".to_owned(),
        (Some(_), Some(reason)) => {
            format!("the task printed nothing: {}\n", output::printable(reason))
        }
    }
}
