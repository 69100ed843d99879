//! The three functions.

fn main() {}
