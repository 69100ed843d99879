//! Did you mean: the name nearest to one that is not known.

/// How alike two names must be (Jaro-Winkler) for one to be a misspelling of the other: enough
/// for `retires` and `retry`, too little for `timeout` and `trigger`.
const ALIKE: f64 = 0.8;
/// The longest name that is compared, in characters.
const COMPARED_CHARS_MAX: usize = 60;

/// The name that `given` is most likely a misspelling of.
pub(crate) fn nearest<'n>(given: &str, names: &[&'n str]) -> Option<&'n str> {
    if given.chars().count() > COMPARED_CHARS_MAX {
        return None;
    }
    let fold = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let given = fold(given);
    names
        .iter()
        .map(|name| (likeness(&given, &fold(name)), *name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}

fn likeness(given: &str, name: &str) -> f64 {
    let is_slip = name.len() > 2 && strsim::damerau_levenshtein(given, name) == 1;
    let likeness = strsim::jaro_winkler(given, name);
    // One slip counts for too much in a short name: `mx` is `max` all the same.
    if is_slip { likeness.max(ALIKE) } else { likeness }
}
