"""The named classes of differences. Each is a test on the notebook's text; the first that holds names the hit."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cells import FUNCTIONS

MAGICS = Path(__file__).resolve().parents[2] / "analyzer/engine/src/model/magics.rs"
# The magics that nbvet knows to bind nothing, or to bind what `is_bound_by_magic` looks for.
HARMLESS = set(re.findall(r'^    "([\w!]+)",$', MAGICS.read_text(encoding="utf-8"), re.MULTILINE))
HARMLESS |= {"capture", "debug", "python", "python3", "run", "store"}
EXEC = re.compile(
    r"\bexec(file)?\(|\binit_session\(|\b(globals|locals|vars)\(\)(\.update|\.setdefault|\[[^\]]*\]\s*=[^=])"
    r"|\bvar\(\s*['\"]|\b(get_ipython\(\)|ipython|ip|shell)\.(run_|magic|ex\(|push|safe_execfile)|\b__main__\.\w+\s*="
)
RUN = re.compile(r"\s*%run\s+(?:-\w\s+)*['\"]?([^'\"\s]+)")
LOOPS = (ast.For, ast.AsyncFor, ast.While)
LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)
CATCHING = {"NameError", "UnboundLocalError", "Exception", "BaseException"}
SWALLOWING = {"suppress", "raises", "assertRaises", "assertRaisesRegex", "ExpectException"}


@dataclass(frozen=True)
class Class:
    """A named reason why one linter tells what the other does not."""

    name: str
    # The linter that tells it: "ruff" or "nbvet".
    only: str
    # First codes of the rows it may stand in; none: of all.
    rows: tuple
    meaning: str
    # (run, notebook, hit) -> whether it holds.
    test: Callable


def is_unread(run, notebook, hit):
    """ruff asks for `language_info.name`, or else for the kernelspec's `language` where there is a kernelspec."""
    named = (notebook.metadata.get("language_info") or {}).get("name")
    kernel = notebook.metadata.get("kernelspec")
    return not named and kernel is not None and not kernel.get("language")


def is_silenced(run, notebook, hit):
    return hit.path in run.silenced


def is_told_once(run, notebook, hit):
    return (hit.path, hit.name) in run.told_names


def is_history(run, notebook, hit):
    """`_`, `__`, `_3`, `_i3`, `_oh` and their like: what IPython keeps of the cells above."""
    return bool(re.fullmatch(r"_(_{0,2}|i{1,3}|i?\d+|oh|dh|ih)", hit.name))


def is_bound_by_magic(run, notebook, hit):
    """`%%capture name`, `%%bigquery name`, `%store -r name`, `%sql name <<`, `-o name`, `--out name`."""
    name = re.escape(hit.name)
    binds = re.compile(
        rf"^\s*%%?(capture|bigquery|store\s+-r)\s(.*[\s,])?{name}(\s|$)|^\s*%%?sql\b.*\b{name}\s*<<"
        rf"|^\s*%%\w.*\s(-o|--out|--output|--err|--proc)[ =](\S*,)?{name}\b"
    )
    return any(binds.search(text) for _, _, text in notebook.lines)


def is_bound_in_magic_line(run, notebook, hit):
    """`%time name = …` runs in the notebook's namespace."""
    binds = re.compile(rf"^\s*%time\s+([\w\s,]*,\s*)?{re.escape(hit.name)}\s*(,[^=(]*)?=[^=]")
    return any(binds.search(text) for _, _, text in notebook.lines)


def is_guarded(run, notebook, hit):
    """Within a `try` that takes NameError, or the name is looked for in `globals()` or its like."""
    probe = re.compile(rf"['\"]{re.escape(hit.name)}['\"]\s+(not\s+)?in\s+(globals|locals|vars|dir)\(\)")
    if any(probe.search(text) for _, _, text in notebook.lines):
        return True
    return any(takes_name_error(node, hit.line) for node in notebook.around(hit.cell, hit.line, (ast.Try, ast.With)))


def takes_name_error(node, line):
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        return any(last_name(call.func) in SWALLOWING for call in calls)
    if not node.body[0].lineno <= line <= node.body[-1].end_lineno:
        return False
    kinds = [handler.type for handler in node.handlers]
    return any(kind is None or CATCHING & {last_name(it) for it in getattr(kind, "elts", [kind])} for kind in kinds)


def last_name(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)


def is_lazy_annotation(run, notebook, hit):
    future = re.compile(r"^\s*from\s+__future__\s+import\b.*\bannotations\b")
    if not any(future.search(text) for cell, _, text in notebook.lines if cell <= hit.cell):
        return False
    nodes = notebook.around(hit.cell, hit.line, (*FUNCTIONS, ast.arg, ast.AnnAssign))
    written = (getattr(node, "annotation", None) or getattr(node, "returns", None) for node in nodes)
    return any(re.search(rf"\b{re.escape(hit.name)}\b", ast.unparse(it)) for it in written if it)


