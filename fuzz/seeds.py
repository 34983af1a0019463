"""Writes the seeds of the notebook crate's tests, the settings of `nbvet init` and a few wheels, as corpora to fuzz with."""

import base64
import hashlib
import io
import json
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


def wheels() -> list:
    points = "[console_scripts]\ndemo = demo:main\n"
    parts = {
        "demo-1.0.data/scripts/tool": "#!python\nprint(1)\n",
        "demo-1.0.data/data/share/a.txt": "a",
        "demo-1.0.dist-info/entry_points.txt": points,
    }
    return [wheel(files, method) for files in ({}, parts, {"a.pth": "import x"}) for method in (0, 8)]


def main() -> None:
    for target in ("notebook", "cell", "lint", "config", "dependencies", "wheel"):
        (FUZZ / "corpus" / target).mkdir(parents=True, exist_ok=True)
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
    for number, archive in enumerate(wheels()):
        (FUZZ / f"corpus/wheel/seed{number}").write_bytes(archive)


if __name__ == "__main__":
    main()
