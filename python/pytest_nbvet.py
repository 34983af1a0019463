"""`pytest --nbvet`: each code cell of a notebook is a test.

Collects `*.ipynb` and runs nothing until a test is run; then `nbvet validate` runs the notebook once, in the Python that
runs pytest, and every test of it reads its part of that one report. Knows no rule: what fails is nbvet's word.
"""

import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest

LEVELS = ("learning", "development", "staging", "production")
# The severities that fail a notebook at a level; execution faults always do.
FAILING = {"learning": (), "development": ("error",), "staging": ("error",), "production": ("error", "warning")}
# The test of what belongs to no cell.
WHOLE = "notebook"
ANSI = re.compile(r"\x1b\[[0-9;:]*m")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SHARED = "nbvet_shared"


def pytest_addoption(parser):
    group = parser.getgroup("nbvet", "notebooks by nbvet")
    group.addoption("--nbvet", action="store_true", help="test *.ipynb files: run them and judge what they do")
    group.addoption("--nbvet-level", choices=LEVELS, metavar="LEVEL",
                    help="how strict: learning, development (the default), staging or production")
    group.addoption("--nbvet-per", choices=("cell", "notebook"), default="cell", metavar="WHAT",
                    help="a test for each code cell (the default) or one for each notebook")
    group.addoption("--nbvet-python", metavar="PYTHON", help="Python that runs the notebooks (default: pytest's own)")
    group.addoption("--nbvet-args", default="", metavar="ARGS",
                    help="more options of `nbvet validate`, such as \"--cell-timeout 60s\"")
    group.addoption("--nbvet-command", metavar="PATH", help="the program nbvet (default: beside this Python, then PATH)")


def pytest_configure(config):
    config.addinivalue_line("markers", "nbvet: a test of a notebook (pytest --nbvet)")


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".ipynb" and parent.config.option.nbvet and ".ipynb_checkpoints" not in file_path.parts:
        return NotebookFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Under pytest-xdist every worker gets a folder in which they share reports: a notebook runs once."""
    config = node.config
    if config.option.nbvet:
        if not hasattr(config, "_nbvet_shared"):
            config._nbvet_shared = tempfile.mkdtemp(prefix="nbvet-pytest-")
        node.workerinput[SHARED] = config._nbvet_shared


def pytest_unconfigure(config):
    shared = getattr(config, "_nbvet_shared", None)
    if shared:
        shutil.rmtree(shared, ignore_errors=True)


class NotebookFailure(Exception):
    """What nbvet says; shown as it is."""


class NotebookFile(pytest.File):
    """A notebook. Its report is made when the first of its tests asks for it."""

    _report = None

    def collect(self):
        cells = code_cells(self.path) if self.config.option.nbvet_per == "cell" else []
        for index, tags in cells:
            item = CellItem.from_parent(self, name=f"cell {index}")
            item.index = index
            item.extra_keyword_matches.update(tags)
            yield prepared(item, self.nodeid)
        yield prepared(WholeItem.from_parent(self, name=WHOLE), self.nodeid)

    def report(self):
        """nbvet's word on this notebook. One that could not be had is the failure of each of its tests."""
        if self._report is None:
            try:
                self._report = self._shared_report()
            except NotebookFailure as failure:
                self._report = failure
        if isinstance(self._report, NotebookFailure):
            raise self._report
        return self._report

    def _shared_report(self):
        shared = getattr(self.config, "workerinput", {}).get(SHARED)
        if not shared:
            return read_report(*self._validate())
        kept = Path(shared) / sha256(os.fsencode(self.path)).hexdigest()
        # A worker that dies while it runs the notebook lets go of the lock, and the next one runs it.
        with open(f"{kept}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                fresh = kept.with_suffix(".new")
                fresh.write_text(json.dumps(self._validate()))
                fresh.rename(kept)
        return read_report(*json.loads(kept.read_text()))

    def _validate(self):
        """Exit status, stdout and stderr of nbvet."""
        options = self.config.option
        here = self.config.invocation_params.dir
        # Messages name the notebook as a person here would.
        path = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        command = [program(options.nbvet_command), "validate", "--format", "json"]
        command += ["--python", options.nbvet_python or sys.executable]
        command += ["--level", options.nbvet_level] if options.nbvet_level else []
        command += [*shlex.split(options.nbvet_args), "--", str(path)]
        done = subprocess.run(command, check=False, cwd=here, stdin=subprocess.DEVNULL, capture_output=True)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


class NotebookItem(pytest.Item):
    """A test of a part of a notebook."""

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, NotebookFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style=style)

    def reportinfo(self):
        return self.path, 0, self.name

    def judge(self, report, found, broken=()):
        """Fails with what fails the notebook, and keeps the rest for those who ask for it (`-rA`)."""
        failing = [one for one in found if fails(report, one)]
        others = [one for one in found if one not in failing and counts(one)]
        texts = [*broken, *(told(self.parent, report, one) for one in failing)]
        if others:
            self.add_report_section("call", "nbvet", "\n".join(told(self.parent, report, one) for one in others))
        if texts:
            raise NotebookFailure("\n\n".join(texts))


class CellItem(NotebookItem):
    """One code cell: how it ran, and what was found in it."""

    def runtest(self):
        report = self.parent.report()
        run = next((run for run in report["cells"] if run["cell"] == self.index), None)
        outcome = run["outcome"] if run else "not-run"
        found = [one for one in report["diagnostics"] if one["location"].get("cell") == self.index]
        broken = []
        if outcome in ("error", "timeout") and not any(fails(report, one) for one in found):
            broken = [harmless(f"the cell did not end well: {outcome}\n{last_words(run)}")]
        self.judge(report, found, broken)
        if outcome == "skipped":
            skip("the cell is tagged to be skipped, or empty")
        if outcome == "not-run":
            skip("not run: the notebook ended before this cell")


