//! Whole reports through every renderer.

#![expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its snapshots with hashes"
)]
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod fixture;
mod github;
mod html;
mod junit;
mod markdown;
mod sarif;
mod text;
