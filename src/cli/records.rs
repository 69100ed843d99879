//! Where runs are looked up: in this machine's ledger, or in an AWS account's.

use std::path::Path;
#[cfg(feature = "aws")]
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::exit::Failure;
use super::output::{self, printable};
use super::{Common, LedgerPath, this_program};
use crate::backend::PortError;
use crate::ecs::local::Host;
use crate::identity::RunId;
use crate::jobs::prices::Prices;
use crate::jobs::{Jobs, nearest};
use crate::ledger::{Filter, LedgerError};
use crate::local::{Local, Settings};
use crate::run::{Run, StopAsked};
#[cfg(feature = "aws")]
use crate::{cli::jobs_file, cloud::Cloud};

/// How long AWS may be out of reach while a run, its log or a list is followed.
pub(super) const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Runs among which one is looked for that a mistyped id may mean, the newest.
const SUGGESTED_FROM: usize = 100;
/// Runs that are told at most when several begin as was written.
const CANDIDATES_SHOWN: usize = 5;

/// Where longshore runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Place {
    /// On this machine.
    Local,
    /// In the AWS account that region and credentials say.
    Aws,
}

impl Place {
    /// How a command says where it is asked, to be read after it: nothing for this machine.
    pub(super) fn flag(self) -> &'static str {
        match self {
            Self::Local => "",
            Self::Aws => " --on aws",
        }
    }
}

/// Nobody bills this machine.
static NO_PRICES: Prices = Prices::new();

/// The runs of one place.
pub(super) enum Records {
    /// This machine's, brought up to date.
    Local(Box<Local>),
    /// An account's.
    #[cfg(feature = "aws")]
    Aws {
        /// The installation.
        cloud: Box<Cloud>,
        /// The file that says which jobs it has.
        jobs_file: PathBuf,
        /// Whether that is there.
        knows_jobs: bool,
        /// What that says of Fargate's prices.
        prices: Prices,
    },
}

impl Records {
    /// Opens what `--on` says.
    pub(super) async fn open(common: &Common, ledger: &LedgerPath) -> Result<Self, Failure> {
        match common.place {
            Place::Local => Ok(Self::Local(Box::new(open_local(common, ledger).await?))),
            Place::Aws => open_aws(common).await,
        }
    }

    /// What jobs.yaml says of Fargate's prices. Tasks of this machine have none.
    pub(super) fn prices(&self) -> &Prices {
        match self {
            Self::Local(_) => &NO_PRICES,
            #[cfg(feature = "aws")]
            Self::Aws { prices, .. } => prices,
        }
    }

    /// Runs that meet the filter.
    pub(super) async fn list(&self, filter: &Filter) -> Result<Vec<Run>, Failure> {
        match self {
            Self::Local(_) => {}
            #[cfg(feature = "aws")]
            Self::Aws { knows_jobs, jobs_file, .. } => {
                let names_run = |prefix: &String| prefix.parse::<RunId>().is_ok();
                let names_job =
                    filter.job.is_some() || filter.id_prefix.as_ref().is_some_and(names_run);
                if !knows_jobs && !names_job {
                    let shown = jobs_file.display();
                    return Err(Failure::environment(format!(
                        "the account's runs are found by job, and there is no {shown} that names \
                         them: go to the folder that has one, name it with --jobs, or name a job or \
                         a whole run id"
                    )));
                }
            }
        }
        Ok(self.list_again(filter).await?)
    }

    /// The same once more, for one that could be listed before.
    pub(super) async fn list_again(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        match self {
            Self::Local(local) => local.list(filter).await,
            #[cfg(feature = "aws")]
            Self::Aws { cloud, .. } => cloud.list(filter).await,
        }
    }

    /// The run with this id.
    pub(super) async fn load(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        match self {
            Self::Local(local) => Ok(local.runs(std::slice::from_ref(id)).await?.pop()),
            #[cfg(feature = "aws")]
            Self::Aws { cloud, .. } => cloud.load(id).await,
        }
    }

