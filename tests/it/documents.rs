//! Every command that the documents show. What can run on any machine runs, in a copy of the
//! project, and prints what the page shows; what needs AWS is held against the program's own command
//! line; programs of others are in one list, each with the reason why nobody runs them here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::error::ErrorKind;

mod commands;
mod page;
mod reader;

use commands::{Kind, kind, longshore_in};
use page::{Block, blocks, inline};
use reader::Reader;

/// Commands of other programs, by their beginning, each with the reason why it is not run.
pub(crate) const OF_OTHERS: &[(&str, &str)] = &[
    (". target/e2e/environment", "needs a playground"),
    ("aws cloudwatch put-metric-alarm", "needs an account"),
    ("aws dynamodb delete-table", "needs an installation"),
    ("aws dynamodb update-table", "needs an installation"),
    ("aws ecs create-cluster", "needs an account"),
    ("aws ecs list-tasks", "asks a server that goes on; serve.md's faults are tested by `serve`"),
    ("aws lambda get-account-settings", "needs an account"),
    ("aws logs create-log-group", "needs an account"),
    ("aws logs tail", "needs an installation"),
    ("aws s3api get-bucket-notification-configuration", "needs an account"),
    ("aws s3api put-bucket-notification-configuration", "needs an account"),
    ("aws sns create-topic", "needs an account"),
    ("aws sqs send-message", "needs an installation; `make e2e` sends one"),
    ("cargo install --locked --path .", "builds the program that is tested here"),
    ("cp samconfig.toml.example samconfig.toml", "the folder of a test is no checkout"),
    ("git -C longshore checkout", "needs the repository's address"),
    ("git diff", "the folder of a test is no checkout"),
    ("git pull", "the folder of a test is no checkout"),
    ("git submodule add", "needs the repository's address"),
    ("pipx install aws-sam-cli==", "`make e2e` installs it"),
    ("pipx install cargo-lambda==", "`make e2e` installs it"),
    ("rustup target add aarch64-unknown-linux-gnu", "changes the machine's toolchain"),
    ("sam build", "takes minutes; `make e2e` does it"),
    ("sam delete", "needs an installation"),
    ("sam deploy", "needs an account; `make e2e` deploys to an AWS of one machine"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md, ARCHITECTURE.md and everything in docs/.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    pages.extend(["README.md", "ARCHITECTURE.md"].map(|name| root().join(name)));
    pages.sort();
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap()
}

#[test]
fn what_can_run_on_any_machine_runs_and_prints_what_is_shown() {
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        let mut reader = Reader::new(&page);
        for block in blocks(&text) {
            match block.language {
                "sh" => count += reader.run(&block),
                "text" => reader.has_printed(&block),
                _ => reader.note(&block),
            }
        }
    }
    assert!(count > 20, "{count} commands were run");
}

#[test]
fn every_command_of_longshore_is_one_that_it_has() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = read(&page);
        let shown = blocks(&text).into_iter().filter(|block| block.language == "sh");
        let lines = shown.flat_map(|block| block.commands());
        for command in lines.chain(inline(&text)) {
            let Some(words) = longshore_in(&command) else { continue };
            count += 1;
            let is_name = words.len() == 2;
            match longshore::cli::understands(words) {
                Ok(()) => {}
                // Prose may name a verb.
                Err(error) if is_name && error.kind() == ErrorKind::MissingRequiredArgument => {}
                Err(error) => wrong.push(format!("{}: {command}\n{error}", page.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "{count}");
}

#[test]
fn every_example_of_the_help_is_one_that_it_has() {
    let help = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_longshore"));
        String::from_utf8(program.args(arguments).output().unwrap().stdout).unwrap()
    };
    let all = help(&["--help"]);
    let verbs = all.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let verbs = verbs.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let mut count = 0;
    for verb in verbs.filter(|verb| !verb.is_empty() && *verb != "help") {
        let text = help(&[verb, "--help"]).replace("\\\n", " ");
        for example in text.lines().filter_map(|line| longshore_in(line.trim_start())) {
            count += 1;
            let shown = example.join(" ");
            assert!(longshore::cli::understands(example).is_ok(), "{verb}: {shown}");
        }
    }
    assert!(count > 12, "{count}");
}

#[test]
fn every_target_of_make_is_one_that_it_has() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        let shown = blocks(&text).into_iter().filter(|block| block.language == "sh");
        for command in shown.flat_map(|block| block.commands()).chain(inline(&text)) {
            let Some(target) = command.strip_prefix("make ") else { continue };
            let target = target.split(' ').next().unwrap();
            let rule = format!("\n{target}:");
            assert!(makefile.contains(&rule), "{}: {command}", page.display());
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn every_program_of_others_is_listed_with_a_reason_and_none_in_vain() {
    let mut used = BTreeSet::new();
    for page in pages() {
        let text = read(&page);
        let shown: Vec<Block<'_>> =
            blocks(&text).into_iter().filter(|block| block.language == "sh").collect();
        for command in shown.iter().flat_map(Block::commands) {
            match kind(&command) {
                Kind::OfOthers(listed) => drop(used.insert(listed)),
                Kind::Unknown => panic!(
                    "{}: `{command}` is neither run nor in the list of what is not",
                    page.display()
                ),
                Kind::Here | Kind::Parsed | Kind::Make => {}
            }
        }
        let spans = inline(&text);
        used.extend(spans.iter().filter_map(|command| match kind(command) {
            Kind::OfOthers(listed) => Some(listed),
            Kind::Here | Kind::Parsed | Kind::Make | Kind::Unknown => None,
        }));
    }
    for (listed, _) in OF_OTHERS {
        assert!(used.contains(listed), "no page shows `{listed}`");
    }
}
