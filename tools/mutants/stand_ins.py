"""Places in real cells where operators put a fault, and stand-ins for what the cells around them would have given.

Many notebooks read files and services that are not there. A fault of flow (an error that is swallowed, a path that
ends without a value) is proven by executing the changed statement itself, with stand-ins for the names that it reads.
"""

import ast
import builtins
import textwrap

from common import Edit, trees

# Whatever is asked of it fails, as a file that is missing or a service that is down.
DOWN = """
class Down:
    def fails(self, *arguments, **keywords):
        raise {error}("down")
    __call__ = __getattr__ = __getitem__ = __iter__ = __len__ = __enter__ = __add__ = __str__ = __format__ = fails
    __radd__ = __mul__ = __rmul__ = __sub__ = __truediv__ = __eq__ = __lt__ = __gt__ = __contains__ = __bool__ = fails
"""
# Says no to every question, and otherwise gives itself.
NO = """
class No:
    def itself(self, *arguments, **keywords):
        return self
    def no(self, *arguments):
        return False
    def nothing(self):
        return iter(())
    __call__ = __getattr__ = __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = itself
    __truediv__ = __rtruediv__ = __mod__ = __enter__ = __neg__ = __pow__ = itself
    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = no
    __exit__ = __setitem__ = no
    __hash__ = object.__hash__
    __iter__ = nothing
    __len__ = __index__ = __int__ = lambda self: 0
"""


def text_of(source, node):
    """A statement's own lines, where it has them for itself and they are found once; else None."""
    lines = source.split("\n")[node.lineno - 1 : node.end_lineno]
    text = "\n".join(lines)
    begins = not lines[0][: node.col_offset].strip()
    ends = not lines[-1].encode()[node.end_col_offset :].decode().split("#")[0].strip()
    return text if begins and ends and source.count(text) == 1 and not long_text(node) else None


def long_text(node):
    """A text over several lines, which indenting would change."""
    return any(
        isinstance(inner, (ast.Constant, ast.JoinedStr)) and inner.end_lineno != inner.lineno
        for inner in ast.walk(node)
    )


def loaded(node):
    """Names that are read."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def bound(node):
    """Names that are bound."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return names | {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}


def free(node):
    """Names that the cells around must give."""
    return sorted(loaded(node) - bound(node) - set(dir(builtins)))


def stand_ins(names, kind):
    return "".join(f"{name} = {kind}()\n" for name in names)


def indented(text, by="    "):
    return textwrap.indent(text, by)


def attempt(text, handler):
    """`try:` around a statement, at its own indentation."""
    margin = text[: len(text) - len(text.lstrip())]
    return f"{margin}try:\n{indented(text)}\n" + indented(handler, margin)


def absent(cells, text):
    """No cell has this text: the report of a mutant is told from the original's by it."""
    return not any(text in source for _, source in cells)


def put(place, changed, at, check, said, before=""):
    """The changed statement in its cell, with what it needs above it. The check runs alone."""
    cell, _, _, text = place
    change = {"cell": cell, "replace": text, "with": changed}
    if before:
        change["prepend"] = before
    return Edit(change, at, cell, f"{before}\n{check}", said, cells=[])


def middle(found):
    """One of the places, neither the first nor the last."""
    return found[len(found) // 2] if found else None


def plain(cells):
    """Trees of cells that no magic reads as a whole."""
    return [place for place in trees(cells) if not place[1].lstrip().startswith("%%")]


def results(cells):
    """(cell, source, statement, text) of `name = call(…)` at the top of a cell, where a later cell reads the name."""
    parsed = plain(cells)
    read = [(index, loaded(tree)) for index, _, tree in parsed]
    found = []
    for index, source, tree in parsed:
        for node in tree.body:
            named = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            if not (named and isinstance(node.targets[0], ast.Name) and len(node.targets) == 1):
                continue
            name, text = node.targets[0].id, text_of(source, node)
            callee = loaded(node.value.func) - set(dir(builtins))
            later = any(other > index and name in names for other, names in read)
            if text and callee and later and name not in loaded(node):
                found.append((index, source, node, text))
    return found


def used_functions(cells):
    """(cell, source, function, text) of plain functions of which a call stands where its value counts."""
    parsed = plain(cells)
    counted = set()
    for _, _, tree in parsed:
        bare = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and id(node) not in bare:
                counted.add(node.func.id)
    found = []
    for index, source, tree in parsed:
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or node.decorator_list or node.name not in counted:
                continue
            inner = list(ast.walk(node))
            odd = (ast.Yield, ast.YieldFrom, ast.Lambda, ast.ClassDef, ast.Global, ast.Nonlocal, ast.Await)
            nested = sum(isinstance(n, ast.FunctionDef) for n in inner) > 1
            value = any(isinstance(n, ast.Return) and n.value for n in inner)
            text = text_of(source, node)
            if text and value and not nested and not any(isinstance(n, odd) for n in inner):
                found.append((index, source, node, text))
    return found


def loops(cells):
    """(cell, source, loop, text of its body) of loops whose body calls something of the notebook."""
    found = []
    for index, source, tree in plain(cells):
        for node in ast.walk(tree):
            if not isinstance(node, ast.For) or node.orelse:
                continue
            leaves = (ast.Break, ast.Continue, ast.Return, ast.Yield, ast.Await)
            inner = [n for statement in node.body for n in ast.walk(statement)]
            first, last = node.body[0], node.body[-1]
            lines = source.split("\n")[first.lineno - 1 : last.end_lineno]
            own_lines = first.lineno > node.lineno and not lines[0][: first.col_offset].strip()
            works = isinstance(first, (ast.Assign, ast.Expr)) and isinstance(first.value, ast.Call)
            text = "\n".join(lines)
            stays = not any(isinstance(n, leaves) for n in inner) and not long_text(node)
            if own_lines and works and stays and free(first) and source.count(text) == 1:
                found.append((index, source, node, text))
    return found


def body_of(source, function):
    """(the lines of the head with the docstring, the lines of the body) of a function; None without a body."""
    body = function.body
    skip = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    body = body[1:] if skip else body
    if not body or body[0].lineno == function.lineno:
        return None
    lines = source.split("\n")
    head = "\n".join(lines[function.lineno - 1 : body[0].lineno - 1])
    return head, "\n".join(lines[body[0].lineno - 1 : function.end_lineno])


def required(function):
    """How many arguments a call must give."""
    arguments = function.args
    return len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
