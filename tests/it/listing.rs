//! `longshore runs`: which runs it lists, and what it tells while it follows.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use serde_json::{Value, json};

use crate::local::UNTIL_GATE;
use crate::program::{Done, Project, Running, job, wait_for};

/// A project with a run that succeeded, one that failed and one that goes on until there is a gate.
fn project() -> (Project, Running) {
    let script =
        format!("case $HOW in bad) exit 3;; long) echo x >> marker; {UNTIL_GATE}; exit 4;; esac");
    let settings = ["parameters: { how: {} }", "task.environment: { HOW: '{{ parameters.how }}' }"];
    let project = Project::new(&job(&script, &settings));
    assert_eq!(run(&project, "good").finish().code, Some(0));
    assert_eq!(run(&project, "bad").finish().code, Some(3));
    let long = run(&project, "long");
    wait_for("the long one", || project.lines("marker") == 1);
    wait_for("its news", || project.runs().iter().any(|run| run["status"] == "Running"));
    (project, long)
}

fn run(project: &Project, how: &str) -> Running {
    project.start(&["run", "work", "--key", how, "-p", &format!("how={how}")])
}

/// What the listed runs are known by, the newest first.
fn keys(done: &Done) -> Vec<String> {
    let runs = done.json()["runs"].as_array().cloned().unwrap_or_default();
    runs.iter().map(|run| run["occurrence"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn runs_are_listed_by_verdict_and_by_whether_they_have_ended() {
    let (project, long) = project();
    for (arguments, expected) in [
        (&[][..], &["long", "bad", "good"][..]),
        (&["work", "--limit", "2"], &["long", "bad"]),
        (&["--verdict", "Succeeded"], &["good"]),
        (&["--verdict", "succeeded", "--verdict", "FAILED"], &["bad", "good"]),
        (&["--failed"], &["bad"]),
        (&["--failed", "--verdict", "Succeeded"], &["bad", "good"]),
        (&["--open"], &["long"]),
        (&["--open", "--since", "1h"], &["long"]),
        (&["--verdict", "Lost"], &[]),
    ] {
        let done = project.run(&[&["runs", "-o", "json"], arguments].concat());
        let expected: Vec<String> = expected.iter().map(|key| format!("manual {key}")).collect();
        assert_eq!(keys(&done), expected, "{arguments:?}");
    }
    for (arguments, said) in [
        (&["--verdict", "Failde"][..], "'Failed'"),
        (&["--open", "--failed"], "cannot be used with"),
    ] {
        let done = project.run(&[&["runs"], arguments].concat());
        assert!(done.code == Some(2) && done.stderr.contains(said), "{done:#?}");
    }
    let mistyped = project.run(&["runs", "wrok"]);
    assert_eq!(mistyped.stdout, "no runs of `wrok`; did you mean `work`?\n");
    project.write("gate", "");
    assert_eq!(long.finish().code, Some(4));
}

/// The objects that a followed list has printed by now.
fn told(following: &Running) -> Vec<Value> {
    let lines = following.stdout();
    // The last line may not be whole yet.
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn a_followed_list_tells_each_change_once_until_nobody_reads() {
    let (project, long) = project();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let follow = ["runs", "--follow", "-o", "json", "--limit", "2"];
    let piped = Running::start_into(project.command(&follow), writer.into());
    let mut following = project.start(&follow);
    wait_for("what is there", || told(&following).len() == 2);
    let standing = |index: usize| {
        let told = told(&following);
        let run = &told[index];
        (run["occurrence"].clone(), run["status"].clone())
    };
    assert_eq!(standing(0), (json!("manual bad"), json!("Failed")));
    assert_eq!(standing(1), (json!("manual long"), json!("Running")));
    assert_eq!(run(&project, "other").finish().code, Some(0));
    wait_for("the end of the other", || {
        told(&following).iter().any(|run| run["verdict"] == "Succeeded")
    });
    project.write("gate", "");
    assert_eq!(long.finish().code, Some(4));
    let failed = || told(&following).iter().filter(|run| run["exitCode"] == 4).count();
    wait_for("the end of the long one", || failed() == 1);
    // Nothing is told twice: each line is another run, or the same one in another state.
    let mut lines: Vec<String> = told(&following)
        .iter()
        .map(|run| format!("{} {} {}", run["runId"], run["status"], run["verdict"]))
        .collect();
    let count = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), count, "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("manual good")), "{lines:?}");
    assert!(following.is_alive());
    assert!(following.kill());
    // Its reader goes away: it ends with the next thing to tell.
    drop(reader);
    assert_eq!(run(&project, "last").finish().code, Some(0));
    assert_eq!(piped.finish().code, Some(0));
}

#[test]
fn what_does_not_meet_the_filter_is_watched_until_it_does() {
    let (project, long) = project();
    let following = project.start(&["runs", "--follow", "--failed"]);
    wait_for("the first", || following.stdout().lines().count() == 1);
    assert_eq!(run(&project, "fine").finish().code, Some(0));
    project.write("gate", "");
    assert_eq!(long.finish().code, Some(4));
    wait_for("the second", || following.stdout().lines().count() == 2);
    let text = following.stdout();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("Failed, exit code 3"), "{text}");
    assert!(lines[1].contains("Failed, exit code 4"), "{text}");
    assert!(following.kill());
}
