"""What is answered about live values."""

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("pandas")

SETUP = """
import datetime, decimal
import numpy as np, pandas as pd
frame = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, np.nan, 3.0]})
"""


@pytest.fixture(scope="module")
def so_worker(so, tmp_path_factory):
    from driver import Worker

    with Worker(__import__("sys").executable, so, cwd=tmp_path_factory.mktemp("answers")) as worker:
        worker.run(SETUP)
        yield worker


def ask(worker, cell, **question):
    worker.run(cell)
    (answer,) = worker.ask(question)
    return answer


@pytest.mark.parametrize(
    ("expression", "aspect", "expected"),
    [
        ("[3, 1, 2.5]", "range", [1.0, 3.0]),
        ("{'a': {'b': [7]}}", "range", [7.0, 7.0]),
        ("True", "range", None),
        ("'text'", "range", None),
        ("float('nan')", "range", None),
        ("[1.0, float('inf')]", "range", [1.0, "inf"]),
        ("frame", "range", [1.0, 3.0]),
        ("frame['b']", "range", [1.5, 3.0]),
        ("np.array([[3, 1], [2, 5]])", "range", [1.0, 5.0]),
        ("decimal.Decimal('1.5')", "range", [1.5, 1.5]),
        ("frame", "missing", {"count": 1, "of": 6}),
        ("frame.index", "missing", {"count": 0, "of": 3}),
        ("[None, 1, [float('nan')]]", "missing", {"count": 2, "of": 3}),
        ("pd.NaT", "missing", {"count": 1, "of": 1}),
        ("np.array(['a', None], dtype=object)", "missing", {"count": 1, "of": 2}),
        ("pd.Series([pd.NA, 1], dtype='Int64')", "missing", {"count": 1, "of": 2}),
        ("[1, 2, 2]", "orders", ["increasing"]),
        ("np.array([3., 2., 1.])", "orders", ["decreasing", "strictly-decreasing"]),
        ("frame.index", "orders", ["increasing", "strictly-increasing"]),
        ("[2, 1, 3]", "orders", []),
        ("[1, 2, 2, 1]", "repeated", 2),
        ("pd.concat([frame, frame])", "repeated", 3),
        ("np.array([1, 1, 2])", "repeated", 1),
        ("'text'", "text", "text"),
        ("decimal.Decimal('1.50')", "text", "1.50"),
        ("np.float64(2.5)", "scalar", 2.5),
        ("'text'", "scalar", "text"),
        ("[1]", "scalar", None),
        ("frame", "length", 3),
        ("7", "length", None),
    ],
)
def test_aspects_of_values(so_worker, expression, aspect, expected):
    asked = {"orders": "order"}.get(aspect, aspect)
    assert ask(so_worker, expression, aspects=[asked]).get(aspect) == expected


def test_columns_are_named_with_their_data_types(so_worker):
    answer = ask(so_worker, "frame", aspects=["columns"])
    assert answer["columns"] == [{"name": "a", "dtype": "int64"}, {"name": "b", "dtype": "float64"}]
    assert answer["shape"] == [3, 2]


@pytest.mark.parametrize(
    ("expression", "expected", "difference"),
    [
        ("0.1 + 0.2", 0.3, None),
        ("3", 3.0, None),
        ("True", 1, ("", "True", "1")),
        ("np.bool_(True)", True, None),
        ("frame['a']", [1, 2, 4], ("[2]", "3", "4")),
        ("frame", {"a": [1, 2, 3], "b": [1.5, None, 3]}, None),
        ("frame", [{"a": 1, "b": 1.5}, {"a": 2, "b": None}, {"a": 3, "b": 3}], None),
        ("np.array([[1, 2], [3, 4]])", [[1, 2], [3, 5]], ("[1][1]", "4", "5")),
        ("{1, 2}", [2, 1], None),
        ("(1, 'a')", [1, "b"], ("[1]", "'a'", "'b'")),
        ("{'x': {'y': 1}}", {"x": {"y": 2}}, ("['x']['y']", "1", "2")),
        ("{'x': 1, 'z': 2}", {"x": 1}, ("", "with 'z'", "no such key")),
        ("None", None, None),
        ("float('nan')", None, ("", "nan", "None")),
        ("10 ** 400", 1e300, ("", "a whole number of 1329 bits", "1e+300")),
        ("datetime.date(2024, 5, 1)", "2024-05-01", None),
        ("'5'", 5, ("", "'5'", "5")),
    ],
)
def test_values_are_compared_with_json(so_worker, expression, expected, difference):
    found = ask(so_worker, expression, equals={"to": expected})["equals"]
    if difference is None:
        assert found == {"holds": True}
    else:
        assert (found.get("at", ""), found["actual"], found["expected"]) == difference