    /// The runs with these ids, as far as they are there.
    pub(super) async fn load_all(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        match self {
            Self::Local(local) => local.runs(ids).await,
            #[cfg(feature = "aws")]
            Self::Aws { cloud, .. } => cloud.load_all(ids).await,
        }
    }

    /// Has what happened since in the ledger. In AWS the functions see to that.
    pub(super) async fn catch_up(&self) -> Result<(), PortError> {
        match self {
            Self::Local(local) => local.catch_up().await,
            #[cfg(feature = "aws")]
            Self::Aws { .. } => Ok(()),
        }
    }

    /// Asks a run to stop; the run as it is then, unless that is no news to it.
    pub(super) async fn ask_to_stop(
        &self,
        id: &RunId,
        wish: StopAsked,
    ) -> Result<Option<Run>, PortError> {
        match self {
            Self::Local(local) => local.ask_to_stop(id, wish).await,
            #[cfg(feature = "aws")]
            Self::Aws { cloud, .. } => cloud.ask_to_stop(id, wish).await,
        }
    }

    /// Does once more what follows once a run was asked to stop.
    pub(super) async fn stop_asked(&self, run: &Run) -> Result<(), PortError> {
        match self {
            Self::Local(local) => local.stop_asked(run).await,
            #[cfg(feature = "aws")]
            Self::Aws { cloud, .. } => cloud.stop_asked(run).await,
        }
    }

    /// The same run, with what came of a stop since; `None` when it is gone.
    pub(super) async fn see_stopped(&self, run: &Run) -> Result<Option<Run>, Failure> {
        match self {
            Self::Local(local) => local.see_stopped(run).await?,
            // There the functions do it.
            #[cfg(feature = "aws")]
            Self::Aws { .. } => {}
        }
        Ok(self.load(&run.id).await?)
    }

    /// As [`Place::flag`].
    pub(super) fn flag(&self) -> &'static str {
        match self {
            Self::Local(_) => Place::Local.flag(),
            #[cfg(feature = "aws")]
            Self::Aws { .. } => Place::Aws.flag(),
        }
    }

    /// The run whose id begins so.
    pub(super) async fn find(&self, prefix: &str) -> Result<Run, Failure> {
        // An unset variable of somebody's script shall not mean the only run there is.
        if prefix.is_empty() {
            return Err(Failure::usage(
                "no run is named: write its id, or enough of its beginning",
            ));
        }
        let limit = CANDIDATES_SHOWN + 1;
        let filter = Filter { id_prefix: Some(prefix.to_owned()), limit, ..Filter::default() };
        let mut runs = self.list(&filter).await?;
        if let Some(exact) = runs.iter().position(|run| run.id.as_str() == prefix) {
            return Ok(runs.swap_remove(exact));
        }
        match (runs.pop(), runs.len()) {
            (Some(run), 0) => Ok(run),
            (None, _) => {
                let near = self.nearest(prefix).await;
                Err(Failure::bad(none_begins(
                    prefix,
                    near.as_ref(),
                    self.jobs_listed(),
                    self.flag(),
                )))
            }
            (Some(last), _) => {
                runs.push(last);
                Err(Failure::bad(several_begin(prefix, &runs, Timestamp::now(), self.flag())))
            }
        }
    }

    /// The file whose jobs' runs are found without naming the job; `None` where all are.
    fn jobs_listed(&self) -> Option<&Path> {
        match self {
            Self::Local(_) => None,
            #[cfg(feature = "aws")]
            Self::Aws { jobs_file, .. } => Some(jobs_file.as_path()),
        }
    }

    /// The newest run whose id is most likely meant by one that no run has.
    async fn nearest(&self, prefix: &str) -> Option<RunId> {
        let filter = Filter { limit: SUGGESTED_FROM, ..Filter::default() };
        let runs = self.list(&filter).await.ok()?;
        let count = prefix.chars().count();
        let cut = |run: &Run| run.id.as_str().chars().take(count).collect::<String>();
        let beginnings: Vec<String> = runs.iter().map(cut).collect();
        let names: Vec<&str> = beginnings.iter().map(String::as_str).collect();
        let near = nearest(prefix, &names)?;
        let index = names.iter().position(|name| *name == near)?;
        runs.get(index).map(|run| run.id.clone())
    }
}

