"""The worker's loop: takes cells from the agent, runs them on one event loop, tells how they ended. Between cells it
answers questions about the values that they left."""

import ast
import json
import os
import signal
import sys
import traceback

from IPython.core.error import UsageError

from nbvet_shim.answers import answer_all
from nbvet_shim.cells import Cells
from nbvet_shim.commands import Commands
from nbvet_shim.ending import flush
from nbvet_shim.kernel import request
from nbvet_shim.loop import Loop
from nbvet_shim.monitor import Monitor
from nbvet_shim.streams import OutStream
from nbvet_shim.watch import Watch, plain

_HOOKS = ("post_execute", "post_run_cell")
_PACKAGES = ("site-packages", "dist-packages")


class Runner:
    """One notebook's life."""

    def __init__(self, session, policy):
        self.session = session
        self.cells = Cells()
        self.watch = Watch(session, self.cells)
        self.commands = Commands(session, self.cells, policy)
        self.result = []
        self.handler = signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._open_streams()
        self.loop = Loop(self.watch.task_failed)
        self.shell = self._make_shell()
        self.watch.install()
        self.commands.install()
        self.monitor = self.shell.monitor = Monitor(session, self.cells)
        choose_backend()

    def _open_streams(self):
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.reconfigure(line_buffering=True, write_through=True)
        sys.stdout = OutStream(self.session, 1, "stdout")
        sys.stderr = OutStream(self.session, 2, "stderr")

    def _make_shell(self):
        from nbvet_shim.shell import argv, make_shell

        shell = make_shell(self.session, self.cells, self.commands)
        shell.on_hook_error = self._hook_failed
        trigger = shell.events.trigger

        def watched(event, *args, **keywords):
            before, shell.in_hook = shell.in_hook, event in _HOOKS and shell.depth == 0
            try:
                trigger(event, *args, **keywords)
            finally:
                shell.in_hook = before

        shell.events.trigger = watched
        sys.argv = argv()
        return shell

    def announce(self, from_kit):
        """Ready for the first cell."""
        _add_own_folder()
        version = ".".join(str(part) for part in sys.version_info[:3])
        ipython = str(sys.modules["IPython"].__version__)
        self.session.ready(self.shell.user_ns, sys.executable or "", version, ipython, from_kit)

    def serve(self):
        """Run cells until the agent says finish."""
        read = json.loads
        while True:
            task = self.session.next_task()
            if task is None:
                break
            kind, index, text, message_id, widgets = task
            if kind == "ask":
                self._answer(index, read(text))
                continue
            self._run(index, text, message_id, widgets)
            self.loop.spin()
        self._let_go()
        # The notebook's own handlers run at exit; a late interrupt may end them.
        signal.signal(signal.SIGINT, self.handler or signal.default_int_handler)

    def _let_go(self):
        """The values of the last cell: they end with the notebook's own names."""
        self.watch.is_over = True
        shell = self.shell
        self.result, self.outcome, shell.raised, shell.shown = [], None, None, []
        shell.displayhook.last, shell.last_execution_result = [], None
        shell.InteractiveTB.tb = shell.SyntaxTB.tb = None

    def _answer(self, index, questions):
        """An interrupt ends the question that is being answered, and those behind it stay open."""
        given = []
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            try:
                answer_all(questions, self.shell.user_ns, self.result, given)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            given.append({"interrupted": True})
        if self.session.forked:
            self._leave_child(None)
        self.session.answer(index, given, len(questions))

    def _run(self, index, source, message_id, widgets):
        shell = self.shell
        self.result = []
        shell.parent_header = request(message_id, source)
        self.cells.begin(index, source)
        self.commands.begin(shell, source)
        shell.shown, shell.assigned, shell.exit_request, shell.raised = [], [], None, None
        shell.depth, shell.in_hook, shell.hides_result, shell.statements = 0, False, False, None
        shell.displayhook.last = []
        self.interrupted = False
        count = shell.execution_count
        self.outcome, stray = None, None
        try:
            signal.signal(signal.SIGINT, self.handler)
            try:
                if widgets is not None:
                    self._deliver(widgets)
                self._execute(source)
            finally:
                self.handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        except BaseException as error:
            # What breaks once the cell has an outcome is the loop: the spin below makes a new one.
            stray = error if self.outcome is None else None
        error = stray if stray is not None else shell.raised or _error(self.outcome)
        if error is None and shell.statements is None and _has_code(self.cells.current.transformed or source):
            error = RuntimeError("IPython ran nothing of this cell: a function of its own was replaced")
        if self.session.forked:
            self._leave_child(error)
        if stray is not None:
            self._show(stray)
        self._report(index, source, count, error)

    def _deliver(self, widgets):
        """What the front end made of widgets since the last cell."""
        import json

        for error in self.shell.comms.deliver(json.loads(widgets)):
            self.watch.failed("hook", error)

    def _execute(self, source):
        shell = self.shell
        problem = shell.read = None
        try:
            transformed = shell.transform_cell(source)
        except Exception:
            transformed, problem = source, sys.exc_info()
        if problem is None:
            shell.read = (source, transformed)
        # Asked twice, as a kernel does: what compiling warns of is shown each time.
        if shell.should_run_async(source, transformed_cell=transformed, preprocessing_exc_tuple=problem):
            self.loop.run(self._execute_async(source, transformed, problem))
        else:
            self.loop.call(lambda: self._execute_sync(source))

    def _execute_sync(self, source):
        self.outcome = self.shell.run_cell(source, store_history=True)

    async def _execute_async(self, source, transformed, problem):
        shell = self.shell
        task = self.loop.get().create_task(
            shell.run_cell_async(
                source, store_history=True, transformed_cell=transformed, preprocessing_exc_tuple=problem
            )
        )
        self._cancel_on_interrupt(task)
        try:
            self.outcome = await task
        finally:
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", self.outcome)

    def _cancel_on_interrupt(self, task):
        """A waiting coroutine is interrupted by cancelling it; a notebook's own handler stays."""
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return
        loop = self.loop.get()

        def cancel(_number, _frame):
            self.interrupted = True
            task.cancel()
            loop.call_soon_threadsafe(lambda: None)

        def restore(_task):
            if signal.getsignal(signal.SIGINT) is cancel:
                signal.signal(signal.SIGINT, signal.default_int_handler)

        signal.signal(signal.SIGINT, cancel)
        task.add_done_callback(restore)

    def _leave_child(self, error):
        """A child of the notebook came back to us: it has no channel, and no more to do."""
        status = 0
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            status = 1
            traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
        flush()
        os._exit(status & 0xFF)

    def _show(self, error):
        """What ended the cell outside of IPython's care has been shown by nobody."""
        name, value, lines, _line = self.watch.described(error)
        self.session.error(name, value, lines)

    def _report(self, index, source, count, error):
        shell = self.shell
        try:
            ending = self._ending(error)
        except BaseException:
            ending = ("raised", (type(error).__name__, "", [], None), False, None)
        self._flush_native_streams()
        result = [] if error is not None or shell.hides_result else list(shell.displayhook.last)[:1]
        stored = count if shell.execution_count > count else None
        assigned = shell.assigned if error is None else []
        self.monitor.tell()
        self.session.done(index, stored, shell.user_ns, source, assigned, result, ending)
        self.result = result
        shell.shown = []
        shell.displayhook.last = []

    def _ending(self, error):
        """Status, error, interrupted, exit code."""
        lines = None
        for shown, block in self.shell.shown:
            if shown is error:
                lines = block
            else:
                self._hook_failed(shown, block, "shown")
        if error is None:
            return self._exit_ending()
        if lines is None and type(error) is UsageError:
            lines = ["UsageError: %s" % error]
        described = self.watch.described(error, lines=lines)
        if isinstance(error, SystemExit):
            return ("exit", described, False, _exit_code(error.code))
        interrupted = self.interrupted or isinstance(error, KeyboardInterrupt)
        return ("raised", described, interrupted, None)

    def _exit_ending(self):
        request = self.shell.exit_request
        if request is None:
            return ("ok", None, False, None)
        code = _exit_code(request[0])
        return ("exit", ("SystemExit", code or "", [], None), False, code)

    def _hook_failed(self, error, lines, origin):
        """An error was shown that did not end the cell."""
        self.watch.failed(origin, error, lines=lines)

    def _flush_native_streams(self):
        """C libraries print through their own buffers."""
        ctypes = sys.modules.get("ctypes")
        if ctypes is None:
            return
        try:
            ctypes.pythonapi.fflush(None)
        except Exception:
            # Not every platform has it there.
            return


