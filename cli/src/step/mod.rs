//! The steps of the operator's pods. What they find is hostile, and so is what they are told: it was written by whoever may
//! create a job. Nothing is printed but the result.

mod build;
mod buildah;
mod commands;
mod dockerfile;
mod ending;
mod fetch;
mod input;
mod install;
mod judged;
mod named;
mod network;
mod prepare;
mod publish;
mod validate;

pub(crate) use self::{
    build::build, ending::Ending, fetch::fetch, install::install, prepare::prepare, publish::publish,
    validate::validate,
};
