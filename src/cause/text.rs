//! Makes texts alike that mean the same: AWS writes `can't` and `can’t`, `Timeout` and `timeout`,
//! and cuts what is long.

/// ECS keeps this many characters of a reason.
const CUT_AT: usize = 255;
/// A text that ends in this much of a pattern, and was cut there, may well have gone on so.
const TAIL_CHARS_MIN: usize = 10;
/// What ECS and longshore put before a reason.
const PREFIXES: [&str; 3] = ["taskfailedtostart:", "task failed to start:", "failed to start:"];

/// A text in one case, with one kind of quotes and single spaces.
pub(super) struct Words {
    text: String,
    was_cut: bool,
}

/// Makes the text alike to others that mean the same.
pub(super) fn normalise(reason: &str) -> Words {
    let ends_openly = reason.ends_with('…') || reason.ends_with("...");
    let was_cut = ends_openly || reason.chars().count() >= CUT_AT;
    let reason = reason.trim_end_matches(['…', '.']);
    let mut text = String::with_capacity(reason.len());
    for c in reason.chars().flat_map(char::to_lowercase) {
        match c {
            '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '`' | '\u{b4}' => text.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{201e}' => text.push('"'),
            c if c.is_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            c => text.push(c),
        }
    }
    Words { text, was_cut }
}

impl Words {
    /// Whether the text is nothing else, but for what it was put behind.
    pub(super) fn are(&self, text: &str) -> bool {
        let behind = PREFIXES.iter().find_map(|prefix| self.text.strip_prefix(prefix));
        behind.unwrap_or(&self.text).trim_matches([' ', '"', '\'', '.', ':']) == text
    }

    /// Whether the pattern is in the text, or was begun where the text was cut.
    pub(super) fn have(&self, pattern: &str) -> bool {
        self.text.contains(pattern) || (self.was_cut && self.ends_in_beginning_of(pattern))
    }

    fn ends_in_beginning_of(&self, pattern: &str) -> bool {
        let begun = pattern.char_indices().map(|(end, _)| &pattern[..end]);
        begun.filter(|begun| begun.len() >= TAIL_CHARS_MIN).any(|begun| self.text.ends_with(begun))
    }
}
