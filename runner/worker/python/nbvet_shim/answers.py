"""Answers questions about live values: what is so, never whether it should be. Exceptions of the values' own code are
part of the answer. Known types are looked at as they are, whatever `__class__` or `==` of a value says."""

# Taken now: a notebook may replace them.
from builtins import (  # noqa: UP029
    BaseException,
    Exception,
    KeyboardInterrupt,
    OverflowError,
    TypeError,
    all,
    any,
    bool,
    bytes,
    complex,
    dict,
    enumerate,
    eval,
    float,
    frozenset,
    getattr,
    hasattr,
    int,
    isinstance,
    issubclass,
    len,
    list,
    max,
    min,
    range,
    repr,
    set,
    str,
    tuple,
    type,
    zip,
)

from nbvet_shim import tables
from nbvet_shim.watch import plain

_MAX_TEXT = 100_000
_MAX_ALL_TEXT = 8_000_000
_MAX_SHORT = 80
_MAX_SCALAR = 200
_MAX_COLUMNS = 5000
_MAX_DEPTH = 50
_MRO = type.__dict__["__mro__"].__get__
_MODULE = type.__dict__["__module__"].__get__
_NAME = type.__dict__["__qualname__"].__get__
_SEQUENCES = (list, tuple, set, frozenset)


def answer_all(questions, names, result, given):
    """Append an answer to `given` for each question. `result`: the cell's value in a list, if it has one."""
    left = _MAX_ALL_TEXT
    for question in questions:
        answer = {"failures": []}
        try:
            _Question(question, names, result, answer, left).answer()
        except KeyboardInterrupt:
            answer["interrupted"] = True
            given.append(answer)
            return
        left -= len(answer.get("text") or "")
        given.append(answer)


class _Question:
    """One question about one value."""

    def __init__(self, asked, names, result, answer, left):
        self.asked = asked
        self.names = names
        self.given = answer
        self.left = min(left, _MAX_TEXT)
        self.tolerance = asked["tolerance"]
        name = asked.get("name")
        if name is None:
            self.found, self.value = bool(result), result[0] if result else None
        else:
            self.found, self.value = name in names, names.get(name)

    def answer(self):
        self.given["found"] = self.found
        if self.found:
            self._describe()
            for aspect in self.asked.get("aspects", ()):
                self._try(aspect, getattr(self, "_" + aspect))
            if "equals" in self.asked:
                self._try("equals", self._equals)
            if self.asked.get("contains"):
                self._try("contains", self._contains)
        if "expression" in self.asked:
            self._try("expression", self._expression)

    def _try(self, what, find):
        try:
            find()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.given["failures"].append({"of": what, "reason": told(error)})

    def _describe(self):
        kind = type(self.value)
        self.given["types"] = [class_name(base) for base in _MRO(kind)][:100]
        if not _is_builtin(kind):
            shape = _shape(self.value)
            if shape is not None:
                self.given["shape"] = shape
        self._try("shown", self._shown)

    def _length(self):
        if any("__len__" in vars_of(base) for base in _MRO(type(self.value))):
            self.given["length"] = len(self.value)

    def _shown(self):
        self.given["shown"] = short(self.value)

    def _columns(self):
        columns = tables.columns(self.value)
        if columns is not None:
            self.given["columns"] = [{"name": _text(name), "dtype": dtype} for name, dtype in columns[:_MAX_COLUMNS]]
        elif not _is_builtin(type(self.value)) and hasattr(self.value, "dtype"):
            self.given["dtype"] = _text(self.value.dtype)

    def _range(self):
        found = tables.extremes(self.value)
        if found is not None:
            self.given["range"] = [_number(end) for end in found]

    def _missing(self):
        missing, of = tables.missing(self.value)
        self.given["missing"] = {"count": missing, "of": of}

    def _order(self):
        self.given["orders"] = tables.orders(self.value)

    def _repeated(self):
        self.given["repeated"] = tables.repeated(self.value)

    def _text(self):
        text = self.value if issubclass(type(self.value), str) else str(self.value)
        if len(text) > self.left:
            text, self.given["textCut"] = text[: self.left], True
        self.given["text"] = plain(str(text))

    def _scalar(self):
        value = tables.item(self.value)
        kind = type(value)
        if (
            kind is bool
            or (kind is int and abs_below(value))
            or (kind is float and value - value == 0.0)
            or kind is str
            and len(value) <= _MAX_SCALAR
            and plain(value) == value
        ):
            self.given["scalar"] = value

    def _equals(self):
        found = difference(self.value, self.asked["equals"]["to"], self.tolerance)
        if found is None:
            self.given["equals"] = {"holds": True}
        else:
            at, actual, expected = found
            self.given["equals"] = {"holds": False, "at": at, "actual": actual, "expected": expected}

    def _contains(self):
        wanted = self.asked["contains"]
        self.given["lacks"] = [item for item in wanted if not contains(self.value, item, self.tolerance)]

    def _expression(self):
        # A copy: what the expression binds is not the notebook's.
        names = dict(self.names)
        if self.found:
            names["value"] = self.value
        self.given["expression"] = _judged(self.asked["expression"], names)


