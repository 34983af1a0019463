"""Applies the operators to notebooks of the corpus and executes the proofs; prints the mutants that stood them.

Usage: prove.py RULE NOTEBOOK... (paths below the corpus). Output: [[mutant]] tables for fixtures/pairs. A notebook is
run cell by cell with IPython in an empty folder, as far as the proof needs. Its own errors below that do not matter.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from operators import LEAKAGE

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120
RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.enable_gui = lambda gui=None: None
for index, source in json.load(sys.stdin):
    result = shell.run_cell(source, store_history=False, silent=True)
    error = result.error_before_exec or result.error_in_exec
    if error:
        sys.exit(f"cell {index}: {type(error).__name__}: {error}")
"""


def corpus():
    shared = os.environ.get("NBVET_SHARED") or ROOT.parent / "shared"
    return Path(shared) / "corpus" / "notebooks"


def code_cells(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [
        (index, "".join(cell["source"])) for index, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code"
    ]


def changed(cells, change):
    def apply(source):
        if "replace" in change:
            assert source.count(change["replace"]) == 1, "the text is in the cell once"
            source = source.replace(change["replace"], change["with"])
        return source + ("\n" + change["append"] if "append" in change else "")

    return [(index, apply(source) if index == change["cell"] else source) for index, source in cells]


def run(cells):
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-c", RUN],
            input=json.dumps(cells),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]


def prove(path, operator):
    """The edit, once its proof has been executed; else why there is none."""
    cells = code_cells(path)
    edit = operator(cells)
    if edit is None:
        return None, "no place for it"
    try:
        mutated = [cell for cell in changed(cells, edit.change) if cell[0] <= edit.until]
        fault = run([*mutated, (-1, edit.check)])
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    return (None, fault) if fault else (edit, "")


def toml(value):
    if isinstance(value, int):
        return str(value)
    return f"'''\n{value}'''" if "\n" in value else json.dumps(value, ensure_ascii=False)


def main():
    rule, *notebooks = sys.argv[1:]
    for name in notebooks:
        for operator in LEAKAGE[rule]:
            edit, why = prove(corpus() / name, operator)
            if edit is None:
                print(f"{name}: {operator.__name__}: {why}", file=sys.stderr)
                continue
            print(f"[[mutant]]\nname = {toml(operator.__name__.replace('_', ' '))}\nnotebook = {toml(name)}")
            for key, value in edit.change.items():
                print(f"{key} = {toml(value)}")
            print(f"at = {toml(edit.at)}\nproof = {toml(edit.proof)}\n", flush=True)


if __name__ == "__main__":
    main()
