//! Cron expressions are apart from the other schedules because only they have fields to read and a
//! calendar to search.
//!
//! The search goes day by day, and skips whole months and years that do not match: a schedule that never
//! fires again is found out in a moment, which a search minute by minute would not do.

use std::fmt;
use std::iter::successors;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{ExpressionError, Outcome, instant};

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
            return Err(ExpressionError::FieldCount {
                count: fields.len(),
                remedy: count_remedy(text, fields.len()),
            });
        };
        let days = match (date, weekday) {
            ("?", "?") => return Err(ExpressionError::NoDays),
            ("?", _) => Days::parse_weekdays(&weekday.to_ascii_uppercase())?,
            (_, "?") => Days::parse_dates(&date.to_ascii_uppercase())?,
            (_, "*") => return Err(both_days(&[minutes, hours, date, month, "?", year])),
            ("*", _) => return Err(both_days(&[minutes, hours, "?", month, weekday, year])),
            _ => {
                return Err(ExpressionError::BothDays { example: String::new() });
            }
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

fn count_remedy(text: &str, count: usize) -> String {
    match (count, from_unix(text)) {
        (5, Some(line)) => format!("add the year, e.g. `{line}`"),
        (5, None) => "add the year, e.g. `*`".to_owned(),
        (7, _) => "remove the seconds, AWS cron has none".to_owned(),
        _ => "write e.g. `cron(0 3 * * ? *)`".to_owned(),
    }
}

/// The error for two set day fields, with `fields` as the example when they are right otherwise.
fn both_days(fields: &[&str]) -> ExpressionError {
    let line = fields.join(" ");
    let example = Cron::parse(&line).map(|_| format!(", e.g. `cron({line})`")).unwrap_or_default();
    ExpressionError::BothDays { example }
}

/// The days that the two day fields describe together, one of them being `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
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

const BEFORE: &str = ": the number after `L-` counts days before the last one of the month";
const NTH: &str = ": the number after `#` says which such day of the month, write e.g. `2#3`";

impl Days {
    /// Reads day-of-month, in upper case. That `L` and `W` take no list follows Quartz.
    fn parse_dates(text: &str) -> Outcome<Self> {
        let field = Field::Date;
        if let Some(wildcard) = listed(text, &['L', 'W']) {
            return Err(misplaced(field, text, wildcard, ALONE));
        }
        if let Some(before) = text.strip_prefix("L-") {
            return field.number(before, text, (1, 30), BEFORE).map(Self::LastDate);
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
    fn parse_weekdays(text: &str) -> Outcome<Self> {
        let field = Field::Weekday;
        if let Some(wildcard) = listed(text, &['L', '#']) {
            return Err(misplaced(field, text, wildcard, ALONE));
        }
        if let Some((day, nth)) = text.split_once('#') {
            return Ok(Self::NthWeekday(
                field.value(day, text)?,
                field.number(nth, text, (1, 5), NTH)?,
            ));
        }
        match (text, text.strip_suffix('L')) {
            ("L", _) => Set::parse(field, "7").map(Self::Weekdays),
            (_, Some(day)) => field.value(day, text).map(Self::LastWeekday),
            (_, None) => Set::parse(field, text).map(Self::Weekdays),
        }
    }

    fn contains(&self, date: Date) -> bool {
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

/// The remedy for a wildcard that takes no list, range or step.
const ALONE: &str = "must stand alone: write it without a list, range or step";

/// One of the fields of a cron expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Minutes,
    Hours,
    Date,
    Month,
    Weekday,
    Year,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Date => "day-of-month",
            Self::Month => "month",
            Self::Weekday => "day-of-week",
            Self::Year => "year",
        }
    }

    fn bounds(self) -> (i16, i16) {
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
    fn names(self) -> &'static [&'static str] {
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
    fn hint(self, value: &str) -> &'static str {
        match (self, value) {
            (Self::Weekday, "0") => {
                ": AWS counts from 1 (SUN) to 7 (SAT), write `1` or `SUN` for Sunday"
            }
            (Self::Hours, "24") => ": write `0` for midnight",
            _ => "",
        }
    }

    /// The value that `text`, a part of the list item `item`, stands for.
    fn value(self, text: &str, item: &str) -> Outcome<i16> {
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
    fn number(
        self,
        text: &str,
        item: &str,
        (low, high): (i16, i16),
        hint: &'static str,
    ) -> Outcome<i16> {
        let field = self.name();
        if !is_digits(text) {
            return Err(ExpressionError::NotValue {
                field,
                value: item.to_owned(),
                remedy: self.remedy(),
            });
        }
        // A number too large for the type is out of every range as well.
        text.parse().ok().filter(|number| (low..=high).contains(number)).ok_or_else(|| {
            ExpressionError::OutOfRange { field, value: text.to_owned(), low, high, hint }
        })
    }
}

/// Parsing a number alone would take a sign too.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The values of one field: the union of its list items.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    field: Field,
    items: Vec<Item>,
}

/// Every `step`th value from `first` to `last`; a first value above the last one wraps around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    first: i16,
    last: i16,
    step: i16,
}

impl Set {
    fn parse(field: Field, text: &str) -> Outcome<Self> {
        match text.chars().find(|c| matches!(c, '?' | '#')) {
            Some('?') if matches!(field, Field::Date | Field::Weekday) => {
                return Err(misplaced(field, text, '?', ALONE));
            }
            Some('?') => {
                return Err(misplaced(field, text, '?', "only the two day fields take: write `*`"));
            }
            Some('#') if field != Field::Weekday => {
                return Err(misplaced(field, text, '#', "only day-of-week takes: remove it"));
            }
            _ => {}
        }
        let items = text.split(',').map(|item| match item {
            "" => Err(ExpressionError::EmptyItem { field: field.name(), text: text.to_owned() }),
            _ => Item::parse(field, item),
        });
        Ok(Self { field, items: items.collect::<Outcome<_>>()? })
    }

    fn contains(&self, value: i16) -> bool {
        let (low, high) = self.field.bounds();
        let width = high - low + 1;
        self.items.iter().any(|item| {
            let offset = (value - item.first).rem_euclid(width);
            offset <= (item.last - item.first).rem_euclid(width) && offset % item.step == 0
        })
    }
}

impl Item {
    /// Ranges wrap around, such as FRI-MON: the EventBridge guide has the hours `20-2` as an example.
    /// That the other fields wrap too (day-of-month after 31), and years do not, follows Quartz; so
    /// do the bounds of steps, that a step after a single value runs to the end of the field, and that
    /// day-of-week takes steps, which the guide does not list.
    fn parse(field: Field, text: &str) -> Outcome<Self> {
        let (low, high) = field.bounds();
        let (span, step) = match text.split_once('/') {
            Some((span, step)) => (span, Some(parse_step(field, step)?)),
            None => (text, None),
        };
        let (first, last) = match span.split_once('-') {
            None if span == "*" => (low, high),
            Some((first, last)) => (field.value(first, text)?, field.value(last, text)?),
            None => {
                let first = field.value(span, text)?;
                (first, if step.is_some() { high } else { first })
            }
        };
        if field == Field::Year && first > last {
            return Err(ExpressionError::Backwards { field: field.name(), first, last });
        }
        // The step of a single value says nothing, and equal schedules should compare equal.
        let step = step.filter(|_| first != last).unwrap_or(1);
        Ok(Self { first, last, step })
    }
}

fn parse_step(field: Field, text: &str) -> Outcome<i16> {
    let (_, high) = field.bounds();
    let step = text.parse().ok().filter(|step| is_digits(text) && (1..=high).contains(step));
    step.ok_or_else(|| ExpressionError::Step { field: field.name(), step: text.to_owned(), high })
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = self.field.bounds();
        for (index, item) in self.items.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", item.text(bounds))?;
        }
        Ok(())
    }
}

