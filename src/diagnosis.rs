//! Why a task does not start: findings from evidence.

mod finding;
pub mod reach;
mod source;
pub mod world;

pub use finding::{Check, Finding, Status};
pub use source::{Source, Unseen};

#[cfg(test)]
mod tests;
