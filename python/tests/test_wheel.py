"""The wheel as users get it: installed by pip into a clean environment, its command vets notebooks."""

import base64
import csv
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAGS = "py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64"


@pytest.fixture(scope="session")
def wheel():
    wheels = list((ROOT / "dist").glob(f"nbvet-*-{TAGS}.whl"))
    assert len(wheels) == 1, f"`cargo xtask dist` makes one wheel, not {wheels}"
    return wheels[0]


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """A virtual environment with the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", wheel]
    subprocess.run(pip, check=True)
    return folder


@pytest.fixture
def nbvet(environment, tmp_path):
    """Runs the installed command as a person would who activated the environment."""

    def run(*arguments):
        variables = {
            "PATH": f"{environment / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "VIRTUAL_ENV": str(environment),
            "HOME": str(tmp_path / "home"),
            "NO_COLOR": "1",
        }
        command = [environment / "bin/nbvet", *map(str, arguments)]
        return subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120)

    return run


def notebook(path, *cells):
    def cell(index, source):
        return {"cell_type": "code", "id": f"c{index}", "metadata": {}, "source": source,
                "execution_count": None, "outputs": []}

    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell(*pair) for pair in enumerate(cells)]}
    path.write_text(json.dumps(content))
    return path


def test_the_record_holds_every_file_with_its_digest(wheel):
    with zipfile.ZipFile(wheel) as archive:
        record = next(name for name in archive.namelist() if name.endswith("RECORD"))
        rows = {name: digest for name, digest, _ in csv.reader(archive.read(record).decode().splitlines())}
        assert set(rows) == set(archive.namelist())
        for name in set(rows) - {record}:
            digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).rstrip(b"=")
            assert rows[name] == f"sha256={digest.decode()}", name


def test_the_command_is_one_static_program(environment):
    program = (environment / "bin/nbvet").resolve()
    headers = subprocess.run(["readelf", "--program-headers", program], capture_output=True, text=True, check=True)
    assert "INTERP" not in headers.stdout, "a static program asks for no loader"
    assert os.access(program, os.X_OK)


def test_the_program_names_no_folder_of_its_builder(environment):
    content = (environment / "bin/nbvet").read_bytes()
    assert str(ROOT).encode() not in content
    assert os.fsencode(Path.home() / ".cargo") not in content


def test_the_version_is_the_wheels(nbvet, wheel):
    done = nbvet("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"nbvet {wheel.name.split('-')[1]}")


def test_pytest_finds_the_plugin_where_the_wheel_is_installed(environment):
    names = "from importlib.metadata import distribution as d; print(*[(e.group, e.name, e.value) for e in d('nbvet').entry_points])"
    done = subprocess.run([environment / "bin/python", "-c", names], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('pytest11', 'nbvet', 'pytest_nbvet')"
    # Without pytest nothing of it is imported, so a wheel alone stays whole.
    assert list(environment.glob("lib/python*/site-packages/pytest_nbvet.py"))


def test_a_good_notebook_runs_where_nothing_else_is_installed(nbvet, tmp_path):
    good = notebook(tmp_path / "good.ipynb", "x = 20 + 1", "%time y = 2 * x", "assert y == 42\nprint(f'y is {y}')")
    executed = tmp_path / "executed.ipynb"
    done = nbvet("run", good, "-o", executed)
    assert done.returncode == 0, done.stdout + done.stderr
    [output] = json.loads(executed.read_text())["cells"][2]["outputs"]
    assert (output["name"], "".join(output["text"])) == ("stdout", "y is 42\n")


def test_a_notebook_that_fails_is_told_with_its_cell(nbvet, tmp_path):
    bad = notebook(tmp_path / "bad.ipynb", "x = 1", "1 / 0")
    done = nbvet("validate", bad)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ZeroDivisionError" in done.stdout and "In [2]" in done.stdout
