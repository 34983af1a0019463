"""What ruff and nbvet say of the same folder of notebooks, as hits that can be laid side by side."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from cells import Notebook


@dataclass(frozen=True)
class Rule:
    """One rule of ruff (or two that share one of nbvet's), and the rules of nbvet that tell the same fault."""

    ruff: tuple
    nbvet: tuple
    what: str
    # The lines of nbvet's hits that ruff's rule is about, where nbvet's rules tell more.
    about: str = ""


RULES = [
    Rule(("E722",), ("NB201", "NB202", "NB203", "NB204"), "a bare `except:`", r"^\s*except\s*:"),
    Rule(("S110", "S112"), ("NB202",), "an exception is passed over"),
    Rule(("F821",), ("NB601", "NB602"), "a name that is not there"),
    Rule(("RET503",), ("NB205",), "a function that returns a value on some paths only"),
    Rule(("PLW0177",), ("NB301",), "a comparison with NaN"),
    Rule(("PLW1510",), ("NB208",), "`subprocess.run` without `check`", r"\brun\("),
    Rule(("S113",), ("NB216",), "`requests` without a timeout"),
]


@dataclass
class Hit:
    """One thing told by a linter; `key` is the same for both where they mean the same fault."""

    path: str
    cell: int | None
    line: int
    message: str
    rule: str
    key: tuple = ()

    @property
    def name(self):
        """The name that an F821, NB601 or NB602 speaks of."""
        return re.search(r"`([^`]*)`", self.message).group(1)

    @property
    def place(self):
        return self.path, self.cell, self.line


@dataclass
class Run:
    """Both linters' hits on a folder."""

    folder: Path
    ruff: list
    nbvet: list
    # By path: the first (cell, line, message) that ruff could not parse.
    silenced: dict
    # All notebooks that nbvet looked at.
    paths: list
    versions: tuple
    # Rules that this nbvet has.
    known: set

    def __post_init__(self):
        self.notebooks = {}
        self.told_names = {(hit.path, hit.name) for hit in self.nbvet if hit.rule in ("NB601", "NB602")}

    @property
    def count(self):
        return len(self.paths)

    def notebook(self, path):
        if path not in self.notebooks:
            text = (self.folder / path).read_text(encoding="utf-8", errors="replace")
            self.notebooks[path] = Notebook(text)
        return self.notebooks[path]


def printed(*command, folder):
    """What a command prints; that its exit status tells of findings is no failure."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=False)
    if done.returncode > 1:
        sys.exit(f"error: {command[0]} ended with status {done.returncode}")
    return done.stdout.decode()


def run(nbvet, ruff, folder):
    """Both linters over a folder, ruff with the compared rules only and no configuration."""
    codes = ",".join(code for rule in RULES for code in rule.ruff)
    options = ["--preview", "--isolated", "--no-cache", "--exit-zero", "--output-format", "json"]
    told = json.loads(printed(ruff, "check", *options, "--select", codes, ".", folder=folder))
    report = json.loads(printed(nbvet, "lint", "--level", "learning", "--format", "json", ".", folder=folder))
    rules = json.loads(printed(nbvet, "rules", "--format", "json", folder=folder))
    hits = [ruff_hit(item, folder) for item in told if item["filename"].endswith(".ipynb")]
    silenced = {}
    for hit in hits:
        if hit.rule is None:
            silenced.setdefault(hit.path, hit)
    return Run(
        folder,
        [hit for hit in hits if hit.rule],
        [nbvet_hit(book["path"], item) for book in report["notebooks"] for item in book["diagnostics"]],
        silenced,
        [book["path"] for book in report["notebooks"]],
        tuple(printed(program, "--version", folder=folder).strip() for program in (ruff, nbvet)),
        {rule["id"] for rule in rules},
    )


def ruff_hit(item, folder):
    """ruff numbers cells from 1, over all cells."""
    path = os.path.relpath(item["filename"], folder.resolve())
    cell = item["cell"] - 1 if item["cell"] else None
    return Hit(path, cell, item["location"]["row"], item["message"], item["code"])


def nbvet_hit(path, item):
    place = item["location"]
    return Hit(os.path.normpath(path), place.get("cell"), place.get("line", 0), item["message"], item["rule"]["id"])


def compared(run, rule):
    """(both, only ruff, only nbvet) of one row: hits with the same key are told by both, each counted once."""
    ruff = keyed(run, rule, [hit for hit in run.ruff if hit.rule in rule.ruff])
    nbvet = keyed(run, rule, [hit for hit in run.nbvet if is_meant(run, rule, hit)])
    both = [hit for key, hit in ruff.items() if key in nbvet]
    return (
        both,
        [hit for key, hit in ruff.items() if key not in nbvet],
        [hit for key, hit in nbvet.items() if key not in ruff],
    )


def is_meant(run, rule, hit):
    if hit.rule not in rule.nbvet:
        return False
    return not rule.about or bool(re.search(rule.about, run.notebook(hit.path).line(hit.cell, hit.line)))


def keyed(run, rule, hits):
    """The hits by what they are about: a name on a line, a function, or a line."""
    found = defaultdict(list)
    for hit in hits:
        hit.key = hit.place
        if rule.ruff == ("F821",):
            hit.key = (*hit.place, hit.name)
        elif rule.ruff == ("RET503",):
            function = run.notebook(hit.path).function(hit.cell, hit.line)
            hit.key = (hit.path, hit.cell, function.lineno if function else hit.line)
        found[hit.key].append(hit)
    return {key: alike[0] for key, alike in found.items()}
