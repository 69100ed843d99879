//! A task's container, and what its engine says of it.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{engine, task_id};

/// How often a container engine is asked for a container.
const ENGINE_POLL: Duration = Duration::from_millis(200);
/// How long a container may be unknown to its engine before it is taken for gone.
const GONE_PATIENCE: Duration = Duration::from_secs(5);

/// A container, by its engine and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Container {
    /// The engine's program: `docker`, `podman` or `finch`.
    pub(super) engine: String,
    /// Its name.
    pub(super) name: String,
}

/// What the engine answers when it is asked for a container.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Inspected {
    /// It stands so.
    State(Value),
    /// There is none of this name.
    Gone,
    /// It does not answer: it may be starting anew.
    NoAnswer,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its program ran.
    Exited {
        /// Its exit code.
        code: i32,
        /// ECS's reason for the container.
        reason: Option<String>,
    },
    /// Its program never ran; what its engine keeps as the reason, which may be nothing.
    NeverRan(String),
}

impl Container {
    /// The container of a task, whoever looks for it.
    pub(super) fn of(engine: &str, task: &str) -> Self {
        Self { engine: engine.to_owned(), name: format!("longshore-{}", task_id(task)) }
    }

    /// Asks the engine for its state.
    pub(super) fn inspect(&self) -> Inspected {
        match self.read("{{json .State}}") {
            Ok(Some(state)) => Inspected::State(state),
            Err(complaint) if says_gone(&complaint) => Inspected::Gone,
            Ok(None) | Err(_) => Inspected::NoAnswer,
        }
    }

    /// The command that starts it and stays with its output.
    pub(super) fn start(&self) -> Command {
        let mut start = Command::new(&self.engine);
        start.args(["start", "--attach", &self.name]);
        start
    }

    /// Sends it a signal. It may have ended by now.
    pub(super) fn signal(&self, signal: Signal) {
        let asked = || self.stop_signal().unwrap_or_else(|| "TERM".to_owned());
        let signal = if signal == Signal::TERM { asked() } else { "KILL".to_owned() };
        drop(self.tell(&["kill", "--signal", &signal]));
    }

