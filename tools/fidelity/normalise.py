"""What may differ between two runs of one notebook, taken out of a cell by named rules."""

import json
import re

RULES = (
    ("ansi", re.compile(r"\x1b\[[0-9;]*m"), ""),
    ("cell-file", re.compile(r"(?:/[^\s/'\"]+)*/ipykernel_\d+/\d+\.py"), "<CELL>"),
    ("address", re.compile(r"0x[0-9a-fA-F]{5,}"), "<ADDRESS>"),
    ("model-id", re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), "<ID>"),
    ("date", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?"), "<DATE>"),
    # How deep an engine's own stack is shows where a recursion ends.
    ("depth", re.compile(r"\(\d+ times\)"), "(<N> times)"),
    ("thread", re.compile(r"Thread-\d+"), "Thread-<N>"),
    ("process", re.compile(r"\b(pid|PID|Process-|ForkPoolWorker-|SpawnPoolWorker-)\W?\d+"), r"\1<N>"),
    ("timing", re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)? ?(?:ns|[µμu]s|ms|s|min)\b(?: ± \S+ \S+)?"), "<TIME>"),
    ("rate", re.compile(r"(?:\d+(?:\.\d+)?|\?) ?it/s"), "<RATE>"),
    ("clock", re.compile(r"\b\d\d:\d\d(?::\d\d)?\b"), "<CLOCK>"),
)
# Frames of the engines themselves: a notebook's author can tell them apart, and nothing else depends on them.
ENGINE_FRAME = re.compile(r"^File \S*(?:/ipykernel/|/nbvet_shim/|/traitlets/)")


def text(value):
    """Text without what changes from run to run."""
    for _name, pattern, new in RULES:
        value = pattern.sub(new, value)
    return value


def cell(executed):
    """What an executed code cell shows: streams joined by name, other outputs in their order."""
    streams, others = {}, []
    for output in executed.get("outputs", []):
        if output["output_type"] == "stream":
            streams.setdefault(output["name"], []).append(joined(output["text"]))
        else:
            others.append(other(output))
    return {
        "count": executed.get("execution_count"),
        **{name: text("".join(parts)) for name, parts in sorted(streams.items())},
        "outputs": others,
    }


def other(output):
    """A display, result or error."""
    if output["output_type"] == "error":
        frames = [text(frame) for frame in output["traceback"]]
        kept = "\n".join(frame for frame in frames if not ENGINE_FRAME.match(frame))
        return {"error": output["ename"], "value": text(output["evalue"]), "traceback": kept}
    return {
        "type": output["output_type"],
        "data": {mime: content(value) for mime, value in sorted(output["data"].items())},
        "metadata": output.get("metadata", {}),
    }


def content(value):
    """One entry of a mime bundle."""
    if isinstance(value, (str, list)) and not isinstance(value, dict):
        return text(joined(value)) if all_text(value) else json.loads(text(json.dumps(value, ensure_ascii=False)))
    return json.loads(text(json.dumps(value, sort_keys=True, ensure_ascii=False)))


def all_text(value):
    return isinstance(value, str) or all(isinstance(line, str) for line in value)


def joined(lines):
    """Text that is stored as lines or as one."""
    return lines if isinstance(lines, str) else "".join(lines)


def widget_states(executed):
    """The models of the notebook's widgets, without their ids: name and state, in an order of their own."""
    states = executed.get("metadata", {}).get("widgets", {})
    states = states.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    return sorted(text(json.dumps(model, sort_keys=True, ensure_ascii=True).replace("\\u001b", "\x1b")) for model in states.values())