/// What is said when no run is meant: `listed` is the file whose jobs were looked through, if not
/// all were.
fn none_begins(prefix: &str, near: Option<&RunId>, listed: Option<&Path>, flag: &str) -> String {
    let shown = printable(prefix);
    // A whole id names its job, whatever the file says.
    let listed = listed.filter(|_| prefix.parse::<RunId>().is_err());
    match (near, listed) {
        (Some(near), _) => format!("no run begins with `{shown}`: did you mean {near}?"),
        (None, None) => format!("no run begins with `{shown}`: `longshore runs{flag}` lists them"),
        (None, Some(file)) => format!(
            "no run of the jobs in {} begins with `{shown}`: `longshore runs{flag}` lists \
             theirs, and `longshore runs JOB{flag}` those of another job, whose run is found by \
             its whole id",
            printable(&file.display().to_string())
        ),
    }
}

/// What is said when several runs are meant: the newest of them, so that one can be chosen.
fn several_begin(prefix: &str, runs: &[Run], now: Timestamp, flag: &str) -> String {
    let mut text =
        format!("several runs begin with `{}`; write more of the id:", printable(prefix));
    let told = runs.get(..CANDIDATES_SHOWN).unwrap_or(runs);
    let width = |of: fn(&Run) -> &str| told.iter().map(|run| of(run).len()).max().unwrap_or(0);
    let (ids, statuses) = (width(|run| run.id.as_str()), width(output::status));
    for run in told {
        let (id, status) = (run.id.as_str(), output::status(run));
        let age = output::span(now.duration_since(run.created_at));
        text.push_str(&format!("\n  {id:ids$}  {status:statuses$}  {age} ago"));
    }
    if runs.len() > told.len() {
        text.push_str(&format!("\n  and more: `longshore runs{flag}` lists them"));
    }
    text
}

/// Opens this machine's ledger to look at it, once everything that happened since is in it.
async fn open_local(common: &Common, ledger: &LedgerPath) -> Result<Local, Failure> {
    let path = ledger.path(common);
    if !path.exists() {
        let path = path.display();
        return Err(Failure::environment(format!(
            "there is no ledger {path}: nothing ran here yet; name another with --ledger, or look \
             into AWS with `--on aws`"
        )));
    }
    let settings = Settings {
        ledger: path,
        namespace: common.namespace.clone(),
        host: Host::default(),
        program: this_program()?,
    };
    let local = Local::open(settings, Jobs::default())?;
    local.catch_up().await?;
    Ok(local)
}

#[cfg(feature = "aws")]
async fn open_aws(common: &Common) -> Result<Records, Failure> {
    let knows_jobs = common.jobs.exists();
    let jobs = if knows_jobs { jobs_file::load(&common.jobs)? } else { Jobs::default() };
    let cloud = Cloud::connect(common.namespace.clone(), &jobs).await;
    let jobs_file = common.jobs.clone();
    Ok(Records::Aws { cloud: Box::new(cloud), jobs_file, knows_jobs, prices: jobs.prices })
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "it waits where AWS is built in")]
async fn open_aws(_: &Common) -> Result<Records, Failure> {
    Err(built_without_aws())
}

#[cfg(not(feature = "aws"))]
pub(super) fn built_without_aws() -> Failure {
    Failure::usage("this longshore was built without AWS: build it with its default features")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_runs_are_found_by_job_it_is_said_whose_were_looked_through() {
        let file = Path::new("config/jobs.yaml");
        let text = none_begins("gree", None, Some(file), " --on aws");
        assert!(text.starts_with("no run of the jobs in config/jobs.yaml begins with `gree`: "));
        assert!(text.contains("`longshore runs JOB --on aws` those of another job"), "{text}");
        let whole = format!("greeter-{}", "a".repeat(20));
        assert_eq!(
            none_begins(&whole, None, Some(file), " --on aws"),
            format!("no run begins with `{whole}`: `longshore runs --on aws` lists them")
        );
        let here = none_begins("gree", None, None, "");
        assert_eq!(here, "no run begins with `gree`: `longshore runs` lists them");
    }
}
