"""Faults of the flow of data into models that can be put into a clean notebook mechanically."""

import ast
from dataclasses import dataclass

from common import Edit, named, trees


@dataclass
class Split:
    """`train, test, train_target, test_target = train_test_split(features, target)`."""

    cell: int
    line: str
    features: str
    target: str
    parts: list


@dataclass
class Score:
    """`model.score(test, test_target)` or `metric(test_target, model.predict(test))`."""

    cell: int
    line: str
    text: str


def find_split(cells):
    """The notebook's first split of two named values into four."""
    for index, source, tree in trees(cells):
        for node in tree.body:
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            call, target = node.value, node.targets[0]
            four = isinstance(target, ast.Tuple) and len(target.elts) == 4
            if named(call) == "train_test_split" and four and len(call.args) == 2:
                texts = [ast.unparse(argument) for argument in call.args]
                names = [ast.unparse(element) for element in target.elts]
                if all(text.isidentifier() for text in texts + names):
                    return Split(index, source.split("\n")[node.lineno - 1], *texts, names)
    return None


def find_score(cells, split):
    """The first call that judges predictions of the test part."""
    test, test_target = split.parts[1], split.parts[3]
    for index, source, tree in trees(cells):
        if index < split.cell:
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            scored = named(node) == "score" and [ast.unparse(a) for a in node.args] == [test, test_target]
            if scored and node.lineno == node.end_lineno:
                line = source.split("\n")[node.lineno - 1]
                return Score(index, line, ast.get_source_segment(source, node) or line)
    return None


def before_split(split, lines, at, check, proof):
    """Lines put above the split."""
    change = {"cell": split.cell, "replace": split.line, "with": f"{lines}\n{split.line}"}
    return Edit(change, at, split.cell, check, proof)


def scaled_before_split(cells):
    split = find_split(cells)
    if not split:
        return None
    train, test = split.parts[:2]
    return before_split(
        split,
        "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()\n"
        f"{split.features} = scaler.fit_transform({split.features})",
        "scaler.fit_transform(",
        f"assert scaler.n_samples_seen_ == len({train}) + len({test})",
        "executed: n_samples_seen_ of the scaler is the number of training and test rows together",
    )


def selected_before_split(cells):
    split = find_split(cells)
    if not split:
        return None
    train, test = split.parts[:2]
    return before_split(
        split,
        "from sklearn.feature_selection import SelectKBest\nselector = SelectKBest(k=1)\n"
        f"rows_seen = len({split.features})\n"
        f"{split.features} = selector.fit_transform({split.features}, {split.target})",
        "selector.fit_transform(",
        f"assert rows_seen == len({train}) + len({test}) and {train}.shape[1] == 1",
        "executed: the column was chosen on as many rows as training and test part have together",
    )


OVERLAPS = """
import numpy
_train = {{row.tobytes() for row in numpy.ascontiguousarray({train}, dtype=float)}}
_test = [row.tobytes() for row in numpy.ascontiguousarray({test}, dtype=float)]
_both = sum(row in _train for row in _test) / len(_test)
assert _both > 0.3, _both
"""


def resampled_before_split(cells):
    split = find_split(cells)
    if not split:
        return None
    train, test = split.parts[:2]
    return before_split(
        split,
        "from sklearn.utils import resample\n"
        f"{split.features}, {split.target} = resample({split.features}, {split.target}, "
        f"n_samples=2 * len({split.features}), random_state=0)",
        "train_test_split(",
        OVERLAPS.format(train=train, test=test),
        "executed: more than 30 % of the test rows are training rows too",
    )


def fitted_on_everything(cells):
    split = find_split(cells)
    score = split and find_score(cells, split)
    if not score:
        return None
    train, test, train_target, _ = split.parts
    wanted = f".fit({train}, {train_target})"
    for index, source in cells:
        if split.cell <= index <= score.cell and source.count(wanted) == 1:
            return Edit(
                {"cell": index, "replace": wanted, "with": f".fit({split.features}, {split.target})"},
                score.text,
                index,
                OVERLAPS.format(train=split.features, test=test),
                "executed: every test row is among the rows of the fit",
            )
    return None


CHOICE = """from sklearn.neighbors import {model}
scores = []
for k in range(1, 12):
    candidate = {model}(n_neighbors=k)
    candidate.fit({0}, {2})
    scores.append(candidate.score({1}, {3}))
best_k = scores.index(max(scores)) + 1
final = {model}(n_neighbors=best_k).fit({0}, {2})
print("accuracy:", final.score({1}, {3}))"""


