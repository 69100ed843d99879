//! What a run cost: every task that Fargate had for it, from the image's pull to the task's end, at
//! the prices of its region. What else a task uses (logs, public addresses, traffic) is not in it.

use jiff::Timestamp;

use crate::jobs::prices::{Prices, Rate, RegionPrices};
use crate::jobs::{Architecture, Capacity, TaskRequest, TaskSource};
use crate::run::{Attempt, Launch, Run, Size};

mod table;

pub use table::{DATE, PAGE, REGIONS};

/// Fargate bills a minute at least, and every second begun
/// (<https://aws.amazon.com/fargate/pricing/>).
const SECONDS_MIN: i64 = 60;
const HOUR: f64 = 3_600.0;
/// GB that every task has without paying for them.
const STORAGE_FREE: u32 = 20;
/// The region in the names of this machine's tasks.
pub const THIS_MACHINE: &str = "local";

/// What a run cost so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Dollars, all tasks together.
    pub dollars: f64,
    /// Each task.
    pub tasks: Vec<TaskCost>,
    /// Where the prices are from.
    pub basis: Basis,
}

/// What one task cost so far.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskCost {
    /// The attempt.
    pub attempt: u32,
    /// The launch in it.
    pub launch: u32,
    /// Seconds that are billed.
    pub seconds: i64,
    /// Dollars.
    pub dollars: f64,
    /// Whether it ran on Spot, whose price moves.
    pub spot: bool,
    /// Whether it goes on, and costs more by the second.
    pub open: bool,
}

/// Where prices are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The region.
    pub region: String,
    /// Whether jobs.yaml says something of this region.
    pub own: bool,
}

/// Why no cost can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    /// Nobody bills it.
    #[error("it ran on this machine")]
    ThisMachine,
    /// ECS never had a task for it.
    #[error("no task was started")]
    NoTask,
    /// There are no prices.
    #[error(
        "longshore has no {what} in {region} (it has {}, of {DATE}): add it to `prices` in \
         jobs.yaml, from {PAGE}",
        REGIONS.join(", ")
    )]
    NoPrice {
        /// Which price is missing.
        what: &'static str,
        /// Where.
        region: String,
    },
    /// Windows has other prices, and a licence.
    #[error("the task's system is {0}, and only Linux is priced")]
    Windows(String),
    /// ECS has not told of the task, and its request does not say either.
    #[error("the cpu, memory or architecture of task {0} is not known")]
    UnknownSize(String),
    /// It may have gone on for long.
    #[error("it is not known when task {0} ended")]
    UnknownEnd(String),
}

/// What `run` cost until `now`; `own` are the prices of jobs.yaml.
pub fn of(run: &Run, own: &Prices, now: Timestamp) -> Result<Cost, Unpriced> {
    let launches =
        run.attempts.iter().flat_map(|a| a.launches.iter().map(move |launch| (a, launch)));
    let mut basis = None;
    let mut tasks = Vec::new();
    for (attempt, launch) in launches {
        let Some(region) = launch.region() else { continue };
        if region == THIS_MACHINE {
            return Err(Unpriced::ThisMachine);
        }
        let own = own.get(region);
        basis.get_or_insert_with(|| Basis { region: region.to_owned(), own: own.is_some() });
        if let Some((seconds, open)) = billed(run, launch, now)? {
            let prices = prices(region, own);
            tasks.push(price(attempt, launch, region, &prices, seconds, open)?);
        }
    }
    let basis = basis.ok_or(Unpriced::NoTask)?;
    Ok(Cost { dollars: tasks.iter().map(|task| task.dollars).sum(), tasks, basis })
}

fn prices(region: &str, own: Option<&RegionPrices>) -> RegionPrices {
    let table = table::of(region).unwrap_or_default();
    own.copied().unwrap_or_default().or(&table)
}

