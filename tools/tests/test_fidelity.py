"""Notebooks run as under nbclient, take parameters as from papermill, and stay notebooks by the format's schema."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill.translators
import pytest
import yaml
from papermill.cli import _resolve_type
from papermill.iorw import NoDatesSafeLoader

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "fidelity"))

import compare
import engines
import probes

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()


@pytest.fixture(scope="module")
def nbvet():
    """The program, able to run notebooks."""
    program = TARGET / "debug/nbvet"
    if not program.is_file():
        subprocess.run(["cargo", "build", "-p", "nbvet"], cwd=ROOT, check=True)
    return program


def notebook(*cells, metadata=None):
    """Cells as (source, tags)."""
    made = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{index}",
            "metadata": {"tags": tags},
            "outputs": [],
            "source": source,
        }
        for index, (source, *tags) in enumerate(cells)
    ]
    return probes.notebook(made, metadata)


def texts(executed):
    """What each cell printed or gave."""
    shown = []
    for cell in executed["cells"]:
        parts = [output.get("text") or output.get("data", {}).get("text/plain", []) for output in cell["outputs"]]
        shown.append("".join("".join(part) for part in parts).strip())
    return shown


def test_the_probe_set_is_as_large_as_it_was():
    cells = [cell for probe in probes.load() for cell in probe.notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 380
    rows = {probe.row for probe in probes.load()}
    counts = [sum(len(p.notebook["cells"]) for p in probes.load() if p.row == row) for row in rows]
    assert min(counts) >= 3


@pytest.mark.parametrize("row", ["10_display", "13_history", "23_known"])
def test_cells_show_what_they_show_under_nbclient(nbvet, row):
    compared = [compare.compare(nbvet, probe) for probe in probes.load([row])]
    differing = [cell for result in compared for cell in result.cells if cell[1] != cell[2]]
    # Text of a task that outlives its cell is kept; nbclient drops it.
    assert len(differing) <= (1 if row == "23_known" else 0), differing


VALUES = {
    "numbers": {"a": 1, "b": -2.5, "c": 1e300, "d": 1.0, "e": 10**30, "f": 1e-7, "g": 123456789.123},
    "odd numbers": {"a": float("nan"), "b": float("inf"), "c": float("-inf"), "d": -0.0},
    "text": {"a": 'x"y', "b": "it's", "c": "a\\b\n\t", "d": "é€😀\x07", "e": ""},
    "collections": {"a": [1, [2.5, None, True]], "b": {"k": "v", "n": {"m": []}}, "c": {}},
    "words": {"a": True, "b": False, "c": None, "d": "yes", "e": "1e3", "f": "017", "g": "2020-01-01"},
}
WRITTEN = """
octal: 017
hex: 0x1F
base60: 1:30
exponent: 1e3
float: 1.5e+3
date: 2020-01-01
truth: [yes, No, on, y, true]
nothing: ~
inf: [.inf, -.INF, .NaN]
quoted: ['1', "2", '~']
merged: {<<: {a: 1, b: 2}, b: 3}
keys: {1: x, null: z, 1.5: w}
block: |
  two
  lines
