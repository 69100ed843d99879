//! Triggers: which events start a job.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use wildmatch::WildMatch;

use super::Job;
use super::problem::Problem;
use super::schedule::Expression;
use super::yaml::Path;
use crate::event::Object;
use crate::identity::Namespace;

/// One condition. Give `schedule`, or `scheduleName` alone for a schedule made elsewhere, or `s3`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerEntry {
    /// When to start: `cron(0 2 * * ? *)`, `rate(5 minutes)` or `at(2026-12-24T18:00:00)`.
    schedule: Option<String>,
    /// The IANA time zone of `schedule`, like `Europe/Paris`. Without it: UTC.
    time_zone: Option<String>,
    /// The name of the EventBridge rule or schedule, when it is not the job's own name. Alone: of one
    /// that is made elsewhere.
    schedule_name: Option<String>,
    /// Objects created in a bucket.
    s3: Option<S3Trigger>,
}

/// Objects created in a bucket. All given conditions must hold; keys are compared as S3 has them,
/// decoded, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Trigger {
    /// The bucket's name.
    pub bucket: String,
    /// What the key begins with, like `incoming/`.
    pub prefix: Option<String>,
    /// What the key ends with, like `.png`.
    pub suffix: Option<String>,
    /// A pattern for the whole key: `*` is any text, slashes included, `?` one character.
    pub glob: Option<String>,
    /// Bytes at least.
    pub min_size: Option<u64>,
    /// Bytes at most.
    pub max_size: Option<u64>,
}

/// A trigger that was checked.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// A schedule.
    Schedule(ScheduleTrigger),
    /// Objects in S3.
    S3(S3Trigger),
}

/// A schedule that was checked.
#[derive(Clone, Debug)]
pub struct ScheduleTrigger {
    /// The expression; `None` for a schedule made elsewhere.
    pub expression: Option<Expression>,
    /// The zone it is read in.
    pub zone: TimeZone,
    /// The zone's name as it was written.
    pub zone_name: String,
    /// The rule's or schedule's name, when it is not the job's.
    pub name: Option<String>,
}

/// A condition of a trigger that an object does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch<'a> {
    /// Another bucket is meant.
    #[error("the bucket is not `{0}`")]
    Bucket(&'a str),
    /// The key begins with something else.
    #[error("the key does not begin with prefix `{0}`")]
    Prefix(&'a str),
    /// The key ends with something else.
    #[error("the key does not end with suffix `{0}`")]
    Suffix(&'a str),
    /// The key is not of the pattern.
    #[error("the key does not match glob `{0}`")]
    Glob(&'a str),
    /// The object is too small.
    #[error("the object's size is {size}, below minSize {min}")]
    MinSize {
        /// What it has.
        size: u64,
        /// What it must have at least.
        min: u64,
    },
    /// The object is too big.
    #[error("the object's size is {size}, above maxSize {max}")]
    MaxSize {
        /// What it has.
        size: u64,
        /// What it may have at most.
        max: u64,
    },
}

impl S3Trigger {
    /// Whether an object meets every condition.
    pub fn matches(&self, object: &Object) -> bool {
        self.mismatch(object).is_none()
    }

    /// The first condition that an object does not meet.
    pub fn mismatch(&self, object: &Object) -> Option<Mismatch<'_>> {
        let Object { key, size, .. } = object;
        if self.bucket != object.bucket {
            return Some(Mismatch::Bucket(&self.bucket));
        }
        let prefix = self.prefix.as_deref().filter(|prefix| !key.starts_with(prefix));
        let suffix = || self.suffix.as_deref().filter(|suffix| !key.ends_with(suffix));
        let glob = || self.glob.as_deref().filter(|glob| !WildMatch::new(glob).matches(key));
        let min = || self.min_size.filter(|min| size < min);
        let max = || self.max_size.filter(|max| size > max);
        prefix
            .map(Mismatch::Prefix)
            .or_else(|| suffix().map(Mismatch::Suffix))
            .or_else(|| glob().map(Mismatch::Glob))
            .or_else(|| min().map(|min| Mismatch::MinSize { size: *size, min }))
            .or_else(|| max().map(|max| Mismatch::MaxSize { size: *size, max }))
    }
}

impl ScheduleTrigger {
    /// The next times this fires, at most `count`.
    pub fn next(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        match &self.expression {
            Some(expression) => expression.next(after, &self.zone, count),
            None => Vec::new(),
        }
    }
}

/// A job's trigger under the name that triggers.yaml has for its schedule or rule.
#[derive(Clone, Debug)]
pub struct OwnTrigger<'a> {
    /// Its place in the job's list, from 0.
    pub index: usize,
    /// Nothing for the first of its kind, `2` for the second.
    pub number: String,
    /// What follows the namespace: `report-2`, `report-s3`.
    pub rest: String,
    /// The trigger.
    pub trigger: &'a Trigger,
}

impl Job {
    /// Its triggers. Those that are made elsewhere count as well, so that giving one of them an
    /// expression renames no other.
    pub fn own_triggers(&self) -> impl Iterator<Item = OwnTrigger<'_>> {
        let (mut schedules, mut rules) = (0, 0);
        self.triggers.iter().enumerate().map(move |(index, trigger)| {
            let (count, kind): (&mut usize, &str) = match trigger {
                Trigger::Schedule(_) => (&mut schedules, ""),
                Trigger::S3(_) => (&mut rules, "-s3"),
            };
            *count += 1;
            let (number, end) = match *count {
                1 => (String::new(), String::new()),
                nth => (nth.to_string(), format!("-{nth}")),
            };
            OwnTrigger { index, number, rest: format!("{}{kind}{end}", self.name), trigger }
        })
    }

    /// Whether a schedule's name is the job's own, bare or after the namespace.
    pub(super) fn owns_schedule(&self, name: &str, namespace: &Namespace) -> bool {
        let bare = name.strip_prefix(&format!("{namespace}-")).unwrap_or(name);
        let is_it = |own: &str| own == name || own == bare;
        let is_schedule = |own: &OwnTrigger<'_>| matches!(own.trigger, Trigger::Schedule(_));
        let mut schedules = self.own_triggers().filter(is_schedule);
        is_it(self.name.as_str()) || schedules.any(|own| is_it(&own.rest))
    }
}

