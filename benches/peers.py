"""nbvet beside the tools that people use today: lint against ruff, running against nbclient, papermill, nbmake and
ploomber-engine.

Usage: peers.py [lint] [run] [--repeats N]

Both sides take turns in one execution; CPU time is that of the whole process tree. It measures the binary that
`NBVET_BIN` names, else builds the release binary, and takes the peers from this Python's environment.
"""

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import lint
import measure
import run

PATHS = {"lint": lint.main, "run": run.main}
PACKAGES = ["ruff", "nbclient", "papermill", "nbmake", "ploomber-engine", "ipykernel", "ipython", "pandas", "matplotlib"]
ROOT = Path(__file__).resolve().parents[1]


def binary():
    """The nbvet to measure, as an absolute path."""
    named = os.environ.get("NBVET_BIN")
    if named:
        return Path(named).resolve(strict=True)
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "nbvet"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve() / "release/nbvet"


def installed(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def processor():
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def print_conditions(nbvet):
    version = subprocess.run([nbvet, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    print("# nbvet and its peers\n")
    print(f"- {version}, {nbvet.stat().st_size / 1e6:.1f} MB, {linkage(nbvet)}")
    print(f"- {processor()}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}")
    print(f"- Python {platform.python_version()}; " + ", ".join(f"{name} {installed(name)}" for name in PACKAGES))
    # With this package `import nbformat` costs most of a second more: jsonschema builds its parsers at import.
    full = installed("rfc3987-syntax")
    print(f"- environment: {'FULL: with' if full else 'LEAN: without'} rfc3987-syntax, which makes kernel tools slower")


def linkage(nbvet):
    """Whether the binary needs a dynamic loader: static ones bring another C library and allocator."""
    return "dynamic" if b"/ld-linux" in nbvet.read_bytes()[:4096] else "static"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", metavar="lint|run", help="what to measure; both by default")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="counted repeats of each command (5)")
    arguments = parser.parse_args()
    unknown = set(arguments.paths) - PATHS.keys()
    if unknown or arguments.repeats < 3:
        parser.error("paths are lint and run; a median needs 3 repeats or more")
    nbvet = binary()
    measure.adopt_orphans()
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        # Such as PYTHONDONTWRITEBYTECODE, by which everything is compiled anew at each start.
        del os.environ[name]
    print_conditions(nbvet)
    with tempfile.TemporaryDirectory(prefix="nbvet-bench-") as scratch:
        for name in arguments.paths or PATHS:
            PATHS[name](nbvet, Path(sys.prefix), Path(scratch), arguments.repeats)


if __name__ == "__main__":
    main()
