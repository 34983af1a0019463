"""Which files and lines are the notebook's: names of cells' code, and lines of a cell as its author wrote it."""

import sys
from os import environ, getpid

from IPython.core.compilerop import CachingCompiler
from nbvet_worker import cell_hash

# Bodies of these cell magics are compiled apart, without the magic's own line.
_BODIES = ("<timed exec>", "<timed eval>", "<magic-timeit>", "<string>")
_MAX_FRAMES = 5000


def file_name(code):
    """The name that a cell's code has in tracebacks and warnings: the one that ipykernel gives it."""
    given = environ.get("IPYKERNEL_CELL_NAME")
    if given is not None:
        return given
    number = cell_hash(code.encode("utf-8", "replace"))
    return "%s/ipykernel_%d/%d.py" % (environ.get("TMPDIR") or "/tmp", getpid(), number)


class Compiler(CachingCompiler):
    """Gives cells their file names."""

    def get_code_name(self, raw_code, code, number):
        return file_name(raw_code)


class Cell:
    """One cell's source, and the code that IPython made of it."""

    def __init__(self, index, source):
        self.index = index
        self.source = source
        self.transformed = None

    def line(self, number):
        """The line of the cell for a line of the code that IPython made of it."""
        written = self.source.split("\n")
        blank = 0
        while blank < len(written) - 1 and not written[blank].strip():
            blank += 1
        made = (self.transformed or self.source).rstrip("\n").split("\n")
        written = written[blank:]
        while len(written) > 1 and not written[-1].strip():
            written.pop()
        if len(made) != len(written) and not self.is_cell_magic():
            number = _aligned(written, made, number)
        return min(blank + number, blank + len(written))

    def is_cell_magic(self):
        return self.source.lstrip().startswith("%%")


class Cells:
    """The cells seen so far, and the one that runs."""

    def __init__(self):
        # By the name of their code.
        self.files = {}
        self.file = None
        self.current = Cell(None, "")

    @property
    def source(self):
        return self.current.source

    def begin(self, index, source):
        self.current = Cell(index, source)
        self.file = file_name(source)
        self.files[self.file] = self.current

    def line(self, number):
        """The line of the running cell for a line of the code that IPython made of it."""
        return self.current.line(number)

    def line_of_frame(self, frame):
        """The line of the running cell in its innermost frame, going outwards; None if it has none there."""
        for _ in range(_MAX_FRAMES):
            if frame is None:
                return None
            number = self._own_line(frame.f_code.co_filename, frame.f_lineno)
            if number is not None:
                return number
            frame = frame.f_back
        return None

    def place_of_error(self, error):
        """The cell that an exception passed through last, and its line there; None twice where that is none."""
        found = None, None
        trace = error.__traceback__
        while trace is not None:
            cell = self.files.get(trace.tb_frame.f_code.co_filename)
            if cell is not None:
                found = cell.index, cell.line(trace.tb_lineno)
            trace = trace.tb_next
        return found

    def line_of_error(self, error):
        """The line of the running cell that an exception passed through last."""
        found = None
        trace = error.__traceback__
        while trace is not None:
            number = self._own_line(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            found = number or found
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and type(error.lineno) is int:
            number = self._own_line(error.filename, error.lineno)
            if number is None and found is None and error.filename in (None, "<unknown>"):
                number = self.line(error.lineno)
            found = number or found
        return found

    def _own_line(self, file, number):
        if type(number) is not int or number < 1:
            return None
        if file == self.file:
            return self.line(number)
        if file in _BODIES and self.current.is_cell_magic():
            return self.line(number + 1)
        return None

    def caller(self):
        """The line of the running cell that called us, for code of ours that stands in for a library's."""
        return self.line_of_frame(sys._getframe(1))


def _aligned(written, made, number):
    """The written line for a line of the code made of it, where magics over several lines became shorter."""
    from difflib import SequenceMatcher

    result = number
    for block in SequenceMatcher(None, written, made, autojunk=False).get_matching_blocks():
        if block.b < number:
            result = number - block.b + block.a
    return result
