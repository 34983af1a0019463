"""`pytest --nbvet`, with real pytest and pytest-xdist and the program of the wheel.

The plugin is the installed wheel's: a folder with what the wheel holds is put where Python finds it, and nothing of this
repository is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("xdist", reason="pytest-xdist is not in .venv (make setup)")

@pytest.fixture
def run(installed, tmp_path):
    """Runs pytest in a folder as a person would who installed the wheel."""
    site, program = installed

    def run(*arguments, nbvet=True, env=()):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        command += ["--nbvet", "--nbvet-command", str(program)] if nbvet else []
        command += map(str, arguments)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "NBVET"))}
        own |= {"PYTHONPATH": str(site), "NO_COLOR": "1", "HOME": str(tmp_path / "home"), **dict(env)}
        done = subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, timeout=180,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    return run


def notebook(path, *sources, tags=()):
    """Code cells; a source that begins with `#md ` is text."""
    cells = []
    for index, source in enumerate(sources):
        kind = "markdown" if source.startswith("#md ") else "code"
        own = {"tags": list(dict(tags).get(index, []))}
        cell = {"cell_type": kind, "id": f"c{index}", "metadata": own, "source": source}
        cells.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    return path


RAN = "with open('ran.txt', 'a') as ran:\n    ran.write('x')"


def test_each_code_cell_is_a_test_and_the_notebook_one_more(run, tmp_path):
    notebook(tmp_path / "good.ipynb", "#md # Title", "x = 1", "   ", "assert x == 1")
    code, said = run("-v")
    assert code == 0, said
    for name in ("cell 1", "cell 3", "notebook"):
        assert f"good.ipynb::{name} PASSED" in said
    assert "3 passed" in said


def test_without_the_switch_notebooks_are_nobodys_business(run, tmp_path):
    notebook(tmp_path / "bad.ipynb", "1 / 0")
    code, said = run(nbvet=False)
    assert code == 5 and "no tests ran" in said, said


def test_a_failure_is_told_in_nbvets_words_and_the_cells_after_it_are_skipped(run, tmp_path):
    notebook(tmp_path / "bad.ipynb", "rates = {'eur': 1}", "price = 1\ntotal = price * rates['usd']", "total")
    code, said = run("-v", "-rs")
    assert code == 1, said
    assert "bad.ipynb::cell 0 PASSED" in said and "bad.ipynb::cell 1 FAILED" in said
    assert "error[NB001]: this cell raised KeyError: 'usd'" in said
    assert "cell 1, In [2], line 2 · uncaught-exception" in said and "   2 | total = price * rates['usd']" in said
    assert "bad.ipynb::cell 2 SKIPPED" in said and "not run: the notebook ended before this cell" in said
    assert "1 failed, 2 passed, 1 skipped" in said, "what a cell tells, the notebook does not tell again"
    assert "pytest_nbvet.py" not in said, "no line of the plugin helps anybody"


def test_the_notebooks_own_test_tells_of_cells_that_were_not_selected(run, tmp_path):
    notebook(tmp_path / "bad.ipynb", "x = 1", "1 / 0")
    for chosen in (["bad.ipynb::notebook"], ["bad.ipynb::cell 0", "bad.ipynb::notebook"]):
        code, said = run(*chosen)
        assert code == 1 and "ZeroDivisionError" in said and "1 failed" in said, said


def test_a_notebook_that_runs_and_is_wrong_fails_by_its_level(run, tmp_path):
    sources = ["values = [2, 1]\nordered = values.sort()", "print(ordered)"]
    notebook(tmp_path / "silent.ipynb", *sources)
    assert run("--nbvet-level", "learning")[0] == 0
    code, said = run("--nbvet-level", "staging")
    assert code == 1 and "`ordered`" in said and "1 failed, 2 passed" in said, said


def test_one_test_for_each_notebook_tells_everything(run, tmp_path):
    notebook(tmp_path / "bad.ipynb", "x = 1", "1 / 0")
    code, said = run("--nbvet-per", "notebook", "-v")
    assert code == 1 and "bad.ipynb::notebook FAILED" in said and "ZeroDivisionError" in said, said
    assert "1 failed in" in said


def test_what_belongs_to_no_cell_fails_the_notebooks_own_test(run, tmp_path):
    (tmp_path / "broken.ipynb").write_text('{"cells": [')
    notebook(tmp_path / "r.ipynb", "x <- 1")
    other = json.loads((tmp_path / "r.ipynb").read_text())
    other["metadata"] = {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}
    (tmp_path / "r.ipynb").write_text(json.dumps(other))
    code, said = run("-v")
    assert code == 1, said
    assert "broken.ipynb::notebook FAILED" in said and "NB901" not in said
    assert "r.ipynb::notebook FAILED" in said and "this notebook is written in R" in said


def test_cells_that_are_tagged_to_be_skipped_are_skipped_and_tags_select(run, tmp_path):
    notebook(tmp_path / "a.ipynb", "x = 1", "1 / 0", tags={1: ["skip-execution"], 0: ["quick"]})
    code, said = run("-v")
    assert code == 0 and "a.ipynb::cell 1 SKIPPED" in said, said
    code, said = run("-v", "-k", "quick")
    assert code == 0 and "1 passed, 2 deselected" in said, said
    code, said = run("-v", "-m", "not nbvet")
    assert code == 5 and "3 deselected" in said, said
    code, said = run("-v", "a.ipynb::cell 0", "--strict-markers")
    assert code == 0 and "1 passed" in said, said


def test_collecting_runs_nothing(run, tmp_path):
    notebook(tmp_path / "a.ipynb", RAN)
    code, said = run("--collect-only", "-q")
    assert code == 0 and "a.ipynb::cell 0" in said, said
    assert not (tmp_path / "ran.txt").exists()


@pytest.mark.parametrize("dist", ["load", "loadfile", "loadgroup", "worksteal"])
def test_under_xdist_a_notebook_runs_once(run, tmp_path, dist):
    for name in ("a", "b"):
        notebook(tmp_path / name / "n.ipynb", RAN, *["1 + 1"] * 6)
    before = leftovers()
    code, said = run("-n", "3", "--dist", dist)
    assert code == 0 and "16 passed" in said, said
    assert [(tmp_path / name / "ran.txt").read_text() for name in ("a", "b")] == ["x", "x"]
    assert leftovers() == before


def leftovers():
    return sorted(Path(os.environ.get("TMPDIR", "/tmp")).glob("nbvet-pytest-*"))


def test_a_wrong_option_is_told_by_each_test_and_not_as_a_traceback(run, tmp_path):
    notebook(tmp_path / "a.ipynb", "x = 1")
    code, said = run("--nbvet-args", "--rule NB999=off")
    assert code == 1 and "there is no rule `NB999`" in said and "Traceback" not in said, said
    code, said = run("--nbvet-command", "/nowhere/nbvet")
    assert code == 1 and "the program nbvet was not found (/nowhere/nbvet)" in said and "Traceback" not in said, said


def test_what_a_notebook_prints_reaches_no_terminal_as_an_escape(run, tmp_path):
    notebook(tmp_path / "a.ipynb", "raise ValueError('\\x1b]0;pwned\\x07\\x1b[2J\\u202e')")
    code, said = run()
    assert code == 1 and "ValueError" in said
    assert not set("\x1b\x07\u202e") & set(said)


def test_findings_that_fail_nothing_are_shown_to_who_asks(run, tmp_path):
    notebook(tmp_path / "a.ipynb", "import warnings\nwarnings.warn('odd')")
    assert run("--nbvet-level", "development")[0] == 0
    code, said = run("--nbvet-level", "development", "-rA")
    assert code == 0 and "NB213" in said, said


def test_other_tests_run_beside_notebooks(run, tmp_path):
    notebook(tmp_path / "a.ipynb", "x = 1")
    (tmp_path / "test_a.py").write_text("def test_one():\n    pass\n")
    code, said = run("-q")
    assert code == 0 and "3 passed" in said, said
