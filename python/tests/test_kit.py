"""The IPython kits: each runs cells on every Python of this machine that it is for, with nothing installed."""

import subprocess
import tarfile
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).resolve().parents[2]
KITS = {(3, 9): "py39", (3, 10): "py310"}
NEWEST_KIT = "py311"
VERSIONS = [(3, minor) for minor in range(9, 15)]

# Runs in the interpreter under test; what it uses of IPython is what notebooks use.
PROBE = """
import sys
sys.path.append(sys.argv[1])
from IPython.core.interactiveshell import InteractiveShell

class ZMQInteractiveShell(InteractiveShell):
    pass

shell = ZMQInteractiveShell.instance()
cells = [
    "1 + 1", "%time x = 3", "!true", "y = !echo a", "%%bash\\necho b", "import os\\nos.path?", "%timeit -n1 -r1 1",
    "import asyncio\\nawait asyncio.sleep(0)", "%psource os.path.join", "%who", "%prun 1",
    "%load_ext autoreload\\n%autoreload 2", "%%time\\n1", "%%capture c\\nprint(1)", "%lsmagic", "%history", "%pwd",
    "from IPython.display import HTML, Image, Markdown, display\\ndisplay(HTML('x'))",
    "get_ipython().complete('os.pa')", "%xmode Verbose",
    "import importlib.util\\nassert importlib.util.find_spec('matplotlib_inline')",
]
for cell in cells:
    assert shell.run_cell(cell, store_history=True).success, cell
assert not shell.run_cell("def f(a):\\n    return 1 / a\\nf(0)").success
for left_out in ("jedi", "parso", "psutil"):
    assert left_out not in sys.modules, left_out
kit = [name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").startswith(sys.argv[1])]
assert "IPython" in kit, "IPython is not the kit's"
print("ran", len(cells), "cells")
"""


@pytest.fixture(scope="session")
def archive():
    with tarfile.open(ROOT / "target" / "nbvet-assets.tar.gz") as opened:
        yield opened


@pytest.fixture(scope="session")
def assets(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    archive.extractall(folder)
    return folder


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: "python{}.{}".format(*version))
def test_the_kit_runs_cells_where_nothing_is_installed(version, assets, tmp_path, interpreter):
    kit = assets / "kit" / KITS.get(version, NEWEST_KIT)
    python = interpreter(version)
    # A fresh environment, so that no IPython of the interpreter's own comes first.
    subprocess.run([python, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    probe = [tmp_path / "bare/bin/python", "-c", PROBE, kit]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(probe, capture_output=True, text=True, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ran 21 cells" in done.stdout


@pytest.mark.parametrize("name", [*KITS.values(), NEWEST_KIT])
def test_a_kit_holds_nothing_compiled_and_every_licence(name, archive):
    files = [PurePath(path).relative_to(f"kit/{name}") for path in archive.getnames() if path.startswith(f"kit/{name}/")]
    assert [path for path in files if path.suffix in (".so", ".pyc", ".pyd")] == []
    packages = {path.parts[0] for path in files if path.parts[0].endswith(".dist-info")}
    licensed = {path.parts[0] for path in files if "LICEN" in path.name.upper() or "COPYING" in path.name}
    assert packages and packages <= licensed


@pytest.mark.parametrize("libc", ["gnu", "musl"])
def test_the_worker_needs_only_the_c_library(libc, assets):
    module = assets / "worker" / libc / "nbvet_worker.abi3.so"
    dynamic = subprocess.run(["readelf", "--dynamic", "--version-info", module], capture_output=True, text=True, check=True)
    needed = {line.split("[")[1].rstrip("]") for line in dynamic.stdout.splitlines() if "(NEEDED)" in line}
    c_library = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2", "libm.so.6"}
    assert needed <= (c_library if libc == "gnu" else {"libc.so"}), needed
