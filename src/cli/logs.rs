//! `logs`: the output of a run's main container.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::exit::{Exit, Failure};
use super::records::Records;
use super::{Common, Format, LedgerPath, output};
use crate::jobs::TaskSource;
use crate::local::Local;
use crate::run::{Run, Verdict};

/// How often a followed log is looked at.
const FOLLOW: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or enough of its beginning.
    run: String,
    /// Go on until the run ends.
    #[arg(short, long)]
    follow: bool,
    /// Of this attempt; the last one without it.
    #[arg(long)]
    attempt: Option<u32>,
    #[command(flatten)]
    ledger: LedgerPath,
}

/// Reads what a growing file has got since last time.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    read: u64,
}

impl Tail {
    /// From the file's beginning.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// What is new; nothing while there is no file.
    pub(super) fn next(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Ok(mut file) = File::open(&self.path)
            && file.seek(SeekFrom::Start(self.read)).is_ok()
            && let Ok(count) = file.read_to_end(&mut bytes)
        {
            self.read += count as u64;
        }
        bytes
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let records = Records::open(common, &arguments.ledger).await?;
    let run = records.find(&arguments.run).await?;
    if let Some(attempt) = arguments.attempt.filter(|attempt| !has(&run, *attempt)) {
        let last = run.attempt();
        return Err(Failure::bad(format!(
            "this run has no attempt {attempt}: its last one is {last}"
        )));
    }
    let Some(task) = task(&run, arguments.attempt) else {
        return Err(Failure::bad(match run.reason() {
            Some(reason) => format!("this run has no task: {}", output::printable(reason)),
            None => "this run has no task yet".to_owned(),
        }));
    };
    let Some(local) = records.into_local() else { return Err(in_cloudwatch(&run, &task)) };
    let mut tail = Tail::new(local.log_file(&task));
    match (common.output, arguments.follow) {
        (Format::Json, false) => {
            let text = String::from_utf8_lossy(&tail.next()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            output::print_json(&json!({ "runId": run.id, "task": task, "lines": lines }))
        }
        (Format::Json, true) => Err(Failure::usage("--follow prints text: leave out `-o json`")),
        (Format::Text, false) => {
            let bytes = tail.next();
            if bytes.is_empty() {
                output::print_aside(&silence(&run, &local.log_file(&task)));
            }
            print(&bytes)
        }
        (Format::Text, true) => follow(&local, &run, &mut tail).await,
    }
}

/// Where CloudWatch has it, and the command that prints it.
fn in_cloudwatch(run: &Run, task: &str) -> Failure {
    let logs = run.request().and_then(|request| match &request.source {
        TaskSource::Inline(definition) => definition.logs.as_ref().map(|logs| {
            let id = task.rsplit('/').next().unwrap_or(task);
            let stream = format!("{}/{}/{id}", definition.family, definition.container);
            format!("`aws logs tail {} --log-stream-names {stream} --since 14d`", logs.group)
        }),
        TaskSource::Registered(_) => None,
    });
    Failure::usage(match logs {
        Some(command) => format!("its log is in CloudWatch: {command} prints it"),
        None => "its log is where its task definition says: see its logConfiguration".to_owned(),
    })
}

/// The task whose log is meant.
fn task(run: &Run, attempt: Option<u32>) -> Option<String> {
    let attempt = attempt.unwrap_or_else(|| run.attempt());
    let attempt = run.attempts.iter().find(|known| known.number == attempt)?;
    attempt.launches.iter().rev().find_map(|launch| launch.task.clone())
}

async fn follow(local: &Local, run: &Run, tail: &mut Tail) -> Result<Exit, Failure> {
    loop {
        local.catch_up().await?;
        let ended = local
            .runs(std::slice::from_ref(&run.id))
            .await?
            .iter()
            .all(|run| run.verdict().is_some());
        print(&tail.next())?;
        if ended {
            return Ok(Exit::Good);
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

fn has(run: &Run, attempt: u32) -> bool {
    run.attempts.iter().any(|known| known.number == attempt)
}

/// Why there is nothing to print.
fn silence(run: &Run, log: &Path) -> String {
    if !log.exists() {
        return format!("the task's output is not there: there is no {}\n", log.display());
    }
    match (run.verdict(), run.reason()) {
        (None, _) => "the task has printed nothing yet\n".to_owned(),
        (Some(Verdict::Succeeded), _) | (_, None) => "the task printed nothing\n".to_owned(),
        (Some(_), Some(reason)) => {
            format!("the task printed nothing: {}\n", output::printable(reason))
        }
    }
}

/// Prints a log as it is, byte for byte: it is the user's own program that speaks.
fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    output::print_bytes(bytes)
}
