//! Messages between host, agent and worker. Each direction is one enum; a message is one frame: four bytes of
//! length (big endian), then that much JSON. Both sides say `hello` with [`PROTOCOL_VERSION`] first.
//!
//! The protocol runs over a descriptor or Unix socket of its own, never over stdout: a notebook prints what it
//! likes. Host and agent share no pids, no paths and no clock, so no message carries the other side's.
//! Whatever comes from the notebook's side is hostile until checked: sizes are capped, unknown data is an error.

mod agent;
mod fork_server;
mod frame;
mod worker;

use std::path::{Path, PathBuf};

pub use agent::{
    CommAction, Display, FromAgent, Isolation, PythonRequest, StartFailureKind, StartSpec, StreamName,
    ToAgent,
};
pub use fork_server::{FromForkServer, ToForkServer};
pub use frame::{FrameBuffer, FrameError, MAX_FRAME, decode, encode, read_frame, try_encode, write_frame};
pub use nbvet_report::InstallPolicy;
pub use worker::{CellResult, CellStatus, FromWorker, LateFact, ToWorker, WorkerInfo};

/// Changes whenever an older peer could misread a newer one. Both sides refuse another number.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a cell is called in messages that widgets read: `Output` widgets catch what the cell puts out by it.
pub fn message_id(cell: u32) -> String {
    format!("nbvet-cell-{cell}")
}

/// What one cell may print, in bytes; the rest is left out and said.
pub const MAX_CELL_OUTPUT: u64 = 20 * 1024 * 1024;

/// The file beside an agent's socket by which a host says that it has ended: an agent that nobody has come to ends too. A
/// host that refuses a notebook never connects, and may have ended before its agent listens.
pub fn finished(socket: &Path) -> PathBuf {
    let mut mark = socket.as_os_str().to_owned();
    mark.push(".finished");
    PathBuf::from(mark)
}
