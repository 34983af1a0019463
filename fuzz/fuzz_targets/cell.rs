//! Any text as a code cell: what IPython's cell syntax makes of it.
#![no_main]

#[path = "../../analyzer/notebook/tests/invariants/cell.rs"]
mod cell;

libfuzzer_sys::fuzz_target!(|source: &str| cell::check_cell(source));
