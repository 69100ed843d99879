//! The supervisor of one task: starts it, keeps its output, ends it when asked, and writes every
//! step down. It is a process of its own, so it knows the exit code whatever becomes of the others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use super::{Order, lock_file, log_file, program, record, task_id, tasks_folder};
use crate::event::{LastStatus, StopCode, TaskState};
use crate::ledger::LedgerError;
use crate::ledger::database::Database;

/// Bytes of output kept of one task.
const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// How often the task is looked at.
const POLL: Duration = Duration::from_millis(25);
/// How often the ledger is asked whether the task shall stop.
const STOP_POLL: Duration = Duration::from_millis(150);
/// How long to try to write a step down.
const WRITE_PATIENCE: Duration = Duration::from_secs(120);
/// How long to read on after the task ended, for output that is still in the pipe.
const DRAIN: Duration = Duration::from_secs(2);

/// Why a supervisor could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The ledger's file.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Files beside it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no such task.
    #[error("there is no task {0}")]
    UnknownTask(String),
}

/// Takes a task from PENDING to STOPPED. Returns at once when another supervisor has it.
pub fn supervise(ledger: &Path, task: &str) -> Result<(), SupervisorError> {
    let database = Database::reopen(ledger)?;
    fs::create_dir_all(tasks_folder(ledger))?;
    // Held until this process ends, however it ends.
    let lock = File::create(lock_file(ledger, task))?;
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let taken = database.with(|sqlite| {
        sqlite.execute("UPDATE tasks SET supervised = 1 WHERE arn = ?1 AND supervised = 0", [task])
    })?;
    if taken == 0 {
        return Ok(());
    }
    let order: String = database.with(|sqlite| {
        sqlite.query_row("SELECT request FROM tasks WHERE arn = ?1", [task], |row| row.get(0))
    })?;
    let order: Order =
        serde_json::from_str(&order).map_err(|_| SupervisorError::UnknownTask(task.to_owned()))?;
    let Some((state, _)) = database.with(|sqlite| record::read(sqlite, task))? else {
        return Err(SupervisorError::UnknownTask(task.to_owned()));
    };
    let log = OpenOptions::new().create(true).append(true).open(log_file(ledger, task))?;
    Supervisor { database, state, order, log }.run()
}

struct Supervisor {
    database: Database,
    state: TaskState,
    order: Order,
    log: File,
}

/// Why a task's program does not run.
enum NotStarted {
    /// It could not be started.
    Failed(String),
    /// It was stopped before, with this reason.
    Stopped(String),
}

/// How a task's program ended.
struct End {
    code: Option<i32>,
    /// ECS's reason for the container.
    reason: Option<String>,
    /// The StopTask reason, when it was stopped.
    stopped: Option<String>,
}

impl Supervisor {
    fn run(mut self) -> Result<(), SupervisorError> {
        self.step(LastStatus::Pending, |state, now| state.pull_started_at = Some(now))?;
        if let Some(reason) = self.stop_reason()? {
            return self.finish(End { code: None, reason: None, stopped: Some(reason) });
        }
        let started = match self.order.runtime.engine() {
            None => self.start_process(),
            Some(engine) => self.start_container(engine),
        };
        let (child, output) = match started {
            Ok(started) => started,
            Err(NotStarted::Failed(reason)) => return self.fail_to_start(&reason),
            Err(NotStarted::Stopped(reason)) => {
                return self.finish(End { code: None, reason: None, stopped: Some(reason) });
            }
        };
        let output = self.keep_output(output)?;
        self.step(LastStatus::Running, |state, now| {
            state.pull_stopped_at = Some(now);
            state.started_at = Some(now);
        })?;
        let end = match self.order.runtime.engine() {
            None => self.watch_process(child, output)?,
            Some(engine) => self.watch_container(engine, child, output)?,
        };
        if let Some(reason) = end.reason.as_ref().filter(|_| end.code.is_none()) {
            let reason = reason.clone();
            return self.fail_to_start(&reason);
        }
        self.finish(end)
    }

    fn start_process(&self) -> Result<(Child, PipeReader), NotStarted> {
        let command = program::process(&self.order.request, &self.order.passed_variables);
        let mut command =
            command.ok_or_else(|| NotStarted::Failed("the job has no command".to_owned()))?;
        // Its own process group, so that its children can be ended with it.
        command.process_group(0);
        let name = command.get_program().to_string_lossy().into_owned();
        spawn(command).map_err(|error| {
            NotStarted::Failed(match error.kind() {
                io::ErrorKind::NotFound => format!(
                    "CannotStartContainerError: exec: \"{name}\": executable file not found in $PATH"
                ),
                _ => format!("CannotStartContainerError: exec: \"{name}\": {error}"),
            })
        })
    }

