//! `replay`: shows dead letters, and sends them back to where they belong.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::{self, BAD, BOLD, DIM, GOOD, printable};
use super::records::Records;
use super::{Common, Format, LedgerPath, jobs_file};
use crate::dispatch::done_before;
use crate::event::Rerun;
use crate::jobs::Jobs;
use crate::queue::QueueName;
use crate::queue::dead::{Contents, DeadLetter, DeadQueue};
use crate::run::shorten;

#[cfg(feature = "aws")]
mod aws;
mod local;

/// What is sent back and what stays.
pub(super) const HELP: &str = "\
Example:
  longshore replay --dry-run --on aws

A letter that would only be rejected again, as jobs.yaml here and the run it asks for tell, or that
cannot be read, stays where it is.
All others go back: task states to record, all else to dispatch. Each is sent before it is taken
out, so none is lost; one that is sent twice makes one run all the same. Values of events are not
printed. Exits with 1 when letters stay.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only the letters of this queue. `events`: what dispatch failed with; `states`: what record
    /// failed with; `reject`: what was rejected. On this machine there is only `reject`.
    #[arg(long, value_enum)]
    queue: Option<Queue>,
    /// Show the letters, and leave them where they are.
    #[arg(long)]
    dry_run: bool,
    /// As many of each queue at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    ledger: LedgerPath,
}

/// A queue whose letters are dead, as people call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Queue {
    Events,
    States,
    Reject,
}

impl Arguments {
    fn queues(&self) -> Vec<DeadQueue> {
        match self.queue {
            None => DeadQueue::ALL.to_vec(),
            Some(Queue::Events) => vec![DeadQueue::Events],
            Some(Queue::States) => vec![DeadQueue::States],
            Some(Queue::Reject) => vec![DeadQueue::Reject],
        }
    }
}

/// A letter, and what becomes of it.
struct Judged {
    letter: DeadLetter,
    contents: Contents,
}

impl Judged {
    async fn all(
        letters: Vec<DeadLetter>,
        jobs: Option<&Jobs>,
        common: &Common,
        records: &Records,
    ) -> Vec<Self> {
        let mut all = Vec::new();
        for letter in letters {
            let mut contents = letter.contents(jobs, &common.namespace);
            if let Some(rerun) = letter.rerun()
                && let Err(why) = judge(&rerun, jobs, records).await
            {
                contents.destination = Err(why);
            }
            all.push(Self { letter, contents });
        }
        all
    }

    /// Where it goes; `None` when it stays.
    fn destination(&self) -> Option<QueueName> {
        self.contents.destination.as_ref().ok().copied()
    }
}

