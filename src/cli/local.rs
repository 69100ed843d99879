//! `local`: an event's whole path on this machine, from the event to the exit code.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::exit::{Exit, Failure};
use super::explain::read_payload;
use super::jobs_file;
use super::logs::Tail;
use super::output::{self, DIM, WARN, printable};
use super::show::story;
use super::timeline::{self, timeline};
use super::{Common, Format, LedgerPath};
use crate::dispatch::DispatchError;
use crate::ecs::local::Runtime;
use crate::event::{self, Delivery, Event};
use crate::identity::RunId;
use crate::local::{Local, Settings, default_ledger};
use crate::record::{RecordError, Recorded};
use crate::run::Run;

/// How often the world is looked at while tasks run.
const TURN: Duration = Duration::from_millis(40);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The events' files; `-` reads standard input. Without any, what is open goes on.
    events: Vec<PathBuf>,
    /// What runs the tasks.
    #[arg(long, value_enum, default_value = "process")]
    runtime: Runtime,
    /// Give tasks this variable of your own environment, like AWS_PROFILE. May be repeated.
    #[arg(long = "pass-env", value_name = "NAME")]
    pass_env: Vec<String>,
    /// Do not print the tasks' output while they run.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    ledger: LedgerPath,
}

/// One event that can be acted upon.
struct Arrival {
    event: Event,
}

/// An event that cannot be acted upon, and why.
struct Refusal {
    body: Vec<u8>,
    unreadable: event::Unreadable,
    file: String,
}

/// What the events came to.
#[derive(Default)]
struct Tally {
    /// Task states that were taken in.
    recorded: usize,
    ids: Vec<RunId>,
    /// Those that had ended before.
    before: Vec<RunId>,
    started: usize,
    duplicates: usize,
    /// What nobody wants or nobody can read.
    rejected: Vec<String>,
}

impl Tally {
    /// Notes what became of a task state.
    fn note(&mut self, recorded: &Recorded) {
        let problem = match recorded {
            Recorded::Changed(_) | Recorded::Ignored(_) => {
                self.recorded += 1;
                return;
            }
            Recorded::Foreign => "the task is not one of this namespace's",
            Recorded::UnknownRun => "the task's run is not in this ledger",
            Recorded::UnknownStatus => "the task's last status is not one of ECS's",
        };
        self.rejected.push(problem.to_owned());
    }
}

pub(super) async fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Failure> {
    let jobs = jobs_file::load(&common.jobs)?;
    let (arrivals, refusals) = read_events(&arguments.events)?;
    let ledger =
        arguments.ledger.ledger.clone().unwrap_or_else(|| default_ledger(&common.namespace));
    let shown = ledger.display().to_string();
    let settings = Settings {
        ledger,
        namespace: common.namespace.clone(),
        runtime: arguments.runtime,
        passed_variables: arguments.pass_env.clone(),
        program: std::env::current_exe()
            .map_err(|error| Failure::environment(format!("cannot find longshore: {error}")))?,
    };
    let local = Local::open(settings, jobs)?;
    let first = format!(
        "longshore: {}; the ledger is {}\n",
        arguments.runtime.describe(),
        printable(&shown)
    );
    match common.output {
        Format::Text => drop(output::print_text(&first)?),
        Format::Json => output::print_aside(&first),
    }
    // What an earlier command left behind comes first.
    let left = open_runs(&local).await?;
    local.settle().await?;
    let mut tally = submit(&local, arrivals).await?;
    for refusal in refusals {
        local.reject(&refusal.body, &refusal.unreadable).await?;
        tally.rejected.push(format!("{}: {}", refusal.file, refusal.unreadable));
    }
    if arguments.events.is_empty() {
        tally.ids = left;
    }
    for reason in &tally.rejected {
        output::complain(&printable(reason));
    }
    let runs = watch(&local, &tally, arguments.quiet).await?;
    print(common, &tally, &runs)
}

