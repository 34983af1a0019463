//! The kit itself: what it starts is a real cluster, and nothing of it is left.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and says why it is skipped"
)]

mod api;
mod controllers;
mod killed;
mod node;
mod proxy;

use std::time::Duration;

/// More than anything here needs on a loaded machine.
const LIMIT: Duration = Duration::from_mins(2);
