"""What `nbvet expect` proposes: does it hold on a third run, and does it catch values that were changed?

usage: tools/expect_measure.py NBVET [--notebooks 20] [--python PYTHON] [--seed 5]

Takes notebooks of the shared corpus that run to their end within seconds, lets nbvet propose expectations, runs each a
third time, and then once for each of a few mutants: one name that a cell bound is changed by a line at the end of that
cell. A mutant is caught when an expectation is not met; one whose line raises is no mutant. Exit status 1 where the
proposals do not hold, or fewer than 80 % of the mutants are caught.
"""

import argparse
import collections
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = ["--timeout", "120s", "--cell-timeout", "60s"]

# Kind of mutant: the condition under which a value can be changed so, and the change.
MUTANTS = {
    "set to None": ("True", "{x} = None"),
    "scaled": (
        "hasattr({x}, '__mul__') and not isinstance({x}, (bool, str, bytes, list, tuple))",
        "{x} = {x} * 3 + 1",
    ),
    "text changed": ("isinstance({x}, str)", "{x} = {x} + '!'"),
    "row dropped": ("hasattr({x}, 'iloc') and len({x}) > 1", "{x} = {x}.iloc[1:]"),
    "column renamed": (
        "hasattr({x}, 'columns') and hasattr({x}, 'rename')",
        "{x} = {x}.rename(columns={{{x}.columns[0]: 'renamed'}})",
    ),
    "NaN put in": (
        "type({x}).__name__ == 'ndarray' and {x}.dtype.kind == 'f' and {x}.size > 0",
        "{x} = {x}.copy(); {x}.flat[0] = float('nan')",
    ),
    "NaN put into a column": (
        "hasattr({x}, 'iloc') and hasattr({x}, 'columns') and len({x}) > 0",
        "{x} = {x}.copy(); {x}[{x}.columns[-1]] = float('nan')",
    ),
    "item dropped": ("isinstance({x}, (list, tuple)) and len({x}) > 0", "{x} = {x}[1:]"),
    "key dropped": ("isinstance({x}, dict) and len({x}) > 0", "{x} = dict(list({x}.items())[1:])"),
    "flag turned": ("isinstance({x}, bool)", "{x} = not {x}"),
}


# Types that the sidecar names, by which a kind of mutant is tried; it is made where its condition holds too.
FITS = {
    "set to None": lambda kind: kind != "None",
    "scaled": lambda kind: kind in ("int", "float", "pandas.Series") or kind.startswith("numpy."),
    "text changed": lambda kind: kind == "str",
    "row dropped": lambda kind: kind.startswith("pandas."),
    "column renamed": lambda kind: kind == "pandas.DataFrame",
    "NaN put in": lambda kind: kind == "numpy.ndarray",
    "NaN put into a column": lambda kind: kind == "pandas.DataFrame",
    "item dropped": lambda kind: kind in ("list", "tuple"),
    "key dropped": lambda kind: kind == "dict",
    "flag turned": lambda kind: kind == "bool",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbvet")
    parser.add_argument("--notebooks", type=int, default=20)
    parser.add_argument("--python", default=str(ROOT / ".venv/bin/python"))
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    corpus = Path(os.environ.get("NBVET_SHARED", ROOT.parent / "shared")) / "corpus"
    if not corpus.exists():
        print("skipped: no corpus")
        return 0
    held, caught, by_kind = [], 0, collections.defaultdict(lambda: [0, 0])
    for path in candidates(corpus):
        if len(held) == arguments.notebooks:
            break
        with tempfile.TemporaryDirectory(prefix="nbvet-measure-") as folder:
            result = one(arguments, path, Path(folder))
        if result is None:
            continue
        proposed, unmet, mutants = result
        held.append(unmet == 0)
        for kind, is_caught in mutants:
            by_kind[kind][0] += is_caught
            by_kind[kind][1] += 1
        here = sum(is_caught for _, is_caught in mutants)
        caught += here
        print(f"{proposed:4} proposed, {unmet} unmet again, {here}/{len(mutants)} mutants  {path.name}", flush=True)
    total = sum(of for _, of in by_kind.values())
    print()
    for kind, (good, of) in sorted(by_kind.items()):
        print(f"{kind:22} {good:3} of {of:3}")
    share = caught / total if total else 0.0
    print(
        f"\n{sum(held)} of {len(held)} notebooks hold on a third run; {caught} of {total} mutants caught ({share:.0%})"
    )
    return 0 if all(held) and share >= 0.8 else 1


def candidates(corpus):
    """Notebooks that ran well in a few seconds, in a random order that stays."""
    with (corpus / "RUNNABLE.tsv").open() as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if row["result"] == "ok"]
    paths = [corpus / "notebooks" / row["path"] for row in rows if float(row["seconds"]) < 6]
    paths = [path for path in paths if path.exists()]
    random.shuffle(paths)
    return paths


