//! What `why` and `doctor` share: evidence read and kept, and a diagnosis as text and JSON.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::output::{self, BAD, BOLD, DIM, GOOD, WARN, printable};
use super::{Common, Format};
use crate::diagnosis::evidence::RunSeen;
use crate::diagnosis::{Diagnosis, Evidence, Finding, NamedCause, Status, diagnose, redact};

/// The largest network that EC2 takes has far less.
const EVIDENCE_BYTES_MAX: u64 = 64 << 20;

/// Where evidence comes from and goes to.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct EvidenceFiles {
    /// Judge the evidence in this file instead of asking anybody.
    #[arg(long, value_name = "FILE")]
    pub(super) from: Option<PathBuf>,
    /// Keep the evidence in this file, for whoever has no access.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Replace account ids and names in what is kept and printed.
    #[arg(long)]
    pub(super) redact: bool,
}

impl EvidenceFiles {
    /// The evidence that was kept, if it is to be read from a file.
    pub(super) fn read(&self) -> Result<Option<Evidence>, Failure> {
        let Some(path) = &self.from else { return Ok(None) };
        let text = read(path)?;
        let evidence = Evidence::read(&text);
        Ok(Some(evidence.map_err(|error| Failure::bad(format!("{}: {error}", path.display())))?))
    }

    /// Keeps the evidence where that is asked for, judges it, and prints what comes of it.
    pub(super) fn conclude(
        &self,
        common: &Common,
        mut evidence: Evidence,
    ) -> Result<Exit, Failure> {
        if self.redact {
            evidence = redact(&evidence)
                .map_err(|error| Failure::environment(format!("cannot redact: {error}")))?;
        }
        if let Some(path) = &self.save {
            save(path, &evidence)?;
        }
        let diagnosis = diagnose(&evidence);
        // What may keep the next task from starting is no fault of a run whose own did.
        let run = evidence.run.as_ref().filter(|run| run.has_run());
        match common.output {
            Format::Json => output::print_json(&diagnosis)?,
            Format::Text => output::print_text(&story(&diagnosis, run))?,
        };
        let is_good = match run {
            Some(_) => diagnosis.cause.is_none(),
            None => diagnosis.is_good(),
        };
        Ok(if is_good { Exit::Good } else { Exit::Bad })
    }
}

/// The text of a file, unless it is larger than any evidence.
fn read(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let failed = |error| Failure::environment(format!("cannot read {shown}: {error}"));
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(EVIDENCE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > EVIDENCE_BYTES_MAX) {
        let megabytes = EVIDENCE_BYTES_MAX >> 20;
        return Err(Failure::bad(format!(
            "{shown}: this is no evidence: it has over {megabytes} MiB"
        )));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::bad(format!("{shown}: this is no evidence: it is not UTF-8")))?;
    // Some editors put a mark before everything.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn save(path: &Path, evidence: &Evidence) -> Result<(), Failure> {
    let failed = |error: String| Failure::environment(format!("{}: {error}", path.display()));
    let mut text =
        serde_json::to_string_pretty(evidence).map_err(|error| failed(error.to_string()))?;
    text.push('\n');
    fs::write(path, text).map_err(|error| failed(error.to_string()))
}

/// The cause first, then what was looked at; of a `run` that started, only how much of that.
fn story(diagnosis: &Diagnosis, run: Option<&RunSeen>) -> String {
    let mut text = String::new();
    match (&diagnosis.cause, run) {
        (Some(cause), _) => tell_cause(&mut text, cause),
        (None, Some(run)) => {
            let _ = writeln!(text, "nothing is wrong with it: {}", run.status);
        }
        (None, None) if diagnosis.findings.is_empty() => text.push_str("nothing is wrong\n"),
        (None, None) => {}
    }
    match run {
        Some(run) => tell_of_the_next(&mut text, &diagnosis.findings, &run.job),
        None => tell_all(&mut text, &diagnosis.findings),
    }
    text
}

/// Every finding, what is broken before what is not.
fn tell_all(text: &mut String, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.status);
    for finding in sorted {
        tell(text, finding);
    }
    let count = |status| count(findings, status);
    let (fail, warn) = (count(Status::Fail), count(Status::Warn));
    let (skipped, ok) = (count(Status::Skipped), count(Status::Ok));
    let _ = writeln!(text, "{fail} fail, {warn} warn, {skipped} skipped, {ok} ok");
}

/// Whether the job's next task can start is another question: `doctor` answers it.
fn tell_of_the_next(text: &mut String, findings: &[Finding], job: &str) {
    let (fail, warn) = (count(findings, Status::Fail), count(findings, Status::Warn));
    if fail + warn > 0 {
        let job = printable(job);
        let _ = writeln!(
            text,
            "what its job needs to start, as it is now: {fail} fail, {warn} warn; `longshore doctor \
             {job}` shows them"
        );
    }
}

fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|finding| finding.status == status).count()
}

fn tell_cause(text: &mut String, cause: &NamedCause) {
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}", printable(&cause.sentence));
    for proof in &cause.proof {
        let _ = writeln!(text, "  {DIM}{}{DIM:#}", printable(proof));
    }
    for line in cause.remedy.lines() {
        let _ = writeln!(text, "  {GOOD}>{GOOD:#} {}", printable(line));
    }
    text.push('\n');
}

fn tell(text: &mut String, finding: &Finding) {
    let (word, style) = match finding.status {
        Status::Fail => ("FAIL", BAD),
        Status::Warn => ("WARN", WARN),
        Status::Skipped => ("SKIP", DIM),
        Status::Ok => ("OK", GOOD),
    };
    let _ = writeln!(
        text,
        "{style}{word:4}{style:#}  {:26}  {}: {}",
        finding.check,
        printable(&finding.subject),
        printable(&finding.evidence)
    );
    for line in finding.remedy.iter().flat_map(|remedy| remedy.lines()) {
        let _ = writeln!(text, "      > {}", printable(line));
    }
}
