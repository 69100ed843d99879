//! Cron expressions are apart from the other schedules because only they have fields to read and a
//! calendar to search.
//!
//! The search goes day by day, and skips whole months and years that do not match: a schedule that never
//! fires again is found out in a moment, which a search minute by minute would not do.

use std::fmt;
use std::iter::successors;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::days::Days;
use super::field::Field;
use super::set::Set;
use super::unix::from_unix;
use super::{ExpressionError, Outcome, instant};

const FIELDS: &str = "minutes hours day-of-month month day-of-week year";
const BOTH_DAYS: (&str, &str) =
    ("day-of-month and day-of-week cannot both be set", "write `?` for one of them");
const NO_DAYS: (&str, &str) =
    ("day-of-month and day-of-week cannot both be `?`", "write `*` for one of them");

/// How far ahead a skipped local time is looked for: a leap year, so that every yearly change is seen.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The six fields of a `cron(..)` expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Set,
    hours: Set,
    days: Days,
    months: Set,
    years: Set,
}

impl Cron {
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, date, month, weekday, year] = fields[..] else {
            return Err(count_error(text, fields.len()));
        };
        let days = match (date, weekday) {
            ("?", "?") => return Err(ExpressionError::new(NO_DAYS.0, NO_DAYS.1)),
            ("?", _) => Days::parse_weekdays(&weekday.to_ascii_uppercase())?,
            (_, "?") => Days::parse_dates(&date.to_ascii_uppercase())?,
            (_, "*") => return Err(both_days(&[minutes, hours, date, month, "?", year])),
            ("*", _) => return Err(both_days(&[minutes, hours, "?", month, weekday, year])),
            _ => return Err(ExpressionError::new(BOTH_DAYS.0, BOTH_DAYS.1)),
        };
        Ok(Self {
            minutes: Set::parse(Field::Minutes, minutes)?,
            hours: Set::parse(Field::Hours, hours)?,
            days,
            months: Set::parse(Field::Month, month)?,
            years: Set::parse(Field::Year, year)?,
        })
    }

    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone, count: usize) -> Vec<Timestamp> {
        let mut moments =
            self.times(zone.to_datetime(after)).filter_map(|time| instant(time, zone));
        let (mut last, mut found) = (after, Vec::new());
        while found.len() < count
            && let Some(moment) = moments.next()
        {
            // `after` may be the second time of a repeated hour, whose times have fired already.
            if moment > last {
                last = moment;
                found.push(moment);
            }
        }
        found
    }

    pub(super) fn first_skipped(&self, after: Timestamp, zone: &TimeZone) -> Option<DateTime> {
        let horizon = after.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
        zone.following(after)
            .map(|change| change.timestamp())
            .take_while(|at| *at <= horizon)
            .find_map(|at| {
                let second = SignedDuration::from_secs(1);
                let start =
                    zone.to_datetime(at.checked_sub(second).ok()?).checked_add(second).ok()?;
                // Where the zone moves back the end is before the start, and nothing is taken.
                let end = zone.to_datetime(at);
                self.times(start)
                    .take_while(|time| *time < end)
                    .find(|time| !self.fires_on(time.date(), zone))
            })
    }

    fn fires_on(&self, date: Date, zone: &TimeZone) -> bool {
        self.clock().into_iter().any(|time| instant(date.to_datetime(time), zone).is_some())
    }

    /// The local times that match, in order, from `start` on.
    fn times(&self, start: DateTime) -> impl Iterator<Item = DateTime> {
        let clock = self.clock();
        successors(self.day_from(start.date()), |day| self.day_from(day.tomorrow().ok()?))
            .flat_map(move |day| clock.clone().into_iter().map(move |time| day.to_datetime(time)))
            .skip_while(move |time| *time < start)
    }

    /// The times of day that match, in order.
    fn clock(&self) -> Vec<Time> {
        let hours = (0..24).filter(|hour| self.hours.contains(i16::from(*hour)));
        let minutes = |hour| (0..60).map(move |minute| (hour, minute));
        hours
            .flat_map(minutes)
            .filter(|(_, minute)| self.minutes.contains(i16::from(*minute)))
            .filter_map(|(hour, minute)| Time::new(hour, minute, 0, 0).ok())
            .collect()
    }

    /// The first day that matches, `start` or later. It ends with the last year that AWS has, so that
    /// a day that never comes, such as 31 February, is not looked for without end.
    fn day_from(&self, start: Date) -> Option<Date> {
        let (first, last) = Field::Year.bounds();
        let mut day = start.max(Date::new(first, 1, 1).ok()?);
        while day.year() <= last {
            let miss = if !self.years.contains(day.year()) {
                day.last_of_year()
            } else if !self.months.contains(i16::from(day.month())) {
                day.last_of_month()
            } else if !self.days.contains(day) {
                day
            } else {
                return Some(day);
            };
            day = miss.tomorrow().ok()?;
        }
        None
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minutes, hours, days, months, years } = self;
        let (date, weekday) = match days {
            Days::Weekdays(_) | Days::LastWeekday(_) | Days::NthWeekday(..) => {
                ("?".to_owned(), days.to_string())
            }
            _ => (days.to_string(), "?".to_owned()),
        };
        write!(f, "cron({minutes} {hours} {date} {months} {weekday} {years})")
    }
}

fn count_error(text: &str, count: usize) -> ExpressionError {
    let remedy = match (count, from_unix(text)) {
        (5, Some(line)) => format!("add the year, e.g. `{line}`"),
        (5, None) => "add the year, e.g. `*`".to_owned(),
        (7, _) => "remove the seconds, AWS cron has none".to_owned(),
        _ => "write e.g. `cron(0 3 * * ? *)`".to_owned(),
    };
    ExpressionError::new(format!("has {count} fields, AWS cron has 6 ({FIELDS})"), remedy)
}

/// The error for two set day fields, with `fields` as the example when they are right otherwise.
fn both_days(fields: &[&str]) -> ExpressionError {
    let line = fields.join(" ");
    let (wrong, remedy) = BOTH_DAYS;
    match Cron::parse(&line) {
        Ok(_) => ExpressionError::new(wrong, format!("{remedy}, e.g. `cron({line})`")),
        Err(_) => ExpressionError::new(wrong, remedy),
    }
}
