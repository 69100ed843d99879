//! Puts the files of a project into its folder: all of them, or none.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;
use crate::cli::output::printable;
use crate::project::{Content, File};

/// Writes what is to be written and returns it.
pub(super) fn write<'a>(
    folder: &Path,
    files: &'a [File],
    force: bool,
) -> Result<Vec<&'a File>, Failure> {
    let is_there = |file: &File| fs::symlink_metadata(folder.join(file.path)).is_ok();
    let wanted: Vec<&File> =
        files.iter().filter(|file| !file.optional || !is_there(file)).collect();
    let present: Vec<&str> =
        wanted.iter().filter(|file| is_there(file)).map(|file| file.path).collect();
    if !force && !present.is_empty() {
        let shown = printable(&folder.display().to_string());
        let remedy = match present.contains(&"jobs.yaml") {
            true => "replace all but jobs.yaml and what belongs to it with --force",
            false => "replace them with --force",
        };
        return Err(Failure::bad(format!(
            "{shown} has {} already: name another folder, or {remedy}; nothing is written",
            present.join(", ")
        )));
    }
    let mut drafts = Drafts(Vec::new());
    for file in &wanted {
        drafts.add(folder, file).map_err(|error| refuse(folder, file, &error))?;
    }
    for (file, (draft, path)) in wanted.iter().zip(&drafts.0) {
        fs::rename(draft, path).map_err(|error| refuse(folder, file, &error))?;
    }
    Ok(wanted)
}

fn refuse(folder: &Path, file: &File, error: &io::Error) -> Failure {
    let shown = printable(&folder.join(file.path).display().to_string());
    Failure::environment(format!("cannot write {shown}: {error}"))
}

/// Files beside their places, where they get all at once: a full disk leaves nothing half. What did
/// not get there goes again.
struct Drafts(Vec<(PathBuf, PathBuf)>);

impl Drafts {
    fn add(&mut self, folder: &Path, file: &File) -> io::Result<()> {
        let path = folder.join(file.path);
        if path.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let draft = folder.join(format!("{}.{}.new", file.path, std::process::id()));
        self.0.push((draft.clone(), path));
        match &file.content {
            Content::Text(text) => fs::write(draft, text),
            Content::Link(target) => symlink(target, draft),
        }
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        for (draft, _) in &self.0 {
            // Most are in their place by now.
            let _ = fs::remove_file(draft);
        }
    }
}
