"""What the notebook made goes at the process's end as in any Python; what was there before is left to the system."""

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
