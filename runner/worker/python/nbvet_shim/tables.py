"""Values of pandas, polars, numpy and plain containers, seen alike. Libraries are used where the notebook has imported
them, by the type that a value really has; whoever acts like an array (`__array__`) is one."""

import math
import sys
from builtins import (  # noqa: UP029
    TypeError,
    all,
    bool,
    bytes,
    dict,
    float,
    frozenset,
    getattr,
    hasattr,
    int,
    issubclass,
    iter,
    len,
    list,
    max,
    min,
    range,
    set,
    str,
    tuple,
    type,
    zip,
)

_CONTAINERS = (list, tuple, set, frozenset, dict)
_MAX_ITEMS = 5_000_000
_MAX_DEPTH = 20
_MRO = type.__dict__["__mro__"].__get__


def _is(value, module, *classes):
    """Whether a value's real type is one of these classes of an imported module, or inherits from one."""
    module = sys.modules.get(module)
    if module is None:
        return False
    known = [getattr(module, name, None) for name in classes]
    return any_of(_MRO(type(value)), lambda base: any_of(known, lambda known: base is known))


def any_of(items, test):
    for item in items:
        if test(item):
            return True
    return False


def _pandas_frame(value):
    return _is(value, "pandas", "DataFrame")


def _pandas_column(value):
    return _is(value, "pandas", "Series", "Index")


def _polars_frame(value):
    return _is(value, "polars", "DataFrame")


def _polars_column(value):
    return _is(value, "polars", "Series")


def is_frame(value):
    return _pandas_frame(value) or _polars_frame(value)


def is_array(value):
    """Anything with many values in it that is no container of Python's."""
    return _pandas_column(value) or _polars_column(value) or array(value) is not None


def is_whole(size):
    """A size of a dimension that is there, and not computed when it is asked for."""
    return (type(size) is int or _is(size, "numpy", "integer")) and size >= 0


def is_number(kind):
    """A kind of number that is none of Python's own, such as a Decimal."""
    if issubclass(kind, (str, bytes, *_CONTAINERS)) or hasattr(kind, "__len__"):
        return False
    return hasattr(kind, "__float__")


def item(value):
    """numpy's and other libraries' single values as Python's."""
    if _is(value, "numpy", "generic"):
        return value.item()
    made = array(value)
    return made.item() if made is not None and made.shape == () and made.dtype.kind in "biufcUS" else value


def array(value):
    """A value as an array of numpy, if it is one or acts like one."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "ndarray"):
        return None
    if issubclass(type(value), numpy.ndarray):
        return value
    if is_frame(value) or _is(value, "numpy", "generic") or not hasattr(type(value), "__array__"):
        return None
    if hasattr(type(value), "detach"):
        value = value.detach().cpu()
    return numpy.asarray(value)


def columns(value):
    """Labels and data types of a table's columns; None of anything else."""
    if _pandas_frame(value):
        return [(name, str(dtype)) for name, dtype in zip(value.columns.tolist(), value.dtypes.tolist())]
    if _polars_frame(value):
        return [(name, str(dtype)) for name, dtype in zip(value.columns, value.dtypes)]
    if _is(value, "pyarrow", "Table", "RecordBatch"):
        return [(field.name, str(field.type)) for field in value.schema]
    return None


def extremes(value):
    """The smallest and the largest number; None where there is no number."""
    if _pandas_frame(value):
        numbers = value.select_dtypes("number")
        return _finite_pair([end for end in numbers.min().tolist()], [end for end in numbers.max().tolist()])
    if _polars_frame(value):
        series = [column for column in value.get_columns() if column.dtype.is_numeric()]
        return _finite_pair([column.min() for column in series], [column.max() for column in series])
    if _polars_column(value):
        return _finite_pair([value.min()], [value.max()]) if value.dtype.is_numeric() else None
    if _pandas_column(value) and getattr(value.dtype, "kind", "O") in "iufc":
        return _finite_pair([value.min()], [value.max()])
    made = array(value)
    if made is not None and made.dtype.kind in "iuf":
        numpy = sys.modules["numpy"]
        return _finite_pair([numpy.nanmin(made)], [numpy.nanmax(made)]) if made.size else None
    found = list(_numbers(value))
    return _finite_pair([min(found)], [max(found)]) if found else None


def _finite_pair(lows, highs):
    lows = [float(end) for end in lows if not _is_nan(end)]
    highs = [float(end) for end in highs if not _is_nan(end)]
    return (min(lows), max(highs)) if lows and highs else None


def _is_nan(value):
    """NaN, None and what pandas uses in their place; nothing else's comparison is asked."""
    if value is None:
        return True
    value = value if type(value) is float else item_of_numpy(value)
    if type(value) is float:
        return math.isnan(value)
    return _is_pandas_missing(value)


def item_of_numpy(value):
    if _is(value, "numpy", "floating", "complexfloating"):
        return value.item()
    return value


def _is_pandas_missing(value):
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return _is(value, "numpy", "datetime64", "timedelta64") and str(value) == "NaT"
    missing = (getattr(pandas, "NA", None), getattr(pandas, "NaT", None))
    if any_of(missing, lambda known: value is known):
        return True
    return _is(value, "numpy", "datetime64", "timedelta64") and str(value) == "NaT"


