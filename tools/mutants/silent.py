"""Faults that let errors pass unheard, put into clean notebooks mechanically."""

import ast
import textwrap

from common import Edit, trees
from stand_ins import (
    DOWN,
    NO,
    absent,
    attempt,
    body_of,
    free,
    indented,
    loops,
    middle,
    required,
    results,
    stand_ins,
    used_functions,
)


def put(place, changed, at, check, said, before=""):
    """The changed statement in its cell, with what it needs above it. The check runs alone."""
    cell, _, _, text = place
    change = {"cell": cell, "replace": text, "with": changed}
    if before:
        change["prepend"] = before
    return Edit(change, at, cell, f"{before}\n{check}", said, cells=[])


def down(names, error="ConnectionError"):
    return f"{DOWN.format(error=error)}\n{stand_ins(names, 'Down')}"


def swallowed(cells, handler, at, check, before="", error="ConnectionError"):
    """A handler put around a call of the notebook whose result a later cell reads."""
    place = middle(results(cells)) if absent(cells, at) else None
    if not place:
        return None
    _, _, node, text = place
    name = node.targets[0].id
    changed = attempt(text, handler.format(name=name))
    check = f"{down(free(node), error)}{changed}\n{check.format(name=name)}"
    said = "executed with stand-ins: the call fails, the cell goes on, and nothing says so"
    return put(place, changed, at, check, said, before)


def swallowed_in_loop(cells, handler, at, before="", error="ConnectionError"):
    """A handler put around the body of a loop of the notebook."""
    place = middle(loops(cells)) if absent(cells, at) else None
    if not place:
        return None
    _, _, node, text = place
    changed = attempt(text, handler)
    names = sorted(set().union(*(free(statement) for statement in node.body)))
    looped = f"for turn in range(3):\n{indented(textwrap.dedent(changed))}\nassert turn == 2"
    said = "executed with stand-ins: each round fails, and the loop goes on to its end"
    return put(place, changed, at, down(names, error) + looped, said, before)


def swallowed_in_function(cells, handler, at, gives="None", before=""):
    """A handler put around the body of a function of the notebook whose value is used."""
    functions = [f for f in used_functions(cells) if body_of(f[1], f[2])] if absent(cells, at) else []
    place = middle([f for f in functions if calls_first(f[2])])
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    changed = f"{head}\n{attempt(body, handler)}"
    said = f"executed with stand-ins: what the function works on fails, and its caller gets {gives}"
    return put(place, changed, at, called(node, changed, gives), said, before)


def called(function, changed, gives, kind="Down"):
    """A check: the changed function, called with stand-ins, gives this."""
    names = stand_ins(free(function), kind)
    kinds = DOWN.format(error="ConnectionError") if kind == "Down" else NO
    arguments = ", ".join([f"{kind}()"] * required(function))
    return f"{kinds}\n{names}{changed}\ngiven = {function.name}({arguments})\nassert given == {gives}, given"


def calls_first(function):
    """Its first statement calls something: a stand-in makes it fail."""
    first = next(n for n in function.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)))
    works = isinstance(first, (ast.Assign, ast.Expr, ast.Return))
    return works and any(isinstance(n, ast.Call) for n in ast.walk(first))


def bare_noted(cells):
    handler = 'except:\n    missing.append("{name}")'
    check = "assert missing == ['{name}']"
    return swallowed(cells, handler, "except:", check, before="missing = []", error="KeyboardInterrupt")


def bare_count(cells):
    return swallowed_in_loop(
        cells, "except:\n    failed_rounds += 1", "except:", "failed_rounds = 0", "KeyboardInterrupt"
    )


def result_passed(cells):
    return swallowed(cells, "except Exception:\n    pass", "except Exception:", "assert '{name}' not in globals()")


def round_skipped(cells):
    return swallowed_in_loop(cells, "except:\n    continue", "except:")


def result_printed(cells):
    handler = 'except Exception as problem:\n    print("step failed:", problem)'
    return swallowed(cells, handler, "except Exception as problem:", "assert '{name}' not in globals()")


def function_logs(cells):
    handler = 'except Exception:\n    logging.exception("failed")'
    return swallowed_in_function(cells, handler, "except Exception:", before="import logging")


def result_defaulted(cells):
    return swallowed(cells, "except Exception:\n    {name} = None", "except Exception:", "assert {name} is None")


def function_defaults(cells):
    return swallowed_in_function(cells, "except:\n    return []", "except:", "[]")


def result_suppressed(cells):
    place = middle(results(cells)) if absent(cells, "suppress(") else None
    if not place:
        return None
    _, _, node, text = place
    name = node.targets[0].id
    changed = f"with contextlib.suppress(Exception):\n{indented(text)}"
    check = f"{down(free(node))}{changed}\nassert '{name}' not in globals()"
    said = "executed with stand-ins: the call fails, the cell goes on, and nothing says so"
    return put(place, changed, "suppress(", check, said, "import contextlib")


def rounds_suppressed(cells):
    place = middle(loops(cells)) if absent(cells, "suppress(") else None
    if not place:
        return None
    _, _, node, text = place
    margin = text[: len(text) - len(text.lstrip())]
    changed = f"{margin}with suppress(BaseException):\n{indented(text)}"
    names = sorted(set().union(*(free(statement) for statement in node.body)))
    looped = f"for turn in range(3):\n{indented(textwrap.dedent(changed))}\nassert turn == 2"
    check = down(names, "KeyboardInterrupt") + looped
    said = "executed with stand-ins: each round fails, and the loop goes on to its end"
    return put(place, changed, "suppress(BaseException)", check, said, "from contextlib import suppress")


