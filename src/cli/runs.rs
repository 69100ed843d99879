//! `runs`: what ran, the newest first.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::{self, printable};
use super::{Common, Format, LedgerPath, timeline};
use crate::ecs::local::Runtime;
use crate::identity::JobName;
use crate::jobs::{Jobs, Period};
use crate::ledger::Filter;
use crate::local::{Local, Settings, default_ledger};
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
    let local = open(common, &arguments.ledger).await?;
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
    let runs = local.list(&filter).await?;
    match common.output {
        Format::Json => {
            let runs: Vec<Value> = runs.iter().map(timeline::to_json).collect();
            output::print_json(&json!({ "runs": runs }))
        }
        Format::Text if runs.is_empty() => output::print_text("no runs\n"),
        Format::Text => {
            let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, now)).collect();
            let header = ["RUN", "STATUS", "EXIT", "ATTEMPTS", "RAN", "AGE", "REASON"];
            output::print_text(&output::table(&header, &rows))
        }
    }
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

/// Opens the ledger to look at it, once everything that happened since is in it.
pub(super) async fn open(common: &Common, ledger: &LedgerPath) -> Result<Local, Failure> {
    let path = ledger.ledger.clone().unwrap_or_else(|| default_ledger(&common.namespace));
    if !path.exists() {
        let path = path.display();
        return Err(Failure::environment(format!(
            "there is no ledger {path}: nothing ran here yet; name another with --ledger"
        )));
    }
    let settings = Settings {
        ledger: path,
        namespace: common.namespace.clone(),
        runtime: Runtime::default(),
        passed_variables: Vec::new(),
        program: std::env::current_exe()
            .map_err(|error| Failure::environment(format!("cannot find longshore: {error}")))?,
    };
    let local = Local::open(settings, Jobs::default())?;
    local.catch_up().await?;
    Ok(local)
}

/// The run whose id begins so.
pub(super) async fn find(local: &Local, prefix: &str) -> Result<Run, Failure> {
    let filter = Filter { id_prefix: Some(prefix.to_owned()), limit: 6, ..Filter::default() };
    let mut runs = local.list(&filter).await?;
    if let Some(exact) = runs.iter().position(|run| run.id.as_str() == prefix) {
        return Ok(runs.swap_remove(exact));
    }
    match (runs.pop(), runs.len()) {
        (Some(run), 0) => Ok(run),
        (None, _) => Err(Failure::bad(format!(
            "no run begins with `{}`: `longshore runs` lists them",
            printable(prefix)
        ))),
        (Some(last), _) => {
            let ids: Vec<&str> = runs.iter().chain([&last]).map(|run| run.id.as_str()).collect();
            Err(Failure::bad(format!(
                "several runs begin with `{}`: {}; write more of the id",
                printable(prefix),
                ids.join(", ")
            )))
        }
    }
}
