"""Warnings, and errors that end no cell: of threads, tasks, hooks and destructors."""

import sys
import threading
import traceback
import warnings


def plain(text):
    """The text with escapes for halves of surrogate pairs, as `print` to a file shows them: no message can hold them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Watch:
    """Stands between the interpreter's hooks and what was there before, and tells the session."""

    def __init__(self, session, cells):
        self._session = session
        self._cells = cells
        # The last cell is done: errors are told with the cell that they come from.
        self.is_over = False
        self._recording = getattr(warnings, "_showwarnmsg_impl", None)

    def install(self):
        """Take the hooks, keeping what they did."""
        self._watch_warnings()
        self._watch_threads()
        self._watch_unraisable()

    def _watch_warnings(self):
        show = warnings._showwarnmsg

        def _showwarnmsg(msg):
            if self._session.quiet:
                return
            # Where the notebook itself records warnings, they are its own affair.
            if warnings._showwarnmsg_impl is self._recording:
                self._warned(msg)
            show(msg)

        warnings._showwarnmsg = _showwarnmsg

    def _warned(self, msg):
        try:
            bases = [base.__name__ for base in msg.category.__mro__ if issubclass(base, Warning)]
            text = str(msg.message)
            if text.startswith("To exit: use 'exit', 'quit'") and "IPython" in msg.filename:
                return
            line = self._cells.caller() if threading.current_thread() is threading.main_thread() else None
            self._session.warning(bases, text, line, msg.filename in self._cells.files)
        except Exception:
            # The warning's own text failed: it is shown or fails below, as without us.
            return

    def _watch_threads(self):
        before = threading.excepthook

        def excepthook(args):
            if args.exc_type is not SystemExit:
                self.failed("thread", args.exc_value, args.exc_type)
            before(args)

        threading.excepthook = excepthook

    def _watch_unraisable(self):
        before = sys.unraisablehook

        def unraisablehook(unraisable):
            self.failed("unraisable", unraisable.exc_value, unraisable.exc_type)
            before(unraisable)

        sys.unraisablehook = unraisablehook

    def task_failed(self, loop, context):
        """The exception handler of event loops."""
        error = context.get("exception")
        if error is not None:
            self.failed("task", error)
        loop.default_exception_handler(context)

    def failed(self, origin, error, kind=None, lines=None):
        """Record an error that ends no cell."""
        if self._session.forked:
            return
        try:
            described, cell = self.described(error, kind, lines), None
            if self.is_over and isinstance(error, BaseException):
                cell, line = self._cells.place_of_error(error)
                described = (*described[:3], line)
            self._session.after_cell(origin, described, cell)
        except Exception:
            # Told on stderr all the same, by the hook that was there before.
            return

    def described(self, error, kind=None, lines=None):
        """An exception as the session takes it; never fails."""
        kind = kind or type(error)
        try:
            text = str(error)
        except BaseException:
            text = "<exception str() failed>"
        if lines is None:
            try:
                lines = traceback.format_exception(kind, error, getattr(error, "__traceback__", None))
            except BaseException:
                lines = []
        line = self._cells.line_of_error(error) if isinstance(error, BaseException) else None
        name = type.__dict__["__name__"].__get__(kind)
        return (plain(str(name)), plain(str(text)), [plain(str(part)) for part in lines], line)