/// Why dispatch would reject it again, if it would.
async fn judge(rerun: &Rerun, jobs: Option<&Jobs>, records: &Records) -> Result<(), String> {
    let found = records.load(&rerun.run).await.map_err(|error| error.to_string())?;
    let run = done_before(rerun, found).map_err(|error| error.to_string())?;
    match jobs {
        Some(jobs) => {
            jobs.wanting_again(rerun, &run.values).map(drop).map_err(|error| error.to_string())
        }
        None => Ok(()),
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    // Where there is none, what can be read is good to be sent back.
    let jobs = match common.jobs.exists() {
        true => Some(jobs_file::load(&common.jobs)?),
        false => None,
    };
    let records = Records::open(common, &arguments.ledger).await?;
    let judge = async |letters| Judged::all(letters, jobs.as_ref(), common, &records).await;
    let letters = match &records {
        Records::Local(local) => local::replay(arguments, local, judge).await?,
        #[cfg(feature = "aws")]
        Records::Aws { cloud, .. } => aws::replay(arguments, cloud, judge).await?,
    };
    print(common, arguments, &letters)
}

fn print(common: &Common, arguments: &Arguments, letters: &[Judged]) -> Result<Exit, Failure> {
    let stay = letters.iter().filter(|judged| judged.destination().is_none()).count();
    let sent = if arguments.dry_run { 0 } else { letters.len() - stay };
    match common.output {
        Format::Json => {
            let letters: Vec<Value> =
                letters.iter().map(|judged| judged.to_json(arguments.dry_run)).collect();
            output::print_json(&json!({ "letters": letters, "sent": sent, "stay": stay }))?;
        }
        Format::Text => {
            let now = Timestamp::now();
            let mut text: String =
                letters.iter().map(|judged| judged.to_text(arguments.dry_run, now)).collect();
            text.push_str(&summary(arguments, letters.len(), sent, stay));
            output::print_text(&text)?;
        }
    }
    if sent > 0 && common.place == super::records::Place::Local {
        output::print_aside("`longshore local` takes on what was sent back\n");
    }
    Ok(if stay > 0 { Exit::Bad } else { Exit::Good })
}

fn summary(arguments: &Arguments, letters: usize, sent: usize, stay: usize) -> String {
    let more = match letters >= usize::from(arguments.limit) {
        true => "; there may be more: see --limit",
        false => "",
    };
    match (letters, arguments.dry_run) {
        (0, _) => "no dead letters\n".to_owned(),
        (count, true) => {
            format!("{} would be sent back, {stay} would stay{more}\n", count - stay)
        }
        (_, false) => format!("{sent} sent back, {stay} stay{more}\n"),
    }
}

impl Judged {
    fn to_text(&self, dry_run: bool, now: Timestamp) -> String {
        let (letter, contents) = (&self.letter, &self.contents);
        let age = output::span(now.duration_since(letter.first_seen));
        let kinds: Vec<&str> = contents.kinds.iter().copied().collect();
        let jobs: Vec<&str> = contents.jobs.iter().map(String::as_str).collect();
        let mut text = format!("{BOLD}{}{BOLD:#}", letter.queue.as_str());
        for part in [kinds.join(", "), jobs.join(", ")].into_iter().filter(|part| !part.is_empty())
        {
            let _ = write!(text, "  {}", printable(&part));
        }
        let _ = writeln!(text, "  {DIM}{age} ago, received {}{DIM:#}", times(letter.receives));
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {DIM}{name:8}{DIM:#} {}", printable(&shorten(value)));
        };
        for occurrence in contents.occurrences.iter().take(OCCURRENCES_SHOWN) {
            line("event", occurrence);
        }
        if let Some(reason) = &letter.reason {
            line("reason", reason);
        }
        let _ = match &contents.destination {
            Ok(to) if dry_run => writeln!(text, "  would go back to {}", to.as_str()),
            Ok(to) => writeln!(text, "  {GOOD}sent back{GOOD:#} to {}", to.as_str()),
            Err(why) => {
                let why = beyond(why, letter.reason.as_deref().unwrap_or_default());
                writeln!(text, "  {BAD}stays{BAD:#}    {}", printable(why))
            }
        };
        text
    }

    fn to_json(&self, dry_run: bool) -> Value {
        let (letter, contents) = (&self.letter, &self.contents);
        json!({
            "queue": letter.queue.as_str(),
            "id": letter.id,
            "firstSeen": letter.first_seen,
            "receives": letter.receives,
            "reason": letter.reason,
            "kinds": contents.kinds,
            "jobs": contents.jobs,
            "occurrences": contents.occurrences,
            "bytes": letter.body.len(),
            "to": self.destination().map(QueueName::as_str),
            "sent": !dry_run && self.destination().is_some(),
            "stays": contents.destination.as_ref().err(),
        })
    }
}

/// What `why` says beyond the reason for which the letter was rejected, which stands above it.
fn beyond<'a>(why: &'a str, reason: &str) -> &'a str {
    if reason.contains(why) {
        return "it would be rejected again";
    }
    match why.strip_suffix(reason) {
        Some(more) if !reason.is_empty() => more.trim_end_matches(": "),
        _ => why,
    }
}

/// Occurrences of one letter that are shown at most: S3 may tell of many objects in one.
const OCCURRENCES_SHOWN: usize = 3;

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
