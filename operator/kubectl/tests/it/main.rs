//! Every command, called through kubectl, against jobs in every phase and end on a real API server: what a user reads, word
//! for word.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod commands;
mod ground;
mod hostile;
mod others;
// Pods run nothing here; their logs are those that the test tells, as in the controller's tests.
#[path = "../../../controller/tests/it/kubelet.rs"]
mod kubelet;
mod plan;
mod stories;
#[path = "../../../controller/tests/it/ground.rs"]
#[expect(dead_code, reason = "the tests of the controller use all of it")]
mod town;
