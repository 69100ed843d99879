//! How a command ends: one enum for every exit code.

use std::process::ExitCode;

use crate::backend::PortError;
use crate::function::NotHandled;
use crate::ledger::LedgerError;
use crate::queue::QueueError;
use crate::run::{Run, Verdict};

/// The codes, for `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0    good
  1    what was asked about is bad: problems found, or a run that failed without a code
  2    the command line is wrong
  3    the surroundings are missing: ledger, files or AWS cannot be reached
  130  interrupted, and left before a run had ended: what becomes of it is said
  `local` and `run --wait` pass the container's own code through.";

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Good,
    /// 1: what was asked about is bad.
    Bad,
    /// 2: the command line is wrong.
    Usage,
    /// 3: the surroundings are missing.
    Environment,
    /// 130: interrupted, and not waiting for what it stops.
    Interrupted,
    /// A container's own code.
    Container(u8),
}

impl Exit {
    /// The exit of a command that was about this run: the container's code, if it ended badly
    /// and there is one.
    pub(super) fn of(run: &Run) -> Self {
        match run.verdict() {
            Some(Verdict::Succeeded | Verdict::Skipped) => Self::Good,
            Some(Verdict::Failed | Verdict::TimedOut | Verdict::Cancelled | Verdict::Lost)
            | None => match run.exit_code().map(u8::try_from) {
                Some(Ok(code @ 1..)) => Self::Container(code),
                Some(Ok(0) | Err(_)) | None => Self::Bad,
            },
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Good => 0,
            Exit::Bad => 1,
            Exit::Usage => 2,
            Exit::Environment => 3,
            Exit::Interrupted => 130,
            Exit::Container(code) => code,
        })
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
}

impl Failure {
    /// What was asked about is bad.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self { exit: Exit::Bad, message: message.into() }
    }

    /// The command line is wrong.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// The surroundings are missing.
    pub(super) fn environment(message: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, message: message.into() }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<NotHandled> for Failure {
    fn from(error: NotHandled) -> Self {
        match error {
            NotHandled::Refused(reason) => Self::bad(reason),
            NotHandled::Port(error) => error.into(),
        }
    }
}
