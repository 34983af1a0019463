"""How cells end, and that they run as in Jupyter."""

import pytest


def test_values_history_and_counts_are_kept(each):
    assert each.run("6 * 7").count == 1
    cell = each.run("_ + Out[1], In[1], len(_ih)")
    assert cell.displays()[0]["data"]["text/plain"] == "(84, '6 * 7', 3)"
    assert cell.count == 2 and cell.displays()[0]["executionCount"] == 2


def test_an_empty_cell_is_done_and_counts_nothing(worker):
    cell = worker.run("  \n")
    assert cell.kind == "ok" and cell.count is None


def test_an_exception_tells_name_value_line_and_traceback(each):
    each.run("def f():\n    return 1 / 0")
    cell = each.run("\n\nx = 1\nf()\n")
    assert cell.kind == "raised" and not cell.status["interrupted"]
    assert (cell.error["name"], cell.error["value"], cell.error["line"]) == ("ZeroDivisionError", "division by zero", 4)
    assert "Cell" in "".join(cell.error["traceback"]) and "line" in "".join(cell.error["traceback"])
    assert "nbvet_shim" not in "".join(cell.error["traceback"])


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("x = 1\ny = (", 2),
        ("def f(:\n  pass", 1),
        ("if True:\nx = 1", 2),
        ("%%time\nx = 1\n1/0", 3),
        ("x = !echo \\\n  a \\\n  b\nprint(x)\n1/0", 5),
        ("%alias_magic pw pwd\n\nraise ValueError", 3),
    ],
)
def test_the_line_of_an_error_is_the_line_that_was_written(worker, code, line):
    cell = worker.run(code)
    assert cell.kind == "raised"
    assert cell.error["line"] == line


def test_an_exception_whose_text_cannot_be_made_is_still_told(worker):
    cell = worker.run("class E(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise E")
    # Newer IPythons ask for the text themselves, so that its failure is what ends the cell.
    assert cell.kind == "raised" and cell.error["name"] in ("E", "RuntimeError")


def test_an_exception_group_is_told(worker):
    cell = worker.run("raise ExceptionGroup('g', [ValueError('one')])")
    assert cell.error["name"] == "ExceptionGroup" and cell.error["traceback"]


def test_a_usage_error_of_a_magic_is_an_error(worker):
    assert worker.run("%nosuchmagic").kind == "raised"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit()", None),
        ("import sys; sys.exit(0)", "0"),
        ("import sys; sys.exit(3)", "3"),
        ("import sys; sys.exit('bye')", "bye"),
        ("raise SystemExit", None),
        ("exit()", None),
        ("quit", None),
        ("exit(2)", "2"),
    ],
)
def test_the_forms_of_exit(worker, code, told):
    cell = worker.run(code)
    assert cell.kind == "exit"
    assert cell.status["code"] == told
    assert cell.error["name"] == "SystemExit"
    assert worker.run("1").kind == "ok"


def test_after_exit_as_a_function_the_cell_goes_on(worker):
    cell = worker.run("exit()\nprint('on')")
    assert cell.kind == "exit" and cell.text() == "on\n"


@pytest.mark.parametrize("code", ["while True: pass", "import time\ntime.sleep(30)", "import asyncio\nawait asyncio.sleep(30)"])
def test_an_interrupt_ends_the_cell_and_is_told_so(worker, code):
    cell = worker.run(code, during=worker.interrupt_after(0.5))
    assert cell.kind == "raised" and cell.status["interrupted"]
    assert worker.run("print(1)").text() == "1\n"


def test_an_interrupt_between_cells_hurts_no_cell(worker):
    worker.run("x = 1")
    worker.interrupt_after(0.0)()
    assert worker.run("import time; time.sleep(0.2); x").kind == "ok"


def test_the_notebook_s_own_interrupt_handler_stays(worker):
    worker.run("import signal\nseen = []\n_ = signal.signal(signal.SIGINT, lambda *a: seen.append(1))")
    cell = worker.run("import time\ntime.sleep(1)\nseen", during=worker.interrupt_after(0.3))
    assert cell.kind == "ok" and cell.displays()[0]["data"]["text/plain"] == "[1]"


def test_await_and_background_tasks_share_one_running_loop(each):
    each.run("import asyncio\nasync def later():\n    await asyncio.sleep(0.05)\n    return 'done'\ntask = asyncio.create_task(later())")
    assert each.run("await task").displays()[0]["data"]["text/plain"] == "'done'"
    cell = each.run("asyncio.run(later())")
    assert cell.kind == "raised" and "running event loop" in cell.error["value"]


def test_input_is_refused(each):
    each.run("import getpass")
    for code in ("input('?')", "getpass.getpass()"):
        assert each.run(code).error["name"] == "StdinNotImplementedError"


