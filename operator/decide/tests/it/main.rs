//! Decisions against a small world: an API server, a kubelet and a registry of plain values, which keep account of what
//! must never happen. Section numbers are those of the semantics.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::panic, reason = "so it does where there is nothing to unwrap")]

mod fields;
mod main_path;
mod pods;
mod property;
mod rendering;
mod s5_runs;
mod s6_ends;
mod s7_clocks;
mod s8_retries;
mod s9_images;
mod status_fields;
mod words;
mod world;