def _leaves(value, left=None, depth=0):
    """The single values of nested containers."""
    left = [_MAX_ITEMS] if left is None else left
    if issubclass(type(value), _CONTAINERS) and depth < _MAX_DEPTH:
        for part in list(value.values()) if issubclass(type(value), dict) else list(value):
            yield from _leaves(part, left, depth + 1)
        return
    made = array(value) if depth else None
    if made is not None and made.shape != ():
        for part in made.ravel().tolist():
            yield from _leaves(part, left, _MAX_DEPTH)
        return
    left[0] -= 1
    if left[0] < 0:
        raise TypeError("it has more than %d values" % _MAX_ITEMS)
    yield value


def _numbers(value):
    made = array(value)
    for leaf in _leaves(made.ravel().tolist() if made is not None and made.shape != () else value):
        leaf = item(leaf)
        kind = type(leaf)
        if kind is bool or _is_nan(leaf):
            continue
        if issubclass(kind, (int, float)) or is_number(kind):
            yield float(leaf)


def missing(value):
    """How many values are NaN, None or null, of how many."""
    if _pandas_frame(value) or _pandas_column(value):
        mask = value.isna()
        mask = mask if hasattr(mask, "ravel") else mask.to_numpy()
        return int(mask.sum()), int(mask.size)
    if _polars_frame(value):
        return _sum([_polars_missing(column) for column in value.get_columns()])
    if _polars_column(value):
        return _polars_missing(value)
    if _is(value, "pyarrow", "Table", "RecordBatch"):
        return _sum([(column.null_count, len(column)) for column in value.columns])
    made = array(value)
    if made is not None and made.shape != ():
        return _array_missing(made)
    if issubclass(type(value), _CONTAINERS):
        marks = [_is_nan(leaf) for leaf in _leaves(value)]
        return sum_of(marks), len(marks)
    return int(_is_nan(value)), 1


def sum_of(marks):
    count = 0
    for mark in marks:
        count += bool(mark)
    return count


def _sum(pairs):
    found, of = 0, 0
    for one, all_of_it in pairs:
        found, of = found + one, of + all_of_it
    return found, of


def _polars_missing(series):
    count = series.null_count()
    if str(series.dtype).startswith("Float"):
        count += int(series.is_nan().sum() or 0)
    return int(count), len(series)


def _array_missing(made):
    numpy = sys.modules["numpy"]
    kind = made.dtype.kind
    if kind in "fc":
        return int(numpy.isnan(made).sum()), made.size
    if kind in "mM":
        return int(numpy.isnat(made).sum()), made.size
    if kind == "O":
        marks = [_is_nan(leaf) for leaf in _leaves(made.ravel().tolist())]
        return sum_of(marks), len(marks)
    return 0, made.size


def orders(value):
    """The orders in which the values are."""
    if is_frame(value):
        raise TypeError("a table has no order; name a column, as in `value['x'].is_monotonic_increasing`")
    made = array(value)
    if made is not None and made.ndim == 1 and made.dtype.kind in "iufmMb":
        before, after = made[:-1], made[1:]
        tests = [(before <= after).all(), (before < after).all(), (before >= after).all(), (before > after).all()]
    else:
        if made is None and not issubclass(type(value), (list, tuple, range)):
            raise TypeError("values of type %s have no order" % type(value).__name__)
        pairs = list(zip(list(items(value)), list(items(value))[1:]))
        tests = [
            all(a <= b for a, b in pairs),
            all(a < b for a, b in pairs),
            all(a >= b for a, b in pairs),
            all(a > b for a, b in pairs),
        ]
    names = ("increasing", "strictly-increasing", "decreasing", "strictly-decreasing")
    return [name for name, holds in zip(names, tests) if bool(holds)]


def repeated(value):
    """How many values, or rows of a table, are there again."""
    if _pandas_frame(value) or _pandas_column(value):
        return int(value.duplicated().sum())
    if _polars_frame(value):
        return value.height - value.n_unique()
    if _polars_column(value):
        return len(value) - value.n_unique()
    made = array(value)
    if made is not None and made.ndim >= 1 and made.dtype.kind != "O":
        numpy = sys.modules["numpy"]
        again = numpy.unique(made) if made.ndim == 1 else numpy.unique(made, axis=0)
        return int(made.shape[0] - again.shape[0])
    if issubclass(type(value), (list, tuple, range, set, frozenset)) or made is not None:
        found = list(items(value))
        return len(found) - len(set(found))
    raise TypeError("type %s has no values that could repeat" % type(value).__name__)


def items(value):
    """The values along the first dimension."""
    if _pandas_column(value) or _polars_column(value):
        return iter(value)
    made = array(value) if not issubclass(type(value), _CONTAINERS) else None
    return iter(value if made is None else made)


def rows(frame):
    return [list(row) for row in (frame.rows() if _polars_frame(frame) else frame.itertuples(index=False, name=None))]


def records(frame):
    return frame.to_dicts() if _polars_frame(frame) else frame.to_dict("records")


def members(value):
    """Keys, as text, and values of what has keys; None of anything else."""
    if _pandas_frame(value):
        return {str(name): value.iloc[:, at] for at, name in enumerate_of(value.columns.tolist())}
    if _polars_frame(value):
        return {name: value[name] for name in value.columns}
    if _is(value, "pandas", "Series"):
        return {str(key): found for key, found in value.items()}
    if issubclass(type(value), dict):
        return {str(key): found for key, found in list(dict.items(value))}
    return None


def enumerate_of(values):
    return zip(range(len(values)), values)
