//! What runs on GitHub: our own workflow, and the one that `init` gives to a project. Nobody else's
//! code can change under them, and they hold no key that lasts.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Path, text and content of each workflow.
fn workflows() -> Vec<(PathBuf, String, Value)> {
    let ours = fs::read_dir(root().join(".github/workflows")).unwrap();
    let ours = ours.map(|entry| entry.unwrap().path());
    let all: Vec<PathBuf> = ours.chain([root().join("src/project/workflow.yml")]).collect();
    assert!(all.len() > 1, "{all:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("{namespace}", "longshore").replace("{region}", "eu-west-1");
        let content = document::parse(&text);
        (path, text, content)
    };
    all.into_iter().map(read).collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().unwrap().iter()
}

fn steps(job: &Value) -> &Vec<Value> {
    job["steps"].as_array().unwrap()
}

#[test]
fn every_action_is_pinned_by_its_commit() {
    let mut count = 0;
    for (path, text, workflow) in workflows() {
        let used = jobs(&workflow).flat_map(|(_, job)| steps(job));
        for action in used.filter_map(|step| step["uses"].as_str()) {
            count += 1;
            let commit = action.split_once('@').unwrap().1;
            let is_commit = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(is_commit, "{}: {action}", path.display());
            // People read the version.
            assert!(text.contains(&format!("uses: {action} # v")), "{action}");
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn no_workflow_holds_a_key_or_a_secret() {
    for (path, text, _) in workflows() {
        for word in ["AWS_ACCESS_KEY_ID", "aws-access-key-id", "secrets.", "pull_request_target"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn every_job_may_do_what_it_needs_and_no_more() {
    for (path, _, workflow) in workflows() {
        let shown = path.display();
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{shown}");
        for (name, job) in jobs(&workflow) {
            let permissions = job["permissions"].as_object().unwrap();
            assert_eq!(permissions["contents"], "read", "{shown}: {name}");
            let may_have_credentials = permissions.contains_key("id-token");
            let has_credentials = steps(job).iter().any(|step| {
                step["uses"].as_str().is_some_and(|uses| uses.contains("credentials@"))
            });
            assert_eq!(may_have_credentials, has_credentials, "{shown}: {name}");
            assert_eq!(permissions.len(), 1 + usize::from(has_credentials), "{shown}: {name}");
            // What is compiled is other people's code, and it runs while it is compiled.
            let commands: String = steps(job).iter().map(|step| step["run"].to_string()).collect();
            let compiles = ["cargo ", "sam build"].iter().any(|word| commands.contains(word));
            assert!(!(has_credentials && compiles), "{shown}: {name}");
            for step in steps(job) {
                if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"], false, "{shown}: {name}");
                }
            }
        }
    }
}

#[test]
fn our_own_runs_what_the_makefile_has() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let workflow = document::read(".github/workflows/ci.yml");
    let targets = workflow["jobs"]["make"]["strategy"]["matrix"]["target"].as_array().unwrap();
    for wanted in ["check", "test", "simulate"] {
        assert!(targets.iter().any(|target| target == wanted), "{wanted}");
    }
    for target in targets {
        let rule = format!("\n{}:", target.as_str().unwrap());
        assert!(makefile.contains(&rule), "the Makefile has no {target}");
    }
}

#[test]
fn the_project_s_workflow_has_the_tools_that_the_page_names() {
    let page = fs::read_to_string(root().join("docs/deploy.md")).unwrap();
    let workflow = fs::read_to_string(root().join("src/project/workflow.yml")).unwrap();
    for tool in ["cargo-lambda==", "aws-sam-cli=="] {
        let version = |text: &str| {
            let after = text.split(tool).nth(1).unwrap();
            after.split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(version(&page), version(&workflow), "{tool}");
        assert!(workflow.split(tool).skip(1).all(|rest| rest.starts_with(&version(&page))));
    }
}
