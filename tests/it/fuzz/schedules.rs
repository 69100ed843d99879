//! Schedule expressions.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use longshore::jobs::schedule::Expression;
use proptest::prelude::*;
use proptest::sample::select;

use super::{config, corpus, mutated_text};

const WORDS: &[&str] = &[
    "cron(",
    "rate(",
    "at(",
    ")",
    " ",
    "*",
    "?",
    "L",
    "W",
    "LW",
    "#",
    "/",
    "-",
    ",",
    "0",
    "31",
    "2199",
    "JAN",
    "SUN",
    "sat",
    "minutes",
    "1/1",
    "9999-12-31T23:59:59",
    "99999999999999999999",
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_schedule_reads_back_and_goes_forward_or_is_refused_with_a_remedy(
        text in mutated_text(corpus("schedules"), WORDS),
        zone in select(&["UTC", "Europe/Paris", "America/Sao_Paulo", "Australia/Lord_Howe"][..]),
        after in -2_000_000_000i64..=253_000_000_000,
    ) {
        let expression = match text.parse::<Expression>() {
            Ok(expression) => expression,
            Err(error) => {
                prop_assert!(!error.message.is_empty() && !error.remedy.is_empty(), "{}", text);
                prop_assert!(error.to_string().len() < 2_000);
                return Ok(());
            }
        };
        prop_assert_eq!(expression.to_string().parse(), Ok(expression.clone()));
        let zone = TimeZone::get(zone).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let after = Timestamp::from_second(after).unwrap_or_default();
        let times = expression.next(after, &zone, 5);
        prop_assert!(times.len() <= 5 && times.first().is_none_or(|first| *first > after));
        prop_assert!(times.is_sorted_by(|one, other| one < other), "{:?}", times);
        expression.first_skipped(after, &zone);
    }
}
