//! Exists because a mistake can only be pointed at in a tree that remembers where each value was written.

use std::ops::Range;

use super::problem::Problem;

mod build;
mod path;
mod source;

pub use path::{Path, Segment};

/// The largest source that is read, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;
/// How deep lists and mappings may be nested.
pub const DEPTH_MAX: usize = 64;
/// How many values a document may have, keys included.
pub const NODES_MAX: usize = 100_000;

/// How many problems are reported at once.
pub const PROBLEMS_MAX: usize = 200;

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

    /// Whether this itself was not left out after a problem.
    pub(crate) fn is_read(&self) -> bool {
        self.value != Value::Unread
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
    let mut problems = Vec::new();
    match build::build(source, &mut problems) {
        Ok(root) => (Some(root), problems),
        Err(problem) => {
            problems.push(problem);
            (None, problems)
        }
    }
}

pub(crate) fn too_many_problems() -> Problem {
    Problem::error(Path::root(), "the file has more problems").remedy("correct these first")
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
        check(&deep(DEPTH_MAX), &[]);
        check(&deep(DEPTH_MAX + 1), &["\"[\" the file is nested too deep: keep to 64 levels"]);
        check(
            &format!("# {}", "x".repeat(BYTES_MAX)),
            &["the file has 1048578 bytes: keep it to 1048576 bytes"],
        );
        check(&format!("[{}]", "x,".repeat(NODES_MAX - 1)), &[]);
        check(
            &format!("[{}]", "x,".repeat(NODES_MAX + 1)),
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
