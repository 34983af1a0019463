"""Validates the sample and lists every error that nbvet finds, for a reader to label.

Usage: errors.py NBVET [--python PYTHON] [--sample TSV] [--report JSON] [--jobs N] [--cell-timeout T]

Each notebook of runnable-100.tsv is copied to an empty folder of its own, as those of RUNNABLE.tsv were, and validated
at development. Prints TSV: notebook, cell, line, rule, message, source line with its neighbours, and two empty columns,
label and reason, for the reader. To stderr goes what ran differently from nbclient, with tracebacks: every notebook
here ran to its end there. `--report` keeps nbvet's own report, or reads the one that is there.
"""

import argparse
import csv
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from draw import ROOT, corpus

COLUMNS = ["notebook", "cell", "line", "rule", "message", "source line", "label", "reason"]
AROUND = 3
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def sampled(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [row["path"] for row in csv.DictReader(file, delimiter="\t")]


def validate(nbvet, python, originals, jobs, cell_timeout):
    """The report over copies of the notebooks, in the order given."""
    with tempfile.TemporaryDirectory(prefix="nbvet-sample-") as scratch:
        copies = []
        for number, original in enumerate(originals):
            folder = Path(scratch) / f"{number:03}"
            folder.mkdir()
            copies.append(shutil.copy(original, folder))
        options = ["--level", "development", "--cell-timeout", cell_timeout, "--format", "json"]
        command = [nbvet, "validate", *options, "-j", str(jobs), "--python", python, *copies]
        return subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout


def cell_lines(path, cell):
    """Lines of one cell; of the file where there is no cell."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if cell is None:
        return text.splitlines()
    notebook = json.loads(text)
    cells = notebook.get("cells") or [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
    source = cells[cell].get("source", cells[cell].get("input", ""))
    return "".join(source).splitlines()


def excerpt(path, location):
    """The line of the finding, marked, with its neighbours, in one line of text."""
    lines = cell_lines(path, location.get("cell"))
    first, last = location["line"], location["endLine"]
    window = range(max(1, first - AROUND), min(len(lines), last + AROUND) + 1)
    return " | ".join(f"{'>' if first <= number <= last else ' '}{number}: {lines[number - 1]}" for number in window)


def one_line(text):
    return str(text).replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")


def errors(report, names, folder):
    """A row for every diagnostic that fails the notebook at development."""
    for name, notebook in zip(names, report["notebooks"], strict=True):
        for found in notebook["diagnostics"]:
            if found["severity"] != "error" or found.get("suppression"):
                continue
            place = found["location"]
            places = "".join(
                f" [line {label['location']['line']}: {label['message']}]" for label in found.get("labels", [])
            )
            message = found["message"] + places
            rule = f"{found['rule']['id']} {found['rule']['name']}"
            source = excerpt(folder / name, place)
            yield [name, place.get("cell", ""), place["line"], rule, message, source, "", ""]


def print_differences(report, names):
    """Notebooks that did not run to their end here."""
    differing = 0
    for name, notebook in zip(names, report["notebooks"], strict=True):
        end = notebook.get("end")
        if end and end["kind"] in ("completed", "exited"):
            continue
        differing += 1
        print(
            f"\n== {name}\n   end: {json.dumps(end)}, failure: {json.dumps(notebook.get('failure'))}", file=sys.stderr
        )
        for cell in notebook.get("cells", []):
            if cell["outcome"] in ("error", "timeout"):
                traceback = ANSI.sub("", "\n".join((cell.get("error") or {}).get("traceback", [])))
                print(
                    f"   cell {cell['cell']}, {cell['outcome']}\n{traceback or cell.get('lastOutput')}", file=sys.stderr
                )
    print(f"\n{len(names)} notebooks, {differing} ended otherwise than under nbclient", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nbvet")
    parser.add_argument("--python", default=str(ROOT / ".venv/bin/python"))
    parser.add_argument("--sample", type=Path, default=Path(__file__).parent / "runnable-100.tsv")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cell-timeout", default="60s", help="more on a busy machine")
    arguments = parser.parse_args()
    folder = corpus()
    if folder is None:
        sys.exit("error: no corpus: set NBVET_SHARED to the folder that holds corpus/RUNNABLE.tsv")
    names, notebooks = sampled(arguments.sample), folder / "notebooks"
    if arguments.report and arguments.report.is_file():
        text = arguments.report.read_bytes()
    else:
        text = validate(
            arguments.nbvet,
            arguments.python,
            [notebooks / name for name in names],
            arguments.jobs,
            arguments.cell_timeout,
        )
        if arguments.report:
            arguments.report.write_bytes(text)
    report = json.loads(text)
    writer = csv.writer(sys.stdout, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([one_line(field) for field in row] for row in errors(report, names, notebooks))
    print_differences(report, names)


if __name__ == "__main__":
    main()
