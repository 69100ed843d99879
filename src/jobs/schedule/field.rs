//! The six fields of a cron expression: their names, their values, and what to write in them.

use super::{ExpressionError, Outcome};

/// What is wrong with a wildcard that takes no list, range or step, and the remedy.
pub(super) const ALONE: (&str, &str) =
    ("must stand alone", "write it without a list, range or step");

/// One of the fields of a cron expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Minutes,
    Hours,
    Date,
    Month,
    Weekday,
    Year,
}

impl Field {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Date => "day-of-month",
            Self::Month => "month",
            Self::Weekday => "day-of-week",
            Self::Year => "year",
        }
    }

    pub(super) fn bounds(self) -> (i16, i16) {
        match self {
            Self::Minutes => (0, 59),
            Self::Hours => (0, 23),
            Self::Date => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (1, 7),
            Self::Year => (1970, 2199),
        }
    }

    /// The names of the values, from the lowest one on.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &[
                "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
            ],
            Self::Weekday => &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
            Self::Minutes | Self::Hours | Self::Date | Self::Year => &[],
        }
    }

    /// What may be written in place of a text that is not a value.
    fn remedy(self) -> String {
        let (low, high) = self.bounds();
        match self {
            Self::Month => format!("{low}-{high} or JAN-DEC"),
            Self::Weekday => format!("{low}-{high}, SUN-SAT, or alone `L`, `5L` or `2#3`"),
            Self::Date => format!("{low}-{high}, or alone `L`, `L-3`, `LW` or `15W`"),
            Self::Minutes | Self::Hours | Self::Year => format!("{low}-{high}"),
        }
    }

    /// The remedy for the numbers of Unix cron that AWS does not have.
    fn hint(self, value: &str) -> Option<&'static str> {
        match (self, value) {
            (Self::Weekday, "0") => {
                Some("AWS counts from 1 (SUN) to 7 (SAT), write `1` or `SUN` for Sunday")
            }
            (Self::Hours, "24") => Some("write `0` for midnight"),
            _ => None,
        }
    }

    /// The value that `text`, a part of the list item `item`, stands for.
    pub(super) fn value(self, text: &str, item: &str) -> Outcome<i16> {
        match self.named(text) {
            Some(value) => Ok(value),
            None => self.number(text, item, self.bounds(), self.hint(text)),
        }
    }

    fn named(self, text: &str) -> Option<i16> {
        let (low, _) = self.bounds();
        (low..)
            .zip(self.names())
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(value, _)| value)
    }

    /// The number that `text`, a part of the list item `item`, stands for; `hint` helps who left the range.
    pub(super) fn number(
        self,
        text: &str,
        item: &str,
        (low, high): (i16, i16),
        hint: Option<&str>,
    ) -> Outcome<i16> {
        let field = self.name();
        if !is_digits(text) {
            let remedy = self.remedy();
            return Err(ExpressionError::new(
                format!("{field} `{item}` is not a value"),
                format!("write {remedy}"),
            ));
        }
        // A number too large for the type is out of every range as well.
        text.parse().ok().filter(|number| (low..=high).contains(number)).ok_or_else(|| {
            ExpressionError::new(
                format!("{field} {text} is out of range {low}-{high}"),
                hint.map_or_else(|| format!("write {}", self.remedy()), str::to_owned),
            )
        })
    }

    /// The error for a wildcard in the wrong place: what is wrong about it, and the remedy.
    pub(super) fn misplaced(
        self,
        text: &str,
        wildcard: char,
        (wrong, remedy): (&str, &str),
    ) -> ExpressionError {
        let field = self.name();
        ExpressionError::new(format!("{field} `{text}` has a `{wildcard}`, which {wrong}"), remedy)
    }
}

/// Parsing a number alone would take a sign too.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
