"""Wheels by lock, downloaded once by pip, and put into a layer as pip would."""

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

LOCKS = Path(__file__).parent / "locks"
# nbvet's own lock of the kernel that images get.
ADDED = Path(__file__).parent.parent.parent / "image/kernel/py311.txt"
PYTHON = "3.11"
# What Debian 12 can run; pip does not add the older ones by itself.
GLIBC = ["2_36", "2_35", "2_34", "2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5"]


def platforms(machine: str = os.uname().machine) -> list:
    tags = [f"manylinux_{glibc}_{machine}" for glibc in GLIBC]
    return [*tags, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}", f"linux_{machine}"]


def file(lock: str) -> Path:
    return ADDED if lock == "added" else LOCKS / f"{lock}.txt"


def download(lock: str, cache: Path) -> Path:
    """The folder with exactly the wheels of a lock. The caller holds the cache's lock."""
    text = file(lock).read_bytes()
    folder = cache / "wheels" / f"{lock}-{hashlib.sha256(text).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    where = [word for tag in platforms() for word in ("--platform", tag)]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
        + ["--require-hashes", "--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp", *where]
        + ["--dest", str(half), "--requirement", str(file(lock))],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    half.rename(folder)
    return folder


def install(layer, wheel: Path, prefix: str, site: str, interpreter: str) -> None:
    """Writes a wheel's files, and its console scripts, into a layer."""
    with zipfile.ZipFile(wheel) as packed:
        for info in sorted(packed.infolist(), key=lambda info: info.filename):
            if not info.is_dir():
                path, is_script = destination(info.filename, prefix, site)
                data = packed.read(info)
                if is_script and data.startswith(b"#!python"):
                    data = b"#!/" + interpreter.encode() + data[len(b"#!python") :]
                executable = is_script or info.external_attr >> 16 & 0o111
                layer.file(path, data, 0o775 if executable else 0o664)
        info = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        info = info.removesuffix("/METADATA")
        layer.file(f"{site}/{info}/INSTALLER", "pip\n")
        if f"{info}/entry_points.txt" in packed.namelist():
            scripts(layer, packed.read(f"{info}/entry_points.txt").decode(), prefix, interpreter)


def destination(name: str, prefix: str, site: str) -> tuple[str, bool]:
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return f"{site}/{name}", False
    kind, _, rest = rest.partition("/")
    goal = {"purelib": site, "platlib": site, "data": prefix, "scripts": f"{prefix}/bin"}[kind]
    return f"{goal}/{rest}", kind == "scripts"


def scripts(layer, text: str, prefix: str, interpreter: str) -> None:
    points = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    points.optionxform = str
    points.read_string(text)
    for name, point in sorted(points["console_scripts"].items() if "console_scripts" in points else []):
        module, function = point.split("[")[0].strip().split(":")
        code = f"#!/{interpreter}\nimport sys\nfrom {module} import {function.split('.')[0]}\nsys.exit({function}())\n"
        layer.file(f"{prefix}/bin/{name}", code, 0o775)
