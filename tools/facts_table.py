"""The table of facts: for each fact that a run states, is its fault found, is the clean twin silent, what does it cost.

    tools/facts_table.py NBVET [--python PYTHON] [--newer-python PYTHON]

Everything is executed by the program given. A fact with a rule is tried on the pairs of that rule (fixtures/pairs);
one without is read from the facts of two cells. Costs are CPU time of the notebook's process between the end of a
cell's code and the beginning of the next one's, medians, where the cell names a value that is there already, less those
where it does nothing; a busy machine does not change them much. Facts of `sys.monitoring` need Python 3.12.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPEATS = 9
IMPORTS = "import numpy as np\nimport pandas as pd"

# Facts that a rule judges: name, id of the rule, needs Python 3.12.
JUDGED = [
    ("None bound or shown, None among items", "NB211", False),
    ("NaN as a number, in a list or dict", "NB312", False),
    ("infinity", "NB313", False),
    ("rows lost or emptied, against the inputs", "NB307", False),
    ("rows multiplied, against the inputs", "NB308", False),
    ("share of missing values, against the inputs", "NB309", False),
    ("errors that a handler took", "NB221", True),
    ("assertions that ran", "NB222", True),
    ("coroutines never awaited", "NB223", False),
    ("errors after the cell", "NB214", False),
    ("figures that show nothing", "NB314", False),
    ("values against annotations", "NB109", False),
    ("status of commands", "NB212", False),
    ("warnings with their category", "NB213", False),
]


@dataclass
class Stated:
    """A fact without a rule: the cell before, the cells with and without it, and what is looked for."""

    name: str
    before: str
    fault: str
    twin: str
    holds: object


def bound(facts, name):
    return next((fact for fact in facts if fact["kind"] == "bound" and fact["name"] == name), None)


def columns(facts, name):
    fact = bound(facts, name)
    return {} if fact is None else {column["name"]: column for column in fact["value"].get("columns", [])}


FRAME = IMPORTS + "\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': [1.5, 2.5, 3.5]})"
STATED = [
    Stated(
        "a change in place",
        FRAME,
        "df.loc[1, 'b'] = 9.0",
        "df.loc[1, 'b']",
        lambda facts: bound(facts, "df") is not None,
    ),
    Stated(
        "a column that became object",
        FRAME,
        "df['a'] = df['a'].astype(object)",
        "df['a'] = df['a'] + 1",
        lambda facts: columns(facts, "df")["a"]["dtype"] == "object",
    ),
    Stated(
        "a column of one value",
        FRAME,
        "df['c'] = 7",
        "df['c'] = df['a'] * 2",
        lambda facts: columns(facts, "df")["c"].get("constant", False),
    ),
    Stated(
        "a column without values",
        FRAME,
        "df['c'] = np.nan",
        "df['c'] = df['b']",
        lambda facts: columns(facts, "df")["c"]["missing"] == {"count": 3, "of": 3},
    ),
    Stated(
        "a table that its own cell replaced",
        FRAME,
        "d = df.copy()\nd = d[d.a > 1]",
        "d = df.copy()\ne = d[d.a > 1]",
        lambda facts: any(fact["kind"] == "replaced" and fact["value"]["shape"] == [3, 2] for fact in facts),
    ),
    Stated(
        "a name that went away", FRAME, "del df", "len(df)", lambda facts: any(f["kind"] == "removed" for f in facts)
    ),
]

# What is looked at after a cell: name, imports and making, needed module.
SIZES = [
    ("frame of 10^6 x 10 floats", "v = pd.DataFrame(np.random.rand(1_000_000, 10))", "pandas"),
    ("the same with NaN", "v = pd.DataFrame(np.random.rand(1_000_000, 10))\nv.iloc[::7, 3] = np.nan", "pandas"),
    (
        "frame of 5 x 10^6 int, 5 x 10^6 float",
        "v = pd.DataFrame({i: np.arange(1_000_000) * (1 if i < 5 else 0.5) for i in range(10)})",
        "pandas",
    ),
    ("array of 10^7 floats", "v = np.random.rand(10_000_000)", "numpy"),
    ("frame of 10^7 texts", "v = pd.DataFrame({'a': ['x'] * 10_000_000}, dtype=object)", "pandas"),
    ("polars frame of 10^6 x 10", "import polars as pl\nv = pl.DataFrame(np.random.rand(1_000_000, 10))", "polars"),
    (
        "pyarrow table of 10^6 x 10",
        "import pyarrow as pa, pyarrow.compute\nv = pa.table({str(i): np.random.rand(1_000_000) for i in range(10)})",
        "pyarrow",
    ),
    ("list of 10^7 floats", "v = [0.5] * 10_000_000", "numpy"),
]


def notebook(cells):
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source.strip("\n")}
        for source in cells
    ]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}


def run(program, python, notebooks, arguments=(), files=()):
    """The reports of notebooks, in their order; `files` are those beside each."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, content in enumerate(notebooks):
            place = Path(folder, str(number))
            place.mkdir()
            for name, text in (files[number] if files else {}).items():
                (place / name).write_text(text)
            paths.append(place / "notebook.ipynb")
            paths[-1].write_text(json.dumps(content))
        command = [program, "validate", "--level", "production", "--format", "json", "--python", python]
        ended = subprocess.run([*command, *arguments, *paths], capture_output=True, text=True, check=False)
    if not ended.stdout:
        sys.exit(f"error: {program} gave no report: {ended.stderr}")
    return json.loads(ended.stdout)["notebooks"]


