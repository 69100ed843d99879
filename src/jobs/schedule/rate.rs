//! `rate(5 minutes)`: again and again after a fixed time.

use std::fmt;
use std::iter::successors;

use jiff::{SignedDuration, Timestamp};

use super::field::is_digits;
use super::{ExpressionError, Outcome};

/// The value and the unit of a `rate(..)` expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    value: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
}

impl Unit {
    fn singular(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// EventBridge Scheduler counts a day as 24 hours too, even where the clock changes on it.
    fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        }
    }
}

impl Rate {
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [number, name] = words[..] else {
            return Err(ExpressionError::new(
                format!("rate `{text}` is not a value and a unit"),
                "write e.g. `rate(5 minutes)`",
            ));
        };
        let value = number.parse().ok().filter(|value| is_digits(number) && *value > 0);
        let value = value.ok_or_else(|| {
            ExpressionError::new(
                format!("rate value `{number}` is not a whole number from 1 to {}", u32::MAX),
                "write e.g. `rate(5 minutes)`",
            )
        })?;
        let singular = name.strip_suffix('s').unwrap_or(name);
        let unit = [Unit::Minute, Unit::Hour, Unit::Day]
            .into_iter()
            .find(|unit| unit.singular() == singular);
        let unit = unit.ok_or_else(|| {
            ExpressionError::new(
                format!("rate unit `{name}` is unknown"),
                "write minute(s), hour(s) or day(s), in lower case",
            )
        })?;
        let rate = Self { value, unit };
        if rate.unit_name() == name {
            Ok(rate)
        } else {
            Err(ExpressionError::new(
                format!("rate unit `{name}` does not agree with {value}"),
                format!("write `{rate}`"),
            ))
        }
    }

    fn unit_name(self) -> String {
        let plural = if self.value == 1 { "" } else { "s" };
        format!("{}{plural}", self.unit.singular())
    }

    /// The time from one firing to the next.
    pub fn period(self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.value) * self.unit.seconds())
    }

    pub(super) fn next(self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        let step = |at: &Timestamp| at.checked_add(self.period()).ok();
        successors(step(&after), step).take(count).collect()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate({} {})", self.value, self.unit_name())
    }
}
