"""How often rules are right, and how much they find: labelled hits and proven mutants of the measuring repositories.

    precision.py table NBVET            the tables; exit status 1 where a gate is missed
    precision.py page NBVET             the same with what has to be known of them: rules/labels/PRECISION.md; also
                                        rules/labels/measured.tsv, which the program shows
    precision.py draw NBVET RULE...     writes the hits that are to be labelled to rules/labels/RULE.tsv

The hits of a rule are what `nbvet lint` finds at development in notebooks of the repositories that
rules/labels/repositories.tsv sets apart for measuring, each severity by itself. With fewer than 50 all of them are
labelled and their own share counts; with 50 and more a sample of 50 drawn by a fixed seed, of which the lower bound of
the 95 % Wilson interval counts. A label is `true` (harm, as the rule's page defines it) or `false`, with a reason. What was drawn is committed
with empty labels before anybody reads it. A severity of error needs 0.95 of a census or a bound of 0.85, a warning
0.80 or 0.75; a warning that is an error at staging needs as much as one. Recall is that of mutants/recall.py. A rule counts with five true hits or five proven mutants caught.
"""

import argparse
import contextlib
import csv
import hashlib
import io
import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools" / "mutants"))
import recall

LABELS = ROOT / "rules" / "labels"
COLUMNS = ["notebook", "cell", "line", "severity", "message", "source", "label", "reason"]
MEASURED = ["rule", "severity", "hits", "labelled", "true", "gate"]
# Files beside the labels that hold none.
NO_LABELS = ("repositories", "measured")
SAMPLE = 50
MUTANTS = 5
SEED = 20261124
GATES = {"error": (0.95, 0.85), "warning": (0.80, 0.75)}
SEVERITIES = ["error", "warning", "note"]
PAGE = """# Precision and recall

Written by `tools/precision.py page`, with {version} built from commit {commit}. Hits at development in the
repositories set apart for measuring; labels by readers who did not write the rules, as README.md defines them.

**The figures of bare-except, except-pass, except-print-only, except-return-default, implicit-none-return,
http-status-ignored, bash-cell-no-errexit and of
undefined-name's warnings are not blind.** These rules were narrowed after their labels were there, by the classes of
false hits that the labels' reasons name. Each class has a general reason and a pair of its own, but how often they are
right on notebooks that nobody has read is for repositories not looked at yet to tell.

"share met" is a census of fewer than 50 hits; the gate then also wants five mutants that were proven by execution and
that the rule catches. A rule that misses the gate and stands lower than its row is a note at development: its warnings
are those it would give in its row. A note has no gate.

{table}"""


def corpus():
    """The folder of the corpus's notebooks; ends the program without one."""
    shared = Path(os.environ.get("NBVET_SHARED") or ROOT / "../shared").resolve()
    folder = shared / "corpus" / "notebooks"
    if not folder.is_dir():
        sys.exit("error: no corpus: set NBVET_SHARED to the folder that holds corpus/notebooks")
    return folder


