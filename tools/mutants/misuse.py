"""Calls that do something else than they seem to, put into clean notebooks mechanically."""

import ast
import re

from common import Edit
from stand_ins import absent, bound, loaded, middle, plain, put, results, text_of, used_functions

RECORDER = """
class Rec:
    log = []
    def __init__(self, name=""):
        object.__setattr__(self, "name", name)
    def __getattr__(self, name):
        return Rec(name)
    def __setattr__(self, name, value):
        Rec.log.append(name)
    def __call__(self, *arguments, **keywords):
        Rec.log.append(self.name)
        return Rec()
    def itself(self, *arguments):
        return self
    def no(self, *arguments):
        return False
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = itself
    __getitem__ = __enter__ = __neg__ = __mod__ = __floordiv__ = __iadd__ = __matmul__ = itself
    __bool__ = __lt__ = __gt__ = __le__ = __ge__ = __exit__ = __setitem__ = __contains__ = no
    __len__ = __index__ = __int__ = lambda self: 2
    __float__ = lambda self: 2.0
    __format__ = lambda self, form: "2"
    __iter__ = lambda self: iter((Rec(), Rec()))
"""
NONE_AFTER = "assert {target} is None, {target}"


def lists(cells):
    """(cell, source, statement, text) of `name = [...]` or a comprehension, at the top of a cell."""
    return assigned(cells, lambda value: isinstance(value, (ast.List, ast.ListComp)))


def dicts(cells):
    return assigned(cells, lambda value: isinstance(value, ast.Dict) and value.keys)


def assigned(cells, wanted):
    found = []
    for index, source, tree in plain(cells):
        for node in tree.body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                text = text_of(source, node)
                if text and wanted(node.value):
                    found.append((index, source, node, text))
    return found


def none_kept(place, line, target):
    """A line below a statement that makes a list or dict; what it keeps is None."""
    check = f"{{made}}\n{line}\nassert {target} is None"
    kind = "[3, 1, 2]" if not isinstance(place[2].value, ast.Dict) else "{'a': 1}"
    made = f"import random\n{place[2].targets[0].id} = {kind}"
    said = "executed: the name is None afterwards"
    return put(place, f"{place[3]}\n{line}", line, check.replace("{made}", made), said)


def sorted_in_place(cells):
    place = middle(lists(cells))
    name = place and place[2].targets[0].id
    return place and none_kept(place, f"ordered_{name} = {name}.sort()", f"ordered_{name}")


def appended_to_itself(cells):
    place = middle(lists(cells))
    name = place and place[2].targets[0].id
    return place and none_kept(place, f"{name} = {name}.append(0)", name)


def updated(cells):
    place = middle(dicts(cells))
    name = place and place[2].targets[0].id
    return place and none_kept(place, f"all_{name} = {name}.update(checked=True)", f"all_{name}")


def shuffled(cells):
    place = middle(lists(cells)) if absent(cells, "random") else None
    if not place:
        return None
    name = place[2].targets[0].id
    edit = none_kept(place, f"{name} = random.shuffle({name})", name)
    edit.change["prepend"] = "import random"
    return edit


def frames(cells):
    """(cell, source, statement, text) of `name = pd.read_…(…)` or `pd.DataFrame(…)`."""
    found = []
    for place in results(cells):
        callee = place[2].value.func
        makes = isinstance(callee, ast.Attribute) and re.fullmatch(
            "read_(csv|excel|parquet|json)|DataFrame", callee.attr
        )
        if makes and isinstance(callee.value, ast.Name) and callee.value.id == "pd":
            found.append(place)
    return [place for place in found if place[2].value.func.attr != "read_excel"]


def column_of(cells, name):
    """A column of the frame that the notebook names."""
    for _, source in cells:
        found = re.search(rf"\b{re.escape(name)}\[['\"]([\w ]+)['\"]\]", source)
        if found:
            return found[1]
    return None


