//! The trusted side of a run: sends cells, keeps the time, puts outputs together and says how it ended. Talks to an
//! agent that may be in another container: shares no pid, path or clock with it, and believes only what it checked.
//! Judges no fact: rules do.

mod agent;
mod event;
mod job;
mod outputs;
mod run;
mod session;
mod stderr;
mod widgets;

pub use agent::{Agent, AgentUnavailable, Finished};
pub use event::RunEvent;
pub use job::{Job, JobCell, Limits, Parameters, Questions};
pub use outputs::Outputs;
pub use run::{Asked, RunOutcome, run};
