//! longshore runs containers on Fargate when a schedule fires or an object lands, once per event,
//! and tells people how each run ended and why.
//!
//! The modules in reading order, each using only those above it:
//!
//! - pure: [`identity`], [`event`] (what arrived), [`jobs`] (what to run), [`run`] (the life of a
//!   run), [`policy`] (its next step);
//! - ports: [`ledger`], [`ecs`], [`queue`], each with its adapters; [`backend`] holds the three;
//! - use cases: [`stop`], [`dispatch`] (event to task), [`record`] (task state to verdict),
//!   [`sweep`] (what nobody reported);
//! - edges: [`logging`], [`local`] (all of it on one machine), [`cli`].

pub mod event;
pub mod identity;
pub mod jobs;
pub mod policy;
pub mod run;

pub mod backend;
pub mod ecs;
pub mod ledger;
pub mod queue;

pub mod dispatch;
pub mod record;
pub mod stop;
pub mod sweep;

pub mod cli;
pub mod local;
pub mod logging;
