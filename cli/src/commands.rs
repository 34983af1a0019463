//! One file a subcommand.

pub(crate) mod agent;
pub(crate) mod deps;
pub(crate) mod expect;
pub(crate) mod explain;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod lint;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod server;
pub(crate) mod step;
pub(crate) mod validate;
