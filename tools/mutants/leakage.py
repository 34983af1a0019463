"""Faults of the flow of data into models that can be put into a clean notebook mechanically."""

import ast
import functools
from dataclasses import dataclass

import sample_data
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


def run_alone(cells, split, edit, *more):
    """The edit, its proof run on the split's cell (and `more`) alone, on data that stand in for the notebook's."""
    edit.cells = sorted({split.cell, *more})
    edit.before = sample_data.before(cells, edit.cells, split.features, split.target)
    return None if edit.before is None else edit


def before_split(cells, split, lines, at, check, proof, after=""):
    """Lines put above the split, and others below its cell."""
    if dict(cells)[split.cell].count(split.line) != 1 or split.line != split.line.lstrip():
        return None
    change = {"cell": split.cell, "replace": split.line, "with": f"{lines}\n{split.line}"}
    if after:
        change["append"] = after
    return run_alone(cells, split, Edit(change, at, split.cell, check, proof))


def below_split(cells, split, lines, at, check, proof):
    """Lines put below the cell of the split."""
    change = {"cell": split.cell, "append": lines}
    return run_alone(cells, split, Edit(change, at, split.cell, check, proof))


def labels(cells):
    """What the notebook predicts, as the end of a class's name."""
    return "Classifier" if any("Classifier" in s or "Logistic" in s for _, s in cells) else "Regressor"


NEIGHBOURS = """from sklearn.neighbors import KNeighbors{kind}
neighbours = KNeighbors{kind}(n_neighbors=5)
neighbours.fit({0}, {2})
print(neighbours.score({1}, {3}))"""
SENSITIVE = ("KNeighbors", "SVC(", "SVR(", "LogisticRegression(", "Ridge(", "Lasso(", "MLP", "SGD")


def scored(cells, split):
    """A model that minds how its columns are scaled, and its score; nothing where the notebook has one itself."""
    rest = "\n".join(source for index, source in cells if index >= split.cell)
    judged = any(f"{call}({split.parts[1]}" in rest for call in (".predict", ".score"))
    if judged and f".fit({split.parts[0]}, {split.parts[2]})" in rest and any(name in rest for name in SENSITIVE):
        return ""
    return NEIGHBOURS.format(*split.parts, kind=labels(cells))


def on_split(operator):
    """An operator that is also given the notebook's first split, and has no place where there is none."""

    @functools.wraps(operator)
    def of_cells(cells):
        split = find_split(cells)
        return operator(cells, split) if split else None

    return of_cells


@on_split
def scaled_before_split(cells, split):
    train, test = split.parts[:2]
    return before_split(
        cells,
        split,
        "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()\n"
        f"{split.features} = scaler.fit_transform({split.features})",
        "scaler.fit_transform(",
        f"assert scaler.n_samples_seen_ == len({train}) + len({test})",
        "executed: n_samples_seen_ of the scaler is the number of training and test rows together",
        scored(cells, split),
    )


@on_split
def selected_before_split(cells, split):
    train, test = split.parts[:2]
    return before_split(
        cells,
        split,
        "from sklearn.feature_selection import SelectKBest\nselector = SelectKBest(k=1)\n"
        f"rows_seen = len({split.features})\n"
        f"{split.features} = selector.fit_transform({split.features}, {split.target})",
        "selector.fit_transform(",
        f"assert rows_seen == len({train}) + len({test}) and {train}.shape[1] == 1",
        "executed: the column was chosen on as many rows as training and test part have together",
        scored(cells, split),
    )


@on_split
def standardised_before_split(cells, split):
    train, test = split.parts[:2]
    return before_split(
        cells,
        split,
        f"{split.features} = ({split.features} - {split.features}.mean(axis=0)) / {split.features}.std(axis=0)",
        ".mean(axis=0)) /",
        "import numpy\n"
        f"_all = numpy.concatenate([{train}, {test}])\n"
        f"assert numpy.allclose(_all.mean(axis=0), 0) and not numpy.allclose(numpy.asarray({train}).mean(axis=0), 0)",
        "executed: training and test rows together have a mean of zero, the training rows alone have not",
        scored(cells, split),
    )


SELECTED_FOR_FOLDS = """from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
components = PCA(n_components=1)
reduced = components.fit_transform({features})
print(cross_val_score(tree.DecisionTree{kind}(max_depth=3), reduced, {target}, cv=4).mean())"""


@on_split
def reduced_before_folds(cells, split):
    text = "from sklearn import tree\n" + SELECTED_FOR_FOLDS
    return below_split(
        cells,
        split,
        text.format(features=split.features, target=split.target, kind=labels(cells)),
        "components.fit_transform(",
        f"assert components.n_samples_ == len({split.features})",
        "executed: the component was fitted on as many rows as the folds have together",
    )


