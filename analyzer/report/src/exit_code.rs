//! The exit codes of every nbvet command.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the process tells its caller. With many notebooks the highest code wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum ExitCode {
    /// 0: everything passed.
    Passed = 0,
    /// 1: a notebook failed or ran out of time, by its own doing.
    Failed = 1,
    /// 2: not the notebook's fault (no interpreter, no permission, agent lost), or wrong usage.
    Error = 2,
    /// 3: a fault of nbvet itself.
    Internal = 3,
}

impl ExitCode {
    /// The number given to the operating system.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}
