//! Notebooks that are given parameters.

use serde_json::json;

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

#[test]
fn names_that_only_parameters_set_are_known_where_they_are_set() {
    let Some(python) = python() else { return };
    let with_cell = json!({
        "cells": [
            {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "execution_count": null, "outputs": [],
                "source": "limit = None"},
            {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": null, "outputs": [],
                "source": "assert limit.real + alpha == 3"},
        ],
        "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5,
    });
    let sandbox = Sandbox::new()
        .file("first.ipynb", &notebook(&["assert alpha + limit == 3"]))
        .file("tagged.ipynb", &with_cell.to_string());
    for file in ["first.ipynb", "tagged.ipynb"] {
        let call = ["validate", "--level", "production", "--python", &python, file];
        let output = sandbox.output(&[&call[..], &["-p", "alpha", "1", "-p", "limit", "2"]].concat());
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && !stdout.contains("NB"),
            "{file}: {stdout}"
        );
        let without = sandbox.output(&call);
        let stdout = String::from_utf8_lossy(&without.stdout);
        assert!(
            !without.status.success() && stdout.contains("NB601"),
            "{file}: {stdout}"
        );
    }
}
