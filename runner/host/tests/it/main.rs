//! Notebooks run for real: a real agent in a process of its own, a real Python, and whatever goes wrong with them.
//! They need the worker (`cargo xtask assets`) and take `NBVET_TEST_PYTHON`, the repository's `.venv`, or `python3`.
#![expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its snapshots with them"
)]

mod asking;
mod cells;
mod exhaustion;
mod forks;
mod interpreters;
mod namespaces;
mod processes;
mod streams;
mod support;
mod time;
