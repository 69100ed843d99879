//! Schedules are read here, and not first by AWS, so that a mistake in one is found before the deploy
//! and the next firing times can be shown without an account.
//!
//! The grammar is the one of Amazon EventBridge rules and EventBridge Scheduler. Where their guides are
//! silent this follows Quartz, whose cron dialect theirs resembles; each such choice is marked where it is made.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

mod cron;
mod days;
mod field;
mod rate;
mod set;
mod unix;

pub use cron::Cron;
pub use rate::Rate;

/// The longest schedule expression the AWS APIs take, in characters.
const CHARS_MAX: usize = 256;
const FORMS: &str = "`cron(minutes hours day-of-month month day-of-week year)`, \
    `rate(value unit)` or `at(yyyy-mm-ddThh:mm:ss)`";

/// A schedule expression: `cron(..)`, `rate(..)` or `at(..)`.
///
/// Parsing forgives extra spaces; send AWS the text that [`Display`](fmt::Display) writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Fires at the local times that six cron fields describe.
    Cron(Cron),
    /// Fires again and again after a fixed time.
    Rate(Rate),
    /// Fires once, at a local time; EventBridge Scheduler only, rules do not take it.
    At(DateTime),
}

/// Why a text is not a schedule expression, and what to write in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {remedy}")]
pub struct ExpressionError {
    /// What is wrong with it.
    pub message: String,
    /// What to write in its place.
    pub remedy: String,
}

impl ExpressionError {
    fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }
}

type Outcome<T> = Result<T, ExpressionError>;

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Outcome<Self> {
        let text = text.trim();
        if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii()) {
            let position = index + 1;
            return Err(ExpressionError::new(
                format!("has {character:?} at character {position}, only plain ASCII is allowed"),
                "retype it",
            ));
        }
        match text.len() {
            0 => return Err(ExpressionError::new("is empty", format!("write {FORMS}"))),
            length if length > CHARS_MAX => {
                return Err(ExpressionError::new(
                    format!("has {length} characters, AWS takes at most {CHARS_MAX}"),
                    "shorten it",
                ));
            }
            _ => {}
        }
        let (kind, rest) = text.split_once('(').unwrap_or((text, ""));
        match kind.trim_end() {
            "cron" => Cron::parse(body("cron", rest)?).map(Self::Cron),
            "rate" => Rate::parse(body("rate", rest)?).map(Self::Rate),
            "at" => parse_at(body("at", rest)?).map(Self::At),
            _ => Err(ExpressionError::new(
                format!("`{text}` is not a schedule expression"),
                format!("write {}", suggestion(text)),
            )),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => cron.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
            Self::At(time) => write!(f, "at({})", time.strftime("%Y-%m-%dT%H:%M:%S")),
        }
    }
}

impl Expression {
    /// The next firing times strictly after `after`, at most `count`, in `zone`; empty when it never fires again.
    ///
    /// Local times that the zone skips do not fire; those that it repeats fire once, the first time.
    /// A rate counts from the moment its schedule was created, which the text does not tell: here it
    /// counts from `after`, and a day is always 24 hours.
    pub fn next(&self, after: Timestamp, zone: &TimeZone, count: usize) -> Vec<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next(after, zone, count),
            Self::Rate(rate) => rate.next(after, count),
            Self::At(time) => {
                instant(*time, zone).filter(|at| *at > after).into_iter().take(count).collect()
            }
        }
    }

    /// The first local time of the next year that the zone skips, when it leaves its day without any
    /// firing; for `at(..)`, its time when it is skipped, however far ahead.
    ///
    /// A schedule that still fires on that day, such as an hourly one, is not worth a warning.
    pub fn first_skipped(&self, after: Timestamp, zone: &TimeZone) -> Option<DateTime> {
        match self {
            Self::Cron(cron) => cron.first_skipped(after, zone),
            Self::Rate(_) => None,
            Self::At(time) => {
                let ahead = zone.to_ambiguous_timestamp(*time).later().is_ok_and(|at| at > after);
                (ahead && instant(*time, zone).is_none()).then_some(*time)
            }
        }
    }
}

/// The moment of a local time, or none where the zone skips it; the earlier one where the zone repeats it.
fn instant(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let moment = zone.to_ambiguous_timestamp(time);
    match moment.offset() {
        AmbiguousOffset::Gap { .. } => None,
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => moment.earlier().ok(),
    }
}

/// The text between the parentheses, given what follows the first one.
fn body<'t>(kind: &str, rest: &'t str) -> Outcome<&'t str> {
    rest.strip_suffix(')').ok_or_else(|| {
        ExpressionError::new(
            format!("`{kind}(` must end with `)`"),
            "close it and write nothing after it",
        )
    })
}

/// What the writer of a text without a known kind meant, else all the forms.
fn suggestion(text: &str) -> String {
    let bare = text.split_once('(').map_or(text, |(_, rest)| rest).trim_end_matches(')');
    let cron = Cron::parse(bare).ok().map(|cron| cron.to_string());
    let rate = || Rate::parse(bare).ok().map(|rate| rate.to_string());
    let at = || parse_at(bare).ok().map(|time| Expression::At(time).to_string());
    let found = cron.or_else(|| unix::from_unix(bare)).or_else(rate).or_else(at);
    found.map_or_else(|| FORMS.to_owned(), |text| format!("`{text}`"))
}

/// Reads `yyyy-mm-ddThh:mm:ss`, without the zones, fractions and short forms of other ISO 8601 readers.
fn parse_at(text: &str) -> Outcome<DateTime> {
    let text = text.trim();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape != "0000-00-00T00:00:00" {
        return Err(ExpressionError::new(
            format!("at `{text}` is not a local date and time"),
            "write `at(yyyy-mm-ddThh:mm:ss)`, without a zone or fractions",
        ));
    }
    let missing =
        |remedy: &str| ExpressionError::new(format!("at `{text}` does not exist"), remedy);
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let date = Date::strptime("%Y-%m-%d", date)
        .map_err(|_| missing("write a month 01-12 and a day that it has in that year"))?;
    // The time reader takes the leap second 60 for 59, and so would fire at another time than written.
    let time = Time::strptime("%H:%M:%S", time)
        .ok()
        .filter(|_| !text.ends_with("60"))
        .ok_or_else(|| missing("write hours 00-23, minutes 00-59 and seconds 00-59"))?;
    Ok(date.to_datetime(time))
}

#[cfg(test)]
mod tests;