def test_the_environment_looks_like_jupyter_s(worker):
    cell = worker.run(
        "import os, sys, __main__\n"
        "print(type(get_ipython()).__name__, os.environ['MPLBACKEND'], os.environ['PAGER'], os.environ['TERM'])\n"
        "print(sys.path[sys.path.index('') + 1].rsplit('/', 1)[1], os.path.basename(sys.argv[0]), sys.argv[1])\n"
        "print(__name__, hasattr(__main__, '__file__'), [n for n in vars(__main__) if 'nbvet' in n or n == '_load'])\n"
        "print(sys.stdin.read() == '')"
    )
    assert cell.text().splitlines() == [
        "ZMQInteractiveShell module://matplotlib_inline.backend_inline cat xterm-color",
        "site-packages ipykernel_launcher.py -f",
        "__main__ False []",
        "True",
    ]


def test_a_module_beside_the_notebook_shadows_packages_only_and_not_the_standard_library(start, tmp_path):
    for name in ("statistics", "json", "asyncio", "IPython", "nbvet_shim", "getpass", "difflib", "nbformat"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadow')")
    worker = start(cwd=tmp_path)
    assert worker.run("import nbformat").error["value"] == "shadow"
    assert worker.run("import statistics").kind == "ok"
    assert worker.run("import asyncio; await asyncio.sleep(0)").kind == "ok"


def test_pythonpath_is_honoured(start, tmp_path):
    import os

    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "mine.py").write_text("value = 5")
    worker = start(env={**os.environ, "PYTHONPATH": str(folder)})
    assert worker.run("import mine; mine.value").displays()[0]["data"]["text/plain"] == "5"


def test_a_home_that_cannot_be_written_is_no_obstacle(start):
    import os

    worker = start(env={**os.environ, "HOME": "/proc/none"})
    cell = worker.run("1")
    assert cell.kind == "ok" and cell.text("stderr") == ""


def test_local_classes_can_be_pickled_and_pools_forked(worker):
    cell = worker.run(
        "import multiprocessing, pickle\nclass P: pass\npickle.loads(pickle.dumps(P()))\n"
        "def double(x): return 2 * x\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n    print(pool.map(double, [1, 2]))"
    )
    assert cell.text() == "[2, 4]\n"


def test_finish_runs_exit_handlers_and_ends_well(worker):
    worker.run("import atexit, sys\nprint('x', file=sys.stderr)\natexit.register(print, 'bye')")
    end = worker.finish()
    assert end.status == 0 and end.text() == "bye\n"


def test_widgets_progress_bars_and_common_magics_work(worker, tmp_path):
    for code in ("%matplotlib inline", "%less x", "%autosave 5", "%%capture c\nprint(1)", "%env A=1", "%timeit -n1 -r1 0"):
        assert worker.run(code).kind == "ok", code
    assert worker.run("%nosuch").error["traceback"] == ["UsageError: Line magic function `%nosuch` not found."]


@pytest.mark.parametrize("module", ["asyncio", "lib"])
def test_the_loop_is_running_also_in_the_cell_that_first_imports_asyncio(start, tmp_path, module):
    (tmp_path / "lib.py").write_text("import asyncio\n")
    worker = start(cwd=tmp_path)
    cell = worker.run(
        f"import {module}\nimport asyncio\nloop = asyncio.get_running_loop()\nasync def f():\n    return 5\n"
        "task = loop.create_task(f())\nprint(loop.is_running(), asyncio.get_event_loop() is loop)\n"
        "try:\n    asyncio.run(f())\nexcept RuntimeError as error:\n    print(error)"
    )
    assert cell.text().startswith("True True\nasyncio.run() cannot be called from a running event loop\n")
    assert worker.run("await task, asyncio.get_running_loop() is loop").displays()[0]["data"]["text/plain"] == "(5, True)"


def test_a_worker_imports_no_large_package_that_ipython_does_not(worker):
    import subprocess
    import sys

    large = {"asyncio", "ssl", "jedi", "sqlite3", "importlib.metadata", "inspect", "email", "multiprocessing", "tempfile"}
    ours = worker.run("import sys\nprint(*sorted(sys.modules))").text().split()
    code = "from IPython.core.interactiveshell import InteractiveShell as S; S(); import sys; print(*sys.modules)"
    theirs = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    assert large & set(ours) <= set(theirs)


@pytest.mark.parametrize("magic", ["autosave 60", "clear", "less x", "man ls", "more x", "qtconsole"])
def test_magics_of_a_front_end_do_nothing_and_no_harm(worker, magic):
    cell = worker.run("%" + magic)
    assert cell.kind == "ok" and cell.outputs == []


def test_a_magic_about_the_connection_of_a_kernel_does_no_harm(worker):
    cell = worker.run("%connect_info")
    assert cell.kind == "ok"
    assert "nothing to connect to" in cell.text()
