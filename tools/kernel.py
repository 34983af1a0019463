"""Writes the sets of the kernel that images get (environment/image/kernel): for each Python two locks by uv, and in needs.json
what their packages need. Called by tools/lock.sh.

    .venv/bin/python tools/kernel.py
"""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "environment/image/kernel"
PYTHONS = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
# Digests of all files of a version are taken: the platform decides markers alone, which hold on every Linux.
PLATFORM = "x86_64-manylinux_2_28"
HEAD = "# Written by tools/kernel.py from {}.in, for Python {}.\n"


def uv(*words: str) -> str:
    command = [Path(sys.executable).parent / "uv", *words, "--no-config", "--quiet", "--python-platform", PLATFORM]
    return subprocess.run(command, check=True, cwd=FOLDER, stdout=subprocess.PIPE, text=True).stdout


def lock(python: str, of: str) -> Path:
    end = "" if of == "kernel" else f"-{of}"
    file = FOLDER / f"py{python.replace('.', '')}{end}.txt"
    options = ["--generate-hashes", "--no-build", "--no-annotate", "--no-header", "--upgrade"]
    text = uv("pip", "compile", f"{of}.in", *options, "--python-version", python)
    file.write_text(HEAD.format(of, python) + text)
    return file


def needs(lock: Path, python: str) -> dict:
    """What each package of a lock says that it needs, without what is for its extras."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--require-hashes", "--no-deps", "--no-build", "--python-version", python, "--target", folder]
        uv("pip", "install", *options, "--requirement", str(lock))
        found = {}
        for one in distributions(path=[folder]):
            name = one.metadata["Name"].lower().replace("_", "-").replace(".", "-")
            found[f"{name}=={one.version}"] = sorted(need for need in one.requires or [] if "extra ==" not in need)
        return found


def main() -> None:
    found = {}
    for python in PYTHONS:
        for of in ["kernel", "older"]:
            found |= needs(lock(python, of), python)
    text = json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False)
    (FOLDER / "needs.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
