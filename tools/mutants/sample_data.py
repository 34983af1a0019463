"""Data to stand in for files and services that are not there, so that single cells of a notebook can be run."""

import ast
import builtins

from common import trees

FRAME = """
import numpy, pandas
_random = numpy.random.default_rng(7)
_columns = {{name: _random.integers(0, 9, 240) for name in {columns!r}}}
{name} = pandas.DataFrame(_columns)
"""
FEATURES = """
import numpy, pandas
_random = numpy.random.default_rng(7)
{name} = _random.normal(20, 9, (240, 5)).round(1)
"""
TARGET = """
import numpy, pandas
{name} = (numpy.arange(240) * 7919 % 13 > 6).astype(int)
"""
AS_TABLE = "{name} = pandas.DataFrame({name}, columns=list('abcde'))\n"
AS_COLUMN = "{name} = pandas.Series({name}, name='target')\n"


def before(cells, indices, features=None, target=None):
    """Code to run in front of the cells at `indices` when they alone are run; None where a name has no stand-in.

    Imports, functions and constants are the notebook's own. Of other names, `features` and `target` become arrays or
    frames of that use, and what is asked for columns a frame with all columns that the notebook names.
    """
    known, wanted, source = {}, [], ""
    for at, text, tree in trees(cells):
        if at in indices:
            wanted += tree.body
            source += text
        for node in tree.body if at < max(indices) else []:
            for name in bound(node):
                known[name] = ast.get_source_segment(text, node) if is_own(node) else None
    imports = [line for name, line in known.items() if line and line.startswith(("import", "from"))]
    parts = [f"try:\n    {line}\nexcept ImportError:\n    pass" for line in unique(imports)]
    for name in free(wanted):
        if known.get(name):
            parts.append(known[name])
        elif name in (features, target):
            parts.append((FEATURES if name == features else TARGET).format(name=name))
            if f"{name}[:," not in source:
                parts.append((AS_TABLE if name == features else AS_COLUMN).format(name=name))
        elif columns := sorted(named_columns(cells)):
            parts.append(FRAME.format(name=name, columns=columns))
        else:
            return None
    return "\n".join(parts)


def unique(items):
    return list(dict.fromkeys(" ".join(item.split()) for item in items))


def is_own(node):
    """Runs as it is: an import, a function, a constant."""
    constant = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)


def bound(node):
    """Names that a statement binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def free(body):
    """Names that statements read before they are bound, in order."""
    seen, wanted = set(dir(builtins)), []
    for node in body:
        inner = {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
        inner |= {
            name
            for part in ast.walk(node)
            if isinstance(part, ast.comprehension | ast.For | ast.Lambda)
            for name in bound(part)
        }
        for part in ast.walk(node):
            read = isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
            if read and part.id not in seen | inner and part.id not in wanted:
                wanted.append(part.id)
        seen |= set(bound(node))
    return wanted


def named_columns(cells):
    """Strings that the notebook uses as names of columns."""
    found = set()
    for _, _, tree in trees(cells):
        for node in ast.walk(tree):
            places = []
            if isinstance(node, ast.Subscript):
                places = [node.slice]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "drop":
                places = [*node.args, *[keyword.value for keyword in node.keywords if keyword.arg != "axis"]]
            for part in (part for place in places for part in ast.walk(place)):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    found.add(part.value)
    return found