impl Item {
    /// Steps are written as the guides write them, `0/15` rather than `*/15`.
    fn text(self, (low, high): (i16, i16)) -> String {
        match self {
            Self { first, last, .. } if first == last => first.to_string(),
            Self { first, last, step } if step == 1 && (first, last) == (low, high) => {
                "*".to_owned()
            }
            Self { first, last, step: 1 } => format!("{first}-{last}"),
            Self { first, last, step } if last == high => format!("{first}/{step}"),
            Self { first, last, step } => format!("{first}-{last}/{step}"),
        }
    }
}

fn misplaced(field: Field, text: &str, wildcard: char, remedy: &'static str) -> ExpressionError {
    ExpressionError::Misplaced { field: field.name(), text: text.to_owned(), wildcard, remedy }
}

/// The AWS form of five fields: of a Unix line, or of an AWS one that lacks its year.
pub(super) fn from_unix(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [minutes, hours, date, month, weekday] = fields[..] else {
        return None;
    };
    let (date, weekday) = match (date, weekday) {
        ("?", _) | (_, "?") => (date, weekday.to_owned()),
        (_, "*") => (date, "?".to_owned()),
        ("*", _) => ("?", unix_weekdays(weekday)),
        // Unix fires when either matches, which one AWS schedule cannot say.
        _ => return None,
    };
    let line = format!("{minutes} {hours} {date} {month} {weekday} *");
    Cron::parse(&line).is_ok().then(|| format!("cron({line})"))
}

/// Unix numbers weekdays 0-7 from Sunday and AWS 1-7: names mean the same to both. Steps stay numbers.
fn unix_weekdays(text: &str) -> String {
    let mut step = false;
    let name =
        |c: char| c.to_digit(8).and_then(|d| Field::Weekday.names().iter().cycle().nth(d as usize));
    text.chars().fold(String::new(), |mut done, c| {
        step = c == '/' || (step && c != ',');
        match name(c) {
            Some(name) if !step => done.push_str(name),
            _ => done.push(c),
        }
        done
    })
}
