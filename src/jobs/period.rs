//! Durations as people write them in jobs.yaml: `30s`, `15m`, `1h30m`, `2d`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A duration of whole seconds, written with its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(Duration);

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Period {
    /// A period of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// As the standard library has it.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// A number alone.
    #[error("`{0}` has no unit: write `{0}s`, `{0}m`, `{0}h` or `{0}d`")]
    NoUnit(String),
    /// More than a century.
    #[error("`{0}` is longer than a century: write at most `36600d`")]
    TooLong(String),
    /// Anything else.
    #[error(
        "`{0}` is no duration: write numbers with units from large to small, like `90s`, `15m`, `1h30m` or `2d`"
    )]
    Malformed(String),
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let shown = || text.chars().take(40).collect();
        let malformed = || PeriodError::Malformed(shown());
        let too_long = || PeriodError::TooLong(shown());
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 12 {
            return Err(PeriodError::NoUnit(text.to_owned()));
        }
        let mut rest = text;
        let mut secs: u64 = 0;
        for (unit, unit_secs) in UNITS {
            let Some((digits, after)) = rest.split_once(unit) else { continue };
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed());
            }
            // They are digits: only their number can be wrong.
            let count: u64 = digits.parse().map_err(|_| too_long())?;
            secs = count
                .checked_mul(unit_secs)
                .and_then(|more| secs.checked_add(more))
                // Beyond a century nothing here makes sense, and time arithmetic would overflow.
                .filter(|secs| *secs <= 100 * 366 * 86_400)
                .ok_or_else(too_long)?;
            rest = after;
        }
        if !rest.is_empty() || text.is_empty() {
            return Err(malformed());
        }
        Ok(Self::from_secs(secs))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut secs = self.0.as_secs();
        if secs == 0 {
            return f.pad("0s");
        }
        let mut text = String::new();
        for (unit, unit_secs) in UNITS {
            if secs >= unit_secs {
                text.push_str(&format!("{}{unit}", secs / unit_secs));
                secs %= unit_secs;
            }
        }
        f.pad(&text)
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;
    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "title": "duration",
            "description": "A duration with units from large to small: `90s`, `15m`, `1h30m`, `2d`.",
            "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
            "minLength": 2
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_numbers_with_units_from_large_to_small() {
        for (text, secs) in
            [("0s", 0), ("90s", 90), ("15m", 900), ("1h30m", 5_400), ("2d", 172_800)]
        {
            assert_eq!(text.parse(), Ok(Period::from_secs(secs)), "{text}");
        }
        for text in [
            "",
            "10",
            "1h30",
            "-1s",
            "1.5h",
            "30m1h",
            "s",
            "1x",
            "1 h",
            "99999999999999999999s",
            "40000000d",
            "é",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_longer_than_a_century_is_told_so() {
        assert!("36600d".parse::<Period>().is_ok());
        for text in ["36601d", "99999999999999d", "99999999999999999999s", "36600d1s"] {
            let told = text.parse::<Period>().map_err(|error| error.to_string());
            let expected = format!("`{text}` is longer than a century: write at most `36600d`");
            assert_eq!(told, Err(expected));
        }
    }

    #[test]
    fn a_period_is_printed_as_it_is_written() {
        for text in ["0s", "30s", "15m", "1h30m", "2d", "1d1h1m1s"] {
            assert_eq!(text.parse::<Period>().map(|p| p.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Period::from_secs(90).to_string(), "1m30s");
    }
}
