"""How the process ends: what the notebook made goes as in any Python; what was there before its first cell is left to
the system. Taking IPython and the libraries of a forked process apart would cost more than running a small notebook.
"""

import atexit
import io
import sys
from gc import collect, freeze, get_objects

from nbvet_worker import keep

# Python ends these by itself, and with them what a notebook put there.
_OTHERS = ("__main__", "builtins", "sys")
# The error that was shown last.
_LAST = ("last_exc", "last_type", "last_value", "last_traceback")
_before = []


def prepare():
    """Called before anything else registers what it does at exit: then this comes last."""
    if atexit._ncallbacks() == 0:
        atexit.register(_leave)


def remember():
    """The first cell is about to run."""
    freeze()
    _before[:] = [(name, module) for name, module in sys.modules.items() if name not in _OTHERS]


def _leave():
    try:
        # What the notebook left in errors and cycles ends while everything is still there.
        for name in _LAST:
            if hasattr(sys, name):
                setattr(sys, name, None)
        collect()
        _close_files()
        keep(_before)
        for name, module in _before:
            # As Python itself is about to have it.
            if sys.modules.get(name) is module:
                sys.modules[name] = None
    except BaseException:
        # The notebook broke something: Python itself sees to the rest.
        return


def _close_files():
    """Files that something of ours or of a library still holds: else what they have not written yet would be lost."""
    files = [value for value in get_objects() if issubclass(type(value), io.IOBase)]
    standard = (sys.stdout, sys.stderr, sys.stdin, sys.__stdout__, sys.__stderr__, sys.__stdin__)
    # Files of text close those that they write to.
    for file in sorted(files, key=lambda file: type(file) is not io.TextIOWrapper):
        if not any(file is one for one in standard):
            try:
                file.close()
            except BaseException:
                continue
