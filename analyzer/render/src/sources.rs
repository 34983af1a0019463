//! What renderers need beside the report: the text of the cells, and what rules say about themselves.

/// The parts of one notebook that are shown beside its diagnostics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotebookSource {
    /// All cells, markdown too, in the order of the file. Empty where the file is no notebook.
    pub cells: Vec<CellSource>,
    /// The file's own text, for diagnostics that point at the file and not at a cell.
    pub file: Option<String>,
}

/// One cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellSource {
    /// The source as stored.
    pub source: String,
    /// The execution count stored in the file: the `n` of `In [n]` that its author last saw.
    pub execution_count: Option<u32>,
}

/// What a rule says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo<'a> {
    /// `NB204`.
    pub id: &'a str,
    /// `none-method-assigned`.
    pub name: &'a str,
    /// One sentence.
    pub summary: &'a str,
    /// The rule's page, Markdown.
    pub page: String,
}
