"""Checks of a clean notebook that are taken away or made to check nothing.

Every proof runs the changed cell alone, with stand-ins for what the cells above would have bound: of a stand-in every
condition is false. The cell as it was stops there; the changed one must not.
"""

import ast
import builtins
import textwrap

from common import Edit, trees

STAND_INS = """
class Nothing:
    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self
    def _same(self, *args, **kwargs):
        return self
    __call__ = __getitem__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _same
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
    __floordiv__ = __mod__ = __pow__ = __and__ = __or__ = __invert__ = __neg__ = __abs__ = __enter__ = _same
    __hash__ = None
    def __setitem__(self, key, value): pass
    def __exit__(self, *error): return False
    def __bool__(self): return False
    def __len__(self): return 0
    def __iter__(self): return iter(())
    def __contains__(self, item): return False
    def __float__(self): return float("nan")
    def __int__(self): return 0
    def __index__(self): return 0
    def __format__(self, spec): return "nothing"
"""


def top_assertions(tree):
    """The assertions that stand at the top of a cell."""
    return [node for node in tree.body if isinstance(node, ast.Assert)]


def every_assertion(cells):
    return [node for _, _, tree in trees(cells) for node in ast.walk(tree) if isinstance(node, ast.Assert)]


def stand_ins(tree):
    """Binds whatever the cell reads to a stand-in."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    names = sorted(read - set(dir(builtins)))
    return STAND_INS + "".join(f"{name} = Nothing()\n" for name in names)


def stops(assertion):
    """Raises unless the assertion as it was fails here."""
    inner = textwrap.indent(ast.unparse(assertion), "    ")
    return f"try:\n{inner}\nexcept AssertionError:\n    pass\nelse:\n    raise SystemError('the condition holds')"


def is_real(assertion):
    """Tests something that the notebook computed."""
    names = [node for node in ast.walk(assertion.test) if isinstance(node, ast.Name)]
    return bool(names) and not isinstance(assertion.test, ast.Tuple)


def first_assertion(cells):
    """(cell, source, tree, assertion, its text) of the first one at the top of a cell that is written once there."""
    for index, source, tree in trees(cells):
        for assertion in top_assertions(tree):
            text = ast.get_source_segment(source, assertion)
            if text and source.count(text) == 1 and is_real(assertion):
                return index, source, tree, assertion, text
    return None


def replaced(cells, make, at, proof):
    """The first assertion written in another way; `make` gives the new text, `at` the part that is reported."""
    found = first_assertion(cells)
    if not found:
        return None
    index, _, tree, assertion, text = found
    new = make(assertion)
    return Edit(
        {"cell": index, "replace": text, "with": new},
        at(new),
        index,
        stops(assertion),
        proof,
        cells=[index],
        before=stand_ins(tree),
    )


def first_line(text):
    return text.split("\n")[0]


def assert_line(text):
    return next(line for line in text.split("\n") if "assert " in line).strip()


RUNS_ON = (
    "executed: with a value of which the condition is false the assertion as it was stops the cell, the mutant runs on"
)


def asserted_tuple(cells):
    return replaced(
        cells,
        lambda assertion: f"assert ({ast.unparse(assertion.test)}, 'unexpected value')",
        first_line,
        RUNS_ON,
    )


def or_a_text(cells):
    return replaced(
        cells, lambda assertion: f"assert {ast.unparse(assertion.test)} or 'as expected'", first_line, RUNS_ON
    )


def attempted(cells, handler):
    def make(assertion):
        return f"try:\n    {ast.unparse(assertion)}\n{handler}"

    return replaced(cells, make, assert_line, RUNS_ON)


def failure_passed(cells):
    return attempted(cells, "except Exception:\n    pass")


def failure_printed(cells):
    return attempted(cells, "except AssertionError as problem:\n    print('check failed', problem)")


def in_uncalled_function(cells):
    return replaced(cells, lambda assertion: f"def check_result():\n    {ast.unparse(assertion)}", assert_line, RUNS_ON)


def behind_a_return(cells):
    def make(assertion):
        return f"def summarise(values):\n    return values\n    {ast.unparse(assertion)}\nsummarise([])"

    return replaced(cells, make, assert_line, RUNS_ON)


WORK = ("read_csv(", "read_excel(", "read_parquet(", "read_json(", "load_dataset(", ".fit(", ".fit_transform(")


def first_work(cells):
    """The first line that reads data or fits a model."""
    for _, source, tree in trees(cells):
        for node in tree.body:
            line = source.split("\n")[node.lineno - 1]
            if any(word in line for word in WORK):
                return line.strip()
    return None


def assertions_deleted(cells):
    """All assertions of a notebook whose assertions stand at the top of one cell."""
    found = first_assertion(cells)
    work = first_work(cells)
    if not found or not work:
        return None
    index, source, tree, assertion, _ = found
    own = top_assertions(tree)
    if len(own) != len(every_assertion(cells)) or len(own) == len(tree.body):
        return None
    lines = source.split("\n")
    for node in own:
        for number in range(node.lineno - 1, node.end_lineno):
            lines[number] = None
    return Edit(
        {"cell": index, "replace": source, "with": "\n".join(line for line in lines if line is not None)},
        work,
        index,
        stops(assertion),
        "executed: with a value of which the condition is false the deleted assertion stops the cell, the mutant runs on",
        cells=[index],
        before=stand_ins(tree),
    )


def shown_instead(cells, fits, make, proof=RUNS_ON):
    """The first assertion whose condition fits is shown where it was asserted."""
    for index, source, tree in trees(cells):
        for assertion in top_assertions(tree):
            text = ast.get_source_segment(source, assertion)
            if text and source.count(text) == 1 and is_real(assertion) and fits(assertion.test):
                new = make(assertion.test)
                return Edit(
                    {"cell": index, "replace": text, "with": new},
                    new.split("\n")[0],
                    index,
                    stops(assertion),
                    proof,
                    cells=[index],
                    before=stand_ins(tree),
                )
    return None


COMPARING = ("allclose", "array_equal", "equals", "isclose")


def check_printed(cells):
    def fits(test):
        return isinstance(test, ast.Call) and ast.unparse(test.func).split(".")[-1] in (*COMPARING, "all")

    return shown_instead(cells, fits, lambda test: f"print({ast.unparse(test)})")


def equality_printed(cells):
    def fits(test):
        return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq) and len(test.ops) == 1

    def make(test):
        return f"print(({ast.unparse(test.left)} == {ast.unparse(test.comparators[0])}).all())"

    return shown_instead(cells, fits, make)


def floats_asserted(cells, line):
    """An assertion of a computed figure below the first cell that imports something and nothing else."""
    for index, _, tree in trees(cells):
        if tree.body and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body):
            return Edit(
                {"cell": index, "append": line},
                line.split("\n")[-1],
                index,
                f"try:\n{textwrap.indent(line, '    ')}\nexcept AssertionError:\n    pass\n"
                "else:\n    raise SystemError('they are equal')",
                "executed: the assertion fails although the two numbers differ by less than 1e-9",
                cells=[],
            )
    return None


def sum_of_weights(cells):
    return floats_asserted(cells, "weights = [0.1, 0.1, 0.1]\nassert sum(weights) == 0.3")


def product_of_rates(cells):
    return floats_asserted(cells, "rate, years = 0.1, 3\nassert 1.1 * (1 + rate) * rate * years == 0.363")


UNREAD = {
    "extra.csv": "open('extra.csv', 'w').write('amount,day\\n')\n",
    "extra.json": "open('extra.json', 'w').write('[]')\n",
}


def loaded_unseen(cells, file, lines):
    """One more file is read below the first frame that is; what comes of it is used at once."""
    for index, source, tree in trees(cells):
        for node in tree.body:
            line = source.split("\n")[node.lineno - 1]
            if isinstance(node, ast.Assign) and "pd.read_" in line and node.lineno == node.end_lineno:
                if source.count(line) != 1 or "extra" in source or line.startswith((" ", "\t")):
                    continue
                return Edit(
                    {"cell": index, "replace": line, "with": f"{line}\n{lines}"},
                    lines.split("\n")[0],
                    index,
                    lines + "\nassert len(extra) == 0",
                    "executed: the file is empty and nothing stops",
                    cells=[],
                    before="import pandas as pd\n" + UNREAD[file],
                )
    return None


def csv_unseen(cells):
    return loaded_unseen(cells, "extra.csv", 'extra = pd.read_csv("extra.csv")\nextra_total = extra["amount"].sum()')


def json_unseen(cells):
    return loaded_unseen(
        cells, "extra.json", 'extra = pd.read_json("extra.json")\nextra.to_csv("extra-copy.csv", index=False)'
    )


POOR = """
class Poor:
    def score(self, *rows): return 0.01
    def predict(self, *rows): return [0, 0, 0]
