"""Notebooks that fork, break descriptors, replace hooks or end their process."""

import json

import pytest


def test_a_forked_child_that_comes_back_ends_and_the_cell_goes_on(each):
    cell = each.run("import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\nprint('parent' if pid else 'child')")
    assert sorted(cell.text().split()) == ["child", "parent"]
    assert each.run("print('next')").text() == "next\n"


def test_a_forked_child_that_raises_or_exits_ends_with_that_status(worker):
    cell = worker.run(
        "import os, sys\ndef child(act):\n    pid = os.fork()\n    if pid == 0:\n        act()\n    return os.waitpid(pid, 0)[1] >> 8"
    )
    for act, status in (("lambda: 1/0", 1), ("lambda: sys.exit(5)", 5), ("lambda: os._exit(6)", 6)):
        cell = worker.run(f"s = child({act})")
        assert cell.bound()["s"]["number"]["finite"] == status
    assert cell.kind == "ok"


@pytest.mark.parametrize(
    ("code", "status"),
    [("import os\nprint('last')\nos._exit(7)", 7), ("import os\nprint('last')\nos.kill(os.getpid(), 11)", -11), ("import os\nprint('last')\nos.abort()", -6)],
)
def test_what_was_printed_before_the_process_died_is_kept(worker, code, status):
    from driver import Died

    with pytest.raises(Died) as died:
        worker.run(code)
    assert died.value.status == status and died.value.text() == "last\n"


def test_closing_the_loop_s_descriptors_ends_no_cell(worker):
    cell = worker.run("import os\nos.closerange(3, 256)\nprint('alive')")
    assert cell.kind == "ok" and cell.text() == "alive\n"
    assert worker.run("import asyncio\nawait asyncio.sleep(0.01)\n5").kind == "ok"


def test_closing_the_channel_ends_the_worker_at_once(worker):
    from driver import Died

    with pytest.raises(Died) as died:
        worker.run("import os\nos.closerange(3, os.sysconf('SC_OPEN_MAX'))\nprint('gone')")
    assert died.value.status == 88 and "lost its channel" in died.value.text("stderr")


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.stdout = sys.stderr = None",
        "import sys\nclass Bad:\n    def write(self, text): raise RuntimeError\n    def flush(self): raise RuntimeError\nsys.stdout = sys.stderr = Bad()",
        "import builtins\nbuiltins.print = None",
        "import builtins\nbuiltins.open = builtins.input = builtins.repr = None",
        "import warnings\nwarnings.showwarning = warnings._showwarnmsg = None",
        "import sys\nsys.excepthook = sys.unraisablehook = None",
        "get_ipython().showtraceback = None",
        "get_ipython().events.callbacks = None",
        "get_ipython().user_ns.clear()",
        "import sys\nsys.modules.clear()",
        "import os\nos._exit = os.getpid = None",
        "import asyncio\nasyncio.get_event_loop().close()",
        "import asyncio\nasyncio.get_event_loop().stop()",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGALRM, lambda *a: 1/0)\nsignal.setitimer(signal.ITIMER_REAL, 0.01)",
        "import sys\nsys.setrecursionlimit(60)",
        "import gc\nfor o in gc.get_objects():\n    if type(o).__name__ == 'Runner':\n        o.cells.source = None",
    ],
)
def test_replacing_what_others_rely_on_keeps_the_cells_coming(worker, code):
    cell = worker.run(code)
    assert cell.kind in ("ok", "raised")
    for _ in range(2):
        assert worker.run("x = 1\n1/0").kind in ("ok", "raised")


def test_endless_recursion_is_an_error(worker):
    cell = worker.run("def f():\n    f()\nf()")
    assert cell.error["name"] == "RecursionError"


def test_a_flood_of_warnings_and_threads_is_capped(worker):
    cell = worker.run(
        "import warnings\nwarnings.simplefilter('always')\n"
        "for i in range(5000):\n    warnings.warn('w%d' % i + 'x' * 5000)\n"
    )
    assert cell.kind == "ok" and 100 < len(cell.of("warning")) <= 2000


def test_the_kernel_is_asked_to_end_the_worker_when_its_parent_ends(worker):
    """A cell that never ends must not outlive an agent that was killed."""
    cell = worker.run(
        "import ctypes\nsignal = ctypes.c_int()\nctypes.CDLL(None).prctl(2, ctypes.byref(signal))\nprint(signal.value)"
    )
    assert cell.text() == "9\n"


def test_a_replaced_run_cell_passes_no_cell(worker):
    worker.run("get_ipython().run_cell = lambda *a, **k: None")
    assert worker.run("1/0").kind == "raised"


def test_a_hook_cannot_take_back_what_its_cell_raised(worker):
    worker.run(
        "def clear(result):\n    result.error_in_exec = None\n"
        "get_ipython().events.register('post_run_cell', clear)"
    )
    cell = worker.run("1 / 0")
    assert cell.kind == "raised" and cell.error["name"] == "ZeroDivisionError"
    assert worker.run("2").kind == "ok"


@pytest.mark.parametrize("code", ["raise ValueError('\\ud800')", "import sys; sys.exit('\\ud800')"])
def test_half_a_surrogate_pair_in_an_error_is_shown_escaped(worker, code):
    cell = worker.run(code)
    assert cell.kind in ("raised", "exit")
    assert "\\ud800" in json.dumps(cell.error)
    assert worker.run("2").kind == "ok"


def test_a_text_as_exit_code_is_no_number(worker):
    cell = worker.run("import sys; sys.exit('0')")
    assert cell.status["code"] == "'0'"


def test_a_cell_of_which_ipython_runs_nothing_is_no_success(worker):
    worker.run("ip = get_ipython()\nasync def nothing(*args, **keywords):\n    return None\nip.run_ast_nodes = nothing")
    cell = worker.run("raise ValueError('never')")
    assert cell.kind == "raised" and "ran nothing of this cell" in cell.error["value"]
    assert worker.run("# only a comment").kind == "ok"
