//! `render`: triggers.yaml, written or compared.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::jobs_file;
use super::output::{self, GOOD};
use super::{Common, Format};
use crate::jobs;
use crate::stack::{self, Rendering};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file to write.
    #[arg(long, value_name = "PATH", default_value = "triggers.yaml")]
    to: PathBuf,
    /// Write nothing; exit with 1 when the file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// A line in which the file is not what it must be.
struct Difference {
    line: usize,
    found: Option<String>,
    expected: Option<String>,
}

pub(super) fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let file = jobs_file::open(&common.jobs)?;
    let Some(jobs) = &file.jobs else {
        output::print_aside(&jobs_file::report(&common.jobs, &file.source, &file.problems));
        return Err(Failure::bad(jobs_file::summary(&common.jobs, &file.problems)));
    };
    let Rendering { text, mut problems } = stack::render(jobs, &common.namespace);
    jobs::locate(&file.source, &mut problems);
    output::print_aside(&jobs_file::report(&common.jobs, &file.source, &problems));
    let Some(text) = text else {
        return Err(Failure::bad(jobs_file::summary(&common.jobs, &problems)));
    };
    let present = read(&arguments.to)?;
    let difference = first_difference(present.as_deref(), &text);
    if difference.is_some() && !arguments.check {
        fs::write(&arguments.to, &text).map_err(|error| {
            Failure::environment(format!("cannot write {}: {error}", arguments.to.display()))
        })?;
    }
    print(common, arguments, difference.as_ref())
}

/// The file as it is; `None` when there is none.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::environment(format!("cannot read {}: {error}", path.display()))),
    }
}

fn first_difference(present: Option<&str>, expected: &str) -> Option<Difference> {
    let present = present.unwrap_or_default();
    if present == expected {
        return None;
    }
    // `split` rather than `lines`: a missing newline at the end is a difference too.
    let (mut found, mut wanted) = (present.split('\n'), expected.split('\n'));
    let mut line = 0;
    loop {
        line += 1;
        let (one, other) = (found.next(), wanted.next());
        if one != other || one.is_none() {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            return Some(Difference { line, found: owned(one), expected: owned(other) });
        }
    }
}

fn print(
    common: &Common,
    arguments: &Arguments,
    difference: Option<&Difference>,
) -> Result<Exit, Failure> {
    let path = arguments.to.display();
    let stale = difference.filter(|_| arguments.check);
    if common.output == Format::Json {
        let shown = difference.map(|difference| {
            json!({
                "line": difference.line,
                "found": difference.found,
                "expected": difference.expected,
            })
        });
        output::print_json(&json!({
            "path": arguments.to,
            "ok": stale.is_none(),
            "written": difference.is_some() && !arguments.check,
            "difference": shown,
        }))?;
        return Ok(if stale.is_some() { Exit::Bad } else { Exit::Good });
    }
    match (stale, difference) {
        (Some(stale), _) => Err(Failure::bad(format!(
            "{path} is not what {} asks for: line {} {}; write it with `longshore render`",
            common.jobs.display(),
            stale.line,
            stale.describe()
        ))),
        (None, Some(_)) => output::print_text(&format!("{GOOD}written:{GOOD:#} {path}\n")),
        (None, None) => output::print_text(&format!("{GOOD}ok:{GOOD:#} {path} is up to date\n")),
    }
}

impl Difference {
    fn describe(&self) -> String {
        let shown = |text: &Option<String>| {
            text.as_deref().map(|text| format!("`{}`", output::printable(text.trim())))
        };
        match (shown(&self.found), shown(&self.expected)) {
            (Some(found), Some(expected)) => format!("is {found}, must be {expected}"),
            (Some(found), None) => format!("is {found}, must not be there"),
            (None, expected) => format!("is missing: {}", expected.unwrap_or_default()),
        }
    }
}
