"""nbclient's own notebooks (`test_run_all_notebooks`), with the outputs that they hold and nbclient's comparison.

They come from nbclient's source distribution, fetched when first asked for and kept in target/; none is committed.
"""

import ast
import copy
import json
import re
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import engines
import nbformat

ROOT = Path(__file__).resolve().parents[2]
# What of nbclient's test module is used: its list of notebooks, and how it compares.
FUNCTIONS = ("normalize_base64", "normalize_output", "assert_notebooks_equal")
PATTERNS = ("addr_pat", "ipython_input_pat", "ipython8_input_pat")


def fetch():
    """The folder of nbclient's tests, or None where its source distribution cannot be had."""
    version = metadata.version("nbclient")
    folder = ROOT / "target" / "fidelity"
    tests = folder / f"nbclient-{version}" / "tests"
    if tests.is_dir():
        return tests
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wanted = ["--no-deps", "--no-binary", ":all:", f"nbclient=={version}", "--dest", str(folder)]
    if subprocess.run([*pip, *wanted], capture_output=True, timeout=600, check=False).returncode:
        return None
    with tarfile.open(folder / f"nbclient-{version}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return tests


def report(program, quiet=False):
    """Runs all, prints what failed and the sums; True where nbvet passes as many as nbclient does."""
    tests = fetch()
    if tests is None:
        print("nbclient's fixtures: skipped, its source distribution cannot be had")
        return True
    module = read_module(tests / "test_client.py")
    passed = {"nbclient": 0, "nbvet": 0}
    for name, options in module["notebooks"]:
        expected = nbformat.read(tests / "files" / name, as_version=4)
        blank = emptied(expected)
        for engine in passed:
            actual = run(engine, program, blank, options, tests)
            problem = difference(module, expected, actual)
            passed[engine] += problem is None
            if problem and not quiet:
                print(f"\n{engine}: {name}: {problem}")
    of = len(module["notebooks"])
    print("nbclient's fixture notebooks: " + ", ".join(f"{name} {count} of {of}" for name, count in passed.items()))
    return passed["nbvet"] >= passed["nbclient"]


def run(engine, program, blank, options, tests):
    """The executed notebook."""
    files = [tests / "files" / "python.png"]
    if engine == "nbclient":
        return nbformat.reads(json.dumps(engines.nbclient(blank, options, files=files)[0]), as_version=4)
    arguments = ["--cell-timeout", f"{options['timeout']}s"] if "timeout" in options else []
    notebook = copy.deepcopy(blank)
    if options.get("allow_errors"):
        notebook["metadata"]["execution"] = {"allow_errors": True}
    return nbformat.reads(json.dumps(engines.nbvet(program, notebook, arguments, files=files)[0]), as_version=4)


def emptied(notebook):
    """The notebook before it was run."""
    blank = copy.deepcopy(notebook)
    for cell in blank.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    return json.loads(nbformat.writes(blank))


def read_module(path):
    """The parts of nbclient's test module that compare, without what else it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wanted = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS)
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in PATTERNS)
    ]
    from base64 import b64decode, b64encode

    names = {
        "re": re,
        "b64decode": b64decode,
        "b64encode": b64encode,
        "strip_ansi": lambda text: re.sub(r"\x1b\[.*?[@-~]", "", text),
        "xmltodict": Xml,
    }
    exec(compile(ast.Module(wanted, []), str(path), "exec"), names)  # noqa: S102
    test = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "test_run_all_notebooks")
    names["notebooks"] = [entry(node) for node in test.decorator_list[0].args[1].elts]
    return names


class Xml:
    """In the place of xmltodict: SVG compared without regard to white space and the order of attributes."""

    @staticmethod
    def parse(text):
        from xml.etree import ElementTree

        return ElementTree.canonicalize(text, strip_text=True)


def entry(node):
    """(name, options), written plainly or within `pytest.param`."""
    pair = node.elts if isinstance(node, ast.Tuple) else node.args
    return ast.literal_eval(pair[0]), ast.literal_eval(pair[1])


def difference(module, expected, actual):
    """None where nbclient's own test would pass."""
    try:
        module["assert_notebooks_equal"](copy.deepcopy(expected), copy.deepcopy(actual))
    except AssertionError:
        return first_difference(module, expected, actual)
    return None


def first_difference(module, expected, actual):
    for number, (one, other) in enumerate(zip(expected.cells, actual.cells, strict=True)):
        sides = [
            [module["normalize_output"](copy.deepcopy(output)) for output in cell.get("outputs", [])]
            + [cell.get("execution_count")]
            for cell in (one, other)
        ]
        if sides[0] != sides[1]:
            return f"cell {number}\n  expected {sides[0]!r}\n  got      {sides[1]!r}"
    return "other number of cells"
