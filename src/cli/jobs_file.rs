//! Reads jobs.yaml for the verbs that need it.

use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::path::Path;

use jiff::Timestamp;

use super::exit::Failure;
use super::output;
use crate::jobs::problem::{Problem, Severity, render};
use crate::jobs::{self, Jobs};

/// A file that was read, whatever it says.
pub(super) struct JobsFile {
    pub(super) source: String,
    pub(super) jobs: Option<Jobs>,
    pub(super) problems: Vec<Problem>,
}

/// Reads the file.
pub(super) fn open(path: &Path) -> Result<JobsFile, Failure> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::environment(format!(
            "there is no {shown}: go to the folder that has one, or name it with --jobs"
        )),
        _ => Failure::environment(format!("cannot read {shown}: {error}")),
    })?;
    // Opening a pipe would wait for ever.
    if !metadata.is_file() {
        return Err(Failure::environment(format!("{shown} is no file: name one with --jobs")));
    }
    let bytes = fs::read(path)
        .map_err(|error| Failure::environment(format!("cannot read {shown}: {error}")))?;
    let reading = jobs::read(&bytes, Timestamp::now());
    Ok(JobsFile {
        source: String::from_utf8_lossy(&bytes).into_owned(),
        jobs: reading.jobs,
        problems: reading.problems,
    })
}

/// The jobs, or every problem on standard error.
pub(super) fn load(path: &Path) -> Result<Jobs, Failure> {
    let file = open(path)?;
    match file.jobs {
        Some(jobs) => Ok(jobs),
        None => {
            output::print_aside(&report(path, &file.source, &file.problems));
            Err(Failure::bad(summary(path, &file.problems)))
        }
    }
}

/// The problems as a person reads them.
pub(super) fn report(path: &Path, source: &str, problems: &[Problem]) -> String {
    let name = path.display().to_string();
    let mut text = render(problems, &name, source, std::io::stderr().is_terminal());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// `jobs.yaml has 3 problems`.
pub(super) fn summary(path: &Path, problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let noun = if errors == 1 { "problem" } else { "problems" };
    format!("{} has {errors} {noun}", path.display())
}
