"""The pre-commit hooks and the GitHub action, executed with the program that cargo has built."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
SORTED = "x = [2, 1]\nx = x.sort()\nassert x"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A folder with nbvet in it, and nothing else."""
    built = TARGET / "debug/nbvet"
    if not built.is_file():
        subprocess.run(["cargo", "build", "-p", "nbvet"], cwd=ROOT, check=True)
    folder = tmp_path_factory.mktemp("bin")
    (folder / "nbvet").symlink_to(built)
    return folder


def notebook(path, source):
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(content, indent=1))


def environment(program, home):
    path = os.pathsep.join([str(program), str(Path(sys.executable).parent), os.environ["PATH"]])
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    names = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    return {**own, **git, **names, "PATH": path, "HOME": str(home), "PRE_COMMIT_HOME": str(home / "cache")}


def git(folder, env, *arguments):
    subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture
def repositories(program, tmp_path):
    """The hooks' repository as it is committed, and one with two notebooks staged."""
    pytest.importorskip("pre_commit", reason="pre-commit is not in .venv (make setup)")
    env = environment(program, tmp_path / "home")
    hooks, work = tmp_path / "hooks", tmp_path / "work"
    for folder in (hooks, work):
        folder.mkdir()
        git(folder, env, "init", "-q")
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    git(hooks, env, "add", ".")
    git(hooks, env, "commit", "-q", "-m", "hooks")
    notebook(work / "bad one.ipynb", SORTED)
    notebook(work / "good.ipynb", "assert len('ab') == 2")
    git(work, env, "add", ".")
    # Not staged: nobody's business.
    notebook(work / "later.ipynb", SORTED)

    def try_hook(name):
        command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), name, "--verbose"]
        done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return work, env, try_hook


def test_the_hook_judges_what_is_staged(repositories):
    work, env, try_hook = repositories
    code, said = try_hook("nbvet")
    assert code == 1, said
    assert "Failed bad one.ipynb" in said and "NB401" in said and "2 notebooks:" in said, said
    git(work, env, "rm", "-q", "--cached", "bad one.ipynb")
    (work / "bad one.ipynb").unlink()
    code, said = try_hook("nbvet")
    assert code == 0 and "1 notebook: 1 passed" in said, said


def test_the_fixing_hook_mends_what_is_staged(repositories):
    work, env, try_hook = repositories
    code, said = try_hook("nbvet-fix")
    assert code == 1 and "files were modified by this hook" in said, said
    assert json.loads((work / "bad one.ipynb").read_text())["cells"][0]["source"] == SORTED.replace("x = x", "x")
    git(work, env, "add", "bad one.ipynb")
    code, said = try_hook("nbvet-fix")
    assert code == 0, said


def run_action(program, folder, inputs):
    """Executes the action's steps one after the other, as a runner does; gives the code and stdout of the last."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    values = {name: inputs.get(name, about["default"]) for name, about in action["inputs"].items()}
    assert not set(inputs) - set(values)

    def filled(text):
        return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: values[found[1]], text)

    assert action["runs"]["using"] == "composite"
    env = environment(program, folder)
    env |= {"GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(folder), "GITHUB_PATH": str(folder / "path")}
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash" and "${{" not in step["run"], "inputs in a script could be commands"
        variables = {name: filled(value) for name, value in step.get("env", {}).items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=folder / "work", env=env | variables, capture_output=True, text=True)
        if done.returncode:
            break
    return done.returncode, done.stdout, done.stderr


def test_the_action_annotates_the_lines_of_the_files(program, tmp_path):
    notebook(tmp_path / "work/bad one.ipynb", SORTED)
    code, said, errors = run_action(program, tmp_path, {})
    assert code == 1, errors
    assert said.startswith("::error file=bad one.ipynb,line="), said


def test_the_action_takes_paths_a_line_each_and_a_level(program, tmp_path):
    notebook(tmp_path / "work/a b/one.ipynb", SORTED)
    notebook(tmp_path / "work/good.ipynb", "assert len('ab') == 2")
    inputs = {"paths": "a b\n$(touch broken)\n", "level": "learning"}
    code, _, errors = run_action(program, tmp_path, inputs)
    assert code == 2 and "`$(touch broken)` does not exist" in errors, errors
    assert not (tmp_path / "work/broken").exists()
    code, said, errors = run_action(program, tmp_path, inputs | {"paths": "a b\ngood.ipynb\n"})
    assert code == 0 and "::error" not in said, said + errors
    assert run_action(program, tmp_path, {"paths": "good.ipynb"})[0] == 0
