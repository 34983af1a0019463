//! The real binary, its whole output.

#![expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its snapshots with hashes"
)]
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says so")]

mod baseline;
mod config;
mod deps;
mod expectations;
mod fix;
mod golden;
mod limits;
mod lint;
mod parameters;
mod python;
mod report;
mod sandbox;
mod secrets;
mod server;
mod tools;
mod usage;
mod validate;
mod validation;
