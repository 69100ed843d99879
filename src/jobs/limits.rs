//! Limits: retries, launches, timeouts and concurrency, as written and as a run keeps them.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::period::Period;
use super::problem::Problem;
use super::yaml::Path;

/// Attempts at most.
const ATTEMPTS_MAX: u32 = 10;
/// Launches of one attempt at most.
const LAUNCHES_MAX: u32 = 20;
/// Tasks of one job at a time at most, when there is a limit.
const CONCURRENCY_MAX: u32 = 500;
/// Fargate stops a task after 14 days at the latest
/// (<https://docs.aws.amazon.com/batch/latest/userguide/fargate.html>).
const TASK_LIFE_MAX: Period = Period::from_secs(14 * 86_400);

/// When a failed attempt is followed by another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all, the first one included: 1 to 10.
    pub attempts: u32,
    /// Which failures are tried again.
    pub on: Vec<RetryOn>,
    /// How long to wait in between.
    pub backoff: Backoff,
}

/// A failure that is worth another attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RetryOn {
    /// Fargate Spot took the capacity back.
    SpotInterruption,
    /// The host failed, or the task ended without an exit code.
    InfrastructureHealth,
    /// The main container ran out of memory.
    OutOfMemory,
    /// The timeout was over.
    Timeout,
    /// The main container exited with any code but 0.
    AnyExitCode,
    /// The main container exited with one of these codes, 1 to 255.
    ExitCode(Vec<u8>),
}

/// Waiting times that grow: delay, delay x factor, ... up to max, each shortened at random by up
/// to a quarter so that runs which failed together do not return together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backoff {
    /// The wait after the first failure: 1s or more.
    pub delay: Period,
    /// What each further wait is multiplied with: 1 to 10.
    pub factor: f64,
    /// The longest wait: `delay` or more.
    pub max: Period,
}

/// How often RunTask may be called for one attempt before the run is given up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Launches {
    /// Launches at most: 1 to 20.
    pub max: u32,
    /// No launch begins later than this after the attempt's first.
    pub within: Period,
    /// How long to wait after a task failed to start. After ECS refused one (no capacity), at
    /// least two minutes.
    #[serde(deserialize_with = "launch_backoff")]
    #[schemars(with = "LaunchBackoff")]
    pub backoff: Backoff,
}

/// How many tasks of a job may live at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Concurrency {
    /// Tasks at most: 1 to 500.
    pub limit: u32,
    /// What becomes of an event that finds them all running.
    #[serde(default)]
    pub when_full: WhenFull,
}

/// What becomes of an event that finds the limit reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WhenFull {
    /// The run waits for a slot.
    #[default]
    Wait,
    /// The run ends as `Skipped`.
    Skip,
    /// The oldest task is stopped and its run ends as `Cancelled`.
    Replace,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            on: vec![
                RetryOn::SpotInterruption,
                RetryOn::InfrastructureHealth,
                RetryOn::OutOfMemory,
                RetryOn::AnyExitCode,
            ],
            backoff: Backoff::default(),
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { delay: Period::from_secs(30), factor: 2.0, max: Period::from_secs(900) }
    }
}

/// Waiting times that grow, as those of `retry.backoff` do, and begin shorter.
// A backoff whose parts that are left out are those of launches.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct LaunchBackoff {
    /// The wait after the first failed launch: 1s or more.
    delay: Period,
    /// What each further wait is multiplied with: 1 to 10.
    factor: f64,
    /// The longest wait: `delay` or more.
    max: Period,
}

impl Default for LaunchBackoff {
    fn default() -> Self {
        let Backoff { delay, factor, max } = Launches::default().backoff;
        Self { delay, factor, max }
    }
}

fn launch_backoff<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Backoff, D::Error> {
    let LaunchBackoff { delay, factor, max } = LaunchBackoff::deserialize(deserializer)?;
    Ok(Backoff { delay, factor, max })
}

impl Default for Launches {
    fn default() -> Self {
        Self {
            max: 6,
            within: Period::from_secs(900),
            backoff: Backoff {
                delay: Period::from_secs(1),
                factor: 2.0,
                max: Period::from_secs(60),
            },
        }
    }
}

/// Every limit of a run, kept with it from the moment it is claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// When to try again.
    pub retry: Retry,
    /// When to launch again.
    pub launches: Launches,
    /// From the task's start.
    pub timeout: Option<Period>,
    /// From the launch to the task's start.
    pub start_within: Period,
    /// From the event to the first launch.
    pub starting_deadline: Option<Period>,
    /// Tasks at a time.
    pub concurrency: Option<Concurrency>,
}