OVERLAPS = """
import numpy
_train = {{row.tobytes() for row in numpy.ascontiguousarray({train}, dtype=float)}}
_test = [row.tobytes() for row in numpy.ascontiguousarray({test}, dtype=float)]
_both = sum(row in _train for row in _test) / len(_test)
assert _both > 0.3, _both
"""


@on_split
def resampled_before_split(cells, split):
    train, test = split.parts[:2]
    return before_split(
        cells,
        split,
        "from sklearn.utils import resample\n"
        f"{split.features}, {split.target} = resample({split.features}, {split.target}, "
        f"n_samples=2 * len({split.features}), random_state=0)",
        "train_test_split(",
        OVERLAPS.format(train=train, test=test),
        "executed: more than 30 % of the test rows are training rows too",
        scored(cells, split),
    )


def fitted_on_everything(cells):
    split = find_split(cells)
    score = split and find_score(cells, split)
    if not score:
        return None
    train, test, train_target, _ = split.parts
    model = score.text.split(".score(")[0]
    wanted = f"{model}.fit({train}, {train_target})"
    for index, source in cells:
        if split.cell <= index <= score.cell and source.count(wanted) == 1:
            edit = Edit(
                {"cell": index, "replace": wanted, "with": f"{model}.fit({split.features}, {split.target})"},
                score.text,
                index,
                OVERLAPS.format(train=split.features, test=test),
                "executed: every test row is among the rows of the fit",
            )
            return run_alone(cells, split, edit, index)
    return None


REFITTED = """from sklearn.ensemble import RandomForest{kind}
from sklearn.metrics import {metric}
forest = RandomForest{kind}(n_estimators=10, random_state=0)
forest.fit({features}, {target})
guess = forest.predict({test})
print("on the test set:", {metric}({answer}, guess))"""


@on_split
def refitted_on_everything(cells, split):
    _, test, _, answer = split.parts
    kind = labels(cells)
    metric = "accuracy_score" if kind == "Classifier" else "r2_score"
    return below_split(
        cells,
        split,
        REFITTED.format(
            kind=kind, metric=metric, features=split.features, target=split.target, test=test, answer=answer
        ),
        f"{metric}({answer}, guess)",
        OVERLAPS.format(train=split.features, test=test),
        "executed: every test row is among the rows of the fit",
    )


CHOICE = """from sklearn.neighbors import {model}
scores = []
for k in range(1, 12):
    candidate = {model}(n_neighbors=k)
    candidate.fit({0}, {2})
    scores.append(candidate.score({1}, {3}))
best_k = scores.index(max(scores)) + 1
final = {model}(n_neighbors=best_k).fit({0}, {2})
print("accuracy:", final.score({1}, {3}))"""


@on_split
def chosen_by_test(cells, split):
    test, answer = split.parts[1], split.parts[3]
    return below_split(
        cells,
        split,
        CHOICE.format(*split.parts, model=f"KNeighbors{labels(cells)}"),
        "scores.append(candidate.score(",
        f"assert len(set(scores)) > 1 and final.score({test}, {answer}) == max(scores)",
        "executed: the reported score is the largest of eleven different ones on the same test rows",
    )


RECORD = """from sklearn import tree
record, winner = float("-inf"), None
for depth in (1, 2, 4, 8):
    grown = tree.DecisionTree{kind}(max_depth=depth, random_state=0).fit({0}, {2})
    reached = grown.score({1}, {3})
    if reached > record:
        record, winner = reached, grown
print("the best depth is", winner.max_depth, "with", record)"""


@on_split
def best_kept(cells, split):
    return below_split(
        cells,
        split,
        RECORD.format(*split.parts, kind=labels(cells)),
        "reached = grown.score(",
        f"assert record == winner.score({split.parts[1]}, {split.parts[3]})",
        "executed: the reported score is the one by which the depth was chosen",
    )


LAGS = """import pandas as pd
{features} = pd.DataFrame({{"now": pd.Series({target}).reset_index(drop=True).shift(1).fillna(0),
    "before": pd.Series({target}).reset_index(drop=True).shift(2).fillna(0)}})"""
IN_TIME = "executed: the training part has rows that are later than test rows, and a test row's target is in them"


@on_split
def lagged_and_shuffled(cells, split):
    train, test = split.parts[:2]
    return before_split(
        cells,
        split,
        LAGS.format(features=split.features, target=split.target),
        "train_test_split(",
        f"assert {train}.index.max() > {test}.index.min()",
        IN_TIME,
        scored(cells, split),
    )