"""


def scored(cells, make):
    """A fitted model of a notebook without any score is scored, and the score is only shown."""
    text = "\n".join(source for _, source in cells)
    if any(word in text for word in ("score", "accuracy", "_error(", "metric", "assert", "auc")):
        return None
    for index, source, tree in trees(cells):
        for node in tree.body:
            call = getattr(node, "value", None)
            fits = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "fit"
            if fits and isinstance(call.func.value, ast.Name) and len(call.args) >= 2:
                names = [ast.unparse(argument) for argument in call.args[:2]]
                if all(name.isidentifier() for name in names):
                    model = call.func.value.id
                    lines = make(model, *names)
                    stand_in = f"{POOR}\n{model} = Poor()\n{names[0]} = [1, 2, 3]\n{names[1]} = [1, 1, 0]\n"
                    return Edit(
                        {"cell": index, "append": lines},
                        lines.split("\n")[-1] if "import" in lines else lines,
                        index,
                        lines,
                        "executed: a model that is nearly always wrong is scored and nothing stops",
                        cells=[],
                        before=stand_in,
                    )
    return None


def score_printed(cells):
    return scored(cells, lambda model, rows, target: f'print("score:", {model}.score({rows}, {target}))')


def error_printed(cells):
    return scored(
        cells,
        lambda model, rows, target: (
            "from sklearn.metrics import mean_absolute_error\n"
            f'print("error:", mean_absolute_error({target}, {model}.predict({rows})))'
        ),
    )


OPERATORS = {
    "NB101": [assertions_deleted],
    "NB102": [asserted_tuple, or_a_text],
    "NB103": [failure_passed, failure_printed],
    "NB104": [in_uncalled_function, behind_a_return],
    "NB105": [csv_unseen, json_unseen],
    "NB106": [score_printed, error_printed],
    "NB107": [check_printed, equality_printed],
    "NB108": [sum_of_weights, product_of_rates],
}
