"""The comparison with ruff: hits are matched, differences get their class, and every class has cells that were read."""

import importlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools/ruff_comparison"
NBVET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve() / "debug/nbvet"
RUFF = ROOT / ".venv/bin/ruff"
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
COLAB = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
# Classes of which the corpus has fewer than three cells; the tool itself compares the number with the hits.
SMALL = {
    "raises-again",
    "own-local",
    "needed-by-call",
    "lone-magic-word",
    "decorated",
    "handler-falls-off",
    "command-shows",
    "identity",
    "nan-with-itself",
    "session",
}
# By notebook: its cells, and what the comparison says of it, as (first code of the row, class or "both").
NOTEBOOKS = {
    "both": (
        ["try:\n    f = open('a')\nexcept:\n    pass\nprint(missing)"],
        {"E722": "both", "S110": "both", "F821": "both"},
    ),
    "once": (["print(missing)\nprint(missing)"], {"F821": "told-once"}),
    "history": (["1 + 1", "print(_)"], {"F821": "output-history"}),
    "capture": (["%%capture held\nprint(1)", "print(held)"], {"F821": "bound-by-magic"}),
    "timed": (["%time held = 1", "print(held)"], {"F821": "bound-in-magic-line"}),
    "guarded": (["try:\n    held\nexcept Exception:\n    print('no')"], {"F821": "guarded"}),
    "run": (["%run beside.py", "print(held)"], {"F821": "run-read"}),
    "absent": (["%run absent.py", "print(held)"], {"F821": "run-absent"}),
    "stored": (["%store -r", "print(held)"], {"F821": "stored-variables"}),
    "pylab": (["%pylab inline", "plot([1])"], {"F821": "other-magic"}),
    "exec": (["exec('held = 1')", "print(held)"], {"F821": "exec"}),
    "lazy": (["from __future__ import annotations", "def f(x: Lost): ...\nf(1)"], {"F821": "lazy-annotation"}),
    "ended": (["raise NotImplementedError", "print(held)"], {"F821": "never-reached"}),
    "deleted": (["x = 1\ndef f():\n    return x\nf()", "del x"], {"F821": "deleted-later"}),
    "loop": (
        ["def f(xs):\n    for x in xs:\n        if x:\n            return x\nprint(f([1]))"],
        {"RET503": "search-loop"},
    ),
    "isnan": (["import numpy as np\nx = np.nan\nprint(x is np.nan)"], {"PLW0177": "identity"}),
    "colab": (["print(missing)"], {"F821": "language-not-said"}),
    "silent": (["print(missing)", "x = = 1"], {"F821": "silenced"}),
}


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL))
    spec = importlib.util.spec_from_file_location("ruff_comparison", TOOL / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    for name, (cells, _) in NOTEBOOKS.items():
        write(tmp_path / f"{name}.ipynb", cells, COLAB if name == "colab" else PYTHON)
    (tmp_path / "beside.py").write_text("held = 1\n")
    return tmp_path


def write(path, cells, metadata):
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    content = {"cells": [{**code, "source": source} for source in cells], "metadata": metadata}
    path.write_text(json.dumps({**content, "nbformat": 4, "nbformat_minor": 4}))


@pytest.mark.skipif(not NBVET.is_file(), reason="nbvet is not built (cargo build -p nbvet)")
@pytest.mark.skipif(not RUFF.is_file(), reason="ruff is not in .venv (make setup)")
def test_hits_are_matched_and_differences_get_their_class(tool, folder):
    found = tool.run(str(NBVET), str(RUFF), folder)
    said = {name: set() for name in NOTEBOOKS}
    for rule in tool.RULES:
        _, both, *sides = tool.row_of(found, rule)
        classes = [("both", both), *(pair for side in sides for pair in side.items())]
        for name, hits in classes:
            for hit in hits:
                said[hit.path.removesuffix(".ipynb")].add((rule.ruff[0], name))
    for name, (_, expected) in NOTEBOOKS.items():
        assert set(expected.items()) <= said[name], name
        assert not {(code, tool.UNCLASSED) for code in expected} & said[name], name


def test_every_class_has_checked_cells_and_every_checked_cell_a_class(tool):
    rows = tool.read_checked(tool.CHECKED)
    read = Counter(row["class"] for row in rows)
    names = {it.name for it in tool.CLASSES}
    assert set(read) == names
    assert {name for name in names if read[name] < tool.CELLS} <= SMALL
    assert all(row["seen"] and row["right"] in ("ruff", "nbvet", "both") for row in rows)


def test_the_page_has_every_class(tool):
    page = (ROOT / "docs/reference/ruff.md").read_text(encoding="utf-8")
    assert [name for name in (f"### {it.name}\n" for it in tool.CLASSES) if name not in page] == []
