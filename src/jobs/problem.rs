//! Exists so that every complaint about a jobs file looks the same: what is wrong, where, and what to write instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use crate::jobs::yaml::{BYTE_ORDER_MARK, Node, Path};

/// Whether the file can be used in spite of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and probably does not do what was meant.
    Warning,
}

/// One thing that is wrong with a jobs file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// The value at fault; empty for the file as a whole.
    pub path: Path,
    /// The text at fault, as byte offsets in the source.
    pub span: Option<Range<usize>>,
    /// What is wrong, to be read after the path: `is 5m, must be at least 10m`.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

/// What is wrong, without what to do about it: only [`Complaint::remedy`] makes a problem of it, so
/// that nobody is left alone with one.
#[derive(Debug)]
#[must_use]
pub struct Complaint {
    severity: Severity,
    path: Path,
    message: String,
}

impl Complaint {
    /// Adds what to write instead.
    pub fn remedy(self, remedy: impl Into<String>) -> Problem {
        let Self { severity, path, message } = self;
        Problem { severity, path, span: None, message, remedy: remedy.into() }
    }
}

impl Problem {
    /// A problem because of which the file cannot be used.
    pub fn error(path: Path, message: impl Into<String>) -> Complaint {
        Complaint { severity: Severity::Error, path, message: message.into() }
    }

    /// A problem in spite of which the file can be used.
    pub fn warning(path: Path, message: impl Into<String>) -> Complaint {
        Complaint { severity: Severity::Warning, path, message: message.into() }
    }

    /// Adds the text at fault, as byte offsets in the source.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    /// The form for JSON output, with the line and column in `source`.
    pub fn record(&self, source: &str) -> ProblemRecord {
        let place = self.span.as_ref().map(|span| line_column(source, span.start));
        ProblemRecord {
            severity: self.severity,
            path: self.path.to_string(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: self.message.clone(),
            remedy: self.remedy.clone(),
        }
    }

    fn title(&self) -> String {
        let Self { path, message, .. } = self;
        if !path.is_empty() {
            format!("{path}: {message}")
        } else if message.starts_with("is ") || message.starts_with("has ") {
            format!("the file {message}")
        } else {
            message.clone()
        }
    }

    /// Finds the text at fault by the path, unless it is known: the value there, or the innermost
    /// one around it that was written.
    pub(crate) fn locate(&mut self, tree: &Node) {
        let segments = self.path.segments();
        self.span = self.span.take().or_else(|| {
            (1..=segments.len()).rev().find_map(|length| {
                let around: Path = segments.iter().take(length).cloned().collect();
                tree.find(&around).map(|node| node.span.clone())
            })
        });
    }

    /// Sorts by position; problems of the whole file come first.
    pub(crate) fn position(&self) -> Option<(usize, usize)> {
        self.span.as_ref().map(|span| (span.start, span.end))
    }
}

/// One line for logs: path, message and remedy, without the place.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title(), self.remedy)
    }
}

/// A problem as it appears in JSON output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemRecord {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// The value at fault, such as `jobs.report.triggers[1].s3.bucket`.
    pub path: String,
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The column in characters, counted from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

/// Shows problems to a person, in the order of the file, each with the line it is about.
pub fn render(problems: &[Problem], file_name: &str, source: &str, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| problem.position());
    let blocks: Vec<String> =
        sorted.iter().map(|problem| render_one(problem, file_name, source, &renderer)).collect();
    blocks.join("\n\n")
}

fn render_one(problem: &Problem, file_name: &str, source: &str, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let file_name = printable_line(file_name);
    let group = Group::with_title(level.primary_title(printable_line(&problem.title())));
    let group = match &problem.span {
        Some(span) => {
            let line = Line::at(source, span.start);
            group.element(
                Snippet::source(printable_source(line.text))
                    .line_start(line.number)
                    .path(file_name)
                    .annotation(AnnotationKind::Primary.span(line.clip(span))),
            )
        }
        None => group.element(Origin::path(file_name)),
    };
    renderer.render(&[group.element(Level::HELP.message(printable_line(&problem.remedy)))])
}

/// Replaces what the renderer leaves alone in source: the C1 controls, which some terminals obey.
/// The substitute is as long in UTF-8 as they are, so spans stay right.
fn printable_source(text: &str) -> String {
    let is_c1 = |c| matches!(c, '\u{80}'..='\u{9f}');
    text.replace(is_c1, "\u{b7}")
}

/// Keeps what a message quotes from breaking the line or the terminal. The renderer does so in
/// titles only.
fn printable_line(text: &str) -> String {
    let reorders = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = text.replace(char::is_whitespace, " ");
    text.replace(|c: char| c.is_control() || reorders(c), "\u{fffd}")
}

/// Where a byte offset is: line and column, both counted from 1, the column in characters.
pub fn line_column(source: &str, offset: usize) -> (usize, usize) {
    let offset = source.floor_char_boundary(offset);
    let line = Line::at(source, offset);
    let before = source.get(line.start..offset).unwrap_or_default();
    (line.number, before.chars().count() + 1)
}

struct Line<'s> {
    number: usize,
    start: usize,
    text: &'s str,
}

