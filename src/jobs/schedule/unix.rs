//! Unix cron lines: what people write first, so that the error can say it in AWS's terms.

use super::cron::Cron;
use super::field::Field;

/// The AWS form of five fields: of a Unix line, or of an AWS one that lacks its year.
pub(super) fn from_unix(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [minutes, hours, date, month, weekday] = fields[..] else {
        return None;
    };
    // Both 0 and 7 are Sunday: as a range this is the whole week, and must not become SUN-SUN.
    let weekday = weekday.replace("0-7", "0-6");
    let weekday = if weekday == "0-6" || weekday == "1-7" { "*" } else { weekday.as_str() };
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