    fn start_container(&self, engine: &str) -> Result<(Child, PipeReader), NotStarted> {
        let name = self.container_name();
        let request = &self.order.request;
        let create =
            program::create_container(engine, &name, request, &self.order.passed_variables);
        self.create(engine, create)?;
        let mut start = Command::new(engine);
        start.args(["start", "--attach", &name]).process_group(0);
        spawn(start).map_err(|error| {
            NotStarted::Failed(format!("CannotStartContainerError: {engine}: {error}"))
        })
    }

    /// Makes the container, which may pull its image for minutes; a stop ends that.
    fn create(&self, engine: &str, mut create: Command) -> Result<(), NotStarted> {
        let failed = |problem: &str| {
            NotStarted::Failed(format!("CannotPullContainerError: {engine}: {problem}"))
        };
        create.process_group(0);
        let (mut child, mut output) = spawn(create).map_err(|error| failed(&error.to_string()))?;
        let group = pid_of(&child);
        // Read beside the waiting: an engine that prints more than a pipe holds must not hang.
        let told = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).map(|_| text).unwrap_or_default()
        });
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(_)) => {
                    let told = told.join().unwrap_or_default();
                    let last = told.lines().rev().find(|line| !line.trim().is_empty());
                    return Err(failed(last.unwrap_or("it gave no reason")));
                }
                Ok(None) => {}
                Err(error) => return Err(failed(&error.to_string())),
            }
            if let Ok(Some(reason)) = self.stop_reason() {
                signal_group(group, Signal::KILL);
                drop(child.wait());
                return Err(NotStarted::Stopped(reason));
            }
            thread::sleep(STOP_POLL);
        }
    }

    fn container_name(&self) -> String {
        format!("longshore-{}", task_id(&self.state.task_arn))
    }

    /// Copies the task's output into its log, up to the cap, until every writer is gone.
    fn keep_output(&self, mut output: PipeReader) -> io::Result<JoinHandle<()>> {
        let mut log = self.log.try_clone()?;
        Ok(thread::spawn(move || {
            let mut kept: u64 = 0;
            let mut chunk = [0; 8192];
            // A reader that stops would stop the task: past the cap the output is read and dropped.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                let bytes = chunk.get(..count).unwrap_or_default();
                if kept < LOG_BYTES_MAX && log.write_all(bytes).is_ok() {
                    kept += bytes.len() as u64;
                    if kept >= LOG_BYTES_MAX {
                        let mib = LOG_BYTES_MAX / 1024 / 1024;
                        drop(writeln!(log, "\n[longshore: the log ends here, at {mib} MiB]"));
                    }
                }
            }
        }))
    }

    fn watch_process(
        &self,
        mut child: Child,
        output: JoinHandle<()>,
    ) -> Result<End, SupervisorError> {
        let group = pid_of(&child);
        let mut status = None;
        let stopped = self.wait(
            || {
                status = child.try_wait()?;
                Ok(status.is_some())
            },
            |signal| signal_group(group, signal),
        )?;
        // What the program left behind ends with it, as in a container.
        signal_group(group, Signal::KILL);
        drain(output);
        Ok(End { code: status.map(exit_code), reason: None, stopped })
    }

    fn watch_container(
        &self,
        engine: &str,
        mut child: Child,
        output: JoinHandle<()>,
    ) -> Result<End, SupervisorError> {
        let name = self.container_name();
        let inspect = || -> Value {
            let mut inspect = Command::new(engine);
            inspect.args(["inspect", "--format", "{{json .State}}", &name]);
            let text = run_quietly(inspect).ok();
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
        };
        let mut state = Value::Null;
        let stopped = self.wait(
            || {
                if child.try_wait()?.is_none() {
                    return Ok(false);
                }
                // `start --attach` may end before its container does, when the engine restarts.
                state = inspect();
                Ok(state["Running"] != true)
            },
            |signal| {
                let signal = if signal == Signal::TERM { "TERM" } else { "KILL" };
                let mut kill = Command::new(engine);
                kill.args(["kill", "--signal", signal, &name]);
                drop(run_quietly(kill));
            },
        )?;
        drain(output);
        let end = container_end(&state, stopped);
        let mut remove = Command::new(engine);
        remove.args(["rm", "--force", &name]);
        drop(run_quietly(remove));
        Ok(end)
    }

    /// Waits for the end; when asked to stop, SIGTERM, and SIGKILL after the stop timeout. Returns
    /// the reason it was stopped for.
    fn wait(
        &self,
        mut is_over: impl FnMut() -> io::Result<bool>,
        signal: impl Fn(Signal),
    ) -> Result<Option<String>, SupervisorError> {
        let stop_timeout = Duration::from_secs(program::stop_timeout_secs(&self.order.request));
        let mut stopped: Option<String> = None;
        let mut kill_at: Option<Instant> = None;
        let mut ask_at = Instant::now();
        while !is_over()? {
            if stopped.is_none() && Instant::now() >= ask_at {
                // A ledger that does not answer now is asked again; the task goes on.
                stopped = self.stop_reason().unwrap_or_default();
                ask_at = Instant::now() + STOP_POLL;
                if stopped.is_some() {
                    signal(Signal::TERM);
                    kill_at = Some(Instant::now() + stop_timeout);
                }
            }
            if kill_at.is_some_and(|at| Instant::now() >= at) {
                signal(Signal::KILL);
                kill_at = None;
            }
            thread::sleep(POLL);
        }
        Ok(stopped)
    }

    fn stop_reason(&self) -> Result<Option<String>, LedgerError> {
        self.database.with(|sqlite| {
            sqlite
                .prepare_cached("SELECT stop_reason FROM tasks WHERE arn = ?1")?
                .query_row([&self.state.task_arn], |row| row.get(0))
        })
    }

    fn fail_to_start(mut self, reason: &str) -> Result<(), SupervisorError> {
        self.step(LastStatus::Stopped, |state, now| {
            state.desired_status = LastStatus::Stopped;
            state.stop_code = Some(StopCode::TaskFailedToStart);
            state.stopped_reason = Some("Task failed to start".to_owned());
            state.stopped_at = Some(now);
            state.started_at = None;
            for container in &mut state.containers {
                container.last_status = LastStatus::Stopped;
                container.reason = Some(reason.to_owned());
            }
        })?;
        Ok(())
    }

    fn finish(mut self, end: End) -> Result<(), SupervisorError> {
        let (code, reason) = match end.stopped {
            Some(reason) => (StopCode::UserInitiated, reason),
            None => (
                StopCode::EssentialContainerExited,
                "Essential container in task exited".to_owned(),
            ),
        };
        self.step(LastStatus::Deprovisioning, |state, now| {
            state.desired_status = LastStatus::Stopped;
            state.stop_code = Some(code);
            state.stopped_reason = Some(reason);
            state.stopping_at = Some(now);
            state.execution_stopped_at = Some(now);
            for container in &mut state.containers {
                container.last_status = LastStatus::Stopped;
                container.exit_code = end.code;
                container.reason.clone_from(&end.reason);
            }
        })?;
        self.step(LastStatus::Stopped, |state, now| state.stopped_at = Some(now))?;
        Ok(())
    }

    /// Writes one step, with its event.
    fn step(
        &mut self,
        status: LastStatus,
        change: impl FnOnce(&mut TaskState, Timestamp),
    ) -> Result<(), LedgerError> {
        let now = Timestamp::now();
        self.state.last_status = status;
        self.state.version += 1;
        for container in &mut self.state.containers {
            if self.state.last_status == LastStatus::Running {
                container.last_status = LastStatus::Running;
            }
        }
        change(&mut self.state, now);
        let give_up_at = Instant::now() + WRITE_PATIENCE;
        loop {
            match self.database.transaction(|sqlite| record::write(sqlite, &self.state, now)) {
                // A full disk or a busy file may pass, and nobody else knows what happened here.
                Err(LedgerError::Unavailable(_)) if Instant::now() < give_up_at => {
                    thread::sleep(STOP_POLL);
                }
                written => return written,
            }
        }
    }
}

