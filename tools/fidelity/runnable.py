"""Whether nbvet says of real notebooks what nbclient says in the same environment: that they raise, or do not.

    runnable.py NBVET [--sample N] [--seed N] [--limit SECONDS] [--python PYTHON]

Runs the notebooks of ../shared/corpus/RUNNABLE.tsv (NBVET_SHARED names another folder) in copies of their folders'
files, prints each disagreement and the sum. A notebook that ran out of time under either counts where both did.
"""

import argparse
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import engines

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("NBVET_SHARED") or ROOT / "../shared").resolve()
# Files beside a notebook that are copied along, at most so many bytes each.
MAX_BESIDE = 20 << 20


def main():
    arguments = parse()
    corpus = SHARED / "corpus"
    if not (corpus / "RUNNABLE.tsv").is_file():
        print("skipped: no corpus")
        return 0
    with open(corpus / "RUNNABLE.tsv", encoding="utf-8") as table:
        paths = [row["path"] for row in csv.DictReader(table, delimiter="\t")]
    if arguments.sample:
        paths = random.Random(arguments.seed).sample(paths, min(arguments.sample, len(paths)))
    with ThreadPoolExecutor(arguments.jobs) as pool:
        compared = pool.map(lambda path: compare(arguments, corpus / "notebooks" / path), paths)
        agreed = tell(paths, compared)
    print(f"raise or no raise as nbclient says: {agreed} of {len(paths)}, {100 * agreed / len(paths):.1f} %")
    return 0


def tell(paths, compared):
    """Prints disagreements as they come; the number of notebooks on which both agree."""
    agreed = 0
    for path, (theirs, ours, seconds) in zip(paths, compared, strict=True):
        agreed += kind(theirs) == kind(ours)
        if kind(theirs) != kind(ours):
            print(f"{path}\n    nbclient: {theirs}\n    nbvet:    {ours}  ({seconds:.0f} s)", flush=True)
    return agreed


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbvet", type=Path)
    parser.add_argument("--sample", type=int, help="only so many, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=60, help="seconds for a cell")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--jobs", type=int, default=1)
    return parser.parse_args()


def kind(result):
    """`ok`, `raised` or `timeout`."""
    return result.split(" ", 1)[0]


def compare(arguments, path):
    begun = time.monotonic()
    results = [run(arguments, path) for run in (nbclient, nbvet)]
    return *results, time.monotonic() - begun


def folder_of(path, into):
    """A copy of what lies beside the notebook; the notebook's name in it."""
    for file in path.parent.iterdir():
        if file.is_file() and (file == path or (file.suffix != ".ipynb" and file.stat().st_size <= MAX_BESIDE)):
            shutil.copy(file, into)
    return Path(into) / path.name


def nbclient(arguments, path):
    """What nbclient says of the notebook."""
    with tempfile.TemporaryDirectory() as folder:
        copy = folder_of(path, folder)
        options = json.dumps({"timeout": arguments.limit, "kernel_name": "python3"})
        command = [arguments.python, "-c", engines.NBCLIENT, str(copy), folder, options]
        done = run(command, arguments.limit)
        if done is None or "CellTimeoutError" in done.stderr:
            return "timeout"
        if done.returncode:
            return f"failed {done.stderr[-300:]!r}"
        return f"raised {ended(done.stderr)}" if ended(done.stderr) else "ok"


def ended(stderr):
    names = ("CellExecutionError", "DeadKernelError")
    lines = [line.strip() for line in stderr.splitlines() if line.strip() in names]
    return lines[-1] if lines else ""


def nbvet(arguments, path):
    """What nbvet says of it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = folder_of(path, folder)
        limits = ["--cell-timeout", f"{arguments.limit}s", "--timeout", f"{arguments.limit * 10}s"]
        command = [arguments.nbvet.resolve(), "run", "--python", arguments.python, *limits, "--format", "json", copy]
        done = run(command, arguments.limit)
        if done is None:
            return "timeout of this comparison"
        report = json.loads(done.stdout)["notebooks"][0]
        end = report.get("end") or {"kind": f"failure {report.get('failure')}"}
        if "timed" in end["kind"]:
            return "timeout"
        if end["kind"] in ("completed", "exited"):
            return "ok" if end["kind"] == "completed" else "raised SystemExit"
        errors = [cell["error"] for cell in report.get("cells", []) if cell.get("error")]
        told = f"{errors[-1]['name']}: {errors[-1]['value'][:150]}" if errors else str(end)
        return f"raised {told}"


def run(command, limit):
    """None where it did not end."""
    try:
        return subprocess.run(
            command,
            cwd="/",
            env=engines.environment(),
            capture_output=True,
            text=True,
            timeout=limit * 12,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None


if __name__ == "__main__":
    sys.exit(main())