def returned_in_finally(cells):
    """`return value` of a function moved into a `finally`."""
    functions = [f for f in used_functions(cells) if body_of(f[1], f[2]) and calls_first(f[2])]
    functions = [f for f in functions if isinstance(f[2].body[-1], ast.Return) and f[2].body[-1].value]
    place = middle([f for f in functions if len(f[2].body) > 2])
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    margin = body[: len(body) - len(body.lstrip())]
    above, value = indented(body).rsplit("return ", 1)
    changed = (
        f"{head}\n{margin}outcome = None\n{margin}try:\n{above}outcome = {value}\n"
        f"{margin}finally:\n{margin}    return outcome"
    )
    said = "executed with stand-ins: what the function works on fails, and its caller gets None"
    return put(place, changed, "return outcome", called(node, changed, "None"), said)


def continued_in_finally(cells):
    return swallowed_in_loop(cells, "finally:\n    rounds_done += 1\n    continue", "continue", "rounds_done = 0")


def guarded_body(cells):
    """A function's body put under a condition, without anything for the other case."""
    functions = [f for f in used_functions(cells) if required(f[2]) and isinstance(f[2].body[-1], ast.Return)]
    place = middle([f for f in functions if body_of(f[1], f[2])])
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    parameter = (node.args.posonlyargs + node.args.args)[0].arg
    margin = body[: len(body) - len(body.lstrip())]
    changed = f"{head}\n{margin}if {parameter}:\n{indented(body)}"
    said = "executed with stand-ins: a call whose value is used gives None"
    return put(place, changed, f"def {node.name}", called(node, changed, "None", "No"), said)


def last_return_lost(cells):
    """`if …: return a` and then `return b`, without the last line."""
    for place in used_functions(cells):
        _, _, node, text = place
        if len(node.body) < 2 or not isinstance(node.body[-1], ast.Return) or not node.body[-1].value:
            continue
        test = node.body[-2]
        returns = isinstance(test, ast.If) and isinstance(test.body[-1], ast.Return) and test.body[-1].value
        lines = text.split("\n")
        last = node.end_lineno - node.body[-1].lineno + 1
        if returns and len(lines) > last:
            changed = "\n".join(lines[:-last]).rstrip()
            said = "executed with stand-ins: a call whose value is used gives None"
            return put(place, changed, f"def {node.name}", called(node, changed, "None", "No"), said)
    return None


UNHEARD = """
import warnings as _w
with _w.catch_warnings(record=True) as heard:
    _w.warn("mean of empty slice", RuntimeWarning)
assert not heard, heard
"""
HEARD = "import warnings\nwarnings.resetwarnings()\nwarnings.simplefilter('default')"


def warnings_off(cells, lines, at):
    """All warnings switched off in the first cell that imports something."""
    if not absent(cells, "warnings"):
        return None
    for index, _, tree in trees(cells):
        if any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body):
            said = "executed: a RuntimeWarning that was heard before is heard no more"
            change = {"cell": index, "prepend": lines}
            return Edit(change, at, index, lines + UNHEARD, said, cells=[], before=HEARD)
    return None


def filtered(cells):
    return warnings_off(cells, "import warnings\nwarnings.filterwarnings('ignore')", "filterwarnings('ignore')")


def filtered_simply(cells):
    lines = 'from warnings import simplefilter\nsimplefilter(action="ignore", category=Warning)'
    return warnings_off(cells, lines, "simplefilter(action")


def filtered_all(cells):
    return warnings_off(cells, 'import warnings as w\nw.simplefilter("ignore")', 'w.simplefilter("ignore")')


def read_files(cells):
    """(cell, source, statement, text, path) of `name = pd.read_csv("folder/file.csv")` and its like."""
    found = []
    for index, source, node, text in results(cells):
        callee, arguments = node.value.func, node.value.args
        reads = isinstance(callee, ast.Attribute) and callee.attr.startswith("read_")
        literal = arguments and isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str)
        path = arguments[0].value if literal else ""
        if reads and literal and "://" not in path and not any(sign in path for sign in " {}$'\"\\\n:"):
            found.append((index, source, node, text, path))
    return found


def command_before_read(cells, command, at):
    """A `!command` that gets the file which the next line reads; it fails here."""
    place = middle(read_files(cells)) if absent(cells, at) else None
    if not place:
        return None
    *place, path = place
    command = command.format(path=path, name=path.rsplit("/", 1)[-1])
    check = f"!{command}\nassert _exit_code != 0\nimport os\nassert not os.path.exists({path!r})"
    said = "executed: the command fails, the cell goes on, and the file that is read next is not there"
    return put(place, f"!{command}\n{place[3]}", at, check, said)


def downloaded(cells):
    return command_before_read(
        cells, "wget -q http://localhost:9/{name} -O {path}.part && mv {path}.part {path}", "!wget"
    )


def unpacked(cells):
    return command_before_read(cells, "tar -xzf {name}.tar.gz", "!tar")


def converted(cells):
    return command_before_read(cells, "python prepare.py --out {path}", "!python prepare.py")


OPERATORS = {
    "NB201": [bare_noted, bare_count],
    "NB202": [result_passed, round_skipped],
    "NB203": [result_printed, function_logs],
    "NB204": [result_defaulted, function_defaults],
    "NB205": [guarded_body, last_return_lost],
    "NB206": [filtered, filtered_simply, filtered_all],
    "NB207": [downloaded, unpacked, converted],
    "NB217": [result_suppressed, rounds_suppressed],
    "NB218": [returned_in_finally, continued_in_finally],
}
