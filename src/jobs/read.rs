//! Exists because serde stops at the first mistake: here a mistake is noted, taken out of a copy
//! of the tree, and the rest is read again, so that one pass reports them all.

use std::mem;

use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::yaml::{self, Node, PROBLEMS_MAX, Segment, Value};

mod access;
mod error;
mod reader;
mod scalar;
mod stub;

use reader::Reader;
use stub::Stub;

/// What came out of reading a document.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    /// The document without the entries that have problems; `None` when nothing is left.
    pub value: Option<T>,
    /// Everything that is wrong, in the order of the source.
    pub problems: Vec<Problem>,
    /// The document as written, to look up where a value is; `None` when it is not YAML.
    pub tree: Option<Node>,
}

/// Reads a document and reports all its problems.
pub fn read<T: DeserializeOwned>(source: &str) -> Reading<T> {
    let (tree, mut problems) = yaml::parse(source);
    let value = tree.as_ref().and_then(|tree| read_tree(tree.clone(), &mut problems));
    problems.sort_by_key(Problem::position);
    Reading { value, problems, tree }
}

fn read_tree<T: DeserializeOwned>(mut tree: Node, problems: &mut Vec<Problem>) -> Option<T> {
    let mut stubs: Vec<Stub> = Vec::new();
    let mut may_stub = true;
    for _ in 0..PROBLEMS_MAX {
        let error = match T::deserialize(Reader::new(&tree, &stubs)) {
            Ok(value) if stubs.is_empty() => return Some(value),
            Ok(_) => {
                // All is reported now, and nothing made up must get out.
                may_stub = false;
                for stub in mem::take(&mut stubs) {
                    if stub.steps().is_empty() {
                        return None;
                    }
                    prune(&mut tree, stub.steps(), None);
                }
                continue;
            }
            Err(error) => error,
        };
        let (path, meant) = (error.path(), error.meant());
        let stub = Stub::for_error(&error, &tree).filter(|stub| may_stub && !stubs.contains(stub));
        if !error.is_echo && !stubs.iter().any(|stub| stub.explains(&error)) {
            problems.push(error.into_problem());
        }
        match stub {
            Some(stub) => stubs.push(stub),
            None if prune(&mut tree, path.segments(), meant) => {}
            None => return None,
        }
    }
    problems.push(yaml::too_many_problems());
    None
}

/// Marks the value at `path` as unread. A misspelt key is corrected to what was `meant`, so that
/// it is not reported as missing as well.
fn prune(node: &mut Node, path: &[Segment], meant: Option<&str>) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let child = match (&mut node.value, first) {
        (Value::Sequence(items), Segment::Index(index)) => items.get_mut(*index),
        (Value::Mapping(entries), Segment::Key(key)) => {
            let live =
                |(name, value): &&mut (Node, Node)| name.text() == Some(key) && value.is_read();
            let Some((name, value)) = entries.iter_mut().find(live) else {
                return false;
            };
            if let (Some(meant), true) = (meant, rest.is_empty()) {
                let text = meant.to_owned();
                name.value = Value::Scalar { text, plain: true };
            }
            Some(value)
        }
        _ => None,
    };
    match child {
        Some(child) if rest.is_empty() => {
            child.value = Value::Unread;
            true
        }
        Some(child) => prune(child, rest, meant),
        None => false,
    }
}

#[cfg(test)]
mod tests;