/// Reads every file before anything starts; a file that holds nothing readable is an error.
fn read_events(paths: &[PathBuf]) -> Result<(Vec<Arrival>, Vec<Refusal>), Failure> {
    let (mut arrivals, mut refusals) = (Vec::new(), Vec::new());
    for path in paths {
        let file = printable(&path.display().to_string());
        let payload = read_payload(path)?;
        let deliveries = event::read(&payload, &Uuid::new_v4().to_string());
        let readable = deliveries.iter().flat_map(|delivery| &delivery.events).any(Result::is_ok);
        for Delivery { events, .. } in deliveries {
            for event in events {
                match event {
                    Ok(event) => arrivals.push(Arrival { event }),
                    Err(error) if !readable => {
                        let error = printable(&error.to_string());
                        return Err(Failure::bad(format!("{file}: {error}; nothing was started")));
                    }
                    Err(unreadable) => refusals.push(Refusal {
                        body: payload.clone(),
                        unreadable,
                        file: file.clone(),
                    }),
                }
            }
        }
    }
    Ok((arrivals, refusals))
}

async fn submit(local: &Local, arrivals: Vec<Arrival>) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for Arrival { event } in arrivals {
        if matches!(event, Event::TaskState(_) | Event::Observation(_)) {
            match local.record(&event).await {
                Ok(recorded) => tally.note(&recorded),
                Err(RecordError::Port(error)) => return Err(error.into()),
                Err(error @ RecordError::Misdirected(_)) => tally.rejected.push(error.to_string()),
            }
            continue;
        }
        match local.dispatch(&event).await {
            Ok(dispatched) => {
                for one in dispatched {
                    tally.started += usize::from(one.new);
                    tally.duplicates += usize::from(!one.new);
                    if tally.ids.contains(&one.run.id) {
                        continue;
                    }
                    if one.run.verdict().is_some() {
                        tally.before.push(one.run.id.clone());
                    }
                    tally.ids.push(one.run.id);
                }
            }
            Err(DispatchError::Port(error)) => return Err(error.into()),
            Err(error @ (DispatchError::Unwanted(_) | DispatchError::Misdirected(_))) => {
                tally.rejected.push(error.to_string());
            }
        }
    }
    Ok(tally)
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
async fn watch(local: &Local, tally: &Tally, quiet: bool) -> Result<Vec<Run>, Failure> {
    let mut reporter = Reporter::new(quiet, tally.before.clone());
    let mut interrupts = 0;
    loop {
        local.turn().await?;
        let runs = local.runs(&tally.ids).await?;
        reporter.report(local, &runs);
        if runs.iter().all(|run| run.verdict().is_some()) {
            reporter.finish();
            return Ok(runs);
        }
        tokio::select! {
            () = tokio::time::sleep(TURN) => {}
            _ = tokio::signal::ctrl_c() => {
                interrupts += 1;
                interrupt(local, &runs, interrupts, &reporter).await?;
            }
        }
    }
}

/// The first Ctrl-C asks the tasks to stop, the second leaves them to themselves.
async fn interrupt(
    local: &Local,
    runs: &[Run],
    count: u32,
    reporter: &Reporter,
) -> Result<(), Failure> {
    if count > 1 {
        reporter.finish();
        return Err(Failure {
            exit: Exit::Container(130),
            message: "left: the tasks go on; `longshore local` without an event follows them, \
                      `longshore runs` lists them"
                .to_owned(),
        });
    }
    reporter.say(&format!("{WARN}stopping; Ctrl-C again leaves the tasks running{WARN:#}"));
    for run in runs.iter().filter(|run| run.verdict().is_none()) {
        local.stop(&run.id).await?;
    }
    Ok(())
}

/// Tells what happens, on standard error: each line of output, and beside it one live line on a
/// terminal or a plain line for each moment elsewhere.
struct Reporter {
    bar: Option<ProgressBar>,
    quiet: bool,
    before: Vec<RunId>,
    told: BTreeMap<RunId, Vec<String>>,
    tails: BTreeMap<String, Tailed>,
}

