//! What `nbvet image` needs before it can plan or build: whom to ask, what is asked for, and what of it is refused.

pub(crate) mod network;
mod python;
mod refusal;
mod source;
pub(crate) mod tell;

pub(crate) use python::{beside, beside_command, compilers, of_base};
pub(crate) use refusal::failure;
pub(crate) use source::{Found, Prepared, Source, Stop, find, in_memory, lock, missing, platform, prepare};
