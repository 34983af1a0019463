"""What all operators share: an Edit with the proof that it does harm, and how an edit is applied to a notebook.

An operator takes a notebook's code cells as (index over all cells, source) and finds its place by itself; it gives an
Edit, or None where it has no place. Nothing in here or in an operator knows what nbvet reports.
"""

import ast
import copy
from dataclasses import dataclass


@dataclass
class Edit:
    """A change of a notebook, and the code that proves that it does harm."""

    # In the terms of fixtures/pairs: `cell` with `replace` and `with`, `prepend`, `append`, or `move_here`; also
    # `counts`, execution counts by cell, and `output`, one that the file keeps of `cell`.
    change: dict
    # Part of the line that is to be reported.
    at: str
    # The last cell that is run before the check, in the mutant.
    until: int
    # Runs after the cells and raises (AssertionError) unless the fault is real.
    check: str
    # What was shown, for people.
    proof: str
    # The only cells that are run, where the notebook as a whole cannot be; then `until` is not looked at.
    cells: list | None = None
    # Code that runs before the first cell: stands in for a file or a service that is not there.
    before: str = ""


def trees(cells):
    """The cells that parse, each with its tree; lines with magics are blanked."""
    for index, source in cells:
        lines = [line if not line.lstrip().startswith(("%", "!")) else "pass" for line in source.split("\n")]
        try:
            yield index, source, ast.parse("\n".join(lines))
        except SyntaxError:
            continue


def named(node):
    """The last part of what a call calls."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def code_cells(notebook):
    """(index over all cells, source) of the code cells of a notebook in JSON."""
    cells = enumerate(notebook["cells"])
    return [(index, "".join(cell["source"])) for index, cell in cells if cell["cell_type"] == "code"]


def apply(notebook, change):
    """The notebook with the change made, as new JSON. ValueError where the text is not in its cell once."""
    notebook = copy.deepcopy(notebook)
    cells = notebook["cells"]
    for index, count in change.get("counts", {}).items():
        cells[int(index)]["execution_count"] = count
        for output in cells[int(index)].get("outputs", []):
            if output.get("output_type") == "execute_result":
                output["execution_count"] = count
    if "move_here" in change:
        cells.insert(change["cell"], cells.pop(change["move_here"]))
    elif "cell" in change:
        cell = cells[change["cell"]]
        cell["source"] = changed("".join(cell["source"]), change)
        cell["outputs"] = cell.get("outputs", []) + ([change["output"]] if "output" in change else [])
    return notebook


def changed(source, change):
    if "replace" in change:
        if source.count(change["replace"]) != 1:
            raise ValueError(f"{change['replace']!r} is in the cell {source.count(change['replace'])} times")
        source = source.replace(change["replace"], change["with"])
    before = change["prepend"] + "\n" if "prepend" in change else ""
    after = "\n" + change["append"] if "append" in change else ""
    return before + source + after
