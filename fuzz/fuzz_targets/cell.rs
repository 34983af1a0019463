//! Any text as a code cell: what IPython's cell syntax makes of it.
#![no_main]

#[path = "../../analyzer/notebook/tests/invariants/mod.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|source: &str| invariants::check_cell(source));
