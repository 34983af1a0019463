"""Runs the leakage rules on the programs of leakage-analysis (ASE 2022) and compares with the leaks it expects.

    known_leaks.py NBVET CHECKOUT

CHECKOUT is a copy of github.com/malusamayo/leakage-analysis. Its tests name, for each notebook in tests/inputs (as a
script), the models that are trained on leaked data; a notebook without any is clean. They are made notebooks again in
an empty folder, cells cut at the marks of the export, and linted. Prints for each kind of leak a row with what was
found, then each notebook that differs, so that the difference can be read and explained (rules/labels/README.md).
"""

import argparse
import ast
import json
import re
import subprocess
import tempfile
from pathlib import Path

KINDS = {"test_preprocessing.py": ("fit-before-split", "NB501"), "test_overlap.py": ("train-test-overlap", "NB502")}
MARK = re.compile(r"^# In\[.*?\]:?[ \t]*$", re.MULTILINE)


def expected(tests):
    """{script: models that are said to be leaked to} of one file of tests."""
    found = {}
    for node in ast.walk(ast.parse(tests.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "template":
            script, models = map(ast.literal_eval, node.args)
            found[script] = models
    return found


def notebook(script):
    cells = [part.strip("\n") for part in MARK.split(script.read_text(encoding="utf-8"))]
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for i, source in enumerate(cells)
        if source.strip()
    ]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def lint(nbvet, inputs):
    """{script: {rule id}} of what is reported."""
    with tempfile.TemporaryDirectory() as folder:
        for script in inputs.glob("*.py"):
            Path(folder, f"{script.stem}.ipynb").write_text(json.dumps(notebook(script)), encoding="utf-8")
        command = [nbvet, "lint", "--format", "json", folder]
        report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    return {
        f"{Path(found['path']).stem}.py": {diagnostic["rule"]["id"] for diagnostic in found["diagnostics"]}
        for found in report["notebooks"]
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbvet", help="the program")
    parser.add_argument("checkout", type=Path)
    arguments = parser.parse_args()
    tests = arguments.checkout / "tests"
    reported = lint(arguments.nbvet, tests / "inputs")
    differing = []
    print("| rule | notebooks with a leak | found | notebooks without | reported |\n|---|---|---|---|---|")
    for file, (name, rule) in KINDS.items():
        wanted = expected(tests / file)
        leaky = {script for script, models in wanted.items() if models}
        hits = {script for script in wanted if rule in reported[script]}
        clean = wanted.keys() - leaky
        row = [name, len(leaky), len(leaky & hits), len(clean), len(clean & hits)]
        print("| " + " | ".join(map(str, row)) + " |")
        differing += [f"missed: {name} {script}" for script in sorted(leaky - hits)]
        differing += [f"reported: {name} {script}" for script in sorted(clean & hits)]
    print("\n".join(["", *differing]))


if __name__ == "__main__":
    main()
