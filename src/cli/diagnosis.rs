//! What `why` and `doctor` share: evidence read and kept, and a diagnosis as text and JSON.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::output::{self, BAD, BOLD, DIM, GOOD, WARN, printable};
use super::{Common, Format};
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
        match common.output {
            Format::Json => output::print_json(&diagnosis)?,
            Format::Text => output::print_text(&story(&diagnosis))?,
        };
        Ok(if diagnosis.is_good() { Exit::Good } else { Exit::Bad })
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

/// The cause first, then everything that was looked at, what is broken before what is not.
fn story(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    if let Some(cause) = &diagnosis.cause {
        tell_cause(&mut text, cause);
    }
    let mut findings: Vec<&Finding> = diagnosis.findings.iter().collect();
    findings.sort_by_key(|finding| finding.status);
    for finding in &findings {
        tell(&mut text, finding);
    }
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    match (findings.len(), &diagnosis.cause) {
        (0, None) => text.push_str("nothing is wrong\n"),
        (0, Some(_)) => {}
        _ => {
            let _ = writeln!(
                text,
                "{} fail, {} warn, {} skipped, {} ok",
                count(Status::Fail),
                count(Status::Warn),
                count(Status::Skipped),
                count(Status::Ok)
            );
        }
    }
    text
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