# A frame with this column, in the place of the one that cannot be read here.
FRAME = "import pandas as pd\n{name} = pd.DataFrame({{{column!r}: [1.0, None, 1.0], 'other': [5, 6, 5]}})\nold = {name}.copy()\n"
UNCHANGED = "\npd.testing.assert_frame_equal({name}, old)"


def framed(cells, line, at, end=UNCHANGED):
    """A line below the statement that makes a frame."""
    for place in frames(cells):
        name = place[2].targets[0].id
        column = column_of(cells, name)
        if not column:
            continue
        line = line.format(name=name, column=column)
        at = at.format(name=name, column=column)
        if not absent(cells, at):
            return None
        check = FRAME.format(name=name, column=column) + line + end.format(name=name, column=column)
        said = "executed on a frame with this column: it is the same afterwards"
        return put(place, f"{place[3]}\n{line}", at, check, said)
    return None


def written_into_rows(cells):
    line = '{name}[{name}["{column}"] == 1]["{column}"] = 0'
    return framed(cells, line, '{name}[{name}["{column}"] == 1]')


def written_into_result(cells):
    return framed(cells, '{name}.dropna()["{column}"] = 0', "{name}.dropna()[")


def written_by_loc(cells):
    line = '{name}[{name}["{column}"].notna()].loc[:, "{column}"] = 0'
    return framed(cells, line, ".notna()].loc[")


def written_into_column(cells):
    """pandas 3 gives a copy of a column too."""
    line = '{name}["{column}"].iloc[0] = 100'
    return framed(cells, line, '{name}["{column}"].iloc[0]')


def loc_taken_apart(cells):
    """`df.loc[rows, "c"] = value` of the notebook, in two steps."""
    known = {place[2].targets[0].id for place in frames(cells)}
    for index, source, tree in plain(cells):
        for node in ast.walk(tree):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if not (isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute)):
                continue
            frame, slices = target.value.value, target.slice
            two = isinstance(slices, ast.Tuple) and len(slices.elts) == 2 and isinstance(slices.elts[0], ast.Compare)
            is_loc = target.value.attr == "loc" and isinstance(frame, ast.Name) and frame.id in known
            text = text_of(source, node)
            if is_loc and two and text and isinstance(slices.elts[1], ast.Constant):
                rows, column = (ast.unparse(part) for part in slices.elts)
                margin = text[: len(text) - len(text.lstrip())]
                changed = f"{margin}{frame.id}[{rows}][{column}] = {ast.unparse(node.value)}"
                check = FRAME.format(name=frame.id, column=slices.elts[1].value)
                check += f"{frame.id}[{frame.id}[{column}] == 1][{column}] = 0" + UNCHANGED.format(name=frame.id)
                said = "executed on a frame with this column: it is the same afterwards"
                return put((index, source, node, text), changed, changed.strip()[:40], check, said)
    return None


def rows_not_dropped(cells):
    line = '{name}.dropna(subset=["{column}"])\nprint("rows:", len({name}))'
    return framed(cells, line, '{name}.dropna(subset=["{column}"])')


def column_not_replaced(cells):
    line = '{name}["{column}"].replace(1, 100)\nprint({name}.shape)'
    return framed(cells, line, ".replace(1, 100)")


def result_not_kept(cells):
    """`df = df.method(…)` of the notebook, without the assignment."""
    pure = {"dropna", "drop", "fillna", "rename", "reset_index", "sort_values", "drop_duplicates", "set_index"}
    known = {place[2].targets[0].id for place in frames(cells)}
    for index, source, tree in plain(cells):
        for node in tree.body[:-1]:
            value = node.value if isinstance(node, ast.Assign) else None
            method = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in pure
            if not method or any(keyword.arg == "inplace" for keyword in value.keywords):
                continue
            frame, text = ast.unparse(node.targets[0]), text_of(source, node)
            if frame not in known or ast.unparse(value.func.value) != frame or not text or "=" not in text:
                continue
            changed = text.split("=", 1)[1].strip()
            columns = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            check = (
                f"import pandas as pd\n{frame} = pd.DataFrame({{c: [2.0, None, 1.0] for c in {columns or ['a']!r}}})\n"
                f"old = {frame}.copy()\n{changed}" + UNCHANGED.format(name=frame)
            )
            said = "executed on a frame with these columns: it is the same afterwards"
            return put((index, source, node, text), changed, changed.split("\n")[0][:40], check, said)
    return None