def _judged(text, names):
    """Whether an expression is true. Of a single comparison both sides are told."""
    import ast

    tree = ast.parse(text.strip(), "<expectation>", "eval").body
    run = _runner(names)
    if not (isinstance(tree, ast.Compare) and len(tree.ops) == 1):
        outcome = run(tree)
        return {"holds": bool(outcome), "actual": short(outcome)}
    left, right = run(tree.left), run(tree.comparators[0])
    names["__nbvet_left"], names["__nbvet_right"] = left, right
    name = "__nbvet_%s"
    compared = ast.Compare(ast.Name(name % "left", ast.Load()), tree.ops, [ast.Name(name % "right", ast.Load())])
    holds = bool(run(ast.copy_location(compared, tree)))
    told = {"holds": holds, "actual": short(left), "expected": short(right)}
    told["at"] = ast.get_source_segment(text.strip(), tree.left) or "the left side"
    return told


def _runner(names):
    import ast

    def run(tree):
        body = ast.fix_missing_locations(ast.Expression(tree))
        return eval(compile(body, "<expectation>", "eval"), names)

    return run


def _shape(value):
    """The sizes of dimensions, where they are known: those of lazy tables would have to be computed."""
    sizes = _quiet(lambda: tuple(value.shape))
    if sizes is None or not all(tables.is_whole(size) for size in sizes):
        return None
    return [int(size) for size in sizes]


def told(error):
    """An exception in one line."""
    try:
        text = str(error)
    except BaseException:
        text = "its text cannot be told"
    name = _NAME(type(error))
    return _cut(plain("%s: %s" % (name, text) if text else str(name)).replace("\n", " "), 300)


def class_name(kind):
    """The class with its module, where that is not `builtins`."""
    module, name = _quiet(lambda: _MODULE(kind)), _quiet(lambda: _NAME(kind))
    name = str(name) if type(name) is str else "?"
    return _cut(plain(name if type(module) is not str or module == "builtins" else module + "." + name), 200)


def vars_of(kind):
    return type.__dict__["__dict__"].__get__(kind)


def _is_builtin(kind):
    return _quiet(lambda: _MODULE(kind)) == "builtins"


def _quiet(find):
    try:
        return find()
    except Exception:
        return None


def _text(value):
    return _cut(plain(value if type(value) is str else str(value)), 200)


def _cut(text, most):
    return text if len(text) <= most else text[: most - 1] + "…"


def abs_below(number):
    return -(2**63) <= number < 2**63


def _number(end):
    end = float(end)
    return end if end - end == 0.0 else ("inf" if end > 0 else "-inf")


def short(value, depth=0):
    """A value in a few words; only of plain types its own `repr`."""
    value = tables.item(value)
    kind = type(value)
    if value is None or kind in (bool, float, complex):
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() < 200 else "a whole number of %d bits" % value.bit_length()
    if kind in (str, bytes):
        return _cut(plain(repr(value[: _MAX_SHORT + 1])), _MAX_SHORT)
    if kind in (list, tuple, dict, set, frozenset) and depth < 2 and len(value) <= 6:
        return _cut(_items(value, kind, depth), 200)
    return _cut(_sized(value, kind), 200)


def _items(value, kind, depth):
    if kind is dict:
        parts = ["%s: %s" % (short(key, depth + 1), short(item, depth + 1)) for key, item in list(value.items())]
        return "{" + ", ".join(parts) + "}"
    parts = ", ".join([short(item, depth + 1) for item in list(value)])
    if kind is tuple:
        return "(%s,)" % parts if len(value) == 1 else "(%s)" % parts
    if kind is list:
        return "[%s]" % parts
    return "{%s}" % parts if parts else "an empty set"


