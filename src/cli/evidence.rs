//! Gathers evidence from AWS for `doctor` and `why`, and tells how far it is.

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::exit::Failure;
use super::output;
use crate::diagnosis::Evidence;
use crate::gather::{GatherError, Progress, Topic, gather};

/// Asks AWS, with a live line on a terminal.
pub(super) async fn ask(aws: &SdkConfig, topic: &Topic<'_>) -> Result<Evidence, Failure> {
    let bar = output::spinner();
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
