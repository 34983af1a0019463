"""Lint of many notebooks, and of large ones: nbvet and ruff. See peers.py for how to start it."""

import json
import os
import random
import subprocess
from pathlib import Path

import notebooks
from measure import Tool, compare, target

# Diagnostics are no failure here: 1 means that some were found.
FOUND = (0, 1)


def corpus(scratch):
    """(what it is, folder): real notebooks where there are some, else generated ones."""
    shared = Path(os.environ.get("NBVET_SHARED") or Path(__file__).resolve().parents[1] / "../shared").resolve()
    real = shared / "corpus/notebooks"
    if real.is_dir():
        return "the corpus", real
    notebooks.lint_set(scratch / "lint")
    return "generated notebooks", scratch / "lint"


def nbvet(binary, jobs, *paths):
    return Tool(f"nbvet lint -j {jobs}", [binary, "lint", "-j", str(jobs), *paths], FOUND)


def ruff(environment, jobs, *paths):
    """Its default rules and cheapest output, without its cache and without anybody's settings."""
    name = f"ruff check, {jobs} thread{'s' if jobs > 1 else ''}"
    command = [environment / "bin/ruff", "check", "--isolated", "--no-cache", "--output-format", "concise", *paths]
    return Tool(name, command, FOUND, {"RAYON_NUM_THREADS": str(jobs)})


def check_that_all_are_read(binary, folder, files):
    """A linter that skips or fails notebooks is fast for nothing."""
    output = subprocess.run([binary, "lint", "--format", "json", folder], stdout=subprocess.PIPE, check=False).stdout
    reports = json.loads(output)["notebooks"]
    failed = [report["path"] for report in reports if report.get("failure")]
    note = f", of these {len(failed)} without a verdict: {failed[:3]}" if failed else ""
    print(f"nbvet read {len(reports)} of {len(files)} notebooks{note}")


def many(binary, environment, folder, what, repeats):
    files = sorted(folder.rglob("*.ipynb"))
    size = sum(file.stat().st_size for file in files) / 1e6
    cores = len(os.sched_getaffinity(0))
    print(f"\n## Lint: {what}, {len(files)} files, {size:.0f} MB")
    check_that_all_are_read(binary, folder, files)
    for jobs in sorted({1, cores}):
        title = f"{jobs} thread{'s' if jobs > 1 else ''}"
        rows = compare(title, [nbvet(binary, jobs, folder), ruff(environment, jobs, folder)], repeats)
        ours, theirs = rows.values()
        if ours.failure or theirs.failure:
            continue
        for row in (ours, theirs):
            print(f"{row.tool.name}: {len(files) / row.wall:.0f} files/s, {size / row.wall:.0f} MB/s of wall time")
        if jobs == 1:
            target("CPU seconds against ruff's", ours.cpu / theirs.cpu, 0.5, "x")
            target("peak memory", ours.peak / 1e6, 100, " MB")


def large(binary, environment, scratch, repeats):
    """Twice the notebook may cost twice the time, not more."""
    print("\n## Lint: one large notebook")
    generator = random.Random(notebooks.SEED)
    shapes = [
        ("1,000 cells", 1000, 0),
        ("5,000 cells", 5000, 0),
        ("5 MB of pictures", 200, 75_000),
        ("50 MB", 200, 750_000),
    ]
    medians = {}
    for name, cells, picture in shapes:
        path = notebooks.for_lint(scratch / f"large/{cells}_{picture}.ipynb", generator, cells, picture)
        rows = compare(name, [nbvet(binary, 1, path), ruff(environment, 1, path)], repeats)
        ours = next(iter(rows.values()))
        medians[name] = None if ours.failure else ours.cpu
    for small, big, factor in [("1,000 cells", "5,000 cells", 5), ("5 MB of pictures", "50 MB", 10)]:
        if medians[small] and medians[big]:
            target(f"{big} against {small}, {factor} times the size", medians[big] / medians[small], factor * 1.2, "x")


def phases(folder):
    """Where the time of one thread goes."""
    print("\n## Lint: where the time goes", flush=True)
    example = ["cargo", "run", "--quiet", "--release", "--package", "nbvet", "--example", "phases", "--", folder]
    subprocess.run(example, cwd=Path(__file__).resolve().parents[1], check=False)


def main(binary, environment, scratch, repeats):
    what, folder = corpus(scratch)
    many(binary, environment, folder, what, repeats)
    phases(folder)
    large(binary, environment, scratch, repeats)
