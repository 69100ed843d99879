//! `longshore local` on a terminal: one line that lives, and everything else above it.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "a test may fail by panic")]

use std::process::{Command, Stdio};

use crate::local::UNTIL_GATE;
use crate::program::{Project, Running, job, wait_for};

/// The program on a pseudo-terminal that `script` makes; `None` where there is none.
pub(crate) fn on_terminal(project: &Project, arguments: &[&str]) -> Option<Command> {
    let works = Command::new("script").args(["-qec", "true", "/dev/null"]).output();
    if !cfg!(target_os = "linux") || !works.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: util-linux's `script` is not there to make a terminal");
        return None;
    }
    // Its environment and folder, in another program.
    let plain = project.command(arguments);
    let words = [plain.get_program()].into_iter().chain(plain.get_args());
    let line: Vec<String> =
        words.map(|word| format!("'{}'", word.to_str().expect("plain words"))).collect();
    let mut command = Command::new("script");
    command.args(["-qec", &line.join(" "), "/dev/null"]).env_clear().env("TERM", "xterm-256color");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(plain.get_current_dir().expect("the project"));
    command.stdin(Stdio::null());
    Some(command)
}

#[test]
fn one_line_lives_while_the_task_runs_and_is_gone_afterwards() {
    let project = Project::new(&job(&format!("echo hello; {UNTIL_GATE}; echo bye"), &[]));
    let event = project.event("once");
    let Some(command) = on_terminal(&project, &["local", &event]) else { return };
    let running = Running::start(command);
    wait_for("the live line", || running.stdout().contains("work: running "));
    wait_for("the first line of output", || running.stdout().contains(" hello\r\n"));
    project.write("gate", "");
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    let shown = done.stdout;
    // The line is redrawn in its place: it is never left behind by a line end.
    assert!(shown.split("\r\n").all(|line| !line.ends_with("work: running")), "{shown:?}");
    assert!(shown.contains("\u{1b}[2K"), "the line is wiped: {shown:?}");
    assert!(shown.contains("\u{1b}[32mSucceeded\u{1b}[0m"), "{shown:?}");
    let last_live = shown.rfind("work: running ").expect("the live line");
    let story = shown.find("1 run started").expect("the summary");
    assert!(last_live < story, "{shown:?}");
    // The moments are in the story alone: beside the live line nobody needs them.
    assert_eq!(shown.matches("attempt 1").count(), 1, "{shown:?}");
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let project = Project::new(&job("echo hello", &[]));
    let event = project.event("once");
    let Some(mut command) = on_terminal(&project, &["local", &event]) else { return };
    command.env("TERM", "dumb");
    let done = Running::start(command).finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(!done.stdout.contains("\u{1b}[2K"), "{done:#?}");
    assert!(done.stdout.contains("work | hello"), "{done:#?}");
}

/// `run` of a job that ends at a gate, with a person at the terminal who presses Ctrl-C.
fn interrupted() -> Option<(Project, Running)> {
    let project =
        Project::new(&job(&format!("echo x >> marker; {UNTIL_GATE}"), &["task.stopTimeout: 2s"]));
    let mut command = on_terminal(&project, &["run", "work"])?;
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    wait_for("the task", || project.lines("marker") == 1);
    wait_for("its news", || project.runs()[0]["status"] == "Running");
    running.type_in("\u{3}");
    wait_for("the question", || running.stdout().contains("stop the task? y stops it"));
    Some((project, running))
}

#[test]
fn whoever_answers_yes_to_ctrl_c_stops_the_task() {
    let Some((project, mut running)) = interrupted() else { return };
    running.type_in("y\n");
    let done = running.finish();
    assert!(done.stdout.contains("stopping the tasks"), "{done:#?}");
    assert_eq!(project.runs()[0]["verdict"], "Cancelled", "{done:#?}");
}

#[test]
fn whoever_does_not_leaves_it_running_and_knows_how_to_find_it() {
    for answer in ["n\n", "\n", "\u{3}"] {
        let Some((project, mut running)) = interrupted() else { return };
        running.type_in(answer);
        let done = running.finish();
        let run = project.runs().remove(0);
        let id = run["runId"].as_str().expect("an id");
        let told = format!("{id} goes on: `longshore show {id}` tells how, `longshore stop");
        assert!(done.stdout.contains(&told), "{answer:?}: {done:#?}");
        assert_eq!(run["status"], "Running");
        project.write("gate", "");
        wait_for("its end", || project.runs()[0]["verdict"] == "Succeeded");
    }
}