def is_never_reached(run, notebook, hit):
    """A `return`, `raise` or their like stands before it in its block, or a `raise` at the top of a cell above."""
    above = (cell for cell, _ in notebook.code if cell <= hit.cell and not notebook.tags(cell))
    if any(ends_before(notebook.tree(cell).body, hit.line if cell == hit.cell else None) for cell in above):
        return True
    blocks = [
        block
        for node in notebook.around(hit.cell, hit.line, ast.stmt)
        for block in (getattr(node, part, []) for part in ("body", "orelse", "finalbody"))
    ]
    return any(holds(block, hit.line) and ends_before(block, hit.line) for block in blocks)


def holds(block, line):
    return bool(block) and block[0].lineno <= line <= block[-1].end_lineno


def ends_before(block, line):
    return any(isinstance(it, LEAVING) and (line is None or it.end_lineno < line) for it in block)


def is_deleted_later(run, notebook, hit):
    """In a body that runs later; the name is bound above, and a cell below it deletes it."""
    deletes = re.compile(rf"^\s*del\b.*\b{re.escape(hit.name)}\b")
    later = any(deletes.search(text) for cell, _, text in notebook.lines if cell > hit.cell)
    return later and notebook.in_body(hit.cell, hit.line)


def is_own_local(run, notebook, hit):
    """The function around it binds the name, but not before this use."""
    function = notebook.function(hit.cell, hit.line)
    bound = (node for node in ast.walk(function) if isinstance(node, ast.Name)) if function else []
    return any(node.id == hit.name and isinstance(node.ctx, ast.Store) for node in bound)


def opened_by(pattern):
    """A test: a line of this form stands above the hit; or anywhere, where the hit is in a body that runs later."""

    def test(run, notebook, hit):
        later = notebook.in_body(hit.cell, hit.line)
        places = ((cell, line) for cell, line, text in notebook.lines if pattern(text, line))
        return any(later or place <= (hit.cell, hit.line) for place in places)

    return test


def opened_by_run(there):
    """A test: a `%run` counts for the hit, and one of its files is there to be read, or none is."""

    def test(run, notebook, hit):
        beside = (run.folder / hit.path).parent
        later = notebook.in_body(hit.cell, hit.line)
        above = [
            found[1]
            for cell, line, text in notebook.lines
            if (found := RUN.match(text)) and (later or (cell, line) <= (hit.cell, hit.line))
        ]
        readable = any((beside / (name + ending)).is_file() for name in above for ending in ("", ".py", ".ipynb"))
        return bool(above) and readable == there

    return test


def matching(pattern):
    return lambda text, line: re.search(pattern, text)


def is_other_magic(text, line):
    magic = re.match(r"\s*(%%?)(\w+)", text)
    return bool(magic) and magic[2] not in HARMLESS and (magic[1] == "%" or line == 1)


def needs_name_at_call(run, notebook, hit):
    return hit.message.startswith("this call needs")


def is_lone_word(run, notebook, hit):
    return notebook.sources[hit.cell].strip() == hit.name


def ends_in(kinds):
    """A test: the last statement of the hit's function is one of these."""

    def test(run, notebook, hit):
        function = notebook.function(hit.cell, hit.line)
        return function is not None and isinstance(function.body[-1], kinds)

    return test


def says_none(run, notebook, hit):
    function = notebook.function(hit.cell, hit.line)
    returns = ast.unparse(function.returns) if function and function.returns else ""
    return bool(re.search(r"\bOptional\[|\bNone\b", returns))


def is_decorated(run, notebook, hit):
    function = notebook.function(hit.cell, hit.line)
    return function is not None and bool(function.decorator_list)


def handler_raises(run, notebook, hit):
    handlers = notebook.around(hit.cell, hit.line, ast.ExceptHandler)
    return bool(handlers) and isinstance(handlers[-1].body[-1], ast.Raise)


def is_status_read(run, notebook, hit):
    """`run(…).returncode`, or the name that the result gets is asked for it in some cell."""
    line = notebook.line(hit.cell, hit.line)
    name = re.match(r"\s*(\w+)\s*=", line)
    asked = rf"\b{name[1]}\.(returncode|check_returncode)\b" if name else r"\)\.returncode\b"
    return any(re.search(asked, text) for _, _, text in (notebook.lines if name else [(0, 0, line)]))


def line_has(pattern):
    return lambda run, notebook, hit: bool(re.search(pattern, notebook.line(hit.cell, hit.line)))