"""


def injected(nbvet, arguments, files=()):
    """The source of the cell that nbvet puts in."""
    executed, _ = engines.nbvet(nbvet, notebook(("a = 1", "parameters"), ("1",)), arguments, files=files)
    (cell,) = [cell for cell in executed["cells"] if "injected-parameters" in cell["metadata"].get("tags", [])]
    return "".join(cell["source"])


def papermills(parameters):
    return papermill.translators.translate_parameters("python3", "python", parameters, "Parameters")


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_values_of_a_file_are_written_as_papermill_writes_them(nbvet, tmp_path, values):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    read = yaml.load(file.read_text(encoding="utf-8"), Loader=NoDatesSafeLoader)
    assert injected(nbvet, ["-f", str(file)]) == papermills(read)


def test_what_a_file_says_means_what_it_means_to_papermill(nbvet, tmp_path):
    file = tmp_path / "values.yml"
    file.write_text(WRITTEN, encoding="utf-8")
    assert injected(nbvet, ["-f", str(file)]) == papermills(yaml.load(WRITTEN, Loader=NoDatesSafeLoader))


def test_words_of_the_command_line_mean_what_they_mean_to_papermill(nbvet):
    words = ["1", "-7", "1.5", "1e3", "True", "true", "None", "nan", "-inf", "1_000", "x y", "[1]", "007", "", " 5 "]
    names = [f"v{number}" for number in range(len(words))]
    arguments = [part for name, word in zip(names, words, strict=True) for part in ("-p", name, word)]
    expected = papermills({name: _resolve_type(word) for name, word in zip(names, words, strict=True)})
    assert injected(nbvet, arguments) == expected
    assert injected(nbvet, ["-r", "a", "1"]) == papermills({"a": "1"})


def test_parameters_go_where_papermill_puts_them_and_reports_count_the_files_own_cells(nbvet):
    file = notebook(("import os",), ("a = 1", "parameters"), ("print(a)",), ("1/0",))
    executed, report = engines.nbvet(nbvet, file, ["-p", "a", "5"])
    assert ["injected-parameters" in cell["metadata"].get("tags", []) for cell in executed["cells"]] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert [cell["execution_count"] for cell in executed["cells"]] == [1, 2, 3, 4, 5]
    assert texts(executed)[3] == "5"
    assert [cell["cell"] for cell in report["cells"]] == [0, 1, 2, 3] and report["end"]["cell"] == 3
    again, _ = engines.nbvet(nbvet, executed, ["-p", "a", "6"])
    assert len(again["cells"]) == 5 and texts(again)[3] == "6"
    first, _ = engines.nbvet(nbvet, notebook(("print(a)",)), ["-p", "a", "7"])
    assert texts(first) == ["", "7"]
    nbformat.validate(nbformat.from_dict(executed))


def test_a_parameter_that_nobody_reads_is_said(nbvet, tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(("a = 1", "parameters"))))
    command = [nbvet, "run", "--python", sys.executable, path, "-p"]
    done = subprocess.run([*command, "b", "1"], capture_output=True, text=True)
    assert done.returncode == 0 and "the cell tagged `parameters` sets no `b`" in done.stderr
    done = subprocess.run([*command, "1b", "1"], capture_output=True, text=True)
    assert done.returncode == 2 and "`1b` is no name" in done.stderr


def test_markers_of_nbmake_act(nbvet):
    mocked = notebook(("n = 1000",), ("print(n)",))
    mocked["cells"][0]["metadata"]["nbmake"] = {"mock": {"n": 2}, "post_cell_execute": ["n += 1"]}
    assert texts(engines.nbvet(nbvet, mocked)[0])[1] == "3"
    mocked["cells"][0]["metadata"]["nbmake"] = {"post_cell_execute": ["raise ValueError('after')"]}
    _, report = engines.nbvet(nbvet, mocked)
    assert report["end"] == {"kind": "raised", "cell": 0} and report["cells"][0]["error"]["value"] == "after"
    cells = (("1/0",), ("while True: pass",), ("print('on')",))
    lax = notebook(*cells, metadata={"execution": {"allow_errors": True, "timeout": 1}})
    executed, report = engines.nbvet(nbvet, lax)
    assert texts(executed)[2] == "on" and report["verdict"]["outcome"].lower().replace("-", "") == "timedout"


def test_markers_of_nbval_and_nbclient_act(nbvet):
    cells = (
        ("# NBVAL_SKIP\n1/0",),
        ("1/0", "nbval-skip"),
        ("1/0", "skip-execution"),
        ("# NBVAL_RAISES_EXCEPTION\n1/0",),
        ("1/0", "nbval-raises-exception"),
        ("print('end')",),
    )
    executed, report = engines.nbvet(nbvet, notebook(*cells))
    assert [cell["outcome"] for cell in report["cells"]] == ["skipped"] * 3 + ["ok"] * 3
    assert texts(executed)[5] == "end"


HOSTILE = (
    "from IPython.display import display, HTML",
    "display({'application/json': {'nan': float('nan'), 'big': 10**400, 'set': {1}}}, raw=True)",
    "display({'text/plain': 'half \\ud800'}, metadata={'k\\udc00': float('inf'), 5: 10**30}, raw=True)",
    "print('\\ud800', '\\x00', '\\x1b]0;title\\x07')",
    "raise ValueError('\\ud800')",
    "class E(Exception): pass\nE.__name__ = '\\udfff'\nraise E",
    "display({'text/plain': b'\\xff', 'application/vnd.own+json': b'x', '': 'no type'}, raw=True)",
    "display({'text/plain': 5, 'text/html': ['a', 1], 'image/png': {'a': 1}, 'text/latex': None}, raw=True)",
    "display({'text/markdown': True, 'application/javascript': 2.5, 'image/svg+xml': {}}, raw=True)",
    "class R:\n    def _repr_mimebundle_(self, **_): return {'text/latex': 5j, 'text/plain': object()}\nR()",
    "import ipywidgets; ipywidgets.HTML('\\ud800')",
    "get_ipython().kernel.session.send(None, 'execute_result', {'data': {'text/plain': 7, 'text/html': {}}, 'execution_count': -5})",
)


def test_what_is_written_is_a_notebook_whatever_its_cells_show(nbvet):
    executed, report = engines.nbvet(nbvet, notebook(*((source, "raises-exception") for source in HOSTILE)))
    assert report["end"]["kind"] == "completed"
    nbformat.validate(executed)
    for probe in probes.load(["01", "10", "11", "21", "23"]):
        nbformat.validate(engines.nbvet(nbvet, probe.notebook)[0])
