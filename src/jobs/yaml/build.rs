//! Builds the tree from the parser's events, and reports what jobs.yaml does without: anchors,
//! tags, merge keys, keys given twice.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::source::{Source, too_deep};
use super::{
    DEPTH_MAX, MERGE_KEY, NODES_MAX, Node, PROBLEMS_MAX, Path, Segment, Value, WRITE_OUT,
    too_many_problems,
};
use crate::jobs::problem::{Problem, line_column};

/// Reads the one document of a file. What can be passed over goes to `problems`.
///
/// # Errors
/// With the problem that leaves no tree.
pub(super) fn build(text: &str, problems: &mut Vec<Problem>) -> Result<Node, Problem> {
    let source = Source::new(text)?;
    let mut builder =
        Builder { source: &source, frames: Vec::new(), root: None, nodes: 0, problems };
    for event in Parser::new_from_str(source.body()) {
        let (event, span) = event.map_err(|error| source.explain(&error))?;
        builder.accept(event, source.bytes(&span))?;
    }
    match builder.root {
        Some(root) if !(root.is_null() && root.span.is_empty()) => Ok(root),
        _ => Err(Problem::error(Path::root(), "the file is empty")
            .remedy("write at least one `key: value`")),
    }
}

struct Builder<'s> {
    source: &'s Source<'s>,
    frames: Vec<Frame>,
    root: Option<Node>,
    nodes: usize,
    problems: &'s mut Vec<Problem>,
}

/// A list or mapping that is still open.
struct Frame {
    span: Range<usize>,
    children: Children,
}

enum Children {
    Items(Vec<Node>),
    Entries { entries: Vec<(Node, Node)>, key: Option<(Node, Fate)>, seen: BTreeMap<String, usize> },
}

/// What becomes of an entry, decided when its key is read.
#[derive(Clone, Copy)]
enum Fate {
    Keep,
    Unread,
    Drop,
}

