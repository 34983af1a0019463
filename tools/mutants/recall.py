"""How many faults are found of those that were put into clean notebooks and proven by execution.

    recall.py NBVET [--missed]

Makes every mutant of proven/*.tsv again by its operator, lints it and the notebook that it is made of, and counts a
mutant as caught when its rule reports the line that the operator names, and reports no such line in the original.
Prints a row for each rule and each group; exit status 1 where a group is below 0.8.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import common
import prove

TARGET = 0.8


def mutants():
    """(group, row, edit, original, mutant) of everything that is proven."""
    for path in sorted(prove.PROVEN.glob("*.tsv")):
        operators = importlib.import_module(path.stem).OPERATORS
        for row in prove.rows(path):
            original = prove.read(row["notebook"])
            operator = next(made for made in operators[row["rule"]] if made.__name__ == row["operator"])
            edit = operator(common.code_cells(original))
            yield path.stem, row, edit, original, common.apply(original, edit.change)


def lint(nbvet, folder):
    """By file name: (rule id, text of the reported line) of every diagnostic, and the cells."""
    command = [nbvet, "lint", "--format", "json", folder]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    return {Path(notebook["path"]).name: notebook["diagnostics"] for notebook in report["notebooks"]}


def reported(notebook, diagnostics, rule, at):
    """The rule reports a line that holds the text."""
    for diagnostic in diagnostics:
        location = diagnostic["location"]
        if diagnostic["rule"]["id"] != rule or location.get("cell") is None:
            continue
        lines = "".join(notebook["cells"][location["cell"]]["source"]).splitlines()
        if 0 < location["line"] <= len(lines) and at in lines[location["line"] - 1]:
            return True
    return False


def judged(nbvet):
    """(group, row, caught) of every mutant."""
    made = list(mutants())
    if not made:
        return
    with tempfile.TemporaryDirectory() as folder:
        for index, (_, _, _, original, mutant) in enumerate(made):
            for name, notebook in (("original", original), ("mutant", mutant)):
                Path(folder, f"{index}-{name}.ipynb").write_text(json.dumps(notebook, indent=1), encoding="utf-8")
        found = lint(nbvet, folder)
    for index, (group, row, edit, original, mutant) in enumerate(made):
        at = edit.at.split("\n")[0]
        caught = reported(mutant, found[f"{index}-mutant.ipynb"], row["rule"], at)
        twin = reported(original, found[f"{index}-original.ipynb"], row["rule"], at)
        yield group, row, caught and not twin


def counted(nbvet, missed=False):
    """({(group, rule): [caught]}, {group: [caught]}); names the mutants that are missed where that is asked for."""
    of_rule, of_group = defaultdict(list), defaultdict(list)
    for group, row, caught in judged(nbvet):
        of_rule[group, row["rule"]].append(caught)
        of_group[group].append(caught)
        if missed and not caught:
            print(f"missed: {row['rule']} {row['operator']} {row['notebook']}")
    return of_rule, of_group


def enough(caught):
    return sum(caught) >= TARGET * len(caught)


def print_table(of_rule, of_group):
    """Prints the rows; whether every group meets the target."""
    print("| group | rule | mutants | caught | recall |\n|---|---|---|---|---|")
    for (group, rule), caught in sorted(of_rule.items()):
        print(f"| {group} | {rule} | {len(caught)} | {sum(caught)} | {sum(caught) / len(caught):.2f} |")
    for group, caught in sorted(of_group.items()):
        said = "met" if enough(caught) else f"MISSED: below {TARGET}"
        print(f"| {group} | all | {len(caught)} | {sum(caught)} | {sum(caught) / len(caught):.2f}, {said} |")
    return all(map(enough, of_group.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbvet", help="the program")
    parser.add_argument("--missed", action="store_true", help="name every mutant that is not caught")
    arguments = parser.parse_args()
    return int(not print_table(*counted(arguments.nbvet, arguments.missed)))


if __name__ == "__main__":
    sys.exit(main())
