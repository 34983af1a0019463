"""`%%bash`, `%%sh` and `%%script` cells: their status, and commands of bash that failed before the last one."""

import os
import re
import shlex

_TRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "trap.bash")
_SCRIPTS = re.compile(r"%%(script|bash|sh|system|sx|python|python2|python3|pypy|perl|ruby)\b|run_cell_magic")
_SHELLS = ("bash",)
_MAX_REPORT = 1 << 20


class ScriptCell:
    """Wraps IPython's script magics."""

    def __init__(self, commands):
        self._commands = commands
        self._session = commands.session
        self._cells = commands.cells
        self._installed = False

    def install(self, shell, source):
        """Take the place of the magic, for `%%script` and for those made of it, once a cell could use it:
        newer IPythons load it only then."""
        if self._installed or _SCRIPTS.search(source) is None:
            return
        try:
            magics = shell.magics_manager.registry["ScriptMagics"]
        except KeyError:
            return
        self._installed = True
        original = magics.shebang

        def shebang(line, cell):
            return self._run(original, line, cell)

        shebang.parser = original.parser
        shebang.__doc__ = original.__doc__
        magics.shebang = shebang
        shell.magics_manager.magics["cell"]["script"] = shebang

    def _run(self, original, line, cell):
        import asyncio

        create = asyncio.create_subprocess_exec
        started = []
        report = _Report() if _is_bash(line) else None

        async def watched(*command, **keywords):
            if report is not None:
                keywords["env"] = report.environment(not self._commands.executes_installs and "install" in cell)
            process = await create(*command, **keywords)
            started.append(process)
            return process

        asyncio.create_subprocess_exec = watched
        try:
            return original(line, cell)
        finally:
            asyncio.create_subprocess_exec = create
            if started and started[0].returncode is not None:
                self._tell(started[0].returncode, report)
            if report is not None:
                report.close()

    def _tell(self, status, report):
        first = self._cells.source.lstrip().split("\n", 1)[0].strip()
        failed = []
        for entry in () if report is None else report.entries():
            if entry[0] == "install":
                self._commands.is_forbidden_install(entry[1], " ".join(entry[1]))
            else:
                failed.append(entry[1:])
        last = failed.pop() if status != 0 and failed and failed[-1][0] == status else None
        for code, number, command in failed:
            self._session.command("script-cell", command, code, self._line(number), True)
        if last is None:
            self._session.command("script-cell", first, status, self._cells.caller(), False)
        else:
            self._session.command("script-cell", last[2], status, self._line(last[1]), False)

    def _line(self, number):
        """The script begins on the line after the magic's."""
        return self._cells.line(number + 1)


class _Report:
    """A file in memory that bash appends to; it leaves nothing behind."""

    def __init__(self):
        self._file = os.memfd_create("nbvet") if hasattr(os, "memfd_create") else None

    def environment(self, catches_installs):
        environment = dict(os.environ)
        if self._file is None:
            return environment
        if "BASH_ENV" in environment:
            environment["NBVET_BASH_ENV"] = environment["BASH_ENV"]
        environment["BASH_ENV"] = _TRAP
        environment["NBVET_REPORT"] = "/proc/%d/fd/%d" % (os.getpid(), self._file)
        if catches_installs:
            environment["NBVET_INSTALLS"] = "1"
        return environment

    def entries(self):
        """(`failed`, status, line, command) and (`install`, words), in order."""
        if self._file is None:
            return
        size = min(os.fstat(self._file).st_size, _MAX_REPORT)
        parts = iter(os.pread(self._file, size, 0).decode("utf-8", "replace").split("\0"))
        try:
            for kind in parts:
                if kind == "E":
                    yield ("failed", int(next(parts)), int(next(parts)), next(parts))
                elif kind == "I":
                    yield ("install", [next(parts) for _ in range(int(next(parts)))])
        except (StopIteration, RuntimeError, ValueError):
            # Cut off at the limit, or written to by the script itself.
            return

    def close(self):
        if self._file is not None:
            os.close(self._file)


def _is_bash(line):
    try:
        words = shlex.split(line)
    except ValueError:
        return False
    return any(os.path.basename(word) in _SHELLS for word in words[:6])
