//! The command line: a file for each verb. They print; what happens is decided elsewhere.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{Args, Command, CommandFactory, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::ecs::local::SUPERVISE_VERB;
use crate::identity::Namespace;
use crate::local::default_ledger;

mod check;
mod cost;
mod diagnosis;
mod doctor;
#[cfg(feature = "aws")]
mod evidence;
mod exit;
mod explain;
mod init;
mod interrupts;
mod jobs_file;
mod layout;
mod local;
mod logs;
mod man;
mod output;
mod records;
mod render;
mod replay;
mod rerun;
mod run;
mod runs;
mod schema;
mod show;
mod stop;
mod timeline;
mod why;

pub use exit::Exit;
use exit::Failure;
use records::Place;

/// Runs containers on AWS Fargate when a schedule fires or an object lands: once per event, with a
/// verdict and a cause.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, max_term_width = 100, after_help = exit::HELP)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Clone, Debug, Args)]
struct Common {
    /// How to print: text for people, json for programs.
    #[arg(short = 'o', long, value_enum, default_value = "text", global = true)]
    output: Format,
    /// The file with the jobs.
    #[arg(long, default_value = "jobs.yaml", env = "LONGSHORE_JOBS", global = true)]
    jobs: PathBuf,
    /// The name that keeps this installation apart from others.
    #[arg(long, default_value = "longshore", env = "LONGSHORE_NAMESPACE", global = true)]
    namespace: Namespace,
    /// Where longshore runs: on this machine, or in AWS.
    #[arg(long = "on", value_enum, default_value = "local", env = "LONGSHORE_ON", global = true)]
    place: Place,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Where bash looks for the completions of a program by itself.
const COMPLETIONS_HELP: &str = "\
Example:
  longshore completions bash > ~/.local/share/bash-completion/completions/longshore";

/// Which ledger to use.
#[derive(Clone, Debug, Args)]
struct LedgerPath {
    /// The ledger's file; made when it is missing.
    #[arg(
        long,
        value_name = "PATH",
        help = "The ledger's file [default: .longshore/NAMESPACE.db]"
    )]
    ledger: Option<PathBuf>,
}

impl LedgerPath {
    /// The file that is named, or else the namespace's own.
    fn path(&self, common: &Common) -> PathBuf {
        self.ledger.clone().unwrap_or_else(|| default_ledger(&common.namespace))
    }
}

/// Our own program, which tasks are supervised by.
fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::environment(format!("cannot find longshore: {error}")))
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a folder a project: jobs.yaml, what SAM deploys, and a workflow that does it.
    #[command(after_help = init::HELP)]
    Init(Box<init::Arguments>),
    /// Check jobs.yaml without any AWS call: every problem with its place, and the next times.
    #[command(after_help = "Example:\n  longshore check --jobs jobs.yaml")]
    Check,
    /// Show what an event would do: jobs, run ids, the exact RunTask request. Starts nothing.
    #[command(after_help = "Example:\n  longshore explain events/s3-object-created.json -o json")]
    Explain(explain::Arguments),
    /// Run an event's jobs on this machine, from the event to the exit code.
    #[command(after_help = "Example:\n  longshore local events/s3-object-created.json")]
    Local(Box<local::Arguments>),
    /// Run a job by hand.
    #[command(after_help = run::HELP)]
    Run(run::Arguments),
    /// List runs, the newest first.
    #[command(after_help = "Example:\n  longshore runs nightly-report --failed --since 7d")]
    Runs(runs::Arguments),
    /// Show one run as a timeline.
    #[command(after_help = "Example:\n  longshore show nightly-report-4f")]
    Show(show::Arguments),
    /// Print the output of a run's task.
    #[command(after_help = "Example:\n  longshore logs nightly-report-4f --follow")]
    Logs(logs::Arguments),
    /// Stop a run: its task is asked to end, and it is not tried again.
    #[command(after_help = stop::HELP)]
    Stop(stop::Arguments),
    /// Run a job again for the values of an earlier run.
    #[command(after_help = rerun::HELP)]
    Rerun(Box<rerun::Arguments>),
    /// Show dead letters with their reasons, and send them back to where they belong.
    #[command(after_help = replay::HELP)]
    Replay(replay::Arguments),
    /// Name the one thing that a run failed of or waits for, with proof and remedy.
    #[command(after_help = "Example:\n  longshore why nightly-report-4f")]
    Why(why::Arguments),
    /// Name what is broken before anything runs: network, roles, image, secrets, log, triggers.
    #[command(after_help = "Example:\n  longshore doctor nightly-report")]
    Doctor(doctor::Arguments),
    /// Write triggers.yaml: the schedules, rules and permissions that jobs.yaml needs on AWS.
    #[command(after_help = "Example:\n  longshore render --check")]
    Render(render::Arguments),
    /// Print the JSON Schema of jobs.yaml, for editors; or its reference, for people.
    #[command(after_help = "Example:\n  longshore schema > jobs.schema.json")]
    Schema(schema::Arguments),
    /// Print the completions of a shell.
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual, a page for each verb.
    #[command(after_help = "Example:\n  longshore man ~/.local/share/man/man1")]
    Man(man::Arguments),
}

