//! Exists because a mistake can only be pointed at in a tree that remembers where each value was written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use crate::jobs::problem::{Problem, line_column};

/// The largest source that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// How deep lists and mappings may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many values a document may have, keys included.
pub const MAX_NODES: usize = 100_000;

/// How many problems are reported at once.
pub const MAX_PROBLEMS: usize = 200;

pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';
pub(crate) const MERGE_KEY: &str = "<<";
const WRITE_OUT: &str = "write it out or use `defaults:`";

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Byte offsets in the source.
    pub span: Range<usize>,
    /// What was written there.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Anything that is neither a list nor a mapping.
    Scalar {
        /// The text without quotes, escapes resolved.
        text: String,
        /// Whether it was written without quotes and not as a block.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the source; no key appears twice.
    Mapping(Vec<(Node, Node)>),
    /// A value already reported as a problem (an alias, a tag): readers pass over it.
    Unread,
}

impl Node {
    /// The value at `path`, counted from this node.
    pub fn find(&self, path: &Path) -> Option<&Node> {
        path.segments().iter().try_fold(self, Node::child)
    }

    fn child(&self, segment: &Segment) -> Option<&Node> {
        match (&self.value, segment) {
            (Value::Sequence(items), Segment::Index(index)) => items.get(*index),
            (Value::Mapping(entries), Segment::Key(key)) => {
                entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether this is YAML's null: nothing at all, `~` or `null`.
    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => {
                matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// Whether this or anything in it was left out after a problem.
    pub(crate) fn has_unread(&self) -> bool {
        match &self.value {
            Value::Scalar { .. } => false,
            Value::Sequence(items) => items.iter().any(Node::has_unread),
            Value::Mapping(entries) => entries.iter().any(|(_, value)| value.has_unread()),
            Value::Unread => true,
        }
    }
}

/// One step from a value to a value in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// To the value under a key of a mapping.
    Key(String),
    /// To an item of a list, counted from 0.
    Index(usize),
}

/// The way from the top of the document to a value, such as `jobs.report.triggers[1].s3.bucket`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Segment>);

impl Path {
    /// The path of the document itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of the value under `key`.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.join(Segment::Key(key.into()))
    }

    /// The path of an item, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.join(Segment::Index(index))
    }

    fn join(&self, segment: Segment) -> Self {
        self.0.iter().cloned().chain([segment]).collect()
    }

    /// The steps from the top.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether this is `other` or a value in it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Whether this is the document itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Segment> for Path {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    if is_word(key) {
                        write!(f, "{dot}{key}")?;
                    } else {
                        write!(f, "{dot}{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_word(key: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !key.is_empty() && key.chars().all(is_plain)
}

/// Turns the bytes of a file into text.
///
/// # Errors
/// When they are not UTF-8. The span is that of the first replacement character in
/// `String::from_utf8_lossy(bytes)`, so the problem can be rendered against that text.
pub fn decode(bytes: &[u8]) -> Result<&str, Problem> {
    const REMEDY: &str = "save the file as UTF-8";
    let has_mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    // Without a mark UTF-16 still shows by its zeros, as YAML begins with an ASCII character.
    if has_mark || bytes.iter().take(2).any(|byte| *byte == 0) {
        return Err(
            Problem::error(Path::root(), "the file is UTF-16, must be UTF-8").remedy(REMEDY)
        );
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let start = error.valid_up_to();
        let byte = bytes.get(start).copied().unwrap_or_default();
        let message = format!("the file is not UTF-8: it has the byte 0x{byte:02X}");
        Problem::error(Path::root(), message)
            .remedy(REMEDY)
            .at(start..start + char::REPLACEMENT_CHARACTER.len_utf8())
    })
}

/// Reads the one document in `source`. What can be passed over is reported and left out of the
/// tree; without a tree, the last problem says why.
pub fn parse(source: &str) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder::new(source);
    match builder.build() {
        Ok(root) => (Some(root), builder.problems),
        Err(problem) => {
            builder.problems.push(problem);
            (None, builder.problems)
        }
    }
}

struct Builder<'s> {
    source: &'s str,
    /// The byte offset of each character: the parser counts characters.
    offsets: Vec<usize>,
    frames: Vec<Frame>,
    root: Option<Node>,
    nodes: usize,
    problems: Vec<Problem>,
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

