//! The protocol's messages, as far as they are read. URIs stay the texts that the editor wrote, since they have to
//! come back as they are.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct NotebookOpened {
    pub(crate) notebook_document: NotebookDocument,
    pub(crate) cell_text_documents: Vec<TextItem>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct NotebookDocument {
    pub(crate) uri: String,
    pub(crate) metadata: Option<Value>,
    pub(crate) cells: Vec<Cell>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct Cell {
    /// 1 for markup, 2 for code.
    pub(crate) kind: u32,
    /// The URI of its text.
    pub(crate) document: String,
    pub(crate) metadata: Option<Value>,
    pub(crate) execution_summary: Option<ExecutionSummary>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct ExecutionSummary {
    pub(crate) execution_order: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct TextItem {
    pub(crate) uri: String,
    pub(crate) language_id: String,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct Identifier {
    pub(crate) uri: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct NotebookChanged {
    pub(crate) notebook_document: Identifier,
    pub(crate) change: NotebookChange,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct NotebookChange {
    pub(crate) metadata: Option<Value>,
    pub(crate) cells: Option<CellChanges>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct CellChanges {
    pub(crate) structure: Option<Structure>,
    pub(crate) data: Option<Vec<Cell>>,
    pub(crate) text_content: Option<Vec<TextContent>>,
}

/// Cells added, removed or moved.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct Structure {
    pub(crate) array: ArrayChange,
    pub(crate) did_open: Option<Vec<TextItem>>,
    pub(crate) did_close: Option<Vec<Identifier>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct ArrayChange {
    pub(crate) start: usize,
    pub(crate) delete_count: usize,
    pub(crate) cells: Option<Vec<Cell>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct TextContent {
    pub(crate) document: Identifier,
    pub(crate) changes: Vec<ContentChange>,
}

/// New text for a range, or for everything.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct ContentChange {
    pub(crate) range: Option<Range>,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct Range {
    pub(crate) start: Position,
    pub(crate) end: Position,
}

/// 0-based; `character` counts UTF-16 code units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) character: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct NotebookNamed {
    pub(crate) notebook_document: Identifier,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct NotebookClosed {
    pub(crate) notebook_document: Identifier,
    pub(crate) cell_text_documents: Vec<Identifier>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct TextOpened {
    pub(crate) text_document: TextItem,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct TextChanged {
    pub(crate) text_document: Identifier,
    pub(crate) content_changes: Vec<ContentChange>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct TextNamed {
    pub(crate) text_document: Identifier,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct HoverAsked {
    pub(crate) text_document: Identifier,
    pub(crate) position: Position,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of the protocol")]
pub(crate) struct ActionsAsked {
    pub(crate) text_document: Identifier,
    pub(crate) range: Range,
    pub(crate) context: ActionContext,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object of the protocol")]
pub(crate) struct ActionContext {
    pub(crate) only: Option<Vec<String>>,
}
