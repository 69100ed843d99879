//! What a release is made of: one version, a package with all that it is built from, dependencies
//! that may be passed on.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = read("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert_eq!(newest.split(' ').next(), Some(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_package_has_what_it_is_built_from_and_nothing_for_ourselves() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--locked", "--offline", "--allow-dirty", "--no-verify", "--list"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let list = String::from_utf8(output.stdout).unwrap();
    let files: BTreeSet<&str> = list.lines().collect();
    let built_from = [
        "Cargo.lock",
        "LICENSE",
        "LICENSES-THIRD-PARTY.md",
        "README.md",
        "src/project/samconfig.toml",
        "src/project/workflow.yml",
        "template.yaml",
    ];
    for name in built_from {
        assert!(files.contains(name), "{name} is not in the package");
    }
    for name in &files {
        let folder = name.split('/').next().unwrap();
        let is_ours = [".ci", ".github", "tests", "benches", "Makefile", "deny.toml"];
        assert!(!is_ours.contains(&folder), "{name} is in the package");
    }
    let sizes = files.iter().filter_map(|name| fs::metadata(root().join(name)).ok());
    let bytes: u64 = sizes.map(|metadata| metadata.len()).sum();
    assert!(bytes < 3_000_000, "{bytes} bytes");
}

/// Names and versions in Cargo.lock.
fn locked() -> BTreeSet<String> {
    let lock = read("Cargo.lock");
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]").skip(1);
    packages
        .map(|block| {
            format!("{}@{}", value(block, "name = ").unwrap(), value(block, "version = ").unwrap())
        })
        .collect()
}

#[test]
fn the_list_of_licences_is_that_of_the_lock_file() {
    let locked = locked();
    let list = read("LICENSES-THIRD-PARTY.md");
    let listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("- ")?.split(' ').next())
        .filter(|name| !name.starts_with("longshore@"))
        .collect();
    assert!(listed.len() > 200, "{}", listed.len());
    for name in listed {
        assert!(locked.contains(name), "{name} is not used any more: `make licences`");
    }
}

#[test]
fn dependencies_are_held_against_rules() {
    let rules = read("deny.toml");
    for rule in ["[licenses]", "unknown-registry = \"deny\"", "unknown-git = \"deny\""] {
        assert!(rules.contains(rule), "{rule}");
    }
}

#[test]
fn a_release_script_names_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    // Stands for rustc on a machine that has no standard library of either CPU.
    let rustc = folder.path().join("rustc");
    fs::write(&rustc, format!("#!/bin/sh\necho {}\n", folder.path().display())).unwrap();
    let mut permissions = fs::metadata(&rustc).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&rustc, permissions).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let copy = folder.path().join("project");
    fs::create_dir_all(copy.join(".ci")).unwrap();
    for file in [".ci/release", "Cargo.toml", "Cargo.lock", "LICENSE", "LICENSES-THIRD-PARTY.md"] {
        fs::copy(root().join(file), copy.join(file)).unwrap();
    }
    std::os::unix::fs::symlink(root().join("src"), copy.join("src")).unwrap();
    for folder in ["tests", "benches"] {
        std::os::unix::fs::symlink(root().join(folder), copy.join(folder)).unwrap();
    }
    let script = copy.join(".ci/release");
    let output = Command::new(script).env("PATH", path).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        assert!(told.contains(&format!("`rustup target add {target}`")), "{told}");
    }
}