/// The output of one task, as far as it was told.
struct Tailed {
    tail: Tail,
    /// A line that has not ended yet.
    rest: Vec<u8>,
}

impl Tailed {
    /// Reads the lines that are whole; of a task that `ended`, what is left as well.
    fn read(&mut self, ended: bool, lines: &mut Vec<String>) {
        self.rest.extend(self.tail.next());
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if ended && !self.rest.is_empty() {
            lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned());
        }
    }
}

impl Reporter {
    fn new(quiet: bool, before: Vec<RunId>) -> Self {
        let bar = output::is_live().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, quiet, before, told: BTreeMap::new(), tails: BTreeMap::new() }
    }

    fn report(&mut self, local: &Local, runs: &[Run]) {
        let now = Timestamp::now();
        for run in runs {
            // What was over before we came is told once, in the end.
            if self.before.contains(&run.id) {
                continue;
            }
            if self.bar.is_none() {
                self.tell_moments(run, now);
            }
            if !self.quiet {
                self.tell_output(local, run);
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_message(live_line(runs, now));
        }
    }

    /// Tells the moments that are new. What is still to come is told when it is there.
    fn tell_moments(&mut self, run: &Run, now: Timestamp) {
        let told = self.told.entry(run.id.clone()).or_default();
        let mut fresh = Vec::new();
        for moment in timeline(run).into_iter().filter(|moment| moment.at <= now) {
            let line =
                format!("{DIM}{}{DIM:#} {} {}", output::clock(moment.at), run.job, moment.text);
            if !told.contains(&line) {
                told.push(line.clone());
                fresh.push(line);
            }
        }
        for line in fresh {
            self.say(&line);
        }
    }

    fn tell_output(&mut self, local: &Local, run: &Run) {
        let launches = run.attempts.iter().flat_map(|attempt| &attempt.launches);
        let mut lines = Vec::new();
        for launch in launches {
            let Some(task) = &launch.task else { continue };
            let tailed = self.tails.entry(task.clone()).or_insert_with(|| Tailed {
                tail: Tail::new(local.log_file(task)),
                rest: Vec::new(),
            });
            tailed.read(launch.times.stopped_at.is_some(), &mut lines);
        }
        for line in lines {
            self.say(&format!("{DIM}{} |{DIM:#} {}", run.job, printable(&line)));
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::print_aside(&format!("{line}\n"))),
            None => output::print_aside(&format!("{line}\n")),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What goes on right now, in one line.
fn live_line(runs: &[Run], now: Timestamp) -> String {
    let open: Vec<String> = runs
        .iter()
        .filter(|run| run.verdict().is_none())
        .map(|run| {
            let since = output::span(now.duration_since(run.created_at));
            format!("{}: {} {since}", run.job, output::status(run).to_lowercase())
        })
        .collect();
    match open.as_slice() {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        few => few.join(", "),
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
            let stories: String = runs.iter().map(|run| format!("\n{}", story(run))).collect();
            output::print_text(&format!("{stories}\n{}\n", summary(tally)))?;
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
fn summary(tally: &Tally) -> String {
    let runs = |count: usize| if count == 1 { "1 run".to_owned() } else { format!("{count} runs") };
    match (tally.started, tally.duplicates) {
        (0, 0) if !tally.ids.is_empty() => format!("{} followed to the end", runs(tally.ids.len())),
        (0, 0) if tally.recorded > 0 => format!("{} task states recorded", tally.recorded),
        (0, 0) if !tally.rejected.is_empty() => "nothing started".to_owned(),
        (0, 0) => "nothing started: no job wants this event".to_owned(),
        (0, before) => format!("nothing started: {} of this event exist already", runs(before))
            .replace("1 run of this event exist ", "1 run of this event exists "),
        (started, 0) => format!("{} started", runs(started)),
        (started, before) => {
            format!("{} started; {} existed already", runs(started), runs(before))
        }
    }
}
