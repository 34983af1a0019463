//! Expectations: those that stand in a notebook, and the places that diagnostics about them point to.

use nbvet_engine::{Model, RunContext, is_expression};
use nbvet_expect::{Misread, Written, in_notebook};
use nbvet_report::{ExpectationResult, Location};

/// The expectations that stand in a notebook's comments and metadata, and what is none though it looks like one.
pub fn written(model: &Model<'_>) -> (Vec<Written>, Vec<Misread>) {
    let comments = |cell: &nbvet_notebook::Cell| {
        let position = model.position_of(cell.index);
        position.map_or_else(Vec::new, |position| model.cell(position).comments())
    };
    in_notebook(model.parsed().notebook(), &comments, &is_expression)
}

/// The comment that says it; else the last line of the cell that speaks of the value.
pub(crate) fn place(result: &ExpectationResult, cx: &RunContext<'_, '_>) -> Location {
    let Some(cell) = result.cell else {
        return Location::file_start();
    };
    let cells = cx.model().parsed().notebook().cells();
    let source = cells.get(cell as usize).map_or("", |cell| cell.source.as_str());
    let line = result
        .line
        .or_else(|| line_of(source, result.subject.trim_matches('`')));
    cx.at_line(cell, line)
}

fn line_of(source: &str, name: &str) -> Option<u32> {
    let lines: Vec<(u32, &str)> = (1..)
        .zip(source.lines())
        .filter(|(_, line)| is_code(line))
        .collect();
    let speaks = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == name)
    };
    let found = lines
        .iter()
        .rfind(|(_, line)| speaks(line))
        .or_else(|| lines.last());
    found.map(|(number, _)| *number)
}

fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}
