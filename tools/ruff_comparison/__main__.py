"""nbvet beside ruff: the rules that both have, over the corpus, with every difference in a named class.

    python tools/ruff_comparison NBVET                 the table, and what is not in order
    python tools/ruff_comparison NBVET --class NAME    the hits of one class, in an order that nobody chose
    python tools/ruff_comparison NBVET --page          writes docs/reference/ruff.md

A difference is put into its class by a test on the notebook's text (classes.py). Three cells of each class, or all
where there are fewer, have been opened and read: checked.tsv says what was seen and who is right. The exit status is 1
where a difference has no class or a class too few checked cells.
"""

import argparse
import csv
import hashlib
import os
import sys
from pathlib import Path

import page
from classes import CLASSES, class_of
from hits import RULES, compared, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHECKED = HERE / "checked.tsv"
CELLS = 3
NO_RULE = "no-rule-yet"
UNCLASSED = "unclassed"


def main():
    arguments = parse_arguments()
    shared = Path(os.environ.get("NBVET_SHARED") or ROOT / "../shared").resolve()
    folder = arguments.notebooks or shared / "corpus" / "notebooks"
    if not folder.is_dir():
        sys.exit("error: no corpus: set NBVET_SHARED to the folder that holds corpus/notebooks")
    found = run(str(arguments.nbvet.resolve()), arguments.ruff, folder)
    rows = [row_of(found, rule) for rule in RULES]
    checked = read_checked(CHECKED)
    if arguments.one:
        show(found, rows, arguments.one)
        return 0
    if arguments.page:
        page.write(ROOT / "docs/reference/ruff.md", found, rows, CLASSES, checked)
    else:
        print(page.table(rows))
    faults = disorder(found, rows, checked)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbvet", type=Path, help="the program")
    parser.add_argument("--class", dest="one", metavar="NAME", help="show the hits of one class")
    parser.add_argument("--page", action="store_true", help="write docs/reference/ruff.md")
    parser.add_argument("--ruff", default=str(ROOT / ".venv/bin/ruff"), help="another ruff than that of .venv")
    parser.add_argument("--notebooks", type=Path, help="another folder than the corpus")
    return parser.parse_args()


def row_of(found, rule):
    """One row of the table: (rule, hits of both, {class: hits only of ruff}, {class: hits only of nbvet})."""
    both, ruff, nbvet = compared(found, rule)
    return rule, both, by_class(found, rule, "ruff", ruff), by_class(found, rule, "nbvet", nbvet)


def by_class(found, rule, only, hits):
    classes = {}
    for hit in hits:
        it = class_of(found, rule, only, hit)
        name = it.name if it else UNCLASSED
        if not it and not found.known & set(rule.nbvet):
            name = NO_RULE
        classes.setdefault(name, []).append(hit)
    return dict(sorted(classes.items(), key=lambda item: (-len(item[1]), item[0])))


def hits_of(rows, name):
    return [hit for row in rows for side in row[2:] for hit in side.get(name, [])]


def disorder(found, rows, checked):
    """What keeps the comparison from being complete."""
    faults = [f"{UNCLASSED}: {hit.rule} {hit.place}: {hit.message}" for hit in hits_of(rows, UNCLASSED)]
    known = {rule.ruff[0] for rule in RULES if found.known & set(rule.nbvet)}
    for it in CLASSES:
        if it.rows and not known & set(it.rows):
            continue
        places = {hit.place for hit in hits_of(rows, it.name)}
        read = {place(row) for row in checked if row["class"] == it.name}
        if len(read & places) < min(CELLS, len(places)):
            faults.append(f"{it.name}: {len(read & places)} of its cells are checked, of {len(places)}")
        faults += [f"{it.name}: {gone} is checked and is not of this class" for gone in sorted(read - places)]
    return faults


def place(row):
    return row["notebook"], int(row["cell"]), int(row["line"])


def read_checked(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def show(found, rows, name):
    """Every hit of a class with the lines around it."""
    for hit in sorted(hits_of(rows, name), key=lambda hit: hashlib.sha256(repr(hit.key).encode()).digest()):
        print(f"{hit.path}\t{hit.cell}\t{hit.line}\t{hit.message}")
        notebook = found.notebook(hit.path)
        for line in range(max(1, hit.line - 2), hit.line + 3):
            print(f"    {line:3} {notebook.line(hit.cell, line)[:110]}")


if __name__ == "__main__":
    sys.exit(main())
