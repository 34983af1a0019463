"""Faults of the handling of missing and lost rows that can be put into a clean notebook mechanically.

Notebooks mostly read files that are not here. So a proof runs the changed expression on a stand-in: a frame with the
columns that the notebook names, of which one value in four is missing.
"""

import ast

from common import Edit, named, trees

FRAME = """
import numpy as np
import pandas as pd
{name} = pd.DataFrame({{column: [1.0, 2.0, np.nan, 4.0] for column in {columns!r}}})
"""


def imports_numpy(cells):
    return any("import numpy as np" in source for _, source in cells)


def column_of(node):
    """(name of the frame, column) of `frame`, `frame["column"]`; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id, None
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    ):
        return node.value.id, node.slice.value
    return None


def method_calls(cells, names, top=False):
    """(cell, source, statement, call, text of the call, frame, column) of calls on a frame or one of its columns."""
    for index, source, tree in trees(cells):
        for statement in tree.body:
            for node in [statement.value] if top and hasattr(statement, "value") else ast.walk(statement):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                place = column_of(node.func.value)
                text = ast.get_source_segment(source, node)
                if named(node) in names and place and text and source.count(text) == 1 and "\n" not in text:
                    yield index, source, statement, node, text, *place


def compared_with_nan(cells, method, operator):
    if not imports_numpy(cells):
        return None
    for index, _, _, call, text, frame, column in method_calls(cells, method):
        receiver = ast.unparse(call.func.value)
        new = f"({receiver} {operator} np.nan)"
        return Edit(
            {"cell": index, "replace": text, "with": new},
            new,
            index,
            f"assert not np.array_equal(np.asarray({text}), np.asarray({new}))",
            "executed: on values of which some are missing the comparison answers otherwise than the call it replaces",
            cells=[],
            before=FRAME.format(name=frame, columns=[column or "value", "other"]),
        )
    return None


def missing_compared(cells):
    return compared_with_nan(cells, ("isna", "isnull"), "==")


def present_compared(cells):
    return compared_with_nan(cells, ("notna", "notnull"), "!=")


OPERATORS = {
    "NB301": [missing_compared, present_compared],
}
