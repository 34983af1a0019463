//! The controller: it observes a job and what belongs to it, decides, acts, and writes one status. What is decided stands
//! in `operator/decide`; here is all that speaks to a cluster.

mod act;
mod announce;
mod brief;
mod client;
mod discovery;
mod error;
mod health;
mod index;
mod leader;
mod logs;
mod memory;
mod metrics;
mod observe;
mod options;
mod readable;
mod readiness;
mod reconcile;
mod room;
mod scope;
mod start;
mod view;

pub mod rbac;

pub use self::{
    error::Error,
    options::Options,
    start::{Means, run, run_with},
};
