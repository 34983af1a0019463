//! What many jobs cost the operator, on a real API server with controllers and a node that runs nothing: prints a table.
//! `cargo bench -p nbvet-operator --bench jobs -- [JOBS [A_SECOND]]`; without a rate all jobs are created at once.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops at what it did not expect"
)]
#![expect(dead_code, reason = "the tests use more of what these files have")]

use std::time::Duration;

use load::{check, measure, table};

#[path = "../operator/controller/tests/it/ground.rs"]
mod ground;
#[path = "../operator/controller/tests/it/kubelet.rs"]
mod kubelet;
#[path = "../operator/controller/tests/it/load.rs"]
mod load;
#[path = "../operator/controller/tests/it/program.rs"]
mod program;

/// Without numbers.
const JOBS: usize = 1000;

fn main() {
    let numbers: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let jobs = numbers.first().map_or(JOBS, |jobs| jobs.parse().unwrap());
    let rate = numbers.get(1).map(|rate| rate.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(measured) = runtime.block_on(measure(jobs, rate, Duration::from_secs(90))) {
        let how = rate.map_or_else(|| "all at once".to_owned(), |rate| format!("{rate} a second"));
        println!("{} jobs, {how}; {}", measured.jobs, table(&measured));
        check(&measured);
    }
}
