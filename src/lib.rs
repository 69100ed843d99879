//! longshore runs containers on Fargate when a schedule fires or an object lands, once per event,
//! and tells people how each run ended and why.
//!
//! The modules in reading order, each using only those before it:
//!
//! - pure: [`identity`] (who is who), [`event`] (what arrived), [`jobs`] (what to run), [`cause`]
//!   (what ECS's words mean), [`run`] (the life of a run), [`cost`] (what it cost), [`policy`] (its
//!   next step), [`stack`] (what AWS must have for a jobs.yaml), [`project`] (what a new
//!   project has), [`diagnosis`] (why a task does not start);
//! - the world: `aws` (the connection to AWS), [`network`] (where tasks live);
//! - ports: [`ledger`], [`queue`], [`ecs`], each with its adapters; [`backend`] holds the three;
//! - use cases: [`stop`], [`dispatch`] (event to task), [`record`] (task state to verdict),
//!   [`sweep`] (what nobody reported);
//! - functions: [`metrics`] (what is measured), [`function`] (what an invocation does);
//! - edges: [`logging`], `cloud` (an installation in AWS, as people reach it), `gather` (what a
//!   diagnosis rests on, asked of AWS), [`local`] (all of it on one machine), [`serve`] (the local
//!   ECS behind ECS's protocol), [`cli`].

pub mod identity;

pub mod event;

pub mod jobs;

pub mod cause;

pub mod run;

pub mod cost;

pub mod policy;

pub mod stack;

pub mod project;

pub mod diagnosis;

#[cfg(feature = "aws")]
pub mod aws;

pub mod ledger;

pub mod queue;

pub mod network;

pub mod ecs;

pub mod backend;

pub mod stop;

pub mod dispatch;

pub mod record;

pub mod sweep;

pub mod metrics;

pub mod function;

pub mod logging;

#[cfg(feature = "aws")]
pub mod cloud;

#[cfg(feature = "aws")]
pub mod gather;

pub mod local;

pub mod serve;

pub mod cli;