def has(python, module):
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def judged(program, python, rule):
    """How many faults of the rule's pairs are found, and how many twins are silent."""
    (path,) = (ROOT / "fixtures" / "pairs").glob(f"{rule}-*.toml")
    file = tomllib.loads(path.read_text())
    pairs = file["pair"]
    cells = [text.split("# %%\n") for pair in pairs for text in (pair["fault"], pair["twin"])]
    files = [pair.get("files", {}) for pair in pairs for _ in ("fault", "twin")]
    reports = run(program, python, map(notebook, cells), file.get("args", []), files)
    found = [any(one["rule"]["id"] == rule for one in report["diagnostics"]) for report in reports]
    return (sum(found[::2]), len(pairs)), (found[1::2].count(False), len(pairs))


def stated(program, python, fact):
    """Whether the fact is in the cell with it, and is not in the one without."""
    reports = run(program, python, (notebook([fact.before, cell]) for cell in (fact.fault, fact.twin)))
    facts = [report["cells"][1].get("facts", []) for report in reports]
    return fact.holds(facts[0]), not fact.holds(facts[1])


def median(report, cells):
    return statistics.median(report["cells"][cell]["seconds"] for cell in cells) * 1000


def cost(program, python, make):
    """Milliseconds of CPU for looking at a value after a cell that named it, less those after one that did not."""
    prepare = IMPORTS + "\n" + make + "\nimport time\nhold, spent = (lambda: v), []"
    between = "spent.append(time.process_time() - t)"

    def looked(first):
        cells = [prepare]
        for number in range(REPEATS):
            cells += [first % number + "t = time.process_time()", between]
        last = "looked = sorted(spent)[len(spent) // 2]"
        (report,) = run(program, python, [notebook([*cells, last])])
        return bound(report["cells"][-1]["facts"], "looked")["value"]["number"]["finite"] * 1000

    # The name `v` itself is not in the cells: it would be looked at too.
    return looked("v%d = hold()\n") - looked("n%d = 0\n")


def cost_of_a_cell(program, python):
    """Milliseconds of a cell that binds a number, with 50 names there, and the same in IPython alone."""
    names = "\n".join(f"n{number} = {number}" for number in range(50))
    cells = [names, *(f"x = {number}" for number in range(100))]
    (report,) = run(program, python, [notebook(cells)])
    script = (
        "import time, sys\nfrom IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\n"
        "cells = sys.argv[1].split('# %%\\n')\nspent = []\n"
        "for cell in cells:\n    start = time.perf_counter()\n    shell.run_cell(cell, store_history=True)\n"
        "    spent.append(time.perf_counter() - start)\nimport statistics\nprint(statistics.median(spent[1:]) * 1000)"
    )
    alone = subprocess.run([python, "-c", script, "# %%\n".join(cells)], capture_output=True, text=True, check=True)
    return median(report, range(1, 101)), float(alone.stdout.split()[-1])


def cost_of_an_exception(program, python):
    """Microseconds that a handled exception costs in a notebook, and in Python alone."""
    code = (
        "import time\nstart = time.perf_counter()\nfor i in range(50_000):\n    try:\n        {}[i]\n"
        "    except KeyError:\n        pass\nspent = time.perf_counter() - start"
    )
    (report,) = run(program, python, [notebook([code])])
    value = bound(report["cells"][0]["facts"], "spent")["value"]["number"]["finite"]
    alone = subprocess.run([python, "-c", code + "\nprint(spent)"], capture_output=True, text=True, check=True)
    return value / 50_000 * 1e6, float(alone.stdout) / 50_000 * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbvet")
    parser.add_argument("--python", default=str(ROOT / ".venv" / "bin" / "python"), help="with pandas and matplotlib")
    parser.add_argument(
        "--newer-python", help="3.12 or newer, for what sys.monitoring sees [default: those rows are left out]"
    )
    options = parser.parse_args()

    wrong = 0
    print("| fact | rule | fault found | clean twin silent |\n|---|---|---|---|")
    for name, rule, newer in JUDGED:
        python = options.newer_python if newer else options.python
        if python is None:
            print(f"| {name} | {rule} | not tried: needs --newer-python | |")
            continue
        (found, faults), (silent, twins) = judged(options.nbvet, python, rule)
        wrong += faults - found + twins - silent
        print(f"| {name} | {rule} | {found} of {faults} | {silent} of {twins} |", flush=True)
    for fact in STATED:
        found, silent = stated(options.nbvet, options.python, fact)
        wrong += (not found) + (not silent)
        print(f"| {fact.name} | stated | {'yes' if found else 'NO'} | {'yes' if silent else 'NO'} |", flush=True)

    print("\n| looked at after a cell | ms |\n|---|---|")
    for name, make, module in SIZES:
        if has(options.python, module):
            print(f"| {name} | {cost(options.nbvet, options.python, make):.1f} |", flush=True)
        else:
            print(f"| {name} | not tried: no {module} |")
    ours, alone = cost_of_a_cell(options.nbvet, options.python)
    print(f"| a small cell, all probes on: {ours:.2f}; in IPython alone {alone:.2f} | {ours - alone:.2f} more |")
    if options.newer_python:
        ours, alone = cost_of_an_exception(options.nbvet, options.newer_python)
        print(f"| an exception that a handler takes: {ours:.1f} us; in Python alone {alone:.1f} us | |")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
