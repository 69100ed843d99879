//! One test binary: the house as a whole, and the program as its users meet it.

mod architecture;
mod cli;
mod containers;
mod contracts;
mod crossings;
#[cfg(feature = "aws")]
mod dynamodb;
mod interrupt;
mod local;
mod logging;
#[cfg(feature = "aws")]
mod moto;
mod program;
#[cfg(feature = "aws")]
mod proxy;
mod queues;
mod readme;
mod sharing;
mod tasks;
mod terminal;
