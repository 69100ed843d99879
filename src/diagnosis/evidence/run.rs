//! The run that is asked about.

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::diagnosis::Source;
use crate::run::{Run, State, Wait};

/// Where a run stands whose job has as many others under way as it may.
const WAITS_FOR_SLOT: &str = "WaitingForSlot";

/// The run that is asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSeen {
    /// Its id.
    pub id: String,
    /// Its job.
    pub job: String,
    /// Where it stands, in a word: a verdict, or `Started` ...
    pub status: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What is known of the attempt's end: ECS's reasons, as they are.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// ECS's stop code.
    #[serde(default)]
    pub stop_code: Option<String>,
    /// The main container's exit code.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// The cause that was stored with it.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// Whether ECS still shows its task.
    #[serde(default)]
    pub task_shown: Source<bool>,
}

impl RunSeen {
    /// Whether its container runs or has run: then nothing kept it from starting.
    pub fn has_run(&self) -> bool {
        ["Running", "Succeeded"].contains(&self.status.as_str()) || self.exit_code.is_some()
    }

    /// What the ledger has of a run.
    pub fn of(run: &Run) -> Self {
        let attempt = run.attempts.last();
        let launch = run.launch();
        let mut reasons: Vec<String> = Vec::new();
        let told = [
            attempt.and_then(|attempt| attempt.reason.as_ref()),
            launch.and_then(|launch| launch.refusal.as_ref()),
        ];
        let containers = launch.into_iter().flat_map(|launch| &launch.containers);
        let own = containers.filter_map(|container| container.reason.as_ref());
        for reason in told.into_iter().flatten().chain(own) {
            // The attempt's sentence has the container's in it.
            if !reasons.iter().any(|known| known.contains(reason.as_str())) {
                reasons.push(reason.clone());
            }
        }
        let status = match &run.state {
            State::Waiting { wait: Wait::Slot, .. } => WAITS_FOR_SLOT,
            State::Waiting { .. } => "Waiting",
            State::Launching { .. } => "Launching",
            State::Started => "Started",
            State::Running { .. } => "Running",
            State::Ended { verdict, .. } => verdict.as_str(),
        };
        Self {
            id: run.id.to_string(),
            job: run.job.to_string(),
            status: status.to_owned(),
            attempt: run.attempt(),
            reasons,
            stop_code: None,
            exit_code: run.exit_code(),
            cause: run.cause().cloned(),
            task_shown: Source::NotAsked,
        }
    }

    /// Whether it waits for others of its job to end, as its limit says.
    pub(crate) fn waits_for_slot(&self) -> bool {
        self.status == WAITS_FOR_SLOT
    }

    /// Whether it ended otherwise than well.
    pub(crate) fn ended_badly(&self) -> bool {
        ![WAITS_FOR_SLOT, "Waiting", "Launching", "Started", "Running", "Succeeded"]
            .contains(&self.status.as_str())
    }
}
