//! The kit itself: what it starts answers, and ends.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod bases;
mod private_index;
mod registry;
