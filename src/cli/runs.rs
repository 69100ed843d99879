//! `runs`: what ran, the newest first.

use std::collections::BTreeSet;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::{self, printable};
use super::records::Records;
use super::{Common, Format, LedgerPath, jobs_file, layout, timeline};
use crate::identity::JobName;
use crate::jobs::{Jobs, Period, earlier, nearest};
use crate::ledger::Filter;
use crate::run::{Launch, Run, Verdict};

mod follow;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this job's.
    job: Option<JobName>,
    /// Only those that ended so. May be repeated.
    #[arg(long = "verdict", value_name = "VERDICT", ignore_case = true, value_parser = verdicts())]
    verdicts: Vec<Verdict>,
    /// Only those that ended badly: Failed, TimedOut, Lost.
    #[arg(long)]
    failed: bool,
    /// Only those that have not ended.
    #[arg(long, conflicts_with_all = ["verdicts", "failed"])]
    open: bool,
    /// Only those of the last 90s, 15m, 6h, 7d ...
    #[arg(long, value_name = "DURATION")]
    since: Option<Period>,
    /// As many at most; 0 for all.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Go on, and print each run that is new or has changed. With `-o json`, an object a line.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    ledger: LedgerPath,
}

/// Reads a verdict by its name.
fn verdicts() -> impl TypedValueParser<Value = Verdict> {
    PossibleValuesParser::new(Verdict::ALL.map(Verdict::as_str)).map(|name| {
        let named = |verdict: &Verdict| verdict.as_str().eq_ignore_ascii_case(&name);
        // The parser has let through nothing else.
        Verdict::ALL.into_iter().find(named).unwrap_or(Verdict::Lost)
    })
}

impl Arguments {
    fn filter(&self, now: Timestamp) -> Filter {
        let mut verdicts = self.verdicts.clone();
        if self.failed {
            verdicts.extend([Verdict::Failed, Verdict::TimedOut, Verdict::Lost]);
        }
        Filter {
            job: self.job.clone(),
            verdicts,
            open: self.open,
            since: self.since.map(|period| earlier(now, period)),
            limit: self.limit,
            ..Filter::default()
        }
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let records = Records::open(common, &arguments.ledger).await?;
    let now = Timestamp::now();
    let filter = arguments.filter(now);
    if arguments.follow {
        return follow::follow(common, &records, &filter).await;
    }
    let runs = records.list(&filter).await?;
    match common.output {
        Format::Json => {
            let runs: Vec<Value> = runs.iter().map(timeline::to_json).collect();
            output::print_json(&json!({ "runs": runs }))
        }
        Format::Text if runs.is_empty() => {
            let hint = match &arguments.job {
                Some(job) => hint(common, &records, job).await,
                None => String::new(),
            };
            output::print_text(&format!("no runs{hint}\n"))
        }
        Format::Text => output::print_text(&table(&runs, now, layout::width())),
    }
}

pub(super) fn table(runs: &[Run], now: Timestamp, width: Option<usize>) -> String {
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, now)).collect();
    let header = ["RUN", "STATUS", "EXIT", "ATTEMPTS", "RAN", "AGE", "REASON"];
    layout::table(&header, &rows, width)
}

/// What a job may be meant to be that has no runs: one of jobs.yaml, or one that has runs.
async fn hint(common: &Common, records: &Records, job: &JobName) -> String {
    let mut known: BTreeSet<String> = BTreeSet::new();
    if let Ok(file) = jobs_file::open(&common.jobs) {
        known.extend(file.jobs.iter().flat_map(Jobs::iter).map(|job| job.name.to_string()));
    }
    let newest = Filter { limit: 100, ..Filter::default() };
    let runs = records.list(&newest).await.unwrap_or_default();
    known.extend(runs.iter().map(|run| run.job.to_string()));
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest(job.as_str(), &names) {
        Some(near) if near != job.as_str() => format!(" of `{job}`; did you mean `{near}`?"),
        _ => String::new(),
    }
}

fn row(run: &Run, now: Timestamp) -> Vec<String> {
    let ran = run.launch().and_then(Launch::ran).map_or_else(String::new, output::span);
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
