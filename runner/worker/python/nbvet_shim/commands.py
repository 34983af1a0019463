"""Commands that the notebook starts: their status is told, and requests to install are answered by policy."""

import functools
import os
import shlex
import subprocess
import sys

from IPython.core import interactiveshell
from IPython.utils.text import LSString, SList

from nbvet_shim.script import ScriptCell

_NOTHING = ["/bin/sh", "-c", ":"]


class Commands:
    """Stands in for the functions that start commands."""

    def __init__(self, session, cells, policy):
        self.session = session
        self.cells = cells
        self.executes_installs = policy == "run"
        # The `!` command whose output is being captured.
        self._captured = None

    def install(self):
        """Take the places of what starts commands."""
        self._wrap_os_system()
        self._wrap_popen()
        self._script = ScriptCell(self)

    def begin(self, shell, source):
        """A cell begins."""
        self._captured = None
        self._script.install(shell, source)

    # `!command` and `x = !command`

    def system(self, shell, written, expanded):
        """Run a command as IPython does, its output through a pseudo-terminal."""
        if written.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        written = self._written(written)
        rest = self.without_installs(expanded, written)
        if not rest.strip(" \t\n:;&|"):
            shell.user_ns["_exit_code"] = 0
            return
        status = interactiveshell.system(rest)
        shell.user_ns["_exit_code"] = status
        self.session.command("shell", written, status, self.cells.caller(), False)
        if getattr(shell, "system_raise_on_error", False) and status != 0:
            raise subprocess.CalledProcessError(status, written)

    def getoutput(self, shell, written, expanded, split):
        """Run a command and give its output."""
        if written.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        expanded = self.without_installs(expanded, self._written(written))
        self._captured = written
        try:
            output = interactiveshell.getoutput(expanded)
        finally:
            self._captured = None
        return SList(output.splitlines()) if split else LSString(output)

    def _written(self, command):
        """The line of the cell, where the command is a line of its own: `%pip …` rather than what it became."""
        line = self.cells.caller()
        lines = self.cells.source.split("\n")
        text = lines[line - 1].strip() if line and line <= len(lines) else ""
        return text if text.startswith(("!", "%")) and "install" in text else command

    # Requests to install

    def without_installs(self, command, written=None):
        """The command line with what the policy forbids taken out, said and recorded."""
        if "install" not in command:
            return command
        written = command if written is None else written
        found = self.session.installs(written, command, self.executes_installs, self.cells.caller())
        if found is None or self.executes_installs:
            return command
        rest, missing = found
        self.say(written, [name for names in missing for name in names])
        return rest

    def is_forbidden_install(self, words, written=None):
        """The words are a request to install that the policy forbids; it is said and recorded."""
        words = [os.fsdecode(word) if isinstance(word, (bytes, os.PathLike)) else str(word) for word in words]
        if "install" not in words:
            return False
        written = shlex.join(words) if written is None else written
        missing = self.session.installs_words(written, words, self.executes_installs, self.cells.caller())
        if missing is None or self.executes_installs:
            return False
        self.say(written, missing)
        return True

    def say(self, command, missing):
        """Tell in the cell's output what was not executed."""
        if missing:
            text = "nbvet: not executed: %s (not in the environment: %s)\n" % (command, ", ".join(missing))
        else:
            text = "nbvet: already satisfied, not executed: %s\n" % command
        self.session.write(1, text)

    # The os and subprocess modules

    def _wrap_os_system(self):
        original = os.system

        def system(command):
            text = os.fsdecode(command) if isinstance(command, (bytes, str)) else command
            status = original(self.without_installs(text) if isinstance(text, str) else text)
            if isinstance(text, str):
                code = os.waitstatus_to_exitcode(status)
                self.session.command("os-system", text, code, self.cells.caller(), False)
            return status

        system.__doc__ = original.__doc__
        os.system = system

    def _wrap_popen(self):
        popen = subprocess.Popen
        start, ended = popen.__init__, popen._handle_exitstatus

        @functools.wraps(start)
        def __init__(process, args, *rest, **keywords):
            start(process, self._allowed(args), *rest, **keywords)

        def _handle_exitstatus(process, *args, **keywords):
            ended(process, *args, **keywords)
            self._reaped(process)

        popen.__init__ = __init__
        popen._handle_exitstatus = _handle_exitstatus

    def _allowed(self, args):
        if isinstance(args, str):
            return self.without_installs(args)
        if isinstance(args, (list, tuple)) and "install" in args and self.is_forbidden_install(args):
            return _NOTHING
        return args

    def _reaped(self, process):
        """A child's status became known: it counts where the notebook itself waited for it."""
        if process.returncode is None or self.session.forked:
            return
        line = self.cells.caller()
        if self._captured is not None:
            written, self._captured = self._captured, None
            self.session.command("shell", written, process.returncode, line, False)
        elif _asker(sys._getframe(1)) in self.cells.files:
            self.session.command("subprocess", _shown(process.args), process.returncode, line, False)


def _asker(frame):
    """The file of the code that called into the subprocess module."""
    own = (__file__, subprocess.__file__, os.__file__, "<frozen os>")
    while frame is not None and frame.f_code.co_filename in own:
        frame = frame.f_back
    return None if frame is None else frame.f_code.co_filename


def _shown(args):
    if isinstance(args, str):
        return args
    if isinstance(args, bytes):
        return os.fsdecode(args)
    try:
        words = [args] if isinstance(args, os.PathLike) else args
        return shlex.join(os.fsdecode(word) for word in words)
    except Exception:
        return "<command>"