impl TriggerEntry {
    /// Whether it means objects in S3.
    pub(super) fn is_s3(&self) -> bool {
        self.s3.is_some()
    }

    /// Checks the entry; `None` when it has an error.
    pub(super) fn check(
        self,
        at: &Path,
        now: Timestamp,
        problems: &mut Vec<Problem>,
    ) -> Option<Trigger> {
        match (self.s3.is_some(), self.schedule.is_some() || self.schedule_name.is_some()) {
            (true, false) => self.check_s3(at, problems),
            (false, true) => self.check_schedule(at, now, problems),
            (true, true) => {
                problems.push(
                    Problem::error(at.clone(), "is both a schedule and an S3 trigger")
                        .remedy("make it two entries of `triggers`"),
                );
                None
            }
            (false, false) => {
                problems.push(
                    Problem::error(at.clone(), "says nothing to start on")
                        .remedy("give `schedule: cron(0 2 * * ? *)` or `s3: { bucket: uploads }`"),
                );
                None
            }
        }
    }

    fn check_s3(self, at: &Path, problems: &mut Vec<Problem>) -> Option<Trigger> {
        if self.time_zone.is_some() {
            problems.push(
                Problem::error(at.key("timeZone"), "goes with `schedule` only").remedy("remove it"),
            );
        }
        let trigger = self.s3?;
        let at = at.key("s3");
        let before = problems.len();
        if !is_bucket_name(&trigger.bucket) {
            problems.push(
                Problem::error(
                    at.key("bucket"),
                    format!("`{}` is no bucket name", trigger.bucket.escape_debug()),
                )
                .remedy("a bucket name has 3 to 63 lower-case letters, digits, dots and dashes"),
            );
        }
        if let (Some(min), Some(max)) = (trigger.min_size, trigger.max_size)
            && max < min
        {
            problems.push(
                Problem::error(
                    at.key("maxSize"),
                    format!("is {max}, must be at least minSize ({min})"),
                )
                .remedy(format!("write {min} or more, or a smaller `minSize`")),
            );
        }
        for (name, text) in
            [("prefix", &trigger.prefix), ("suffix", &trigger.suffix), ("glob", &trigger.glob)]
        {
            if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > 1024) {
                problems.push(
                    Problem::error(at.key(name), "must have 1 to 1,024 bytes")
                        .remedy("remove it to match every key"),
                );
            }
        }
        (problems.len() == before).then_some(Trigger::S3(trigger))
    }

    fn check_schedule(
        self,
        at: &Path,
        now: Timestamp,
        problems: &mut Vec<Problem>,
    ) -> Option<Trigger> {
        let before = problems.len();
        let expression = self.schedule.as_deref().and_then(|text| {
            text.parse::<Expression>()
                .map_err(|error| {
                    let complaint = Problem::error(at.key("schedule"), error.message);
                    problems.push(complaint.remedy(error.remedy));
                })
                .ok()
        });
        let zone_name = self.time_zone.unwrap_or_else(|| "UTC".to_owned());
        let zone = TimeZone::get(&zone_name).unwrap_or_else(|_| {
            problems.push(
                Problem::error(
                    at.key("timeZone"),
                    format!("`{}` is no IANA time zone", zone_name.escape_debug()),
                )
                .remedy("write a name like `Europe/Paris` or `UTC`"),
            );
            TimeZone::UTC
        });
        if self.schedule.is_none() && zone_name != "UTC" {
            problems.push(
                Problem::error(at.key("timeZone"), "goes with `schedule` only").remedy("remove it"),
            );
        }
        if self.schedule_name.as_ref().is_some_and(|name| !is_schedule_name(name)) {
            problems.push(
                Problem::error(at.key("scheduleName"), "is no name EventBridge allows")
                    .remedy("use 1 to 64 letters, digits, `.`, `_` and `-`, without group or ARN"),
            );
        }
        if problems.len() > before {
            return None;
        }
        let trigger = ScheduleTrigger { expression, zone, zone_name, name: self.schedule_name };
        trigger.warn(&at.key("schedule"), now, problems);
        Some(Trigger::Schedule(trigger))
    }
}

