//! What becomes of pods that fail, on a real node: each failure is made to happen, and what the user reads of it, and
//! whether it is tried again, is `docs/reference/pod-failures.md`. One node for all of it.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and says why it is skipped"
)]

mod controller;
mod images;
mod lost;
mod notebooks;
mod page;
mod rows;
mod stage;
mod tell;
#[path = "../node/town.rs"]
#[expect(dead_code, reason = "the tests of what is installed use all of it")]
mod town;
mod webhook;
