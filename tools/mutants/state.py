"""Faults of hidden state that can be put into a clean notebook mechanically: names that are not there any more, cells
that ran in another order than they stand, results that the next run changes."""

import ast
import re
from dataclasses import dataclass

from common import Edit, trees
from leakage import find_score, find_split

RAISES = """
_result = get_ipython().run_cell({source!r}, silent=True)
assert isinstance(_result.error_in_exec, NameError), _result.error_in_exec
assert {name!r} in str(_result.error_in_exec), _result.error_in_exec
"""


@dataclass
class Cell:
    """What a cell binds and reads at its top level, where it surely runs."""

    index: int
    source: str
    tree: ast.Module
    bound: dict
    read: dict


class Names(ast.NodeVisitor):
    """Names of one cell: those bound anywhere at notebook level, and those that its own statements surely read."""

    def __init__(self):
        self.bound, self.read, self.depth = {}, {}, 0

    def visit_body(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_If = visit_For = visit_While = visit_Try = visit_With = visit_body
    visit_Lambda = visit_IfExp = visit_BoolOp = visit_body
    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_body

    def visit_FunctionDef(self, node):
        self.bound.setdefault(node.name, node)
        self.visit_body(node)

    visit_ClassDef = visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Import(self, node):
        for alias in node.names:
            self.bound.setdefault((alias.asname or alias.name).split(".")[0], node)

    visit_ImportFrom = visit_Import

    def visit_Name(self, node):
        if not isinstance(node.ctx, ast.Load):
            self.bound.setdefault(node.id, node)
        elif self.depth == 0 and node.id not in self.bound:
            self.read.setdefault(node.id, node)

    def visit_Assign(self, node):
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node):
        if isinstance(node.target, ast.Name):
            self.visit_Name(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
        self.generic_visit(node)


def parsed(cells):
    """The cells that parse; None where one might bind names that cannot be known, or runs commands."""
    found = []
    for index, source, tree in trees(cells):
        names = Names()
        names.visit(tree)
        found.append(Cell(index, source, tree, names.bound, names.read))
    sources = [source for _, source in cells]
    stars = any("import *" in source or "%run" in source or "%pylab" in source for source in sources)
    return None if stars or len(found) < len(cells) else found


def is_plain(cell):
    """No line of the cell is a magic or a command."""
    return not any(line.lstrip().startswith(("%", "!")) for line in cell.source.split("\n"))


def binders(cells, name):
    return [cell for cell in cells if name in cell.bound]


def needed_for(cells, names, before):
    """Indexes of the cells above a place that together bind these names and what they need themselves."""
    wanted, needed = set(names), set()
    for cell in reversed([cell for cell in cells if cell.index < before]):
        used = {node.id for node in ast.walk(cell.tree) if isinstance(node, ast.Name)}
        if wanted & set(cell.bound):
            needed.add(cell.index)
            wanted |= used
    return sorted(needed)


def first_line(cell, name):
    """The line of the first sure use of a name."""
    return cell.source.split("\n")[cell.read[name].lineno - 1].strip()


def mentions(cells, name):
    """(cell, line) of every use of a name, first ones first."""
    uses = (
        (cell.index, node.lineno)
        for cell in cells
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    )
    return sorted(uses)


def users(cells, definer, name):
    """Cells below that surely read the name, which nobody else binds."""
    if len(binders(cells, name)) != 1:
        return []
    return [cell for cell in cells if cell.index > definer.index and name in cell.read and is_plain(cell)]


def lost(cells, definer, name, change, proof):
    """An Edit after which no cell binds the name that a later cell reads."""
    below = users(cells, definer, name)
    # Only the first use raises.
    if not below or mentions(cells, name)[0] != (below[0].index, below[0].read[name].lineno):
        return None
    user = below[0]
    others = [cell for cell in cells if cell.index != definer.index]
    needed = needed_for(others, set(user.read) - {name}, user.index)
    check = RAISES.format(source=user.source, name=name)
    return Edit(change, first_line(user, name), user.index, check, proof, cells=needed)


def import_removed(cells):
    """The only import of a module goes, its use in a later cell stays."""
    known = parsed(cells)
    for cell in known or []:
        for statement in cell.tree.body:
            if not isinstance(statement, (ast.Import, ast.ImportFrom)) or len(statement.names) != 1:
                continue
            line = cell.source.split("\n")[statement.lineno - 1]
            alias = statement.names[0]
            name = (alias.asname or alias.name).split(".")[0]
            if cell.source.count(line) != 1 or statement.end_lineno != statement.lineno:
                continue
            change = {"cell": cell.index, "replace": line, "with": "# (moved to helpers)"}
            edit = lost(known, cell, name, change, "executed: the cell raises NameError without the import")
            if edit:
                return edit
    return None


def assigned(cells):
    """(cell, statement, name) of assignments to one name on one line."""
    for cell in cells:
        for statement in cell.tree.body:
            simple = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
            if simple and statement.lineno == statement.end_lineno:
                yield cell, statement, statement.targets[0].id


def binding_renamed(cells):
    """A name is renamed where it is bound, but not where later cells read it."""
    known = parsed(cells)
    for cell, statement, name in assigned(known or []):
        line = cell.source.split("\n")[statement.lineno - 1]
        own = [node for node in ast.walk(cell.tree) if isinstance(node, ast.Name) and node.id == name]
        if cell.source.count(line) != 1 or len(own) != 1:
            continue
        change = {"cell": cell.index, "replace": line, "with": line.replace(name, f"{name}_new", 1)}
        edit = lost(known, cell, name, change, "executed: the later cell raises NameError under the old name")
        if edit:
            return edit
    return None


def cell_deleted(cells):
    """The cell that binds a name is emptied."""
    known = parsed(cells)
    for cell, _, name in assigned(known or []):
        change = {"cell": cell.index, "replace": cell.source, "with": ""}
        edit = lost(known, cell, name, change, "executed: the later cell raises NameError without the deleted one")
        if edit:
            return edit
    return None


def moved_above(cells):
    """A cell is moved above the one that binds what it reads first."""
    known = parsed(cells)
    for definer in known or []:
        for name in definer.bound:
            for user in users(known, definer, name):
                moved = {"cell": definer.index, "move_here": user.index}
                needed = needed_for(known, set(user.read) - set(definer.bound), definer.index)
                check = RAISES.format(source=user.source, name=name)
                proof = "executed: the cell raises NameError at its new place"
                if isinstance(definer.bound[name], ast.Import):
                    continue
                return Edit(moved, first_line(user, name), definer.index, check, proof, cells=needed)
    return None


def moved_below_call(cells):
    """A cell that binds what a function's body reads is moved below the function's call."""
    known = parsed(cells)
    for cell in known or []:
        for function in cell.tree.body:
            if not isinstance(function, ast.FunctionDef):
                continue
            for user in users(known, cell, function.name):
                edit = moved_global(known, cell, function, user)
                if edit:
                    return edit
    return None


def moved_global(known, cell, function, user):
    statements = [part for part in function.body if isinstance(part, (ast.Assign, ast.Return, ast.Expr))]
    local = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    local |= {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    names = Names()
    for part in statements[:1]:
        names.visit(part)
    for name in names.read:
        makers = binders(known, name)
        if name in local or len(makers) != 1 or makers[0].index in (cell.index, user.index):
            continue
        maker = makers[0]
        earlier = [cell for cell in known if cell is not user and maker.index < cell.index < user.index]
        alone = all(use[0] == cell.index for bound in maker.bound for use in mentions(earlier, bound))
        if maker.index > user.index or any(bound in user.read for bound in maker.bound) or not alone:
            continue
        # Cells between the two come one up; only those are run that do not need what was moved.
        others = [other for other in known if other.index != maker.index]
        needed = needed_for(others, {*user.read, function.name}, user.index)
        shifted = [index - (index > maker.index) for index in needed]
        check = RAISES.format(source=user.source, name=name)
        change = {"cell": user.index, "move_here": maker.index}
        proof = "executed: the call raises NameError within the function"
        return Edit(change, first_line(user, function.name), user.index, check, proof, cells=shifted)
    return None


SEES_ANOTHER = """
_above = repr({name})
_result = get_ipython().run_cell({source!r}, silent=True)
assert _result.success and repr({name}) != _above
"""


def counted(cells, order):
    """Execution counts of a run of the cells in an order; the change of a notebook that stores them."""
    counts = {str(cell.index): None for cell in cells if not cell.source.strip()}
    full = [index for index in order if str(index) not in counts]
    return counts | {str(index): number for number, index in enumerate(full, start=1)}


def moved_in_order(cells, moved, before):
    """Indexes of the cells as they stand, but one of them ran before another."""
    order = [cell.index for cell in cells if cell is not moved]
    order.insert(order.index(before.index), moved.index)
    return order


def readers_above(cells, maker, name):
    """Cells above that surely read a name which they do not bind."""
    return [
        cell
        for cell in cells
        if cell.index < maker.index and name in cell.read and name not in cell.bound and is_plain(cell)
    ]


def ran_before_reader(cells):
    """A cell that binds a name anew was run before one above it that reads the name."""
    known = parsed(cells)
    for maker, statement, name in assigned(known or []):
        above = readers_above(known, maker, name)
        firsts = [cell for cell in binders(known, name) if above and cell.index < above[-1].index]
        if not firsts or not is_plain(maker) or maker in firsts:
            continue
        reader = above[-1]
        if any(ast.unparse(statement) in ast.unparse(first.tree) for first in firsts):
            continue
        needed = needed_for(known, {name, *maker.read}, reader.index)
        return Edit(
            {"counts": counted(known, moved_in_order(known, maker, reader))},
            first_line(reader, name),
            reader.index,
            SEES_ANOTHER.format(name=name, source=maker.source),
            "executed: in the order of the counts the name is another value than from top to bottom",
            cells=needed,
        )
    return None


def cut_below(cells):
    """A line below shortens what a cell above it reads, and was run before that one."""
    known = parsed(cells)
    for first, _, name in assigned(known or []):
        below = users(known, first, name)
        later = [cell for cell in known if below and cell.index > below[0].index and is_plain(cell)]
        later = [cell for cell in later if cell.source.strip()]
        if not later or name in below[0].bound:
            continue
        reader, maker, cut = below[0], later[0], f"{name} = {name}[:5]"
        change = {"cell": maker.index, "append": cut}
        change["counts"] = counted(known, moved_in_order(known, maker, reader))
        return Edit(
            change,
            first_line(reader, name),
            reader.index,
            SEES_ANOTHER.format(name=name, source=cut),
            "executed: in the order of the counts the name is a part of what it is from top to bottom",
            cells=needed_for(known, {name}, reader.index),
        )
    return None


def made_since(cells):
    """The cell that binds a name was changed and run only after the cell that reads the name."""
    known = parsed(cells)
    for maker, _, name in assigned(known or []):
        below = users(known, maker, name)
        if not below or name in below[0].bound:
            continue
        reader = below[0]
        order = [cell.index for cell in known if cell is not maker]
        order.insert(order.index(reader.index) + 1, maker.index)
        others = [cell for cell in known if cell is not maker]
        return Edit(
            {"counts": counted(known, order)},
            first_line(reader, name),
            reader.index,
            RAISES.format(source=reader.source, name=name),
            "executed: in the order of the counts no cell has bound the name yet, and the cell raises NameError",
            cells=needed_for(others, set(reader.read) - {name}, reader.index),
        )
    return None


DRAWN_ANEW = """
_first = repr({what})
_result = get_ipython().run_cell({source!r}, silent=True)
assert _result.success and repr({what}) != _first
"""


def is_seeded(cells):
    """Something in the notebook may make all of its random numbers the same on each run."""
    return any(word in source for _, source in cells for word in ("seed(", "seed_", "_seed", "RandomState"))


def kind_of(cells):
    labels = any(word in source for _, source in cells for word in ("Classifier", "Logistic"))
    return "Classifier" if labels else "Regressor"


STANDS_IN = """from sklearn.model_selection import train_test_split
from sklearn.datasets import load_{data}
{features}, {target} = load_{data}(return_X_y=True)
"""


def standing_in(cells, split, *lines):
    """Public data under the notebook's names, and the lines that are run on them."""
    data = "iris" if kind_of(cells) == "Classifier" else "diabetes"
    head = STANDS_IN.format(data=data, features=split.features, target=split.target)
    return head + "\n".join(line.strip() for line in lines)


def split_unseeded(cells):
    """The split loses its `random_state`, and a score on its test part stays."""
    split = find_split(cells)
    score = split and find_score(cells, split)
    seed = split and re.search(r",\s*random_state\s*=\s*\w+", split.line)
    if not score or not seed or is_seeded(cells):
        return None
    line = split.line.replace(seed.group(), "")
    return Edit(
        {"cell": split.cell, "replace": split.line, "with": line},
        line.strip(),
        split.cell,
        DRAWN_ANEW.format(what=f"list({split.parts[3]})", source=line.strip()),
        "executed: the test part has other rows when the split is run again",
        cells=[],
        before=standing_in(cells, split, line),
    )


FOREST = """from sklearn.ensemble import RandomForest{kind}
forest = RandomForest{kind}(n_estimators=20, max_features=1)
forest.fit({0}, {2})
print("score:", forest.score({1}, {3}))"""


def forest_unseeded(cells):
    """A forest without `random_state` is judged on the test part."""
    split = find_split(cells)
    if not split or is_seeded(cells):
        return None
    text = FOREST.format(*split.parts, kind=kind_of(cells))
    what = "forest.feature_importances_.tolist()"
    return Edit(
        {"cell": split.cell, "append": text},
        "forest = RandomForest",
        split.cell,
        DRAWN_ANEW.format(what=what, source=text),
        "executed: another forest comes out when the cell is run again",
        cells=[],
        before=standing_in(cells, split, split.line, text),
    )


HALVES = """import numpy as np
from sklearn.neighbors import KNeighbors{kind}
order = np.random.permutation(len({features}))
first, second = order[: len(order) // 2], order[len(order) // 2 :]
judge = KNeighbors{kind}().fit(np.asarray({features})[first], np.asarray({target})[first])
print("score:", judge.score(np.asarray({features})[second], np.asarray({target})[second]))"""


def halves_unseeded(cells):
    """Rows are drawn with numpy, and the score depends on which."""
    split = find_split(cells)
    if not split or is_seeded(cells):
        return None
    text = HALVES.format(features=split.features, target=split.target, kind=kind_of(cells))
    return Edit(
        {"cell": split.cell, "append": text},
        "order = np.random.permutation(",
        split.cell,
        DRAWN_ANEW.format(what="order.tolist()", source=text),
        "executed: the score is on other rows when the cell is run again",
        cells=[],
        before=standing_in(cells, split, split.line, text),
    )


TWICE = """
get_ipython().run_cell({line!r}, silent=True)
_once = repr({name})
get_ipython().run_cell({line!r}, silent=True)
assert repr({name}) != _once
"""


def next_cell(cells, index):
    """The next code cell below that has text and no cell magic."""
    below = [cell for cell in cells if cell[0] > index and cell[1].strip() and not cell[1].lstrip().startswith("%%")]
    return below[0] if below else None


def column_rescaled(cells):
    """A column of a table that an earlier cell reads is divided in place."""
    for index, _, tree in trees(cells):
        for node in tree.body:
            text = ast.unparse(node)
            read = re.match(r"(\w+) = (pd|pandas)\.read_\w+\(", text)
            name = read and read.group(1)
            column = name and re.search(rf"\b{name}\[['\"]([\w ]+)['\"]\]", "\n".join(source for _, source in cells))
            below = column and next_cell(cells, index)
            if not below or f"{name} =" in below[1]:
                continue
            item = f'{name}["{column.group(1)}"]'
            line = f"{item} = {item} / 100"
            stand_in = f'import pandas as pd\n{name} = pd.DataFrame({{"{column.group(1)}": [1.0, 2.0, 4.0]}})'
            proof = "executed on stand-in data: the column is another one after each run of the line"
            check = TWICE.format(line=line, name=name)
            return Edit({"cell": below[0], "append": line}, line, below[0], check, proof, cells=[], before=stand_in)
    return None


def pixels_rescaled(cells):
    """The training part is divided by 255 in the cell below the split."""
    split = find_split(cells)
    below = split and next_cell(cells, split.cell)
    if not below or f"{split.parts[0]} =" in below[1]:
        return None
    name = split.parts[0]
    line = f"{name} = {name} / 255.0"
    check = TWICE.format(line=line, name=name)
    proof = "executed on stand-in data: the array is another one after each run of the line"
    stand_in = f"import numpy as np\n{name} = np.arange(6.0)"
    return Edit({"cell": below[0], "append": line}, line, below[0], check, proof, cells=[], before=stand_in)


def column_set_below(cells):
    """A cell below fills a column that a cell above reads, and was run before it."""
    known = parsed(cells)
    for maker in known or []:
        for node in maker.tree.body:
            read = re.match(r"(\w+) = (pd|pandas)\.read_\w+\(", ast.unparse(node))
            name = read and read.group(1)
            readers = name and [cell for cell in users(known, maker, name) if name not in cell.bound]
            reader = readers[0] if readers else None
            loads = [part for part in ast.walk(reader.tree) if isinstance(part, ast.Subscript)] if reader else []
            loads = [part for part in loads if isinstance(part.ctx, ast.Load) and ast.unparse(part.value) == name]
            columns = [part for part in loads if isinstance(part.slice, ast.Constant)]
            later = [cell for cell in known if reader and cell.index > reader.index and is_plain(cell)]
            later = [cell for cell in later if cell.source.strip()]
            if not columns or not later or not isinstance(columns[0].slice.value, str):
                continue
            column = columns[0].slice.value
            line = f'{name}["{column}"] = {name}["{column}"].fillna(0)'
            change = {"cell": later[0].index, "append": line}
            change["counts"] = counted(known, moved_in_order(known, later[0], reader))
            stand_in = f'import pandas as pd\n{name} = pd.DataFrame({{"{column}": [1.0, None, 4.0]}})'
            at = reader.source.split("\n")[columns[0].lineno - 1].strip()
            check = SEES_ANOTHER.format(name=name, source=line)
            proof = "executed on stand-in data: the column is another one after the line below"
            return Edit(change, at, reader.index, check, proof, cells=[], before=stand_in)
    return None


MISSING = """
_result = get_ipython().run_cell({line!r}, silent=True)
assert isinstance(_result.error_in_exec, FileNotFoundError), _result.error_in_exec
"""


def read_from_home(cells):
    """A file is read from the author's own folder."""
    for index, source, tree in trees(cells):
        for node in tree.body:
            called = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args
            first = called and node.value.args[0]
            text = ast.unparse(node)
            relative = isinstance(first, ast.Constant) and isinstance(first.value, str) and "/" not in first.value[:1]
            if not relative or not re.match(r"\w+ = (pd|pandas)\.read_(csv|excel|json)\(", text) or ":" in first.value:
                continue
            literal = ast.get_source_segment(source, first)
            if node.lineno != node.end_lineno or source.count(literal) != 1:
                continue
            moved = f'"/Users/m.keller/projects/{first.value.lstrip("./")}"'
            line = source.split("\n")[node.lineno - 1].replace(literal, moved)
            check = MISSING.format(line="import pandas as pd\n" + line)
            proof = "executed: the file is not found on this machine"
            change = {"cell": index, "replace": literal, "with": moved}
            return Edit(change, moved, index, check, proof, cells=[])
    return None


NO_VERSION = """
from packaging.requirements import Requirement
assert not Requirement({package!r}).specifier
"""


def installed_without_version(cells):
    """The first package that is imported is installed first, whatever its version."""
    sources = "\n".join(source for _, source in cells)
    package = re.search(r"^import (pandas|numpy|scipy|seaborn|torch|requests|tensorflow)\b", sources, re.MULTILINE)
    if not package or "install" in sources:
        return None
    line = f"%pip install -q {package.group(1)}"
    index = next(index for index, source in cells if source.strip())
    if dict(cells)[index].lstrip().startswith("%%"):
        return None
    proof = "executed: the requirement has no specifier, so any version satisfies it"
    check = NO_VERSION.format(package=package.group(1))
    return Edit({"cell": index, "prepend": line}, line, index, check, proof, cells=[])


OPERATORS = {
    "NB601": [import_removed, binding_renamed, cell_deleted],
    "NB602": [moved_above, moved_below_call],
    "NB603": [ran_before_reader, cut_below, column_set_below],
    "NB604": [made_since],
    "NB605": [column_rescaled, pixels_rescaled],
    "NB606": [split_unseeded, forest_unseeded, halves_unseeded],
    "NB607": [read_from_home],
    "NB608": [installed_without_version],
}
