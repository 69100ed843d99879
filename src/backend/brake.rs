//! What one process remembers of ECS having no time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::identity::JobName;

/// For so long after a launch of a job was throttled, its new runs do not ask.
const HOLDS: SignedDuration = SignedDuration::from_secs(1);

/// Holds back the new runs of a job whose launches are throttled: ten thousand objects that arrive
/// at once would call RunTask ten thousand times for nothing, and throttle every other job. It is
/// pulled for each job by itself, so others go by.
#[derive(Debug, Default)]
pub struct Brake(Mutex<BTreeMap<JobName, Timestamp>>);

impl Brake {
    /// Whether a new run of the job had better wait in line at once.
    pub(crate) fn holds(&self, job: &JobName, now: Timestamp) -> bool {
        let pulled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pulled
            .get(job)
            .is_some_and(|at| (SignedDuration::ZERO..HOLDS).contains(&now.duration_since(*at)))
    }

    /// A launch of the job was throttled.
    pub(crate) fn pull(&self, job: &JobName, now: Timestamp) {
        let mut pulled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pulled.insert(job.clone(), now);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn it_holds_one_job_for_a_second() {
        let [report, other] = ["report", "other"].map(|name| name.parse::<JobName>().unwrap());
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let brake = Brake::default();
        assert!(!brake.holds(&report, at(0)));
        brake.pull(&report, at(5_000));
        for (ms, expected) in [(5_000, true), (5_999, true), (6_000, false), (4_999, false)] {
            assert_eq!(brake.holds(&report, at(ms)), expected, "{ms}");
        }
        assert!(!brake.holds(&other, at(5_000)));
    }
}
