//! The real program on a project of its own: a folder with jobs.yaml and events, commands that
//! have a time limit, and nothing left running behind.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail by panic")]

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What any command or condition may take: far more than it needs, so that only a hang meets it.
const LIMIT: Duration = Duration::from_secs(50);
const POLL: Duration = Duration::from_millis(5);

/// A folder in which commands run; every process in it dies with it.
pub(crate) struct Project {
    folder: TempDir,
}

/// A command that runs.
pub(crate) struct Running {
    child: Child,
    stdout: File,
    stderr: File,
    shown: String,
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// A project with this jobs.yaml.
    pub(crate) fn new(jobs: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("longshore-it-").tempdir();
        let project = Self { folder: folder.expect("a folder for the project") };
        project.write("jobs.yaml", jobs);
        project
    }

    /// The repository's own jobs.yaml and events.
    pub(crate) fn sample() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let jobs = fs::read_to_string(repository.join("jobs.yaml")).expect("jobs.yaml");
        let project = Self::new(&jobs);
        symlink(repository.join("events"), project.path("events")).expect("a link to events/");
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file of the project");
    }

    /// A file of the project; empty while there is none.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }

    /// How many lines a file of the project has by now.
    pub(crate) fn lines(&self, name: &str) -> usize {
        self.read(name).iter().filter(|byte| **byte == b'\n').count()
    }

    /// Writes a manual event of the job `work`; returns the file's name.
    pub(crate) fn event(&self, key: &str) -> String {
        let name = format!("{key}.json");
        self.write(&name, json!({ "job": "work", "key": key }).to_string());
        name
    }

    /// The program, with nothing of our own environment but what is needed to find programs.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        for name in ["PATH", "HOME", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("TMPDIR", self.folder.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.start(arguments).finish()
    }

    /// The runs as `runs` lists them, the oldest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let done = self.run(&["runs", "-o", "json", "--limit", "0"]);
        assert_eq!(done.code, Some(0), "{done:#?}");
        let mut runs = done.json()["runs"].as_array().cloned().expect("runs is a list");
        runs.reverse();
        runs
    }

    /// The pids of what runs in the folder and was started with this argument.
    pub(crate) fn processes(&self, argument: &str) -> Vec<Pid> {
        let Ok(folder) = self.folder.path().canonicalize() else { return Vec::new() };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
            .filter(|entry| {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                argument.is_empty()
                    || line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
            })
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
            .collect()
    }

    /// Kills what runs in the folder and was started with this argument, and waits for its end;
    /// returns how many there were.
    pub(crate) fn kill(&self, argument: &str) -> usize {
        let killed = Cell::new(0);
        wait_for("the killed to be gone", || {
            let left = self.processes(argument);
            // It may have ended by itself.
            let signals = left.iter().map(|pid| kill_process(*pid, Signal::KILL));
            killed.set(killed.get().max(signals.filter(Result::is_ok).count()));
            left.is_empty()
        });
        killed.get()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A folder under a failed test is left to its processes rather than panicking twice.
        if !thread::panicking() {
            self.kill("");
            return;
        }
        for pid in self.processes("") {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        // Files, not pipes: nobody has to read along.
        let stdout = tempfile::tempfile().expect("a file for output");
        let into = stdout.try_clone().expect("a second handle").into();
        Self { stdout, ..Self::start_into(command, into) }
    }

    /// Starts a command whose standard output goes elsewhere.
    pub(crate) fn start_into(mut command: Command, stdout: Stdio) -> Self {
        let file = || tempfile::tempfile().expect("a file for output");
        let stderr = file();
        let shown = format!("{command:?}");
        command.stdout(stdout).stderr(stderr.try_clone().expect("a second handle"));
        let child = command.spawn().expect("longshore starts");
        Self { child, stdout: file(), stderr, shown }
    }

    /// Gives the command its standard input; it must have been started with a pipe.
    pub(crate) fn feed(&mut self, input: &str) {
        let mut stdin = self.child.stdin.take().expect("a pipe to standard input");
        stdin.write_all(input.as_bytes()).expect("the command reads");
    }

    /// Types on the command's standard input, which must be a pipe and stays open.
    pub(crate) fn type_in(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe to standard input");
        stdin.write_all(keys.as_bytes()).expect("the command reads");
        stdin.flush().expect("the command reads");
    }

    /// What it has printed on standard error by now.
    pub(crate) fn stderr(&self) -> String {
        written(&self.stderr)
    }

    /// What it has printed on standard output by now.
    pub(crate) fn stdout(&self) -> String {
        written(&self.stdout)
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a status").is_none()
    }

    /// Kills the command at once, and it alone; returns whether it was still there to be killed.
    pub(crate) fn kill(mut self) -> bool {
        self.child.kill().expect("a signal");
        self.child.wait().expect("an end").signal() == Some(Signal::KILL.as_raw())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a pid"), signal).expect("a signal");
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Done {
        let until = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            if Instant::now() > until {
                drop(self.child.kill());
                let (stdout, stderr) = (self.stdout(), self.stderr());
                panic!("{} did not end:\n{stdout}\n{stderr}", self.shown);
            }
            thread::sleep(POLL);
        };
        assert_ne!(status.signal(), Some(Signal::ABORT.as_raw()), "{} aborted", self.shown);
        let (stdout, stderr) = (self.stdout(), self.stderr());
        assert!(!stderr.contains("panicked at"), "{} panicked: {stderr}", self.shown);
        Done { code: status.code(), stdout, stderr }
    }
}

impl Done {
    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("no JSON: {error}: {self:#?}"),
        }
    }

    /// Its only run.
    #[track_caller]
    pub(crate) fn only_run(&self) -> Value {
        match self.json()["runs"].as_array().map(Vec::as_slice) {
            Some([run]) => run.clone(),
            _ => panic!("not one run: {self:#?}"),
        }
    }
}

/// What a file holds. The command writes at the position that it shares with us, so we leave that
/// where it is.
fn written(file: &File) -> String {
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0).expect("a file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Polls until the condition holds.
#[track_caller]
pub(crate) fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        thread::sleep(POLL);
    }
}

/// A jobs.yaml whose job `work` runs a script. A setting that begins with `task.` belongs to the
/// task.
pub(crate) fn job(script: &str, settings: &[&str]) -> String {
    let command = format!("command: {}", json!(["sh", "-c", script]));
    task(&[&["task.image: alpine", &format!("task.{command}")], settings].concat())
}

/// A jobs.yaml with the job `work` and these settings alone.
pub(crate) fn task(settings: &[&str]) -> String {
    let mut text = "jobs:\n  work:\n    task:\n".to_owned();
    for line in settings.iter().filter_map(|setting| setting.strip_prefix("task.")) {
        text += &format!("      {line}\n");
    }
    for line in settings.iter().filter(|setting| !setting.starts_with("task.")) {
        text += &format!("    {line}\n");
    }
    text
}