impl Builder<'_> {
    fn accept(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let problem = Problem::error(Path::root(), "the file has more than one document");
                return Err(problem.remedy("keep one: remove this and what follows").at(span));
            }
            Event::Alias(_) => {
                let name = self.source.get(span.clone());
                let message = format!("is the alias `{name}`: aliases are not supported");
                self.report(message, WRITE_OUT, span.clone())?;
                self.add(Node { span, value: Value::Unread })?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let span = self.report_properties(span, anchor, tag.as_ref())?;
                let plain = style == ScalarStyle::Plain;
                let value = match tag {
                    // How the tag would have changed the value is not known.
                    Some(_) => Value::Unread,
                    None => Value::Scalar { text: text.into_owned(), plain },
                };
                let span = self.source.trim(span, style, &value);
                self.add(Node { span, value })?;
            }
            Event::SequenceStart(anchor, tag) => {
                let children = Children::Items(Vec::new());
                self.open(span, anchor, tag.as_ref(), children)?;
            }
            Event::MappingStart(anchor, tag) => {
                let children =
                    Children::Entries { entries: Vec::new(), key: None, seen: BTreeMap::new() };
                self.open(span, anchor, tag.as_ref(), children)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&span)?,
            _ => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
        children: Children,
    ) -> Result<(), Problem> {
        let span = self.report_properties(span, anchor, tag)?;
        if self.frames.len() >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        self.frames.push(Frame { span, children });
        Ok(())
    }

    fn close(&mut self, end: &Range<usize>) -> Result<(), Problem> {
        let Some(Frame { span, children }) = self.frames.pop() else {
            return Ok(());
        };
        let (value, last) = match children {
            Children::Items(items) => {
                let last = items.last().map(|item| item.span.end);
                (Value::Sequence(items), last)
            }
            Children::Entries { entries, .. } => {
                let last = entries.last().map(|(_, value)| value.span.end);
                (Value::Mapping(entries), last)
            }
        };
        // Without a closing bracket the end is only noticed at the next token.
        let end = match last {
            Some(last) if end.is_empty() => last,
            _ => end.end,
        };
        self.add(Node { span: span.start..end.max(span.start), value })
    }

    fn add(&mut self, node: Node) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let problem = Problem::error(Path::root(), "the file has too many values");
            return Err(problem.remedy(format!("keep to {NODES_MAX}")).at(node.span));
        }
        match self.frames.last_mut().map(|frame| &mut frame.children) {
            None => self.add_root(node)?,
            Some(Children::Items(items)) => items.push(node),
            Some(Children::Entries { entries, key, seen }) => match key.take() {
                None => {
                    let span = node.span.clone();
                    let (fate, fault) = judge_key(&node, seen, self.source.text);
                    *key = Some((node, fate));
                    if let Some((message, remedy)) = fault {
                        self.report(message, remedy, span)?;
                    }
                }
                Some((name, Fate::Keep)) => entries.push((name, node)),
                Some((name, Fate::Unread)) => {
                    let value = Value::Unread;
                    entries.push((name, Node { value, ..node }));
                }
                Some((_, Fate::Drop)) => {}
            },
        }
        Ok(())
    }

    fn add_root(&mut self, node: Node) -> Result<(), Problem> {
        self.source.check_indent(node.span.start)?;
        self.root = Some(node);
        Ok(())
    }

    /// Where the next value belongs.
    fn path(&self) -> Path {
        let segments = self.frames.iter().filter_map(|frame| match &frame.children {
            Children::Items(items) => Some(Segment::Index(items.len())),
            Children::Entries { key, .. } => {
                let (name, _) = key.as_ref()?;
                Some(Segment::Key(name.text()?.to_owned()))
            }
        });
        segments.collect()
    }

    fn report(&mut self, message: String, remedy: &str, span: Range<usize>) -> Result<(), Problem> {
        let problem = Problem::error(self.path(), message);
        self.problems.push(problem.remedy(remedy).at(span));
        if self.problems.len() < PROBLEMS_MAX { Ok(()) } else { Err(too_many_problems()) }
    }

    /// Reports `&anchor` and `!tag`, which the parser counts as part of the value, and returns
    /// the span without them.
    fn report_properties(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
    ) -> Result<Range<usize>, Problem> {
        let mut start = span.start;
        for _ in 0..usize::from(anchor != 0) + usize::from(tag.is_some()) {
            let rest = self.source.get(start..self.source.text.len());
            let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}');
            let word = rest.split(ends).next().unwrap_or_default();
            let place = start..start + word.len();
            if word.starts_with('&') {
                let message = format!("has the anchor `{word}`: anchors are not supported");
                self.report(message, WRITE_OUT, place)?;
            } else {
                let message = format!("has the tag `{word}`: tags are not supported");
                let remedy = "remove it, and quote the value to make it a string";
                self.report(message, remedy, place)?;
            }
            let after = rest.get(word.len()..).unwrap_or_default();
            start += rest.len() - after.trim_start().len();
        }
        Ok(start.min(span.end)..span.end)
    }
}

/// Decides on the entry of `key`; with message and remedy when it is at fault.
fn judge_key(
    key: &Node,
    seen: &mut BTreeMap<String, usize>,
    source: &str,
) -> (Fate, Option<(String, &'static str)>) {
    match &key.value {
        Value::Unread => (Fate::Drop, None),
        Value::Sequence(_) | Value::Mapping(_) => {
            let remedy = "write a name, or quote it if it begins with `{` or `[`";
            let message = "has a list or mapping as a key".to_owned();
            (Fate::Drop, Some((message, remedy)))
        }
        Value::Scalar { text, plain: true } if text == MERGE_KEY => {
            let message = "is a merge key: merge keys are not supported".to_owned();
            (Fate::Unread, Some((message, WRITE_OUT)))
        }
        Value::Scalar { text, .. } => match seen.get(text) {
            Some(first) => {
                let (line, _) = line_column(source, *first);
                let message = format!("is given twice, first on line {line}");
                (Fate::Drop, Some((message, "keep one of them")))
            }
            None => {
                seen.insert(text.clone(), key.span.start);
                (Fate::Keep, None)
            }
        },
    }
}