# fmt: off
CLASSES = [
    Class("language-not-said", "nbvet", (),
          "The notebook's metadata names a kernel but no language, as Colab writes it. ruff leaves such a notebook out "
          "and says `All checks passed!`.", is_unread),
    Class("silenced", "nbvet", (),
          "One cell that ruff cannot parse turns these rules off for the whole notebook. nbvet tells that cell "
          "(NB924) where IPython refuses it too, and judges the others.", is_silenced),
    Class("raises-again", "ruff", ("E722",),
          "The handler raises: no error is lost in it.", handler_raises),
    Class("told-once", "ruff", ("F821",),
          "nbvet tells a name once a notebook with the number of its uses, ruff tells each use.", is_told_once),
    Class("output-history", "ruff", ("F821",),
          "`_`, `_3`, `_i`: IPython keeps the results of the cells above under these names.", is_history),
    Class("bound-by-magic", "ruff", ("F821",),
          "A magic binds the name: `%%capture name`, `%store -r name`, `%%bigquery name`.", is_bound_by_magic),
    Class("bound-in-magic-line", "ruff", ("F821",),
          "`%time name = value` binds the name; ruff does not read what stands behind a magic.",
          is_bound_in_magic_line),
    Class("guarded", "ruff", ("F821",),
          "The notebook knows that the name may be missing: a `try` that takes NameError, `'name' in globals()`.",
          is_guarded),
    Class("lazy-annotation", "ruff", ("F821",),
          "The name stands in an annotation, and `from __future__ import annotations` in a cell above: nothing "
          "evaluates it.", is_lazy_annotation),
    Class("run-read", "ruff", ("F821",),
          "`%run file` binds the name: nbvet reads the file that is run.", opened_by_run(True)),
    Class("run-absent", "ruff", ("F821",),
          "`%run file` stands above, and the file is not there to be read: it may bind the name.",
          opened_by_run(False)),
    Class("stored-variables", "ruff", ("F821",),
          "`%store -r` above brings back whatever was stored.", opened_by(matching(r"^\s*%store\s+-r\s*$"))),
    Class("other-magic", "ruff", ("F821",),
          "A magic above may bind any name: `%pylab`, those of extensions.", opened_by(is_other_magic)),
    Class("exec", "ruff", ("F821",),
          "`exec`, `globals()[…] = …` or a call of IPython's own machinery may bind the name.",
          opened_by(lambda text, line: EXEC.search(text))),
    Class("never-reached", "ruff", ("F821",),
          "A `return` or `raise` stands before the use: the line does not run.", is_never_reached),
    Class("deleted-later", "ruff", ("F821",),
          "A function's body uses a name that is there when it is called; a later cell deletes it. ruff judges the "
          "body by the end of the notebook.", is_deleted_later),
    Class("own-local", "ruff", ("F821",),
          "The function binds the name itself, below the use or in a loop. nbvet has no rule on that yet.",
          is_own_local),
    Class("needed-by-call", "nbvet", ("F821",),
          "A call runs a function that needs a name which only a later cell defines.", needs_name_at_call),
    Class("lone-magic-word", "nbvet", ("F821",),
          "The cell is one word that is also a magic's name. ruff leaves it out; nbvet tells the missing name.",
          is_lone_word),
    Class("says-none", "ruff", ("RET503",),
          "The annotation says that None may come: `Optional[…]`, `… | None`.", says_none),
    Class("search-loop", "ruff", ("RET503",),
          "The function ends in a loop that returns what it finds. nbvet leaves it alone: that it gives None where "
          "nothing is found is mostly meant, or cannot happen.", ends_in(LOOPS)),
    Class("decorated", "ruff", ("RET503",),
          "The function is decorated: what a caller gets is for the decorator to say.", is_decorated),
    Class("handler-falls-off", "nbvet", ("RET503",),
          "An exception handler leads to the function's end; ruff does not look at `try`.", ends_in(ast.Try)),
    Class("match-falls-off", "nbvet", ("RET503",),
          "A `match` without a case for everything else ends the function; ruff does not look at `match`.",
          ends_in(ast.Match)),
    Class("status-read", "ruff", ("PLW1510",),
          "The notebook asks for the `returncode`: somebody looks whether the command failed.", is_status_read),
    Class("command-shows", "ruff", ("PLW1510",),
          "The command only shows something, such as a version; nothing is left undone where it fails.",
          line_has(r"['\"\s](--version|-V|version|echo|ls|pwd|which)['\"\s]")),
    Class("session", "nbvet", ("S113",),
          "The request goes through a `requests.Session`, which has no time limit of its own either.",
          line_has(r"\b(?!requests\b)\w+\.(get|post|put|patch|delete|head|options|request)\(")),
    Class("identity", "ruff", ("PLW0177",),
          "`is np.nan` asks for the very object, which may be meant; nbvet tells `==` and `!=`.",
          line_has(r"\bis\s+(not\s+)?[\w.]*\bnan\b")),
    Class("nan-with-itself", "ruff", ("PLW0177",),
          "`np.nan == np.nan` shows how NaN behaves.", line_has(r"\bnan\s*[!=]=\s*[\w.]*\bnan\b")),
]
# fmt: on


def class_of(run, rule, only, hit):
    """The first class that takes the hit; None where none does."""
    notebook = run.notebook(hit.path)
    fitting = (it for it in CLASSES if it.only == only and (not it.rows or rule.ruff[0] in it.rows))
    return next((it for it in fitting if it.test(run, notebook, hit)), None)
