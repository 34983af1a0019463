"""Measures commands with everything they start: CPU seconds, wall seconds, peak memory; prints tables.

Knows nothing of notebooks or of the tools measured. Linux only: it becomes the reaper of orphans, so that a process
that detaches itself from its command is counted too.
"""

import contextlib
import ctypes
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.005
ORPHAN_SECONDS = 5.0
# Servers that this process has started and that live on from one command to the next: neither counted nor ended.
SERVICES = set()


@dataclass(frozen=True)
class Tool:
    """One row of a table. `good` are the exit codes of work that was done."""

    name: str
    command: list
    good: tuple = (0,)
    env: dict = field(default_factory=dict)
    cwd: Path | None = None


@dataclass(frozen=True)
class Cost:
    """What one execution cost, user and system time of the whole process tree together."""

    cpu: float
    wall: float


class CommandFailed(Exception):
    """A command that did not do its work; its cost means nothing."""


def adopt_orphans():
    """Makes this process the parent of whatever its descendants leave behind."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def run_once(tool, watch=None):
    """Runs the command to the end of its last process. `watch` is called with its pid once it is started."""
    with tempfile.TemporaryFile() as log:
        begin = time.perf_counter()
        process = subprocess.Popen(
            tool.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=tool.cwd,
            env={**os.environ, **tool.env},
            start_new_session=True,
        )
        if watch:
            watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        orphans = reap_orphans()
        if process.returncode not in tool.good:
            log.seek(0)
            tail = log.read()[-2000:].decode(errors="replace")
            raise CommandFailed(f"{tool.name}: exit code {process.returncode}\n{tail}")
    return Cost(cpu=seconds(usage) + orphans, wall=wall)


def seconds(usage):
    """User and system time of a rusage; wait4 adds the children that the process had waited for."""
    return usage.ru_utime + usage.ru_stime


def reap_orphans():
    """CPU seconds of processes that outlived their command. Those that do not end by themselves are killed."""
    total, deadline = 0.0, time.monotonic() + ORPHAN_SECONDS
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return total
        if pid:
            total += seconds(usage)
            continue
        if SERVICES.issuperset(children_of(os.getpid())):
            return total
        if time.monotonic() > deadline:
            for child in set(children_of(os.getpid())) - SERVICES:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def children_of(pid):
    """Direct children, of all threads."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found


def descendants_of(pid):
    """The process and everything below it."""
    return [pid] + [below for child in children_of(pid) for below in descendants_of(child)]


def proportional_memory(pid):
    """Bytes of a process, pages shared with others divided among them."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def peak_memory(tool):
    """Highest memory of the tree, sampled in an execution of its own: sampling costs CPU time."""
    peak, ended, sampler = 0, threading.Event(), None

    def sample(pid):
        nonlocal peak
        while not ended.wait(SAMPLE_SECONDS):
            # Orphans are this process's own children: they are counted from there.
            family = [below for child in {*children_of(os.getpid()), pid} for below in descendants_of(child)]
            peak = max(peak, sum(proportional_memory(member) for member in family))

    def start(pid):
        nonlocal sampler
        sampler = threading.Thread(target=sample, args=(pid,))
        sampler.start()

    try:
        run_once(tool, watch=start)
    finally:
        ended.set()
        if sampler:
            sampler.join()
    return peak


@dataclass(frozen=True)
class Row:
    """Medians of one tool; `failure` in their place where it did not do its work."""

    tool: Tool
    costs: list
    peak: int = 0
    failure: str | None = None

    @property
    def cpu(self):
        return statistics.median(cost.cpu for cost in self.costs)

    @property
    def wall(self):
        return statistics.median(cost.wall for cost in self.costs)


def compare(title, tools, repeats, memory=True):
    """Runs the tools in turn, `repeats` times after one uncounted round, and prints a table. The first is ours."""
    print(f"\n### {title}\n", flush=True)
    before = os.getloadavg()[0]
    costs, failures = {tool.name: [] for tool in tools}, {}
    for turn in range(repeats + 1):
        for tool in tools:
            if tool.name in failures:
                continue
            try:
                cost = run_once(tool)
            except (CommandFailed, OSError) as error:
                failures[tool.name] = str(error)
                continue
            if turn > 0:
                costs[tool.name].append(cost)
    rows = {}
    for tool in tools:
        failed = failures.get(tool.name)
        peak = peak_memory(tool) if memory and not failed else 0
        rows[tool.name] = Row(tool, costs[tool.name], peak, failed)
    print_table(list(rows.values()))
    print(f"\n{repeats} repeats, medians; load {before:.1f} before, {os.getloadavg()[0]:.1f} after.", flush=True)
    return rows


def print_table(rows):
    """Markdown. Ratios are of CPU seconds, against the first row."""
    ours = rows[0]
    print("| tool | CPU s (min-max) | wall s | peak MB | CPU against nbvet |")
    print("|---|---|---|---|---|")
    for row in rows:
        if row.failure:
            print(f"| {row.tool.name} | failed | | | |")
            continue
        low, high = (pick(cost.cpu for cost in row.costs) for pick in (min, max))
        ratio = "" if ours.failure else f"{row.cpu / ours.cpu:.1f}x"
        peak = f"{row.peak / 1e6:.0f}" if row.peak else ""
        print(f"| {row.tool.name} | {row.cpu:.3f} ({low:.3f}-{high:.3f}) | {row.wall:.2f} | {peak} | {ratio} |")
    for row in rows:
        if row.failure:
            print(f"\n{row.failure}")


def target(words, value, limit, unit=""):
    """Says whether `value` stays within `limit`. A miss is printed, never raised: times are the machine's too."""
    verdict = "met" if value <= limit else "MISSED"
    print(f"target {verdict}: {words}: {value:.3g}{unit}, limit {limit:.3g}{unit}", flush=True)
