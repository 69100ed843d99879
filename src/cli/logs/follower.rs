//! The logs of a run's tasks in AWS as they grow, one attempt after another.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::launches;
use crate::aws::logs::{LogError, LogLine, LogStream, Page};
use crate::cli::exit::Failure;
use crate::cli::records::PATIENCE;
use crate::cloud::{Cloud, NoLog};
use crate::run::{Attempt, Launch, Run};

/// How long after a task's end, and after the last line since, more lines may come.
const SETTLE: SignedDuration = SignedDuration::from_secs(5);
/// After this long all of them are there.
const SETTLED: SignedDuration = SignedDuration::from_mins(1);

/// What was read of the logs of some attempts.
pub(super) struct Follower {
    first: u32,
    last: u32,
    since: Option<Timestamp>,
    logs: Vec<Followed>,
}

/// The log of one task.
struct Followed {
    task: String,
    /// `None` where there is none that can be read.
    log: Option<LogStream>,
    /// When it answered last.
    reached: Instant,
    /// When lines came last after the task's end.
    last_news: Option<Timestamp>,
    settled: bool,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) lines: Vec<LogLine>,
    /// What to say of logs that cannot be read.
    pub(super) notes: Vec<String>,
    /// Whether there is more already.
    pub(super) more: bool,
}

impl Follower {
    /// Of these attempts, from a time on.
    pub(super) fn new(first: u32, last: u32, since: Option<Timestamp>) -> Self {
        Self { first, last, since, logs: Vec::new() }
    }

    /// Whether every log that it knows of was silent for a while after its task's end.
    pub(super) fn has_settled(&self) -> bool {
        self.logs.iter().all(|log| log.settled)
    }

    /// What is new since last time: a page of each log. `run` is as it stands now.
    pub(super) async fn news(&mut self, cloud: &Cloud, run: &Run) -> Result<News, Failure> {
        let mut news = News::default();
        let (first, last) = (self.first, self.last);
        for (attempt, launch, task) in launches(run, |number| (first..=last).contains(&number)) {
            if self.logs.iter().all(|log| log.task != task) {
                let log = self.find(cloud, attempt, launch, &mut news).await?;
                self.logs.push(Followed::new(task, log));
            }
            let mut open = self.logs.iter_mut().filter(|log| log.task == task && !log.settled);
            if let Some(log) = open.next() {
                log.read(cloud, attempt, launch, &mut news).await?;
            }
        }
        Ok(news)
    }

    async fn find(
        &self,
        cloud: &Cloud,
        attempt: &Attempt,
        launch: &Launch,
        news: &mut News,
    ) -> Result<Option<LogStream>, Failure> {
        match cloud.log_of(attempt, launch, self.since).await {
            Ok(log) => Ok(Some(log)),
            Err(error @ (NoLog::Elsewhere { .. } | NoLog::Nowhere { .. })) => {
                news.notes.push(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Followed {
    fn new(task: &str, log: Option<LogStream>) -> Self {
        let settled = log.is_none();
        let task = task.to_owned();
        Self { task, log, reached: Instant::now(), last_news: None, settled }
    }

    async fn read(
        &mut self,
        cloud: &Cloud,
        attempt: &Attempt,
        launch: &Launch,
        news: &mut News,
    ) -> Result<(), Failure> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let (page, missing) = match cloud.page(log).await {
            Ok(page) => (page, None),
            // The container makes its stream when it starts.
            Err(LogError::Missing(missing)) => {
                (Page { lines: Vec::new(), is_last: true }, Some(log.absence(&missing)))
            }
            Err(LogError::Unavailable(_)) if self.reached.elapsed() < PATIENCE => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.reached = Instant::now();
        if let Some(over) = launch.times.stopped_at.or(attempt.ended_at) {
            self.settled = self.is_silent(&page, over, Timestamp::now());
        }
        let ran = launch.times.started_at.is_some();
        news.notes.extend(missing.filter(|_| self.settled && ran));
        news.more |= !page.is_last;
        news.lines.extend(page.lines);
        Ok(())
    }

    /// Whether nothing comes any more of a task that ended.
    fn is_silent(&mut self, page: &Page, over: Timestamp, now: Timestamp) -> bool {
        if !page.lines.is_empty() {
            self.last_news = Some(now);
        }
        let last = self.last_news.map_or(over, |news| news.max(over));
        let for_long = now.duration_since(last) >= SETTLE || now.duration_since(over) >= SETTLED;
        page.is_last && page.lines.is_empty() && for_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_over_when_it_was_silent_for_a_while_after_its_task() {
        let at = |secs| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(secs);
        let line = LogLine { at: at(0), text: "late".to_owned() };
        let page = |lines: &[LogLine], is_last| Page { lines: lines.to_vec(), is_last };
        let mut log = Followed::new("t1", None);
        let mut check = |lines: &[LogLine], is_last, now, silent| {
            assert_eq!(log.is_silent(&page(lines, is_last), at(100), at(now)), silent, "{now}");
        };
        check(&[], true, 101, false);
        check(std::slice::from_ref(&line), false, 104, false);
        check(&[], true, 105, false);
        check(&[], true, 108, false);
        check(&[], false, 110, false);
        check(&[], true, 110, true);
        // What ended long ago is over with its last page.
        check(&[line], false, 300, false);
        check(&[], true, 300, true);
    }
}
