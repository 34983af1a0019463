//! How a place in a notebook is named to people: the file's line for tools, the cell as Jupyter shows it.

use nbvet_report::{COMPARISON_RULE, Diagnostic, Location, NotebookReport, OutputDiff};

use crate::{NotebookSource, harmless};

/// The `n` of `In [n]`: as the run numbered it, else as stored in the file.
pub(crate) fn execution_count(
    notebook: &NotebookReport,
    source: Option<&NotebookSource>,
    cell: u32,
) -> Option<u32> {
    if let Some(run) = notebook.cells.iter().find(|run| run.cell == cell) {
        return run.execution_count;
    }
    source?.cells.get(usize::try_from(cell).ok()?)?.execution_count
}

/// `cell 3, In [2]`; cells count from 0 over all cells, as everywhere in nbvet.
pub(crate) fn cell_name(notebook: &NotebookReport, source: Option<&NotebookSource>, cell: u32) -> String {
    match execution_count(notebook, source, cell) {
        Some(count) => format!("cell {cell}, In [{count}]"),
        None => format!("cell {cell}"),
    }
}

/// `work/a.ipynb:57 · cell 3, In [2]`: the file and its line for tools, the cell for people.
pub(crate) fn heading(
    notebook: &NotebookReport,
    source: Option<&NotebookSource>,
    location: &Location,
) -> String {
    if let Some(file) = &location.file {
        return format!("{}:{}", harmless(file), location.line);
    }
    let path = harmless(&notebook.path);
    match location.cell {
        Some(cell) => format!(
            "{path}:{} · {}",
            location.file_line,
            cell_name(notebook, source, cell)
        ),
        None => path,
    }
}

/// The cell's line at which the location begins.
pub(crate) fn source_line<'a>(source: Option<&'a NotebookSource>, at: &Location) -> Option<&'a str> {
    let cell = source?.cells.get(usize::try_from(at.cell?).ok()?)?;
    cell.line(at.line)
}

/// Where a diagnostic stands that stands in no cell: a line of a file beside the notebook; `None`: the notebook.
pub(crate) fn beside(location: &Location) -> Option<String> {
    let file = location.file.as_ref()?;
    Some(format!("{}, line {}", harmless(file), location.line))
}

/// The outputs that a diagnostic of the golden comparison tells of; none for any other diagnostic.
pub(crate) fn diffs_of<'a>(notebook: &'a NotebookReport, found: &Diagnostic) -> Vec<&'a OutputDiff> {
    let is_told = |diff: &&OutputDiff| diff.cell_index.is_some() && diff.cell_index == found.location.cell;
    let comparison = notebook
        .comparison
        .iter()
        .filter(|_| found.rule.id == COMPARISON_RULE);
    comparison
        .flat_map(|comparison| comparison.diffs.iter().filter(is_told))
        .collect()
}
