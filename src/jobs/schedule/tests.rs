//! Expressions, their times and their mistakes, held against tables and slower ways to find them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn expression(text: &str) -> Expression {
    text.parse().unwrap_or_else(|error| unreachable!("{text} {error}"))
}

/// Each row has an expression, a zone, a moment and the firing times after it, in UTC, to the minute;
/// `end` says that no more come.
fn check(rows: &str) {
    for row in rows.lines().filter(|row| !row.trim().is_empty()) {
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [text, place, after, expected] = cells[..] else { unreachable!("{row}") };
        let wanted: Vec<&str> = expected.split_whitespace().collect();
        let found = expression(text).next(after.parse().unwrap(), &zone(place), wanted.len());
        let mut found: Vec<String> =
            found.iter().map(|at| at.strftime("%Y-%m-%dT%H:%M").to_string()).collect();
        found.resize(wanted.len(), "end".to_owned());
        assert_eq!(found, wanted, "{row}");
    }
}

/// Each row has a text and the message of its error.
fn check_errors(rows: &str) {
    for row in rows.lines().filter(|row| !row.trim().is_empty()) {
        let (text, expected) = row.split_once(" | ").unwrap();
        check_error(text.trim(), expected);
    }
}

fn check_error(text: &str, expected: &str) {
    match text.parse::<Expression>() {
        Ok(parsed) => unreachable!("{text} was read as {parsed}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
    }
}

#[test]
fn fields_fire_at_the_times_they_describe() {
    check(
        "
        cron(0 10 * * ? *) | UTC | 2026-01-01T10:00Z | 2026-01-02T10:00 2026-01-03T10:00
        cron(0 10 * * ? *) | UTC | 2026-01-01T09:59:59.999Z | 2026-01-01T10:00
        cron(0 18 ? * MON-FRI *) | UTC | 2026-01-01T19:00Z | 2026-01-02T18:00 2026-01-05T18:00
        cron(0/25 3 * * ? *) | UTC | 2026-01-01T03:00Z | 2026-01-01T03:25 2026-01-01T03:50 2026-01-02T03:00
        cron(*/25 3 * * ? *) | UTC | 2026-01-01T03:25:30Z | 2026-01-01T03:50 2026-01-02T03:00
        cron(5/20 3 * * ? *) | UTC | 2026-01-01T00:00Z | 2026-01-01T03:05 2026-01-01T03:25 2026-01-01T03:45
        cron(10-40/15 3 * * ? *) | UTC | 2026-01-01T00:00Z | 2026-01-01T03:10 2026-01-01T03:25 2026-01-01T03:40 2026-01-02T03:10
        cron(50,5 7,6 * * ? *) | UTC | 2026-01-01T00:00Z | 2026-01-01T06:05 2026-01-01T06:50 2026-01-01T07:05
        cron(0 0 1 jan,Jul ? *) | UTC | 2026-01-01T00:00Z | 2026-07-01T00:00 2027-01-01T00:00
        cron(0 0 1 1 ? 2030-2032/2) | UTC | 2026-01-01T00:00Z | 2030-01-01T00:00 2032-01-01T00:00 end
        cron(59 23 31 12 ? 2199) | UTC | 2026-01-01T00:00Z | 2199-12-31T23:59 end
        cron(0 0 1 1 ? *) | UTC | -000001-01-01T00:00:00Z | 1970-01-01T00:00
        ",
    );
}

#[test]
fn special_days_fall_where_the_calendar_puts_them() {
    check(
        "
        cron(0 0 29 2 ? *) | UTC | 2026-01-01T00:00Z | 2028-02-29T00:00 2032-02-29T00:00
        cron(0 0 29 2 ? *) | UTC | 2096-03-01T00:00Z | 2104-02-29T00:00
        cron(0 0 L * ? *) | UTC | 2026-01-31T00:00Z | 2026-02-28T00:00 2026-03-31T00:00
        cron(0 0 L 2 ? *) | UTC | 2028-01-01T00:00Z | 2028-02-29T00:00
        cron(0 0 L-3 * ? *) | UTC | 2026-01-01T00:00Z | 2026-01-28T00:00 2026-02-25T00:00
        cron(0 0 L-30 * ? *) | UTC | 2026-01-02T00:00Z | 2026-03-01T00:00
        cron(0 0 LW * ? *) | UTC | 2026-01-01T00:00Z | 2026-01-30T00:00 2026-02-27T00:00 2026-03-31T00:00
        cron(0 0 lw 5 ? *) | UTC | 2026-01-01T00:00Z | 2026-05-29T00:00
        cron(0 0 15W * ? *) | UTC | 2026-02-01T00:00Z | 2026-02-16T00:00 2026-03-16T00:00 2026-04-15T00:00
        cron(0 0 15w 8 ? *) | UTC | 2026-02-01T00:00Z | 2026-08-14T00:00
        cron(0 0 1W * ? *) | UTC | 2026-07-15T00:00Z | 2026-08-03T00:00 2026-09-01T00:00
        cron(0 0 31W * ? *) | UTC | 2026-02-01T00:00Z | 2026-03-31T00:00 2026-05-29T00:00
        cron(0 0 ? * 5L *) | UTC | 2026-01-01T00:00Z | 2026-01-29T00:00 2026-02-26T00:00
        cron(0 0 ? * ThuL *) | UTC | 2026-01-01T00:00Z | 2026-01-29T00:00
        cron(0 0 ? * L *) | UTC | 2026-01-01T00:00Z | 2026-01-03T00:00 2026-01-10T00:00
        cron(0 0 ? * 2#3 *) | UTC | 2026-01-01T00:00Z | 2026-01-19T00:00 2026-02-16T00:00
        cron(0 0 ? * mon#5 *) | UTC | 2026-01-01T00:00Z | 2026-03-30T00:00 2026-06-29T00:00
        ",
    );
}

#[test]
fn ranges_wrap_around() {
    check(
        "
        cron(0 0 ? * FRI-MON *) | UTC | 2026-01-01T00:00Z | 2026-01-02T00:00 2026-01-03T00:00 2026-01-04T00:00 2026-01-05T00:00 2026-01-09T00:00
        cron(0/30 20-2 ? * MON-FRI *) | UTC | 2026-01-02T23:15Z | 2026-01-02T23:30 2026-01-05T00:00 2026-01-05T00:30
        cron(0 22-2/3 * * ? *) | UTC | 2026-01-01T12:00Z | 2026-01-01T22:00 2026-01-02T01:00 2026-01-02T22:00
        cron(0 0 30-1 * ? *) | UTC | 2026-01-15T00:00Z | 2026-01-30T00:00 2026-01-31T00:00 2026-02-01T00:00 2026-03-01T00:00
        cron(0 0 1 NOV-JAN ? *) | UTC | 2026-02-01T00:00Z | 2026-11-01T00:00 2026-12-01T00:00 2027-01-01T00:00
        ",
    );
}

#[test]
fn skipped_local_times_do_not_fire_and_repeated_ones_fire_once() {
    check(
        "
        cron(0 3 * * ? *) | Europe/Paris | 2026-03-28T00:00Z | 2026-03-28T02:00 2026-03-29T01:00 2026-03-30T01:00
        cron(30 2 * * ? *) | Europe/Paris | 2026-03-28T00:00Z | 2026-03-28T01:30 2026-03-30T00:30
        cron(30 2 * * ? *) | Europe/Paris | 2026-10-24T12:00Z | 2026-10-25T00:30 2026-10-26T01:30
        cron(0 * * * ? *) | Europe/Paris | 2026-10-24T23:30Z | 2026-10-25T00:00 2026-10-25T02:00
        cron(30 2 * * ? *) | America/New_York | 2026-03-07T12:00Z | 2026-03-09T06:30 2026-03-10T06:30
        cron(30 1 * * ? *) | America/New_York | 2026-11-01T00:00Z | 2026-11-01T05:30 2026-11-02T06:30
        cron(30 1 * * ? *) | America/New_York | 2026-11-01T06:10Z | 2026-11-02T06:30
        at(2026-06-01T12:00:00) | Europe/Paris | 2026-01-01T00:00Z | 2026-06-01T10:00 end
        at(2026-06-01T12:00:00) | Europe/Paris | 2026-06-01T10:00Z | end
        at(2026-03-29T02:30:00) | Europe/Paris | 2026-01-01T00:00Z | end
        at(2026-10-25T02:30:00) | Europe/Paris | 2026-01-01T00:00Z | 2026-10-25T00:30 end
        rate(5 minutes) | Europe/Paris | 2026-01-01T00:01Z | 2026-01-01T00:06 2026-01-01T00:11
        rate(1 day) | Europe/Paris | 2026-03-28T12:00Z | 2026-03-29T12:00 2026-03-30T12:00
        ",
    );
}

#[test]
fn a_schedule_that_never_fires_again_has_no_times() {
    check(
        "
        cron(0 0 31 2 ? *) | Europe/Paris | 2026-01-01T00:00Z | end
        cron(* * * * ? 1970-2025) | Europe/Paris | 2026-01-01T00:00Z | end
        cron(0 0 30 2 ? 2026) | Europe/Paris | 2026-01-01T00:00Z | end
        cron(0 0 31W 4 ? *) | Europe/Paris | 2026-01-01T00:00Z | end
        rate(4294967295 days) | UTC | 2026-01-01T00:00Z | end
        cron(* * * * ? *) | UTC | 9999-01-01T00:00Z | end
        ",
    );
    assert!(expression("rate(1 minute)").next(Timestamp::MAX, &TimeZone::UTC, 1).is_empty());
    assert!(
        expression("cron(* * * * ? *)").next(Timestamp::UNIX_EPOCH, &TimeZone::UTC, 0).is_empty()
    );
}

#[test]
fn a_day_left_without_a_firing_is_found() {
    for (text, place, expected) in [
        ("cron(30 2 * * ? *)", "Europe/Paris", Some("2026-03-29T02:30:00")),
        ("cron(15/30 2 * * ? *)", "America/New_York", Some("2026-03-08T02:15:00")),
        ("cron(0 3 * * ? *)", "Europe/Paris", None),
        ("cron(0/15 * * * ? *)", "Europe/Paris", None),
        ("cron(0 2,14 * * ? *)", "Europe/Paris", None),
        ("cron(30 2 ? * MON *)", "Europe/Paris", None),
        ("cron(30 2 * * ? *)", "UTC", None),
        ("rate(1 hour)", "Europe/Paris", None),
        ("at(2030-03-31T02:30:00)", "Europe/Paris", Some("2030-03-31T02:30:00")),
        ("at(2025-03-30T02:30:00)", "Europe/Paris", None),
        ("at(2026-10-25T02:30:00)", "Europe/Paris", None),
    ] {
        let found =
            expression(text).first_skipped("2026-01-01T00:00:00Z".parse().unwrap(), &zone(place));
        assert_eq!(found.map(|time| time.to_string()).as_deref(), expected, "{text} in {place}");
    }
    let samoa = expression("cron(* * * * ? *)")
        .first_skipped("2011-06-01T00:00:00Z".parse().unwrap(), &zone("Pacific/Apia"));
    assert_eq!(samoa.map(|time| time.to_string()).as_deref(), Some("2011-12-30T00:00:00"));
}

#[test]
fn the_text_is_written_in_one_form() {
    for (text, expected) in [
        ("  cron( 0  3\t* * ?   * ) ", "cron(0 3 * * ? *)"),
        ("cron(*/15 0-23 1-31 JAN-DEC ? 1970-2199)", "cron(0/15 * * * ? *)"),
        ("cron(05 08-17/2 ? feb-APR mon,wed#2 *)", ""),
        ("cron(05 08-17/2 ? feb-APR mon,wed *)", "cron(5 8-17/2 ? 2-4 2,4 *)"),
        ("cron(5-5/10 59/1 ? * L *)", ""),
        ("cron(5-5/10 23/1 ? * l *)", "cron(5 23 ? * 7 *)"),
        ("cron(0 0 L-0 * ? *)", ""),
        ("cron(0 0 l-3 * ? *)", "cron(0 0 L-3 * ? *)"),
        ("rate( 1  hour )", "rate(1 hour)"),
        ("at( 2026-01-02T03:04:05 )", "at(2026-01-02T03:04:05)"),
    ] {
        let found = text.parse::<Expression>().map(|parsed| parsed.to_string()).unwrap_or_default();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_mistake_in_the_form_is_told_with_its_remedy() {
    let forms = |text: &str| format!("`{text}` is not a schedule expression: write {FORMS}");
    check_error(" ", &format!("is empty: write {FORMS}"));
    check_error("tomorrow", &forms("tomorrow"));
    check_error("@daily", &forms("@daily"));
    check_error(&"x".repeat(257), "has 257 characters, AWS takes at most 256: shorten it");
    check_error(
        "cron(0 3\u{a0}* * ? *)",
        "has '\\u{a0}' at character 9, only plain ASCII is allowed: retype it",
    );
    check_errors(
        "
        0 3 * * * | `0 3 * * *` is not a schedule expression: write `cron(0 3 * * ? *)`
        0 3 * * 1-5 | `0 3 * * 1-5` is not a schedule expression: write `cron(0 3 ? * MON-FRI *)`
        0 3 * * 0,6 | `0 3 * * 0,6` is not a schedule expression: write `cron(0 3 ? * SUN,SAT *)`
        0 3 * * ? * | `0 3 * * ? *` is not a schedule expression: write `cron(0 3 * * ? *)`
        CRON(0 3 * * ? *) | `CRON(0 3 * * ? *)` is not a schedule expression: write `cron(0 3 * * ? *)`
        0 5 * * 0-7 | `0 5 * * 0-7` is not a schedule expression: write `cron(0 5 * * ? *)`
        0 5 * * 0-6 | `0 5 * * 0-6` is not a schedule expression: write `cron(0 5 * * ? *)`
        0 5 * * 1-7 | `0 5 * * 1-7` is not a schedule expression: write `cron(0 5 * * ? *)`
        0 5 9 * 0-7 | `0 5 9 * 0-7` is not a schedule expression: write `cron(0 5 9 * ? *)`
        0 5 * * 0-7/2 | `0 5 * * 0-7/2` is not a schedule expression: write `cron(0 5 ? * SUN-SAT/2 *)`
        0 5 * * 0,7 | `0 5 * * 0,7` is not a schedule expression: write `cron(0 5 ? * SUN,SUN *)`
        0 5 * * 5-7 | `0 5 * * 5-7` is not a schedule expression: write `cron(0 5 ? * FRI-SUN *)`
        5 minutes | `5 minutes` is not a schedule expression: write `rate(5 minutes)`
        2026-01-02T03:04:05 | `2026-01-02T03:04:05` is not a schedule expression: write `at(2026-01-02T03:04:05)`
        cron(0 3 * * ? * | `cron(` must end with `)`: close it and write nothing after it
        rate(5 minutes); | `rate(` must end with `)`: close it and write nothing after it
        ",
    );
}

#[test]
fn a_mistake_in_a_cron_field_is_told_with_its_remedy() {
    let fields = "AWS cron has 6 (minutes hours day-of-month month day-of-week year)";
    let both = "day-of-month and day-of-week cannot both be set: write `?` for one of them";
    check_error("cron()", &format!("has 0 fields, {fields}: write e.g. `cron(0 3 * * ? *)`"));
    check_error(
        "cron(0 3 * * *)",
        &format!("has 5 fields, {fields}: add the year, e.g. `cron(0 3 * * ? *)`"),
    );
    check_error(
        "cron(0 3 ? * 1-5)",
        &format!("has 5 fields, {fields}: add the year, e.g. `cron(0 3 ? * 1-5 *)`"),
    );
    check_error("cron(0 3 1 * 1)", &format!("has 5 fields, {fields}: add the year, e.g. `*`"));
    check_error(
        "cron(0 0 3 * * ? *)",
        &format!("has 7 fields, {fields}: remove the seconds, AWS cron has none"),
    );
    check_error("cron(0 3 1 * MON *)", both);
    check_error("cron(0 3 * * * *)", &format!("{both}, e.g. `cron(0 3 * * ? *)`"));
    check_error("cron(0 3 * * MON *)", &format!("{both}, e.g. `cron(0 3 ? * MON *)`"));
    check_errors(
        "
        cron(0 3 ? * ? *) | day-of-month and day-of-week cannot both be `?`: write `*` for one of them
        ",
    );
    check_errors(
        "
        cron(60 3 * * ? *) | minutes 60 is out of range 0-59: write 0-59
        cron(0 24 * * ? *) | hours 24 is out of range 0-23: write `0` for midnight
        cron(0 3 0 * ? *) | day-of-month 0 is out of range 1-31: write 1-31, or alone `L`, `L-3`, `LW` or `15W`
        cron(0 3 * 13 ? *) | month 13 is out of range 1-12: write 1-12 or JAN-DEC
        cron(0 3 ? * 0 *) | day-of-week 0 is out of range 1-7: AWS counts from 1 (SUN) to 7 (SAT), write `1` or `SUN` for Sunday
        cron(0 3 * * ? 2200) | year 2200 is out of range 1970-2199: write 1970-2199
        cron(99999999999999999999 3 * * ? *) | minutes 99999999999999999999 is out of range 0-59: write 0-59
        cron(-5 3 * * ? *) | minutes `-5` is not a value: write 0-59
        cron(+5 3 * * ? *) | minutes `+5` is not a value: write 0-59
        cron(0 3 * SEPT ? *) | month `SEPT` is not a value: write 1-12 or JAN-DEC
        cron(0 3 ? * MONDAY *) | day-of-week `MONDAY` is not a value: write 1-7, SUN-SAT, or alone `L`, `5L` or `2#3`
        cron(0 3 L-3W * ? *) | day-of-month `L-3W` is not a value: write 1-31, or alone `L`, `L-3`, `LW` or `15W`
        cron(0 3 L-31 * ? *) | day-of-month 31 is out of range 1-30: the number after `L-` counts days before the last one of the month
        cron(0 3 ? * 2#6 *) | day-of-week 6 is out of range 1-5: the number after `#` says which such day of the month, write e.g. `2#3`
        cron(0/0 3 * * ? *) | minutes step `0` is not a whole number from 1 to 59: write one, or remove `/0`
        cron(0/60 3 * * ? *) | minutes step `60` is not a whole number from 1 to 59: write one, or remove `/60`
        cron(0/ 3 * * ? *) | minutes step `` is not a whole number from 1 to 59: write one, or remove `/`
        cron(/5 3 * * ? *) | minutes `/5` is not a value: write 0-59
        cron(1,,2 3 * * ? *) | minutes `1,,2` has an empty list item: remove the extra comma
        cron(1, 3 * * ? *) | minutes `1,` has an empty list item: remove the extra comma
        cron(0 3 * * ? 2030-2020) | year 2030-2020 runs backwards: write `2020-2030`
        cron(? 3 * * ? *) | minutes `?` has a `?`, which only the two day fields take: write `*`
        cron(0 3 ?,5 * ? *) | day-of-month `?,5` has a `?`, which must stand alone: write it without a list, range or step
        cron(0 3 2#1 * ? *) | day-of-month `2#1` has a `#`, which only day-of-week takes: remove it
        cron(0 3 1,15w * ? *) | day-of-month `1,15W` has a `W`, which must stand alone: write it without a list, range or step
        cron(0 3 ? * 3#1,6#3 *) | day-of-week `3#1,6#3` has a `#`, which must stand alone: write it without a list, range or step
        ",
    );
}

#[test]
fn a_mistake_in_a_rate_or_a_time_is_told_with_its_remedy() {
    check_errors(
        "
        rate(5) | rate `5` is not a value and a unit: write e.g. `rate(5 minutes)`
        rate(5minutes) | rate `5minutes` is not a value and a unit: write e.g. `rate(5 minutes)`
        rate(1 minutes) | rate unit `minutes` does not agree with 1: write `rate(1 minute)`
        rate(5 minute) | rate unit `minute` does not agree with 5: write `rate(5 minutes)`
        rate(0 minutes) | rate value `0` is not a whole number from 1 to 4294967295: write e.g. `rate(5 minutes)`
        rate(1.5 hours) | rate value `1.5` is not a whole number from 1 to 4294967295: write e.g. `rate(5 minutes)`
        rate(4294967296 days) | rate value `4294967296` is not a whole number from 1 to 4294967295: write e.g. `rate(5 minutes)`
        rate(90 seconds) | rate unit `seconds` is unknown: write minute(s), hour(s) or day(s), in lower case
        rate(5 Minutes) | rate unit `Minutes` is unknown: write minute(s), hour(s) or day(s), in lower case
        rate(5 minutess) | rate unit `minutess` is unknown: write minute(s), hour(s) or day(s), in lower case
        at(2026-01-02) | at `2026-01-02` is not a local date and time: write `at(yyyy-mm-ddThh:mm:ss)`, without a zone or fractions
        at(2026-01-02T03:04:05Z) | at `2026-01-02T03:04:05Z` is not a local date and time: write `at(yyyy-mm-ddThh:mm:ss)`, without a zone or fractions
        at(2026-02-30T03:04:05) | at `2026-02-30T03:04:05` does not exist: write a month 01-12 and a day that it has in that year
        at(2026-02-20T03:04:60) | at `2026-02-20T03:04:60` does not exist: write hours 00-23, minutes 00-59 and seconds 00-59
        at(2026-02-20T24:04:00) | at `2026-02-20T24:04:00` does not exist: write hours 00-23, minutes 00-59 and seconds 00-59
        ",
    );
}

/// A text of one field and the values it stands for, found by stepping instead of by arithmetic.
fn field_text(low: i16, high: i16) -> impl Strategy<Value = (String, BTreeSet<i16>)> {
    (0..5, low..=high, low..=high, 1..=7_i16).prop_map(move |(kind, a, b, step)| {
        let wrapped = move |last: i16, step: i16| {
            let end = if last < a { last + high - low + 1 } else { last };
            (a..=end)
                .step_by(usize::try_from(step).unwrap())
                .map(|v| if v > high { v - (high - low + 1) } else { v })
                .collect()
        };
        match kind {
            0 => ("*".to_owned(), (low..=high).collect()),
            1 => (format!("{a},{b}"), [a, b].into()),
            2 => (format!("{a}/{step}"), wrapped(high, step)),
            3 => (format!("{a}-{b}/{step}"), wrapped(b, step)),
            _ => (format!("{a}-{b}"), wrapped(b, 1)),
        }
    })
}

/// The text of the two day fields, and the days of a month that they stand for, found by listing the month.
fn day_texts() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        field_text(1, 31).prop_map(|(text, _)| (text, "?".to_owned())),
        field_text(1, 7).prop_map(|(text, _)| ("?".to_owned(), text)),
        Just(("L".to_owned(), "?".to_owned())),
        (1..=3).prop_map(|n| (format!("L-{n}"), "?".to_owned())),
        Just(("LW".to_owned(), "?".to_owned())),
        (1..=31).prop_map(|n| (format!("{n}W"), "?".to_owned())),
        (1..=7).prop_map(|n| ("?".to_owned(), format!("{n}L"))),
        (1..=7, 1..=5).prop_map(|(d, n)| ("?".to_owned(), format!("{d}#{n}"))),
    ]
}

fn cron_text() -> impl Strategy<Value = String> {
    let month = field_text(1, 12).prop_map(|(text, _)| text);
    let year =
        prop_oneof![Just("*".to_owned()), Just("2026".to_owned()), Just("2025/2".to_owned())];
    (field_text(0, 59), field_text(0, 23), day_texts(), month, year).prop_map(
        |((minutes, _), (hours, _), (date, day), month, year)| {
            format!("cron({minutes} {hours} {date} {month} {day} {year})")
        },
    )
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        cron_text(),
        (2..=u32::MAX, 0..3_usize).prop_map(|(value, unit)| format!(
            "rate({value} {})",
            ["minutes", "hours", "days"][unit]
        )),
        (1..=9999, 1..=12, 1..=28, 0..=23, 0..=59)
            .prop_map(|(y, m, d, h, s)| format!("at({y:04}-{m:02}-{d:02}T{h:02}:00:{s:02})")),
    ]
}

fn place() -> impl Strategy<Value = TimeZone> {
    prop_oneof![
        Just("UTC"),
        Just("Europe/Paris"),
        Just("America/New_York"),
        Just("Australia/Lord_Howe"),
        Just("America/Sao_Paulo"),
        Just("Asia/Gaza")
    ]
    .prop_map(zone)
}

/// A moment of 2026, half of the time near a change of the clock.
fn moment() -> impl Strategy<Value = Timestamp> {
    let changes =
        [1_774_746_000, 1_792_890_000, 1_772_953_200, 1_793_512_800, 1_775_313_000, 1_791_041_400];
    prop_oneof![
        (1_767_225_600_i64..1_798_761_600),
        (0..changes.len(), -100_000..100_000_i64)
            .prop_map(move |(index, shift)| changes[index] + shift)
    ]
    .prop_map(|second| Timestamp::from_second(second).unwrap())
}

/// Every day of the month of `date` that the two day fields name.
fn named_days(date: Date, days: &str, weekdays: &str, dates: &BTreeSet<i16>) -> BTreeSet<i8> {
    let all: Vec<Date> = date
        .first_of_month()
        .series(jiff::Span::new().days(1))
        .take_while(|d| d.month() == date.month())
        .collect();
    let workday = |d: &&Date| !matches!(d.weekday().to_sunday_one_offset(), 1 | 7);
    let weekday =
        |d: &&Date, wanted: &str| d.weekday().to_sunday_one_offset().to_string() == wanted;
    let picked: Vec<Date> = if let Some((day, nth)) = weekdays.split_once('#') {
        all.iter()
            .filter(|d| weekday(d, day))
            .skip(nth.parse::<usize>().unwrap() - 1)
            .take(1)
            .copied()
            .collect()
    } else if let Some(day) = weekdays.strip_suffix('L') {
        all.iter().rev().filter(|d| weekday(d, day)).take(1).copied().collect()
    } else if days == "L" {
        all.iter().rev().take(1).copied().collect()
    } else if days == "LW" {
        all.iter().rev().filter(workday).take(1).copied().collect()
    } else if let Some(before) = days.strip_prefix("L-") {
        all.iter().rev().skip(before.parse().unwrap()).take(1).copied().collect()
    } else if let Some(target) = days.strip_suffix('W') {
        let target: i8 = target.parse().unwrap();
        let exists = all.iter().any(|d| d.day() == target);
        all.iter()
            .filter(workday)
            .filter(|_| exists)
            .min_by_key(|d| (d.day() - target).abs())
            .copied()
            .into_iter()
            .collect()
    } else if weekdays == "?" {
        all.iter().filter(|d| dates.contains(&i16::from(d.day()))).copied().collect()
    } else {
        all.iter()
            .filter(|d| dates.contains(&i16::from(d.weekday().to_sunday_one_offset())))
            .copied()
            .collect()
    };
    picked.into_iter().map(|d| d.day()).collect()
}

/// Three days of minutes, one after the other; a local time counts when it comes first.
fn brute(after: Timestamp, zone: &TimeZone, fires: impl Fn(DateTime) -> bool) -> Vec<Timestamp> {
    let start = after.as_second().div_euclid(60) * 60;
    let mut seen = BTreeSet::new();
    (start - 6 * 3600..start + 3 * 86_400)
        .step_by(60)
        .map(|second| Timestamp::from_second(second).unwrap())
        .filter(|at| seen.insert(zone.to_datetime(*at)))
        .filter(|at| *at > after && fires(zone.to_datetime(*at)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsing_never_panics(text in ".*", inside in "[-0-9A-Z*?,/#LW ]{0,40}", words in "(cron|rate|at)?\\(?.{0,40}\\)?") {
        for text in [text, format!("cron({inside})"), format!("rate({inside})"), format!("at({inside})"), inside, words] {
            if let Ok(parsed) = text.parse::<Expression>() {
                prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
            }
        }
    }

    #[test]
    fn the_text_reads_back_as_the_same_schedule(text in any_text()) {
        let parsed = expression(&text);
        prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
    }

    #[test]
    fn times_come_one_after_the_other(text in any_text(), zone in place(), after in moment()) {
        let mut last = after;
        for at in expression(&text).next(after, &zone, 50) {
            prop_assert!(at > last, "{} after {}", at, last);
            last = at;
        }
    }

    #[test]
    fn times_are_those_of_a_search_minute_by_minute(
        minutes in field_text(0, 59), hours in field_text(0, 23),
        days in prop_oneof![
            day_texts().prop_map(|(days, weekdays)| (days, weekdays, BTreeSet::new())).prop_filter("has its values", |(d, w, _)| {
                d.contains(['L', 'W']) || w.contains(['L', '#'])
            }),
            field_text(1, 31).prop_map(|(text, set)| (text, "?".to_owned(), set)),
            field_text(1, 7).prop_map(|(text, set)| ("?".to_owned(), text, set)),
        ],
        zone in place(), after in moment(),
    ) {
        let (dates, weekdays, set) = days;
        let text = format!("cron({} {} {dates} * {weekdays} *)", minutes.0, hours.0);
        let fires = |time: DateTime| {
            minutes.1.contains(&i16::from(time.minute()))
                && hours.1.contains(&i16::from(time.hour()))
                && named_days(time.date(), &dates, &weekdays, &set).contains(&time.day())
        };
        let slow = brute(after, &zone, fires);
        prop_assert_eq!(expression(&text).next(after, &zone, slow.len()), slow.clone(), "{}", text);
        // Nothing more within the window either.
        let end = Timestamp::from_second(after.as_second().div_euclid(60) * 60 + 3 * 86_400).unwrap();
        let more = expression(&text).next(after, &zone, slow.len() + 1);
        prop_assert!(more.get(slow.len()).is_none_or(|at| *at >= end), "{}", text);
    }
}
