//! `local`: an event's whole path on this machine, from the event to the exit code.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::exit::{Exit, Failure};
use super::explain::{Unmet, place_of, read_payload};
use super::interrupts::Interrupts;
use super::jobs_file;
use super::output::{self, printable};
use super::show::story;
use super::timeline;
use super::{Common, Format, layout};
use crate::dispatch::Dispatched;
use crate::ecs::local::Runtime;
use crate::event::{self, Event, Unreadable};
use crate::function::NotHandled;
use crate::identity::RunId;
use crate::jobs::Jobs;
use crate::local::Local;
use crate::record::Recorded;
use crate::run::{Ending, Run, Verdict};

mod leaving;
mod machine;
mod reporter;
mod serve;

pub(super) use leaving::OnInterrupt;
use leaving::heed;
pub(super) use machine::Machine;
use reporter::Reporter;

/// How often the world is looked at while tasks run.
const TURN: Duration = Duration::from_millis(40);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The events' files; `-` reads standard input. Without any, what is open goes on.
    events: Vec<PathBuf>,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    serve: serve::Serving,
}

/// What a file held, as far as it could be read.
pub(super) struct Arrival {
    /// Where it stood, to be read before a complaint: `event.json: `.
    pub(super) place: String,
    /// What the message said.
    pub(super) body: Rc<str>,
    pub(super) event: Result<Event, Unreadable>,
}

/// What the events came to.
#[derive(Default)]
struct Tally {
    /// Whether there was any event.
    has_events: bool,
    /// Task states that were taken in.
    recorded: usize,
    ids: Vec<RunId>,
    /// Those that had ended before.
    before: Vec<RunId>,
    started: usize,
    duplicates: usize,
    /// What keeps objects that no job wants from its triggers.
    unmet: Vec<Unmet>,
    /// What nobody wants or nobody can read.
    rejected: Vec<String>,
}

impl Tally {
    /// Notes what became of a task state that stood at `place`.
    fn note_recorded(&mut self, recorded: &Recorded, place: &str) {
        let problem = match recorded {
            Recorded::Changed(_) | Recorded::Repeated(_) | Recorded::Ignored(_) => {
                self.recorded += 1;
                return;
            }
            Recorded::Foreign => "the task is not one of this namespace's",
            Recorded::UnknownRun => "the task's run is not in this ledger",
            Recorded::UnknownStatus => "the task's last status is not one of ECS's",
        };
        self.rejected.push(format!("{place}{problem}"));
    }

