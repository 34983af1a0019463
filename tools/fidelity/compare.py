"""How nearly nbvet runs notebooks as nbclient does: the probe set cell by cell, then nbclient's own fixtures.

    compare.py NBVET [--row NN]... [--quiet] [--no-fixtures] [--least PERCENT]

Prints a table by row, every cell that differs with both sides, and the sums. Exit status 1 where fewer cells are
equal than --least says, or fewer of nbclient's fixtures than nbclient passes itself.
"""

import argparse
import difflib
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import engines
import normalise
import probes
import upstream

# Rows of the semantics table that no cell can compare, with the reason.
NOT_COMPARED = (
    ("timeouts", "what happens at a limit is nbvet's own; runner/host/tests/it/time.rs"),
    ("crash isolation", "nbclient stores nothing of a dead kernel's cell; here only crashes of children"),
    ("parameters", "compared with papermill, not nbclient: tools/tests/test_parameters.py"),
    ("other languages", "refused"),
    ("debugger, remote kernels, interactive stdin", "out of scope"),
)


def main():
    arguments = parse()
    chosen = probes.load(arguments.row)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        compared = list(pool.map(lambda probe: compare(arguments.nbvet, probe), chosen))
    print_rows(compared)
    if not arguments.quiet:
        for result in compared:
            print_differences(result)
    equal, of = sum(r.equal for r in compared), sum(len(r.cells) for r in compared)
    share = 100 * equal / of
    print(f"\ncells equal to nbclient's: {equal} of {of}, {share:.1f} %")
    passes = share >= arguments.least
    if not arguments.no_fixtures:
        passes &= upstream.report(arguments.nbvet, quiet=arguments.quiet)
    return 0 if passes else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbvet", help="the program")
    parser.add_argument("--row", action="append", help="only rows whose number begins so")
    parser.add_argument("--quiet", action="store_true", help="no single cells")
    parser.add_argument("--no-fixtures", action="store_true", help="only the probe set")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--least", type=float, default=97.8, metavar="PERCENT")
    return parser.parse_args()


class Compared:
    """One probe, run by both."""

    def __init__(self, probe, cells, failure=""):
        self.probe = probe
        # Why nbclient gave nothing to compare with.
        self.failure = failure
        # (source, what nbclient shows, what nbvet shows)
        self.cells = cells

    @property
    def equal(self):
        return sum(theirs == ours for _, theirs, ours in self.cells)


def compare(nbvet, probe):
    """Runs one probe under both."""
    ours = shown(engines.nbvet(nbvet, probe.notebook)[0])
    sources = [cell["source"] for cell in probe.notebook["cells"] if cell["cell_type"] == "code"]
    sources.append("(states of widgets in the notebook's metadata)")
    try:
        theirs = shown(engines.nbclient(probe.notebook)[0])
        if theirs != ours:
            # What nbclient shows may change from run to run, such as text that a child wrote: either will do.
            second = shown(engines.nbclient(probe.notebook)[0])
            theirs = [two if two == our else one for one, two, our in zip(theirs, second, ours, strict=True)]
    except engines.Failed as failure:
        return Compared(probe, [], str(failure))
    cells = [cell for cell in zip(sources, theirs, ours, strict=True) if cell[1:] != ([], [])]
    return Compared(probe, cells)


def shown(executed):
    """What an executed notebook shows, cell by cell, and last the states of its widgets."""
    cells = [normalise.cell(cell) for cell in executed["cells"] if cell["cell_type"] == "code"]
    return [*cells, normalise.widget_states(executed)]


def print_rows(compared):
    rows = {}
    for result in compared:
        equal, of = rows.get(result.probe.row, (0, 0))
        rows[result.probe.row] = equal + result.equal, of + len(result.cells)
    print("| row | equal | of |\n| --- | ---: | ---: |")
    for row, (equal, of) in rows.items():
        print(f"| {row[3:].replace('_', ' ')} | {equal} | {of} |")
    for result in compared:
        if result.failure:
            last = next(line for line in reversed(result.failure.splitlines()) if "Error" in line)
            print(f"| {result.probe.name} | - | nbclient fails: {last} |")
    for row, why in NOT_COMPARED:
        print(f"| {row} | - | {why} |")


def print_differences(result):
    for number, (source, theirs, ours) in enumerate(result.cells):
        if theirs == ours:
            continue
        print(f"\n{result.probe.name}, code cell {number}:")
        print("\n".join(f"    {line}" for line in "".join(source).split("\n")[:20]))
        sides = [json.dumps(side, indent=1, ensure_ascii=False, sort_keys=True).split("\n") for side in (theirs, ours)]
        lines = list(difflib.unified_diff(*sides, "nbclient", "nbvet", lineterm="", n=1))
        print("\n".join(line[:1500] for line in lines[:60]))


if __name__ == "__main__":
    sys.exit(main())
