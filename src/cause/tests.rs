//! Every family of ECS's texts, as it comes, gives its cause; mangled, it gives the same.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::collections::BTreeSet;

use super::{Cause, Kind};
use crate::event::StopCode;

/// A text each, under the name of what it means.
const SAMPLES: &str = include_str!("tests/samples.txt");

fn samples() -> Vec<(&'static str, &'static str)> {
    let mut kind = "";
    let mut samples = Vec::new();
    for line in SAMPLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("    ") {
            Some(text) => samples.push((kind, text)),
            None => kind = line,
        }
    }
    samples
}

fn kind(text: &str) -> Option<&'static str> {
    Cause::of_reason(text, None).map(|cause| cause.kind.as_str())
}

#[test]
fn every_sample_gives_its_cause() {
    let wrong: Vec<String> = samples()
        .into_iter()
        .filter(|(name, text)| kind(text) != Some(*name))
        .map(|(name, text)| format!("{name}, not {:?}: {text}", kind(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_has_a_sample() {
    let named: BTreeSet<&str> = samples().into_iter().map(|(name, _)| name).collect();
    // No text of ECS's own says it; its stop code does.
    let by_code = ["host-failed"];
    for kind in Kind::ALL {
        let name = kind.as_str();
        assert!(named.contains(name) || by_code.contains(&name), "{name}");
    }
}

/// The next number of a row that is always the same.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}

/// The text as another hand would have written it, and cut as ECS cuts it.
fn mangle(text: &str, seed: &mut u64) -> String {
    let prefixes = ["", "", "failed to start: ", "TaskFailedToStart: ", "Task failed to start: "];
    let mut mangled = prefixes[next(seed) % prefixes.len()].to_owned();
    let by_case = next(seed) % 4;
    for c in text.chars().take(255) {
        let c = match (c, next(seed) % 3) {
            ('\'' | '’', 0) => '\u{2019}',
            ('\'' | '’', 1) => '\'',
            ('\'' | '’', _) => '\u{2018}',
            ('"', 0) => '\u{201c}',
            (' ', 0) => '\u{a0}',
            (' ', 1) if next(seed).is_multiple_of(4) => {
                mangled.push(' ');
                ' '
            }
            (c, _) => c,
        };
        match by_case {
            0 => mangled.push(c),
            1 => mangled.extend(c.to_uppercase()),
            2 => mangled.extend(c.to_lowercase()),
            _ if next(seed).is_multiple_of(2) => mangled.extend(c.to_uppercase()),
            _ => mangled.push(c),
        }
    }
    mangled
}

#[test]
fn two_hundred_mangled_variants_give_the_same_cause() {
    let samples: Vec<_> = samples();
    let mut seed = 20_261_126;
    let mut wrong = Vec::new();
    for n in 0..400 {
        let (name, text) = samples[n % samples.len()];
        let mangled = mangle(text, &mut seed);
        if kind(&mangled) != Some(name) {
            wrong.push(format!("{name}, not {:?}: {mangled}", kind(&mangled)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_cut_within_its_last_words_is_still_known() {
    let text = "CannotPullContainerError: image Manifest does not contain descriptor matching pla…";
    assert_eq!(kind(text), Some("platform"));
    // Not cut: these words are somebody's own.
    assert_eq!(kind("some descriptor match"), None);
}

#[test]
fn what_is_not_known_gives_no_cause() {
    for text in
        ["", "longshore: timed out", "my own words", "Agent Smith stopped it", "inactive users"]
    {
        assert_eq!(kind(text), None, "{text}");
    }
}

#[test]
fn a_stop_code_speaks_where_the_text_does_not() {
    for (code, expected) in [
        (StopCode::SpotInterruption, Some(Kind::SpotInterruption)),
        (StopCode::TerminationNotice, Some(Kind::SpotInterruption)),
        (StopCode::InfrastructureHealth, Some(Kind::HostFailed)),
        (StopCode::TaskFailedToStart, None),
        (StopCode::UserInitiated, None),
    ] {
        let found = Cause::of_reason("words of a new kind", Some(&code)).map(|cause| cause.kind);
        assert_eq!(found, expected, "{code}");
    }
    let text = "OutOfMemoryError: Container killed due to memory usage";
    let found = Cause::of_reason(text, Some(&StopCode::InfrastructureHealth)).unwrap();
    assert_eq!(found.kind, Kind::OutOfMemory);
}

#[test]
fn a_sentence_names_what_the_text_is_about() {
    let text = "Unexpected EC2 error while attempting to Create Network Interface with public IP \
                assignment disabled in subnet 'subnet-0123456789abcdef0'";
    let cause = Cause::of_reason(text, None).unwrap();
    assert!(cause.sentence.ends_with("(subnet-0123456789abcdef0)"), "{}", cause.sentence);
    let text = "unable to retrieve secret from asm: failed to fetch secret \
                arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf: AccessDeniedException";
    let cause = Cause::of_reason(text, None).unwrap();
    assert!(cause.sentence.ends_with(":secret:db-AbCdEf)"), "{}", cause.sentence);
}

#[test]
fn a_kind_of_a_newer_longshore_can_be_read() {
    let stored = r#"{"kind":"lost-in-space","sentence":"it is gone","remedy":"look"}"#;
    let cause: Cause = serde_json::from_str(stored).unwrap();
    assert_eq!((cause.kind, cause.sentence.as_str()), (Kind::Other, "it is gone"));
}
