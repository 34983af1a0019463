//! Whole reports through every renderer.

#![expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its snapshots with hashes"
)]

mod fixture;
mod github;
mod sarif;
mod text;
