"""The probe set: files of cells, one a row of the semantics table, made into notebooks."""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "probes"
MARKER = re.compile(r"^# %%(?: \[(?P<kind>markdown|notebook)\])?(?: tags=(?P<tags>\S+))?$")


@dataclass
class Probe:
    """One notebook of a row."""

    row: str
    name: str
    notebook: dict


def load(rows=None):
    """All probes, or those of rows whose file's name begins with one of these numbers."""
    files = sorted(FOLDER.glob("*.cells"))
    chosen = [file for file in files if not rows or any(file.name.startswith(row) for row in rows)]
    return [probe for file in chosen for probe in of_file(file)]


def of_file(file):
    """The notebooks of one row."""
    notebooks = [[]]
    for line in file.read_text(encoding="utf-8").split("\n"):
        marker = MARKER.match(line)
        if marker is None:
            notebooks[-1][-1]["source"].append(line)
        elif marker["kind"] == "notebook":
            notebooks.append([])
        else:
            notebooks[-1].append({"kind": marker["kind"] or "code", "tags": marker["tags"], "source": []})
    row = file.stem
    return [
        Probe(row, f"{row}-{number}", notebook([cell_of(cell, index) for index, cell in enumerate(cells)]))
        for number, cells in enumerate(notebooks)
    ]


def cell_of(cell, index):
    """A cell as nbformat has it. Whatever it raises, the next one runs."""
    source = "\n".join(cell["source"]).rstrip("\n")
    tags = cell["tags"].split(",") if cell["tags"] else []
    if cell["kind"] == "markdown":
        return {"cell_type": "markdown", "id": f"cell-{index}", "metadata": {}, "source": source}
    tags = sorted({*tags, "raises-exception"})
    metadata = {"tags": tags}
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"cell-{index}",
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def notebook(cells, metadata=None):
    """A notebook of the format's newest version."""
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": {**kernel, **(metadata or {})}, "nbformat": 4, "nbformat_minor": 5}