    /// Notes the runs of an event.
    fn note_dispatched(&mut self, dispatched: Vec<Dispatched>) {
        for Dispatched { run, new } in dispatched {
            self.started += usize::from(new);
            self.duplicates += usize::from(!new);
            if self.ids.contains(&run.id) {
                continue;
            }
            if run.verdict().is_some() {
                self.before.push(run.id.clone());
            }
            self.ids.push(run.id);
        }
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    if let Some(address) = arguments.serve.serve {
        let settings = arguments.machine.settings(common)?;
        return serve::run(common, &arguments.serve, settings, address).await;
    }
    let jobs = jobs_file::load(&common.jobs)?;
    let arrivals = read_events(&arguments.events)?;
    take(common, &arguments.machine, jobs, arrivals, OnInterrupt::Stop).await
}

/// Takes events their whole way on this machine; without any, what is open.
pub(super) async fn take(
    common: &Common,
    machine: &Machine,
    jobs: Jobs,
    arrivals: Vec<Arrival>,
    on_interrupt: OnInterrupt,
) -> Result<Exit, Failure> {
    let settings = machine.settings(common)?;
    let shown = settings.ledger.display().to_string();
    let local = Local::open(settings, jobs)?;
    // From here on an interrupt stops what was started.
    let mut interrupts = Interrupts::listen()?;
    let first =
        format!("longshore: {}; the ledger is {}\n", machine.runtime.describe(), printable(&shown));
    match common.output {
        Format::Text => drop(output::print_text(&first)?),
        Format::Json => output::print_aside(&first),
    }
    // What an earlier command left behind comes first.
    let left = open_runs(&local).await?;
    local.catch_up().await?;
    let mut tally = submit(&local, arrivals).await?;
    if !tally.has_events {
        // What waits in the queue may start more: a letter that was sent back.
        local.turn().await?;
        let opened = open_runs(&local).await?.into_iter().filter(|id| !left.contains(id));
        let opened: Vec<RunId> = opened.collect();
        tally.ids = [left, opened].concat();
    }
    for reason in &tally.rejected {
        output::complain(&printable(reason));
    }
    let runs = watch(&local, &tally, machine.quiet, &mut interrupts, on_interrupt).await?;
    let exit = print(common, &tally, &runs)?;
    if machine.runtime == Runtime::Process && runs.iter().any(failed_to_start) {
        output::print_aside(IMAGE_IGNORED);
    }
    Ok(exit)
}

/// What a person whose task did not start may not have thought of.
const IMAGE_IGNORED: &str = "note: a process ignores the image: what the command needs must be \
                             installed here, or use --runtime docker, podman or finch\n";

fn failed_to_start(run: &Run) -> bool {
    run.attempts.last().is_some_and(|attempt| attempt.ending == Some(Ending::FailedToStart))
}

/// Reads every file before anything starts; a file that holds nothing readable is an error.
fn read_events(paths: &[PathBuf]) -> Result<Vec<Arrival>, Failure> {
    let mut arrivals = Vec::new();
    for path in paths {
        let file = printable(&path.display().to_string());
        let payload = read_payload(path)?;
        let deliveries = event::read(&payload, &Uuid::new_v4().to_string());
        let readable = deliveries.iter().flat_map(|delivery| &delivery.events).any(Result::is_ok);
        let place = place_of(&deliveries);
        for delivery in deliveries {
            let place = format!("{file}: {}", place(&delivery));
            let body: Rc<str> = delivery.body.into();
            for event in delivery.events {
                match event {
                    Err(error) if !readable => {
                        let error = printable(&error.to_string());
                        return Err(Failure::bad(format!("{place}{error}; nothing was started")));
                    }
                    event => {
                        arrivals.push(Arrival {
                            place: place.clone(),
                            body: Rc::clone(&body),
                            event,
                        });
                    }
                }
            }
        }
    }
    Ok(arrivals)
}

/// Hands every event in. What nobody can act upon goes to the reject queue, as on AWS.
async fn submit(local: &Local, arrivals: Vec<Arrival>) -> Result<Tally, Failure> {
    let mut tally = Tally { has_events: !arrivals.is_empty(), ..Tally::default() };
    for Arrival { place, body, event } in arrivals {
        let handed_in = match event {
            Ok(event) => hand_in(local, &event, &place, &mut tally).await,
            Err(unreadable) => Err(NotHandled::Refused(unreadable.to_string())),
        };
        match handed_in {
            Ok(()) => {}
            Err(NotHandled::Refused(reason)) => {
                tally.rejected.push(format!("{place}{reason}"));
                local.reject(&body, reason).await?;
            }
            Err(NotHandled::Port(error)) => return Err(error.into()),
        }
    }
    Ok(tally)
}

async fn hand_in(
    local: &Local,
    event: &Event,
    place: &str,
    tally: &mut Tally,
) -> Result<(), NotHandled> {
    if matches!(event, Event::TaskState(_) | Event::Observation(_)) {
        tally.note_recorded(&local.record(event).await?, place);
    } else {
        let dispatched = local.dispatch(event).await?;
        if dispatched.is_empty() {
            tally.unmet.extend(Unmet::of(local.jobs(), event));
        }
        tally.note_dispatched(dispatched);
    }
    Ok(())
}

async fn open_runs(local: &Local) -> Result<Vec<RunId>, Failure> {
    let filter = crate::ledger::Filter {
        open: true,
        oldest_first: true,
        ..crate::ledger::Filter::default()
    };
    Ok(local.list(&filter).await?.into_iter().map(|run| run.id).collect())
}

/// Turns the wheel until every run has ended, telling what happens meanwhile.
async fn watch(
    local: &Local,
    tally: &Tally,
    quiet: bool,
    interrupts: &mut Interrupts,
    on_interrupt: OnInterrupt,
) -> Result<Vec<Run>, Failure> {
    let mut reporter = Reporter::new(quiet, tally.before.clone());
    // What has ended was told to its end, and is not looked at again.
    let mut open = tally.ids.clone();
    loop {
        local.turn().await?;
        let mut runs = local.runs(&open).await?;
        reporter.report(local, &runs);
        runs.retain(|run| run.verdict().is_none());
        if runs.is_empty() {
            reporter.finish();
            return Ok(local.runs(&tally.ids).await?);
        }
        open = runs.iter().map(|run| run.id.clone()).collect();
        tokio::select! {
            () = tokio::time::sleep(TURN) => {}
            interrupt = interrupts.next() => {
                heed(interrupt, interrupts, on_interrupt, local, &runs, &reporter).await?;
            }
        }
    }
}

fn print(common: &Common, tally: &Tally, runs: &[Run]) -> Result<Exit, Failure> {
    match common.output {
        Format::Json => {
            let shown: Vec<Value> = runs.iter().map(timeline::to_json).collect();
            output::print_json(&json!({
                "started": tally.started,
                "duplicates": tally.duplicates,
                "rejected": tally.rejected,
                "runs": shown,
            }))?;
        }
        Format::Text => {
            let width = layout::width();
            let stories: String =
                runs.iter().map(|run| format!("\n{}", story(run, width))).collect();
            output::print_text(&format!("{stories}\n{}\n", summary(tally, runs)))?;
        }
    }
    let bad = runs.iter().map(Exit::of).find(|exit| *exit != Exit::Good);
    Ok(match bad {
        Some(exit) => exit,
        None if !tally.rejected.is_empty() => Exit::Bad,
        None => Exit::Good,
    })
}

/// `1 run started`, `nothing started: the event was here before`.
fn summary(tally: &Tally, runs: &[Run]) -> String {
    let count =
        |count: usize| if count == 1 { "1 run".to_owned() } else { format!("{count} runs") };
    let is_skipped =
        |run: &&Run| run.verdict() == Some(Verdict::Skipped) && !tally.before.contains(&run.id);
    let skipped = runs.iter().filter(is_skipped).count().min(tally.started);
    let mut parts = Vec::new();
    match tally.started - skipped {
        0 if skipped > 0 || tally.duplicates > 0 => {}
        0 => parts.push(nothing_came_of_it(tally)),
        started => parts.push(format!("{} started", count(started))),
    }
    if skipped > 0 {
        parts.push(format!("{} skipped", count(skipped)));
    }
    match (tally.duplicates, parts.is_empty()) {
        (0, _) => {}
        (duplicates, false) => parts.push(format!("{} existed already", count(duplicates))),
        (duplicates, true) => {
            let verb = if duplicates == 1 { "exists" } else { "exist" };
            parts.push(format!(
                "nothing started: {} of this event {verb} already ({})",
                count(duplicates),
                once_more(runs)
            ));
        }
    }
    parts.join("; ")
}

/// How what ran before can be run again: one that ended badly is wanted to.
fn once_more(runs: &[Run]) -> String {
    match runs {
        [run] if run.verdict().is_some_and(|verdict| verdict != Verdict::Succeeded) => {
            format!("`longshore rerun {}` runs it again", run.id)
        }
        _ => "with another --ledger it starts anew".to_owned(),
    }
}

/// Why there is neither a new run nor one from before.
fn nothing_came_of_it(tally: &Tally) -> String {
    match tally {
        Tally { ids, .. } if !ids.is_empty() => match ids.len() {
            1 => "1 run followed to the end".to_owned(),
            count => format!("{count} runs followed to the end"),
        },
        Tally { recorded: 1, .. } => "1 task state recorded".to_owned(),
        Tally { recorded: 2.., .. } => format!("{} task states recorded", tally.recorded),
        Tally { rejected, .. } if !rejected.is_empty() => "nothing started".to_owned(),
        Tally { has_events: false, .. } => "nothing started: no run is open".to_owned(),
        Tally { unmet, .. } => {
            let unmet: String =
                unmet.iter().map(|unmet| format!("\n  {}", unmet.to_text())).collect();
            format!("nothing started: no job wants this event{unmet}")
        }
    }
}