def text_not_cleaned(cells):
    """A function of the notebook cleans a text that it makes, for nothing."""
    place = middle([f for f in used_functions(cells) if isinstance(f[2].body[-1], ast.Return)])
    if not place or place[2].body[-1].lineno == place[2].lineno:
        return None
    lines = place[3].split("\n")
    last = place[2].end_lineno - place[2].body[-1].lineno + 1
    margin = " " * place[2].body[-1].col_offset
    name = place[2].name
    added = [f'{margin}label = "{name}: " + str({len(name)}) + "  "', f"{margin}label.strip()", f"{margin}print(label)"]
    check = f'label = "{name}: 7  "\nlabel.strip()\nassert label.endswith("  ")'
    said = "executed: the text is the same afterwards"
    return put(place, "\n".join(lines[:-last] + added + lines[-last:]), "label.strip()", check, said)


def kept_in_place(cells, line, at):
    for place in frames(cells):
        name = place[2].targets[0].id
        column = column_of(cells, name)
        if column and absent(cells, "inplace=True"):
            line, at = line.format(name=name, column=column), at.format(name=name, column=column)
            target = line.split(" = ")[0]
            check = FRAME.format(name=name, column=column) + f"{line}\nassert {target} is None"
            said = "executed on a frame with this column: the name is None afterwards"
            return put(place, f"{place[3]}\n{line}", at, check, said)
    return None


def dropped_in_place(cells):
    line = '{name} = {name}.dropna(subset=["{column}"], inplace=True)'
    return kept_in_place(cells, line, "{name} = {name}.dropna(")


def sorted_frame_in_place(cells):
    line = 'by_{name} = {name}.sort_values("{column}", ascending=False, inplace=True)'
    return kept_in_place(cells, line, "by_{name} = ")


def chained_in_place(cells):
    line = "clean = {name}.drop_duplicates().reset_index(drop=True, inplace=True)"
    return kept_in_place(cells, line, "clean = {name}.drop")


def gradients_not_zeroed(cells):
    """A training loop of the notebook without its `zero_grad()`."""
    for index, source, tree in plain(cells):
        for loop in ast.walk(tree):
            if not isinstance(loop, ast.For):
                continue
            zeroing = [
                n
                for n in ast.walk(loop)
                if isinstance(n, ast.Expr)
                and isinstance(n.value, ast.Call)
                and "zero_grad" in ast.unparse(n.value.func)
            ]
            text = ast.unparse(loop)
            if not zeroing or ".backward()" not in text or not re.search(r"opt\w*\.step\(\)", text):
                continue
            lines = source.split("\n")
            own = [n for n in zeroing if n.lineno == n.end_lineno and not lines[n.lineno - 1][: n.col_offset].strip()]
            if own != zeroing or sum(s.count("zero_grad") for _, s in cells) != len(zeroing):
                continue
            gone = {n.lineno for n in zeroing}
            changed = "\n".join(line for number, line in enumerate(lines, 1) if number not in gone)
            try:
                mutant = next(
                    n
                    for n in ast.walk(ast.parse(changed))
                    if isinstance(n, ast.For) and ".backward()" in ast.unparse(n)
                )
            except (SyntaxError, StopIteration):
                continue
            known = {"range", "len", "enumerate", "print", "zip", "str", "int", "float"}
            names = sorted((loaded(mutant) | {"epoch"}) - bound(mutant) - known)
            check = (
                f"{RECORDER}\n" + "".join(f"{name} = Rec()\n" for name in names) + ast.unparse(mutant) + "\n"
                "seen = [word for word in Rec.log if word in ('backward', 'zero_grad', 'step')]\n"
                "assert seen.count('backward') > 1 and 'zero_grad' not in seen, Rec.log"
            )
            said = "executed with stand-ins: one backward() follows the other, and no gradient is set back between"
            edit = Edit(
                {"cell": index, "replace": source, "with": changed}, ".backward()", index, check, said, cells=[]
            )
            return edit if sum(s.count(".backward()") for _, s in cells) == 1 else None
    return None


