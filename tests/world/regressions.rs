//! Histories that went wrong once, each named by what is so now. A seed means the same history as
//! long as the world asks the same questions in the same order; the rules themselves are held by
//! guards, invariants and unit tests.

use crate::broken;

/// Found again by taking the rule out of the product.
const SEEDS: [(&str, u64); 4] = [
    ("a refusal does not count while somebody else calls with the token", 5_530),
    ("a token rests before it is given up", 11_511),
    ("a run in doubt is given the slot that its own last attempt left", 1_108),
    ("a refusal is looked into after lists have caught up", 6_782),
];

#[test]
fn what_went_wrong_once_goes_well() {
    for (name, seed) in SEEDS {
        assert_eq!(broken(seed, None), Vec::<String>::new(), "{name}, seed {seed}");
    }
}
