//! Gathers evidence from AWS for `doctor` and `why`, and tells how far it is.

use std::time::Duration;

use aws_config::SdkConfig;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::exit::Failure;
use super::output;
use crate::diagnosis::Evidence;
use crate::gather::{GatherError, Progress, Topic, gather};

/// Asks AWS, with a live line on a terminal.
pub(super) async fn ask(aws: &SdkConfig, topic: &Topic<'_>) -> Result<Evidence, Failure> {
    let bar = output::is_live().then(live_line);
    let tell = |progress: Progress| {
        if let Some(bar) = &bar {
            let Progress { asked, answered } = progress;
            bar.set_message(format!("asking AWS: {answered} of {asked} questions answered"));
        }
    };
    let gathered = gather(aws, topic, Timestamp::now(), &tell).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    gathered.map_err(|error| match error {
        GatherError::NoRegion => Failure::usage(error.to_string()),
        GatherError::Unreachable(_) => Failure::environment(error.to_string()),
    })
}

fn live_line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
