//! Lives beside the notebook: finds its Python, starts its process, signals, measures and reaps it, and passes on
//! what it says. On a laptop a child of the command, in a cluster the first process of the user's container. States
//! facts and judges nothing; shares no pid, path or clock with the host.

mod assets;
mod channel;
mod elf;
mod fork_server;
mod intact;
mod interpreter;
mod log;
mod oom;
mod output;
mod processes;
mod serve;
mod session;
mod start;
mod stream;

pub use assets::{InstallError, install_assets};
pub use serve::{AgentError, Home, accept, serve};