/// The seconds that are billed, and whether they still grow; `None` when no pull began.
fn billed(run: &Run, launch: &Launch, now: Timestamp) -> Result<Option<(i64, bool)>, Unpriced> {
    let times = &launch.times;
    // A container that ran was pulled; ECS may not have told when.
    let Some(begin) = times.pull_started_at.or(times.pull_stopped_at).or(times.started_at) else {
        return Ok(None);
    };
    let is_last = run.launch() == Some(launch);
    let open = times.stopped_at.is_none() && is_last && run.verdict().is_none();
    let end = match times.stopped_at {
        Some(end) => end,
        None if open => now,
        None => return Err(Unpriced::UnknownEnd(id(launch))),
    };
    let lasted = end.duration_since(begin);
    let seconds = lasted.as_secs() + i64::from(lasted.subsec_nanos() > 0);
    Ok(Some((seconds.max(SECONDS_MIN), open)))
}

fn price(
    attempt: &Attempt,
    launch: &Launch,
    region: &str,
    prices: &RegionPrices,
    seconds: i64,
    open: bool,
) -> Result<TaskCost, Unpriced> {
    let unknown = || Unpriced::UnknownSize(id(launch));
    let missing = |what| Unpriced::NoPrice { what, region: region.to_owned() };
    let size = size(attempt, launch);
    if let Some(windows) = size.windows {
        return Err(Unpriced::Windows(windows));
    }
    let architecture = size.architecture.ok_or_else(unknown)?;
    let Rate { vcpu_hour, memory_hour } =
        prices.rate(architecture).ok_or_else(|| missing(rate_name(architecture)))?;
    let vcpus = f64::from(size.cpu.ok_or_else(unknown)?) / 1_024.0;
    let memory = f64::from(size.memory.ok_or_else(unknown)?) / 1_024.0;
    let storage = match size.ephemeral_storage.unwrap_or(0).saturating_sub(STORAGE_FREE) {
        0 => 0.0,
        more => f64::from(more) * prices.storage_hour.ok_or_else(|| missing("storage price"))?,
    };
    let spot = is_spot(attempt);
    let paid = if spot { 1.0 - prices.spot_discount.unwrap_or(table::SPOT_DISCOUNT) } else { 1.0 };
    // Spot is cheaper by what computes; storage costs the same.
    let hour = (vcpus * vcpu_hour + memory * memory_hour) * paid + storage;
    #[expect(clippy::cast_precision_loss, reason = "a task lives 14 days at most")]
    let dollars = hour * seconds as f64 / HOUR;
    let (attempt, launch) = (attempt.number, launch.number);
    Ok(TaskCost { attempt, launch, seconds, dollars, spot, open })
}

fn rate_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "price of X86_64",
        Architecture::Arm64 => "price of ARM64",
    }
}

fn is_spot(attempt: &Attempt) -> bool {
    let capacity = attempt.request.as_ref().and_then(|request| request.capacity);
    capacity == Some(Capacity::FargateSpot)
}

/// What the task was given, as ECS has it, else as it was asked for.
fn size(attempt: &Attempt, launch: &Launch) -> Size {
    let told = launch.size.clone().unwrap_or_default();
    let asked = attempt.request.as_ref().map(asked).unwrap_or_default();
    Size {
        task_definition: None,
        cpu: told.cpu.or(asked.cpu),
        memory: told.memory.or(asked.memory),
        ephemeral_storage: told.ephemeral_storage.or(asked.ephemeral_storage),
        architecture: told.architecture.or(asked.architecture),
        windows: told.windows,
    }
}

fn asked(request: &TaskRequest) -> Size {
    let changes = &request.changes;
    let (cpu, memory, storage) = (changes.cpu, changes.memory, changes.ephemeral_storage);
    match &request.source {
        TaskSource::Inline(definition) => Size {
            cpu: Some(definition.cpu),
            memory: Some(definition.memory),
            ephemeral_storage: definition.ephemeral_storage,
            architecture: Some(definition.architecture),
            ..Size::default()
        },
        TaskSource::Registered(_) => {
            Size { cpu, memory, ephemeral_storage: storage, ..Size::default() }
        }
    }
}

/// A task's id, for people.
fn id(launch: &Launch) -> String {
    let task = launch.task.as_deref().unwrap_or_default();
    task.rsplit('/').next().unwrap_or(task).to_owned()
}

#[cfg(test)]
mod tests;
