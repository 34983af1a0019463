"""Interpreters that cannot run a worker say so."""

import subprocess
import sys
from pathlib import Path

import pytest
from driver import PYTHON, Died, Worker


def old_pythons():
    versions = Path.home() / ".pyenv" / "versions"
    return sorted(path for path in versions.glob("3.[678].*/bin/python") if path.exists())


@pytest.mark.parametrize("python", old_pythons() or [None])
def test_an_old_python_is_refused_in_one_line(so, tmp_path, python):
    if python is None:
        pytest.skip("no old Python at hand")
    worker = Worker(python, so, tmp_path)
    with pytest.raises(Died) as died:
        worker.start()
    worker.close()
    assert died.value.status == 86
    (line,) = died.value.text("stderr").splitlines()
    assert "CPython 3.9 or newer" in line


def test_a_start_that_fails_leaves_a_traceback(tmp_path):
    worker = Worker(sys.executable, "/nonexistent.so", tmp_path)
    with pytest.raises(Died) as died:
        worker.start()
    worker.close()
    assert died.value.status == 87 and "ImportError" in died.value.text("stderr")


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """An environment without IPython."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def test_without_ipython_the_kit_s_is_used(start, bare):
    import IPython

    kit = Path(IPython.__file__).parent.parent
    worker = start(python=bare, kit=kit)
    assert worker.ready["info"]["ipythonFromKit"]
    assert worker.run("import sys\nsys.path[-1]").displays()[0]["data"]["text/plain"] == repr(str(kit))


def test_without_ipython_and_kit_the_start_fails(so, bare, tmp_path):
    worker = Worker(bare, so, tmp_path)
    with pytest.raises(Died) as died:
        worker.start()
    worker.close()
    assert died.value.status == 87 and "IPython" in died.value.text("stderr")


def test_the_worker_says_what_it_runs_in(worker):
    info = worker.ready["info"]
    assert info["executable"] == sys.executable and not info["ipythonFromKit"]
    assert info["version"] == "%d.%d.%d" % sys.version_info[:3]


def test_the_loader_is_valid_for_old_pythons():
    assert "f\"" not in (PYTHON / "loader.py").read_text()


def test_a_cold_trivial_notebook_is_cheap(start):
    worker = start()
    worker.run("x = 1")
    ticks = Path(f"/proc/{worker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    import os

    assert sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") < 1.0
