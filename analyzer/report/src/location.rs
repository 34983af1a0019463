//! Where in a notebook, or in a file beside it, something is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A span of a notebook, for people (lines of the cell) and for tools that know only files (lines of the
/// `.ipynb`). Lines and columns count from 1; columns count Unicode scalar values; the end is exclusive.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The file, where it is not the notebook: a dependency file, by the path that the user would give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Index of the cell, 0-based over all cells, markdown too, as stored in the file. `None`: the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<u32>,
    /// The cell's id, where the file has ids (nbformat 4.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_id: Option<String>,
    /// First line in the cell's source; in the file where `cell` is `None`.
    pub line: u32,
    /// First column in that line.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
    /// Line of the `.ipynb` file that holds `line`.
    pub file_line: u32,
    /// Line of the `.ipynb` file that holds `end_line`.
    pub file_end_line: u32,
}

impl Location {
    /// The whole file: no cell, line 1.
    pub fn file_start() -> Self {
        Self::in_file(1, 1)
    }

    /// A point in the file itself, outside any cell.
    pub fn in_file(line: u32, column: u32) -> Self {
        Self {
            file: None,
            cell: None,
            cell_id: None,
            line,
            column,
            end_line: line,
            end_column: column,
            file_line: line,
            file_end_line: line,
        }
    }

    /// A line of a file beside the notebook.
    pub fn beside(file: impl Into<String>, line: u32) -> Self {
        Self {
            file: Some(file.into()),
            ..Self::in_file(line, 1)
        }
    }
}
