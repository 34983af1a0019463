"""The notebook's one event loop, which is running whenever a cell is. asyncio is a quarter of a worker's start:
it is imported when IPython, or a cell, first does."""

import os
import sys
import threading
from importlib.machinery import PathFinder


class Loop:
    """Also a finder on `sys.meta_path`, until asyncio is imported."""

    def __init__(self, handler):
        self._handler = handler
        self._loop = None
        self._in_cell = False
        self._marked = False
        # Loops that the notebook broke: never freed, as that would close descriptors that are others' by now.
        self._broken = []
        if "asyncio" not in sys.modules:
            sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        """Find asyncio in the standard library only: in a kernel it was imported before the notebook's folder
        could shadow it."""
        if name != "asyncio":
            return None
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        spec = PathFinder.find_spec(name, [os.path.dirname(os.__file__)])
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            before = list(sys.path)
            sys.path[:] = [folder for folder in before if folder != ""]
            try:
                execute(module)
            finally:
                sys.path[:] = before
            self._imported(module)

        spec.loader.exec_module = exec_module
        return spec

    def _imported(self, asyncio):
        if threading.current_thread() is not threading.main_thread():
            return
        self._make(asyncio)
        if self._in_cell:
            # The cell that imported it is running: so must be the loop, as far as the cell can tell.
            self._marked = True
            self._loop._thread_id = threading.get_ident()
            asyncio._set_running_loop(self._loop)

    def _make(self, asyncio):
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._handler)
        asyncio.set_event_loop(self._loop)

    def get(self):
        """The loop; imports asyncio."""
        import asyncio

        if self._loop is None:
            self._make(asyncio)
        return self._loop

    def run(self, coroutine):
        """Run a coroutine to its end."""
        self.get().run_until_complete(coroutine)

    def call(self, function):
        """Call a function while the loop is running."""
        if "asyncio" in sys.modules:
            self.run(_awaitable(function))
            return
        self._in_cell = True
        try:
            function()
        finally:
            self._in_cell = False
            self._unmark()

    def _unmark(self):
        if self._marked:
            self._marked = False
            self._loop._thread_id = None
            sys.modules["asyncio"]._set_running_loop(None)

    def spin(self):
        """Let background tasks go on for one round, as a kernel does between cells."""
        if self._loop is None:
            return
        try:
            self.run(_nothing())
        except (KeyboardInterrupt, SystemExit):
            # Raised by a task: the loop's handler has told it.
            return
        except BaseException:
            self._broken.append(self._loop)
            self._loop = None


async def _awaitable(function):
    function()


async def _nothing():
    import asyncio

    await asyncio.sleep(0)