def _sized(value, kind):
    name = class_name(kind)
    if not _is_builtin(kind):
        shape = _shape(value)
        if shape is not None:
            return "a %s of shape %s" % (name, tuple(shape))
        if name.startswith(("datetime.", "decimal.", "fractions.", "pathlib.", "pandas.")):
            return _quiet(lambda: plain(repr(value))) or "a %s" % name
        return "a %s" % name
    length = _quiet(lambda: len(value)) if hasattr(kind, "__len__") else None
    return "a %s" % name if length is None else "a %s of length %s" % (name, length)


def difference(value, expected, tolerance, at="", depth=0):
    """The first difference: where, what is there, what should be; None where there is none."""
    value = tables.item(value)
    if depth > _MAX_DEPTH:
        return (at, "more than %d levels" % _MAX_DEPTH, "fewer")
    if type(expected) is list:
        return _list_difference(value, expected, tolerance, at, depth)
    if type(expected) is dict:
        return _dict_difference(value, expected, tolerance, at, depth)
    same = _same(value, expected, tolerance, bool(at))
    return None if same else (at, short(value), short(expected))


def _same(value, expected, tolerance, within):
    kind = type(value)
    if expected is None:
        return value is None or (within and _is_missing(value))
    if type(expected) is bool or kind is bool:
        return kind is bool and value is expected
    if type(expected) in (int, float) and (issubclass(kind, (int, float)) or tables.is_number(kind)):
        return _close(value, expected, tolerance)
    if type(expected) is str and issubclass(kind, str):
        return str.__eq__(value, expected) is True
    if value is None or kind in (int, float, str, bytes, list, tuple, dict, set, frozenset):
        return False
    # Of a type that only its own code knows how to compare.
    return bool(value == expected) or (type(expected) is str and str(value) == expected)


def _is_missing(value):
    return tables.missing(value) == (1, 1)


def _close(value, expected, tolerance):
    if issubclass(type(value), int) and type(expected) is int:
        return int.__sub__(value, expected) == 0 or abs_of(int.__sub__(value, expected)) <= tolerance * max(
            1, abs_of(expected)
        )
    try:
        value, expected = float(value), float(expected)
    except OverflowError:
        return False
    return value == expected or abs_of(value - expected) <= tolerance * max(1.0, abs_of(expected))


def abs_of(number):
    return -number if number < 0 else number


def _list_difference(value, expected, tolerance, at, depth):
    kind = type(value)
    if tables.is_frame(value):
        value = tables.records(value) if expected and type(expected[0]) is dict else tables.rows(value)
    elif issubclass(kind, (set, frozenset)):
        return _set_difference(value, expected, tolerance, at)
    elif issubclass(kind, (str, bytes, dict)) or not hasattr(kind, "__len__"):
        return (at, short(value), short(expected))
    if len(value) != len(expected):
        return (at, "%s of length %d" % (class_name(kind), len(value)), "%d items" % len(expected))
    items = tables.items(value)
    for index, (item, wanted) in enumerate(zip(items, expected)):
        found = difference(item, wanted, tolerance, "%s[%d]" % (at, index), depth + 1)
        if found is not None:
            return found
    return None


def _set_difference(value, expected, tolerance, at):
    items = list(value)
    for wanted in expected:
        if not any(difference(item, wanted, tolerance, "[]") is None for item in items):
            return (at, short(value), "%s in it" % short(wanted))
    if len(items) != len(expected):
        return (at, "a set of %d items" % len(items), "%d items" % len(expected))
    return None


def _dict_difference(value, expected, tolerance, at, depth):
    members = tables.members(value)
    if members is None:
        return (at, short(value), short(expected))
    for key, wanted in expected.items():
        if key not in members:
            return (at, "without %s" % short(key), short({key: wanted}))
        found = difference(members[key], wanted, tolerance, "%s[%s]" % (at, short(key)), depth + 1)
        if found is not None:
            return found
    more = [key for key in members if key not in expected]
    return (at, "with %s" % short(more[0]), "no such key") if more else None


def contains(value, wanted, tolerance):
    """Whether something is a part of a value."""
    kind = type(value)
    if issubclass(kind, str):
        return type(wanted) is str and str.__contains__(value, wanted)
    columns = tables.columns(value)
    if columns is not None:
        return any(_text(name) == wanted for name, _dtype in columns)
    if issubclass(kind, dict):
        return any(difference(key, wanted, tolerance, "[]") is None for key in list(value))
    if kind in _SEQUENCES or kind is range or tables.is_array(value):
        return any(difference(item, wanted, tolerance, "[]") is None for item in tables.items(value))
    if any("__contains__" in vars_of(base) or "__iter__" in vars_of(base) for base in _MRO(kind)):
        return bool(wanted in value)
    raise TypeError("a %s has no parts" % class_name(kind))
