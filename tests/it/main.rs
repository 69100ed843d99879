//! One test binary: the house as a whole, and the program as its users meet it.

mod architecture;
mod cli;
mod containers;
mod contracts;
mod crossings;
mod interrupt;
mod local;
mod logging;
mod program;
mod readme;
mod sharing;
mod tasks;
mod template;
mod terminal;
