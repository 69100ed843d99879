//! What is done with a command that a page shows.

use super::OF_OTHERS;

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is run.
    Here,
    /// It needs AWS, a person or a container engine, or goes on: only its words are held against the program.
    Parsed,
    /// It is a target of the Makefile.
    Make,
    /// It is in the list, under this beginning.
    OfOthers(&'static str),
    Unknown,
}

/// Words in capitals that cannot stand for themselves, each with one that the reader may put there.
const PLACEHOLDERS: [(&str, &str); 3] =
    [("ADDRESS", "127.0.0.1:4510"), ("JOB", "report"), ("SHELL", "bash")];
/// Programs that every machine has.
const EVERYWHERE: [&str; 3] = ["export", "sed", "cat"];

pub(super) fn kind(command: &str) -> Kind {
    if let Some(words) = longshore_in(command) {
        return if needs_more(&words) { Kind::Parsed } else { Kind::Here };
    }
    if command.starts_with("make ") {
        return Kind::Make;
    }
    let listed = OF_OTHERS.iter().find(|(beginning, _)| command.starts_with(beginning));
    match (listed, command.split(' ').next()) {
        (Some((beginning, _)), _) => Kind::OfOthers(beginning),
        (None, Some(program)) if EVERYWHERE.contains(&program) => Kind::Here,
        (None, _) => Kind::Unknown,
    }
}

/// Whether one machine alone cannot run it.
fn needs_more(words: &[String]) -> bool {
    let has = |option: &str| words.iter().any(|word| word == option);
    let asks_aws = has("aws") || has("doctor") && !has("--from");
    // What `init` is not told it asks a person.
    asks_aws || has("init") || has("--serve") || has("--runtime")
}

/// The command line of longshore in a command, also where cargo builds it first; `None` where there
/// is none, or it is the bare name.
pub(super) fn longshore_in(command: &str) -> Option<Vec<String>> {
    let arguments = match command.strip_prefix("cargo run ") {
        Some(rest) => rest.split_once(" -- ")?.1,
        None => command.strip_prefix("longshore ")?,
    };
    let mut words = vec!["longshore".to_owned()];
    words.extend(split(arguments).into_iter().map(|word| {
        let filled = PLACEHOLDERS.iter().find(|(name, _)| *name == word);
        filled.map_or(word, |(_, value)| (*value).to_owned())
    }));
    Some(words)
}

/// The words of a command up to where a shell would take over.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, '>' | '|' | '&' | ';') => break,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (_, _) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn commands_are_told_apart() {
    for (command, expected) in [
        ("longshore runs --failed", Kind::Here),
        ("cargo run --no-default-features -- local events/manual.json", Kind::Here),
        ("longshore runs --on aws", Kind::Parsed),
        ("longshore doctor report", Kind::Parsed),
        ("longshore doctor --from evidence.json", Kind::Here),
        ("make test", Kind::Make),
        ("sam build --cached", Kind::OfOthers("sam build")),
        ("rm -rf /", Kind::Unknown),
    ] {
        assert_eq!(kind(command), expected, "{command}");
    }
    let words = longshore_in("longshore stop RUN --reason 'wrong day' > file").unwrap();
    assert_eq!(words, ["longshore", "stop", "RUN", "--reason", "wrong day"]);
    assert_eq!(longshore_in("longshore-events"), None);
}
