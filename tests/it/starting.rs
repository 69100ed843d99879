//! `init`: a folder becomes a project, or stays as it was.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::fs;
use std::process::Stdio;

use crate::program::{Done, Project, Running, wait_for};
use crate::terminal::on_terminal;

const NETWORK: [&str; 4] =
    ["--vpc", "vpc-0a1b2c3d4e5f60718", "--subnets", "subnet-0a1b2c3d4e5f60718"];
const SCHEDULED: [&str; 6] =
    ["--region", "eu-west-1", "--image", "example.org/report:1", "--schedule", "rate(1 day)"];
const FILES: [&str; 8] = [
    "jobs.yaml",
    "config/jobs.yaml",
    "triggers.yaml",
    "template.yaml",
    "samconfig.toml",
    "events/first.json",
    ".github/workflows/longshore.yml",
    ".gitignore",
];

/// A folder with nothing in it.
fn empty() -> Project {
    let project = Project::new("");
    fs::remove_file(project.path("jobs.yaml")).expect("it was there");
    project
}

fn init(project: &Project, flags: &[&[&str]]) -> Done {
    project.run(&[&["init"], flags.concat().as_slice()].concat())
}

/// Everything below the folder, by path.
fn left(project: &Project) -> Vec<String> {
    let mut folders = vec![project.path("")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let is_folder = entry.file_type().expect("its type").is_dir();
            let path = entry.path();
            if is_folder {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(project.path("")).expect("it is in there");
                found.push(inside.display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_fresh_folder_is_a_project_that_every_verb_takes() {
    let objects =
        ["--region", "eu-west-1", "--image", "alpine", "--bucket", "uploads", "--prefix", "a b/"];
    for (flags, job) in [(&SCHEDULED[..], "report"), (&objects[..], "alpine")] {
        let project = empty();
        let done = init(&project, &[flags, &NETWORK]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:#?}");
        let (_, next) = done.stdout.split_once("next:\n").expect("the way on");
        let next: Vec<&str> = next.lines().collect();
        for (line, begins) in [
            (0, "  longshore explain events/first.json "),
            (1, "  longshore local --runtime docker events/first.json "),
            (2, "  git submodule add URL-OF-LONGSHORE longshore "),
            (next.len() - 1, "  sam build && sam deploy "),
        ] {
            assert!(next[line].starts_with(begins), "{done:#?}");
        }
        let of_bucket = next.iter().any(|line| line.contains("bucket uploads tell EventBridge"));
        assert_eq!(of_bucket, flags.contains(&"uploads"), "{done:#?}");
        let mut expected = FILES.map(str::to_owned);
        expected.sort();
        assert_eq!(left(&project), expected);
        let checked = project.run(&["check"]);
        assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{checked:#?}");
        assert_eq!(project.run(&["render", "--check"]).code, Some(0));
        let explained = project.run(&["explain", "events/first.json"]);
        assert_eq!(explained.code, Some(0), "{explained:#?}");
        assert!(explained.stdout.contains(&format!("job        {job}\n")), "{explained:#?}");
        // With its `command`, the job is one for a process as well.
        let jobs = String::from_utf8(project.read("jobs.yaml")).expect("text");
        project.write("jobs.yaml", jobs.replace("# command:", "command:"));
        let ran = project.run(&["local", "events/first.json"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert!(ran.stderr.contains(&format!("hello from {job}")), "{ran:#?}");
        // The layer is made of what the verbs read.
        assert_eq!(project.read("config/jobs.yaml"), project.read("jobs.yaml"));
    }
}

#[test]
fn another_namespace_is_in_every_file_that_says_it() {
    let project = empty();
    let done = init(&project, &[&SCHEDULED, &NETWORK, &["--namespace", "staging"]]);
    let next = "longshore explain events/first.json --namespace staging";
    assert!(done.stdout.contains(&format!("next:\n  {next} ")), "{done:#?}");
    let words: Vec<&str> = next.split(' ').skip(1).collect();
    assert_eq!(project.run(&words).code, Some(0));
    for file in ["samconfig.toml", "jobs.yaml", ".github/workflows/longshore.yml"] {
        let text = String::from_utf8(project.read(file)).expect("text");
        assert!(text.contains("staging"), "{file}: {text}");
    }
}

#[test]
fn a_file_that_is_there_keeps_all_others_away() {
    let project = empty();
    project.write("samconfig.toml", "mine");
    let done = init(&project, &[&SCHEDULED, &NETWORK]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stderr.contains("has samconfig.toml already"), "{done:#?}");
    assert_eq!(left(&project), ["samconfig.toml"]);
    assert_eq!(project.read("samconfig.toml"), b"mine");

    let forced = init(&project, &[&SCHEDULED, &NETWORK, &["--force"]]);
    assert_eq!(forced.code, Some(0), "{forced:#?}");
    assert_ne!(project.read("samconfig.toml"), b"mine");
    assert_eq!(left(&project).len(), FILES.len());
}

#[test]
fn force_gives_a_project_this_version_s_files_and_keeps_its_own() {
    let project = empty();
    assert_eq!(init(&project, &[&SCHEDULED, &NETWORK]).code, Some(0));
    let yours = ["jobs.yaml", "triggers.yaml", "samconfig.toml"];
    for file in yours.into_iter().chain(["template.yaml", ".github/workflows/longshore.yml"]) {
        project.write(file, "mine");
    }
    fs::remove_file(project.path("events/first.json")).expect("it was there");
    // Nothing is asked that only jobs.yaml answers.
    let done = init(&project, &[&["--force", "--region", "eu-west-1"]]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:#?}");
    for file in yours {
        assert_eq!(project.read(file), b"mine", "{file}");
        assert!(done.stdout.contains(&format!("kept: {file}\n")), "{done:#?}");
    }
    assert!(!project.path("events/first.json").exists());
    for file in ["template.yaml", ".github/workflows/longshore.yml"] {
        assert_ne!(project.read(file), b"mine", "{file}");
        assert!(done.stdout.contains(&format!("written: {file}\n")), "{done:#?}");
    }
    assert!(done.stdout.contains("next:\n  git diff "), "{done:#?}");
    fs::remove_file(project.path("samconfig.toml")).expect("it was there");
    let json = init(&project, &[&["--force", "--region", "eu-west-1", "-o", "json"]]).json();
    let is_written = |path: &str| {
        let files = json["files"].as_array().expect("a list");
        let of_path =
            |file: &&serde_json::Value| file["path"].as_str().is_some_and(|at| at.ends_with(path));
        files.iter().find(of_path).map(|file| file["written"] == true)
    };
    let found = ["/triggers.yaml", "/samconfig.toml", "/first.json"].map(is_written);
    assert_eq!(found, [Some(false), Some(true), None], "{json:#}");
    let unknown = init(&project, &[&["--force"]]);
    assert!(unknown.stderr.ends_with("give --region\n"), "{unknown:#?}");
}

#[test]
fn what_check_warns_of_is_told_at_once() {
    let project = empty();
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/report:1";
    let flags = ["--region", "eu-west-1", "--image", image, "--schedule", "rate(1 day)"];
    let done = init(&project, &[&flags, &NETWORK]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr.contains("has no execution role"), "{done:#?}");
    assert_eq!(project.run(&["check"]).stderr, done.stderr);
}

#[test]
fn nothing_is_written_half() {
    let project = empty();
    // In the way of the last file but one.
    fs::create_dir_all(project.path(".github/workflows/longshore.yml")).expect("a folder");
    let done = init(&project, &[&SCHEDULED, &NETWORK, &["--force"]]);
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert!(done.stderr.contains("longshore.yml: it is a folder"), "{done:#?}");
    assert_eq!(left(&project), [""; 0]);
}

#[test]
fn what_git_ignores_already_is_left_alone() {
    let project = empty();
    project.write(".gitignore", "mine");
    let done = init(&project, &[&SCHEDULED, &NETWORK, &["-o", "json"]]);
    let report = done.json();
    let files = report["files"].as_array().expect("a list");
    assert_eq!(files.len(), FILES.len());
    for file in files {
        let is_mine = file["path"].as_str().expect("a path").ends_with(".gitignore");
        assert_eq!(file["written"], !is_mine, "{file}");
    }
    assert_eq!(project.read(".gitignore"), b"mine");
}

#[test]
fn nobody_to_ask_is_told_which_flags_are_missing() {
    let project = empty();
    let done = init(&project, &[&["--image", "alpine", "--vpc", "vpc-0a1b2c3d4e5f60718"]]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    let missing = "give --region, --schedule or --bucket, --subnets or --subnet-tags\n";
    assert!(done.stderr.ends_with(missing), "{done:#?}");
    assert_eq!(left(&project), [""; 0]);
}

#[test]
fn every_bad_flag_is_named_at_once() {
    let project = empty();
    let bad = [
        ("--region", "Ireland"),
        ("--job", "Nightly"),
        ("--schedule", "cron(0 25 * * ? *)"),
        ("--time-zone", "Europe/Pariss"),
        ("--cluster", "a b"),
        ("--vpc", "vpc-1"),
        ("--subnet-tags", "private"),
        ("--execution-role", "admin"),
    ];
    let flags: Vec<&str> = bad.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let done = init(&project, &[&flags, &["--image", "alpine"]]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    for (flag, _) in bad {
        assert!(done.stderr.contains(&format!("{flag}: ")), "{flag}: {done:#?}");
    }
    assert_eq!(done.stderr.lines().count(), bad.len(), "{done:#?}");
    assert_eq!(left(&project), [""; 0]);
}

#[test]
fn a_person_is_asked_until_the_answer_can_be_used() {
    let project = empty();
    let flags = ["init", "--image", "example.org/report:1", "--region", "eu-west-1"];
    let Some(mut command) = on_terminal(&project, &flags) else { return };
    // Nobody answers there: the questions are asked without what an account would offer.
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_ACCESS_KEY_ID", "none");
    command.env("AWS_SECRET_ACCESS_KEY", "none").stdin(Stdio::piped());
    let mut running = Running::start(command);
    for (question, answer) in [
        ("name of the job", "\n"),
        ("what starts it", "s3://Uploads/in/\n"),
        ("lower-case letters, digits, dots and dashes", "s3://uploads/in/\n"),
        ("ECS cluster", "batch\n"),
        ("VPC", "vpc-0a1b2c3d4e5f60718\n"),
        ("subnets: ids", "Type=private\n"),
        ("ARN of the role", "-\n"),
    ] {
        wait_for(question, || running.stdout().contains(question));
        running.type_in(answer);
    }
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{done:#?}");
    let jobs = String::from_utf8(project.read("jobs.yaml")).expect("text");
    for line in ["cluster: batch", "bucket: uploads", "prefix: in/", "Type: private", "report:"] {
        assert!(jobs.contains(line), "{line}: {jobs}");
    }
    assert_eq!(project.run(&["check"]).code, Some(0));
}
