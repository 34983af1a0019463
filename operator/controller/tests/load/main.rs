//! The load that the design names, by itself on the machine: a thousand jobs. `benches/jobs.rs` prints the same of the
//! optimised program; the program of tests is several times slower, and is given more time and memory.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and says why it is skipped"
)]

use std::time::Duration;

use load::{check, measure, quantile, table};

#[path = "../it/ground.rs"]
#[expect(dead_code, reason = "the other tests of the controller use all of it")]
mod ground;
#[path = "../it/kubelet.rs"]
mod kubelet;
#[path = "../it/load.rs"]
mod load;
#[path = "../it/program.rs"]
#[expect(dead_code, reason = "the other tests of the controller use all of it")]
mod program;

/// Jobs, and how many of them are created in a second.
const JOBS: (usize, f64) = (1000, 6.0);
/// Seconds that the operator may let 95 of 100 jobs wait, and MiB that it may use at most.
const MOST: (f64, u64) = if cfg!(debug_assertions) {
    (5.0, 120)
} else {
    (1.0, 80)
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_jobs_end_without_waiting_and_with_one_build_few_writes_and_little_memory() {
    let (jobs, a_second) = JOBS;
    let Some(measured) = measure(jobs, Some(a_second), Duration::from_secs(20)).await else {
        return;
    };
    println!("{}", table(&measured));
    check(&measured);
    let (waiting, memory) = MOST;
    let late = quantile(&measured.added, 0.95);
    assert!(late < waiting, "{late:.2} s");
    assert!(measured.memory < memory, "{} MiB", measured.memory);
}
