"""Mutants are made by hand-written operators from any notebook: they must hold on to what is there."""

import importlib
import sys
from pathlib import Path

import pytest

MUTANTS = Path(__file__).resolve().parents[1] / "mutants"
sys.path.insert(0, str(MUTANTS))
import common
import recall

GROUPS = sorted(path.stem for path in (MUTANTS / "proven").glob("*.tsv"))
CELLS = [
    (0, "import pandas as pd\nfrom sklearn.model_selection import train_test_split"),
    (1, "frame = pd.read_csv('a.csv')\nvalues = [1, 2, 3]\nassert len(frame) > 0"),
    (3, "x_train, x_test, y_train, y_test = train_test_split(x, y)\nmodel.score(x_test, y_test)"),
    (4, "broken ("),
]


@pytest.mark.parametrize("group", GROUPS)
def test_an_edit_of_an_operator_can_be_applied_and_changes_something(group):
    sources = dict(CELLS)
    cells = [{"cell_type": "code", "source": sources.get(index, ""), "outputs": []} for index in range(5)]
    notebook = {"cells": cells, "nbformat": 4, "nbformat_minor": 4, "metadata": {}}
    for operators in importlib.import_module(group).OPERATORS.values():
        for operator in operators:
            assert operator([]) is None, operator.__name__
            edit = operator(CELLS)
            if edit:
                assert common.apply(notebook, edit.change) != notebook, operator.__name__
                assert edit.proof.startswith("executed"), operator.__name__


@pytest.mark.parametrize("group", GROUPS)
def test_every_proven_mutant_names_an_operator_that_is_there(group):
    operators = importlib.import_module(group).OPERATORS
    for row in recall.prove.rows(recall.prove.PROVEN / f"{group}.tsv"):
        names = [operator.__name__ for operator in operators[row["rule"]]]
        assert row["operator"] in names, row


def test_a_group_needs_four_of_five():
    assert recall.enough([True] * 4 + [False])
    assert not recall.enough([True] * 3 + [False] * 2)