ROLLED = """import pandas as pd
series = pd.DataFrame({{"level": pd.Series({target}).reset_index(drop=True)}})
series["usual"] = series["level"].rolling(3, min_periods=1).mean()
{features}, {target} = series[["usual"]], series["level"]"""


@on_split
def rolled_and_shuffled(cells, split):
    train, test = split.parts[:2]
    return before_split(
        cells,
        split,
        ROLLED.format(features=split.features, target=split.target),
        "train_test_split(",
        f"assert {train}.index.max() > {test}.index.min()",
        IN_TIME,
        scored(cells, split),
    )


@on_split
def target_kept(cells, split):
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
                edit = Edit(
                    {"cell": index, "replace": line, "with": f"{split.features} = {frame}"},
                    ".fit(",
                    split.cell,
                    "import numpy\n"
                    f"assert any(numpy.array_equal(numpy.asarray({train})[:, i], numpy.asarray({train_target}).ravel())"
                    f" for i in range({train}.shape[1]))",
                    "executed: one column of the features is equal to the target",
                )
                return run_alone(cells, split, edit, index)
    return None


@on_split
def target_joined(cells, split):
    train, train_target = split.parts[0], split.parts[2]
    return before_split(
        cells,
        split,
        f"import pandas as pd\ntable = pd.DataFrame({split.features})\ntable['target'] = {split.target}\n"
        f"{split.features}, {split.target} = table, table['target']",
        ".fit(",
        f"import numpy\nassert numpy.array_equal({train}['target'], {train_target})",
        "executed: one column of the features is equal to the target",
        scored(cells, split),
    )


DERIVED = """import pandas as pd
table = pd.DataFrame({features})
table["amount"] = {target}
table["is_large"] = (table["amount"] > table["amount"].mean()).astype(int)
inputs = table.drop(columns=["is_large"])
from sklearn.ensemble import ExtraTreesClassifier
trees = ExtraTreesClassifier(n_estimators=5, random_state=0)
trees.fit(inputs[:150], table["is_large"][:150])"""


@on_split
def derived_target(cells, split):
    return below_split(
        cells,
        split,
        DERIVED.format(features=split.features, target=split.target),
        "trees.fit(",
        'assert inputs["amount"][table["is_large"] == 1].min() > inputs["amount"][table["is_large"] == 0].max()',
        "executed: one column of the features tells the target in every row",
    )


JUDGED = """from sklearn.tree import ExtraTree{kind}
tree_model = ExtraTree{kind}(random_state=0).fit({0}, {2})
print("score:", tree_model.score({0}, {2}))"""


@on_split
def judged_on_train(cells, split):
    train, test, answer, test_answer = split.parts
    return below_split(
        cells,
        split,
        JUDGED.format(*split.parts, kind=labels(cells)),
        "tree_model.score(",
        f"assert tree_model.score({train}, {answer}) > tree_model.score({test}, {test_answer})",
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
    if any(f".{how}({test}" in source.replace(score.text, "") for _, source in cells for how in ("score", "predict")):
        return None
    fits = [index for index, source in cells if index <= score.cell and f".fit({train}, {train_target})" in source]
    edit = Edit(
        {"cell": score.cell, "replace": score.text, "with": changed},
        changed,
        score.cell,
        f"assert {model}.score({train}, {train_target}) != {model}.score({test}, {test_target})",
        "executed: the score on the rows of the fit is another than on the test rows",
    )
    return run_alone(cells, split, edit, score.cell, *fits[-1:])


REMEMBERED = """from sklearn.metrics import {metric}
from sklearn.neighbors import KNeighbors{kind}
nearest = KNeighbors{kind}(n_neighbors=1)
nearest.fit({0}, {2})
remembered = nearest.predict({0})
result = {metric}({2}, remembered)
print("how good the model is:", result)"""


@on_split
def compared_on_train(cells, split):
    kind = labels(cells)
    metric = "accuracy_score" if kind == "Classifier" else "mean_absolute_error"
    return below_split(
        cells,
        split,
        REMEMBERED.format(*split.parts, kind=kind, metric=metric),
        f"result = {metric}(",
        f"assert result != {metric}({split.parts[3]}, nearest.predict({split.parts[1]}))",
        "executed: the printed figure is another than on the test rows",
    )


OPERATORS = {
    "NB501": [scaled_before_split, selected_before_split, standardised_before_split, reduced_before_folds],
    "NB502": [resampled_before_split, fitted_on_everything, refitted_on_everything],
    "NB503": [chosen_by_test, best_kept],
    "NB504": [lagged_and_shuffled, rolled_and_shuffled],
    "NB505": [target_kept, target_joined, derived_target],
    "NB506": [scored_on_train, judged_on_train, compared_on_train],
}
