//! The log of a task on this machine: a file that grows.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{Part, is_over, last_task, launches, silence, to_json};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Common, Format, output};
use crate::ecs::local::LogTimes;
use crate::local::Local;
use crate::run::Run;

/// How often a followed log is looked at.
const FOLLOW: Duration = Duration::from_millis(200);

/// Reads what a growing file has got since last time.
#[derive(Debug)]
pub(in crate::cli) struct Tail {
    path: PathBuf,
    read: u64,
}

impl Tail {
    /// From the file's beginning.
    pub(in crate::cli) fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// From what was printed then.
    fn since(path: PathBuf, since: Option<Timestamp>) -> Self {
        let Some(since) = since else { return Self::new(path) };
        let read = LogTimes::read(&path).offset_since(since).unwrap_or_else(|| length(&path));
        Self { read, path }
    }

    /// What is new; nothing while there is no file.
    pub(in crate::cli) fn next(&mut self) -> Vec<u8> {
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

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |found| found.len())
}

/// Prints what is there.
pub(super) fn print(
    common: &Common,
    local: &Local,
    run: &Run,
    part: Part,
) -> Result<Exit, Failure> {
    let Some((.., task)) = last_task(run, part) else { return Ok(Exit::Bad) };
    let path = local.log_file(task);
    let mut tail = Tail::since(path.clone(), part.since);
    let begin = tail.read;
    let bytes = tail.next();
    match common.output {
        Format::Json => {
            output::print_json(&to_json(run, task, lines(&bytes, begin, &LogTimes::read(&path))))
        }
        Format::Text => {
            if !path.exists() {
                let path = path.display();
                output::print_aside(&format!(
                    "the task's output is not there: there is no {path}\n"
                ));
            } else if bytes.is_empty() && begin == 0 {
                output::print_aside(&silence(run));
            }
            output::print_bytes(&bytes)
        }
    }
}

/// Lines with their times; `begin` is where the bytes stand in their file.
fn lines(
    bytes: &[u8],
    begin: u64,
    times: &LogTimes,
) -> impl Iterator<Item = (Option<Timestamp>, String)> {
    let mut place = begin;
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let at = times.at(place);
        place += line.len() as u64;
        (at, String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned())
    })
}

/// Prints what comes until the run is over: its present task's output, and that of those after it.
pub(super) async fn follow(local: &Local, mut run: Run, part: Part) -> Result<Exit, Failure> {
    let first = part.attempt.unwrap_or_else(|| run.attempt());
    let mut passed = launches(&run, |number| number == first).len().saturating_sub(1);
    let mut tail: Option<Tail> = None;
    loop {
        local.catch_up().await?;
        if let Some(fresh) = local.runs(std::slice::from_ref(&run.id)).await?.pop() {
            run = fresh;
        }
        let meant = |number| number >= first && part.attempt.is_none_or(|only| number == only);
        for (.., task) in launches(&run, meant).into_iter().skip(passed) {
            let path = local.log_file(task);
            let tail = match &mut tail {
                Some(known) if known.path == path => known,
                other => other.insert(Tail::since(path, part.since)),
            };
            if !output::print_more(&tail.next())? {
                return Ok(Exit::Good);
            }
        }
        passed = launches(&run, meant).len().saturating_sub(1);
        if is_over(&run, part) {
            return Ok(Exit::Good);
        }
        tokio::time::sleep(FOLLOW).await;
    }
}
