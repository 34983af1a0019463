import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "precision.py"
spec = importlib.util.spec_from_file_location("precision", TOOL)
precision = importlib.util.module_from_spec(spec)
spec.loader.exec_module(precision)


def test_wilson_agrees_with_published_values():
    # Brown, Cai and DasGupta 2001; the research notes' 45 of 50.
    low, high = precision.wilson(45, 50)
    assert (round(low, 2), round(high, 2)) == (0.79, 0.96)
    assert precision.wilson(0, 10)[0] == pytest.approx(0)
    assert precision.wilson(10, 10)[1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("count", "labelled", "right", "severity", "said"),
    [
        (10, 10, 8, "warning", "met, with mutants"),
        (10, 10, 7, "warning", "MISSED: 0.70 < 0.8"),
        (10, 10, 9, "error", "MISSED: 0.90 < 0.95"),
        (10, 9, 9, "error", "not labelled"),
        (200, 50, 50, "error", "met"),
        (200, 50, 43, "warning", "MISSED: 0.74 < 0.75"),
        (200, 50, 0, "note", "no gate"),
    ],
)
def test_the_gate(count, labelled, right, severity, said):
    assert precision.verdict(count, labelled, right, severity) == said


def test_labels_of_hits_that_are_gone_do_not_count():
    def hit(line, severity="warning"):
        place = {"cell": 0, "line": line}
        return "a/n.ipynb", {"location": place, "message": "m", "severity": severity}

    rows = [
        {"notebook": "a/n.ipynb", "cell": "0", "line": line, "message": "m", "label": label}
        for line, label in (("1", "true"), ("2", "false"), ("3", "true"), ("4", ""), ("5", "true"))
    ]
    found = [hit(1), hit(2), hit(4), hit(5, "error")]
    assert precision.judged(found, rows, "warning") == (3, 2, 1)
    assert precision.judged(found, rows, "error") == (1, 1, 1)


def test_tabs_and_line_ends_never_break_a_row(tmp_path):
    row = dict.fromkeys(precision.COLUMNS, "") | {"source": precision.plain('x\t= "a\x0b"\r\n')}
    precision.write(tmp_path / "rule.tsv", [row])
    assert precision.read(tmp_path / "rule.tsv")[0]["source"] == 'x = "a "'
