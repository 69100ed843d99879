//! The text of a file, for what the parser leaves out: bytes instead of characters, values without
//! what follows them, and what to do about a syntax error.

use std::ops::Range;

use saphyr_parser::{ScalarStyle, ScanError, Span};

use super::{BYTE_ORDER_MARK, BYTES_MAX, DEPTH_MAX, Path, Value, WRITE_OUT};
use crate::jobs::problem::Problem;

/// A text of which every character's place is known.
pub(super) struct Source<'s> {
    /// All of it, a byte order mark included.
    pub(super) text: &'s str,
    /// The byte offset of each character behind the mark: the parser counts characters.
    offsets: Vec<usize>,
}

impl<'s> Source<'s> {
    pub(super) fn new(text: &'s str) -> Result<Self, Problem> {
        if text.len() > BYTES_MAX {
            let message = format!("the file has {} bytes", text.len());
            return Err(Problem::error(Path::root(), message)
                .remedy(format!("keep it to {BYTES_MAX} bytes")));
        }
        let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let base = text.len() - body.len();
        if body.starts_with(BYTE_ORDER_MARK) {
            let problem = Problem::error(Path::root(), "the file has two byte order marks");
            return Err(problem.remedy("save the file as UTF-8 without a mark").at(base..base));
        }
        Ok(Self { text, offsets: body.char_indices().map(|(at, _)| base + at).collect() })
    }

    /// The text without a byte order mark.
    pub(super) fn body(&self) -> &'s str {
        self.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(self.text)
    }

    pub(super) fn get(&self, span: Range<usize>) -> &'s str {
        self.text.get(span).unwrap_or_default()
    }

    /// The parser's span in bytes.
    pub(super) fn bytes(&self, span: &Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }

    fn byte(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(self.text.len())
    }

    /// Takes what the parser adds to a scalar (a bracket, a comment, blank lines) off its span.
    pub(super) fn trim(
        &self,
        span: Range<usize>,
        style: ScalarStyle,
        value: &Value,
    ) -> Range<usize> {
        let written = self.get(span.clone());
        let length = match (style, value) {
            (ScalarStyle::Plain, Value::Scalar { text, .. }) if text.is_empty() => 0,
            (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, _) => quoted_length(written),
            _ => written.trim_end().len(),
        };
        span.start..span.start + length
    }

    /// Refuses a tab before the document's first value, which the parser lets pass.
    pub(super) fn check_indent(&self, start: usize) -> Result<(), Problem> {
        let indent = self.get(0..start).rsplit('\n').next().unwrap_or_default();
        if indent.contains('\t') && indent.trim().is_empty() {
            return Err(tab_problem(start - indent.len()..start));
        }
        Ok(())
    }

    /// A syntax error with its remedy.
    pub(super) fn explain(&self, error: &ScanError) -> Problem {
        let start = self.byte(error.marker().index());
        let rest = self.get(start..self.text.len());
        let width = rest.chars().next().map_or(0, char::len_utf8);
        let info = error.info();
        if info.starts_with("tab") || info.contains(" tab") {
            return tab_problem(self.find_tab(start));
        }
        // The parser has a limit of its own, and may meet it before ours is counted.
        if info.contains("recursion limit") {
            return too_deep(start..start + width);
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
        let mut at = self.get(0..start).rfind('\n').map_or(0, |newline| newline + 1);
        for line in self.get(at..self.text.len()).split_inclusive('\n') {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            if line.get(..indent).is_some_and(|indent| indent.contains('\t')) {
                return at..at + indent;
            }
            at += line.len();
        }
        start..start
    }
}

/// What is nested deeper than is read.
pub(super) fn too_deep(span: Range<usize>) -> Problem {
    Problem::error(Path::root(), "the file is nested too deep")
        .remedy(format!("keep to {DEPTH_MAX} levels"))
        .at(span)
}

fn tab_problem(span: Range<usize>) -> Problem {
    Problem::error(Path::root(), "not valid YAML: a tab is used for indentation")
        .remedy("indent with spaces")
        .at(span)
}

/// The length of a value in quotes, without what follows them.
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
