"""Warnings, commands, installs, and errors that end no cell."""

import pytest


def test_warnings_are_counted_by_category_text_and_line(each):
    each.run("import warnings\ndef f():\n    warnings.warn('deep', RuntimeWarning)")
    cell = each.run("warnings.simplefilter('always')\nfor _ in range(3):\n    f()\n\nwarnings.warn('own')")
    first, second = cell.of("warning")
    assert (first["category"], first["message"], first["count"], first["line"]) == ("RuntimeWarning", "deep", 3, 3)
    assert first["bases"] == ["Warning"] and first["inNotebook"]
    assert (second["category"], second["line"], second["count"]) == ("UserWarning", 5, 1)
    assert cell.text("stderr").count("RuntimeWarning: deep") == 3


def test_a_warning_of_a_library_tells_the_line_that_called_it(start, tmp_path):
    (tmp_path / "lib.py").write_text("import warnings\ndef f():\n    warnings.warn('x', FutureWarning)\n")
    (fact,) = start(cwd=tmp_path).run("import lib\n\nlib.f()").of("warning")
    assert fact["line"] == 3 and not fact["inNotebook"] and fact["bases"] == ["Warning"]


def test_warnings_that_the_notebook_records_or_ignores_are_its_own(worker):
    cell = worker.run(
        "import warnings\nwith warnings.catch_warnings(record=True) as w:\n    warnings.warn('a')\n"
        "with warnings.catch_warnings():\n    warnings.simplefilter('ignore')\n    warnings.warn('b')\nlen(w)"
    )
    assert cell.of("warning") == []
    assert cell.displays()[0]["data"]["text/plain"] == "1"


def test_the_hint_of_sys_exit_is_not_the_notebook_s_warning(worker):
    cell = worker.run("import sys\nsys.exit(1)")
    assert "To exit" in cell.text("stderr") and cell.of("warning") == []


def commands(cell):
    return [(f["how"], f["command"], f["status"], f["line"], f["hidden"]) for f in cell.of("command")]


def test_shell_lines_tell_their_status(each):
    cell = each.run("x = 3\n!exit {x}\ny = !false\n!kill -9 $$\nz = %sx exit 4")
    assert commands(cell) == [
        ("shell", "exit {x}", 3, 2, False),
        ("shell", "false", 1, 3, False),
        ("shell", "kill -9 $$", -9, 4, False),
        ("shell", "exit 4", 4, 5, False),
    ]


def test_os_system_and_subprocess_tell_their_status(each):
    cell = each.run(
        "import os, subprocess\nos.system('exit 3')\nsubprocess.run(['sh', '-c', 'exit 4'])\n"
        "subprocess.call('exit 5', shell=True)\np = subprocess.Popen(['sleep', '9'])\np.kill()\np.wait()"
    )
    assert commands(cell) == [
        ("os-system", "exit 3", 3, 2, False),
        ("subprocess", "sh -c 'exit 4'", 4, 3, False),
        ("subprocess", "exit 5", 5, 4, False),
        ("subprocess", "sleep 9", -9, 7, False),
    ]


def test_a_check_that_fails_raises_and_tells(worker):
    cell = worker.run("import subprocess\nsubprocess.check_output(['false'])")
    assert cell.error["name"] == "CalledProcessError" and cell.error["line"] == 2
    assert commands(cell) == [("subprocess", "false", 1, 2, False)]
    assert "nbvet_shim" not in "".join(cell.error["traceback"])


def test_commands_of_libraries_are_not_the_notebook_s(start, tmp_path):
    (tmp_path / "lib.py").write_text("import subprocess\ndef f():\n    subprocess.run(['false'])\n")
    assert start(cwd=tmp_path).run("import lib\nlib.f()").of("command") == []


def test_bash_cells_tell_what_failed_before_the_end(each):
    cell = each.run("%%bash\nfalse\necho one\nls ./no-such-file 2>/dev/null\nif false; then :; fi\nfalse || true\necho two")
    assert cell.kind == "ok" and cell.text() == "one\ntwo\n"
    assert commands(cell) == [
        ("script-cell", "false", 1, 2, True),
        ("script-cell", "ls ./no-such-file 2> /dev/null", 2, 4, True),
        ("script-cell", "%%bash", 0, 1, False),
    ]


def test_a_bash_cell_that_fails_raises_and_names_the_command(each):
    cell = each.run("%%bash\nset -e\necho one\nfalse\necho never")
    assert cell.kind == "raised" and cell.text() == "one\n"
    assert commands(cell) == [("script-cell", "false", 1, 4, False)]


def test_a_script_cell_that_may_fail_tells_its_status(each):
    cell = each.run("%%script --no-raise-error sh\nexit 7")
    assert cell.kind == "ok"
    assert commands(cell) == [("script-cell", "%%script --no-raise-error sh", 7, 1, False)]


def test_the_trap_changes_nothing_for_the_script_and_its_children(worker, tmp_path):
    (tmp_path / "inner.sh").write_text("false\ntrap -p ERR\necho inner\n")
    cell = worker.run(
        "%%bash\nset -xu\n(exit 3)\necho $?\nbash inner.sh\nenv | grep -c NBVET_REPORT\nbash -c 'echo ${BASH_ENV-none}'\ntype -t pip\ntrue"
    )
    assert cell.text().startswith("3\ninner\n0\nnone\n") and "function" not in cell.text()
    assert "__nbvet" not in cell.text("stderr") and "printf" not in cell.text("stderr")


