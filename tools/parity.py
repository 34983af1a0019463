"""Compares which cells `nbvet lint` refuses with what IPython's own transformer and `compile` refuse.

Usage: parity.py NBVET FOLDER...

Prints every cell on which the two differ and ends with 1 if nbvet refuses a cell that IPython takes. Cells that
IPython refuses and nbvet takes are listed too: newer syntax than the Python that runs this script, mostly.
"""

import json
import subprocess
import sys
import warnings
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

RULE = "NB924"


def refused_by_nbvet(nbvet, folders):
    """(path, cell index) of every cell with a syntax error."""
    command = [nbvet, "lint", "--level", "production", "--format", "json", *folders]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout
    report = json.loads(output)
    return report, {
        (notebook["path"], found["location"]["cell"])
        for notebook in report["notebooks"]
        for found in notebook["diagnostics"]
        if found["rule"]["id"] == RULE
    }


def code_cells(path):
    """(index, source) of a notebook's code cells; none of a file that is no Python notebook."""
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        metadata = notebook.get("metadata", {})
        language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
        cells = notebook.get("cells")
        if cells is None:
            cells = [cell for sheet in notebook.get("worksheets", []) for cell in sheet.get("cells", [])]
    except (OSError, ValueError, AttributeError):
        return
    if language and language.lower() not in ("python", "python3", "ipython"):
        return
    for index, cell in enumerate(cells):
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            tags = cell.get("metadata", {}).get("tags", [])
            if "raises-exception" not in tags and "skip-execution" not in tags:
                yield index, source if isinstance(source, str) else "".join(source)


def refused_by_ipython(source, manager):
    """The error of IPython's transformation or of Python's compiler, if there is one."""
    try:
        text = manager.transform_cell(source)
        compile(text, "<cell>", "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main():
    nbvet, *folders = sys.argv[1:]
    warnings.simplefilter("ignore")
    report, refused = refused_by_nbvet(nbvet, folders)
    manager = TransformerManager()
    cells, both, ours, theirs = 0, 0, [], []
    for notebook in report["notebooks"]:
        for index, source in code_cells(notebook["path"]):
            cells += 1
            error = refused_by_ipython(source, manager)
            mine = (notebook["path"], index) in refused
            both += mine and error is not None
            if mine and error is None:
                ours.append(f"{notebook['path']} cell {index}")
            if not mine and error is not None:
                theirs.append(f"{notebook['path']} cell {index}: {error}")
    for title, rows in (("refused by nbvet alone", ours), ("refused by IPython alone", theirs)):
        print(f"{title}: {len(rows)}")
        for row in rows:
            print(f"  {row}")
    print(f"{len(report['notebooks'])} notebooks, {cells} code cells, {both} refused by both")
    return 1 if ours else 0


if __name__ == "__main__":
    sys.exit(main())
