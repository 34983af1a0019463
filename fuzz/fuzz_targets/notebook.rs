//! Any bytes as a notebook's file: reading, places, edits that read again.
#![no_main]

#[path = "../../analyzer/notebook/tests/invariants/mod.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::check_file(bytes));
