"""What is stated about the columns of frames, and about tables within a cell."""

import pytest

pytest.importorskip("numpy")
pytest.importorskip("pandas")


def columns(value):
    return {
        column["name"]: (column["dtype"], (column.get("missing") or {}).get("count"), column.get("constant", False))
        for column in value["columns"]
    }


def test_the_columns_of_a_frame_are_told_with_their_types_and_gaps(worker):
    cell = worker.run(
        "import pandas as pd, numpy as np\n"
        "df = pd.DataFrame({'a': [1, 2, 3], 'b': [1.0, None, 3.0], 'c': ['x', None, 'y'], 'd': [7, 7, 7],\n"
        "    5: pd.to_datetime(['2024-01-01', None, '2024-01-02']), 'e': np.array([1, 'x', None], dtype=object)})"
    )
    assert columns(cell.bound()["df"]) == {
        "a": ("int64", 0, False),
        "b": ("float64", 1, False),
        "c": ("str", 1, False),
        "d": ("int64", 0, True),
        "5": (cell.bound()["df"]["columns"][4]["dtype"], 1, False),
        "e": ("object", 1, False),
    }


def test_a_frame_of_floats_is_told_column_by_column_too(worker):
    cell = worker.run(
        "import pandas as pd, numpy as np\n"
        "df = pd.DataFrame({'a': [1.0, np.nan, np.nan], 'b': [2.0, 2.0, 2.0], 'c': [1.0, np.inf, 3.0]})"
    )
    assert columns(cell.bound()["df"]) == {
        "a": ("float64", 2, False),
        "b": ("float64", 0, True),
        "c": ("float64", 0, False),
    }


def test_a_hundred_columns_are_told_and_all_are_counted(worker):
    cell = worker.run(
        "import pandas as pd, numpy as np\ndf = pd.DataFrame({f'c{i}': [str(i), None] for i in range(150)})"
    )
    value = cell.bound()["df"]
    assert len(value["columns"]) == 100 and value["nan"] == {"count": 150, "of": 300}


def test_a_column_that_changes_its_type_in_place_is_seen(worker):
    worker.run("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})")
    cell = worker.run("df['a'] = df['a'].astype(object)")
    (fact,) = cell.of("bound")
    assert fact["inPlace"] and columns(fact["value"]) == {"a": ("object", 0, False)}


def replaced(cell):
    return [(fact["name"], fact["line"], fact["value"]["shape"]) for fact in cell.of("replaced")]


def test_a_table_that_its_own_cell_replaces_is_told_before_it_goes(each):
    if each.run("import importlib.util as u\nassert u.find_spec('pandas')").kind == "raised":
        pytest.skip("needs pandas")
    cell = each.run(
        "\nimport pandas as pd\ndf = pd.DataFrame({'a': [1, 2, None]})\n%time\ndf['b'] = 1\ndf = df.dropna()\n"
        "df.drop(columns='b', inplace=True)\nother = df\nn = 1\nn = 2"
    )
    assert replaced(cell) == [("df", 6, [3, 2]), ("df", 7, [2, 2])]
    assert cell.bound()["df"]["shape"] == [2, 1]
    assert replaced(each.run("df = df.head(1)")) == []


def test_what_a_loop_or_a_branch_changed_counts_as_changed(worker):
    cell = worker.run(
        "import pandas as pd\nif True:\n    df = pd.DataFrame({'a': [1, 2]})\ndf = df[df.a > 1]\n"
        "for part in [df]:\n    kept = part\nkept = kept.head(0)"
    )
    assert replaced(cell) == [("df", 4, [2, 1]), ("kept", 7, [1, 1])]


def test_not_more_than_twenty_tables_are_looked_at_within_a_cell(worker):
    lines = ["import pandas as pd", "df = pd.DataFrame({'a': [1]})"] + ["df = df.copy()"] * 50
    assert len(replaced(worker.run("\n".join(lines)))) == 20


def test_polars_columns_are_told(worker):
    pytest.importorskip("polars")
    cell = worker.run("import polars as pl\ndf = pl.DataFrame({'a': [1.0, None, float('nan')], 'b': ['x', None, 'y']})")
    assert columns(cell.bound()["df"]) == {"a": ("Float64", 2, False), "b": ("String", 1, False)}


def test_pyarrow_tables_are_told(worker):
    pytest.importorskip("pyarrow")
    cell = worker.run(
        "import pyarrow as pa, pyarrow.compute\n"
        "df = pa.table({'a': [1.0, None, float('nan'), float('inf')], 'b': ['x', None, 'y', 'z']})\ns = df['a']\n"
        "b = pa.array([1, None])"
    )
    bound = cell.bound()
    assert columns(bound["df"]) == {"a": ("double", 2, False), "b": ("string", 1, False)}
    assert bound["df"]["shape"] == [4, 2] and bound["df"]["nan"] == {"count": 3, "of": 8}
    assert bound["s"]["shape"] == [4] and bound["s"]["infinite"] == {"count": 1, "of": 4}
    assert bound["b"] == {"typeName": "pyarrow.Int64Array", "shape": [2], "nan": {"count": 1, "of": 2}}


def test_tensors_are_told(worker):
    pytest.importorskip("torch")
    cell = worker.run("import torch\nt = torch.tensor([[1.0, float('nan')], [float('inf'), 2.0]])\nloss = t.sum()")
    assert cell.bound()["t"]["nan"] == {"count": 1, "of": 4}
    assert cell.bound()["loss"]["number"] == {"non-finite": "nan"}


def test_the_bases_of_the_notebooks_own_classes_are_told(worker):
    cell = worker.run(
        "import pandas as pd\nclass Table(pd.DataFrame):\n    pass\nclass Plain:\n    pass\n"
        "t, p, n, f = Table(), Plain(), 1, pd.DataFrame()"
    )
    bound = cell.bound()
    assert "pandas.DataFrame" in bound["t"]["bases"]
    assert not any("bases" in bound[name] for name in "pnf")
