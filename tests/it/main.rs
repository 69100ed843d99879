//! One test binary: the house as a whole, and the program as its users meet it.

mod architecture;
mod cli;
mod contracts;
mod interrupt;
mod local;
mod logging;
mod program;
mod readme;
mod sharing;
mod terminal;
