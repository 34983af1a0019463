//! Notebooks made of a few cells.

use nbvet_notebook::Reading;
use serde_json::{Value, json};

/// A code cell that was never run.
pub(crate) fn code(source: &str) -> Value {
    json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": source})
}

/// What a notebook with these cells is read as.
pub(crate) fn reading(cells: impl IntoIterator<Item = Value>) -> Reading {
    let cells: Vec<Value> = cells.into_iter().collect();
    let notebook = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
    nbvet_notebook::read(notebook.to_string().as_bytes())
}