impl<'s> Line<'s> {
    fn at(source: &'s str, offset: usize) -> Self {
        let (before, _) =
            source.split_at_checked(source.floor_char_boundary(offset)).unwrap_or_default();
        let start = match before.rfind('\n') {
            Some(newline) => newline + 1,
            // The mark has no width, so it counts neither as a column nor as text.
            None if source.starts_with(BYTE_ORDER_MARK) => BYTE_ORDER_MARK.len_utf8(),
            None => 0,
        };
        let rest = source.get(start..).unwrap_or_default();
        let text = rest.split('\n').next().unwrap_or_default();
        Self {
            number: before.matches('\n').count() + 1,
            start,
            text: text.strip_suffix('\r').unwrap_or(text),
        }
    }

    /// The part of a span on this line: underlining a whole block would hide the point of it.
    fn clip(&self, span: &Range<usize>) -> Range<usize> {
        let within =
            |offset: usize| self.text.floor_char_boundary(offset.saturating_sub(self.start));
        let start = within(span.start);
        start..within(span.end).max(start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(source: &str, span: Range<usize>, expected: &[&str]) {
        let problem = Problem::error(Path::root().key("a"), "is wrong").remedy("right it").at(span);
        let shown = render(&[problem], "jobs.yaml", source, false);
        let shown: Vec<&str> = shown.lines().collect();
        let (above, help) = shown.split_at(shown.len() - 2);
        assert_eq!(above, expected, "{source:?}");
        assert_eq!(help, ["  |", "  = help: right it"], "{source:?}");
    }

    #[test]
    fn the_text_at_fault_is_underlined() {
        let title = "error: a: is wrong";
        let rows: [(&str, Range<usize>, [&str; 5]); 7] = [
            (
                "x: 1\r\na: 2\r\n",
                9..10,
                [title, " --> jobs.yaml:2:4", "  |", "2 | a: 2", "  |    ^"],
            ),
            ("a:\tx", 3..4, [title, " --> jobs.yaml:1:4", "  |", "1 | a:    x", "  |       ^"]),
            ("字: é", 5..7, [title, " --> jobs.yaml:1:4", "  |", "1 | 字: é", "  |     ^"]),
            ("\u{feff}a: 1", 6..7, [title, " --> jobs.yaml:1:4", "  |", "1 | a: 1", "  |    ^"]),
            (
                "a:\n  b: 1\n  c: 2",
                5..16,
                [title, " --> jobs.yaml:2:3", "  |", "2 |   b: 1", "  |   ^^^^"],
            ),
            (
                "a: \u{1b}[31m\u{9b}",
                3..4,
                [title, " --> jobs.yaml:1:4", "  |", "1 | a: ␛[31m·", "  |    ^"],
            ),
            ("a:", 2..2, [title, " --> jobs.yaml:1:3", "  |", "1 | a:", "  |   ^"]),
        ];
        for (source, span, expected) in rows {
            check(source, span, &expected);
        }
    }

    #[test]
    fn problems_come_in_the_order_of_the_file_with_their_remedies() {
        let source = "a: 5m\nb: 1\n";
        let problems = [
            Problem::warning(Path::root().key("b"), "is not\nused").remedy("remove it").at(6..7),
            Problem::error(Path::root().key("a"), "is 5m, must be at least b (10m)")
                .remedy("write 10m")
                .at(3..5),
            Problem::error(Path::root(), "the file is old").remedy("write a new one"),
        ];
        insta::assert_snapshot!(render(&problems, "jobs.yaml", source, false), @r"
        error: the file is old
        --> jobs.yaml
         = help: write a new one

        error: a: is 5m, must be at least b (10m)
         --> jobs.yaml:1:4
          |
        1 | a: 5m
          |    ^^
          |
          = help: write 10m

        warning: b: is not used
         --> jobs.yaml:2:1
          |
        2 | b: 1
          | ^
          |
          = help: remove it
        ");
        assert!(render(&problems, "jobs.yaml", source, true).contains("\u{1b}["));
    }

    #[test]
    fn a_place_is_a_line_and_a_column_in_characters() {
        let source = "\u{feff}é: 1\n\n  字 x";
        let rows = [
            (0, (1, 1)),
            (3, (1, 1)),
            (5, (1, 2)),
            (9, (2, 1)),
            (12, (3, 3)),
            (13, (3, 3)),
            (16, (3, 5)),
            (99, (3, 6)),
        ];
        for (offset, expected) in rows {
            assert_eq!(line_column(source, offset), expected, "{offset}");
        }
    }

    #[test]
    fn json_output_has_the_place_in_camel_case_keys() -> Result<(), serde_json::Error> {
        let problem =
            Problem::warning(Path::root().key("a").index(1), "is odd").remedy("even it").at(2..3);
        let json = serde_json::to_string(&problem.record("\nab"))?;
        let expected = r#"{"severity":"warning","path":"a[1]","line":2,"column":2,"message":"is odd","remedy":"even it"}"#;
        assert_eq!(json, expected);
        Ok(())
    }

    proptest! {
        #[test]
        fn no_span_makes_rendering_panic(source in "(\\PC|[\\x00-\\x1f\u{7f}-\u{9f}\u{200b}\u{202e}]){0,40}", start in 0..200_usize, length in 0..200_usize) {
            let problem = Problem::error(Path::root().key(&*source), &*source).remedy(&*source).at(start..start + length);
            for colour in [false, true] {
                let shown = render(std::slice::from_ref(&problem), &source, &source, colour);
                let is_bad = |c: char| c.is_control() && c != '\n' && !(colour && c == '\u{1b}');
                prop_assert!(!shown.contains(is_bad), "{shown:?}");
            }
        }
    }
}