def choose_backend():
    """Figures are shown within the notebook, unless the environment says otherwise."""
    if not os.environ.get("MPLBACKEND") and _has("matplotlib_inline"):
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"


def _error(outcome):
    if outcome is None:
        # Somebody replaced IPython's own function: whether the cell ran, nobody can say.
        return RuntimeError("IPython gave no result for this cell: its run_cell was replaced")
    return outcome.error_before_exec or outcome.error_in_exec


def _has_code(source):
    try:
        return bool(ast.parse(source).body)
    except (SyntaxError, ValueError):
        # What IPython took and Python does not is of a magic.
        return False


def _add_own_folder():
    """The folder that the notebook runs in comes after the standard library and before packages, as in a kernel."""
    if "" in sys.path or getattr(sys.flags, "safe_path", False):
        return
    folders = (number for number, path in enumerate(sys.path) if os.path.basename(path) in _PACKAGES)
    sys.path.insert(next(folders, 0), "")


def _exit_code(code):
    """None, or the code as text."""
    if code is None:
        return None
    if isinstance(code, int):
        return str(int(code))
    try:
        text = plain(str(code))
    except Exception:
        return "<code without text>"
    # Python ends with status 1 for every text: "0" is not 0.
    return repr(text) if text.strip().lstrip("-").isdigit() else text


def _has(module):
    from importlib.util import find_spec

    return find_spec(module) is not None
