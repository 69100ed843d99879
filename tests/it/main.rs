//! One test binary: the house as a whole, and the program as its users meet it.

mod architecture;
mod cli;
mod containers;
mod contracts;
mod crossings;
#[cfg(feature = "aws")]
mod fargate;
#[cfg(feature = "aws")]
mod fargate_answers;
mod interrupt;
mod local;
mod logging;
#[cfg(feature = "aws")]
mod moto;
#[cfg(feature = "aws")]
mod network;
#[cfg(feature = "aws")]
mod network_answers;
mod program;
mod readme;
mod sharing;
mod tasks;
mod terminal;
#[cfg(feature = "aws")]
mod wire;
