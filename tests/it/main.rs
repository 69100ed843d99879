//! One test binary: the house as a whole, and the program as its users meet it.

mod architecture;
mod attacks;
#[cfg(feature = "aws")]
mod choosing;
mod cli;
mod containers;
mod contracts;
#[cfg(feature = "aws")]
mod costs;
#[cfg(feature = "aws")]
mod crashes;
mod crossings;
mod diagnosis;
#[cfg(feature = "aws")]
mod doctor;
mod documents;
mod durability;
#[cfg(feature = "aws")]
mod dynamodb;
mod engine;
#[cfg(feature = "aws")]
mod fargate;
#[cfg(feature = "aws")]
mod fargate_answers;
#[cfg(feature = "aws")]
mod functions;
mod fuzz;
#[cfg(feature = "aws")]
mod installation;
mod interrupt;
mod invocations;
mod listing;
mod local;
mod logging;
#[cfg(feature = "aws")]
mod logs;
#[cfg(feature = "aws")]
mod moto;
#[cfg(feature = "aws")]
mod network;
#[cfg(feature = "aws")]
mod network_answers;
#[cfg(feature = "aws")]
mod operating;
mod pictures;
mod program;
#[cfg(feature = "aws")]
mod proxy;
mod queues;
mod readme;
mod releasing;
mod replaying;
mod rerunning;
#[cfg(feature = "aws")]
mod runtime_api;
mod serve;
mod sharing;
#[cfg(feature = "aws")]
mod sqs;
mod starting;
mod stopping;
mod tasks;
mod template;
mod terminal;
#[cfg(feature = "aws")]
mod wire;
