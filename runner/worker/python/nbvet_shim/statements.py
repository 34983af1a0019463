"""What the statements of a cell bind, as far as their text says."""

import ast

# Values looked at between the statements of one cell.
_MAX_REPLACED = 20
# Nodes of one statement that are read.
_MAX_NODES = 2000


def replaced(nodes):
    """For the position of a statement, the names that it binds anew or changes in place after an earlier statement
    of the cell did: what they hold just before is seen at no other time."""
    changed, found, left = set(), {}, _MAX_REPLACED
    for position, node in enumerate(nodes):
        bound, others = _changes(node)
        again = [name for name in bound if name in changed][:left]
        if again:
            found[position] = again
            left -= len(again)
        changed.update(bound, others)
    return found


def _changes(node):
    """Names that a statement binds as a whole or changes in place, and those that it may change otherwise."""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = [part for target in targets for part in getattr(target, "elts", [target])]
        whole = [part.id for part in parts if isinstance(part, ast.Name)]
        return whole, [name for name in map(_root, parts) if name is not None]
    if isinstance(node, ast.Expr):
        call = node.value
        inplace = isinstance(call, ast.Call) and any(word.arg == "inplace" for word in call.keywords)
        name = _root(call.func) if inplace else None
        return ([name] if name else []), []
    return [], _stored(node)


def _root(node):
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _stored(node):
    found = []
    for number, part in enumerate(ast.walk(node)):
        if number > _MAX_NODES:
            break
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.append(part.id)
        elif isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.ctx, ast.Store):
            found.append(_root(part))
    return found
