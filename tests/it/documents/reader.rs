//! A reader at a terminal: a folder as a checkout has it, the commands of one page in their order,
//! and what they printed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use super::commands::{Kind, kind};
use super::page::Block;
use crate::program::Project;

/// What a reader has beside the project, under the name that the pages use.
const BESIDE: [(&str, &str); 1] = [("tests/evidence/nothing-wrong.json", "evidence.json")];

pub(super) struct Reader {
    page: String,
    project: Project,
    variables: Vec<(String, String)>,
    /// What the last block printed on standard output and on standard error.
    printed: Option<(Vec<String>, Vec<String>)>,
}

impl Reader {
    pub(super) fn new(page: &Path) -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project = Project::sample();
        for name in ["triggers.yaml", "jobs.schema.json"] {
            fs::copy(repository.join(name), project.path(name)).unwrap();
        }
        for (file, name) in BESIDE {
            fs::copy(repository.join(file), project.path(name)).unwrap();
        }
        fs::create_dir(project.path("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_longshore"), project.path("bin/longshore")).unwrap();
        let page = page.file_name().unwrap().to_str().unwrap().to_owned();
        Self { page, project, variables: Vec::new(), printed: None }
    }

    /// Runs what can be run of a block; returns how many commands that were.
    pub(super) fn run(&mut self, block: &Block<'_>) -> usize {
        let (mut stdout, mut stderr, mut count) = (String::new(), String::new(), 0);
        for command in block.commands() {
            if kind(&command) != Kind::Here {
                continue;
            }
            if let Some((name, value)) =
                command.strip_prefix("export ").and_then(|rest| rest.split_once('='))
            {
                self.variables.push((name.to_owned(), value.to_owned()));
                continue;
            }
            let output = self.shell(&command).output().unwrap();
            let expected = Some(block.exit_code(&command));
            assert_eq!(output.status.code(), expected, "{}: {command}\n{output:?}", self.page);
            stdout += &String::from_utf8(output.stdout).unwrap();
            stderr += &String::from_utf8(output.stderr).unwrap();
            count += 1;
        }
        self.printed = (count > 0).then(|| (lines(&stdout), lines(&stderr)));
        count
    }

    fn shell(&self, command: &str) -> Command {
        let cargo = Regex::new("^cargo run .*? -- ").unwrap();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(cargo.replace(command, "longshore ").as_ref());
        let folder = self.project.path("");
        let path = std::env::var("PATH").unwrap();
        shell.current_dir(&folder).env_clear();
        shell.env("PATH", format!("{}:{path}", folder.join("bin").display()));
        shell.env("HOME", &folder).env("TMPDIR", &folder);
        shell.envs(self.variables.iter().cloned());
        shell
    }

    /// Every line of a block stands in what the commands right before it printed, in this order;
    /// `...` stands for any lines.
    pub(super) fn has_printed(&mut self, block: &Block<'_>) {
        let Some((stdout, stderr)) = self.printed.take() else { return };
        let mut place = 0;
        for line in lines(block.text).iter().filter(|line| !line.is_empty() && *line != "...") {
            let found = stdout.iter().skip(place).position(|printed| printed == line);
            place += found.map_or(0, |found| found + 1);
            assert!(
                found.is_some() || stderr.contains(line),
                "{}: not printed, or not there:\n{line}\nin\n{}\n{}",
                self.page,
                stdout.join("\n"),
                stderr.join("\n")
            );
        }
    }

    /// Another block: it may be a file that the reader writes.
    pub(super) fn note(&mut self, block: &Block<'_>) {
        self.printed = None;
        if let Some(file) = block.file {
            self.project.write(file, block.text);
        }
    }
}

/// Lines without what differs from run to run: times, durations, names of tasks and of runs whose
/// key is new each time; columns are as wide as their widest.
fn lines(text: &str) -> Vec<String> {
    let masks = [
        (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d{2}-\d{2} (\d{2}:\d{2}) CES?T", "DAY $2"),
        (r"\d{4}-\d{2}-\d{2}", "DATE"),
        (r"\d{2}:\d{2}:\d{2}\.\d{3}", "TIME"),
        (r"\b[0-9a-f]{32}\b", "TASK"),
        (r"\b\d+(\.\d+)?(ms|s)\b", "SECONDS"),
        (r"\b([a-z-]+)-[a-z2-7]{20}\b", "$1-RUN"),
        (r" +", " "),
    ];
    let masked = masks.iter().fold(text.to_owned(), |text, (pattern, mask)| {
        Regex::new(pattern).unwrap().replace_all(&text, *mask).into_owned()
    });
    masked.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn what_differs_from_run_to_run_is_left_out() {
    let text = "  09:14:07.000  task     075b3bd9635baed28dc7c22339f7b24d\n\
                greet-xn25xdivw37zkc3x53ey  Failed  1 0.0s 1.4s\n";
    assert_eq!(lines(text), [" TIME task TASK", "greet-RUN Failed 1 SECONDS SECONDS"]);
}
