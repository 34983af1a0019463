"""How the process ends: what the notebook made goes as in any Python, and what fails meanwhile is told; what was there
before its first cell is left to the system. Taking IPython and the libraries of a forked process apart would cost more
than running a small notebook.
"""

import atexit
import io
import os
import sys
from gc import collect, freeze, get_objects
from time import sleep

from nbvet_worker import keep

from nbvet_shim.watch import plain

# Python ends these by itself, and with them what a notebook put there.
_OTHERS = ("__main__", "builtins", "sys")
# The error that was shown last.
_LAST = ("last_exc", "last_type", "last_value", "last_traceback")
# Whose buffers write to others comes first.
_LAYERS = (io.TextIOWrapper, io.BufferedRWPair, io.BufferedRandom, io.BufferedWriter)


_MAX_THREADS = 10
_MAX_NAME = 100
# Hundredths of a second that the tracker may take: other processes of the notebook may keep it.
_TRACKER_STEPS = 50


class _Process:
    """What is known of this process."""

    # Handlers of others ran before ours were registered: those need what they need.
    is_last = False
    # The modules of before the first cell, each with the number of names in it.
    modules = ()
    # Of a notebook that has ended.
    session = None


def prepare():
    """Called before anything else registers what it does at exit: then this comes last."""
    _Process.is_last = atexit._ncallbacks() == 0
    atexit.register(_leave)


def remember():
    """The first cell is about to run."""
    freeze()
    modules = [(name, module) for name, module in sys.modules.items() if name not in _OTHERS]
    _Process.modules = [(name, module, len(getattr(module, "__dict__", ()))) for name, module in modules]


def begin(session):
    """The last cell is done: Python waits for threads, calls handlers, clears the notebook's names."""
    _Process.session = session
    try:
        threads = _waited_for()
    except Exception:
        # A thread of a class of the notebook's own that does not say its name.
        threads = []
    session.leaving(threads)


def _waited_for():
    """Names of threads that Python waits for; a few, and none long."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    main = threading.main_thread()
    alive = [thread for thread in threading.enumerate() if thread is not main and not thread.daemon]
    return [plain(str(thread.name))[:_MAX_NAME] for thread in alive[:_MAX_THREADS]]


def _leave():
    session = _Process.session
    if session is None or session.forked:
        return
    try:
        # What the notebook left in errors and cycles ends while everything is still there.
        for name in _LAST:
            if hasattr(sys, name):
                setattr(sys, name, None)
        collect()
        if _Process.is_last:
            _clear_modules()
        flush()
        session.leaving([])
        _end_tracker()
        if _Process.is_last:
            keep(_Process.modules)
            for name, module, _size in _Process.modules:
                # As Python itself is about to have it.
                if sys.modules.get(name) is module:
                    sys.modules[name] = None
    except BaseException:
        # The notebook broke something: Python itself sees to the rest.
        return


def _clear_modules():
    """What the notebook hung on modules that are kept ends here."""
    for _name, module, size in _Process.modules:
        names = getattr(module, "__dict__", ())
        if len(names) > size:
            # New ones stand last.
            for name in list(names)[size:]:
                names.pop(name, None)


def _end_tracker():
    """multiprocessing has a process that removes the shared memory which was left, once nobody can use it any more."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    channel, pid = getattr(tracker, "_fd", None), getattr(tracker, "_pid", None)
    if type(channel) is not int or type(pid) is not int:
        return
    tracker._fd = tracker._pid = None
    os.close(channel)
    for _ in range(_TRACKER_STEPS):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        sleep(0.01)


def flush():
    """Files that something still holds: else what they have not written yet would be lost."""
    files = [value for value in get_objects() if issubclass(type(value), _LAYERS)]
    for layer in _LAYERS:
        for file in files:
            if issubclass(type(file), layer):
                try:
                    file.flush()
                except BaseException:
                    # It is closed, or what it writes to is.
                    continue
