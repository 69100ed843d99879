//! A task that is a container: made, started, followed and taken away through its engine.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread;

use rustix::process::Signal;

use super::{EndsWithUs, POLL, Ran, Supervisor, SupervisorError};
use crate::ecs::local::body::{Body, Group};
use crate::ecs::local::container::{self, Container, Ended, Watch};
use crate::ecs::local::engine::{self, Limits, complaint, note};
use crate::ecs::local::log_times::Noter;
use crate::ecs::local::state::End;
use crate::ecs::local::{create, output, program};

impl Supervisor {
    pub(super) fn run_container(&mut self, engine: &str) -> Result<Ran, SupervisorError> {
        let container = Container::of(engine, &self.state.task_arn);
        // Taken away in the end, however it comes; known before it is there.
        let ending = EndsWithUs(Body::Container(container.clone()));
        self.note_body(&ending.0)?;
        if let Some(ran) = self.create(&container)? {
            return Ok(ran);
        }
        let place = StartPlace::new(&self.path)?;
        let mut start = container.start();
        start.process_group(0).current_dir(&place.0);
        let (mut child, output) = match output::spawn(start) {
            Ok(started) => started,
            Err(error) => return Ok(not_started(&format!("{engine}: {error}"))),
        };
        let output = output::keep(output, &self.log, Noter::open(&self.path)?)?;
        let ended = self.watch(&container, &mut child);
        // Past its container's end it has nothing to wait for.
        let _ = child.kill();
        let _ = child.wait();
        output::drain(output);
        Ok(match ended? {
            Watched::Ended(end) => Ran::Ended(place.with_memory(end)),
            Watched::NeverRan(error) => not_started(&self.why_never_ran(error)),
            Watched::Stopped(reason) => Ran::Stopped(reason),
        })
    }

    /// Makes the container, which may pull its image for minutes; a stop ends that.
    fn create(&mut self, container: &Container) -> Result<Option<Ran>, SupervisorError> {
        let engine = &container.engine;
        let limits = Limits::of(engine);
        let mut create = create::command(container, &self.state.task_arn, &self.order, limits);
        create.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = match create.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Some(not_started(&format!("{engine}: {error}")))),
        };
        let output = match self.created(child)? {
            Ok(output) => output,
            Err(reason) => return Ok(Some(Ran::Stopped(reason))),
        };
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Ok(Some(Ran::NotStarted(self.why_not_created(container, &told))));
        }
        let warnings = engine::warnings(&told).map(|warning| format!("{engine}: {warning}"));
        for line in limits.missing(engine).into_iter().chain(warnings) {
            self.log.write_all(note(&line).as_bytes())?;
        }
        Ok(None)
    }

    /// Waits until the engine has made the container, or the task is asked to stop: then the
    /// reason.
    fn created(&self, child: Child) -> io::Result<Result<Output, String>> {
        let group = Group::of(child.id());
        // Read beside the waiting: an engine that prints more than a pipe holds must not hang.
        let engine = thread::spawn(move || child.wait_with_output());
        while !engine.is_finished() {
            if let Some(reason) = self.asked_to_stop() {
                if let Some(group) = group {
                    group.signal(Signal::KILL);
                }
                return Ok(Err(reason));
            }
            thread::sleep(POLL);
        }
        let output =
            engine.join().map_err(|_| io::Error::other("the engine was not waited for"))?;
        Ok(Ok(output?))
    }

    /// Follows the container from its start to its end. The engine's word counts: whoever is
    /// attached may end before the container does, when the engine starts anew.
    fn watch(
        &mut self,
        container: &Container,
        child: &mut Child,
    ) -> Result<Watched, SupervisorError> {
        let mut watch = Watch::new(container);
        // A container that never ran must not be told of as running.
        loop {
            // Looked at before the engine is asked: what it said earlier is no word on the end.
            let has_left = child.try_wait()?.is_some();
            let state = watch.ask()?;
            if state.as_ref().is_some_and(container::has_run) {
                break;
            }
            if has_left
                && let Some(Ended::NeverRan(error)) = state.as_ref().and_then(container::ended)
            {
                return Ok(Watched::NeverRan(error));
            }
            if let Some(reason) = self.asked_to_stop() {
                return Ok(Watched::Stopped(reason));
            }
            thread::sleep(POLL);
        }
        self.has_started()?;
        let mut ended = None;
        let stopped = self.wait(
            || {
                if child.try_wait()?.is_some() {
                    ended = watch.ended()?;
                }
                Ok(ended.is_some())
            },
            |signal| container.signal(signal),
        )?;
        let (code, reason) = match ended {
            Some(Ended::Exited { code, reason }) => (Some(code), reason),
            // It ran, and nobody knows how it ended.
            Some(Ended::NeverRan(error)) => (None, Some(error)),
            None => (None, None),
        };
        Ok(Watched::Ended(End { code, reason, stopped }))
    }

    /// ECS's reason for a container that could not be made: without its image, or for another.
    fn why_not_created(&self, container: &Container, told: &str) -> String {
        let engine = &container.engine;
        let image = program::definition(&self.order.request).map(|definition| &definition.image);
        let has_image =
            image.is_some_and(|image| engine::tell(engine, &["image", "inspect", image]).is_ok());
        let error =
            if has_image { "CannotCreateContainerError" } else { "CannotPullContainerError" };
        format!("{error}: {engine}: {}", or_nothing(complaint(told)))
    }

    /// Why a container never ran: what its engine keeps as the reason, else what it printed, which
    /// is all that the log holds then.
    fn why_never_ran(&self, error: String) -> String {
        if !error.is_empty() {
            return error;
        }
        let log = fs::read(&self.path).unwrap_or_default();
        or_nothing(complaint(&String::from_utf8_lossy(&log))).to_owned()
    }
}

/// What became of a container that was started.
enum Watched {
    Ended(End),
    NeverRan(String),
    /// Asked to stop before it ran, with this reason.
    Stopped(String),
}

fn not_started(reason: &str) -> Ran {
    Ran::NotStarted(format!("CannotStartContainerError: {reason}"))
}

fn or_nothing(complaint: &str) -> &str {
    if complaint.is_empty() { "the container engine gave no reason" } else { complaint }
}

/// A folder of the task's own, in which its container is started. Podman before 5 never says that
/// the memory was too small: its monitor leaves a file `oom` where it was started
/// (<https://github.com/containers/conmon/issues/504>).
struct StartPlace(PathBuf);

impl StartPlace {
    fn new(log: &Path) -> io::Result<Self> {
        let place = Self(log.with_extension("start"));
        fs::create_dir_all(&place.0)?;
        Ok(place)
    }

    /// The end, with the memory as its reason where that was it.
    fn with_memory(&self, mut end: End) -> End {
        if end.reason.is_none() && self.0.join("oom").exists() {
            end.reason = Some(container::out_of_memory());
        }
        end
    }
}

impl Drop for StartPlace {
    fn drop(&mut self) {
        // Empty but for that file.
        let _ = fs::remove_dir_all(&self.0);
    }
}
