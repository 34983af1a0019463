"""The IPython shell that stands in for ipykernel's: same name, same environment, no terminal, no kernel."""

import atexit
import builtins
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from IPython.core import page
from IPython.core.autocall import ExitAutocall
from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
from IPython.core.magic import Magics, line_magic, magics_class
from traitlets import Any, CBool, Instance, Type
from traitlets.config import Config

from nbvet_shim.cells import Compiler
from nbvet_shim.comms import Comms
from nbvet_shim.display import DisplayFormatter, ZMQDisplayPublisher, ZMQShellDisplayHook
from nbvet_shim.imports import AfterImport, pretend
from nbvet_shim.kernel import IPythonKernel
from nbvet_shim.statements import replaced
from nbvet_shim.streams import OutStream
from nbvet_shim.watch import plain

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ENVIRONMENT = {
    "TERM": "xterm-color",
    "CLICOLOR": "1",
    "FORCE_COLOR": "1",
    "CLICOLOR_FORCE": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
}


class Exit(ExitAutocall):
    """`exit` and `quit`: the cell goes on to its end, then the notebook stops."""

    def __call__(self, code=None, *_args, **_keywords):
        self._ip.exit_request = [code]


@magics_class
class FrontendMagics(Magics):
    """Magics that a kernel has and that mean nothing without a browser."""

    @line_magic
    def autosave(self, line):
        """Set by the front end."""

    @line_magic
    def less(self, line):
        """Shows a file in the front end's pager."""

    @line_magic
    def more(self, line):
        """Shows a file in the front end's pager."""

    @line_magic
    def man(self, line):
        """Shows a manual page in the front end's pager."""

    @line_magic
    def clear(self, line):
        """Clears a terminal."""

    @line_magic
    def qtconsole(self, line):
        """Opens another window on the kernel."""

    @line_magic
    def subshell(self, line):
        """Lists the kernel's subshells."""

    @line_magic
    def connect_info(self, line):
        """Says how to connect; here nobody can."""
        print("This notebook runs without a kernel of its own: there is nothing to connect to.")


class ZMQInteractiveShell(InteractiveShell):
    """Named as libraries look for it."""

    displayhook_class = Type(ZMQShellDisplayHook)
    display_pub_class = Type(ZMQDisplayPublisher)
    compiler_class = Type(Compiler)
    exiter = Instance(Exit)
    kernel = Any()
    autoindent = CBool(False)
    commands = Any()
    comms = Any()
    # The code passed to `exit`, in a list; None: not called.
    exit_request = Any()
    # Names that the cell's own statements bind at its top level, without a condition.
    assigned = Any()
    # What ended the cell's own code, if anything did.
    raised = Any()
    # Tracebacks shown: (exception, class name, lines).
    shown = Any()
    # Called with an exception shown while the cell's own code is not running.
    on_hook_error = Any()
    in_hook = Any()
    depth = Any()
    cells = Any()
    session = Any()
    # The message that a front end would have sent for the running cell.
    parent_header = Any()
    monitor = Any()
    # The source of the cell that is about to run, and what IPython made of it: it asks twice.
    read = Any()
    # The statements at the top level of the running cell, how many of them have begun, and for each the names of
    # tables that it replaces.
    statements = Any()
    begun = Any()
    replaced = Any()

    def _exiter_default(self):
        return Exit(self)

    def init_environment(self):
        os.environ.update(_ENVIRONMENT)

    def init_virtualenv(self):
        """The interpreter was chosen by the agent."""

    def init_data_pub(self):
        """Not in use since IPython 3."""

    def init_display_formatter(self):
        self.display_formatter = DisplayFormatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_hooks(self):
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(_nothing_to_page), 99)

    def init_magics(self):
        super().init_magics()
        self.register_magics(FrontendMagics)

    def enable_gui(self, gui=None):
        """No window system is driven from here."""

    def ask_exit(self):
        self.exit_request = [None]

    def get_parent(self):
        return self.parent_header

    def set_parent(self, parent):
        self.parent_header = parent

    def _showtraceback(self, etype, evalue, stb):
        text, lines = plain(str(evalue)), [plain(str(line)) for line in stb]
        self.session.error(plain(str(etype.__name__)), text, lines)
        if self.in_hook:
            self.on_hook_error(evalue, lines, "hook")
        else:
            self.shown.append((evalue, lines))

    def _get_exc_info(self, exc_tuple=None):
        kind, value, trace = super()._get_exc_info(exc_tuple)
        _hide_own_frames(trace)
        return kind, value, trace

    def transform_cell(self, raw_cell):
        if self.read is not None and raw_cell is self.read[0]:
            return self.read[1]
        transformed = super().transform_cell(raw_cell)
        if self.cells is not None and raw_cell is self.cells.source:
            self.cells.current.transformed = transformed
        return transformed

    async def run_ast_nodes(self, nodelist, cell_name, *args, **keywords):
        self.read = None
        if self.depth == 0:
            self.statements, self.begun = list(nodelist), 0
            self.replaced = replaced(nodelist)
            self.assigned = _assigned(nodelist)
            self.hides_result = bool(nodelist) and _is_magic(nodelist[-1])
        self.depth += 1
        try:
            return await super().run_ast_nodes(nodelist, cell_name, *args, **keywords)
        finally:
            self.depth -= 1

    async def run_code(self, code_obj, result=None, *, async_=False):
        if self.depth == 1:
            self._begin_statement(code_obj)
        failed = await super().run_code(code_obj, result, async_=async_)
        # Taken where it is known: hooks that run later may clear it from the result.
        if failed and self.depth == 1 and result is not None:
            self.raised = result.error_in_exec
        return failed

    def _begin_statement(self, code):
        """IPython runs the statements of a cell one by one."""
        index, self.begun = self.begun, self.begun + 1
        if index >= len(self.statements):
            return
        for name in self.replaced.get(index, ()):
            line = self.cells.line(self.statements[index].lineno)
            self.commands.session.replaced(self.user_ns, name, line)
        self.monitor.begin(code, self.statements[index])

    def system_piped(self, cmd):
        self.commands.system(self, cmd, self.var_expand(cmd, depth=1))

    system = system_piped

    def getoutput(self, cmd, split=True, depth=0):
        return self.commands.getoutput(self, cmd, self.var_expand(cmd, depth=depth + 1), split)


