//! The operator as users have it: installed by its manifests from its image, on a real node, with a registry, a package
//! index and a git server. One node for all tests here; each has a namespace of its own.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and says why it is skipped"
)]

mod cache;
mod commands;
mod feedback;
mod installed;
mod levels;
mod slow;
mod team;
mod tiers;
mod town;
