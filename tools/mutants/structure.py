"""Faults that keep a cell from being read at all."""

import ast

from common import Edit, trees

PROOF = """from IPython.core.inputtransformer2 import TransformerManager
try:
    compile(TransformerManager().transform_cell({source!r}), "cell", "exec")
except SyntaxError:
    pass
else:
    raise AssertionError("the cell is read")
"""


def plain(cells):
    """Cells of more than one line that are read as plain Python, with their trees."""
    for index, source, tree in trees(cells):
        lines = source.split("\n")
        is_plain = not any(line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?") for line in lines)
        if is_plain and len(lines) > 1 and len(tree.body) > 1:
            yield index, source, tree


def broken(index, source, line, changed):
    """One line of a cell is changed to what is no Python."""
    if source.count(line) != 1:
        return None
    mutant = source.replace(line, changed)
    return Edit(
        {"cell": index, "replace": line, "with": changed},
        "",
        index,
        PROOF.format(source=mutant),
        "executed: IPython's transformer and CPython refuse the cell",
        cells=[],
    )


def first(edits):
    return next((edit for edit in edits if edit), None)


def unclosed_call(cells):
    def edits():
        for index, source, tree in plain(cells):
            for node in ast.walk(tree):
                line = source.split("\n")[node.lineno - 1] if isinstance(node, ast.Call) else ""
                if line.endswith(")") and node.end_lineno == node.lineno:
                    yield broken(index, source, line, line[:-1])

    return first(edits())


def missing_colon(cells):
    def edits():
        for index, source, tree in plain(cells):
            for node in ast.walk(tree):
                if isinstance(node, (ast.For, ast.FunctionDef, ast.If)):
                    line = source.split("\n")[node.lineno - 1]
                    if line.endswith(":"):
                        yield broken(index, source, line, line[:-1])

    return first(edits())


def print_of_python_2(cells):
    def edits():
        for index, source, tree in plain(cells):
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print" and len(node.args) == 1:
                    line = source.split("\n")[node.lineno - 1]
                    if line.lstrip().startswith("print(") and line.endswith(")") and node.end_lineno == node.lineno:
                        yield broken(index, source, line, line.replace("print(", "print ", 1)[:-1])

    return first(edits())


OPERATORS = {"NB924": [unclosed_call, missing_colon, print_of_python_2]}
