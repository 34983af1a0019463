//! How rows flow from tables through splits into models.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use nbvet_engine::{
    Model, ParsedNotebook,
    model::learning::{Columns, Relation},
};

/// The relation of each evaluation of a notebook of cells.
fn relations(cells: &[&str]) -> Vec<Relation> {
    let cells: Vec<_> = cells
        .iter()
        .map(|source| {
            serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                "source": source})
        })
        .collect();
    let file = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
    let reading = nbvet_notebook::read(&serde_json::to_vec(&file).unwrap());
    let notebook = reading.notebook.unwrap();
    let parsed = ParsedNotebook::new(&notebook);
    let model = Model::new(&parsed);
    let learning = model.learning();
    learning
        .evaluations()
        .map(|(_, evaluation)| learning.relation(evaluation))
        .collect()
}

const SPLIT: &str = "from sklearn.model_selection import train_test_split\nfrom sklearn.svm import SVC\n\
    a, b, c, d = train_test_split(X, y)";

#[test]
fn a_model_is_judged_on_the_other_side_of_its_split_through_names_and_arrays() {
    let judged = [
        "model = SVC().fit(a.values, c)",
        "rest = b.copy()",
        "model.score(rest.to_numpy(), d)",
    ];
    assert_eq!(relations(&[&[SPLIT], &judged[..]].concat()), [Relation::Apart]);
}

#[test]
fn fitted_again_on_everything_a_model_has_seen_the_test_part() {
    let cells = [
        SPLIT,
        "model = SVC()\nmodel.fit(a, c)\nmodel.score(b, d)",
        "model.fit(X, y)\nmodel.score(b, d)",
    ];
    assert_eq!(relations(&cells), [Relation::Apart, Relation::Contains]);
}

#[test]
fn functions_are_followed_where_they_are_called() {
    let cells = [
        SPLIT,
        "def judge(m, X, y):\n    return m.score(X, y)",
        "m = SVC().fit(a, c)\njudge(m, a, c)\njudge(m, b, d)",
    ];
    assert_eq!(relations(&cells), [Relation::Same, Relation::Apart]);
}

#[test]
fn folds_slices_and_what_a_sample_left_over_are_apart() {
    let folds = "from sklearn.model_selection import KFold\nfrom sklearn.svm import SVC\n\
        for i, j in KFold().split(X):\n    SVC().fit(X[i], y[i]).score(X[j], y[j])";
    assert_eq!(relations(&[folds]), [Relation::Apart]);
    let counted = "from sklearn.cross_validation import KFold\nfrom sklearn.svm import SVC\n\
        for k, (i, j) in enumerate(KFold(100, 5)):\n    SVC().fit(X[i], y[i]).score(X[j], y[j])";
    assert_eq!(
        relations(&["import pandas as pd\nX = pd.read_csv('x.csv')", counted]),
        [Relation::Apart]
    );
    let slices = "from sklearn.svm import SVC\nSVC().fit(X[:n], y[:n]).score(X[n:], y[n:])";
    assert_eq!(relations(&["X = load()", slices]), [Relation::Unknown]);
    let known = "import pandas as pd\nX = pd.read_csv('x.csv')";
    assert_eq!(relations(&[known, slices]), [Relation::Apart]);
    let sampled = "from sklearn.svm import SVC\na = X.sample(frac=0.8)\nb = X.drop(a.index)\nSVC().fit(a, 1).score(b, 1)";
    assert_eq!(relations(&[known, sampled]), [Relation::Apart]);
}

#[test]
fn the_held_out_part_is_asked_for_a_judgement_and_other_rows_are_not() {
    let cells = [
        SPLIT,
        "m = SVC().fit(a, c)\nm.predict(a)\nm.predict(X)",
        "m.predict(b)",
    ];
    assert_eq!(relations(&cells), [Relation::Apart]);
}

#[test]
fn what_is_asked_for_as_a_table_is_one_and_a_column_in_a_loop_has_all_its_rows() {
    let cells = [
        "X = load()\nX.head()\nfor name in X.columns:\n    X[name] = X[name] / 2\ny = X['y']",
        SPLIT,
        "SVC().fit(X, y).score(b, d)",
    ];
    assert_eq!(relations(&cells), [Relation::Contains]);
}

#[test]
fn what_a_branch_changes_is_not_known_after_it() {
    let cells = [
        SPLIT,
        "m = SVC().fit(a, c)\nif small:\n    b = other(b)",
        "m.score(b, d)",
    ];
    assert_eq!(relations(&cells), [Relation::Unknown]);
}

#[test]
fn the_same_rows_are_known_after_a_branch_that_changes_their_values() {
    let cells = [
        SPLIT,
        "m = SVC().fit(a, c)\nif small:\n    b = b / 2",
        "m.score(b, d)",
    ];
    assert_eq!(relations(&cells), [Relation::Apart]);
}

#[test]
fn columns_are_held_until_they_are_dropped() {
    assert!(Columns::AllBut(vec!["name"]).has("age"));
    assert!(!Columns::AllBut(vec!["name"]).has("name"));
    assert!(Columns::Only(vec!["age"]).has("age"));
    assert!(!Columns::Unknown.has("age"));
}