impl<'s> Builder<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            offsets: Vec::new(),
            frames: Vec::new(),
            root: None,
            nodes: 0,
            problems: Vec::new(),
        }
    }

    fn build(&mut self) -> Result<Node, Problem> {
        if self.source.len() > MAX_BYTES {
            let message = format!("the file has {} bytes", self.source.len());
            return Err(Problem::error(Path::root(), message)
                .remedy(format!("keep it to {MAX_BYTES} bytes")));
        }
        let text = self.source.strip_prefix(BYTE_ORDER_MARK);
        let text = text.unwrap_or(self.source);
        let base = self.source.len() - text.len();
        if text.starts_with(BYTE_ORDER_MARK) {
            let problem = Problem::error(Path::root(), "the file has two byte order marks");
            return Err(problem.remedy("save the file as UTF-8 without a mark").at(base..base));
        }
        self.offsets = text.char_indices().map(|(at, _)| base + at).collect();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| self.explain(&error))?;
            self.accept(event, self.byte(span.start.index())..self.byte(span.end.index()))?;
        }
        match self.root.take() {
            Some(root) if !(root.is_null() && root.span.is_empty()) => Ok(root),
            _ => Err(Problem::error(Path::root(), "the file is empty")
                .remedy("write at least one `key: value`")),
        }
    }

    fn byte(&self, index: usize) -> usize {
        let end = self.source.len();
        self.offsets.get(index).copied().unwrap_or(end)
    }

    fn accept(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let problem = Problem::error(Path::root(), "the file has more than one document");
                return Err(problem.remedy("keep one: remove this and what follows").at(span));
            }
            Event::Alias(_) => {
                let name = self.source.get(span.clone()).unwrap_or_default();
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
                let span = self.trim(span, style, &value);
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
        if self.frames.len() >= MAX_DEPTH {
            let problem = Problem::error(Path::root(), "the file is nested too deep");
            return Err(problem.remedy(format!("keep to {MAX_DEPTH} levels")).at(span));
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
        if self.nodes > MAX_NODES {
            let problem = Problem::error(Path::root(), "the file has too many values");
            return Err(problem.remedy(format!("keep to {MAX_NODES}")).at(node.span));
        }
        match self.frames.last_mut().map(|frame| &mut frame.children) {
            None => self.add_root(node)?,
            Some(Children::Items(items)) => items.push(node),
            Some(Children::Entries { entries, key, seen }) => match key.take() {
                None => {
                    let span = node.span.clone();
                    let (fate, fault) = judge_key(&node, seen, self.source);
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
        let before = self.source.get(..node.span.start).unwrap_or_default();
        let indent = before.rsplit('\n').next().unwrap_or_default();
        if indent.contains('\t') && indent.trim().is_empty() {
            return Err(tab_problem(node.span.start - indent.len()..node.span.start));
        }
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
        if self.problems.len() < MAX_PROBLEMS { Ok(()) } else { Err(too_many_problems()) }
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
            let rest = self.source.get(start..).unwrap_or_default();
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

    /// Takes what the parser adds to a scalar (a bracket, a comment, blank lines) off its span.
    fn trim(&self, span: Range<usize>, style: ScalarStyle, value: &Value) -> Range<usize> {
        let written = self.source.get(span.clone()).unwrap_or_default();
        let length = match (style, value) {
            (ScalarStyle::Plain, Value::Scalar { text, .. }) if text.is_empty() => 0,
            (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, _) => quoted_length(written),
            _ => written.trim_end().len(),
        };
        span.start..span.start + length
    }

    fn explain(&self, error: &ScanError) -> Problem {
        let start = self.byte(error.marker().index());
        let rest = self.source.get(start..).unwrap_or_default();
        let width = rest.chars().next().map_or(0, char::len_utf8);
        let info = error.info();
        if info.starts_with("tab") || info.contains(" tab") {
            return tab_problem(self.find_tab(start));
        }
        let (message, remedy) = match info {
            _ if info.contains("unknown anchor") => ("aliases are not supported", WRITE_OUT),
            _ if info.contains(" tag") || info.contains("handle wasn't declared") => {
                ("tags are not supported", "remove it")
            }
            _ if info.contains("mapping values are not allowed") => {
                (info, "indent this key like the one above, or quote a value that contains `: `")
            }
            _ if info.contains("unexpected character") => (info, "put the value in quotes"),
            _ if info.contains("quoted scalar") => (info, "check the quotes"),
            _ if info.contains("unprintable") => (info, "remove it"),
            _ => (info, "check the indentation, brackets and quotes here and on the line above"),
        };
        Problem::error(Path::root(), format!("not valid YAML: {message}"))
            .remedy(remedy)
            .at(start..start + width)
    }

    /// The first indentation with a tab, from the line at `start` on: the parser may name the
    /// value before it instead.
    fn find_tab(&self, start: usize) -> Range<usize> {
        let (before, _) = self.source.split_at_checked(start).unwrap_or_default();
        let mut at = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.source.get(at..).unwrap_or_default();
        for line in rest.split_inclusive('\n') {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            if line.get(..indent).is_some_and(|indent| indent.contains('\t')) {
                return at..at + indent;
            }
            at += line.len();
        }
        start..start
    }
}

pub(crate) fn too_many_problems() -> Problem {
    Problem::error(Path::root(), "the file has more problems").remedy("correct these first")
}

fn tab_problem(span: Range<usize>) -> Problem {
    Problem::error(Path::root(), "not valid YAML: a tab is used for indentation")
        .remedy("indent with spaces")
        .at(span)
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

fn quoted_length(written: &str) -> usize {
    let mut chars = written.char_indices().peekable();
    let Some((_, quote)) = chars.next() else {
        return 0;
    };
    while let Some((at, c)) = chars.next() {
        let doubled = c == '\'' && chars.peek().is_some_and(|(_, next)| *next == c);
        if (quote == '"' && c == '\\') || (quote == '\'' && doubled) {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    written.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let (tree, problems) = parse(source);
        let shown: Vec<String> = problems
            .iter()
            .map(|problem| match &problem.span {
                Some(span) => format!("{:?} {problem}", source.get(span.clone()).unwrap_or("?")),
                None => problem.to_string(),
            })
            .collect();
        assert_eq!(shown, expected, "{source:.200}");
        assert!(tree.is_some() || !problems.is_empty());
    }

    #[test]
    fn what_is_refused_is_reported_with_its_text_and_a_remedy() {
        let rows: [(&str, &[&str]); 18] = [
            (
                "a:\n\tb: 1\n",
                &["\"\\t\" not valid YAML: a tab is used for indentation: indent with spaces"],
            ),
            (
                "a:\n  b: 1\n\tc: 2\n",
                &["\"\\t\" not valid YAML: a tab is used for indentation: indent with spaces"],
            ),
            (
                "\ta: 1",
                &["\"\\t\" not valid YAML: a tab is used for indentation: indent with spaces"],
            ),
            (
                "a: 1\n---\nb: 2\n",
                &[
                    "\"---\" the file has more than one document: keep one: remove this and what follows",
                ],
            ),
            (
                "a: &x\n  b: 1\nc: *x\n",
                &[
                    "\"&x\" a: has the anchor `&x`: anchors are not supported: write it out or use `defaults:`",
                    "\"*x\" c: is the alias `*x`: aliases are not supported: write it out or use `defaults:`",
                ],
            ),
            (
                "a: *nope\n",
                &[
                    "\"*\" not valid YAML: aliases are not supported: write it out or use `defaults:`",
                ],
            ),
            (
                "a: &x é\nb: [*x]\n",
                &[
                    "\"&x\" a: has the anchor `&x`: anchors are not supported: write it out or use `defaults:`",
                    "\"*x\" b[0]: is the alias `*x`: aliases are not supported: write it out or use `defaults:`",
                ],
            ),
            (
                "a: {b: 1}\n<<: {c: 2}\n",
                &[
                    "\"<<\" \"<<\": is a merge key: merge keys are not supported: write it out or use `defaults:`",
                ],
            ),
            (
                "a: !!python/object:os.system [x]\nb: !x y\nc: !e!x y\n",
                &[
                    "\"!!python/object:os.system\" a: has the tag `!!python/object:os.system`: tags are not supported: remove it, and quote the value to make it a string",
                    "\"!x\" b: has the tag `!x`: tags are not supported: remove it, and quote the value to make it a string",
                    "\"!\" not valid YAML: tags are not supported: remove it",
                ],
            ),
            (
                "a: !!str 5\nb: 1",
                &[
                    "\"!!str\" a: has the tag `!!str`: tags are not supported: remove it, and quote the value to make it a string",
                ],
            ),
            (
                "a: 1\nb:\n  c: 1\n  'c': 2\na: 3\n",
                &[
                    "\"'c'\" b.c: is given twice, first on line 3: keep one of them",
                    "\"a\" a: is given twice, first on line 1: keep one of them",
                ],
            ),
            (
                "? [a]\n: b\n? {x: y}\n: c\n",
                &[
                    "\"[a]\" the file has a list or mapping as a key: write a name, or quote it if it begins with `{` or `[`",
                    "\"{x: y}\" the file has a list or mapping as a key: write a name, or quote it if it begins with `{` or `[`",
                ],
            ),
            ("", &["the file is empty: write at least one `key: value`"]),
            ("# nothing\n", &["the file is empty: write at least one `key: value`"]),
            ("---\n", &["the file is empty: write at least one `key: value`"]),
            (
                "\u{feff}\u{feff}a: 1",
                &["\"\" the file has two byte order marks: save the file as UTF-8 without a mark"],
            ),
            (
                "a: b: c\n",
                &[
                    "\":\" not valid YAML: mapping values are not allowed in this context: indent this key like the one above, or quote a value that contains `: `",
                ],
            ),
            (
                "é: \"x\nb: 1\n",
                &[
                    "\"\\\"\" not valid YAML: invalid indentation in quoted scalar: check the quotes",
                ],
            ),
        ];
        for (source, expected) in rows {
            check(source, expected);
        }
    }

    #[test]
    fn sizes_are_limited() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        check(&deep(MAX_DEPTH), &[]);
        check(&deep(MAX_DEPTH + 1), &["\"[\" the file is nested too deep: keep to 64 levels"]);
        check(
            &format!("# {}", "x".repeat(MAX_BYTES)),
            &["the file has 1048578 bytes: keep it to 1048576 bytes"],
        );
        check(&format!("[{}]", "x,".repeat(MAX_NODES - 1)), &[]);
        check(
            &format!("[{}]", "x,".repeat(MAX_NODES + 1)),
            &["\"x\" the file has too many values: keep to 100000"],
        );
    }

    #[test]
    fn spans_are_bytes_of_what_was_written() {
        let source = "\u{feff}é: ü\r\nb:\r\n  - 'it''s' # c\r\n  - {字: \"\\\"\", n: }\r\nc: |\r\n  x\r\n\r\nd:\r\n  e: f\r\n  g: h\r\n\r\ni: j\r\n";
        let (tree, problems) = parse(source);
        assert_eq!(problems, []);
        let root = Path::root();
        let rows = [
            (root.key("é"), "ü"),
            (root.key("b").index(0), "'it''s'"),
            (root.key("b").index(1), "{字: \"\\\"\", n: }"),
            (root.key("b").index(1).key("字"), "\"\\\"\""),
            (root.key("b").index(1).key("n"), ""),
            (root.key("c"), "x"),
            (root.key("d"), "e: f\r\n  g: h"),
            (root.key("i"), "j"),
        ];
        for (path, expected) in rows {
            let node = tree.as_ref().and_then(|tree| tree.find(&path));
            let written = node.and_then(|node| source.get(node.span.clone()));
            assert_eq!(written, Some(expected), "{path}");
        }
        assert_eq!(tree.and_then(|tree| tree.find(&root.key("b").index(2)).cloned()), None);
    }

    #[test]
    fn a_path_quotes_keys_that_are_not_words() {
        let path =
            Path::root().key("jobs").key("a.b").key("triggers").index(1).key("").key("naïve-x_1");
        assert_eq!(path.to_string(), r#"jobs."a.b".triggers[1]."".naïve-x_1"#);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named() {
        let rows: [(&[u8], &str); 4] = [
            (b"a: 1", "a: 1"),
            (b"\xff\xfea\0", "the file is UTF-16, must be UTF-8: save the file as UTF-8"),
            (b"a\0:\0 \0", "the file is UTF-16, must be UTF-8: save the file as UTF-8"),
            (b"a: \xe9", "the file is not UTF-8: it has the byte 0xE9: save the file as UTF-8"),
        ];
        for (bytes, expected) in rows {
            let shown = decode(bytes).map_or_else(|problem| problem.to_string(), str::to_owned);
            assert_eq!(shown, expected);
        }
    }
}
