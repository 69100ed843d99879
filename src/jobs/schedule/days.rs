//! The days a cron expression means: its two day fields together, against the calendar.

use std::fmt;

use jiff::civil::{Date, Weekday};

use super::Outcome;
use super::field::{ALONE, Field};
use super::set::Set;

/// The days that the two day fields describe together, one of them being `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    /// Days of the month.
    Dates(Set),
    /// So many days before the last one of the month: `L`, `L-3`.
    LastDate(i16),
    /// The last of Monday to Friday in the month: `LW`.
    LastWorkday,
    /// The one of Monday to Friday nearest to a day of the month, and in that month: `15W`.
    NearestWorkday(i16),
    /// Days of the week.
    Weekdays(Set),
    /// The last such day of the week in the month: `5L`.
    LastWeekday(i16),
    /// The third, say, such day of the week in the month: `2#3`.
    NthWeekday(i16, i16),
}

const BEFORE: &str = "the number after `L-` counts days before the last one of the month";
const NTH: &str = "the number after `#` says which such day of the month, write e.g. `2#3`";

impl Days {
    /// Reads day-of-month, in upper case. That `L` and `W` take no list follows Quartz.
    pub(super) fn parse_dates(text: &str) -> Outcome<Self> {
        let field = Field::Date;
        if let Some(wildcard) = listed(text, &['L', 'W']) {
            return Err(field.misplaced(text, wildcard, ALONE));
        }
        if let Some(before) = text.strip_prefix("L-") {
            return field.number(before, text, (1, 30), Some(BEFORE)).map(Self::LastDate);
        }
        match (text, text.strip_suffix('W')) {
            ("L", _) => Ok(Self::LastDate(0)),
            ("LW", _) => Ok(Self::LastWorkday),
            (_, Some(date)) => field.value(date, text).map(Self::NearestWorkday),
            (_, None) => Set::parse(field, text).map(Self::Dates),
        }
    }

    /// Reads day-of-week, in upper case. The EventBridge guide rules out lists with `#`; for `L`, this
    /// follows Quartz, as it does in that `L` alone is every Saturday.
    pub(super) fn parse_weekdays(text: &str) -> Outcome<Self> {
        let field = Field::Weekday;
        if let Some(wildcard) = listed(text, &['L', '#']) {
            return Err(field.misplaced(text, wildcard, ALONE));
        }
        if let Some((day, nth)) = text.split_once('#') {
            return Ok(Self::NthWeekday(
                field.value(day, text)?,
                field.number(nth, text, (1, 5), Some(NTH))?,
            ));
        }
        match (text, text.strip_suffix('L')) {
            ("L", _) => Set::parse(field, "7").map(Self::Weekdays),
            (_, Some(day)) => field.value(day, text).map(Self::LastWeekday),
            (_, None) => Set::parse(field, text).map(Self::Weekdays),
        }
    }

    pub(super) fn contains(&self, date: Date) -> bool {
        let day = i16::from(date.day());
        let length = i16::from(date.days_in_month());
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        match self {
            Self::Dates(set) => set.contains(day),
            Self::LastDate(before) => day == length - before,
            Self::LastWorkday => day == nearest_workday(length, date),
            // A month without that day has no day nearest to it.
            Self::NearestWorkday(target) => {
                *target <= length && day == nearest_workday(*target, date)
            }
            Self::Weekdays(set) => set.contains(weekday),
            Self::LastWeekday(wanted) => weekday == *wanted && day + 7 > length,
            Self::NthWeekday(wanted, nth) => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
        }
    }
}

/// The day of Monday to Friday nearest to the day `target` of the month of `date`, without leaving the month.
fn nearest_workday(target: i16, date: Date) -> i16 {
    let weekday = date.weekday().wrapping_add(target - i16::from(date.day()));
    match weekday {
        Weekday::Saturday if target == 1 => target + 2,
        Weekday::Saturday => target - 1,
        Weekday::Sunday if target == i16::from(date.days_in_month()) => target - 2,
        Weekday::Sunday => target + 1,
        _ => target,
    }
}

/// The first of `wildcards` in a text that is a list or has a step.
fn listed(text: &str, wildcards: &[char]) -> Option<char> {
    text.chars().find(|c| wildcards.contains(c)).filter(|_| text.contains([',', '/']))
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dates(set) | Self::Weekdays(set) => set.fmt(f),
            Self::LastDate(0) => f.write_str("L"),
            Self::LastDate(before) => write!(f, "L-{before}"),
            Self::LastWorkday => f.write_str("LW"),
            Self::NearestWorkday(date) => write!(f, "{date}W"),
            Self::LastWeekday(weekday) => write!(f, "{weekday}L"),
            Self::NthWeekday(weekday, nth) => write!(f, "{weekday}#{nth}"),
        }
    }
}