LOOP = """for epoch in range(3):
    prediction = {model}({name}_inputs)
    cost = ((prediction - {name}_targets) ** 2).mean()
    cost.backward()
    {name}_optimizer.step()"""


def loop_without_zeroing(cells):
    """A training loop below the cell that makes a model of PyTorch."""
    for index, source, tree in plain(cells):
        for node in tree.body:
            text = ast.unparse(node)
            makes = isinstance(node, ast.Assign) and re.match(r"(\w+) = (nn|torch\.nn)\.\w+\(", text)
            if makes and text_of(source, node) and absent(cells, "cost.backward()"):
                name = makes[1]
                lines = f"{name}_optimizer = torch.optim.SGD({name}.parameters(), lr=0.1)\n" + LOOP.format(
                    model=name, name=name
                )
                check = (
                    f"{RECORDER}\n{name} = {name}_inputs = {name}_targets = torch = Rec()\n{lines}\n"
                    "seen = [word for word in Rec.log if word in ('backward', 'zero_grad', 'step')]\n"
                    "assert seen == ['backward', 'step'] * 3, seen"
                )
                said = "executed with stand-ins: one backward() follows the other, and no gradient is set back between"
                change = {"cell": index, "append": lines, "prepend": "import torch"}
                return Edit(change, "cost.backward()", index, check, said, cells=[])
    return None


MISPLACED = """
shell = get_ipython()
assert "run_line_magic('%{name}'" in shell.transform_cell({source!r})
try:
    shell.run_line_magic("%{name}", "")
except Exception as error:
    assert type(error).__name__ == "UsageError", error
else:
    raise AssertionError("the magic was found")
"""


def magic_below(cells, name, wanted):
    """A cell magic on the second line of a cell."""
    for index, source, tree in plain(cells):
        lines = source.split("\n")
        single = len(tree.body) > 1 and tree.body[0].lineno == tree.body[0].end_lineno == 1
        if single and wanted(lines[0]) and source.count(lines[0]) == 1 and "%%" not in source:
            changed = f"{lines[0]}\n%%{name}"
            mutant = source.replace(lines[0], changed)
            check = MISPLACED.format(name=name, source=mutant)
            shown = "executed: IPython takes it for a line magic, and there is none of that name"
            change = {"cell": index, "replace": lines[0], "with": changed}
            return Edit(change, f"%%{name}", index, check, shown, cells=[])
    return None


def timed_below_the_first_line(cells):
    return magic_below(cells, "time", lambda line: not line.startswith(("import", "from", "@")))


def captured_below_an_import(cells):
    return magic_below(cells, "capture", lambda line: line.startswith(("import", "from")))


OPERATORS = {
    "NB407": [timed_below_the_first_line, captured_below_an_import],
    "NB401": [sorted_in_place, appended_to_itself, updated, shuffled],
    "NB402": [dropped_in_place, sorted_frame_in_place, chained_in_place],
    "NB403": [written_into_rows, written_into_result, written_by_loc, loc_taken_apart, written_into_column],
    "NB404": [rows_not_dropped, column_not_replaced, result_not_kept, text_not_cleaned],
    "NB405": [gradients_not_zeroed, loop_without_zeroing],
}