def test_a_user_s_own_bash_env_still_acts(start, tmp_path):
    import os

    rc = tmp_path / "rc"
    rc.write_text("GREETING=hello\n")
    worker = start(env={**os.environ, "BASH_ENV": str(rc)})
    assert worker.run("%%bash\necho $GREETING\nbash -c 'echo $GREETING'").text() == "hello\nhello\n"


def installs(cell):
    return [(f["command"], f["action"], f["missing"], f["line"]) for f in cell.of("install")]


MISSING = "no-such-distribution"


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("%pip install ipython", []),
        ("!pip install ipython", []),
        ("!pip install -q 'ipython>=1' --upgrade > /dev/null 2>&1", []),
        (f"!pip install ipython {MISSING}", [MISSING]),
        ("!pip install 'ipython>=1000'", ["ipython>=1000"]),
        ("!{sys.executable} -m pip install ipython", []),
        ("!python -m pip install --index-url https://example.org ipython", []),
        (f"!uv pip install {MISSING}", [MISSING]),
        (f"x = !pip install {MISSING}", [MISSING]),
        ("!pip install git+https://example.org/x.git", ["git+https://example.org/x.git"]),
        ("!pip install 'nothing; python_version < \"3\"'", []),
        ("!pip install -r reqs.txt", [MISSING]),
        ("!pip install -r absent.txt", ["-r absent.txt"]),
        ("os.system('pip install ipython')", []),
        (f"subprocess.check_call([sys.executable, '-m', 'pip', 'install', '{MISSING}'])", [MISSING]),
        (f"%%bash\npip install -q {MISSING} ipython\npython -m pip install {MISSING}", None),
    ],
)
def test_requests_to_install_are_answered_without_being_executed(worker, tmp_path, code, missing):
    (tmp_path / "reqs.txt").write_text(f"# wanted\nipython>=1  # the shell\n\n{MISSING} \\\n  --hash=sha256:00\n")
    worker.run("import os, subprocess, sys")
    cell = worker.run(code)
    assert cell.kind == "ok", cell.status
    if missing is None:
        assert [(f["action"], f["missing"]) for f in cell.of("install")] == [("skipped", [MISSING])] * 2
        return
    action = "skipped" if missing else "satisfied"
    assert [(f["action"], f["missing"], f["line"]) for f in cell.of("install")] == [(action, missing, 1)]
    assert "not executed" in cell.text()


def test_the_rest_of_a_line_with_an_install_is_executed(worker):
    cell = worker.run(f"!echo before && pip install {MISSING} && echo after")
    assert "before" in cell.text() and "after" in cell.text()
    assert installs(cell)[0][1] == "skipped"
    assert [f["status"] for f in cell.of("command")] == [0]


def test_commands_that_only_mention_installs_are_left_alone(worker):
    cell = worker.run("!echo pip install x\n!python3 -c 'print(\"pip install y\")'")
    assert cell.text().replace("\r", "") == "pip install x\npip install y\n" and installs(cell) == []


def test_with_the_policy_run_installs_are_executed(start, tmp_path):
    cell = start(installs="run").run("!pip install --no-index --find-links . no-such-distribution")
    ((_, action, missing, _),) = installs(cell)
    assert (action, missing) == ("executed", [MISSING])
    assert cell.of("command")[0]["status"] != 0


def after(cell):
    return [(f["origin"], f["error"]["name"], f["error"]["value"], f["error"].get("line")) for f in cell.of("after-cell")]


def test_an_error_of_a_thread_is_told(each):
    cell = each.run(
        "import threading\ndef f():\n    raise ValueError('t')\nt = threading.Thread(target=f)\nt.start()\nt.join()"
    )
    assert cell.kind == "ok" and after(cell) == [("thread", "ValueError", "t", 3)]
    assert "ValueError" in cell.text("stderr")


def test_an_error_of_a_task_that_nobody_awaits_is_told(each):
    each.run("import asyncio\nasync def f():\n    raise ValueError('task')")
    each.run("asyncio.ensure_future(f());")
    cell = each.run("import gc\nOut.clear()\n_ = __ = ___ = _2 = None\ngc.collect()\nawait asyncio.sleep(0)")
    assert [(o, n, v) for o, n, v, _ in after(cell)] == [("task", "ValueError", "task")]


def test_an_error_in_a_destructor_is_told(each):
    cell = each.run("class D:\n    def __del__(self):\n        raise ValueError('d')\nx = D()\ndel x")
    assert after(cell) == [("unraisable", "ValueError", "d", 3)]


def test_an_error_in_a_hook_after_the_cell_is_told(each):
    each.run("def hook():\n    raise ValueError('h')\nget_ipython().events.register('post_execute', hook)")
    cell = each.run("x = 1")
    assert cell.kind == "ok" and [a[:3] for a in after(cell)] == [("hook", "ValueError", "h")]
    assert [(shown["type"], shown["name"]) for shown in cell.displays()] == [("error", "ValueError")]


def test_a_script_run_by_magic_that_fails_is_told(worker, tmp_path):
    (tmp_path / "script.py").write_text("1/0\n")
    cell = worker.run("%run script.py")
    assert cell.kind == "raised" or after(cell)[0][1] == "ZeroDivisionError"


def test_a_command_behind_os_popen_is_told(each):
    cell = each.run("import os\nos.popen('exit 3').close()")
    assert commands(cell) == [("subprocess", "exit 3", 3, 2, False)]
