//! What a base image is, from outside.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod bases;
mod layers;