ZMQInteractiveShell.__module__ = "ipykernel.zmqshell"
InteractiveShellABC.register(ZMQInteractiveShell)


# The shell that was made before this process was forked.
_prepared = None


def prepare():
    """Make the shell of all processes that are forked from this one."""
    global _prepared
    shell, folders = _new_shell()
    if folders:
        # IPython could not write to its own folder and made a temporary one, which is for one process.
        _remove(folders)
        ZMQInteractiveShell.clear_instance()
        return
    _prepared = shell
    # What is compiled when the first cell is read and the first value shown.
    shell.transform_cell("0\n")
    shell.display_formatter.format(0)


def _new_shell():
    """A shell, and the temporary folders that IPython made for it and forgot."""
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    # A kernel has this extension from the start; here it is loaded when a cell uses it.
    config.MagicsManager.lazy_magics = {"store": "IPython.extensions.storemagic"}
    # Libraries look for this section to tell a notebook from a terminal.
    config.IPKernelApp.connection_file = "kernel-nbvet.json"
    folders = []
    make = tempfile.mkdtemp

    def mkdtemp(*args, **keywords):
        folders.append(os.path.abspath(make(*args, **keywords)))
        return folders[-1]

    tempfile.mkdtemp = mkdtemp
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shell = ZMQInteractiveShell.instance(config=config)
    finally:
        tempfile.mkdtemp = make
    return shell, folders


def _remove(folders):
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def make_shell(session, cells, commands):
    """The one shell of this process."""
    if _prepared is None:
        shell, folders = _new_shell()
        atexit.register(_remove, folders)
    else:
        shell = _prepared
        shell.starting_dir = os.getcwd()
        shell.history_manager.dir_hist[:] = [Path.cwd()]
    ZMQShellDisplayHook.session = ZMQDisplayPublisher.session = DisplayFormatter.session = session
    shell.cells = cells
    shell.commands = commands
    shell.shown = []
    shell.assigned = []
    shell.depth = 0
    shell.session = session
    shell.parent_header = {}
    shell.comms = Comms(session)
    shell.kernel = IPythonKernel(shell, session, shell.comms)
    AfterImport({"comm": shell.comms.install})
    actions = {**_classes(), "ipykernel.ipkernel": shell.comms.install_again}
    pretend("ipykernel", ("displayhook", "iostream", "ipkernel", "kernelapp", "zmqshell"), actions)
    _refuse_input()
    return shell


def _classes():
    """The classes that our objects are named after are ours, for libraries that import them to ask what they have."""

    def give(name, value):
        return lambda module: setattr(module, name, value)

    return {
        "ipykernel.zmqshell": give("ZMQInteractiveShell", ZMQInteractiveShell),
        "ipykernel.iostream": give("OutStream", OutStream),
    }


def _nothing_to_page(*_args, **_keywords):
    """What a pager would show goes to the front end's own pane, not into the notebook."""


def _refuse_input():
    import getpass

    def input(prompt=""):
        raise StdinNotImplementedError(
            "raw_input was called, but this frontend does not support input requests."
        )

    def no_getpass(prompt="", stream=None):
        raise StdinNotImplementedError("getpass was called, but this frontend does not support input requests.")

    builtins.input = input
    getpass.getpass = no_getpass


def _hide_own_frames(trace):
    """Functions of ours that stand in for a library's are not in the notebook's tracebacks."""
    while trace is not None:
        after = trace.tb_next
        while after is not None and after.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
            after = after.tb_next
        if after is not trace.tb_next:
            trace.tb_next = after
        trace = after


def _assigned(nodes):
    """Names that simple statements at the top level bind whenever the cell runs to its end."""
    names = []
    for node in nodes:
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        kind = type(node).__name__
        if kind not in ("Assign", "AugAssign", "AnnAssign") or getattr(node, "value", None) is None:
            continue
        for target in targets:
            names.extend(name.id for name in getattr(target, "elts", [target]) if hasattr(name, "id"))
    return names


def _is_magic(node):
    """The statement is what IPython made of a line or cell magic, or of a `!` line."""
    function = getattr(getattr(node, "value", None), "func", None)
    owner = getattr(getattr(function, "value", None), "func", None)
    return getattr(owner, "id", None) == "get_ipython" and getattr(function, "attr", None) in (
        "run_line_magic",
        "run_cell_magic",
        "system",
        "set_next_input",
    )


def argv():
    """`sys.argv` as a kernel has it."""
    packages = os.path.dirname(os.path.dirname(os.path.abspath(sys.modules["IPython"].__file__)))
    launcher = os.path.join(packages, "ipykernel_launcher.py")
    return [launcher, "-f", "/run/user/kernel-nbvet.json", "--HistoryManager.hist_file=:memory:"]