/// Whether a command line is one of longshore's, without running it: what documents show is held
/// against this.
pub fn understands(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<(), clap::Error> {
    Cli::try_parse_from(arguments).map(drop)
}

/// Runs the command line and returns the process's exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let [_, verb, ledger, task] = arguments.as_slice()
        && verb == SUPERVISE_VERB
    {
        return supervise(Path::new(ledger), &task.to_string_lossy()).into();
    }
    let cli = match parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come here too; a closed pipe is no failure.
            drop(error.print());
            return if error.use_stderr() { Exit::Usage } else { Exit::Good }.into();
        }
    };
    // What goes wrong is printed; RUST_LOG shows how it came about.
    crate::logging::init("longshore=error");
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::complain(&failure.message);
            failure.exit.into()
        }
    }
}

/// Reads the command line. A variable that is set to nothing counts as not set: CI sets many so.
fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = without_empty_variables(Cli::command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn without_empty_variables(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
            true => arg.env(Resettable::Reset),
            false => arg,
        })
        .mut_subcommands(without_empty_variables)
}

/// Watches over one task. Not a verb: longshore starts it by itself, with the task's log as stderr.
fn supervise(ledger: &Path, task: &str) -> Exit {
    match crate::ecs::local::supervise(ledger, task) {
        Ok(()) => Exit::Good,
        Err(error) => {
            output::complain(&format!("the task's supervisor gave up: {error}"));
            Exit::Environment
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.verb {
        Verb::Init(arguments) => block_on(init::run(&cli.common, arguments)),
        Verb::Check => check::run(&cli.common),
        Verb::Explain(arguments) => explain::run(&cli.common, arguments),
        Verb::Local(arguments) => block_on(local::run(&cli.common, arguments)),
        Verb::Run(arguments) => block_on(run::run(&cli.common, arguments)),
        Verb::Runs(arguments) => block_on(runs::run(&cli.common, arguments)),
        Verb::Show(arguments) => block_on(show::run(&cli.common, arguments)),
        Verb::Logs(arguments) => block_on(logs::run(&cli.common, arguments)),
        Verb::Stop(arguments) => block_on(stop::run(&cli.common, arguments)),
        Verb::Rerun(arguments) => block_on(rerun::run(&cli.common, arguments)),
        Verb::Replay(arguments) => block_on(replay::run(&cli.common, arguments)),
        Verb::Why(arguments) => block_on(why::run(&cli.common, arguments)),
        Verb::Doctor(arguments) => block_on(doctor::run(&cli.common, arguments)),
        Verb::Render(arguments) => render::run(&cli.common, arguments),
        Verb::Man(arguments) => man::run(&cli.common, arguments, Cli::command()),
        Verb::Schema(arguments) => schema::run(arguments),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "longshore", &mut script);
            output::print_text(&String::from_utf8_lossy(&script))
        }
    }
}

/// Runs a verb that waits for things. One thread is enough: nothing here computes.
fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format!("cannot start: {error}")))?
        .block_on(work)
}

#[cfg(test)]
mod tests;
