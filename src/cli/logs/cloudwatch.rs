//! The log of a task in AWS: a stream of CloudWatch Logs.

use std::time::{Duration, Instant};

use super::follower::Follower;
use super::{Part, is_over, last_task, silence, to_json};
use crate::aws::logs::{LogError, LogLine};
use crate::cli::exit::{Exit, Failure};
use crate::cli::records::PATIENCE;
use crate::cli::{Common, Format, output};
use crate::cloud::{Cloud, NoLog};
use crate::ledger::LedgerError;
use crate::run::Run;

/// How often a followed log is asked for: CloudWatch Logs takes 25 questions a second from an
/// account, and of several people at once.
const FOLLOW: Duration = Duration::from_secs(1);

/// Prints what is there.
pub(super) async fn print(
    common: &Common,
    cloud: &Cloud,
    run: &Run,
    part: Part,
) -> Result<Exit, Failure> {
    let Some((attempt, launch, task)) = last_task(run, part) else { return Ok(Exit::Bad) };
    let mut log = cloud.log_of(attempt, launch, part.since).await?;
    let mut kept = Vec::new();
    let mut printed = false;
    loop {
        let page = match cloud.page(&mut log).await {
            Ok(page) => page,
            Err(LogError::Missing(missing)) => {
                output::print_aside(&format!("{}{}\n", silence(run), log.absence(&missing)));
                break;
            }
            Err(error) => return Err(error.into()),
        };
        printed |= !page.lines.is_empty();
        match common.output {
            Format::Json => kept.extend(page.lines),
            Format::Text if !print_lines(&page.lines)? => return Ok(Exit::Good),
            Format::Text => {}
        }
        if page.is_last {
            if !printed && part.since.is_none() {
                output::print_aside(&silence(run));
            }
            break;
        }
    }
    match common.output {
        Format::Json => {
            let lines = kept.into_iter().map(|line| (Some(line.at), line.text));
            output::print_json(&to_json(run, task, lines))
        }
        Format::Text => Ok(Exit::Good),
    }
}

/// Says whether somebody still reads.
fn print_lines(lines: &[LogLine]) -> Result<bool, Failure> {
    let text: String = lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect();
    output::print_more(text.as_bytes())
}

/// Prints what comes until the run is over, and for some seconds after.
pub(super) async fn follow(cloud: &Cloud, mut run: Run, part: Part) -> Result<Exit, Failure> {
    let first = part.attempt.unwrap_or_else(|| run.attempt());
    let mut follower = Follower::new(first, part.attempt.unwrap_or(u32::MAX), part.since);
    let mut reached = Instant::now();
    loop {
        let news = follower.news(cloud, &run).await?;
        for note in &news.notes {
            output::print_aside(&format!("{note}\n"));
        }
        if !print_lines(&news.lines)? {
            return Ok(Exit::Good);
        }
        if news.more {
            continue;
        }
        if is_over(&run, part) && follower.has_settled() {
            return Ok(Exit::Good);
        }
        tokio::time::sleep(FOLLOW).await;
        match cloud.load(&run.id).await {
            Ok(fresh) => {
                reached = Instant::now();
                run = fresh.unwrap_or(run);
            }
            // A run may take hours: one that cannot be looked at for a while goes on all the same.
            Err(LedgerError::Unavailable(_)) if reached.elapsed() < PATIENCE => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl From<NoLog> for Failure {
    fn from(error: NoLog) -> Self {
        let message = error.to_string();
        match error {
            NoLog::NoTask | NoLog::Nowhere { .. } => Self::bad(message),
            NoLog::Elsewhere { .. } => Self::usage(message),
            NoLog::Unknown(_) => Self::environment(message),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match &error {
            LogError::Missing(_) => Self::bad(error.to_string()),
            LogError::Unavailable(_) | LogError::Refused(_) => Self::environment(error.to_string()),
        }
    }
}
