"""Faults of the handling of missing and lost rows that can be put into a clean notebook mechanically.

Notebooks mostly read files that are not here. So a proof runs the changed expression on a stand-in: a frame with the
columns that the notebook names, of which one value in four is missing.
"""

import ast
import re

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


READS = ("read_csv", "read_excel", "read_json", "read_parquet", "read_table")

# A notebook with one of these may look at what is missing or how many rows there are.
MISSING = ("isnull", "isna", "notnull", "notna", "info(", "describe(", "dropna", "fillna", "count(", "isnan", "msno")
ROWS = ("shape", "len(", ".size", "info(", "describe(", "count", "isnull", "isna", "notnull", "notna", "dropna")


def says_none_of(cells, words):
    text = "\n".join(source for _, source in cells)
    return not any(word in text for word in words) and "assert" not in text


def read_frames(cells):
    """(cell, line, name, columns that the notebook names) of frames read at the top of a cell and used below."""
    text = "\n".join(source for _, source in cells)
    for index, source, tree in trees(cells):
        for node in tree.body:
            reads = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and named(node.value) in READS
            if not reads or not isinstance(node.targets[0], ast.Name) or node.lineno != node.end_lineno:
                continue
            name = node.targets[0].id
            columns = re.findall(rf"\b{re.escape(name)}\[['\"]([\w ]+)['\"]\]", text)
            if columns:
                yield index, source.split("\n")[node.lineno - 1], name, sorted(set(columns))


def below_read(cells, words, make, before, check, proof):
    """Lines put below the reading of a frame, in a notebook that never looks. `make` is given name and column."""
    if not says_none_of(cells, words):
        return None
    for index, line, name, columns in read_frames(cells):
        source = dict(cells)[index]
        shown = any(text.rstrip().split("\n")[-1].strip() == name for _, text in cells)
        if source.count(line) != 1 or shown or line.startswith((" ", "\t")) or "pd." not in line:
            continue
        lines = make(name, columns[0])
        return Edit(
            {"cell": index, "replace": line, "with": f"{line}\n{lines}"},
            lines.split("\n")[0],
            index,
            f"{lines}\n{check(name, columns[0])}",
            proof,
            cells=[],
            before=before(name, columns),
        )
    return None


def text_frame(name, columns):
    return f"import pandas as pd\n{name} = pd.DataFrame({{column: ['1', '2', 'x', '4'] for column in {columns!r}}})\n"


def number_frame(name, columns):
    return FRAME.format(name=name, columns=columns)


LOST = "executed: on a column of which one value is no number, that value is missing afterwards and nothing stops"


def one_missing(name, column):
    return f"assert {name}[{column!r}].isna().sum() == 1"


def coerced_numbers(cells):
    def make(name, column):
        return f'{name}["{column}"] = pd.to_numeric({name}["{column}"], errors="coerce")'

    return below_read(cells, MISSING, make, text_frame, one_missing, LOST)


def coerced_dates(cells):
    if not says_none_of(cells, MISSING):
        return None
    for index, source, tree in trees(cells):
        for node in ast.walk(tree):
            single = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.value.args) == 1
            if not single or ast.unparse(node.value.func) != "pd.to_datetime" or node.lineno != node.end_lineno:
                continue
            text, place = ast.get_source_segment(source, node.value), column_of(node.value.args[0])
            keywords = [keyword.arg for keyword in node.value.keywords]
            if not place or not place[1] or "errors" in keywords or not text or source.count(text) != 1:
                continue
            new = text[:-1].rstrip(", ") + ', errors="coerce")'
            frame = f"import pandas as pd\n{place[0]} = pd.DataFrame({{{place[1]!r}: ['2024-01-31', 'unknown']}})"
            check = f"assert pd.to_datetime({place[0]}[{place[1]!r}], errors='coerce').isna().sum() == 1"
            return Edit(
                {"cell": index, "replace": text, "with": new},
                'errors="coerce")',
                index,
                check,
                "executed: a text that is no date is missing afterwards and nothing stops",
                cells=[],
                before=frame,
            )
    return None


FILLED = (
    "executed: on a column with a missing value the mean is another afterwards, and nothing says that one was filled"
)


def filled_differs(name, column):
    return f"assert {name}[{column!r}].notna().all() and {name}[{column!r}].mean() != 7 / 3"


def filled_with_zero(cells):
    return below_read(
        cells,
        MISSING,
        lambda name, column: f'{name}["{column}"] = {name}["{column}"].fillna(0)',
        number_frame,
        filled_differs,
        FILLED,
    )


def filled_in_place(cells):
    return below_read(
        cells,
        MISSING,
        lambda name, _: f"{name}.fillna(-1, inplace=True)",
        number_frame,
        filled_differs,
        FILLED,
    )


DROPPED = "executed: a frame of four rows has three afterwards, and nothing says so"


def three_left(name, _):
    return f"assert len({name}) == 3"


def dropped(cells):
    return below_read(cells, ROWS, lambda name, _: f"{name} = {name}.dropna()", number_frame, three_left, DROPPED)


def dropped_in_place(cells):
    return below_read(
        cells,
        ROWS,
        lambda name, column: f'{name}.dropna(subset=["{column}"], inplace=True)',
        number_frame,
        three_left,
        DROPPED,
    )


def bad_lines_skipped(cells):
    """A line with one field too many is left out."""
    for index, source, tree in trees(cells):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pd.read_csv" and node.args:
                text = ast.get_source_segment(source, node)
                if text and source.count(text) == 1 and "\n" not in text and "bad_lines" not in text:
                    return Edit(
                        {"cell": index, "replace": text, "with": text[:-1].rstrip(", ") + ', on_bad_lines="skip")'},
                        'on_bad_lines="skip")',
                        index,
                        'assert len(pd.read_csv(io.StringIO("a,b\\n1,2\\n3,4,5\\n"), on_bad_lines="skip")) == 1',
                        "executed: of two lines of which one has a field too many, one is left",
                        cells=[],
                        before="import io\nimport pandas as pd",
                    )
    return None


MULTIPLIED = "executed: a key that stands twice on the right side gives more rows than there were, and nothing stops"


def twice(name, column):
    return f"assert len(combined) > len({name})"


def keyed_frame(name, columns):
    return number_frame(name, columns) + f"lookup = pd.concat([{name}, {name}])\n"


def merged(cells):
    def make(name, column):
        return f'combined = {name}.merge(lookup, on="{column}", how="left")\ncombined.to_csv("combined.csv")'

    return below_read(cells, (*ROWS, "validate", "merge"), make, keyed_frame, twice, MULTIPLIED)


def merged_by_function(cells):
    def make(name, column):
        return f'combined = pd.merge({name}, lookup, on="{column}")\ncombined.to_csv("combined.csv")'

    return below_read(cells, (*ROWS, "validate", "merge"), make, keyed_frame, twice, MULTIPLIED)


OPERATORS = {
    "NB301": [missing_compared, present_compared],
    "NB302": [coerced_numbers, coerced_dates],
    "NB303": [filled_with_zero, filled_in_place],
    "NB304": [dropped, dropped_in_place],
    "NB305": [bad_lines_skipped],
    "NB306": [merged, merged_by_function],
}
