//! A task's container, and what its engine says of it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Its program never ran, for this reason.
    NeverRan(String),
}

impl Container {
    /// Asks the engine for its state.
    pub(super) fn inspect(&self) -> Inspected {
        let told = self.tell(&["inspect", "--format", "{{json .State}}"]);
        match told {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(state) => Inspected::State(state),
                Err(_) => Inspected::NoAnswer,
            },
            Err(complaint) if says_gone(&complaint) => Inspected::Gone,
            Err(_) => Inspected::NoAnswer,
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
        let signal = if signal == Signal::TERM { "TERM" } else { "KILL" };
        drop(self.tell(&["kill", "--signal", signal]));
    }

    /// Takes it away, running or not.
    pub(super) fn remove(&self) {
        drop(self.tell(&["rm", "--force"]));
    }

    /// Runs an engine's command on it to its end; its output, or its last complaint.
    fn tell(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.engine);
        command.args(arguments).arg(&self.name).stdin(Stdio::null());
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(last_line(&String::from_utf8_lossy(&output.stderr)).to_owned())
    }
}

/// The container was taken away while it was watched.
#[derive(Debug, thiserror::Error)]
#[error("the container {0} is gone, and with it how it ended")]
pub struct Gone(String);

/// An engine that is asked for one container, not too often, and given time to come back.
pub(super) struct Engine<'a> {
    container: &'a Container,
    ask_at: Instant,
    gone_since: Option<Instant>,
}

impl<'a> Engine<'a> {
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

/// What counts of an engine's complaint.
pub(super) fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// `No such object` is docker's word for it, `no such container` podman's.
fn says_gone(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    complaint.contains("no such container") || complaint.contains("no such object")
}

/// Whether the container's program was started.
pub(super) fn has_run(state: &Value) -> bool {
    let text = |name: &str| state.get(name).and_then(Value::as_str).unwrap_or_default();
    let created = ["created", "initialized", "configured"].contains(&text("Status"));
    !created && !text("StartedAt").starts_with("0001")
}

/// How the container ended; `None` while it has not.
pub(super) fn ended(state: &Value) -> Option<Ended> {
    if state.get("Running").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let code = state.get("ExitCode").and_then(Value::as_i64).and_then(|code| code.try_into().ok());
    Some(match code {
        Some(code) if has_run(state) => {
            let out_of_memory = state.get("OOMKilled").and_then(Value::as_bool) == Some(true);
            let reason = out_of_memory
                .then(|| "OutOfMemoryError: Container killed due to memory usage".to_owned());
            Ended::Exited { code, reason }
        }
        _ => {
            let error = state.get("Error").and_then(Value::as_str).unwrap_or_default();
            let error = match error {
                "" => "the container engine could not start it",
                error => error,
            };
            Ended::NeverRan(format!("CannotStartContainerError: {error}"))
        }
    })
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
                Some(Ended::NeverRan("CannotStartContainerError: no sh".to_owned())),
            ),
            (
                json!({ "Status": "exited", "StartedAt": zero, "ExitCode": 128 }),
                Some(Ended::NeverRan(
                    "CannotStartContainerError: the container engine could not start it".to_owned(),
                )),
            ),
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