def read(path):
    """Rows of a TSV file; lines that begin with # are remarks."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def write(path, rows, columns=COLUMNS):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, columns, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)


def measuring(folder):
    """The repositories to measure on, those that are there."""
    named = [row["repository"] for row in read(LABELS / "repositories.tsv") if row["used for"] == "measuring"]
    return [folder / name for name in sorted(named) if (folder / name).is_dir()]


def output_of(*command):
    """What a command prints as JSON; its exit status tells of the notebooks and is not looked at."""
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)


def standing_lower(nbvet):
    """Names of the rules that are notes at development where their row says warning or more."""
    rules = output_of(nbvet, "rules", "--format", "json")
    lower = [rule for rule in rules if rule["severities"]["development"] == "note"]
    return {rule["name"] for rule in lower if rule.get("row", rule["severities"])["development"] != "note"}


def erring(nbvet):
    """Names of the rules whose warnings of development are errors at staging."""
    rules = [(rule["name"], rule["severities"]) for rule in output_of(nbvet, "rules", "--format", "json")]
    return {name for name, at in rules if at["development"] == "warning" and at["staging"] == "error"}


def hits(nbvet, folder):
    """By rule name: every hit in the measuring repositories, in the order of path, cell and line.

    Of a rule that stands lower than its row, what would be warnings there are warnings at staging: these are taken.
    """
    lower = standing_lower(nbvet)
    found = defaultdict(list)
    for level in ("development", "staging") if lower else ("development",):
        report = output_of(nbvet, "lint", "--level", level, "--format", "json", *measuring(folder))
        for notebook in report["notebooks"]:
            # As it was named on the command line, from the folder of the corpus on.
            path = os.path.relpath(notebook["path"], folder)
            for diagnostic in notebook["diagnostics"]:
                name = diagnostic["rule"]["name"]
                if (name in lower) == (level == "staging"):
                    found[name].append((path, diagnostic))
    for of_rule in found.values():
        of_rule.sort(key=lambda hit: (hit[0], hit[1]["location"].get("cell") or 0, hit[1]["location"]["line"]))
    return found


def key(path, diagnostic):
    """What names a hit; a line may have several."""
    location = diagnostic["location"]
    return path, str(location.get("cell", "")), str(location["line"]), plain(diagnostic["message"])


def key_of_row(row):
    return row["notebook"], row["cell"], row["line"], row["message"]


def rank(hit):
    """A place in an order that nobody chose."""
    return hashlib.sha256("\t".join([str(SEED), *key(*hit)]).encode()).digest()


def source_line(folder, path, location):
    """The line of the hit as it stands in its cell, tabs and all control characters as spaces."""
    notebook = json.loads((folder / path).read_text(encoding="utf-8", errors="replace"))
    cells = notebook.get("cells") or [cell for sheet in notebook.get("worksheets", []) for cell in sheet["cells"]]
    if location.get("cell") is None:
        return ""
    cell = cells[location["cell"]]
    lines = "".join(cell.get("source", cell.get("input", ""))).splitlines()
    line = lines[location["line"] - 1] if 0 < location["line"] <= len(lines) else ""
    return plain(line)


def plain(text):
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:200]


def draw(nbvet, names):
    """The hits to label, keeping the labels that are there."""
    folder = corpus()
    found = hits(nbvet, folder)
    for name in names:
        path = LABELS / f"{name}.tsv"
        known = {key_of_row(row): row for row in read(path) if row["label"]} if path.is_file() else {}
        sample = []
        for severity in SEVERITIES:
            of_severity = [hit for hit in found.get(name, []) if hit[1]["severity"] == severity]
            # What has a label stays: it was drawn in the same way.
            of_severity.sort(key=lambda hit: (key(*hit) not in known, rank(hit)))
            sample += sorted(of_severity[:SAMPLE], key=lambda hit: key(*hit))
        rows = []
        for notebook, diagnostic in sample:
            old = known.get(key(notebook, diagnostic), {})
            place, message = key(notebook, diagnostic)[:3], plain(diagnostic["message"])
            values = [*place, diagnostic["severity"], message]
            values += [source_line(folder, notebook, diagnostic["location"])]
            rows.append(dict(zip(COLUMNS, [*values, old.get("label", ""), old.get("reason", "")], strict=True)))
        if rows:
            write(path, rows)
        else:
            path.unlink(missing_ok=True)
        print(f"{path.relative_to(ROOT)}: {len(rows)} of {len(found.get(name, []))} hits")


def wilson(right, of):
    """The 95 % Wilson score interval of a share (Wilson 1927)."""
    z = 1.959964
    centre = right + z * z / 2
    spread = z * math.sqrt(right * (of - right) / of + z * z / 4)
    return (centre - spread) / (of + z * z), (centre + spread) / (of + z * z)


def judged(of_rule, rows, severity):
    """(hits, labelled, true) of one rule at one severity."""
    labels = {key_of_row(row): row["label"] for row in rows if row["label"]}
    now = [key(*hit) for hit in of_rule if hit[1]["severity"] == severity]
    labelled = [labels[place] for place in now if place in labels]
    return len(now), len(labelled), labelled.count("true")


def verdict(count, labelled, right, severity):
    """What the gate says of a rule's hits at a severity."""
    if severity not in GATES:
        return "no gate"
    if labelled < min(count, SAMPLE):
        return "not labelled"
    census, bound = GATES[severity]
    value = right / labelled if count < SAMPLE else wilson(right, labelled)[0]
    needed = census if count < SAMPLE else bound
    if value >= needed:
        return "met" if count >= SAMPLE else "met, with mutants"
    return f"MISSED: {value:.2f} < {needed}"


def precision_rows(nbvet, found, caught):
    """A row of figures for each rule and severity that has hits."""
    lower, errors = standing_lower(nbvet), erring(nbvet)
    files = {path.stem: read(path) for path in sorted(LABELS.glob("*.tsv")) if path.stem not in NO_LABELS}
    rows = []
    for name in sorted({*found, *files}):
        for severity in SEVERITIES:
            count, labelled, right = judged(found.get(name, []), files.get(name, []), severity)
            if count:
                strictest = "error" if severity == "warning" and name in errors else severity
                said = gate(verdict(count, labelled, right, strictest), name in lower, caught.get(name, 0))
                rows.append(dict(zip(MEASURED, [name, severity, count, labelled, right, said], strict=True)))
    return rows


