//! What the worker saw while a cell ran. Facts state; run rules judge.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::CellError;

/// One observation, made by the worker after or while a cell ran. A fact never says whether it is good or bad.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Fact {
    /// The cell ended in an expression (shown or hidden by `;`) with this value.
    Result {
        /// The value.
        value: ValueFacts,
    },
    /// A name of the notebook's namespace was bound, rebound, or its object changed in place.
    Bound {
        /// The name.
        name: String,
        /// The name was bound before the cell.
        rebound: bool,
        /// The same object as before, with other contents.
        in_place: bool,
        /// The value after the cell.
        value: ValueFacts,
    },
    /// A name went away.
    Removed {
        /// The name.
        name: String,
    },
    /// A Python warning was issued while the cell ran.
    Warning {
        /// Class name of the category: `RuntimeWarning`.
        category: String,
        /// Names of the category's base classes, nearest first: `UserWarning`, `Warning`.
        bases: Vec<String>,
        /// The text.
        message: String,
        /// Line of the cell (1-based) that was running: the innermost frame of the notebook on the stack.
        line: Option<u32>,
        /// The warning points into the notebook's own code.
        in_notebook: bool,
        /// How often this very warning (category, text, line) was issued in the cell.
        count: u64,
    },
    /// A command was run and ended.
    Command {
        /// The command line as written.
        command: String,
        /// How it was started.
        how: CommandKind,
        /// Exit status; negative: ended by that signal.
        status: i32,
        /// Line of the cell (1-based), where known.
        line: Option<u32>,
        /// It was not the last command of its `%%bash` cell, so the cell's own status hides it.
        hidden: bool,
    },
    /// The cell wrote to stderr.
    Stderr {
        /// The last lines of it.
        text: String,
        /// How much in all.
        bytes: u64,
    },
    /// Something failed after the cell's own code had ended, or beside it.
    AfterCell {
        /// Where it failed.
        origin: AfterCellOrigin,
        /// What was raised.
        error: CellError,
    },
    /// The notebook asked for packages to be installed.
    Install {
        /// The line as written.
        command: String,
        /// What nbvet did with it.
        action: InstallAction,
        /// Requirements that the environment does not meet.
        missing: Vec<String>,
        /// Line of the cell (1-based), where known.
        line: Option<u32>,
    },
}

/// Where an error after the cell came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AfterCellOrigin {
    /// An uncaught exception of a thread.
    Thread,
    /// An asyncio task whose exception nobody took.
    Task,
    /// A hook that runs after the cell, such as the drawing of figures.
    Hook,
    /// An exception in `__del__` or another place that cannot raise.
    Unraisable,
    /// The end of the process, after the last cell.
    Exit,
}

/// How a command was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommandKind {
    /// `!command`, `x = !command`, `%sx` or `%system`.
    Shell,
    /// A `%%bash`, `%%sh` or `%%script` cell.
    ScriptCell,
    /// `os.system`.
    OsSystem,
    /// The subprocess module.
    Subprocess,
}

/// What was done with a request to install packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstallAction {
    /// Everything asked for is there already: not executed.
    Satisfied,
    /// Something is missing, and installing is not allowed: not executed.
    Skipped,
    /// Executed.
    Executed,
}

/// What is known about one value, cheaply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueFacts {
    /// Name of the value's class, with its module where that is not `builtins`: `pandas.DataFrame`.
    pub type_name: String,
    /// It is `None`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub none: bool,
    /// The number it holds: int, float, numpy scalar, 0-dimensional array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// Sizes of its dimensions: frames, series, arrays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<u64>>,
    /// `len()` of a list, tuple, dict, set or str.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// NaN or null entries of a frame, series or array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nan: Option<ShareCount>,
    /// Infinite entries of a frame, series or array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infinite: Option<ShareCount>,
    /// `None` among the items of a list, tuple or dict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none_items: Option<ItemCount>,
    /// NaN among the items of a list, tuple or dict, and among the items of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nan_items: Option<ItemCount>,
    /// Infinity among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infinite_items: Option<ItemCount>,
}

/// A number as the value holds it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Number {
    /// A finite number (integers beyond 2^53 lose digits).
    Finite(f64),
    /// Not finite.
    NonFinite(NonFinite),
}

/// The floating-point values that are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NonFinite {
    /// Not a number (also `pandas.NaT` and `pandas.NA`).
    Nan,
    /// Positive infinity.
    Inf,
    /// Negative infinity.
    NegInf,
}

/// How many of how many entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareCount {
    /// Entries with the property.
    pub count: u64,
    /// Entries looked at.
    pub of: u64,
}

/// How many items of a container have a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemCount {
    /// How many of the items looked at (the first 10,000) have it.
    pub count: u64,
    /// Items looked at.
    pub of: u64,
    /// The first such item: its index, or its key's `repr`; of an item within an item both, as `outer][inner`.
    pub first: String,
}
