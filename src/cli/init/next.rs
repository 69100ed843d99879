//! The way on from a project that was just written, as lines for a shell.

use std::path::Path;

use crate::cli::output::{DIM, printable};
use crate::project::{Answer, Plan};

/// One step.
pub(super) struct Step {
    /// What to type; empty where a page has to be read first.
    pub(super) command: String,
    about: String,
}

impl Step {
    fn new(command: impl Into<String>, about: impl Into<String>) -> Self {
        Self { command: command.into(), about: about.into() }
    }
}

/// From a new project to an installation.
pub(super) fn steps(plan: &Plan) -> Vec<Step> {
    let namespace = namespace(plan);
    let with_event = |verb: &str| format!("longshore {verb} events/first.json{namespace}");
    let mut steps = vec![
        Step::new(with_event("explain"), "what the first event would do"),
        Step::new(with_event("local --runtime docker"), "do it here, in docker"),
        Step::new(
            "git submodule add URL-OF-LONGSHORE longshore",
            "what the functions are built from",
        ),
    ];
    if let Some(bucket) = plan.answers.get(&Answer::Bucket) {
        let about =
            format!("let the bucket {bucket} tell EventBridge: docs/deploy.md, \"Buckets\"");
        steps.push(Step::new("", about));
    }
    steps.push(Step::new("sam build && sam deploy", "docs/deploy.md goes on from there"));
    steps
}

/// From the files of another version to an installation.
pub(super) fn after_upgrade(plan: &Plan) -> Vec<Step> {
    vec![
        Step::new("git diff", "what this version changes"),
        Step::new(format!("longshore render{}", namespace(plan)), "writes triggers.yaml anew"),
        Step::new("sam build && sam deploy", ""),
    ]
}

/// The flag, where it is needed.
fn namespace(plan: &Plan) -> String {
    match plan.namespace.as_str() {
        "longshore" => String::new(),
        other => format!(" --namespace {other}"),
    }
}

/// The steps as text, the way into the folder before them.
pub(super) fn to_text(folder: &Path, steps: &[Step]) -> String {
    let mut text = match printable(&folder.display().to_string()).as_str() {
        "." => String::new(),
        shown => format!("  cd {shown}\n"),
    };
    let width = steps.iter().map(|step| step.command.len()).max().unwrap_or_default();
    for Step { command, about } in steps {
        text += &match (command.as_str(), about.as_str()) {
            (command, "") => format!("  {command}\n"),
            ("", about) => format!("  {DIM}# {}{DIM:#}\n", printable(about)),
            (command, about) => format!("  {command:width$}  {DIM}# {about}{DIM:#}\n"),
        };
    }
    text
}
