//! A small report that shows every kind of thing that renderers meet.

use nbvet_render::{CellSource, NotebookSource};
use nbvet_report::*;

pub(crate) const CELLS: [(&str, Option<u32>); 3] = [
    ("# Scores", None),
    (
        "import numpy as np\nscores = [3, 1, 2]\ndef load(path):\n\ttry:\n\t\treturn open(path)\n\texcept OSError:\n\t\tprint('no file')\n",
        Some(1),
    ),
    ("scores = scores.sort()\nmean = np.mean(scores)", Some(2)),
];

/// The text between two places of a cell, as the analyser would locate it. File lines are invented.
pub(crate) fn at(cell: u32, text: &str) -> Location {
    let source = CELLS[cell as usize].0;
    let start = source.find(text).unwrap();
    let point = |offset: usize| {
        let before = &source[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (u32::try_from(line).unwrap(), u32::try_from(column).unwrap())
    };
    let ((line, column), (end_line, end_column)) = (point(start), point(start + text.len()));
    let file_line = 20 * cell + line;
    Location {
        file: None,
        cell: Some(cell),
        cell_id: Some(format!("id{cell}")),
        line,
        column,
        end_line,
        end_column,
        file_line,
        file_end_line: 20 * cell + end_line,
    }
}

pub(crate) fn found(
    id: &'static str,
    name: &'static str,
    severity: Severity,
    message: &str,
    location: Location,
) -> Diagnostic {
    Diagnostic {
        rule: RuleRef {
            id: id.into(),
            name: name.into(),
        },
        severity,
        fault: false,
        message: message.to_owned(),
        explanation: None,
        help: None,
        labels: Vec::new(),
        fix: None,
        example: None,
        suppression: None,
        fingerprint: format!("{id}:{}", location.line),
        location,
    }
}

pub(crate) fn diagnostics() -> Vec<Diagnostic> {
    let mut sorted = found(
        "NB402",
        "none-method-assigned",
        Severity::Error,
        "`scores` is None: `list.sort()` sorts in place and returns nothing",
        at(2, "scores.sort()"),
    );
    sorted.explanation = Some(
        "Every later use of `scores` gets None, not the sorted list; `np.mean(None)` fails or gives NaN, far away from this line.".to_owned(),
    );
    sorted.help =
        Some("write `scores.sort()` on a line of its own, or:\n    scores = sorted(scores)".to_owned());
    sorted.labels = vec![Label {
        location: at(1, "scores = [3, 1, 2]"),
        message: "the list is made here".to_owned(),
    }];
    let swallowed = found(
        "NB203",
        "except-print-only",
        Severity::Warning,
        "`load` prints and goes on when the file is missing",
        at(1, "except OSError:\n\t\tprint('no file')"),
    );
    let advice = found(
        "NB101",
        "no-assertion-notebook",
        Severity::Note,
        "nothing here is checked",
        Location::file_start(),
    );
    let mut hidden = found(
        "NB202",
        "except-pass",
        Severity::Warning,
        "hidden",
        at(1, "import numpy as np"),
    );
    hidden.suppression = Some(Suppression {
        kind: SuppressionKind::Comment,
        reason: Some("known".to_owned()),
    });
    vec![sorted, swallowed, advice, hidden]
}

pub(crate) fn notebook(
    path: &str,
    diagnostics: Vec<Diagnostic>,
    cells: Vec<CellRun>,
    end: Option<RunEnd>,
    failure: Option<RunFailure>,
) -> NotebookReport {
    let verdict = judge(
        Level::Development,
        &diagnostics,
        &cells,
        end.as_ref(),
        failure.as_ref(),
    );
    let interpreter = end.is_some().then(|| Interpreter {
        path: "/w/.venv/bin/python".to_owned(),
        version: "3.11.2".to_owned(),
        chosen: "`.venv` beside the notebook".to_owned(),
        ipython: "9.1.0".to_owned(),
        ipython_from_kit: false,
        forked: false,
        preloaded: Vec::new(),
    });
    NotebookReport {
        path: path.to_owned(),
        verdict,
        diagnostics,
        strengths: Vec::new(),
        expectations: Vec::new(),
        interpreter,
        cells,
        end,
        failure,
        comparison: None,
        dependencies: None,
    }
}

pub(crate) fn cell_run(cell: u32, outcome: CellOutcome) -> CellRun {
    CellRun {
        cell,
        cell_id: None,
        outcome,
        seconds: 0.25,
        execution_count: Some(cell),
        error: None,
        output_bytes_cut: 0,
        last_output: None,
        facts: Vec::new(),
    }
}

pub(crate) fn report(notebooks: Vec<NotebookReport>) -> Report {
    let tool = Tool {
        name: "nbvet".to_owned(),
        version: "0.1.0".to_owned(),
    };
    Report::new(tool, Level::Development, notebooks)
}

pub(crate) fn source() -> NotebookSource {
    let cells = CELLS.map(|(source, execution_count)| CellSource::new(source.to_owned(), execution_count));
    NotebookSource {
        cells: cells.to_vec(),
        file: None,
        ..NotebookSource::default()
    }
}
