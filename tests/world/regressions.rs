//! Histories that went wrong once, each named by what is so now. A seed means the same history as
//! long as the world asks the same questions in the same order; the rules themselves are held by
//! guards, invariants and unit tests.

use crate::{broken, report, simulation, tape};

/// By seed: found again by taking the rule out of the product.
const SEEDS: [(&str, u64); 4] = [
    ("a refusal does not count while somebody else calls with the token", 9_691),
    ("a token rests before it is given up", 46_353),
    ("a run in doubt is given the slot that its own last attempt left", 1_108),
    ("a refusal is looked into after lists have caught up", 6_782),
];

/// By the fewest deviations that did it.
const TAPES: [(&str, &str); 3] = [
    ("a token rests before it is given up", "2:1,11:2,13:1"),
    (
        "a run in doubt is given the slot that its own last attempt left",
        "0:2,1:2,3:1,11:5,23:7,27:4,29:6,36:7,37:1,43:1,44:1,45:2,47:2,48:2,64:3,67:4",
    ),
    (
        "a refusal is looked into after lists have caught up",
        "0:2,2:2,11:2,19:2,24:6,25:6,27:2,36:1,39:1,40:5,51:2,62:2",
    ),
];

#[test]
fn what_went_wrong_once_goes_well() {
    for (name, seed) in SEEDS {
        assert_eq!(broken(seed, None), Vec::<String>::new(), "{name}, seed {seed}");
    }
    for (name, deviations) in TAPES {
        let tape: tape::Tape = report::tape_of(deviations).expect("`place:answer,..`");
        let world = simulation::run(tape, None, false);
        assert_eq!(world.broken, Vec::<String>::new(), "{name}: {deviations}");
    }
}
