//! Tells what happens to runs while they are watched.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressDrawTarget};
use jiff::Timestamp;

use crate::cli::logs::Tail;
use crate::cli::output::{self, DIM, TICK, printable};
use crate::cli::timeline::timeline;
use crate::identity::RunId;
use crate::local::Local;
use crate::run::Run;

/// Tells what happens, on standard error: each line of output, and beside it one live line on a
/// terminal or a plain line for each moment elsewhere.
pub(super) struct Reporter {
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
    /// Whether it was read to its end.
    over: bool,
}

impl Tailed {
    /// Reads the lines that are whole; of a task that `ended`, what is left as well.
    fn read(&mut self, ended: bool, lines: &mut Vec<String>) {
        if self.over {
            return;
        }
        self.over = ended;
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
    pub(super) fn new(quiet: bool, before: Vec<RunId>) -> Self {
        let (told, tails) = (BTreeMap::new(), BTreeMap::new());
        Self { bar: output::spinner(), quiet, before, told, tails }
    }

    /// Tells what is new. A run that has ended is told to its end: it need not come again.
    pub(super) fn report(&mut self, local: &Local, runs: &[Run]) {
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
                over: false,
            });
            let ended = launch.times.stopped_at.is_some() || run.verdict().is_some();
            tailed.read(ended, &mut lines);
        }
        for line in lines {
            self.say(&format!("{DIM}{} |{DIM:#} {}", run.job, printable(&line)));
        }
    }

    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::print_aside(&format!("{line}\n"))),
            None => output::print_aside(&format!("{line}\n")),
        }
    }

    /// Waits for something that needs the terminal for itself.
    pub(super) async fn pause<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(bar) = &self.bar else { return work.await };
        bar.disable_steady_tick();
        bar.set_draw_target(ProgressDrawTarget::hidden());
        let done = work.await;
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(TICK);
        done
    }

    pub(super) fn finish(&self) {
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
