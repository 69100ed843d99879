//! Disks that are full, read-only or out of order, and what is no disk at all.

use std::process::{Command, Stdio};

use crate::durability::number;
use crate::local::LEDGER;
use crate::program::{Done, Project, Running, job};

/// A script in which `$1` is the program; the folder `disk` may be mounted on.
fn script(project: &Project, script: &str, wrap: &[&str]) -> Done {
    let program = env!("CARGO_BIN_EXE_longshore");
    let inner = project.command(&[]);
    let mut command = Command::new(wrap.first().copied().unwrap_or("sh"));
    command.args(wrap.get(1..).unwrap_or_default());
    if !wrap.is_empty() {
        command.arg("sh");
    }
    command.args(["-c", script, "sh", program]).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(inner.get_current_dir().unwrap_or(".".as_ref())).stdin(Stdio::null());
    Running::start(command).finish()
}

/// Whether file systems can be mounted here in a namespace of our own.
fn can_mount(project: &Project) -> bool {
    let mounted = script(project, "mkdir -p disk && mount -t tmpfs none disk", &UNSHARE);
    if mounted.code != Some(0) {
        println!("left out: nothing can be mounted here: {}", mounted.stderr.trim());
    }
    mounted.code == Some(0)
}

const UNSHARE: [&str; 2] = ["unshare", "-Urm"];

/// A command that could not use its ledger says which one, and what to do.
#[track_caller]
fn check_told(done: &Done, ledger: &str, remedies: &[&str]) {
    assert_eq!(done.code, Some(3), "{done:#?}");
    let told = done.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(told.contains(ledger), "the file is not named: {done:#?}");
    assert!(remedies.iter().any(|remedy| told.contains(remedy)), "no remedy: {done:#?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_once_there_is_room_the_task_runs_once() {
    let project = Project::new(&job("echo x >> marker", &[]));
    if !can_mount(&project) {
        return;
    }
    let event = project.event("once");
    let step = if number("DURABILITY_KILLS").is_some() { 4 } else { 40 };
    let sizes: Vec<usize> = (4..640).step_by(step).collect();
    let mut fitted = 0;
    for kib in &sizes {
        project.write("marker", "");
        let done = script(
            &project,
            &format!(
                "mount -t tmpfs -o size={kib}k none disk
                 \"$1\" local -q {event} --ledger disk/l.db >&2; echo $? > code
                 mount -o remount,size=10m disk
                 exec \"$1\" local -q -o json {event} --ledger disk/l.db"
            ),
            &UNSHARE,
        );
        let first = String::from_utf8_lossy(&project.read("code")).trim().to_owned();
        if first == "0" {
            fitted += 1;
        } else {
            let told = Done { code: first.parse().ok(), ..clone(&done) };
            check_told(&told, "disk/l.db", &["make room on the disk", "has room"]);
        }
        assert_eq!((done.code, project.lines("marker")), (Some(0), 1), "{kib} KiB: {done:#?}");
        assert_eq!(done.only_run()["verdict"], "Succeeded", "{kib} KiB: {done:#?}");
    }
    assert!((1..sizes.len() - 1).contains(&fitted), "{fitted} disks were large enough");
}

fn clone(done: &Done) -> Done {
    Done { code: done.code, stdout: done.stdout.clone(), stderr: done.stderr.clone() }
}

#[test]
fn a_write_that_fails_anywhere_is_told_and_nothing_runs_twice() {
    let step = if number("DURABILITY_KILLS").is_some() { 8 } else { 80 };
    let (mut failed, mut fitted) = (0, 0);
    // Half a KiB each: no file may grow beyond so many.
    for blocks in (8..1_600).step_by(step) {
        let project = Project::new(&job("echo x >> marker", &[]));
        let event = project.event("once");
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$1\" local -q {event}");
        let first = script(&project, &limited, &[]);
        // The same limit holds for the supervisor, which would try for two minutes.
        let killed = project.kill("supervise-task") > 0;
        if first.code == Some(0) {
            fitted += 1;
        } else if first.code != Some(1) {
            failed += 1;
            check_told(&first, LEDGER, &["has room", "make room", "--ledger"]);
        }
        let done = project.run(&["local", "-q", "-o", "json", &event]);
        let run = done.only_run();
        match run["verdict"].as_str() {
            Some("Succeeded") => assert_eq!(project.lines("marker"), 1, "{blocks}: {done:#?}"),
            Some("Lost") if killed || first.code == Some(1) => {
                assert!(project.lines("marker") <= 1, "{blocks}: {done:#?}");
            }
            verdict => panic!("{blocks}: {verdict:?}: {first:#?} {done:#?}"),
        }
    }
    assert!(failed > 0 && fitted > 0, "{failed} failed, {fitted} fitted");
}

#[test]
#[cfg(target_os = "linux")]
fn a_ledger_on_a_disk_that_cannot_be_written_is_told_and_can_still_be_looked_at() {
    let project = Project::new(&job("echo x >> marker", &[]));
    let (first, second) = (project.event("first"), project.event("second"));
    for ledger in ["/proc/ledger.db", "/proc/longshore/ledger.db", "/sys/ledger.db"] {
        let done = project.run(&["local", &first, "--ledger", ledger]);
        let folder = ledger.trim_end_matches("/ledger.db");
        check_told(&done, folder, &["--ledger"]);
        assert_eq!(project.lines("marker"), 0, "{done:#?}");
    }
    if !can_mount(&project) {
        return;
    }
    let done = script(
        &project,
        &format!(
            "mount -t tmpfs none disk; \"$1\" local -q {first} --ledger disk/l.db || exit 9
             mount -o remount,ro disk
             exec \"$1\" local -q {second} --ledger disk/l.db"
        ),
        &UNSHARE,
    );
    check_told(&done, "disk/l.db", &["give it to this user to write", "--ledger"]);
    assert_eq!(project.lines("marker"), 1, "{done:#?}");
}

#[test]
fn what_is_no_file_is_no_ledger_and_is_not_waited_for() {
    let project = Project::new(&job("echo x >> marker", &[]));
    let event = project.event("once");
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo");
    assert!(made.success());
    for ledger in ["pipe", "/dev/null"] {
        let done = project.run(&["local", &event, "--ledger", ledger]);
        check_told(&done, ledger, &["it is no file: name another with --ledger"]);
        assert_eq!(project.lines("marker"), 0, "{done:#?}");
    }
}
