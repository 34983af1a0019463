"""A notebook as the classes of differences look at it: its text, and what Python's own parser makes of its cells."""

import ast
import json
import re
from functools import cached_property

MAGIC_LINE = re.compile(r"^(\s*)([%!].*|[\w.]+\?{1,2}\s*|[\w.]+\s*=\s*[%!].*)$")
# A line that goes on with the statement above, although it is not indented.
CONTINUED = re.compile(r"[\s)\]}]|(elif|else|except|finally)\b")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LATER = (*FUNCTIONS, ast.Lambda)


class Notebook:
    """One file of format 4 or 3; cells are numbered from 0 over all of them, lines from 1."""

    def __init__(self, text):
        try:
            content = json.loads(text)
        except ValueError:
            content = {}
        self.metadata = content.get("metadata") or {}
        sheets = content.get("worksheets", [])
        self.cells = content.get("cells") or [cell for sheet in sheets for cell in sheet.get("cells", [])]
        self._trees = {}

    @cached_property
    def sources(self):
        return ["".join(cell.get("source", cell.get("input", ""))) for cell in self.cells]

    @cached_property
    def code(self):
        """(cell, source) of the code cells, in their order."""
        return [(cell, self.sources[cell]) for cell, it in enumerate(self.cells) if it.get("cell_type") == "code"]

    @cached_property
    def lines(self):
        """(cell, line, text) of every line of code."""
        return [(cell, line, text) for cell, source in self.code for line, text in enumerate(source.split("\n"), 1)]

    def line(self, cell, line):
        lines = self.sources[cell].split("\n") if cell is not None and cell < len(self.cells) else []
        return lines[line - 1] if 0 < line <= len(lines) else ""

    def tags(self, cell):
        return (self.cells[cell].get("metadata") or {}).get("tags") or []

    def tree(self, cell):
        """The cell's syntax tree with its magics blanked, without the statements that Python refuses."""
        if cell not in self._trees:
            lines = [MAGIC_LINE.sub(r"\1pass", line) for line in self.sources[cell].split("\n")]
            self._trees[cell] = parsed(lines) or in_parts(lines)
        return self._trees[cell]

    def around(self, cell, line, kinds):
        """The nodes of these kinds that hold a line, from the outermost to the innermost."""
        nodes = (node for node in ast.walk(self.tree(cell)) if isinstance(node, kinds))
        return [node for node in nodes if first_line(node) <= line <= node.end_lineno]

    def function(self, cell, line):
        """The innermost function that holds a line."""
        return next(reversed(self.around(cell, line, FUNCTIONS)), None)

    def in_body(self, cell, line):
        """The line stands in what runs later: a function's or lambda's body."""
        return bool(self.around(cell, line, LATER))


def parsed(lines):
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return None


def in_parts(lines):
    """The statements of a cell that parse by themselves, each where it stands."""
    starts = [number for number, line in enumerate(lines) if line and not CONTINUED.match(line)]
    body = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        tree = parsed(lines[start:end])
        if tree:
            body += ast.increment_lineno(tree, start).body
    return ast.Module(body, [])


def first_line(node):
    """The first line of a node, its decorators included."""
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
