"""The table of the comparison, and docs/reference/ruff.md around it."""

from collections import Counter

from classes import is_unread

TEMPLATE = """<!-- Written by `python tools/ruff_comparison NBVET --page`; edits belong there. -->
# nbvet beside ruff

[ruff](https://docs.astral.sh/ruff/) reads the Python in notebooks, is fast, and has hundreds of rules more than nbvet
on style and on single lines. Use it. nbvet asks another question: does this notebook work, from its first cell to its
last? Some faults are told by both, and on these the two can be laid side by side:

- **Where ruff says nothing at all.** {unread} of the {count} notebooks compared name their kernel but not its
  language, as Colab writes them: ruff leaves them out, and what it prints is `All checks passed!`. In {silenced} more
  it cannot parse a cell, or the file's older format, and judges nothing else there by these rules; in {taken} of these
  IPython takes every cell. nbvet reads each cell by itself, and {told} of its findings, notes included, are there.
- **Where a notebook is more than its cells in a row.** ruff does not know what magics bind (`%%capture out`,
  `%store -r`, `%run`), what a cell below deletes, or that nothing runs after a `raise`. Most of what only ruff tells
  is of this kind.
- **Where ruff tells more.** A name in code that binds it too late, inside one function (`own-local`), and what nbvet
  leaves alone on purpose: see the classes.

## What was compared

{versions}, on {count} notebooks of {repositories} public repositories, with
`ruff check --preview --isolated --select {codes}`
and `nbvet lint --level learning`. Two hits are the same where they stand on the same line of the same cell; on names,
where they also speak of the same name; on what a function returns, where they stand in the same function. Each
difference is put into a class by a test on the notebook's text, not by hand; three cells of each class (all, where
there are fewer) were then opened and read. Cells are numbered from 0, as nbvet does; ruff numbers them from 1.

{table}
{remark}
## The classes

{classes}
## Notebooks that one cell silences in ruff

What ruff could not parse, how many of nbvet's findings in the notebook are on faults that ruff would tell too, and how
many there are in all.

{notebooks}
"""

NO_RULE_YET = "\n`no-rule-yet`: nbvet has no such rule yet.\n"


def code(rule):
    return ", ".join(rule.ruff)


def table(rows):
    lines = ["| ruff | nbvet | fault | both | only ruff | only nbvet |", "|---|---|---|---|---|---|"]
    for rule, both, ruff, nbvet in rows:
        sides = " | ".join(side(classes) for classes in (ruff, nbvet))
        lines.append(f"| {code(rule)} | {', '.join(rule.nbvet)} | {rule.what} | {len(both)} | {sides} |")
    return "\n".join(lines)


def side(classes):
    total = sum(len(hits) for hits in classes.values())
    named = ", ".join(f"{name} {len(hits)}" for name, hits in classes.items())
    return f"{total}: {named}" if total else "0"


def write(path, found, rows, classes, checked):
    without = unread(found)
    text = TEMPLATE.format(
        unread=len(without),
        count=found.count,
        silenced=len(found.silenced),
        versions=" and ".join(found.versions),
        repositories=len({name.split("/")[0] for name in found.paths}),
        codes=",".join(code for rule, *_ in rows for code in rule.ruff),
        taken=len(only_ruff_refuses(found)),
        told=sum(hit.path in {*found.silenced, *without} for hit in found.nbvet),
        table=table(rows),
        remark=NO_RULE_YET if any("no-rule-yet" in side for row in rows for side in row[2:]) else "",
        classes="\n".join(section(it, rows, checked) for it in classes),
        notebooks=silenced_table(found, rows),
    )
    path.write_text(text, encoding="utf-8")


def only_ruff_refuses(found):
    """Notebooks that are silenced although IPython takes all their cells: nbvet tells no syntax error there."""
    refused = {hit.path for hit in found.nbvet if hit.rule == "NB924"}
    cells = {path: hit.cell for path, hit in found.silenced.items() if hit.cell is not None}
    # In a cell that is meant to raise nbvet does not tell it.
    return [path for path, cell in cells.items() if path not in refused and not found.notebook(path).tags(cell)]


def unread(found):
    return [path for path in found.paths if is_unread(found, found.notebook(path), None)]


def section(it, rows, checked):
    """One class: who tells it, how often, what it means, and the cells that were read."""
    counts = Counter({code(rule): len(sides[it.only == "nbvet"].get(it.name, [])) for rule, _, *sides in rows})
    told = ", ".join(f"{count} of {rule}" for rule, count in counts.items() if count)
    lines = [f"### {it.name}", "", f"Only {it.only}: {told or 'none now'}. {it.meaning}", ""]
    for row in checked:
        if row["class"] == it.name:
            where = f"`{row['notebook']}` cell {row['cell']} line {row['line']}"
            lines.append(f"- {where}: {row['seen']} Right: {row['right']}.")
    return "\n".join([*lines, ""])


def silenced_table(found, rows):
    shared = {name for rule, *_ in rows for name in rule.nbvet}
    told = Counter(hit.path for hit in found.nbvet)
    alike = Counter(hit.path for hit in found.nbvet if hit.rule in shared)
    lines = ["| notebook | what ruff could not parse | of the shared rules | all findings |", "|---|---|---|---|"]
    for path, hit in sorted(found.silenced.items()):
        cell = "the file" if hit.cell is None else f"cell {hit.cell} line {hit.line}"
        message = hit.message.split(" at line ")[0].replace("|", "\\|")
        lines.append(f"| {path} | {cell}: {message} | {alike[path]} | {told[path]} |")
    both = sum(alike[path] for path in found.silenced), sum(told[path] for path in found.silenced)
    lines.append(f"| **{len(found.silenced)} notebooks** | | **{both[0]}** | **{both[1]}** |")
    return "\n".join(lines)
