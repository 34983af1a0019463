"""What handlers of the notebook took, on Pythons that can tell."""

import os
import subprocess
from pathlib import Path

import IPython
import pytest

# The IPython of these tests serves interpreters that have none, as the kit does.
KIT = Path(IPython.__file__).parent.parent


def monitoring():
    """The interpreters at hand that have `sys.monitoring`: those named in NBVET_TEST_PYTHONS, and pyenv's."""
    named = [path for path in os.environ.get("NBVET_TEST_PYTHONS", "").split(":") if path]
    installed = sorted(map(str, Path.home().glob(".pyenv/versions/3.*/bin/python")))
    has_it = "import sys; sys.exit(not hasattr(sys, 'monitoring') or 't' in sys.abiflags)"
    return [path for path in named + installed if subprocess.run([path, "-c", has_it], check=False).returncode == 0]


@pytest.fixture(params=monitoring() or [None])
def monitored(request, start):
    """A worker in each of them, after its first cell: the one that is told of is not the first."""
    if request.param is None:
        pytest.skip("needs Python 3.12: set NBVET_TEST_PYTHONS")
    worker = start(python=request.param, kit=KIT)
    worker.run("begun = True")
    return worker


def swallowed(cell):
    return [
        (fact["cell"], fact["line"], fact["raised"], fact["name"], fact["text"], fact["count"])
        for fact in cell.of("swallowed")
    ]


def test_a_handler_that_takes_an_error_is_told_with_its_line_and_the_first_text(monitored):
    cell = monitored.run(
        "values = []\nfor text in ['1', 'x', 'y']:\n    try:\n        values.append(int(text))\n"
        "    except Exception as error:\n        print(error)"
    )
    assert swallowed(cell) == [(1, 5, 4, "ValueError", "invalid literal for int() with base 10: 'x'", 2)]
    assert monitored.run("values").of("swallowed") == []


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    try:\n        1 / 0\n    finally:\n        x = 1\nexcept ZeroDivisionError:\n    pass",
        "try:\n    try:\n        1 / 0\n    except KeyError:\n        x = 1\nexcept ZeroDivisionError:\n    pass",
        "try:\n    try:\n        1 / 0\n    except Exception:\n        raise\nexcept ZeroDivisionError:\n    pass",
    ],
)
def test_what_is_raised_again_is_taken_by_the_last_handler_only(monitored, code):
    assert [(line, name, count) for _, line, _, name, _, count in swallowed(monitored.run(code))] == [
        (6, "ZeroDivisionError", 1)
    ]


def test_an_error_that_is_raised_from_another_takes_its_place(monitored):
    cell = monitored.run(
        "def f():\n    try:\n        {}['a']\n    except KeyError as error:\n        raise ValueError('b') from error\n"
        "try:\n    f()\nexcept ValueError:\n    pass"
    )
    assert [(line, name) for _, line, _, name, _, _ in swallowed(cell)] == [(8, "ValueError")]


def test_what_libraries_take_and_what_ends_a_loop_is_not_told(monitored):
    cell = monitored.run(
        "import json, contextlib\nlist(i for i in range(3))\nhasattr(json, 'nothing')\nnext(iter([]), None)\n"
        "import importlib.util\nimportlib.util.find_spec('nothing_at_all')"
    )
    assert swallowed(cell) == []


def test_a_context_that_takes_an_error_is_told_at_its_with(monitored):
    cell = monitored.run("import contextlib\nwith contextlib.suppress(Exception):\n    x = 1\n    {}['a']")
    assert swallowed(cell) == [(1, 2, 4, "KeyError", "'a'", 1)]


def test_a_handler_in_a_function_of_an_earlier_cell_is_told_with_that_cell(monitored):
    monitored.run("%time\n\ndef load():\n    try:\n        return open('/nowhere')\n    except:\n        return None")
    cell = monitored.run("load()")
    (fact,) = cell.of("swallowed")
    assert (fact["cell"], fact["line"], fact["raised"], fact["name"]) == (1, 6, 5, "FileNotFoundError")
    assert "OSError" in fact["bases"] and "No such file" in fact["text"]


def test_the_text_of_an_error_is_not_asked_of_the_notebooks_own_code(monitored):
    cell = monitored.run(
        "asked = []\nclass Loud(Exception):\n    def __str__(self):\n        asked.append(1)\n        return 'loud'\n"
        "    @property\n    def __context__(self):\n        asked.append(2)\n"
        "class Item:\n    def __repr__(self):\n        asked.append(3)\n        return 'item'\n    __str__ = __repr__\n"
        "for error in [Loud('a'), ValueError(Item()), KeyError(Item())]:\n"
        "    try:\n        raise error\n    except Exception:\n        pass"
    )
    assert [(name, text) for _, _, _, name, text, _ in swallowed(cell)] == [
        ("Loud", None),
        ("ValueError", None),
        ("KeyError", None),
    ]
    assert monitored.run("asked").displays()[0]["data"]["text/plain"] == "[]"


def test_many_errors_are_counted_and_cost_little(monitored):
    cell = monitored.run(
        "import time\nstart = time.perf_counter()\nfor i in range(20000):\n    try:\n        {}[i]\n"
        "    except KeyError:\n        pass\nspent = time.perf_counter() - start"
    )
    (fact,) = cell.of("swallowed")
    assert fact["count"] == 20000
    assert cell.bound()["spent"]["number"]["finite"] < 2.0


def assertions(cell):
    return [(fact["cell"], fact["watched"], fact["reached"]) for fact in cell.of("assertions")]


def test_assertions_are_told_when_they_run_for_the_first_time(monitored):
    cell = monitored.run(
        "def check(x):\n    assert x > 0\n    if x > 9:\n        assert x < (\n            99)\n    return x\nassert True == True"
    )
    assert assertions(cell) == [(1, [2, 4, 7], [7])]
    assert assertions(monitored.run("for x in [1, 2, 3]:\n    check(x)")) == [(1, [], [2])]
    assert assertions(monitored.run("check(10)\ncheck(11)")) == [(1, [], [4])]
    assert assertions(monitored.run("check(12)")) == []


def test_an_assertion_that_fails_has_run(monitored):
    cell = monitored.run("x = 1\nassert x > 1, 'no'")
    assert cell.error["name"] == "AssertionError" and assertions(cell) == [(1, [2], [2])]


def test_what_an_annotated_function_returns_is_told_once_for_each_return(monitored):
    cell = monitored.run(
        "class Base: pass\nclass Own(Base): pass\n"
        "def f(x) -> str:\n    if x:\n        return 1\n    return Own()\n"
        "def g() -> int:\n    yield 1\n"
        "async def h() -> int:\n    return 's'\n"
        "def plain(x):\n    return x\n"
        "for x in [0, 1, 0, 1]:\n    f(x)\nlist(g())\nawait h()\nplain(1);"
    )
    told = [
        (f["cell"], f["line"], f["name"], f["value"]["typeName"], f["value"].get("bases")) for f in cell.of("returned")
    ]
    assert told == [(1, 3, "f", "__main__.Own", ["__main__.Base"]), (1, 3, "f", "int", None)]
