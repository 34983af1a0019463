//! What holds for any bytes and any cell. The tests and the fuzz targets check the same.

pub(crate) mod cell;

use nbvet_notebook::{CellKind, Notebook, Output, read};

/// Any bytes: a notebook or a fatal problem; places that exist; edits that read again as they were made.
pub(crate) fn check_file(bytes: &[u8]) {
    let reading = read(bytes);
    let is_fatal = reading.problems.iter().any(|problem| problem.kind.is_fatal());
    assert_eq!(
        reading.notebook.is_none(),
        is_fatal,
        "a notebook, or why there is none"
    );
    for problem in &reading.problems {
        assert!(problem.location.line >= 1 && problem.location.column >= 1 && !problem.message.is_empty());
    }
    let Some(notebook) = reading.notebook else { return };
    assert!(notebook.edit().finish() == bytes, "nothing changed");
    check_places(&notebook, bytes);
    check_sources(&notebook);
    check_outputs(&notebook);
}

fn check_places(notebook: &Notebook, bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    for own in notebook.cells() {
        notebook.cell_metadata(own.index);
        let length = own.source.len();
        for range in [0..0, 0..length, length / 2..length, length..length + 9, 9..length] {
            let at = notebook.location(own.index, range);
            assert!(
                at.line <= at.end_line && at.file_line <= at.file_end_line,
                "{at:?}"
            );
            assert!(
                at.line >= 1 && at.file_line >= 1 && at.file_end_line as usize <= lines,
                "{at:?}"
            );
        }
        if own.kind == CellKind::Code {
            cell::check_cell(&own.source);
        }
    }
}

fn check_sources(notebook: &Notebook) {
    let mut editor = notebook.edit();
    let new = |index: u32| format!("x = \"é\u{1f600}\"\n# {index}\\\u{1}");
    for cell in notebook.code_cells() {
        editor.set_source(cell.index, &new(cell.index));
    }
    let again = read(&editor.finish())
        .notebook
        .expect("an edited notebook reads again");
    assert_eq!(again.cells().len(), notebook.cells().len());
    for (old, cell) in notebook.cells().iter().zip(again.cells()) {
        let expected = if old.kind == CellKind::Code {
            &new(old.index)
        } else {
            &old.source
        };
        assert_eq!(&cell.source, expected);
        assert_eq!((&cell.id, cell.kind, &cell.tags), (&old.id, old.kind, &old.tags));
        assert!(
            again.outputs(cell.index) == notebook.outputs(old.index),
            "outputs stay"
        );
    }
}

fn check_outputs(notebook: &Notebook) {
    let outputs = [
        Output::Stream {
            name: "stdout".to_owned(),
            text: "a\n\u{1b}[1mb".to_owned(),
        },
        Output::Error {
            ename: "E".to_owned(),
            evalue: String::new(),
            traceback: vec!["é".to_owned()],
        },
    ];
    let mut editor = notebook.edit();
    for cell in notebook.code_cells() {
        editor.set_outputs(cell.index, &outputs, Some(cell.index));
    }
    let again = read(&editor.finish())
        .notebook
        .expect("an edited notebook reads again");
    for cell in again.code_cells() {
        assert!(
            again.outputs(cell.index) == outputs,
            "the outputs are those that were set"
        );
        assert_eq!(cell.execution_count, Some(cell.index));
        assert_eq!(cell.source, notebook.cells()[cell.index as usize].source);
    }
}