    /// The signal by which its image wants to be stopped, as Fargate does it; podman before 5 has
    /// its number.
    fn stop_signal(&self) -> Option<String> {
        match self.read("{{json .Config.StopSignal}}").ok()?? {
            Value::String(name) if !name.is_empty() => Some(name),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Takes it away, running or not, with the volumes that it alone has.
    pub(super) fn remove(&self) {
        match self.tell(&["rm", "--volumes"]) {
            Err(complaint) if !says_gone(&complaint) => {
                // It runs. To remove it by force alone, podman would give it time to end.
                self.signal(Signal::KILL);
                drop(self.tell(&["rm", "--force", "--volumes"]));
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// What the engine knows of it; `None` when that cannot be read.
    fn read(&self, format: &str) -> Result<Option<Value>, String> {
        Ok(serde_json::from_str(&self.tell(&["inspect", "--format", format])?).ok())
    }

    /// Runs an engine's command on it to its end; its output, or its complaint.
    fn tell(&self, arguments: &[&str]) -> Result<String, String> {
        engine::tell(&self.engine, &[arguments, &[&self.name]].concat())
    }
}

/// The container was taken away while it was watched.
#[derive(Debug, thiserror::Error)]
#[error("the container {0} is gone, and with it how it ended")]
pub struct Gone(String);

/// A container that is asked for, not too often; its engine is given time to come back.
pub(super) struct Watch<'a> {
    container: &'a Container,
    ask_at: Instant,
    gone_since: Option<Instant>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(container: &'a Container) -> Self {
        Self { container, ask_at: Instant::now(), gone_since: None }
    }

    /// The container's state, if it is time to ask and the engine answers.
    pub(super) fn ask(&mut self) -> Result<Option<Value>, Gone> {
        if Instant::now() < self.ask_at {
            return Ok(None);
        }
        self.ask_at = Instant::now() + ENGINE_POLL;
        match self.container.inspect() {
            Inspected::State(state) => {
                self.gone_since = None;
                Ok(Some(state))
            }
            Inspected::NoAnswer => Ok(None),
            Inspected::Gone => {
                let since = *self.gone_since.get_or_insert_with(Instant::now);
                if since.elapsed() < GONE_PATIENCE {
                    return Ok(None);
                }
                // Somebody took it away: how it ended can no longer be known.
                Err(Gone(self.container.name.clone()))
            }
        }
    }

    pub(super) fn ended(&mut self) -> Result<Option<Ended>, Gone> {
        Ok(self.ask()?.as_ref().and_then(ended))
    }
}

/// `No such object` is docker's word for it, `no such container` podman's.
fn says_gone(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    complaint.contains("no such container") || complaint.contains("no such object")
}

/// Whether the container's program was started.
pub(super) fn has_run(state: &Value) -> bool {
    let created = ["created", "initialized", "configured"].contains(&text(state, "Status"));
    !created && !text(state, "StartedAt").starts_with("0001")
}

/// How the container ended; `None` while it has not. Only docker says `Running` of one that is
/// paused, or being stopped by somebody else.
pub(super) fn ended(state: &Value) -> Option<Ended> {
    let says = |name: &str| state.get(name).and_then(Value::as_bool) == Some(true);
    let living = ["running", "paused", "stopping", "restarting"];
    if says("Running") || living.contains(&text(state, "Status")) {
        return None;
    }
    let code = state.get("ExitCode").and_then(Value::as_i64).and_then(|code| code.try_into().ok());
    Some(match code {
        Some(code) if has_run(state) => {
            Ended::Exited { code, reason: says("OOMKilled").then(out_of_memory) }
        }
        _ => Ended::NeverRan(text(state, "Error").to_owned()),
    })
}

/// ECS's reason for a container that was killed for its memory.
pub(super) fn out_of_memory() -> String {
    "OutOfMemoryError: Container killed due to memory usage".to_owned()
}

fn text<'a>(state: &'a Value, name: &str) -> &'a str {
    state.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_engines_words_become_an_end() {
        let exited = |code, reason: Option<&str>| {
            Some(Ended::Exited { code, reason: reason.map(str::to_owned) })
        };
        let memory = "OutOfMemoryError: Container killed due to memory usage";
        let zero = "0001-01-01T00:00:00Z";
        for (state, expected) in [
            (json!({ "Status": "running", "Running": true, "StartedAt": "2026-01-02" }), None),
            (
                json!({ "Status": "exited", "StartedAt": "2026-01-02", "ExitCode": 3 }),
                exited(3, None),
            ),
            (
                json!({ "Status": "exited", "StartedAt": "2026-01-02", "ExitCode": 137, "OOMKilled": true }),
                exited(137, Some(memory)),
            ),
            (
                json!({ "Status": "created", "StartedAt": zero, "ExitCode": 127, "Error": "no sh" }),
                Some(Ended::NeverRan("no sh".to_owned())),
            ),
            (
                json!({ "Status": "exited", "StartedAt": zero, "ExitCode": 128 }),
                Some(Ended::NeverRan(String::new())),
            ),
            (json!({ "Status": "paused", "Running": false, "StartedAt": "2026-01-02" }), None),
        ] {
            assert_eq!(ended(&state), expected, "{state}");
        }
    }

    #[test]
    fn an_engine_that_is_not_there_says_nothing_of_the_container() {
        let container =
            Container { engine: "/nonexistent/docker".to_owned(), name: "x".to_owned() };
        assert_eq!(container.inspect(), Inspected::NoAnswer);
        let folder = tempfile::tempdir().unwrap();
        let says = |text: &str| {
            let engine = folder.path().join("engine");
            std::fs::write(&engine, format!("#!/bin/sh\n{text}\n")).unwrap();
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&engine, mode).unwrap();
            let engine = engine.to_str().unwrap().to_owned();
            Container { engine, name: "x".to_owned() }.inspect()
        };
        assert_eq!(says("echo 'Error: No such object: x' >&2; exit 1"), Inspected::Gone);
        assert_eq!(says("echo 'Error: no such container x' >&2; exit 125"), Inspected::Gone);
        let daemon = "echo 'Cannot connect to the Docker daemon' >&2; exit 1";
        assert_eq!(says(daemon), Inspected::NoAnswer);
        assert_eq!(says("echo nonsense"), Inspected::NoAnswer);
        let state = Inspected::State(json!({ "Running": true }));
        assert_eq!(says("echo '{\"Running\":true}'"), state);
    }
}
