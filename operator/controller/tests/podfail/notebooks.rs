//! Notebooks that do what a failure needs, as the keys of one `ConfigMap`.

use serde_json::{Value, json};

/// The `ConfigMap` of each namespace.
pub(crate) const NAME: &str = "notebooks";
/// Ends well at once.
pub(crate) const FINE: &str = "fine.ipynb";
/// Runs until it is ended, and ends well where `GO` is set.
pub(crate) const WAITS: &str = "waits.ipynb";
/// Takes memory until it is killed.
pub(crate) const GREEDY: &str = "greedy.ipynb";
/// The same in a process of its own, and the notebook goes on without it.
pub(crate) const CHILD: &str = "child.ipynb";
/// Writes until the node has enough of it.
pub(crate) const WRITES: &str = "writes.ipynb";

const ALL: [(&str, &str); 5] = [
    (FINE, "print('fine')"),
    (
        WAITS,
        "import os, time\nwhile 'GO' not in os.environ:\n    time.sleep(0.2)\nprint('on')",
    ),
    (
        GREEDY,
        "held = []\nwhile True:\n    held.append(b'x' * (8 << 20))",
    ),
    (
        CHILD,
        "import subprocess, sys\ncode = \"held = []\\nwhile True: held.append(b'x' * (8 << 20))\"\n\
         done = subprocess.run([sys.executable, '-c', code])\nprint('the child ended with', done.returncode)",
    ),
    (
        WRITES,
        "import time\nwith open('/data/much', 'wb') as much:\n    for _ in range(64):\n        much.write(b'x' * (1 << 20))\n\
         time.sleep(600)",
    ),
];

/// The object.
pub(crate) fn config_map() -> Value {
    let keys: serde_json::Map<String, Value> = ALL
        .into_iter()
        .map(|(name, code)| (name.to_owned(), json!(notebook(code))))
        .collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": keys})
}

fn notebook(code: &str) -> String {
    json!({
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [{
            "cell_type": "code",
            "id": "cell-1",
            "metadata": {},
            "execution_count": null,
            "outputs": [],
            "source": code,
        }],
    })
    .to_string()
}
