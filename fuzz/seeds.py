"""Writes corpora to fuzz with: the seeds and fixtures of the tests, the settings of `nbvet init`, and a few of each kind
of what registries and indexes answer."""

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

FUZZ = Path(__file__).parent
TEMPLATE = FUZZ.parent / "cli/src/commands/init.toml"
FIXTURES = FUZZ.parent / "environment/deps/tests/fixtures"
# In the order of `FILES` in the target.
FORMATS = ["txt", "pylock.toml", "uv.lock", "poetry.lock", "Pipfile.lock", "pyproject.toml", "Pipfile", "yml", "setup.py"]
SEEDS = FUZZ.parent / "analyzer/notebook/tests/seeds/cells.jsonl"


def notebook(number: int, source: str) -> dict:
    lines = source.splitlines(keepends=True)
    stream = {"output_type": "stream", "name": "stdout", "stream": "stdout", "text": ["a\n"]}
    if number % 4 == 0:
        cell = {"cell_type": "code", "input": lines, "language": "python", "outputs": [stream], "prompt_number": 1}
        return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    cell = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {"tags": ["t"]}, "outputs": [stream]}
    cell["source"] = source if number % 3 == 0 else lines
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def wheel(files: dict, method: int) -> bytes:
    info = "demo-1.0.dist-info/"
    files = {
        "demo.py": "x = 1\n",
        info + "METADATA": "Name: demo\nVersion: 1.0\n",
        info + "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        **files,
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(text.encode())}\n"
    files[info + "RECORD"] = record + info + "RECORD,,\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        for name, text in files.items():
            file.writestr(name, text)
    return archive.getvalue()


def wheel_files() -> list:
    """Names and contents of which the target makes a wheel."""
    points = "demo-1.0.dist-info/entry_points.txt\0[console_scripts]\na = demo:x [b]\n[gui_scripts]\nb=c.d : e.f\0"
    data = "demo-1.0.data/scripts/tool\0#!python\nprint(1)\0demo-1.0.data/data/etc/a\0a\0demo-1.0.data/headers/h.h\0\0"
    code = "demo/__init__.py\0x = 1\0demo/__pycache__/a.pyc\0b\0demo.pth\0import demo\0a/b/c/d\0" + "x" * 300 + "\0"
    return [b"\1" + text.encode() for text in (points, data, code, points + data + code)]


def wheels() -> list:
    points = "[console_scripts]\ndemo = demo:main\n"
    parts = {
        "demo-1.0.data/scripts/tool": "#!python\nprint(1)\n",
        "demo-1.0.data/data/share/a.txt": "a",
        "demo-1.0.dist-info/entry_points.txt": points,
    }
    return [wheel(files, method) for files in ({}, parts, {"a.pth": "import x"}) for method in (0, 8)]


def layer(files: dict, links: dict) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return packed.getvalue()


def bases() -> list:
    site = "usr/lib/python3.11/site-packages"
    python = {
        "usr/bin/python3.11": b"\x7fELF.3.49.1\x003.11.9\0",
        "usr/lib/python3.11/os.py": b"",
        "lib64/libc.so.6": b"GNU C Library (GNU libc) stable release version 2.34.\n",
        f"{site}/six-1.dist-info/METADATA": b"Name: six\nVersion: 1\n",
        f"{site}/six-1.dist-info/RECORD": b"six.py,,\nsix/a.py,,\n",
    }
    kernel = {
        "usr/share/jupyter/kernels/python3/kernel.json": b'{"argv": ["/opt/v/bin/python"], "language": "python"}',
        "opt/v/pyvenv.cfg": b"home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.9\n",
        f"{site}/.wh.six-1.dist-info": b"",
        "etc/os-release": b'PRETTY_NAME="Debian"\n',
    }
    links = {"usr/bin/python3": "python3.11", "opt/v/bin/python": "/usr/bin/python3"}
    config = b'{"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin"], "User": "1000"}}'
    return [config + b"\0" + layer(python, links) + layer(kernel, links), config + b"\0" + layer(kernel, {})]


def answers() -> dict:
    """What registries, indexes and people write, by the target; a first byte chooses where there are several kinds."""
    digest = "sha256:" + "0" * 64
    blob = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": digest}
    manifest = {"schemaVersion": 2, "config": blob, "layers": [blob]}
    platform = {"os": "linux", "architecture": "amd64", "variant": "v8"}
    index = {"schemaVersion": 2, "manifests": [{**blob, "platform": platform}]}
    file = {"filename": "demo-1.whl", "url": "../demo-1.whl", "hashes": {"sha256": "0" * 64}, "size": 9, "yanked": "bad"}
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "files": [file]}
    html = f'<base href="/x/"><!-- --><a href="demo-1.whl#sha256={"0" * 64}" data-yanked="a &lt; b">demo</a>'
    auth = base64.b64encode(b"user:password").decode()
    logins = {"docker.io": {"auth": auth}, "host:5000": {"username": "a", "password": "b"}, "x": {"identitytoken": "t"}}
    names = ["python:3.12", f"quay.io/org/image@{digest}", "[::1]:5000/a/b__c", "localhost/a.b-c", "Host/a:tag"]
    return {
        "reference": names,
        "dockerfile": [f"{chr(number * 11)}{name}" for number, name in enumerate(names)],
        "manifest": [f"\0{json.dumps(manifest)}", f"\0{json.dumps(index)}"],
        "page": [f"\0{json.dumps(page)}", f"\1{html}"],
        "credentials": [json.dumps(whole) for whole in ({"auths": logins, "credHelpers": {"x": "-"}}, logins)],
        "challenge": ['Bearer realm="https://a/t",service="s",scope="a:b"', 'Basic realm="x", Bearer realm=https://a'],
    }


def main() -> None:
    made = answers()
    for target in ("notebook", "cell", "lint", "config", "dependencies", "wheel", "base", *made):
        (FUZZ / "corpus" / target).mkdir(parents=True, exist_ok=True)
    for target, texts in made.items():
        for number, text in enumerate(texts):
            (FUZZ / f"corpus/{target}/seed{number}").write_text(text, encoding="utf-8")
    for number, image in enumerate(bases()):
        (FUZZ / f"corpus/base/seed{number}").write_bytes(image)
    for number, line in enumerate(SEEDS.read_text(encoding="utf-8").splitlines()):
        source = json.loads(line)["source"]
        (FUZZ / f"corpus/cell/seed{number}").write_text(source, encoding="utf-8")
        file = json.dumps(notebook(number, source), indent=number % 2 or None)
        (FUZZ / f"corpus/notebook/seed{number}").write_text(file, encoding="utf-8")
        (FUZZ / f"corpus/lint/seed{number}").write_text(file, encoding="utf-8")
    settings = TEMPLATE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(settings):
        (FUZZ / f"corpus/config/seed{number}").write_text(line.removeprefix("# "), encoding="utf-8")
    for number, file in enumerate(sorted(FIXTURES.glob("*/*"))):
        # `arbitrary` takes the byte that chooses from the beginning.
        kind = bytes([FORMATS.index(file.name)])
        (FUZZ / f"corpus/dependencies/seed{number}").write_bytes(kind + file.read_bytes())
    whole = "\n".join(line.removeprefix("# ") for line in settings)
    (FUZZ / "corpus/config/whole").write_text(whole, encoding="utf-8")
    for number, archive in enumerate([b"\0" + archive for archive in wheels()] + wheel_files()):
        (FUZZ / f"corpus/wheel/seed{number}").write_bytes(archive)


if __name__ == "__main__":
    main()
