"""Prints the folder of the base images (an OCI layout) or of a lock's wheels, made where it is not yet there.

    python3 environment/testkit/bases images
    python3 environment/testkit/bases wheels test

Status 3: this machine lacks a command; the last line says which.
"""

import fcntl
import hashlib
import os
import shutil
import sys
from pathlib import Path

import images
import wheels

HERE = Path(__file__).parent


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbvet"


def key(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def layout(at: Path) -> Path:
    machine = os.uname().machine.encode()
    root_key = key(machine, *(word.encode() for word in images.ROOT))
    sources = [*sorted(HERE.glob("*.py")), *map(wheels.file, images.LOCKS)]
    folder = at / "bases" / key(root_key.encode(), *(path.read_bytes() for path in sources))
    if folder.is_dir():
        return folder / "layout"
    if missing := images.tools():
        print(f"{missing} is not installed (`make test` installs it)", file=sys.stderr)
        raise SystemExit(3)
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    images.make(half, images.root(at, root_key), at)
    half.rename(folder)
    return folder / "layout"


def main() -> None:
    at = cache()
    at.mkdir(parents=True, exist_ok=True)
    # One maker at a time on a machine: the others wait and find it done.
    with (at / "bases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        match sys.argv[1:]:
            case ["images"]:
                print(layout(at))
            case ["wheels", name]:
                print(wheels.download(name, at))
            case _:
                raise SystemExit(__doc__)


main()
