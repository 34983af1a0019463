"""Applies a group's operators to notebooks of the measuring repositories and executes the proofs.

    prove.py GROUP [--rule ID] [--operator NAME] [--notebook PATH]... [--pairs]

GROUP names a file of operators beside this one. Every operator is tried on the notebooks of the measuring
repositories, in an order that nobody chose, until 8 of its mutants stood their proof or 40 places were tried. They are
written to proven/GROUP.tsv, which recall.py reads; why others did not is told on stderr. --pairs prints [[mutant]]
tables for fixtures/pairs instead. A notebook is run cell by cell with IPython in an empty folder, as far as the proof
needs. Its own errors below that do not matter. This executes code of other people: pip is kept from installing what
notebooks ask for, nothing else is held back, so run it where nothing is lost.
"""

import argparse
import contextlib
import csv
import hashlib
import importlib
import json
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import common

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROVEN = HERE / "proven"
COLUMNS = ["rule", "operator", "notebook", "proof"]
WANTED = 8
TRIED = 40
LIMIT = 120
FINE = "fine"
# Loaded once: every run starts as a copy of this process.
LOADED = ["IPython.core.interactiveshell", "pandas", "sklearn.ensemble", "matplotlib.pyplot"]


def corpus():
    shared = os.environ.get("NBVET_SHARED") or ROOT.parent / "shared"
    return Path(shared) / "corpus"


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def measuring():
    """Paths of the notebooks of the measuring repositories, in an order that nobody chose."""
    repositories = rows(ROOT / "rules" / "labels" / "repositories.tsv")
    folder = corpus() / "notebooks"
    named = [folder / row["repository"] for row in repositories if row["used for"] == "measuring"]
    paths = [str(path.relative_to(folder)) for repository in named for path in repository.rglob("*.ipynb")]
    return sorted(paths, key=lambda path: hashlib.sha256(path.encode()).digest())


def read(path):
    """A notebook of the corpus in JSON; None where it is no notebook of format 4 in Python."""
    try:
        notebook = json.loads((corpus() / "notebooks" / path).read_text(encoding="utf-8"))
    except ValueError:
        return None
    language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "python")
    return notebook if "cells" in notebook and language == "python" else None


def run(cells):
    """Executes cells one after the other; what the first error was, or None."""
    for name in LOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        os.close(receive)
        run_here(cells, send)
    os.close(send)
    with os.fdopen(receive, encoding="utf-8") as said:
        last = said.read()
    os.waitpid(child, 0)
    return None if last == FINE else last or f"died, or took more than {LIMIT} seconds"


def run_here(cells, send):
    """Says through `send` how it went, and ends this process."""
    signal.alarm(LIMIT)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            said = first_error(cells) or FINE
            os.write(send, said.encode(errors="replace")[:4000])
            os.chdir("/")
    finally:
        os._exit(0)


def first_error(cells):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.enable_gui = lambda gui=None: None
    for index, source in cells:
        result = shell.run_cell(source, store_history=False, silent=True)
        error = result.error_before_exec or result.error_in_exec
        if error:
            return f"cell {index}: {type(error).__name__}: {error}"
    return None


def prove(notebook, edit):
    """None once the edit's proof has been executed, else why it did not stand."""
    try:
        mutant = common.code_cells(common.apply(notebook, edit.change))
        wanted = edit.cells
        ran = [cell for cell in mutant if (cell[0] <= edit.until if wanted is None else cell[0] in wanted)]
        return run([(-2, edit.before), *ran, (-1, edit.check)])
    except ValueError as error:
        return str(error)[:200]


def proven_by(operator, paths):
    """(path, edit) of the mutants of one operator that stood their proof."""
    tried, stood = 0, 0
    for path in paths:
        notebook = read(path)
        edit = notebook and operator(common.code_cells(notebook))
        if not edit:
            continue
        fault = prove(notebook, edit)
        tried, stood = tried + 1, stood + (fault is None)
        if fault is None:
            yield path, edit
        else:
            print(f"{path}: {operator.__name__}: {fault}", file=sys.stderr, flush=True)
        if tried == TRIED or stood == WANTED:
            return


def toml(value):
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {item}" for key, item in value.items() if item) + " }"
    return f"'''\n{value}'''" if "\n" in value else json.dumps(value, ensure_ascii=False)


def print_pair(operator, name, edit):
    print(f"[[mutant]]\nname = {toml(operator.__name__.replace('_', ' '))}\nnotebook = {toml(name)}")
    for key, value in edit.change.items():
        print(f"{key} = {toml(value)}")
    print(f"at = {toml(edit.at)}\nproof = {toml(edit.proof)}\n", flush=True)


def write(path, kept, proven):
    PROVEN.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        options = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None, "lineterminator": "\n"}
        writer = csv.DictWriter(file, COLUMNS, **options)
        writer.writeheader()
        writer.writerows(sorted(kept + proven, key=lambda row: list(row.values())))
    print(f"{path.relative_to(ROOT)}: {len(proven)} proven now, {len(kept)} kept")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group")
    parser.add_argument("--rule")
    parser.add_argument("--operator")
    parser.add_argument("--notebook", action="append")
    parser.add_argument("--pairs", action="store_true")
    arguments = parser.parse_args()
    no_installs = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_INPUT": "1"}
    os.environ |= {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore", **no_installs}
    warnings.simplefilter("ignore")
    path = PROVEN / f"{arguments.group}.tsv"
    wanted = [
        (rule, operator)
        for rule, operators in importlib.import_module(arguments.group).OPERATORS.items()
        for operator in operators
        if arguments.rule in (None, rule) and arguments.operator in (None, operator.__name__)
    ]
    names = {(rule, operator.__name__) for rule, operator in wanted}
    # What is not tried anew stays.
    known = rows(path) if path.is_file() else []
    kept = [row for row in known if (row["rule"], row["operator"]) not in names]
    proven = []
    for rule, operator in wanted:
        for name, edit in proven_by(operator, arguments.notebook or measuring()):
            if arguments.pairs:
                print_pair(operator, name, edit)
            proven.append(dict(zip(COLUMNS, [rule, operator.__name__, name, edit.proof], strict=True)))
    if not arguments.pairs:
        write(path, kept, proven)


if __name__ == "__main__":
    main()
