//! `man`: the manual, a page for each verb.

use std::path::PathBuf;

use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::{self, printable};
use super::{Common, Format};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder for the pages; made when it is missing.
    folder: PathBuf,
}

pub(super) fn run(
    common: &Common,
    arguments: &Arguments,
    program: clap::Command,
) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    let shown = printable(&folder.display().to_string());
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(program, folder))
        .map_err(|error| {
            Failure::environment(format!(
                "cannot write the manual into {shown}: {error}: name a folder that can be written"
            ))
        })?;
    match common.output {
        Format::Json => output::print_json(&json!({ "folder": folder })),
        Format::Text => output::print_text(&format!(
            "wrote the manual into {shown}: `man {shown}/longshore.1` reads it\n"
        )),
    }
}
