//! `stop`: asks a run to end, and waits for a while to see how it does.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output;
use super::records::{Place, Records};
use super::show::conclusion;
use super::timeline;
use super::{Common, Format, LedgerPath};
use crate::identity::RunId;
use crate::run::{Run, StopAsked, StopCause, Verdict, shorten};

/// Beside the codes that every verb has.
pub(super) const HELP: &str = "\
Example:
  longshore stop nightly-report-4f --reason 'wrong day' --on aws

Exits with 0 when the run is Cancelled, also if it was before, or when its task has been asked to
end and takes its time; with 1 when the run had ended in another way.";

/// How long to wait for the end: a task has two minutes at most before it is killed.
const WAIT: Duration = Duration::from_secs(150);
/// Characters of a reason at most: it stands in the run, and within its verdict's sentence.
const REASON_CHARS_MAX: usize = 160;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or enough of its beginning.
    run: String,
    /// Why, for whoever reads the run later; 160 characters at most.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    #[command(flatten)]
    ledger: LedgerPath,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        1..=REASON_CHARS_MAX => Ok(text.to_owned()),
        count => Err(format!("write 1 to {REASON_CHARS_MAX} characters, not {count}")),
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let records = Records::open(common, &arguments.ledger).await?;
    let run = records.find(&arguments.run).await?;
    if run.verdict().is_some() {
        return ended_before(common, &run);
    }
    let wish = wish(arguments.reason.clone());
    if records.ask_to_stop(&run.id, wish).await?.is_none() {
        press_again(&records, &run.id).await?;
    }
    output::print_aside(&format!(
        "{} is asked to stop; its task has its stopTimeout to end (Ctrl-C does not wait for it)\n",
        run.id
    ));
    let run = wait(common, &records, run).await?;
    tell(common, &records, &run)
}

/// What is asked for, in the name of whoever runs this program.
pub(super) fn wish(reason: Option<String>) -> StopAsked {
    let wish = StopAsked { reason, ..StopAsked::new(StopCause::Cancelled, Timestamp::now()) };
    match user() {
        Some(user) => wish.by(user),
        None => wish,
    }
}

fn user() -> Option<String> {
    let named = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    named.map(|name| shorten(name.trim())).find(|name| !name.is_empty())
}

/// It was asked before: whoever did may have gone away before ECS was told.
async fn press_again(records: &Records, id: &RunId) -> Result<(), Failure> {
    match records.load(id).await? {
        Some(run) => Ok(records.stop_asked(&run).await?),
        None => Ok(()),
    }
}

/// The run once it has ended, or as it is when that takes too long.
async fn wait(common: &Common, records: &Records, mut run: Run) -> Result<Run, Failure> {
    let until = Instant::now() + WAIT;
    let pause = match common.place {
        Place::Local => Duration::from_millis(100),
        Place::Aws => Duration::from_secs(1),
    };
    loop {
        if let Some(stored) = records.see_stopped(&run).await? {
            run = stored;
        }
        if run.verdict().is_some() || Instant::now() > until {
            return Ok(run);
        }
        tokio::time::sleep(pause).await;
    }
}

fn tell(common: &Common, records: &Records, run: &Run) -> Result<Exit, Failure> {
    match (common.output, run.verdict()) {
        (Format::Json, _) => print_json(run, true)?,
        (Format::Text, Some(_)) => {
            output::print_text(&format!("{}  {}\n", run.id, conclusion(run)))?
        }
        (Format::Text, None) => output::print_text(&format!(
            "{} has not ended yet: {}; `longshore show {}{}` tells how it goes\n",
            run.id,
            match run.living_task() {
                Some(_) if common.place == Place::Local => {
                    "its task has been asked, and is asked again while longshore runs here"
                }
                Some(_) => "ECS has been asked, and is asked again until the task has stopped",
                None => "it has no task, and dispatch will give it none",
            },
            run.id,
            records.flag()
        ))?,
    };
    Ok(match run.verdict() {
        Some(Verdict::Cancelled) | None => Exit::Good,
        Some(_) => Exit::Bad,
    })
}

fn ended_before(common: &Common, run: &Run) -> Result<Exit, Failure> {
    if common.output == Format::Json {
        print_json(run, false)?;
    }
    let told = format!("{} had ended before: {}", run.id, conclusion(run));
    match (run.verdict(), common.output) {
        (Some(Verdict::Cancelled), Format::Text) => output::print_text(&format!("{told}\n")),
        (Some(Verdict::Cancelled), Format::Json) => Ok(Exit::Good),
        _ => Err(Failure::bad(told)),
    }
}

/// The run, and whether it was this command that could still ask.
fn print_json(run: &Run, asked: bool) -> Result<Exit, Failure> {
    let mut value = timeline::to_json(run);
    value["asked"] = json!(asked);
    output::print_json(&value)
}
