"""Environments as people make them, on every Python of this machine: bare ones, which take IPython from the kit, and such
with an IPython of their own; made by venv and by uv, a prefix as conda makes it, one that a kernelspec names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

VERSIONS = [(3, minor) for minor in range(9, 15)]
# The last IPython for each Python, 8 and 9.
IPYTHON = {(3, 9): "8.18.1", (3, 10): "8.39.0", (3, 12): "9.18.1", (3, 13): "9.18.1"}
GOOD = ["total = sum([1, 2])", "assert total == 3", "%time total", "import asyncio\nawait asyncio.sleep(0)"]
BROKEN = [
    "def load(path):\n    try:\n        return open(path).read()\n    except OSError:\n        print('no data')",
    "data = load('missing.csv')",
    "print(data)",
]


def name(version):
    return "python{}.{}".format(*version)


def notebook(path, cells, **metadata):
    cells = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
        for number, source in enumerate(cells)
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}))
    return path


@pytest.fixture
def validate(installed, tmp_path):
    """The notebooks of a report at production; HOME and the environment are the test's own."""

    def run(*arguments, **variables):
        command = [installed[1], "validate", "--level", "production", "--format", "json", *map(str, arguments)]
        own = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), **variables}
        done = subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return json.loads(done.stdout)["notebooks"]

    return run


def check(validate, tmp_path, python, version, ipython=None):
    """Both verdicts are right, by forking and by fresh interpreters."""
    paths = [notebook(tmp_path / "n/good.ipynb", GOOD), notebook(tmp_path / "n/broken.ipynb", BROKEN)]
    for isolation in ("fork", "spawn"):
        good, broken = validate("--python", python, "--isolation", isolation, *paths)
        assert good["verdict"]["outcome"] == "Passed", good
        assert "NB211" in [found["rule"]["id"] for found in broken["diagnostics"]], broken
        interpreter = good["interpreter"]
        assert interpreter["version"].startswith("{}.{}.".format(*version))
        assert interpreter.get("forked", False) == (isolation == "fork")
        if ipython is None:
            assert interpreter["ipythonFromKit"]
        else:
            assert (interpreter["ipythonFromKit"], interpreter["ipython"]) == (False, ipython)


@pytest.mark.parametrize("version", VERSIONS, ids=name)
def test_a_bare_environment_takes_ipython_from_the_kit(version, interpreter, validate, tmp_path):
    subprocess.run([interpreter(version), "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    check(validate, tmp_path, tmp_path / "bare/bin/python", version)


@pytest.mark.parametrize("version", IPYTHON, ids=name)
def test_an_environment_made_by_uv_has_an_ipython_of_its_own(version, interpreter, validate, tmp_path):
    uv, made = Path(sys.executable).with_name("uv"), tmp_path / "made"
    subprocess.run([uv, "venv", "--quiet", "--python", interpreter(version), made], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", made / "bin/python", f"ipython=={IPYTHON[version]}"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
    check(validate, tmp_path, made / "bin/python", version, IPYTHON[version])


def test_a_prefix_as_conda_makes_it_is_found_where_it_is_active(interpreter, validate, tmp_path):
    python = Path(interpreter((3, 12))).resolve()
    [result] = validate(notebook(tmp_path / "n/good.ipynb", GOOD), CONDA_PREFIX=str(python.parents[1]))
    assert result["verdict"]["outcome"] == "Passed", result
    assert result["interpreter"]["chosen"] == "`$CONDA_PREFIX`"
    assert result["interpreter"]["version"].startswith("3.12.")


def test_the_kernelspec_of_a_notebook_names_its_python(validate, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "made"], check=True)
    spec = tmp_path / "jupyter/kernels/mine/kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(tmp_path / "made/bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Mine", "language": "python"}))
    kernelspec = {"name": "mine", "display_name": "Mine", "language": "python"}
    prefix = f"import sys\nassert sys.prefix == {str(tmp_path / 'made')!r}"
    path = notebook(tmp_path / "n/good.ipynb", [*GOOD, prefix], kernelspec=kernelspec)
    [result] = validate(path, JUPYTER_PATH=str(tmp_path / "jupyter"))
    assert result["verdict"]["outcome"] == "Passed", result
    assert result["interpreter"]["chosen"] == "kernelspec `mine`"
