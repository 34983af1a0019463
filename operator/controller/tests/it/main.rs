//! The controller against a real API server: what it creates, what it makes of ends, and what it leaves alone. Pods run
//! nothing; their ends and logs are those that a test tells.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and says why it is skipped"
)]

mod forged;
mod ground;
mod hostile;
mod jobs;
mod kinds;
mod kubelet;
mod load;
mod policies;
mod program;
mod scale;
mod streams;
mod teams;
mod tekton;
