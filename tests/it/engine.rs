//! Tasks as containers of a real engine, podman or docker. `make containers` brings it and the images,
//! and says which it is; without that these tests are listed as ignored, with that reason.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::local::check_end;
use crate::program::{Done, Project, Running, task, wait_for};

/// A script that runs until it is killed, whatever else it is sent.
const DEAF: &str = "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done";

/// A project whose job `work` runs in a container.
struct Engine {
    project: Project,
}

impl Engine {
    /// A job with these settings; its image says what it was called with.
    fn new(settings: &[&str]) -> Self {
        let image = ["task.image: localhost/longshore-test"];
        let given = settings.iter().any(|setting| setting.starts_with("task.image:"));
        let image = if given { &image[..0] } else { &image[..] };
        Self { project: Project::new(&task(&[image, settings].concat())) }
    }

    /// A job that runs a script.
    fn script(script: &str, settings: &[&str]) -> Self {
        let command = format!("task.command: {}", json!(["-c", script]));
        let shell = ["task.entryPoint: [/bin/sh]", &command];
        Self::new(&[&shell, settings].concat())
    }

    /// The program, with what its calls of the engine need.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("PASSED", "from the host").env("UNASKED", "from the host");
        for name in ["CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DOCKER_HOST"] {
            if let Ok(value) = std::env::var(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the job once, until it has ended.
    fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(&["run", "work", "-o", "json", "--runtime", &told("")]);
        for option in told("_OPTIONS").split_whitespace() {
            command.arg("--engine-option").arg(option);
        }
        command.args(arguments);
        Running::start(command)
    }

    fn run(&self, arguments: &[&str]) -> Done {
        self.start(arguments).finish()
    }

    /// Starts the job and waits until its program has printed something.
    fn start_up(&self) -> Running {
        let running = self.start(&[]);
        wait_for("the task", || !self.read(&["runs"]).is_empty() && !self.logs().is_empty());
        running
    }

    /// What a command prints that only looks, or nothing.
    fn read(&self, arguments: &[&str]) -> String {
        Running::start(self.command(arguments)).finish().stdout
    }

    fn logs(&self) -> String {
        self.read(&["logs", "work"])
    }

    /// The only run, as it is told now.
    fn told(&self) -> Value {
        Running::start(self.command(&["show", "work", "-o", "json"])).finish().json()
    }

    /// The name that the run's container has, or had.
    fn container(&self) -> String {
        let task = self.told()["attempts"][0]["launches"][0]["task"].clone();
        let id = task.as_str().and_then(|arn| arn.rsplit('/').next()).expect("a task");
        format!("longshore-{id}")
    }

    /// Holds that the engine knows nothing of the container any more.
    fn check_gone(&self) {
        assert!(!containers().contains(&self.container()), "{}", containers());
    }
}

/// What `make containers` says of the engine.
fn told(what: &str) -> String {
    std::env::var(format!("TEST_ENGINE{what}")).expect("call `make containers`")
}

/// Runs one of the engine's own commands.
fn engine(arguments: &[&str]) -> String {
    let output = Command::new(told("")).args(arguments).output().expect("the engine");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The names of all containers of tasks, found by their label.
fn containers() -> String {
    engine(&["ps", "--all", "--filter", "label=longshore.task", "--format", "{{.Names}}"])
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn exit_code_and_output_are_the_containers_own() {
    for (code, verdict) in [(0, "Succeeded"), (3, "Failed"), (143, "Failed")] {
        let script =
            format!("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit {code}");
        let engine = Engine::script(&script, &[]);
        check_end(&engine.run(&[]), code, verdict, Some(code), "");
        let expected: String = (0..2000).map(|number| format!("line {number}\n")).collect();
        assert_eq!(engine.logs(), expected);
        engine.check_gone();
    }
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn entry_point_and_command_are_as_in_ecs() {
    let odd = r#"task.command: ["-c", 'for word; do echo "<$word>"; done', "", "--help", "a  b", "$HOME", ""]"#;
    for (settings, printed) in [
        (&[][..], "entry point of the image: command of the image\n"),
        (&["task.command: [a, b]"], "entry point of the image: a b\n"),
        (&["task.entryPoint: [/bin/echo, mine]"], "mine\n"),
        (&["task.entryPoint: [/bin/echo, mine]", "task.command: [a]"], "mine a\n"),
        (&["task.entryPoint: [/bin/sh]", odd], "<--help>\n<a  b>\n<$HOME>\n<>\n"),
    ] {
        let engine = Engine::new(settings);
        check_end(&engine.run(&[]), 0, "Succeeded", Some(0), "");
        assert_eq!(engine.logs(), printed);
    }
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn environment_folder_and_user_are_the_jobs() {
    let script = "env; echo FOLDER=$PWD; echo USER=$(id -u):$(id -g)";
    let settings = [
        "task.environment: { COLOUR: \"red; $blue\", LINES: \"a\\nb\" }",
        "task.workingDirectory: /tmp",
        "task.user: '1000:2000'",
    ];
    let engine = Engine::script(script, &settings);
    check_end(&engine.run(&["--pass-env", "PASSED"]), 0, "Succeeded", Some(0), "");
    let told = engine.logs();
    for line in [
        "COLOUR=red; $blue",
        "LINES=a",
        "b",
        "FROM_IMAGE=image",
        "LONGSHORE_JOB=work",
        "LONGSHORE_ATTEMPT=1",
        "FOLDER=/tmp",
        "USER=1000:2000",
        "PASSED=from the host",
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in\n{told}");
    }
    assert!(!told.contains("UNASKED"), "{told}");
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn a_readonly_root_filesystem_is_one() {
    for (is_readonly, printed) in [("true", "refused\n"), ("false", "written\n")] {
        let setting = format!("task.readonlyRootFilesystem: {is_readonly}");
        let script = "if (echo > /open/file) 2>/dev/null; then echo written; else echo refused; fi";
        let engine = Engine::script(script, &[&setting]);
        check_end(&engine.run(&[]), 0, "Succeeded", Some(0), "");
        assert_eq!(engine.logs(), printed);
    }
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn cpu_and_memory_are_limited_or_it_is_told_that_they_are_not() {
    let script = "cd /sys/fs/cgroup; cat memory.max memory/memory.limit_in_bytes; \
                  cat cpu.max cpu/cpu.cfs_quota_us; true";
    let engine = Engine::script(script, &["task.cpu: 512", "task.memory: 1024"]);
    check_end(&engine.run(&[]), 0, "Succeeded", Some(0), "");
    let (log, held) = (engine.logs(), told("_LIMITS"));
    for (limit, value) in [("memory", "1073741824\n"), ("cpu", "50000")] {
        assert_eq!(log.contains(value), held.contains(limit), "{held}\n{log}");
    }
    let are_held = held.contains("memory") && held.contains("cpu");
    assert_eq!(log.contains("[longshore: "), !are_held, "{log}");
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn too_little_memory_is_named() {
    let engine = Engine::new(&["task.entryPoint: [/bin/sort, /dev/zero]"]);
    let done = engine.run(&["--engine-option=--memory=64m", "--engine-option=--memory-swap=64m"]);
    check_end(&done, 137, "Failed", Some(137), "OutOfMemoryError");
    assert!(!engine.project.path("oom").exists(), "the engine left its note with the person");
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn a_stop_is_a_sigterm_and_a_sigkill_after_the_stop_timeout() {
    let engine = Engine::script(DEAF, &["task.stopTimeout: 2s"]);
    let running = engine.start_up();
    let asked = Instant::now();
    let stop = Running::start(engine.command(&["stop", "work"])).finish();
    assert_eq!(stop.code, Some(0), "{stop:#?}");
    assert!(asked.elapsed() >= Duration::from_secs(2), "killed before its time");
    check_end(&running.finish(), 137, "Cancelled", Some(137), "");
    assert_eq!(engine.logs(), "up\nasked\n");
    engine.check_gone();
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn without_a_stop_timeout_there_are_thirty_seconds_as_on_fargate() {
    let engine = Engine::script(DEAF, &[]);
    let running = engine.start_up();
    let asked = Instant::now();
    Running::start(engine.command(&["stop", "work"])).finish();
    assert!(asked.elapsed() >= Duration::from_secs(30), "killed before its time");
    check_end(&running.finish(), 137, "Cancelled", Some(137), "");
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn who_heeds_the_stop_keeps_their_exit_code() {
    let script = "trap 'echo asked; exit 143' TERM; echo up; while :; do sleep 0.1; done";
    let engine = Engine::script(script, &["timeout: 1s"]);
    check_end(&engine.run(&[]), 143, "TimedOut", Some(143), "timeout");
    assert_eq!(engine.logs(), "up\nasked\n");
    engine.check_gone();
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn a_container_is_stopped_by_the_signal_that_its_image_wants() {
    let script = "trap 'echo asked; exit 0' USR1; echo up; while :; do sleep 0.1; done";
    let engine = Engine::script(script, &["timeout: 1s", "task.image: localhost/longshore-other"]);
    check_end(&engine.run(&[]), 1, "TimedOut", Some(0), "timeout");
    assert_eq!(engine.logs(), "up\nasked\n");
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn a_container_that_somebody_kills_has_failed() {
    let engine = Engine::script(DEAF, &[]);
    let running = engine.start_up();
    self::engine(&["kill", "--signal", "KILL", &engine.container()]);
    check_end(&running.finish(), 137, "Failed", Some(137), "exited with code 137");
    engine.check_gone();
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn a_container_outlives_the_command_that_started_it() {
    let script = "echo up; until [ -e /tmp/gate ]; do sleep 0.1; done; exit 4";
    let engine = Engine::script(script, &[]);
    assert!(engine.start_up().kill());
    self::engine(&["exec", &engine.container(), "/bin/sh", "-c", "echo > /tmp/gate"]);
    let done = Running::start(engine.command(&["local", "-o", "json"])).finish();
    check_end(&done, 4, "Failed", Some(4), "exited with code 4");
    engine.check_gone();
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn a_container_without_its_supervisor_is_found_and_taken_away() {
    let engine = Engine::script(DEAF, &["task.image: localhost/longshore-other"]);
    let running = engine.start_up();
    let name = engine.container();
    assert!(running.kill());
    assert_eq!(engine.project.kill("supervise-task"), 1);
    assert!(containers().contains(&name), "it went with its supervisor");
    let asked = Instant::now();
    assert_eq!(engine.told()["verdict"], "Lost");
    // It heeds no SIGTERM: an engine that was left to its own ways would wait for it.
    assert!(asked.elapsed() < Duration::from_secs(10), "it was given time to end");
    engine.check_gone();
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn an_image_that_cannot_be_had_is_named_so() {
    for (image, option, kind) in [
        ("localhost:1/none", "--pull=missing", "image-unreachable"),
        ("localhost/none", "--pull=never", "image-unpullable"),
    ] {
        let image = format!("task.image: '{image}'");
        let engine = Engine::new(&[&image, "launches: { max: 1 }"]);
        let done = engine.run(&["--engine-option", option]);
        check_end(&done, 1, "Failed", None, "CannotPullContainerError: ");
        assert_eq!(done.only_run()["cause"]["kind"], kind, "{done:#?}");
        engine.check_gone();
    }
}

#[test]
#[ignore = "needs a container engine: make containers"]
fn what_keeps_a_container_from_starting_is_named() {
    for (setting, option, told, kind) in [
        (
            "task.entryPoint: [no-such]",
            "--tty=false",
            "CannotStartContainerError: ",
            "program-missing",
        ),
        (
            "task.entryPoint: [/bin/sh]",
            "--no-such",
            ": unknown flag: --no-such",
            "container-not-started",
        ),
    ] {
        let engine = Engine::new(&[setting, "launches: { max: 1 }"]);
        let done = engine.run(&["--engine-option", option]);
        check_end(&done, 1, "Failed", None, told);
        let run = done.only_run();
        assert_eq!(run["cause"]["kind"], kind, "{run:#}");
        let launch = &run["attempts"][0]["launches"][0];
        assert_eq!(launch["times"]["startedAt"], Value::Null, "{launch:#}");
        engine.check_gone();
    }
}
