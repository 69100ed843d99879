//! `runs`: what ran, the newest first.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::{self, printable};
use super::records::Records;
use super::{Common, Format, LedgerPath, layout, timeline};
use crate::identity::JobName;
use crate::jobs::Period;
use crate::ledger::Filter;
use crate::run::{Run, Verdict};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this job's.
    job: Option<JobName>,
    /// Only those that ended badly: Failed, TimedOut, Lost.
    #[arg(long)]
    failed: bool,
    /// Only those of the last 90s, 15m, 6h, 7d ...
    #[arg(long, value_name = "DURATION")]
    since: Option<Period>,
    /// As many at most; 0 for all.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    ledger: LedgerPath,
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let records = Records::open(common, &arguments.ledger).await?;
    let now = Timestamp::now();
    let bad = [Verdict::Failed, Verdict::TimedOut, Verdict::Lost];
    let since = arguments.since.map(|period| now.checked_sub(period.duration()));
    let filter = Filter {
        job: arguments.job.clone(),
        verdicts: if arguments.failed { bad.to_vec() } else { Vec::new() },
        since: since.map(|time| time.unwrap_or(Timestamp::MIN)),
        limit: arguments.limit,
        ..Filter::default()
    };
    let runs = records.list(&filter).await?;
    match common.output {
        Format::Json => {
            let runs: Vec<Value> = runs.iter().map(timeline::to_json).collect();
            output::print_json(&json!({ "runs": runs }))
        }
        Format::Text if runs.is_empty() => output::print_text("no runs\n"),
        Format::Text => output::print_text(&table(&runs, now, layout::width())),
    }
}

pub(super) fn table(runs: &[Run], now: Timestamp, width: Option<usize>) -> String {
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, now)).collect();
    let header = ["RUN", "STATUS", "EXIT", "ATTEMPTS", "RAN", "AGE", "REASON"];
    layout::table(&header, &rows, width)
}

fn row(run: &Run, now: Timestamp) -> Vec<String> {
    let times = run.launch().map(|launch| &launch.times);
    let ran = times
        .and_then(|times| Some(times.stopped_at?.duration_since(times.started_at?)))
        .map_or_else(String::new, output::span);
    let reason = match run.verdict() {
        Some(Verdict::Succeeded) | None => String::new(),
        Some(_) => printable(run.reason().unwrap_or_default()),
    };
    vec![
        run.id.to_string(),
        output::status(run).to_owned(),
        run.exit_code().map_or_else(String::new, |code| code.to_string()),
        run.attempt().to_string(),
        ran,
        output::span(now.duration_since(run.created_at)),
        reason,
    ]
}
