//! What the operator does next, as a pure and total function of what it sees: `decide(&Observed) -> Plan`, how objects
//! of the cluster become what is seen, and how plans become objects. No client, no clock, nothing asynchronous: times
//! come in with what is seen.

mod attempts;
mod build_status;
mod build_step;
mod clocks;
mod conclude;
mod config;
mod decide;
mod draft;
mod image;
mod meaning;
mod pauses;
mod retry;
mod runs;
mod steps;

pub mod names;
pub mod observed;
pub mod plan;
pub mod read;
pub mod render;
pub mod strategy;

pub use self::{
    conclude::phase,
    config::{Config, Egress},
    decide::decide,
    image::Image,
    meaning::faults,
    observed::Observed,
    plan::{Again, Plan},
    render::{Setting, render},
};
