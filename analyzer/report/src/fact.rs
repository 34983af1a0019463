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
    /// The value of a table that the cell itself had made or changed, right before one of its statements put another
    /// in its place. What a name holds at the end is told by `bound`.
    Replaced {
        /// The name.
        name: String,
        /// Line of the cell (1-based) where the statement begins.
        line: u32,
        /// The value before the statement.
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
    /// A handler in the notebook's own code took an exception and did not raise again. Seen on Python 3.12 and newer.
    Swallowed {
        /// The cell that the handler stands in, 0-based over all cells: not always the one that ran.
        cell: u32,
        /// Line of that cell (1-based) with the `except`, or with the `with` of a context that took it.
        line: u32,
        /// Line of that cell in the `try` at which the exception came.
        raised: Option<u32>,
        /// Class name of the exception.
        name: String,
        /// Names of its base classes, nearest first.
        bases: Vec<String>,
        /// Its text, of the first one; `None` where asking for it would run code of the notebook.
        text: Option<String>,
        /// How often this handler took one of this class while the cell ran.
        count: u64,
    },
    /// Assertions of a cell: which are watched from now on, and which ran for the first time. Seen on Python 3.12 and
    /// newer.
    Assertions {
        /// The cell that they stand in, 0-based over all cells: not always the one that ran.
        cell: u32,
        /// Lines (1-based) of assertions that this cell has defined.
        watched: Vec<u32>,
        /// Lines of assertions that ran.
        reached: Vec<u32>,
    },
    /// The first value that a `return` of one of the notebook's functions gave, where the function says what it
    /// returns. Seen on Python 3.12 and newer.
    Returned {
        /// The cell that the function stands in, 0-based over all cells: not always the one that ran.
        cell: u32,
        /// Line of that cell (1-based) where its definition begins.
        line: u32,
        /// Its name.
        name: String,
        /// The value's type; nothing more is looked at.
        value: ValueFacts,
    },
    /// A figure of matplotlib was shown, and some of its axes hold nothing that could be seen.
    Figure {
        /// Its visible axes.
        axes: u32,
        /// Those of them without a line, bar, point, image or text.
        empty: u32,
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
    /// An error that was shown within the cell and did not end it: a value could not be displayed, or the cell had
    /// IPython run other code.
    Shown,
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
    /// Names of the class's bases, nearest first, without `object`; none of classes of Python itself, numpy, pandas and
    /// other libraries whose values are looked into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<String>,
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
    /// The first 100 columns of a frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnFacts>,
}

/// What is known about one column of a frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColumnFacts {
    /// Its label: text as it is, other labels as their `repr`.
    pub name: String,
    /// The type of its values, as the library prints it: `float64`, `object`, `str`, `Int64`.
    pub dtype: String,
    /// NaN or null entries among those looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<ShareCount>,
    /// It has two rows or more, and all hold the same number or time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub constant: bool,
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