/// Ten minutes: a Fargate task starts within one or two, large images take a few more.
pub(super) const START_WITHIN: Period = Period::from_secs(600);

impl Default for Policy {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            launches: Launches::default(),
            timeout: None,
            start_within: START_WITHIN,
            starting_deadline: None,
            concurrency: None,
        }
    }
}

impl Backoff {
    /// The wait after the `n`-th failure (from 1); `random` in 0..1 shortens it.
    pub fn wait(&self, n: u32, random: f64) -> SignedDuration {
        let exponent = i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.delay.duration().as_secs_f64() * self.factor.powi(exponent);
        let capped = grown.min(self.max.duration().as_secs_f64());
        let jittered = capped * (1.0 - 0.25 * random.clamp(0.0, 1.0));
        SignedDuration::try_from_secs_f64(jittered).unwrap_or(SignedDuration::ZERO)
    }

    fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        if self.delay.duration().is_zero() {
            problems.push(
                Problem::error(at.key("delay"), "is 0s, must be at least 1s").remedy("write `1s`"),
            );
        }
        if !(1.0..=10.0).contains(&self.factor) {
            problems.push(
                Problem::error(
                    at.key("factor"),
                    format!("is {}, must be from 1 to 10", self.factor),
                )
                .remedy("write `2` to double every wait, `1` to keep it"),
            );
        }
        if self.max < self.delay {
            problems.push(
                Problem::error(
                    at.key("max"),
                    format!("is {}, must be at least delay ({})", self.max, self.delay),
                )
                .remedy(format!("write `{}` or more, or a shorter `delay`", self.delay)),
            );
        }
    }
}

impl Retry {
    pub(super) fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        check_range(&at.key("attempts"), self.attempts, 1..=ATTEMPTS_MAX, problems);
        for (index, on) in self.on.iter().enumerate() {
            let RetryOn::ExitCode(codes) = on else { continue };
            let at = at.key("on").index(index).key("exitCode");
            if codes.is_empty() {
                problems
                    .push(Problem::error(at.clone(), "names no exit code").remedy("write `[75]`"));
            }
            if codes.contains(&0) {
                problems
                    .push(Problem::error(at, "names 0, which is success").remedy("leave 0 out"));
            }
        }
        self.backoff.check(&at.key("backoff"), problems);
    }
}

impl Launches {
    pub(super) fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        check_range(&at.key("max"), self.max, 1..=LAUNCHES_MAX, problems);
        self.backoff.check(&at.key("backoff"), problems);
    }
}

impl Concurrency {
    pub(super) fn check(&self, at: &Path, problems: &mut Vec<Problem>) {
        check_range(&at.key("limit"), self.limit, 1..=CONCURRENCY_MAX, problems);
    }
}

/// Checks a duration that ends a task.
pub(super) fn check_life(at: &Path, period: Option<Period>, problems: &mut Vec<Problem>) {
    let Some(period) = period else { return };
    if period < Period::from_secs(1) || period > TASK_LIFE_MAX {
        problems.push(
            Problem::error(at.clone(), format!("is {period}, must be from 1s to {TASK_LIFE_MAX}"))
                .remedy("write a duration in that range: Fargate ends every task after 14 days"),
        );
    }
}

fn check_range(
    at: &Path,
    value: u32,
    range: std::ops::RangeInclusive<u32>,
    problems: &mut Vec<Problem>,
) {
    if !range.contains(&value) {
        let message = format!("is {value}, must be from {} to {}", range.start(), range.end());
        let remedy = format!("write a number from {} to {}", range.start(), range.end());
        problems.push(Problem::error(at.clone(), message).remedy(remedy));
    }
}

/// `time` and a period before it; the beginning of time when there is no such time.
pub fn earlier(time: Timestamp, period: Period) -> Timestamp {
    time.checked_sub(period.duration()).unwrap_or(Timestamp::MIN)
}

/// `time` and a period after it; the end of time when there is no such time.
pub fn later(time: Timestamp, period: Period) -> Timestamp {
    time.checked_add(period.duration()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_by_the_factor_up_to_the_longest() {
        let backoff =
            Backoff { delay: Period::from_secs(30), factor: 2.0, max: Period::from_secs(100) };
        for (n, random, secs) in [
            (1, 0.0, 30.0),
            (2, 0.0, 60.0),
            (3, 0.0, 100.0),
            (1, 1.0, 22.5),
            (u32::MAX, 0.0, 100.0),
        ] {
            assert_eq!(backoff.wait(n, random).as_secs_f64(), secs, "{n} {random}");
        }
    }
}
