//! Printing: colours only on a terminal, a closed pipe is no failure, and what strangers wrote
//! cannot steer the terminal.

use std::io::{self, ErrorKind, Write as _};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::exit::{Exit, Failure};
use crate::run::{Run, State, Verdict, Wait};

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();

/// Prints text on standard output, its colours only on a terminal.
pub(super) fn print_text(text: &str) -> Result<Exit, Failure> {
    print(anstream::stdout().lock(), text.as_bytes())?;
    Ok(Exit::Good)
}

/// Prints more text of what goes on for long, and says whether anybody still reads it.
pub(super) fn print_more_text(text: &str) -> Result<bool, Failure> {
    print(anstream::stdout().lock(), text.as_bytes())
}

/// Prints bytes on standard output as they are.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<Exit, Failure> {
    print_more(bytes)?;
    Ok(Exit::Good)
}

/// Prints more bytes of what goes on for long, and says whether anybody still reads it.
pub(super) fn print_more(bytes: &[u8]) -> Result<bool, Failure> {
    print(io::stdout().lock(), bytes)
}

fn print(mut stdout: impl io::Write, bytes: &[u8]) -> Result<bool, Failure> {
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        // Whoever read us has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::environment(format!("cannot print: {error}"))),
    }
}

/// Prints JSON on standard output.
pub(super) fn print_json(value: &impl Serialize) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::environment(format!("cannot print: {error}")))?;
    print_text(&(text + "\n"))
}

/// Prints text on standard error, beside the result.
pub(super) fn print_aside(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // There is nobody left to tell that it failed.
    let _ = stderr.write_all(text.as_bytes());
}

/// Prints an error.
pub(super) fn complain(message: &str) {
    print_aside(&format!("{BAD}error:{BAD:#} {message}\n"));
}

/// Whether standard error is a terminal that can redraw a line.
fn is_live() -> bool {
    use std::io::IsTerminal;
    io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// How often a live line moves.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// A line on standard error that moves and is redrawn; `None` where there is no terminal for it.
pub(super) fn spinner() -> Option<ProgressBar> {
    is_live().then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(TICK);
        bar
    })
}

/// A text that others wrote, without anything that steers a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let bidirectional = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || bidirectional || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A verdict in its colour.
pub(super) fn paint(verdict: Verdict) -> String {
    let style = match verdict {
        Verdict::Succeeded => GOOD,
        Verdict::Skipped | Verdict::Cancelled => WARN,
        Verdict::Failed | Verdict::TimedOut | Verdict::Lost => BAD,
    };
    format!("{style}{verdict}{style:#}")
}

/// Where a run stands, in one word or two.
pub(super) fn status(run: &Run) -> &'static str {
    match &run.state {
        State::Waiting { wait: Wait::Slot, .. } => "Waiting for a slot",
        State::Waiting { wait: Wait::Turn, .. } => "Waiting for its turn",
        State::Waiting { .. } => "Waiting",
        State::Launching { .. } => "Launching",
        State::Started => "Started",
        State::Running { .. } => "Running",
        State::Ended { verdict, .. } => verdict.as_str(),
    }
}

/// The time of day in UTC, to the millisecond.
pub(super) fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%S%.3f").to_string()
}

/// A duration as a person says it: `0.2s`, `41s`, `3m12s`, `2h5m`, `3d4h`.
pub(super) fn span(duration: SignedDuration) -> String {
    let secs = duration.as_secs().max(0);
    let (days, hours, minutes) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60);
    match secs {
        0..=9 => format!("{:.1}s", duration.as_secs_f64().max(0.0)),
        10..=59 => format!("{secs}s"),
        60..=3_599 => format!("{minutes}m{}s", secs % 60),
        3_600..=86_399 => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}
