"""Lays out what pip has put into one folder as nbvet does without pip: programs in `bin`, data in `share` and `etc`, the
same bytes and modes but for byte-code. Run once by the Dockerfile beside it, by the image's own Python (3.8 or newer).
"""

import base64
import csv
import hashlib
import io
import os
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

ENV = Path("/opt/nbvet/env")
SITE = ENV / "site"
PYTHON = ENV / "libexec/python"
# Where pip says that a file lies in none of the folders of packages: it means the folder above.
OUTSIDE = "../../"
OF_INSTALLERS = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
PROGRAM = """#!{python}
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.exit({function}())
"""


def place(recorded):
    """Where pip has put a file, and where it belongs."""
    is_outside = recorded.startswith(OUTSIDE)
    inside = recorded[len(OUTSIDE) :] if is_outside else recorded
    if any(part in ("", "..") for part in inside.split("/")):
        raise SystemExit(f"RECORD names {recorded!r}, which leads out of the folders of packages")
    if not is_outside:
        return SITE / inside, SITE / inside
    headers = "include/python/"
    goal = "include/" + inside[len(headers) :] if inside.startswith(headers) else inside
    return SITE / inside, ENV / goal


def move(source, goal):
    if source.exists() and source != goal:
        goal.parent.mkdir(parents=True, exist_ok=True)
        source.replace(goal)
        leave(source)
    if not goal.exists():
        raise SystemExit(f"RECORD names {source}, which pip has not installed")


def leave(file):
    """The folders of a file that is gone go as well, where nothing else is in them."""
    for folder in file.parents:
        if folder == SITE or any(folder.iterdir()):
            break
        folder.rmdir()


def programs(about):
    """The text of each program that a package names, by its path."""
    found = {}
    for point in PathDistribution(about).entry_points:
        if point.group in ("console_scripts", "gui_scripts"):
            module, function = (part.strip() for part in point.value.split("[")[0].split(":"))
            name = function.split(".")[0]
            text = PROGRAM.format(python=PYTHON, module=module, name=name, function=function)
            found[ENV / "bin" / point.name] = text.encode()
    return found


def with_interpreter(text):
    """A script whose first line pip has filled in."""
    first, rest = text.split(b"\n", 1) if b"\n" in text else (text, None)
    if first != b"#!" + os.fsencode(sys.executable):
        return text
    return b"#!" + os.fsencode(PYTHON) + (b"" if rest is None else b"\n" + rest)


def digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def arrange(about):
    """One package, by its `.dist-info` folder: moves its files, writes its programs, and RECORD as things are then."""
    with (about / "RECORD").open(newline="", encoding="utf-8") as file:
        recorded = [row for row in csv.reader(file) if row]
    named = programs(about)
    lines = {}
    for path, hashed, *_ in recorded:
        source, goal = place(path)
        if source.parent == about and source.name in OF_INSTALLERS:
            if source.name != "RECORD" and source.exists():
                source.unlink()
            continue
        if "__pycache__" in source.parts and source.suffix == ".pyc":
            # That of a program, which Python never asks for.
            if source != goal and source.exists():
                source.unlink()
                leave(source)
            continue
        move(source, goal)
        if goal.parent == ENV / "bin":
            before = goal.read_bytes()
            after = named.get(goal) or with_interpreter(before)
            if after != before:
                goal.write_bytes(after)
                hashed = digest(after)
        lines[os.path.relpath(goal, SITE)] = (hashed, goal.stat().st_size)
    (about / "INSTALLER").write_bytes(b"nbvet\n")
    lines[f"{about.name}/INSTALLER"] = (digest(b"nbvet\n"), 6)
    lines[f"{about.name}/RECORD"] = ("", "")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows((path, *lines[path]) for path in sorted(lines, key=os.fsencode))
    (about / "RECORD").write_bytes(text.getvalue().encode())


def main():
    for about in sorted(SITE.glob("*.dist-info")):
        arrange(about)
    PYTHON.parent.mkdir(parents=True, exist_ok=True)
    PYTHON.write_bytes(b"#!/bin/sh\nexec " + os.fsencode(sys.executable) + b' "$@"\n')
    PYTHON.chmod(0o755)
    # Group 0 may write, as OpenShift wants.
    for folder, _, files in os.walk(ENV):
        os.chmod(folder, 0o775)
        for name in files:
            file = os.path.join(folder, name)
            os.chmod(file, 0o775 if os.stat(file).st_mode & 0o100 else 0o664)


main()
