//! Every history of a small world with few deviations: each crash, each lost answer, each repeated,
//! late or lost message, at every place where it can happen, alone and with every other.

use std::collections::BTreeMap;

use crate::simulation::run;
use crate::tape::Tape;

/// What was tried.
#[derive(Default)]
pub(crate) struct Coverage {
    pub(crate) histories: u64,
    /// How many deviations of each kind.
    pub(crate) deviations: BTreeMap<&'static str, u64>,
    /// The first bad one.
    pub(crate) bad: Option<Vec<u8>>,
}

/// Tries every history that begins with `scene` and has so many deviations at most.
pub(crate) fn explore(scene: &[u8], deviations_max: u32) -> Coverage {
    let mut coverage = Coverage::default();
    go(scene.to_vec(), scene.len(), deviations_max, &mut coverage);
    coverage
}

fn go(answers: Vec<u8>, from: usize, left: u32, coverage: &mut Coverage) {
    if coverage.bad.is_some() {
        return;
    }
    let world = run(Tape::written(answers.clone()).noting_forks(), None, false);
    coverage.histories += 1;
    if !world.broken.is_empty() {
        coverage.bad = Some(answers);
        return;
    }
    if left == 0 {
        return;
    }
    for (place, fork) in world.tape.forks().iter().enumerate().skip(from) {
        for answer in 1..=fork.alternatives {
            *coverage.deviations.entry(fork.kind).or_default() += 1;
            let mut other = answers.clone();
            other.resize(place + 1, 0);
            other[place] = answer;
            go(other, place + 1, left - 1, coverage);
        }
    }
}
