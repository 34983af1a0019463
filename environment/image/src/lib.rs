//! Images out of locked wheels, without a daemon, without root and without running anything of the packages: wheels
//! become layers, and a registry appends them to a base image. Knows nothing of notebooks.

pub mod assemble;
pub mod base;
pub mod bytecode;
#[doc(hidden)]
pub mod hostile;
pub mod http;
pub mod index;
pub mod kernel;
pub mod layer;
pub mod layout;
pub mod programs;
pub mod reason;
pub mod registry;
pub mod remedy;
pub mod resolve;
pub mod wheel;
