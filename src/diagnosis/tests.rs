//! Diagnosis on worlds sketched in a few lines each.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

mod causes;
mod evidence;
mod rules;
mod sketch;
mod worlds;