impl ScheduleTrigger {
    /// Warns of a schedule that never fires again and of times its zone leaves out.
    fn warn(&self, at: &Path, now: Timestamp, problems: &mut Vec<Problem>) {
        let Some(expression) = &self.expression else { return };
        if self.next(now, 1).is_empty() {
            problems.push(
                Problem::warning(at.clone(), format!("`{expression}` never fires again"))
                    .remedy("give it a later time, or remove the trigger"),
            );
        }
        if let Some(skipped) = expression.first_skipped(now, &self.zone) {
            problems.push(
                Problem::warning(
                    at.clone(),
                    format!(
                        "will not fire on {}: {} skips {} when its clocks go forward",
                        skipped.date(),
                        self.zone_name,
                        skipped.time()
                    ),
                )
                .remedy("choose an hour that every day has, or leave out `timeZone`"),
            );
        }
    }
}

fn is_schedule_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_bucket_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    (3..=63).contains(&name.len())
        && name.bytes().all(known)
        && !name.starts_with(['.', '-'])
        && !name.ends_with(['.', '-'])
        && !name.contains("..")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn object(key: &str, size: u64) -> Object {
        Object {
            bucket: "uploads".to_owned(),
            key: key.to_owned(),
            size,
            etag: None,
            version_id: None,
            sequencer: None,
            time: None,
        }
    }

    #[test]
    fn an_object_must_meet_every_condition() {
        let trigger = S3Trigger {
            bucket: "uploads".to_owned(),
            prefix: Some("in/".to_owned()),
            suffix: Some(".png".to_owned()),
            glob: Some("*2026*".to_owned()),
            min_size: Some(1),
            max_size: Some(10),
        };
        let (prefix, suffix) = (Mismatch::Prefix("in/"), Mismatch::Suffix(".png"));
        for (key, size, mismatch) in [
            ("in/2026/a.png", 1, None),
            ("in/2026/a.png", 10, None),
            ("in/2026/a.png", 0, Some(Mismatch::MinSize { size: 0, min: 1 })),
            ("in/2026/a.png", 11, Some(Mismatch::MaxSize { size: 11, max: 10 })),
            ("In/2026/a.png", 1, Some(prefix)),
            ("in/2025/a.png", 1, Some(Mismatch::Glob("*2026*"))),
            ("in/2026/a.PNG", 1, Some(suffix)),
            ("x/in/2026/a.png", 1, Some(prefix)),
            ("x/in/2026/a.PNG", 0, Some(prefix)),
        ] {
            let object = object(key, size);
            assert_eq!(trigger.mismatch(&object), mismatch, "{key} {size}");
            assert_eq!(trigger.matches(&object), mismatch.is_none(), "{key} {size}");
        }
        let other = Object { bucket: "other".to_owned(), ..object("in/2026/a.png", 1) };
        assert_eq!(trigger.mismatch(&other), Some(Mismatch::Bucket("uploads")));
        assert_eq!(prefix.to_string(), "the key does not begin with prefix `in/`");
    }

    #[test]
    fn a_schedule_is_named_after_its_job_bare_or_in_the_namespace() {
        for (name, schedules, own) in [
            ("hourly", 0, true),
            ("longshore-hourly", 0, true),
            ("longshore-hourly-2", 2, true),
            ("hourly-2", 2, true),
            ("hourly-3", 2, false),
            ("hourly-1", 2, false),
            ("hourly-02", 2, false),
            ("hourly-backup", 2, false),
            ("other-hourly", 2, false),
        ] {
            let triggers = "{ schedule: rate(1 hour) },".repeat(schedules);
            let text =
                format!("jobs: {{ hourly: {{ triggers: [{triggers}], task: {{ image: a }} }} }}");
            let jobs = crate::jobs::read(text.as_bytes(), Timestamp::UNIX_EPOCH).jobs.unwrap();
            let job = jobs.get("hourly").unwrap();
            assert_eq!(job.owns_schedule(name, &Namespace::default()), own, "{name}");
        }
    }
}
