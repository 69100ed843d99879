//! `show`: one run as a timeline.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::{self, BOLD, DIM};
use super::records::Records;
use super::timeline::{self, Moment, timeline};
use super::{Common, Format, LedgerPath};
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or enough of its beginning.
    run: String,
    #[command(flatten)]
    ledger: LedgerPath,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let records = Records::open(common, &arguments.ledger).await?;
    let run = records.find(&arguments.run).await?;
    match common.output {
        Format::Json => {
            let mut value = timeline::to_json(&run);
            let moments: Vec<Value> = timeline(&run)
                .into_iter()
                .map(|moment| json!({ "at": moment.at, "text": moment.text }))
                .collect();
            value["timeline"] = moments.into();
            output::print_json(&value)
        }
        Format::Text => output::print_text(&story(&run)),
    }
}

/// A run as text: a heading, its moments, its verdict.
pub(super) fn story(run: &Run) -> String {
    let mut text = String::new();
    let moments = timeline(run);
    let day = moments.first().map_or(run.created_at, |moment| moment.at);
    let _ =
        writeln!(text, "{BOLD}{}{BOLD:#}  {DIM}{} UTC{DIM:#}", run.id, day.strftime("%Y-%m-%d"));
    let mut date = day.strftime("%Y-%m-%d").to_string();
    for moment in &moments {
        let today = moment.at.strftime("%Y-%m-%d").to_string();
        if today != date {
            let _ = writeln!(text, "  {DIM}{today}{DIM:#}");
            date = today;
        }
        text.push_str(&tell(moment));
    }
    let _ = writeln!(text, "  {}", conclusion(run));
    text
}

/// One moment as a line.
pub(super) fn tell(moment: &Moment) -> String {
    format!("  {DIM}{}{DIM:#}  {}\n", output::clock(moment.at), moment.text)
}

/// `Failed, exit code 3, ran 0.2s, 2 attempts`.
pub(super) fn conclusion(run: &Run) -> String {
    let mut text = match run.verdict() {
        Some(verdict) => output::paint(verdict),
        None => output::status(run).to_owned(),
    };
    if let Some(code) = run.exit_code() {
        let _ = write!(text, ", exit code {code}");
    }
    let times = run.launch().map(|launch| &launch.times);
    if let Some((Some(from), Some(to))) = times.map(|times| (times.started_at, times.stopped_at)) {
        let _ = write!(text, ", ran {}", output::span(to.duration_since(from)));
    }
    if run.attempt() > 1 {
        let _ = write!(text, ", {} attempts", run.attempt());
    }
    match (run.launch().map_or(1, |launch| launch.number), run.attempt()) {
        (..=1, _) => {}
        (launches, 1) => drop(write!(text, ", {launches} launches")),
        (launches, _) => drop(write!(text, ", {launches} launches of the last one")),
    }
    text
}
