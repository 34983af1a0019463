//! What a diagnostic is known by, against edits of the notebook around it.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::collections::BTreeSet;

use nbvet_engine::{Beside, Settings, check};
use nbvet_rules::ALL;

const SWALLOWS: &str =
    "def load(path):\n    try:\n        return open(path).read()\n    except:\n        pass";
const NONE: &str = "scores = [3, 1]\nscores = scores.sort()";

/// The fingerprints of a notebook of these cells; in the file each has the id that is given with it.
fn fingerprints(cells: &[(&str, &str)]) -> BTreeSet<String> {
    let cells: Vec<_> = cells
        .iter()
        .map(|(id, source)| {
            serde_json::json!({"cell_type": "code", "id": id, "metadata": {}, "outputs": [],
                "execution_count": null, "source": source})
        })
        .collect();
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells});
    let reading = nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap());
    let found = check(&reading, &Beside::default(), None, ALL, &Settings::default());
    let all: BTreeSet<String> = found.iter().map(|found| found.fingerprint.clone()).collect();
    assert_eq!(all.len(), found.len(), "two share one: {found:#?}");
    all
}

#[test]
fn a_fingerprint_stays_while_other_lines_and_cells_are_edited_moved_and_renamed() {
    let before = fingerprints(&[("a", SWALLOWS), ("b", NONE)]);
    assert!(before.len() >= 3, "{before:?}");
    let above = format!("# a line above\n\n{NONE}\nprint(scores)");
    let indented = NONE.replace(" = ", "  =  ");
    for cells in [
        vec![("b", NONE), ("a", SWALLOWS)],
        vec![("x", "size = 1"), ("a", SWALLOWS), ("b", &above)],
        vec![("new", SWALLOWS), ("other", &indented)],
    ] {
        assert_eq!(fingerprints(&cells), before, "{cells:?}");
    }
}

#[test]
fn an_edited_line_is_another_finding_and_one_more_of_a_kind_is_one_more() {
    let before = fingerprints(&[("a", NONE)]);
    let edited = fingerprints(&[("a", &NONE.replace("sort()", "reverse()"))]);
    assert_eq!(edited.difference(&before).count(), 1);
    let twice = fingerprints(&[("a", NONE), ("b", NONE)]);
    assert_eq!(twice.difference(&before).count(), 1);
    assert!(before.is_subset(&twice));
}
