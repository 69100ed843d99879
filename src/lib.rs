//! longshore runs containers on Fargate when a schedule fires or an object lands, once per event,
//! and tells people how each run ended and why.
//!
//! The modules in reading order, each using only those before it:
//!
//! - pure: [`identity`] (who is who), [`event`] (what arrived), [`jobs`] (what to run), [`run`]
//!   (the life of a run), [`policy`] (its next step);
//! - the world: `aws` (the connection to AWS), [`network`] (where tasks live);
//! - ports: [`ledger`], [`queue`], [`ecs`], each with its adapters; [`backend`] holds the three;
//! - use cases: [`stop`], [`dispatch`] (event to task), [`record`] (task state to verdict),
//!   [`sweep`] (what nobody reported);
//! - edges: [`logging`], [`local`] (all of it on one machine), [`cli`].

pub mod identity;

pub mod event;

pub mod jobs;

pub mod run;

pub mod policy;

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

pub mod logging;

pub mod local;

pub mod cli;
