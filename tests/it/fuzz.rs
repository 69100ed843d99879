//! What anybody may hand in, damaged in every way at random: the seeds are the samples of `events/`
//! and `tests/corpus/`. A case that was ever found bad is a named test beside its target.
//!
//! `make fuzz CASES=n` tries more than an ordinary run of the tests does.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

mod envelopes;
mod facts;
mod jobs_file;
mod keys;
mod ledger;
mod schedules;
mod templates;

/// No file of failures: what is found becomes a test with a name.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// The files of a folder of the repository, in the order of their names.
#[expect(clippy::expect_used, reason = "a test may fail by panic")]
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).expect("a folder of seeds");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// The seeds of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    files(&format!("tests/corpus/{target}"))
}

/// The seeds of a target whose seeds are texts.
fn texts(target: &str) -> Vec<String> {
    let seeds = corpus(target).into_iter();
    seeds.map(|seed| String::from_utf8_lossy(&seed).into_owned()).collect()
}

/// One piece of damage.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
    Overwrite(Index, Vec<u8>),
    Truncate(Index),
    /// What follows is another seed's.
    Splice(Index, Index),
}

/// Damage with words that mean something to the target.
fn damage(words: &'static [&'static str]) -> impl Strategy<Value = Damage> {
    let bytes = || {
        prop_oneof![
            select(words).prop_map(|word| word.as_bytes().to_vec()),
            vec(any::<u8>(), 1..4),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
        ]
    };
    let place = any::<Index>;
    prop_oneof![
        (place(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (place(), 1..40usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        (place(), 1..200usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        (place(), bytes()).prop_map(|(at, new)| Damage::Insert(at, new)),
        (place(), bytes()).prop_map(|(at, new)| Damage::Overwrite(at, new)),
        place().prop_map(Damage::Truncate),
        (place(), place()).prop_map(|(at, other)| Damage::Splice(at, other)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let size = bytes.len();
        let place = |at: &Index| at.index(size + 1);
        let span = |at: &Index, length: usize| place(at)..(place(at) + length).min(size);
        match self {
            Self::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(place(at)) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Cut(at, length) => drop(bytes.drain(span(at, *length))),
            Self::Repeat(at, length) => {
                let again = bytes.get(span(at, *length)).unwrap_or_default().to_vec();
                bytes.splice(place(at)..place(at), again);
            }
            Self::Insert(at, new) => drop(bytes.splice(place(at)..place(at), new.clone())),
            Self::Overwrite(at, new) => drop(bytes.splice(span(at, new.len()), new.clone())),
            Self::Truncate(at) => bytes.truncate(place(at)),
            Self::Splice(at, other) => {
                let other = other.get(seeds);
                bytes.truncate(place(at));
                bytes.extend(other.iter().skip(at.index(other.len() + 1)));
            }
        }
    }
}

/// A seed with up to six pieces of damage.
fn mutated(seeds: Vec<Vec<u8>>, words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), vec(damage(words), 0..6)).prop_map(move |(seed, pieces)| {
        let mut bytes = seed.get(&seeds).clone();
        for piece in pieces {
            piece.apply(&mut bytes, &seeds);
        }
        bytes
    })
}

/// The same of a text.
fn mutated_text(
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
) -> impl Strategy<Value = String> {
    mutated(seeds, words).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
