//! The ledger: the store of runs. A port; every guarantee rests on its conditional writes.

use std::future::Future;

use jiff::Timestamp;

use crate::identity::{Holder, JobName, RunId};
use crate::run::{Line, Run, Verdict};

pub mod database;
#[cfg(feature = "aws")]
pub mod dynamodb;
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

    /// The runs with these ids, in their order, as last saved; those that are not there are left
    /// out. A few calls, where [`Ledger::load`] is one for each.
    fn load_all(&self, ids: &[RunId])
    -> impl Future<Output = Result<Vec<Run>, LedgerError>> + Send;

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

    /// Takes one of its job's `limit` slots for `holder`; a holder that has one keeps it.
    fn acquire(
        &self,
        holder: &Holder,
        limit: u32,
    ) -> impl Future<Output = Result<Slot, LedgerError>> + Send;

    /// Gives the holder's slot back, if it has one.
    fn release(&self, holder: &Holder) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Who holds the job's slots.
    fn holders(
        &self,
        job: &JobName,
    ) -> impl Future<Output = Result<Vec<Holder>, LedgerError>> + Send;
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
    Full(Vec<Holder>),
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
    /// Which stand in this line.
    pub line: Option<Line>,
    /// Which ended in one of these ways.
    pub verdicts: Vec<Verdict>,
    /// Claimed at this time or later.
    pub since: Option<Timestamp>,
    /// The oldest first; the newest first without it.
    pub oldest_first: bool,
    /// As many at most; all when 0.
    pub limit: usize,
}

impl Filter {
    /// Those of a job's line that have stood in it longest.
    pub fn first_of(line: Line, job: &JobName, limit: usize) -> Self {
        let (job, line) = (Some(job.clone()), Some(line));
        Self { job, line, oldest_first: true, limit, ..Self::default() }
    }

    /// Whether the run meets every condition.
    pub fn admits(&self, run: &Run) -> bool {
        let since = self.since.map(Timestamp::as_microsecond);
        self.job.as_ref().is_none_or(|job| *job == run.job)
            && self.id_prefix.as_ref().is_none_or(|prefix| run.id.as_str().starts_with(prefix))
            && (!self.open || run.verdict().is_none())
            && (self.line.is_none() || run.line() == self.line)
            && (self.verdicts.is_empty()
                || run.verdict().is_some_and(|verdict| self.verdicts.contains(&verdict)))
            && since.is_none_or(|since| since <= run.created_at.as_microsecond())
    }
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
    /// A run that was there a moment ago is gone: a person took it away.
    #[error("run {0} vanished from the ledger")]
    Vanished(RunId),
    /// Others kept changing the same run: try again.
    #[error("run {0} is being changed by others")]
    Contended(RunId),
}

/// What an update came to.
#[derive(Clone, Debug)]
pub enum Updated {
    /// The run was changed and is saved.
    Saved(Box<Run>),
    /// `change` left the run as it is stored.
    Left(Box<Run>),
}

/// Loads a run, lets `change` have it, and saves it when `change` says that it did. `None` when
/// there is no such run.
pub async fn update(
    ledger: &impl Ledger,
    id: &RunId,
    change: impl FnMut(&mut Run) -> bool,
) -> Result<Option<Updated>, LedgerError> {
    match ledger.load(id).await? {
        Some(run) => update_held(ledger, run, change).await.map(Some),
        None => Ok(None),
    }
}

/// The same for a run that the caller has loaded or saved a moment ago: no read unless somebody
/// else saved it since. The one place where a run is changed after its claim.
pub async fn update_held(
    ledger: &impl Ledger,
    mut run: Run,
    mut change: impl FnMut(&mut Run) -> bool,
) -> Result<Updated, LedgerError> {
    for _ in 0..UPDATE_TRIES {
        if !change(&mut run) {
            return Ok(Updated::Left(Box::new(run)));
        }
        if ledger.save(&mut run).await? == Saved::Done {
            return Ok(Updated::Saved(Box::new(run)));
        }
        match ledger.load(&run.id).await? {
            Some(stored) => run = stored,
            None => return Err(LedgerError::Vanished(run.id)),
        }
    }
    Err(LedgerError::Contended(run.id))
}

/// Gives back the slots of attempts that are over, and says how many: whoever held them went away
/// before it could.
pub async fn release_over(ledger: &impl Ledger, holders: &[Holder]) -> Result<usize, LedgerError> {
    let ids: Vec<RunId> = holders.iter().map(|holder| holder.run.clone()).collect();
    let runs = ledger.load_all(&ids).await?;
    let mut released = 0;
    for holder in holders {
        let run = runs.iter().find(|run| run.id == holder.run);
        if run.is_none_or(|run| run.is_over(holder.attempt)) {
            ledger.release(holder).await?;
            released += 1;
        }
    }
    Ok(released)
}
