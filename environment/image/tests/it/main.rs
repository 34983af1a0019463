//! Wheels and layers, from outside.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod bytecode;
mod hostile;
mod layers;
mod made;
mod pip;
mod plan;
