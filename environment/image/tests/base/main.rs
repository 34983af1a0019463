//! What a base image is, from outside.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says so")]

mod bases;
mod layers;