/// Starts a program whose two outputs go into one pipe, in the order they are written.
fn spawn(mut command: Command) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let child = command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // `command` holds our ends of the pipe; they must go, or the reader would never see the end.
    drop(command);
    Ok((child, reader))
}

/// Runs an engine's command to its end; its output, or its complaint.
fn run_quietly(mut command: Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{program}: {last}"))
}

/// What the engine's `inspect` says of a container that is over.
fn container_end(state: &Value, stopped: Option<String>) -> End {
    let text = |name: &str| state.get(name).and_then(Value::as_str).unwrap_or_default();
    let never_ran = ["created", "initialized", "configured"].contains(&text("Status"))
        || (text("StartedAt").starts_with("0001") && !text("Error").is_empty());
    let code = state.get("ExitCode").and_then(Value::as_i64).and_then(|code| code.try_into().ok());
    let out_of_memory = state.get("OOMKilled").and_then(Value::as_bool) == Some(true);
    match (never_ran, code) {
        (false, Some(code)) => End {
            code: Some(code),
            reason: out_of_memory
                .then(|| "OutOfMemoryError: Container killed due to memory usage".to_owned()),
            stopped,
        },
        (true, _) | (_, None) => End {
            code: None,
            reason: Some(format!(
                "CannotStartContainerError: {}",
                match text("Error") {
                    "" => "the container engine could not start it",
                    error => error,
                }
            )),
            stopped,
        },
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn signal_group(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // There may be nobody left in it.
        let _ = kill_process_group(group, signal);
    }
}

/// A shell's number for how a process ended: its code, or 128 and the signal.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}

/// Waits a little for the last output; a writer that escaped does not hold us up.
fn drain(output: JoinHandle<()>) {
    let until = Instant::now() + DRAIN;
    while !output.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(2));
    }
}
