//! What is wrong with a file that can be read all the same, and how it is mended.

use std::collections::{HashMap, HashSet};

use nbvet_report::{Applicability, Edit, Fix};

use crate::{
    lenient::{Nonstandard, What},
    model::Notebook,
    problem::{Problem, ProblemKind},
};

/// A fix is part of every report: one with more edits is not offered.
const MOST_EDITS: usize = 100;

/// A cell that is not as the format has it.
pub(crate) fn of_cell(notebook: &Notebook, kind: ProblemKind, cell: u32, message: String) -> Problem {
    Problem {
        kind,
        message,
        help: Some("open the notebook in Jupyter and save it, or mend this part by hand".to_owned()),
        location: notebook.location(cell, 0..0),
        fix: None,
    }
}

/// Numbers and texts that are no JSON, told at the first.
pub(crate) fn nonstandard_json(notebook: &Notebook, places: &[Nonstandard]) -> Option<Problem> {
    let first = places.first()?;
    let (message, help) = match first.what {
        What::NotFinite(name) => (
            format!("the file holds `{name}`, which is no JSON; only Python reads it"),
            "mend the value where it comes from (often a metric in metadata or an output) and save the notebook again",
        ),
        What::LoneSurrogate => (
            "the file holds half of a character (a lone surrogate), which no text can hold; only Python reads it"
                .to_owned(),
            "mend the text where it comes from and save the notebook again",
        ),
    };
    Some(Problem {
        kind: ProblemKind::NonstandardJson,
        message,
        help: Some(help.to_owned()),
        location: notebook.file_location(&(first.span.start..first.span.start)),
        fix: nulls(notebook, places),
    })
}

/// What JavaScript writes for such numbers. The number itself is lost.
fn nulls(notebook: &Notebook, places: &[Nonstandard]) -> Option<Box<Fix>> {
    let only_numbers = places
        .iter()
        .all(|place| matches!(place.what, What::NotFinite(_)));
    (only_numbers && places.len() <= MOST_EDITS).then(|| {
        let null = |place: &Nonstandard| Edit {
            location: notebook.file_location(&place.span),
            replacement: "null".to_owned(),
        };
        Box::new(Fix {
            title: "write `null` in its place".to_owned(),
            applicability: Applicability::Unsafe,
            edits: places.iter().map(null).collect(),
        })
    })
}

/// Cells with the id of an earlier one.
pub(crate) fn duplicate_ids(notebook: &Notebook) -> Vec<Problem> {
    let mut first: HashMap<&str, u32> = HashMap::new();
    let mut taken: HashSet<String> = notebook
        .cells()
        .iter()
        .filter_map(|cell| cell.id.clone())
        .collect();
    let mut problems = Vec::new();
    for cell in notebook.cells() {
        let Some(id) = cell.id.as_deref() else { continue };
        let Some(earlier) = first.get(id) else {
            first.insert(id, cell.index);
            continue;
        };
        let new = new_id(id, cell.index, &mut taken);
        let fix = cell.parts.id.as_ref().map(|span| {
            Box::new(Fix {
                title: format!("give this cell the id {new:?}"),
                applicability: Applicability::Safe,
                edits: vec![Edit {
                    location: notebook.file_location(span),
                    replacement: format!("\"{new}\""),
                }],
            })
        });
        problems.push(Problem {
            kind: ProblemKind::DuplicateCellId,
            message: format!("cell {} and cell {earlier} have the same id {id:?}", cell.index),
            help: Some("open the notebook in Jupyter and save it: it gives new ids".to_owned()),
            location: notebook.location(cell.index, 0..0),
            fix,
        });
    }
    problems
}

/// Eight hexadecimal digits, as Jupyter's own ids; the same each time for the same notebook.
fn new_id(old: &str, cell: u32, taken: &mut HashSet<String>) -> String {
    const OFFSET: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    let bytes = old.bytes().chain(cell.to_be_bytes());
    let mut hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME));
    loop {
        let id = format!("{hash:08x}");
        if taken.insert(id.clone()) {
            return id;
        }
        hash = hash.wrapping_add(1);
    }
}
