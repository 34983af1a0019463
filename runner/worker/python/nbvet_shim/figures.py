"""Figures of matplotlib that show nothing."""

import sys

# Points, artists and axes of one figure that are looked at.
_MAX_ARTISTS = 500


def look(figure):
    """How many axes of a figure are visible, and how many of them hold nothing; None where all hold something."""
    module = sys.modules.get("matplotlib.figure")
    if module is None or type(figure) is not getattr(module, "Figure", None):
        return None
    try:
        axes = [one for one in figure.axes[:_MAX_ARTISTS] if _is_own(one) and one.get_visible() and one.axison]
        empty = sum(not _holds_something(one) for one in axes)
        held = figure.texts or figure.images or figure.lines or figure.patches
    except Exception:
        # A figure in a state that matplotlib itself refuses: showing it says so.
        return None
    return (len(axes), empty) if empty and not held else None


def _is_own(artist):
    """Its class is matplotlib's: no code of the notebook runs by looking at it."""
    return str(type(artist).__module__).startswith(("matplotlib.", "mpl_toolkits."))


def _holds_something(axes):
    """What has no points, or only such as are no numbers, is not seen."""
    if axes.patches or axes.images or axes.texts or axes.tables or axes.artists or getattr(axes, "child_axes", None):
        return True
    lines, collections = list(axes.lines)[:_MAX_ARTISTS], list(axes.collections)[:_MAX_ARTISTS]
    return any(not _is_own(one) for one in (*lines, *collections)) or (
        any(_has_points(line.get_xydata()) for line in lines) or any(map(_has_parts, collections))
    )


def _has_points(points):
    numpy = sys.modules["numpy"]
    return bool(numpy.isfinite(numpy.ma.filled(points, numpy.nan)).all(axis=-1).any())


def _has_parts(collection):
    return type(collection).__name__ != "PathCollection" or _has_points(collection.get_offsets())
