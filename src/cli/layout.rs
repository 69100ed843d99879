//! Fits text into the terminal's width: what is told wraps under itself, what is listed is cut.
//! Where nobody reads along (a pipe, a file) there is no width, and nothing is wrapped or cut.

use std::io;

use anstyle::Style;
use textwrap::core::display_width;

use super::output::DIM;

/// Columns below which nothing is made narrower: it would be one word a line.
const NARROWEST: usize = 40;
/// Columns that the last cell of a table needs beside the others.
const BESIDE: usize = 24;

/// How wide standard output is; `None` where it is no terminal.
pub(super) fn width() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(columns).max(NARROWEST))
}

/// A line as lines of this width, those after the first indented; ends the last of them.
pub(super) fn wrap(line: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return format!("{line}\n") };
    let margin = line.len() - line.trim_start_matches(' ').len();
    let (margin, rest) = line.split_at_checked(margin).unwrap_or(("", line));
    let indent = " ".repeat(indent);
    // Ids, dates and images are full of hyphens, and are copied whole.
    let options = textwrap::Options::new(width)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(margin)
        .subsequent_indent(&indent);
    textwrap::fill(rest, options) + "\n"
}

/// The beginning of a text, with `…` for what is left out.
fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if display_width(&kept) + 1 > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// Columns, each as wide as its widest cell. The last one takes what is left of the width, and goes
/// into a line of its own where that is too little.
pub(super) fn table(header: &[&str], rows: &[Vec<String>], width: Option<usize>) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| display_width(cell)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(display_width(cell));
        }
    }
    let before = widths.split_last().map_or(0, |(_, others)| others.iter().map(|w| w + 2).sum());
    let below = width.filter(|width| before + BESIDE > *width);
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let told = match (below, header.split_last()) {
        (Some(_), Some((_, others))) => others,
        _ => &header,
    };
    let mut text = line(told, &widths, DIM, width);
    for row in rows {
        match (below, row.split_last()) {
            (Some(width), Some((last, others))) if !last.is_empty() => {
                text += &line(others, &widths, Style::new(), Some(width));
                text += &format!("  {}\n", cut(last, width.saturating_sub(2)));
            }
            _ => text += &line(row, &widths, Style::new(), width),
        }
    }
    text
}

fn line(cells: &[String], widths: &[usize], style: Style, width: Option<usize>) -> String {
    let mut padded = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let fill = " ".repeat(width.saturating_sub(display_width(cell)) + 2);
        padded.push_str(cell);
        padded.push_str(&fill);
    }
    let padded = padded.trim_end();
    let shown = width.map_or_else(|| padded.to_owned(), |width| cut(padded, width));
    format!("{style}{shown}{style:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_wraps_under_itself_and_only_on_a_terminal() {
        let line = "  09:14:07.000  Failed   container `main` exited with code 3 and said nothing";
        assert_eq!(wrap(line, 25, None), format!("{line}\n"));
        assert_eq!(wrap(line, 25, Some(80)), format!("{line}\n"));
        insta::assert_snapshot!(wrap(line, 25, Some(50)), @r"
          09:14:07.000  Failed   container `main` exited
                                 with code 3 and said
                                 nothing
        ");
    }

    #[test]
    fn a_cut_text_fills_its_width_and_no_more() {
        for (text, width, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("to be cut", 4, "to…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
        ] {
            assert_eq!(cut(text, width), expected);
        }
    }
}
