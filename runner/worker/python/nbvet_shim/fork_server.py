"""Forks workers from a process that has imported what each of them needs and has done nothing else.

Modules of the notebooks themselves are imported where the agent asks for it, once for all.
"""

import gc
import importlib
import json
import os
import socket
import sys

_MARKER = "NBVET_SESSION"
# What is imported while a shell is made, beyond what its own module imports.
_LATER = (
    "IPython.core.application",
    "IPython.core.completerlib",
    "IPython.core.logger",
    "IPython.core.magics",
    "IPython.core.oinspect",
    "IPython.core.pylabtools",
    "IPython.core.usage",
    "IPython.utils.wildcard",
    "getpass",
    "nbvet_shim.comms",
    "nbvet_shim.imports",
    "nbvet_shim.runner",
    "nbvet_shim.shell",
    "sqlite3",
    "tempfile",
    "unicodedata",
)


# What libraries read in the current folder while they are imported.
_READ = ("matplotlibrc",)


def serve(control, preload=()):
    """Answer the agent until it goes away: then None. In a forked worker: the descriptor of its channel."""
    for name in _LATER:
        try:
            importlib.import_module(name)
        except ImportError:
            # This IPython has no such part, or this Python no sqlite: the worker will see.
            continue
    if _has_threads():
        # Something in this environment starts threads when Python starts: a forked child would lack them.
        return None
    loaded = set()
    if preload:
        loaded = _import_quietly(preload)
        if loaded is None:
            return None
    from nbvet_shim.shell import prepare

    prepare()
    gc.collect()
    gc.freeze()
    agent = socket.socket(fileno=control)
    _say(agent, {"type": "ready"})
    while True:
        packet, descriptors, _flags, _address = socket.recv_fds(agent, 65536, 3)
        if not packet:
            return None
        request = json.loads(packet)
        if loaded and _is_shadowed(loaded, request["directory"]):
            _close(descriptors)
            _say(agent, {"type": "refused", "session": request["session"]})
            continue
        pid = _fork()
        if pid == 0:
            agent.close()
            return _become(request, descriptors)
        _close(descriptors)
        _say(agent, {"type": "forked", "session": request["session"], "pid": pid})


def _has_threads():
    try:
        return len(os.listdir("/proc/self/task")) != 1
    except OSError:
        return sys.modules.get("threading") is not None and sys.modules["threading"].active_count() != 1


def _import_quietly(names):
    """Import modules for all workers; the top-level names of all that came with them or was looked for.

    None where that is not as if a notebook had imported them: one failed, warned, printed or started a thread.
    """
    import threading
    import warnings

    from nbvet_shim.runner import choose_backend

    choose_backend()
    before = set(sys.modules)
    missing = _Missing()
    printed = os.memfd_create("printed")
    for number in (1, 2):
        os.dup2(printed, number)
    sys.meta_path.append(missing)
    try:
        with warnings.catch_warnings(record=True) as warned:
            # As IPython has it for code of the notebook.
            warnings.filterwarnings("default", category=DeprecationWarning, module=__name__)
            ours = warnings.filters[0]
            for name in names:
                importlib.import_module(name)
            filters = [one for one in warnings.filters if one is not ours]
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        return None
    finally:
        sys.meta_path.remove(missing)
    # Those that the modules themselves set.
    warnings.filters[:] = filters
    if warned or os.fstat(printed).st_size or threading.active_count() != 1:
        return None
    os.close(printed)
    return {name.partition(".")[0] for name in set(sys.modules) - before | missing.names}


class _Missing:
    """The last finder on `sys.meta_path`: notes what nobody found, as what libraries import where it is there."""

    def __init__(self):
        self.names = set()

    def find_spec(self, name, path=None, target=None):
        if "." not in name:
            self.names.add(name)


def _is_shadowed(loaded, folder):
    """A file in the folder, where a notebook looks first, would be imported in the place of a loaded module, or of
    one that was looked for in vain."""
    try:
        return any(entry in _READ or entry.partition(".")[0] in loaded for entry in os.listdir(folder))
    except OSError:
        return True


def _close(descriptors):
    for descriptor in descriptors:
        os.close(descriptor)


def _say(agent, message):
    agent.send(json.dumps(message).encode())


def _fork():
    """A process whose parent is the reaper of orphans, which is the agent; 0 within it.

    It leads a group of its own before anybody hears of it. ValueError where the system gives no process.
    """
    read, write = os.pipe()
    middle = os.fork()
    if middle:
        os.close(write)
        pid = os.read(read, 32)
        os.close(read)
        os.waitpid(middle, 0)
        return int(pid)
    try:
        pid = os.fork()
        if pid:
            os.setpgid(pid, pid)
            os.write(write, b"%d" % pid)
    except OSError:
        os._exit(1)
    if pid:
        os._exit(0)
    os.close(read)
    os.close(write)
    return 0


def _become(request, descriptors):
    """As if this process had been started for the request."""
    channel, out, err = descriptors
    for descriptor, number in ((out, 1), (err, 2)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["directory"])
    _mark(request["marker"])
    # The standard library's generator sees to itself.
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()
    return channel


def _mark(marker):
    """Name the session in the environment, also in the one that `/proc` shows: it is the memory of the start."""
    os.environ[_MARKER] = marker
    variable = os.fsencode(_MARKER + "=" + marker)
    try:
        with open("/proc/self/stat", "rb") as stat:
            # proc(5): the fields after the program's name begin with the third; env_start and env_end are 50 and 51.
            fields = stat.read().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            place = (b"\0" + memory.read(end - start)).find(b"\0" + os.fsencode(_MARKER) + b"=")
            if place >= 0:
                memory.seek(start + place)
                memory.write(variable)
    except OSError:
        # Hardened systems forbid it; a process is known by its group and its parents all the same.
        return
