//! The values one cron field stands for: lists, ranges and steps.

use std::fmt;

use super::field::{ALONE, Field, is_digits};
use super::{ExpressionError, Outcome};

/// The values of one field: the union of its list items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set {
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
    pub(super) fn parse(field: Field, text: &str) -> Outcome<Self> {
        match text.chars().find(|c| matches!(c, '?' | '#')) {
            Some('?') if matches!(field, Field::Date | Field::Weekday) => {
                return Err(field.misplaced(text, '?', ALONE));
            }
            Some('?') => {
                return Err(field.misplaced(
                    text,
                    '?',
                    ("only the two day fields take", "write `*`"),
                ));
            }
            Some('#') if field != Field::Weekday => {
                return Err(field.misplaced(text, '#', ("only day-of-week takes", "remove it")));
            }
            _ => {}
        }
        let items = text.split(',').map(|item| match item {
            "" => Err(ExpressionError::new(
                format!("{} `{text}` has an empty list item", field.name()),
                "remove the extra comma",
            )),
            _ => Item::parse(field, item),
        });
        Ok(Self { field, items: items.collect::<Outcome<_>>()? })
    }

    pub(super) fn contains(&self, value: i16) -> bool {
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
            let field = field.name();
            return Err(ExpressionError::new(
                format!("{field} {first}-{last} runs backwards"),
                format!("write `{last}-{first}`"),
            ));
        }
        // The step of a single value says nothing, and equal schedules should compare equal.
        let step = step.filter(|_| first != last).unwrap_or(1);
        Ok(Self { first, last, step })
    }
}

fn parse_step(field: Field, text: &str) -> Outcome<i16> {
    let (_, high) = field.bounds();
    let step = text.parse().ok().filter(|step| is_digits(text) && (1..=high).contains(step));
    step.ok_or_else(|| {
        let field = field.name();
        ExpressionError::new(
            format!("{field} step `{text}` is not a whole number from 1 to {high}"),
            format!("write one, or remove `/{text}`"),
        )
    })
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
