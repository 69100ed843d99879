//! A container engine: whether it is there, what it can hold a container to, and what it says.

use std::process::{Command, Stdio};

/// Why an engine runs no containers.
#[derive(Debug, thiserror::Error)]
pub enum NoEngine {
    /// Its program is not here.
    #[error(
        "there is no `{0}` in your PATH: install it, or leave out --runtime to run tasks as processes"
    )]
    Missing(&'static str),
    /// It is here and does not work.
    #[error(
        "`{0}` does not answer: {1}; start it, or leave out --runtime to run tasks as processes"
    )]
    Silent(&'static str, String),
}

/// Looks whether an engine is there and answers: without it no launch could do better.
pub(super) fn check(engine: &'static str) -> Result<(), NoEngine> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&folders).any(|folder| folder.join(engine).is_file()) {
        return Err(NoEngine::Missing(engine));
    }
    match tell(engine, &["ps", "--quiet"]) {
        Ok(_) => Ok(()),
        Err(complaint) => Err(NoEngine::Silent(engine, complaint)),
    }
}

/// Runs an engine's command to its end; its output, or its complaint.
pub(super) fn tell(engine: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(engine);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(complaint(&String::from_utf8_lossy(&output.stderr)).to_owned())
}

/// What counts of what a failed command printed: its last words that are no advice and not ours.
pub(super) fn complaint(text: &str) -> &str {
    let is_said = |line: &&str| {
        let besides = ["Usage:", "See '", "Run '", NOTE];
        !line.is_empty() && !besides.iter().any(|beginning| line.starts_with(beginning))
    };
    let last = text.lines().rev().map(str::trim).find(is_said).unwrap_or_default();
    last.strip_prefix("Error: ").unwrap_or(last)
}

/// What lines of our own begin with in a task's log.
const NOTE: &str = "[longshore: ";

/// A line of our own in a task's log.
pub(super) fn note(text: &str) -> String {
    format!("{NOTE}{text}]\n")
}

/// The warnings in what a command printed that did its work: a limit that is not held, an image
/// made for other machines.
pub(super) fn warnings(text: &str) -> impl Iterator<Item = &str> {
    let marks = ["warning", "discarded", "not supported"];
    text.lines().filter(move |line| {
        let line = line.to_lowercase();
        marks.iter().any(|mark| line.contains(mark))
    })
}

/// Which limits an engine can hold a container to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) cpu: bool,
    pub(super) memory: bool,
}

impl Limits {
    /// Asks podman, which refuses to start what it cannot limit. The others leave such a limit out
    /// by themselves, and say so.
    pub(super) fn of(engine: &str) -> Self {
        let all = Self { cpu: true, memory: true };
        if engine != "podman" {
            return all;
        }
        let told = tell(engine, &["info", "--format", "{{json .Host.CgroupControllers}}"]);
        let controllers = told.ok().and_then(|told| serde_json::from_str(&told).ok());
        controllers.map_or(all, |controllers: Option<Vec<String>>| {
            let has = |name: &str| controllers.iter().flatten().any(|known| known == name);
            Self { cpu: has("cpu"), memory: has("memory") }
        })
    }

    /// What is told of limits that the task runs without.
    pub(super) fn missing(self, engine: &str) -> Option<String> {
        let missing = match (self.cpu, self.memory) {
            (true, true) => return None,
            (false, true) => "cpu",
            (true, false) => "memory",
            (false, false) => "cpu and memory",
        };
        Some(format!(
            "{engine} cannot limit {missing} here, for want of a cgroup controller: the task runs \
             without that limit"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_the_last_line_that_says_something() {
        for (text, expected) in [
            ("Trying to pull x...\nError: no such host\n", "no such host"),
            ("Error: unknown flag: --x\nSee 'podman create --help'\n", "unknown flag: --x"),
            (
                "docker: Error response from daemon: denied\n\nRun 'docker create --help' for more\n",
                "docker: Error response from daemon: denied",
            ),
            (
                "unknown flag: --x\n\nUsage:  docker create [OPTIONS] IMAGE\n\nRun 'docker create'\n",
                "unknown flag: --x",
            ),
            ("no\n[longshore: a note]\n", "no"),
            ("\n", ""),
        ] {
            assert_eq!(complaint(text), expected, "{text}");
        }
    }

    #[test]
    fn warnings_are_told_and_progress_is_not() {
        let text = "Trying to pull x...\nWARNING: The requested image's platform does not match\n\
                    Your kernel does not support CPU cfs quota. Quota discarded.\n0a1b2c\n";
        assert_eq!(warnings(text).count(), 2);
    }

    #[test]
    fn a_limit_that_cannot_be_held_is_named() {
        let told = |cpu, memory| Limits { cpu, memory }.missing("podman").unwrap_or_default();
        assert_eq!(told(true, true), "");
        assert!(told(false, true).starts_with("podman cannot limit cpu here"));
        assert!(told(true, false).starts_with("podman cannot limit memory here"));
        assert!(told(false, false).starts_with("podman cannot limit cpu and memory here"));
    }
}
