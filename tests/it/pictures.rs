//! The documents' pictures, drawn from what the repository has: the timeline from the run that
//! docs/operating.md shows, the dashboard from template.yaml. `make pictures` writes them; without
//! it, each must be what would be written.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fs;
use std::path::{Path, PathBuf};

mod dashboard;
mod flow;
mod svg;
mod timeline;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Holds a picture against what is drawn now, or writes it where somebody asks for that.
fn hold(name: &str, drawn: &str) {
    let path: PathBuf = root().join("docs/pictures").join(name);
    if std::env::var_os("WRITE_PICTURES").is_some() {
        fs::write(&path, drawn).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "{name} is not what is drawn now: make pictures");
}

#[test]
fn the_flow_is_what_is_drawn() {
    hold("flow.svg", &flow::draw());
}

#[test]
fn the_timeline_is_that_of_the_run_that_is_shown() {
    let page = fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let shown = page.split("```text\n").find(|block| block.starts_with("nightly-report-")).unwrap();
    hold("timeline.svg", &timeline::draw(shown.split("```").next().unwrap()));
}

#[test]
fn the_dashboard_is_that_of_the_template() {
    let template = crate::template::read("template.yaml");
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"];
    let body = body.as_str().or(body["Fn::Sub"].as_str()).unwrap();
    hold("dashboard.svg", &dashboard::draw(&serde_json::from_str(body).unwrap()));
}