class WholeItem(NotebookItem):
    """What belongs to no cell, or to a cell whose test is not run: nobody gets a pass by leaving that out."""

    def runtest(self):
        report = self.parent.report()
        cells = {item.index for item in self.session.items if isinstance(item, CellItem) and item.path == self.path}
        found = [one for one in report["diagnostics"] if one["location"].get("cell") not in cells]
        broken = []
        if report.get("failure"):
            failure = report["failure"]
            hint = f"\nhint: {failure['hint']}" if failure.get("hint") else ""
            broken = [harmless(f"no verdict: {failure['message']}{hint}")]
        self.judge(report, found, broken)
        # A notebook that did not pass never looks as if it had.
        failing = {one["location"].get("cell") for one in report["diagnostics"] if fails(report, one)}
        failing |= {run["cell"] for run in report["cells"] if run["outcome"] in ("error", "timeout")}
        if report["verdict"]["outcome"] != "Passed" and not failing & cells:
            raise NotebookFailure(f"nbvet: {report['verdict']['outcome']}")


def prepared(item, group):
    item.add_marker(pytest.mark.nbvet)
    # With `--dist loadgroup` the tests of a notebook go to one worker.
    if item.config.pluginmanager.hasplugin("xdist"):
        item.add_marker(pytest.mark.xdist_group(group))
    return item


def code_cells(path):
    """Index (over all cells) and tags of each code cell that has code; none where the file is no notebook."""
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError, RecursionError):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        sheets = notebook.get("worksheets") or [notebook]
        cells = [cell for sheet in sheets for cell in sheet.get("cells", [])]
        return [
            (index, [tag for tag in cell.get("metadata", {}).get("tags", []) if isinstance(tag, str)])
            for index, cell in enumerate(cells)
            if cell.get("cell_type") == "code" and "".join(cell.get("source", cell.get("input", ""))).strip()
        ]
    return []


def program(named):
    """Where nbvet is: as named, beside this Python, or on the PATH."""
    beside = [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
    found = named or next((str(folder / "nbvet") for folder in beside if (folder / "nbvet").is_file()), None)
    found = found or shutil.which("nbvet")
    if not found or not shutil.which(found):
        where = named or ", ".join([*map(str, dict.fromkeys(beside)), "PATH"])
        raise NotebookFailure(f"the program nbvet was not found ({where})\nhint: `pip install nbvet`, or --nbvet-command")
    return found


def read_report(status, stdout, stderr):
    """The notebook's part of the report; where there is none, what nbvet said in its place."""
    try:
        [report] = json.loads(stdout)["notebooks"]
        return {"diagnostics": [], "cells": [], **report}
    except (ValueError, KeyError, TypeError):
        raise NotebookFailure(harmless(f"nbvet ended with status {status}\n{stderr.strip()}")) from None


def counts(found):
    return found["severity"] != "off" and not found.get("suppression")


def fails(report, found):
    return found.get("fault", False) or (counts(found) and found["severity"] in FAILING[report["verdict"]["level"]])


def told(notebook, report, found):
    """A diagnostic as nbvet tells it, with the line that it is about."""
    at, rule = found["location"], found["rule"]
    lines = [f"{found['severity']}[{rule['id']}]: {found['message']}"]
    cell = at.get("cell")
    run = next((run for run in report["cells"] if run["cell"] == cell), {})
    if cell is None:
        lines.append(f"  {report['path']} · {rule['name']}")
    else:
        count = f", In [{run['executionCount']}]" if run.get("executionCount") is not None else ""
        lines.append(f"  {report['path']}:{at['fileLine']} · cell {cell}{count}, line {at['line']} · {rule['name']}")
        lines += [f"  {at['line']:>4} | {line}" for line in source_line(notebook.path, cell, at["line"])]
    if found.get("fault") and last_words(run):
        lines += ["", *(f"  {line}" for line in last_words(run).splitlines()), ""]
    for word, name in (("explanation", "why"), ("help", "help")):
        if found.get(word):
            first, *rest = found[word].splitlines()
            lines += [f"  {name}: {first}", *(f"        {line}" for line in rest)]
    return harmless("\n".join(lines))


def source_line(path, cell, line):
    """The line in a list; an empty list where it cannot be had any more."""
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError, IndexError, RecursionError):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        sheets = notebook.get("worksheets") or [notebook]
        found = [cell for sheet in sheets for cell in sheet.get("cells", [])][cell]
        return ["".join(found.get("source", found.get("input", ""))).splitlines()[line - 1]]
    return []


def last_words(run, most=20):
    """The end of the traceback, or of what was printed."""
    error = (run or {}).get("error") or {}
    text = "\n".join(error.get("traceback", [])) or (run or {}).get("lastOutput") or ""
    lines = ANSI.sub("", text).strip("\n").splitlines()
    return "\n".join([*(["…"] if len(lines) > most else []), *lines[-most:]])


def harmless(text):
    """Nothing from a notebook reaches the terminal as a control sequence."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", ANSI.sub("", text))


def skip(reason):
    # At the notebook, not at a line of this file.
    raise pytest.skip.Exception(reason, _use_item_location=True)
