//! The fault table of the controller: one story of two jobs that share an image, told again and again, each time with
//! something else going wrong between the controller and a real API server. Its end has to be the undisturbed one, with
//! one build and no validation before it. Prints the table; a red row fails the test.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and prints what it found"
)]

mod controller;
mod deeds;
mod end;
#[path = "../it/ground.rs"]
#[expect(dead_code, reason = "the other tests of the controller use all of it")]
mod ground;
#[path = "../it/kubelet.rs"]
mod kubelet;
#[path = "../it/program.rs"]
#[expect(dead_code, reason = "the other tests of the controller use all of it")]
mod program;
mod publishing;
mod requests;
mod rows;
mod seeds;
mod stage;
mod story;
mod table;
mod trouble;
mod witness;
