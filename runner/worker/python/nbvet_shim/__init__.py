"""Runs cells in IPython for the worker. Decides nothing: what happened goes to the extension as facts."""

import gc
import os
import sys


def run(native, channel, kit, forks, preload=()):
    """Serve the agent until it says finish; the process's exit status."""
    gc.disable()
    from nbvet_shim import ending

    ending.prepare()
    from_kit = _find_ipython(kit)
    if forks:
        from nbvet_shim.fork_server import serve

        channel = serve(channel, preload)
        if channel is None:
            return 0
    session = native.Session(channel)
    os.close(channel)
    policy = session.hello()

    from nbvet_shim.runner import Runner

    runner = Runner(session, policy)
    ending.remember()
    gc.enable()
    runner.announce(from_kit)
    runner.serve()
    ending.begin(session)
    return 0


def _find_ipython(kit):
    """Put the kit last on the path where the environment has no IPython of its own."""
    from importlib.util import find_spec

    if find_spec("IPython") is not None or not kit:
        return False
    sys.path.append(kit)
    return True
