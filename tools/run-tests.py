"""Runs every test of the repository and closes with one line: N passed, N failed, N skipped.

A step is a command. Its output goes to target/test-logs/NAME.log and is shown when it failed, of cargo test what failed
alone: the rest of thousands of tests would hide it. Steps whose
runner counts (cargo test, pytest) are counted by it; any other step counts as one. A step that fails without a
failed test of its own (it did not compile, it ran out of time) counts as one failure, so no fault is ever lost.
A Rust test that finds what it needs missing prints `skipped: REASON` and counts as skipped.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
LOGS = ROOT / "target" / "test-logs"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_cargo(output: str) -> Count:
    """Sums `test result:` lines. Needs `--show-output`, which prints what passing tests printed."""
    total = Count()
    result = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;", re.MULTILINE)
    for passed, failed, ignored in result.findall(output):
        total += Count(int(passed), int(failed), int(ignored))
    skipped = 0
    printed = r"^---- [^\n]+ stdout ----\n(.*?)(?=^---- |^failures:$|^successes:$|^test result: |\Z)"
    for block in re.findall(printed, output, re.MULTILINE | re.DOTALL):
        says_so = re.search(r"^skipped: ", block, re.MULTILINE)
        skipped += bool(says_so) and "panicked at" not in block
    return total + Count(-skipped, 0, skipped)


def count_pytest(output: str) -> Count:
    """Reads the closing line, as in `3 failed, 41 passed, 2 skipped in 1.20s`."""
    closing = [line for line in output.splitlines() if re.search(r"\b(\d+ \w+|no tests ran).* in [\d.]+s", line)]
    words = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z]+)", closing[-1])} if closing else {}
    failed = words.get("failed", 0) + words.get("error", 0) + words.get("errors", 0) + words.get("xpassed", 0)
    return Count(words.get("passed", 0), failed, words.get("skipped", 0) + words.get("xfailed", 0))


def count_one(output: str) -> Count:
    """A step without a count of its own: passed here, made a failure by its exit status."""
    return Count(1, 0, 0)


@dataclass
class Step:
    name: str
    command: list
    minutes: int
    group: str = "test"
    count: object = count_one


def pytest(folder: str) -> list:
    return [str(BIN / "python"), "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", folder]


def steps() -> list:
    cargo_test = ["cargo", "test", "--workspace", "--exclude", "nbvet-worker", "--no-fail-fast", "--color=never"]
    # The same tests of running, with processes that are forked.
    fork_test = ["cargo", "test", "-p", "nbvet-host", "--test", "it", "--no-fail-fast", "--color=never"]
    clippy = ["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]
    # Tests on a node run the operator from its image; its nbvet is the one of `dist`.
    image = ["cargo", "xtask", "image", "--operator-profile", "unoptimised"]
    python = ["tools", "python", "runner", "benches", "environment", "fuzz"]
    found = [
        Step("fmt", ["cargo", "fmt", "--all", "--check"], 2, "lint"),
        Step("ruff", [str(BIN / "ruff"), "check", "--no-cache", *python], 2, "lint"),
        Step("assets", ["cargo", "xtask", "assets"], 30),
        Step("clippy", clippy, 30, "lint"),
        Step("dist", ["cargo", "xtask", "dist"], 30),
        *([Step("image", image, 30)] if shutil.which("mmdebstrap") else []),
        Step("cargo-test", [*cargo_test, "--", "--show-output"], 75, count=count_cargo),
        Step(
            "cargo-fork", ["env", "NBVET_TEST_ISOLATION=fork", *fork_test, "--", "--show-output"], 15, count=count_cargo
        ),
    ]
    folders = {"tools": "tools/tests", "worker": "runner/worker/tests", "wheel": "python/tests", "benches": "benches"}
    found += [Step(f"pytest-{name}", pytest(folder), 20, count=count_pytest) for name, folder in folders.items()]
    return found


def environment() -> dict:
    """What all steps see: no colours, no backtraces of tests that fail on purpose, and the worker that was built."""
    worker = unpacked_worker()
    ours = {"NO_COLOR": "1", "RUST_BACKTRACE": os.environ.get("RUST_BACKTRACE", "0")}
    return {**os.environ, **ours, **({"NBVET_WORKER_SO": str(worker)} if worker else {})}


def unpacked_worker() -> Path | None:
    """The worker for glibc as it is shipped, so that its tests need not build another."""
    archive, name = ROOT / "target" / "nbvet-assets.tar.gz", "worker/gnu/nbvet_worker.abi3.so"
    if not archive.is_file():
        return None
    goal = LOGS.parent / "test-worker" / "nbvet_worker.abi3.so"
    goal.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        goal.write_bytes(packed.extractfile(name).read())
    return goal


def execute(step: Step, log: Path) -> int:
    """Runs a step to its end or its limit, with everything that it started."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            step.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )
        try:
            return process.wait(step.minutes * 60)
        except subprocess.TimeoutExpired:
            out.write(f"\nout of time: {step.minutes} minutes\n".encode())
            return 124
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def judge(step: Step, status: int, output: str) -> Count:
    count = step.count(output)
    if status == 0 and count == Count():
        return Count(failed=1)  # A runner that ran nothing has shown nothing.
    if status != 0 and count.failed == 0:
        return Count(count.passed if step.count is not count_one else 0, 1, count.skipped)
    return count


def failures(output: str) -> str:
    """Of what cargo test printed the tests that failed, after the programs they are of, and errors; or else all of it."""
    program = r"^ +(?:Running|Doc-tests) [^\n]*$"
    failed = r"^failures:\n\n---- .*?^test result: FAILED[^\n]*$"
    error = r"^error\b[^\n]*(?:\n[^\n]+)*"
    parts = re.findall(f"{program}|{failed}|{error}", output, re.MULTILINE | re.DOTALL)
    shown = [part for part, after in pairwise([*parts, ""]) if part[0] != " " or (after and after[0] != " ")]
    return "\n\n".join(shown) or output


def report(step: Step, count: Count, seconds: float, output: str) -> None:
    if count.failed:
        shown = failures(output) if step.count is count_cargo else output
        print(f"\n===== {step.name}: {' '.join(step.command)}\n{shown}\n===== end of {step.name}", flush=True)
    print(f"{step.name:>14}  {count}  ({seconds:.0f} s)", flush=True)
    for reason in sorted(set(re.findall(r"^(?:skipped:|SKIPPED) .*", output, re.MULTILINE))):
        print(f"{'':>14}  {reason}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help="a step, or the group lint")
    only = parser.parse_args().only
    LOGS.mkdir(parents=True, exist_ok=True)
    chosen = [step for step in steps() if only in (None, step.name, step.group)]
    if not chosen:
        parser.error(f"no step is named {only}")
    total = Count()
    for step in chosen:
        log, start = LOGS / f"{step.name}.log", time.monotonic()
        print(f"{step.name:>14}  ...", flush=True)
        status = execute(step, log)
        output = ANSI.sub("", log.read_text(errors="replace"))
        count = judge(step, status, output)
        report(step, count, time.monotonic() - start, output)
        total += count
    print(f"\n{total}", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
