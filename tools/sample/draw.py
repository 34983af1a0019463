"""Draws the sample of runnable corpus notebooks whose errors are labelled by hand.

Reads RUNNABLE.tsv of the corpus (`NBVET_SHARED`, ../shared by default), takes the notebooks that nbclient ran to
their end, at most eight of one repository, and a hundred of those; prints `path` and `seconds` as TSV. The seed is
fixed: the same corpus gives the same sample.
"""

import csv
import os
import random
import sys
from collections import defaultdict
from pathlib import Path

SEED = 20261123
COUNT = 100
PER_REPOSITORY = 8
ROOT = Path(__file__).resolve().parents[2]


def corpus():
    """The folder that holds RUNNABLE.tsv and notebooks/; None without a corpus."""
    shared = Path(os.environ.get("NBVET_SHARED") or ROOT / "../shared").resolve()
    folder = shared / "corpus"
    return folder if (folder / "RUNNABLE.tsv").is_file() else None


def runnable(folder):
    """(path, result, seconds) of every notebook of RUNNABLE.tsv."""
    with (folder / "RUNNABLE.tsv").open(encoding="utf-8", newline="") as file:
        return [(row["path"], row["result"], float(row["seconds"])) for row in csv.DictReader(file, delimiter="\t")]


def draw(rows):
    """The sample, in the order of its paths."""
    generator = random.Random(SEED)
    of_repository = defaultdict(list)
    for path, result, seconds in sorted(rows):
        if result == "ok":
            of_repository[path.split("/")[0]].append((path, seconds))
    pool = [
        row
        for _, members in sorted(of_repository.items())
        for row in generator.sample(members, min(PER_REPOSITORY, len(members)))
    ]
    return sorted(generator.sample(pool, min(COUNT, len(pool))))


def main():
    folder = corpus()
    if folder is None:
        sys.exit("error: no corpus: set NBVET_SHARED to the folder that holds corpus/RUNNABLE.tsv")
    print("path\tseconds")
    for path, seconds in draw(runnable(folder)):
        print(f"{path}\t{seconds}")


if __name__ == "__main__":
    main()
