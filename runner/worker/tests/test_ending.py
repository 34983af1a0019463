"""What the notebook made goes at the process's end as in any Python; what was there before is left to the system."""

from pathlib import Path

import pytest

WRITER = """
class Writer:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        import json
        with open("ended", "a") as file:
            file.write(json.dumps(self.name))
"""


def ended(worker, tmp_path):
    """What was written as the worker ended."""
    end = worker.finish()
    assert (end.status, end.text("stderr")) == (0, "")
    file = tmp_path / "ended"
    return file.read_text() if file.exists() else ""


HELD = {
    "by a name": "writer = Writer('x')",
    "as the last result": "Writer('x')",
    "by a cycle": "writer = Writer('x')\nwriter.me = writer\ndel writer",
    "by the frame of an error": "def fail():\n    writer = Writer('x')\n    1 / 0\nfail()",
    "by an earlier error": "import sys\ntry:\n    fail = Writer('x')\n    1 / 0\nexcept Exception as error:\n    kept = error",
}


@pytest.mark.parametrize("held", HELD)
def test_what_the_notebook_made_ends_with_its_imports_at_hand(each, tmp_path, held):
    each.run(WRITER)
    each.run(HELD[held])
    assert ended(each, tmp_path) == '"x"'


MODULES = {
    "a zip file": ("import zipfile\nz = zipfile.ZipFile('ended', 'w')\nz.writestr('a', 'x')", lambda data: data[-22:-18] == b"PK\x05\x06"),
    "an object that writes as it ends": (
        "class W:\n    file = open('ended', 'w')\n    def __del__(self): self.file.write('end')\nw = W()",
        lambda data: data == b"end",
    ),
}


@pytest.mark.parametrize("made", MODULES)
@pytest.mark.parametrize("where", ["a module of its own", "a library"])
def test_objects_of_modules_end_before_their_files(each, tmp_path, made, where):
    code, is_whole = MODULES[made]
    (tmp_path / "own.py").write_text(code)
    each.run("import own" if where == "a module of its own" else "import own, json\njson.z = vars(own).pop('z', None) or own.__dict__.pop('w')")
    assert each.finish().status == 0
    assert is_whole((tmp_path / "ended").read_bytes())


FILES = {
    "by a name": "file = open('ended', 'w'); file.write('all')",
    "by a library": "import json\njson.file = open('ended', 'w'); json.file.write('all')",
    "by a module of its own": "open('own.py', 'w').write('file = open(\"ended\", \"w\")')\nimport own\nown.file.write('all')",
    "by a library, in layers": "import io, os\nos.file = io.BufferedWriter(io.FileIO('ended', 'w')); os.file.write(b'all')",
    "by the frame of an error": "def fail():\n    file = open('ended', 'w'); file.write('all')\n    1 / 0\nfail()",
    "by a class of IPython": "get_ipython().__class__.file = open('ended', 'w'); get_ipython().file.write('all')",
}


@pytest.mark.parametrize("held", FILES)
def test_nothing_written_to_a_file_is_lost(each, tmp_path, held):
    each.run(FILES[held])
    assert ended(each, tmp_path) == "all"


def test_handlers_run_at_the_end_in_order_and_may_import(each, tmp_path):
    each.run("""
import atexit
def note(text):
    import csv, decimal
    with open("ended", "a") as file:
        file.write(text)
atexit.register(note, "1")
atexit.register(note, "2")
""")
    assert ended(each, tmp_path) == "21"


def test_a_notebook_that_broke_what_the_end_needs_ends_all_the_same(each, tmp_path):
    each.run("import sys, gc, io\nfor name in list(sys.modules):\n    del sys.modules[name]")
    assert each.finish().status == 0


def test_what_fails_at_the_end_is_told_with_its_cell(each):
    each.run("import atexit, asyncio, threading, time")
    each.run("class Bad:\n    def __del__(self):\n        raise KeyError('in del')\nbad = Bad()")
    each.run("async def fails():\n    raise ValueError('in task')\ntask = asyncio.create_task(fails())\nawait asyncio.sleep(0)")
    each.run("async def never():\n    pass\nkept = [never()]")
    each.run("def late():\n    time.sleep(0.2)\n    raise OSError('in thread')\nthreading.Thread(target=late, name='late').start()")
    each.run("@atexit.register\ndef last():\n    raise TypeError('at exit')")
    each.finish()
    told, threads = {}, []
    for message in each.leaving:
        threads += message["threads"]
        for late in message["facts"]:
            error = late["fact"].get("error", {})
            told[error.get("value") or late["fact"]["message"]] = (late["cell"], error.get("line"))
    assert threads == ["late"]
    assert told.pop("coroutine 'never' was never awaited") == (None, None)
    expected = {"'in del'": (1, 3), "in task": (2, 2), "in thread": (4, 3)}
    if not each.ready["info"]["version"].startswith("3.9."):  # which only prints it
        expected["at exit"] = (5, 3)
    assert told == expected


def test_a_child_of_the_notebook_writes_its_files(worker, tmp_path):
    worker.run("""
import os, sys
if os.fork() == 0:
    file = open("ended", "w")
    file.write("all")
    sys.exit(3)
os.wait()
""")
    assert (tmp_path / "ended").read_text() == "all"


def test_shared_memory_is_removed(worker):
    name = worker.run("""
from multiprocessing import shared_memory
memory = shared_memory.SharedMemory(create=True, size=1000)
memory.name
""").displays()[0]["data"]["text/plain"]
    worker.finish()
    assert not Path("/dev/shm", name.strip("'")).exists()


@pytest.mark.parametrize("variables", [{}, {"IPYTHONDIR": ""}, {"IPYTHONDIR": "~/other"}])
def test_no_folder_of_the_user_is_removed(start, tmp_path, variables):
    home, folder = tmp_path / "home", tmp_path / "folder"
    for path in (home / ".config/ipython/profile_default", home / "other", folder):
        path.mkdir(parents=True)
        (path / "mine").write_text("")
    worker = start(cwd=folder, env={"PATH": "/usr/bin:/bin", "HOME": str(home), **variables})
    assert worker.finish().status == 0
    assert sum(path.name == "mine" for path in tmp_path.rglob("*")) == 3


def test_a_temporary_folder_of_ipython_s_is_removed(start, tmp_path):
    (tmp_path / "tmp").mkdir()
    # A folder that nobody can write to, root neither.
    variables = {"PATH": "/usr/bin:/bin", "HOME": "/proc/1", "IPYTHONDIR": "/proc/1/fdinfo", "TMPDIR": str(tmp_path / "tmp")}
    worker = start(env=variables)
    assert worker.run("import os\nassert os.path.isdir(get_ipython().ipython_dir)").kind == "ok"
    worker.finish()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_thread_that_does_not_say_its_name_is_no_fault_of_the_end(worker):
    worker.run("""
import threading, time
class Odd(threading.Thread):
    name = property(lambda self: 1 / 0, lambda self, name: None)
    def run(self):
        time.sleep(0.3)
Odd().start()
""")
    assert worker.finish().status == 0
