"""Runs a notebook under nbclient and under nbvet, each in a fresh folder; both give the executed notebook."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Run in a process of its own: a driver that hangs or leaks harms no other probe.
NBCLIENT = """
import json, sys
import nbformat, nbclient
path, folder, options = sys.argv[1:]
notebook = nbformat.read(path, as_version=4)
client = nbclient.NotebookClient(notebook, resources={"metadata": {"path": folder}}, **json.loads(options))
try:
    client.execute()
except (nbclient.exceptions.CellExecutionError, nbclient.exceptions.CellTimeoutError) as error:
    print(type(error).__name__, file=sys.stderr)
except nbclient.exceptions.DeadKernelError:
    print("DeadKernelError", file=sys.stderr)
nbformat.write(notebook, path)
"""
LIMIT = 10


class Failed(Exception):
    """nbclient itself came to no end."""


def environment():
    """What both see: no settings of the one who compares."""
    dropped = ("MPLBACKEND", "COLUMNS", "LINES", "PYTHONPATH", "IPYTHONDIR", "VIRTUAL_ENV", "CONDA_PREFIX")
    own = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**own, "COLUMNS": "80", "LINES": "24", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def nbclient(notebook, options=None, python=sys.executable, files=(), limit=LIMIT, whole=600):
    """The notebook as nbclient leaves it, and the name of the exception that ended it, if one did."""
    options = {"timeout": limit, "interrupt_on_timeout": True, "kernel_name": "python3", **(options or {})}
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, notebook, files)
        command = [python, "-c", NBCLIENT, path, folder, json.dumps(options)]
        done = subprocess.run(
            command, cwd="/", env=environment(), capture_output=True, text=True, timeout=whole, check=False
        )
        if done.returncode:
            raise Failed(done.stderr)
        return scrubbed(path, folder), done.stderr.strip().rsplit("\n", 1)[-1]


def nbvet(program, notebook, arguments=(), python=sys.executable, files=()):
    """The notebook as nbvet leaves it, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, notebook, files)
        command = [str(Path(program).resolve()), "run", "--python", python, "-o", path, "--format", "json", *arguments, path]
        done = subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode not in (0, 1, 2) or not done.stdout.startswith("{"):
            raise RuntimeError(f"nbvet: status {done.returncode}: {done.stderr[-2000:]}")
        return scrubbed(path, folder), json.loads(done.stdout)["notebooks"][0]


def write(folder, notebook, files):
    """The notebook in the folder, with links to the files that it needs."""
    for file in files:
        (Path(folder) / Path(file).name).symlink_to(Path(file).resolve())
    path = Path(folder) / "notebook.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return str(path)


def scrubbed(path, folder):
    """The executed notebook, without the name of the folder it ran in."""
    text = Path(path).read_text(encoding="utf-8")
    return json.loads(text.replace(folder, "<FOLDER>"))