def chosen_by_test(cells):
    split = find_split(cells)
    if not split:
        return None
    labels = "Classifier" if any("Classifier" in s or "Logistic" in s for _, s in cells) else "Regressor"
    text = CHOICE.format(*split.parts, model=f"KNeighbors{labels}")
    test, test_target = split.parts[1], split.parts[3]
    return Edit(
        {"cell": split.cell, "append": text},
        "scores.append(candidate.score(",
        split.cell,
        f"assert len(set(scores)) > 1 and final.score({test}, {test_target}) == max(scores)",
        "executed: the reported score is the largest of eleven different ones on the same test rows",
    )


def target_kept(cells):
    split = find_split(cells)
    if not split:
        return None
    train, train_target = split.parts[0], split.parts[2]
    for index, source, tree in trees(cells):
        if index > split.cell:
            break
        for node in tree.body:
            text = ast.unparse(node)
            dropped = isinstance(node, ast.Assign) and text.startswith(f"{split.features} = ") and ".drop(" in text
            if dropped and node.lineno == node.end_lineno:
                line = source.split("\n")[node.lineno - 1]
                frame = line.split("=", 1)[1].split(".drop(")[0].strip()
                return Edit(
                    {"cell": index, "replace": line, "with": f"{split.features} = {frame}"},
                    f"{split.features} = {frame}",
                    split.cell,
                    "import numpy\n"
                    f"assert any(numpy.array_equal(numpy.asarray({train})[:, i], numpy.asarray({train_target}).ravel())"
                    f" for i in range({train}.shape[1]))",
                    "executed: one column of the features is equal to the target",
                )
    return None


def target_joined(cells):
    split = find_split(cells)
    if not split:
        return None
    train, train_target = split.parts[0], split.parts[2]
    return before_split(
        split,
        f"import pandas as pd\ntable = pd.DataFrame({split.features})\ntable['target'] = {split.target}\n"
        f"{split.features}, {split.target} = table, table['target']",
        ".fit(",
        f"import numpy\nassert numpy.array_equal({train}['target'], {train_target})",
        "executed: one column of the features is equal to the target",
    )


JUDGED = """from sklearn.tree import ExtraTree{kind}
tree_model = ExtraTree{kind}(random_state=0).fit({0}, {2})
print("score:", tree_model.score({0}, {2}))"""


def judged_on_train(cells):
    split = find_split(cells)
    if not split:
        return None
    labels = "Classifier" if any("Classifier" in s or "Logistic" in s for _, s in cells) else "Regressor"
    test, test_target = split.parts[1], split.parts[3]
    return Edit(
        {"cell": split.cell, "append": JUDGED.format(*split.parts, kind=labels)},
        "tree_model.score(",
        split.cell,
        f"assert tree_model.score({split.parts[0]}, {split.parts[2]}) > tree_model.score({test}, {test_target})",
        "executed: the printed score is higher than the one on the test rows",
    )


def scored_on_train(cells):
    split = find_split(cells)
    score = split and find_score(cells, split)
    if not score:
        return None
    train, test, train_target, test_target = split.parts
    model = score.text.split(".score(")[0]
    changed = f"{model}.score({train}, {train_target})"
    if score.text not in score.line or dict(cells)[score.cell].count(score.text) != 1:
        return None
    return Edit(
        {"cell": score.cell, "replace": score.text, "with": changed},
        changed,
        score.cell,
        f"assert {model}.score({train}, {train_target}) != {model}.score({test}, {test_target})",
        "executed: the score on the rows of the fit is another than on the test rows",
    )


LAGS = """import pandas as pd
{features} = pd.DataFrame({{"now": pd.Series({target}).reset_index(drop=True).shift(1).fillna(0),
    "before": pd.Series({target}).reset_index(drop=True).shift(2).fillna(0)}})"""


def lagged_and_shuffled(cells):
    split = find_split(cells)
    if not split:
        return None
    train, test = split.parts[:2]
    return before_split(
        split,
        LAGS.format(features=split.features, target=split.target),
        "train_test_split(",
        f"assert {train}.index.max() > {test}.index.min()",
        "executed: the training part has rows that are later than test rows, and a test row's target is in them",
    )


OPERATORS = {
    "NB501": [scaled_before_split, selected_before_split],
    "NB502": [resampled_before_split, fitted_on_everything],
    "NB503": [chosen_by_test],
    "NB504": [lagged_and_shuffled],
    "NB505": [target_kept, target_joined],
    "NB506": [scored_on_train, judged_on_train],
}
