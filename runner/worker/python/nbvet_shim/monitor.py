"""Exceptions that the notebook's own handlers took, assertions that it reached, and what its annotated functions
return, seen by `sys.monitoring` (Python 3.12 and newer). Only code of cells is looked at, and no exception is kept alive."""

import ast
import builtins
import sys
import types

from nbvet_shim.watch import plain

# No tool of the standard library's list has this number.
_TOOL = 4
_MAX_KINDS = 500
_MAX_PENDING = 64
_MAX_FRAMES = 2000
_MAX_ASSERTIONS = 1000
_MAX_NODES = 20_000
# Of generators, coroutines and asynchronous generators.
_GENERATORS = 0x20 | 0x80 | 0x200
_NO_FAULT = (StopIteration, StopAsyncIteration, GeneratorExit, KeyboardInterrupt, SystemExit)
_PLAIN = (str, bytes, int, float, bool, type(None))
_BUILTINS = tuple(kind for kind in vars(builtins).values() if isinstance(kind, type))
# Read past whatever a class of the notebook puts in their place.
_context = BaseException.__context__.__get__
_traceback = BaseException.__traceback__.__get__
_mro = type.__dict__["__mro__"].__get__
_name = type.__dict__["__name__"].__get__
_attributes = type.__dict__["__dict__"].__get__


