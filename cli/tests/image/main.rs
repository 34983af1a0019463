//! The commands of images, by the real binary: against a real registry, real base images and real containers.

#![expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its snapshots with hashes"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says so")]

mod authorities;
mod bases;
mod beside;
mod bytecode;
mod commands;
mod fields;
mod foreign;
mod ground;
mod kept;
mod kernel;
mod plain;
mod pods;
mod private;
mod published;
mod refused;
mod same;
mod sequence;
mod steps;
mod together;
mod validated;
mod words;
mod zstd;
