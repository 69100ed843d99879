//! The ledger: the store of runs. A port; every guarantee rests on its conditional writes.

use std::future::Future;

use jiff::Timestamp;

use crate::identity::{JobName, RunId};
use crate::run::{Run, Verdict};

pub mod database;
pub mod sqlite;

/// Tries of a read-change-write at most.
const UPDATE_TRIES: u32 = 3;

/// Stores runs, and the slots of jobs with a concurrency limit.
pub trait Ledger {
    /// Creates the run unless there is one with its id: the one conditional write that makes an
    /// event start something once.
    fn claim(&self, run: &Run) -> impl Future<Output = Result<Claim, LedgerError>> + Send;

    /// The run with this id, as last saved.
    fn load(&self, id: &RunId) -> impl Future<Output = Result<Option<Run>, LedgerError>> + Send;

    /// Saves the run if nobody saved it since it was loaded, and counts its revision up.
    fn save(&self, run: &mut Run) -> impl Future<Output = Result<Saved, LedgerError>> + Send;

    /// Runs whose alarm time has come, the oldest first. A hint: the caller looks at the run.
    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RunId>, LedgerError>> + Send;

    /// Runs that meet the filter.
    fn list(&self, filter: &Filter) -> impl Future<Output = Result<Vec<Run>, LedgerError>> + Send;

    /// Takes one of the job's `limit` slots for `holder`; a holder that has one keeps it.
    fn acquire(
        &self,
        job: &JobName,
        holder: &str,
        limit: u32,
    ) -> impl Future<Output = Result<Slot, LedgerError>> + Send;

    /// Gives the holder's slot back, if it has one.
    fn release(
        &self,
        job: &JobName,
        holder: &str,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Who holds the job's slots.
    fn holders(
        &self,
        job: &JobName,
    ) -> impl Future<Output = Result<Vec<String>, LedgerError>> + Send;
}

/// What a claim came to.
#[derive(Clone, Debug)]
pub enum Claim {
    /// The run is new and ours.
    Won,
    /// There is one already, as it stands.
    Known(Box<Run>),
}

/// What a save came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is saved.
    Done,
    /// Somebody saved it since: load it again.
    Outdated,
}

/// What asking for a slot came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The holder has one.
    Held,
    /// They are taken by these.
    Full(Vec<String>),
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this job.
    pub job: Option<JobName>,
    /// Whose id begins so.
    pub id_prefix: Option<String>,
    /// Which have not ended.
    pub open: bool,
    /// Which wait for a slot.
    pub waiting_for_slot: bool,
    /// Which ended in one of these ways.
    pub verdicts: Vec<Verdict>,
    /// Claimed at this time or later.
    pub since: Option<Timestamp>,
    /// The oldest first; the newest first without it.
    pub oldest_first: bool,
    /// As many at most; all when 0.
    pub limit: usize,
}

/// Why the ledger cannot answer. The effect of a failed write may have happened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// It may answer later: try again.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    /// It cannot be used as it is: a person must look.
    #[error("the ledger cannot be used: {0}")]
    Unusable(String),
    /// Others kept changing the same run: try again.
    #[error("run {0} is being changed by others")]
    Contended(RunId),
}

/// Loads a run, lets `change` have it, and saves it when `change` says that it did: the one place
/// where a run is changed. `None` when there is no such run or nothing was changed.
pub async fn update(
    ledger: &impl Ledger,
    id: &RunId,
    mut change: impl FnMut(&mut Run) -> bool,
) -> Result<Option<Run>, LedgerError> {
    for _ in 0..UPDATE_TRIES {
        let Some(mut run) = ledger.load(id).await? else { return Ok(None) };
        if !change(&mut run) {
            return Ok(None);
        }
        if ledger.save(&mut run).await? == Saved::Done {
            return Ok(Some(run));
        }
    }
    Err(LedgerError::Contended(id.clone()))
}
