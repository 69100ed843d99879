//! A run's log beside the run's steps, for whoever waits for it.

use super::follower::Follower;
use crate::aws::logs::LogLine;
use crate::cli::output::{self, DIM, printable};
use crate::cloud::Cloud;
use crate::run::Run;

/// What was told of a run's log so far.
pub(in crate::cli) struct Aside {
    /// `None` once the log could not be read.
    follower: Option<Follower>,
}

impl Aside {
    /// Of every attempt.
    pub(in crate::cli) fn new() -> Self {
        Self { follower: Some(Follower::new(1, u32::MAX, None)) }
    }

    /// Whether nothing more comes of a run that has ended.
    pub(in crate::cli) fn has_settled(&self) -> bool {
        self.follower.as_ref().is_none_or(Follower::has_settled)
    }

    /// Prints what its tasks have printed since, on standard error as `local` does. A log that
    /// cannot be read is told of once, and the run is waited for without it.
    pub(in crate::cli) async fn tell(&mut self, cloud: &Cloud, run: &Run) {
        while let Some(follower) = &mut self.follower {
            let news = match follower.news(cloud, run).await {
                Ok(news) => news,
                Err(failure) => {
                    output::print_aside(&format!("its log is not shown: {}\n", failure.message));
                    self.follower = None;
                    return;
                }
            };
            let notes = news.notes.iter().map(|note| format!("its log is not shown: {note}\n"));
            let line =
                |line: &LogLine| format!("{DIM}{} |{DIM:#} {}\n", run.job, printable(&line.text));
            output::print_aside(&notes.chain(news.lines.iter().map(line)).collect::<String>());
            if !news.more {
                return;
            }
        }
    }
}
