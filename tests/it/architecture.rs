//! Holds ARCHITECTURE.md against the tree: every room is on the map, arrows point one way, pure
//! rooms stay pure.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in reading order: each uses only those before it.
const ROOMS: &[&str] = &[
    "identity",
    "event",
    "jobs",
    "cause",
    "run",
    "cost",
    "policy",
    "stack",
    "project",
    "diagnosis",
    "aws",
    "ledger",
    "queue",
    "network",
    "ecs",
    "backend",
    "stop",
    "dispatch",
    "record",
    "sweep",
    "metrics",
    "function",
    "logging",
    "cloud",
    "gather",
    "local",
    "serve",
    "cli",
    "lib",
];
/// Rooms that know nothing of the world.
const PURE: [&str; 10] = [
    "identity",
    "event",
    "jobs",
    "cause",
    "run",
    "cost",
    "policy",
    "stack",
    "project",
    "diagnosis",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every Rust file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The room a file belongs to: `src/jobs/task.rs` is in `jobs`.
fn room(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let first = inside.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The production lines of a file: before its tests, without comments.
fn code(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .map(|line| line.split("//").next().unwrap_or_default().to_owned())
        .collect()
}

fn production_files() -> Vec<PathBuf> {
    let tests = |file: &PathBuf| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        name == "tests" || file.iter().any(|part| part == "tests")
    };
    let all = files(&root().join("src")).into_iter();
    all.filter(|file| !tests(file) && !file.iter().any(|part| part == "bin")).collect()
}

#[test]
fn arrows_point_to_earlier_rooms_only() {
    let place = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut arrows = 0;
    for file in production_files() {
        let from = room(&file);
        let Some(at) = place(&from) else { panic!("{from} has no place in the reading order") };
        for line in code(&file) {
            for used in line.split("crate::").skip(1) {
                let used: String =
                    used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let Some(target) = place(&used) else { continue };
                arrows += 1;
                assert!(
                    target <= at,
                    "{}: `{from}` uses `{used}`, which comes after it",
                    file.display()
                );
            }
        }
    }
    assert!(arrows > 50, "only {arrows} arrows were found: the search is broken");
}

#[test]
fn pure_rooms_hold_no_clock_no_waiting_and_no_world() {
    let forbidden = [
        "async ",
        ".await",
        "tokio",
        "aws_sdk",
        "aws_config",
        "std::env",
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::process",
        "Timestamp::now",
        "SystemTime",
        "Instant::now",
        "rusqlite",
        "Uuid",
        "rand::",
        "tracing",
    ];
    let mut seen = 0;
    for file in production_files().iter().filter(|file| PURE.contains(&room(file).as_str())) {
        seen += 1;
        for line in code(file) {
            for word in forbidden {
                assert!(
                    !line.contains(word),
                    "{}: `{word}` in a pure room: {line}",
                    file.display()
                );
            }
        }
    }
    assert!(seen > 20, "only {seen} files were read");
}

#[test]
fn sdk_types_stay_in_their_adapters() {
    for file in production_files() {
        let name = file.display().to_string();
        let adapters =
            ["aws/failure", "aws/signed", "dynamodb", "fargate", "gather/", "network/ec2", "sqs"];
        let adapter = adapters.iter().any(|part| name.contains(part));
        for line in code(&file) {
            assert!(adapter || !line.contains("aws_sdk"), "{name}: {line}");
        }
    }
}

#[test]
fn every_file_says_why_it_is_there() {
    for folder in ["src", "tests"] {
        for file in files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//! "), "{} begins without `//!`", file.display());
        }
    }
}

#[test]
fn the_map_names_every_room_and_every_name_on_it_exists() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named: BTreeSet<&str> = map
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.starts_with("src/") || name.starts_with("tests/"))
        .collect();
    for name in &named {
        assert!(root().join(name).exists(), "ARCHITECTURE.md names {name}, which does not exist");
    }
    for file in production_files() {
        let path = file.strip_prefix(root()).unwrap().to_str().unwrap();
        // A file is on the map itself, or under a folder that is.
        let in_folder = |name: &&str| name.ends_with('/') && path.starts_with(*name);
        let on_map = named.contains(path) || named.iter().any(in_folder);
        assert!(on_map, "{path} is not on ARCHITECTURE.md's map");
    }
}