def test_a_tolerance_is_absolute_below_one_and_a_share_above(so_worker):
    def holds(value, expected, tolerance):
        return ask(so_worker, value, equals={"to": expected}, tolerance=tolerance)["equals"]["holds"]

    assert holds("0.105", 0.1, 0.01)
    assert not holds("0.12", 0.1, 0.01)
    assert holds("1009", 1000, 0.01)
    assert not holds("1011", 1000, 0.01)


@pytest.mark.parametrize(
    ("expression", "parts", "lacks"),
    [
        ("'a text'", ["text", "no"], ["no"]),
        ("[1, 2.5]", [2.5, 3], [3]),
        ("{'k': 1}", ["k", "v"], ["v"]),
        ("frame", ["a", "z"], ["z"]),
        ("np.arange(3)", [2, 9], [9]),
    ],
)
def test_parts_of_values(so_worker, expression, parts, lacks):
    assert ask(so_worker, expression, contains=parts)["lacks"] == lacks


def test_an_expression_sees_the_value_and_the_names_and_binds_none_of_them(so_worker):
    answer = ask(so_worker, "frame", expression="[y := len(value), frame.shape[0]] == [3, 3]")
    assert answer["expression"]["holds"]
    assert so_worker.run("'y' in globals()").result()["typeName"] == "bool"
    answer = ask(so_worker, "'y' in globals()", expression="value == False")
    assert answer["expression"]["holds"]


def test_a_comparison_that_is_false_tells_both_sides(so_worker):
    found = ask(so_worker, "frame", expression="value.shape == (2, 2)")["expression"]
    assert found == {"holds": False, "at": "value.shape", "actual": "(3, 2)", "expected": "(2, 2)"}


HOSTILE = """
class Hostile:
    def __repr__(self): raise ValueError("repr")
    def __len__(self): raise ValueError("len")
    def __eq__(self, other): globals().__setitem__("touched", True); raise ValueError("eq")
    @property
    def __class__(self): return int
    @property
    def shape(self): return Hostile()
value_of = Hostile()
value_of
"""


def test_exceptions_of_a_values_own_code_are_told(so_worker):
    answer = ask(so_worker, HOSTILE, equals={"to": 3}, aspects=["length", "text", "range", "missing"])
    assert answer["types"] == ["__main__.Hostile", "object"]
    reasons = {failure["of"]: failure["reason"] for failure in answer["failures"]}
    assert reasons == {"length": "ValueError: len", "text": "ValueError: repr", "equals": "ValueError: eq"}
    assert "shape" not in answer


def test_a_replaced_builtin_lies_to_the_notebook_only(start):
    worker = start()
    worker.run("import builtins\nbuiltins.min = builtins.max = lambda *values, **options: 99\n[1, 2]")
    (answer,) = worker.ask({"aspects": ["range"], "equals": {"to": [1, 2]}})
    assert (answer["range"], answer["types"][0], answer["equals"]["holds"]) == ([1.0, 2.0], "list", True)


def test_there_may_be_no_such_value(worker):
    worker.run("x = 1")
    nothing, missing, there = worker.ask({}, {"name": "y"}, {"name": "x", "aspects": ["scalar"]})
    assert not nothing["found"] and not missing["found"]
    assert there["found"] and there["scalar"] == 1


def test_a_result_hidden_by_a_semicolon_is_still_the_cells_value(worker):
    worker.run("40 + 2;")
    assert worker.ask({"aspects": ["scalar"]})[0]["scalar"] == 42


def test_questions_that_never_end_are_interrupted_and_the_next_cell_runs(worker):
    worker.run("import itertools")
    endless = {"expression": "sum(1 for _ in itertools.count())"}
    answers = worker.ask(endless, {"name": "itertools"}, during=worker.interrupt_after(0.3))
    assert [answer["interrupted"] for answer in answers] == [True]
    assert worker.run("1 + 1").result()["number"] == {"finite": 2.0}


def test_long_text_is_cut(worker):
    worker.run("'x' * 1_000_000")
    (answer,) = worker.ask({"aspects": ["text"]})
    assert len(answer["text"]) == 100_000 and answer["textCut"]