def gate(said, stands_lower, caught):
    """The whole gate: a census wants mutants too, and a rule that misses may stand lower."""
    if said == "met, with mutants":
        return "met" if caught >= MUTANTS else f"share met, {caught} of {MUTANTS} mutants"
    if said.startswith("MISSED") and stands_lower:
        return said + "; stands lower until it meets it"
    return said


def failed(row):
    return row["gate"].startswith("MISSED") and "stands lower" not in row["gate"]


def print_precision(rows):
    print("## Precision\n")
    print("| rule | severity | hits | labelled | true | precision | 95 % interval | gate |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        share, interval = "-", "-"
        if row["labelled"]:
            low, high = wilson(row["true"], row["labelled"])
            share, interval = f"{row['true'] / row['labelled']:.2f}", f"{low:.2f}-{high:.2f}"
        cells = [row["rule"], row["severity"], row["hits"], row["labelled"], row["true"], share, interval, row["gate"]]
        print("| " + " | ".join(map(str, cells)) + " |")


def errors_right(rows):
    """The share of all errors that is right: each rule's labelled share, weighted by its hits; None without labels."""
    errors = [row for row in rows if row["severity"] == "error"]
    known = [row for row in errors if row["labelled"]]
    hits = sum(row["hits"] for row in known)
    share = sum(row["hits"] * row["true"] / row["labelled"] for row in known) / hits if hits else None
    return share, hits, sum(row["hits"] for row in errors)


def print_errors(rows):
    """Whether errors are right often enough."""
    share, known, hits = errors_right(rows)
    met = share is not None and share >= GATES["error"][0] and known == hits
    said = "met" if met else "MISSED"
    shown = "no labels" if share is None else f"{share:.3f} right"
    print(f"\nErrors: {hits} hits, {known} of them of rules with labels, {shown} (0.95 wanted: {said}).")
    return met


def print_counted(nbvet, rows, of_rule):
    """Which rules count: five true hits, or five proven mutants caught."""
    static = [rule for rule in output_of(nbvet, "rules", "--format", "json") if rule["reads"] == "source"]
    print("\n## Rules that count\n\n| rule | name | true hits | mutants caught | counts |\n|---|---|---|---|---|")
    counted = 0
    for rule in static:
        true = sum(row["true"] for row in rows if row["rule"] == rule["name"])
        caught = of_rule.get(rule["id"], [])
        counts = true >= MUTANTS or sum(caught) >= MUTANTS
        counted += counts
        shown = f"{sum(caught)} of {len(caught)}" if caught else "-"
        print(f"| {rule['id']} | {rule['name']} | {true} | {shown} | {'yes' if counts else 'no'} |")
    print(f"\n{counted} of {len(static)} rules that read the source count.")


def tables(nbvet):
    """Prints everything; (whether all gates are met, the rows of precision)."""
    of_rule, of_group = recall.counted(nbvet)
    names = {rule["id"]: rule["name"] for rule in output_of(nbvet, "rules", "--format", "json")}
    caught = {names[rule]: sum(found) for (_, rule), found in of_rule.items() if rule in names}
    rows = precision_rows(nbvet, hits(nbvet, corpus()), caught)
    print_precision(rows)
    right = print_errors(rows)
    print("\n## Recall\n")
    found = recall.print_table(of_rule, of_group)
    print_counted(nbvet, rows, {rule: found for (_, rule), found in of_rule.items()})
    return right and found and not any(map(failed, rows)), rows


def table(nbvet):
    met, _ = tables(nbvet)
    return int(not met)


def page(nbvet):
    """Writes the tables with the build that they are of."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    ).stdout.strip()
    version = subprocess.run([nbvet, "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        met, rows = tables(nbvet)
    (LABELS / "PRECISION.md").write_text(PAGE.format(version=version, commit=commit, table=text.getvalue()))
    write(LABELS / "measured.tsv", rows, MEASURED)
    return int(not met)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    jobs = {"table": "print the tables", "page": "write the tables to rules/labels/PRECISION.md"}
    for name, words in {**jobs, "draw": "write the hits to label"}.items():
        command = commands.add_parser(name, help=words)
        command.add_argument("nbvet", help="the program")
        if name == "draw":
            command.add_argument("rules", nargs="+", metavar="RULE", help="names of rules")
    arguments = parser.parse_args()
    if arguments.command == "draw":
        return draw(arguments.nbvet, arguments.rules)
    return (page if arguments.command == "page" else table)(arguments.nbvet)


if __name__ == "__main__":
    sys.exit(main())
