//! `show`: one run as a timeline.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cost::{self, Costed};
use super::exit::{Exit, Failure};
use super::output::{self, BOLD, DIM};
use super::records::Records;
use super::timeline::{self, Moment, timeline};
use super::{Common, Format, LedgerPath, layout};
use crate::run::{Launch, Run};

/// The column in which a moment's text begins, after its time and its word.
const TEXT_AT: usize = 25;

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
    let costed = crate::cost::of(&run, records.prices(), Timestamp::now());
    match common.output {
        Format::Json => output::print_json(&to_json(&run, &costed)),
        Format::Text => output::print_text(&page(&run, &costed, layout::width())),
    }
}

/// The whole answer as JSON.
pub(super) fn to_json(run: &Run, costed: &Costed) -> Value {
    let mut value = timeline::to_json(run);
    let moments = timeline(run).into_iter();
    let moments = moments.map(|moment| json!({ "at": moment.at, "text": moment.text }));
    value["timeline"] = moments.collect();
    value["cost"] = cost::to_json(costed);
    value
}

/// The whole answer as text: the run's story, and what it cost.
pub(super) fn page(run: &Run, costed: &Costed, width: Option<usize>) -> String {
    let cost = cost::line(costed).map(|line| layout::wrap(&format!("  {line}"), 4, width));
    story(run, width) + &cost.unwrap_or_default()
}

/// A run as text: a heading, its moments, its verdict.
pub(super) fn story(run: &Run, width: Option<usize>) -> String {
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
        text.push_str(&tell(moment, width));
    }
    text.push_str(&layout::wrap(&format!("  {}", conclusion(run)), 4, width));
    text
}

/// One moment as lines of this width.
pub(super) fn tell(moment: &Moment, width: Option<usize>) -> String {
    let line = format!("  {DIM}{}{DIM:#}  {}", output::clock(moment.at), moment.text);
    layout::wrap(&line, TEXT_AT, width)
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
    if let Some(ran) = run.launch().and_then(Launch::ran) {
        let _ = write!(text, ", ran {}", output::span(ran));
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