def one(arguments, path, folder):
    """Number of proposals, how many fail on a third run, and for each mutant whether it was caught."""
    notebook = folder / "notebook.ipynb"
    shutil.copy(path, notebook)
    nbvet = [str(Path(arguments.nbvet).resolve())]
    common = [*LIMIT, "--python", arguments.python]
    subprocess.run(
        [*nbvet, "expect", notebook.name, "--accept", *common],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    sidecar = folder / "notebook.expect.yaml"
    if not sidecar.exists():
        return None
    named = [name for name in names(sidecar.read_text()) if name[1] is not None]
    if not named:
        return None
    (third,) = validate(nbvet, [notebook], common, folder)
    results = third.get("expectations", [])
    unmet = sum(result["status"] != "met" for result in results)
    files = mutants(notebook, sidecar, named)
    reports = validate(nbvet, [file for _, file in files], common, folder) if files else []
    found = []
    for (kind, file), report in zip(files, reports):
        if (folder / (file.stem + ".done")).exists():
            found.append((kind, any(tells(result) for result in report.get("expectations", []))))
    return len(results), unmet, found


def tells(result):
    """Whether a name is not as expected; the mutant's own line takes the place of the cell's result."""
    return result["status"] == "unmet" and result["subject"].startswith("`")


def names(text):
    """Cell, name and type of each expectation that the sidecar holds: one field a line."""
    found, cell, name, kind = [], None, None, ""
    for line in [*text.splitlines(), "- end: 0"]:
        if line.startswith("- ") and cell is not None:
            found.append((cell, name, kind))
            cell, name, kind = None, None, ""
        key, _, value = line.strip("- ").partition(": ")
        if key in ("cell", "cellId"):
            cell = json.loads(value)
        elif key == "name":
            name = json.loads(value)
        elif key == "type":
            kind = json.loads(value)
    return found


def mutants(notebook, sidecar, named):
    """Up to eight mutants of a notebook, each a file with its sidecar."""
    document = json.loads(notebook.read_text())
    wishes = [(cell, name, kind) for cell, name, known in named for kind in MUTANTS if FITS[kind](known)]
    random.shuffle(wishes)
    files, tried = [], set()
    for cell, name, kind in wishes:
        # One of a kind and one of a name, so that no kind of value outweighs the others.
        if len(files) == 8 or kind in tried:
            continue
        tried.add(kind)
        changed = json.loads(json.dumps(document))
        target = changed["cells"][cell] if isinstance(cell, int) else by_id(changed, cell)
        source = target["source"] if isinstance(target["source"], str) else "".join(target["source"])
        condition, change = (part.format(x=name) for part in MUTANTS[kind])
        stem = f"mutant{len(files)}"
        mark = f"open({stem + '.done'!r}, 'w').close()"
        if source.lstrip().startswith("%%") or source.rstrip().endswith("\\"):
            continue
        code = f"if {condition}:\n    {change}\n    {mark}"
        line = f"exec({code!r})"
        target["source"] = source.rstrip() + "\n" + line
        file = notebook.with_name(stem + ".ipynb")
        file.write_text(json.dumps(changed))
        shutil.copy(sidecar, file.with_name(stem + ".expect.yaml"))
        files.append((kind, file))
    return files


def by_id(document, cell):
    return next(found for found in document["cells"] if found.get("id") == cell)


def validate(nbvet, files, common, folder):
    command = [*nbvet, "validate", "--format", "json", *[file.name for file in files], *common]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=1200)
    return json.loads(ran.stdout)["notebooks"]


if __name__ == "__main__":
    sys.exit(main())