class Monitor:
    """What was seen in the running cell."""

    def __init__(self, session, cells):
        self._session = session
        self._cells = cells
        # By code's file, handler's offset and class of exception: how often, and the first of them.
        self._swallowed = {}
        # The last ones that a handler took: it may yet raise again.
        self._pending = []
        # By code's file and line: the first line of the assertion there, until that line is reached.
        self._waiting = {}
        # By cell: lines of assertions that are watched since this cell, and that it reached.
        self._watched, self._reached = {}, {}
        self._monitoring = getattr(sys, "monitoring", None)
        if self._monitoring is None or self._monitoring.get_tool(_TOOL) is not None:
            self._monitoring = None
            return
        self._install()

    def _install(self):
        monitoring = self._monitoring
        events = monitoring.events
        monitoring.use_tool_id(_TOOL, "nbvet")
        monitoring.register_callback(_TOOL, events.EXCEPTION_HANDLED, self._handled)
        monitoring.register_callback(_TOOL, events.RERAISE, self._raised_again)
        monitoring.register_callback(_TOOL, events.RAISE, self._raised)
        monitoring.register_callback(_TOOL, events.LINE, self._line)
        monitoring.register_callback(_TOOL, events.PY_RETURN, self._returned)
        monitoring.set_events(_TOOL, events.EXCEPTION_HANDLED | events.RERAISE | events.RAISE)

    def _handled(self, code, offset, error):
        if code.co_filename not in self._cells.files or isinstance(error, _NO_FAULT):
            return
        # Not by the code itself, whose hash reads all its instructions.
        key = (id(code), offset, type(error))
        known = self._swallowed.get(key)
        if known is not None:
            known[0] += 1
        elif len(self._swallowed) < _MAX_KINDS:
            self._swallowed[key] = [1, code, _text(error), _line_of(error, code)]
        else:
            return
        if len(self._pending) == _MAX_PENDING:
            del self._pending[0]
        self._pending.append((id(error), key))

    def _raised_again(self, code, _offset, error):
        if self._pending:
            self._not_swallowed(code, error)

    def _raised(self, code, _offset, error):
        # `raise Another(…) from error` in the handler.
        if self._pending:
            self._not_swallowed(code, _context(error))

    def _not_swallowed(self, code, error):
        for place in range(len(self._pending) - 1, -1, -1):
            number, key = self._pending[place]
            if number == id(error) and key[0] == id(code):
                del self._pending[place]
                known = self._swallowed.get(key)
                if known is not None:
                    known[0] -= 1
                return

    def begin(self, code, statement):
        """A statement of the cell is about to run: watch the assertions in it."""
        if self._monitoring is None or code.co_filename not in self._cells.files:
            return
        lines, annotated = {}, {}
        for number, node in enumerate(ast.walk(statement)):
            if isinstance(node, ast.Assert):
                lines.update(dict.fromkeys(range(node.lineno, node.test.end_lineno + 1), node.lineno))
            elif isinstance(node, ast.FunctionDef) and node.returns is not None and not node.decorator_list:
                annotated[node.name, node.lineno] = node.lineno
            if number > _MAX_NODES or len(lines) + len(annotated) > _MAX_ASSERTIONS:
                return
        if lines or annotated:
            self._watch(code, lines, annotated)

    def _watch(self, code, lines, annotated):
        """Ask for the lines of the codes that hold these lines, and for the returns of these functions: each is told once."""
        file, events = code.co_filename, self._monitoring.events
        codes = [code]
        for part in codes:
            codes.extend(inner for inner in part.co_consts if isinstance(inner, types.CodeType))
            held = {line for _, _, line in part.co_lines() if line in lines}
            returns = (part.co_name, part.co_firstlineno) in annotated and not part.co_flags & _GENERATORS
            wanted = events.LINE * bool(held) | events.PY_RETURN * returns
            if wanted:
                self._monitoring.set_local_events(_TOOL, part, wanted)
            if held:
                self._waiting.update(((file, line), lines[line]) for line in held)
                self._watched.setdefault(file, set()).update(lines[line] for line in held)

    def _line(self, code, line):
        first = self._waiting.pop((code.co_filename, line), None)
        if first is not None:
            self._reached.setdefault(code.co_filename, set()).add(first)
        return self._monitoring.DISABLE

    def _returned(self, code, _offset, value):
        cell = self._cells.files.get(code.co_filename)
        if cell is not None and cell.index is not None and not cell.is_cell_magic():
            self._session.returned(cell.index, cell.line(code.co_firstlineno), code.co_name, value)
        return self._monitoring.DISABLE

    def _tell_assertions(self):
        watched, reached = self._watched, self._reached
        self._watched, self._reached = {}, {}
        for file in watched.keys() | reached.keys():
            cell = self._cells.files.get(file)
            if cell is not None and cell.index is not None and not cell.is_cell_magic():
                both = (sorted(map(cell.line, lines.get(file, ()))) for lines in (watched, reached))
                self._session.assertions(cell.index, *both)

    def tell(self):
        """The cell is over."""
        self._tell_assertions()
        swallowed, self._swallowed, self._pending = self._swallowed, {}, []
        for (_, offset, kind), (count, code, text, raised) in swallowed.items():
            cell = self._cells.files.get(code.co_filename)
            line = _line_after(code, offset)
            if count < 1 or cell is None or cell.index is None or line is None or cell.is_cell_magic():
                continue
            names = [plain(_name(base)) for base in _mro(kind)]
            raised = None if raised is None else cell.line(raised)
            self._session.swallowed(cell.index, cell.line(line), raised, names[:20], text, count)


def _line_after(code, offset):
    """The line of a handler: its first instruction has none, the next one is of the `except`."""
    for _start, end, line in code.co_lines():
        if end > offset and line is not None:
            return line
    return None


def _line_of(error, code):
    """The line of this code at which the exception came."""
    trace = _traceback(error)
    for _ in range(_MAX_FRAMES):
        if trace is None:
            return None
        if trace.tb_frame.f_code is code:
            return trace.tb_lineno
        trace = trace.tb_next
    return None


def _text(error):
    """`str(error)`, where that runs none of the notebook's code."""
    own = [base for base in _mro(type(error)) if "__str__" in _attributes(base)]
    if own[0] not in _BUILTINS or not all(type(part) in _PLAIN for part in BaseException.args.__get__(error)):
        return None
    try:
        return plain(str(error)[:500])
    except Exception:
        return None
