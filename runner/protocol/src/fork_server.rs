//! Between agent and fork server, over a socket that keeps packets whole. A packet is one JSON text. A request
//! carries three descriptors: the new worker's channel, its stdout and its stderr.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the agent asks of a fork server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ToForkServer {
    /// Fork a worker. Answered by `forked` or `refused`, or by the server's end.
    Fork {
        /// The session that it is for.
        session: u32,
        /// The folder that it runs in.
        directory: String,
        /// What names the session in its environment, as long as the one that the server was started with.
        marker: String,
    },
}

/// What a fork server tells the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FromForkServer {
    /// Everything is imported, and nothing else runs in this process: it may fork.
    Ready,
    /// The worker is there: a child of the agent by now, and the leader of its process group.
    Forked {
        /// The session that it is for.
        session: u32,
        /// Its pid, in the agent's own namespace.
        pid: u32,
    },
    /// A file in the worker's folder stands for a module that is imported here already: a fresh interpreter is needed.
    Refused {
        /// The session.
        session: u32,
    },
}
