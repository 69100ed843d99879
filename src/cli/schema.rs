//! `schema`: what jobs.yaml may say, for editors and for people.

use super::exit::{Exit, Failure};
use super::output;
use crate::jobs;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print it for people instead: a page of Markdown with every key.
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let schema = jobs::schema();
    match arguments.markdown {
        true => output::print_text(&jobs::reference::markdown(&schema)),
        false => output::print_json(&schema),
    }
}
