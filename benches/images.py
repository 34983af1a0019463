"""Images by `nbvet image build` beside images by a Dockerfile: time, bytes and digests.

Usage: images.py [ROW ...] [--repeats N]; rows: rebuild, plain (rebuild without byte-code), kernel (rebuild of notebooks that
ask for no kernel, which is added on both sides), compilers (one core for all of them, or one each), digests, start, storage

The peer is buildah: `bud --isolation chroot --layers` and `push`, pip with `--require-hashes --no-deps --no-index`, wheels
from a local folder, its base image already in its storage. Both sides build into one docker-registry on loopback and take
turns. Wheels are downloaded once, before any clock runs. nbvet is what `NBVET_BIN` names, else the release binary. Needs
root and the programs that `make test` installs.
"""

import argparse
import email
import functools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import containers
import measure
import peers
from measure import Tool, target
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

HERE = Path(__file__).parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
KERNEL = ["ipykernel", "nbclient"]
SCIENCE = ["matplotlib", "numpy", "pandas", "scikit-learn"]
EVERYTHING = [*KERNEL, *SCIENCE]
KERNELS = HERE.parent / "environment/image/kernel"
# Ten notebooks: what each asks for, and which of its pins are other ones.
NOTEBOOKS = [
    (["pandas"], []),
    (["pandas", "matplotlib"], []),
    (["pandas", "matplotlib", "scikit-learn"], []),
    (["matplotlib"], []),
    (["scikit-learn", "pandas"], ["attrs"]),
    (["scipy", "matplotlib"], []),
    (["pandas", "scikit-learn", "matplotlib"], ["pandas", "tzdata"]),
    (["numpy"], []),
    (["pandas", "cloudpickle"], []),
    (["scipy", "pandas", "matplotlib"], ["traitlets", "ipykernel", "numpy"]),
]
IMPORTS = "import time, pandas, sklearn, matplotlib.pyplot; print(time.process_time())"
MEMORY_SECONDS = 0.02


class Locks:
    """Requirements with digests: each package as `mid.txt` pins it, or as `other.txt` does."""

    def __init__(self):
        self.blocks = {name: self.read(HERE / "images" / f"{name}.txt") for name in ("mid", "other")}
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbvet/bench-images/wheels"
        self.wheels = self.download(cache)

    @staticmethod
    def read(path):
        blocks = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8").strip())
        return {canonicalize_name(PIN.match(block)[1]): block for block in blocks if PIN.match(block)}

    def download(self, folder):
        """By pip, once; what is there is checked by both sides anyway."""
        # The kernel that is added is for the base's Python, which is this machine's.
        files = [HERE / "images" / f"{name}.txt" for name in self.blocks]
        files.append(KERNELS / f"py3{sys.version_info.minor}.txt")
        wanted = set().union(*(PIN.findall(file.read_text(encoding="utf-8")) for file in files))
        if not folder.is_dir() or len(list(folder.glob("*.whl"))) < len(wanted):
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
                pip += ["--only-binary=:all:", "--dest", folder, "--requirement", file]
                subprocess.run(pip, check=True, stdin=subprocess.DEVNULL)
        for wheel in folder.glob("*.whl"):
            wheel.read_bytes()  # Both sides find them in the page cache.
        return folder

    @functools.cached_property
    def needs(self):
        """What each distribution asks for, by its wheel's metadata."""
        needs = {}
        for wheel in self.wheels.glob("*.whl"):
            name, *_ = parse_wheel_filename(wheel.name)
            with zipfile.ZipFile(wheel) as packed:
                path = next(path for path in packed.namelist() if path.endswith(".dist-info/METADATA"))
                said = email.message_from_bytes(packed.read(path)).get_all("Requires-Dist") or []
            asked = [one for one in map(Requirement, said) if not one.marker or one.marker.evaluate({"extra": ""})]
            needs.setdefault(name, set()).update(canonicalize_name(one.name) for one in asked)
        return needs

    def text(self, roots, others=()):
        """Everything that these need, `others` with their other pins."""
        found, open_ = set(), [canonicalize_name(root) for root in roots]
        while open_:
            name = open_.pop()
            if name not in found:
                found.add(name)
                open_ += self.needs[name]
        of = [self.blocks["other" if name in others else "mid"][name] for name in sorted(found)]
        return "\n".join(of) + "\n"


class Bench:
    """Both sides, the registry between them, and a scratch folder."""

    def __init__(self, nbvet, scratch, containers, repeats):
        self.nbvet, self.scratch, self.containers, self.repeats = nbvet, scratch, containers, repeats
        self.locks = Locks()
        maker = [sys.executable, "-B", HERE.parent / "environment/testkit/bases", "images"]
        self.layout = subprocess.run(maker, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.number, self.registry, self.base, self.base_id = 0, None, None, None

    def use(self, registry):
        """Builds go there from now on. The base is squashed: `bud --layers` refuses images without a history."""
        self.registry, plain = registry, registry.push(self.layout, "plain")
        self.containers.pull(plain)
        container = self.containers.call(self.containers.buildah("from", "--pull-never", plain)).strip()
        goal, digest = f"{registry.host}/bases/squashed", self.scratch / "digest"
        commit = ["commit", "--quiet", "--rm", "--squash", "--timestamp", "0", container, f"{goal}:latest"]
        self.containers.call(self.containers.buildah(*commit))
        push = ["push", "--quiet", "--tls-verify=false", "--digestfile", digest, f"{goal}:latest"]
        self.containers.call(self.containers.buildah(*push))
        self.containers.forget("")
        self.base = f"{goal}@{digest.read_text().strip()}"
        self.containers.pull(self.base)
        inspect = self.containers.buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", self.base)
        self.base_id = "sha256:" + self.containers.call(inspect).strip().removeprefix("sha256:")

    def fresh(self, name):
        """A name that was not used before."""
        self.number += 1
        return f"{name}-{self.number}"

    def folder(self, requirements):
        """A notebook, its requirements, and the Dockerfile that the peer makes of them."""
        folder = self.scratch / self.fresh("project")
        folder.mkdir()
        cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": "1"}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / "notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
        return folder

    def words(self, command, folder, kernel):
        words = [self.nbvet, "image", command, folder, "--base-image", self.base, "--find-links", self.locks.wheels]
        # Nothing is to be asked there: all is in the folder.
        return [*words, "--index-url", "http://127.0.0.1:9/simple", "--kernel", "auto" if kernel else "none"]

    def ours(self, folder, repository, cache, bytecode=True, kernel=False):
        """The tool; what it prints is in `out` of the folder. `bytecode` may name what compiles."""
        words = [*self.words("build", folder, kernel), "--repository", f"{self.registry.host}/{repository}"]
        words += ["--bytecode", bytecode if isinstance(bytecode, Path) else "auto" if bytecode else "off"]
        env = {"XDG_CACHE_HOME": str(cache), "NO_PROXY": "*", "OUT": str(folder / "out")}
        return Tool("nbvet image build", ["sh", "-c", 'exec "$@" >"$OUT"', "sh", *map(str, words)], (0,), env)

    def dockerfile(self, folder):
        """The Dockerfile that nbvet writes for a project, with its locks beside it: the peer adds the same kernel."""
        words = [*self.words("plan", folder, kernel=True), "--write-context", folder / "context"]
        env = os.environ | {"XDG_CACHE_HOME": str(self.scratch / "plans"), "NO_PROXY": "*"}
        subprocess.run(list(map(str, words)), check=True, env=env, stderr=subprocess.DEVNULL)
        pip = self.scratch / "pip.conf"
        pip.write_text("[global]\nno-index = true\nfind-links = /wheels\n", encoding="utf-8")
        return folder / "context", ["--volume", f"{pip}:/etc/pip.conf:ro"]

    def theirs(self, folder, repository, *options, bytecode=True, push=True, kernel=False):
        compiled = "" if bytecode else " --no-compile"
        context, volumes = self.dockerfile(folder) if kernel else (folder, [])
        (folder / "Dockerfile").write_text(
            f"FROM {self.base}\nCOPY requirements.txt /tmp/requirements.txt\n"
            "RUN python3 -m pip install --break-system-packages --no-cache-dir --disable-pip-version-check --quiet"
            f" --no-index --find-links /wheels --no-deps --require-hashes{compiled} -r /tmp/requirements.txt\n"
        )
        image = f"{self.registry.host}/{repository}:latest"
        bud = ["bud", "--isolation", "chroot", "--layers", "--pull-never", "--quiet", "--iidfile", folder / "iid"]
        bud += ["--volume", f"{self.locks.wheels}:/wheels:ro", "--tag", image, *volumes, *options, context]
        script = shell(self.containers.buildah(*bud))
        if push:
            script += " && " + shell(self.containers.buildah("push", "--quiet", "--tls-verify=false", image))
        return Tool("buildah bud + push", ["sh", "-c", script], (0,), self.containers.env)


def shell(command):
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)


class Figures:
    """What was measured, by row and side."""

    def __init__(self):
        self.costs, self.facts = {}, {}

    def add(self, row, side, cost):
        self.costs.setdefault(row, {}).setdefault(side, []).append(cost)

    def fact(self, row, name, value):
        self.facts.setdefault(row, {}).setdefault(name, []).append(value)

    def median(self, row, side, field):
        return statistics.median(getattr(cost, field) for cost in self.costs[row][side])

    def table(self):
        sides = "nbvet: wall s, CPU s | buildah: wall s, CPU s | ratio: wall, CPU"
        print(f"| row | {sides} | sent by nbvet | new in the registry: nbvet, buildah |")
        print("|---|---|---|---|---|---|")
        for row in self.costs:
            ours, theirs = ([self.median(row, side, field) for field in ("wall", "cpu")] for side in ("ours", "theirs"))
            ratio = [their / our for our, their in zip(ours, theirs, strict=True)]
            # Of what is stored, the most: blobs that an earlier round stored are not new again.
            facts = {name: max(values) for name, values in self.facts[row].items()}
            print(
                f"| {row} | {ours[0]:.2f}, {ours[1]:.2f} | {theirs[0]:.1f}, {theirs[1]:.1f} | {ratio[0]:.1f}x, "
                f"{ratio[1]:.1f}x | {size(facts['sent'])} | {size(facts['ours'])}, {size(facts['theirs'])} |"
            )

    def ratio(self, row, field="wall"):
        return self.median(row, "theirs", field) / self.median(row, "ours", field)


def size(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB" if count >= 1e3 else f"{count:.0f} B"


UNITS = {"byte": 1, "bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def told(folder):
    """What nbvet printed: the image, and how many bytes it sent."""
    text = (folder / "out").read_text(encoding="utf-8")
    image = re.search(r"^image +(\S+)", text, re.MULTILINE)[1]
    sent = re.search(r"· ([\d.,]+) ?(\w+) sent", text)
    return image, float(sent[1].replace(",", "")) * UNITS[sent[2]]


class Memory:
    """The most that a process itself has held, by the kernel's own count."""

    def __init__(self):
        self.peak = 0

    def watch(self, pid):
        threading.Thread(target=self.follow, args=(pid,), daemon=True).start()

    def follow(self, pid):
        try:
            while True:
                text = Path(f"/proc/{pid}/status").read_text()
                # A process that has ended and is not waited for yet has none.
                self.peak = max(self.peak, int(re.search(r"VmHWM:\s+(\d+)", text)[1]) * 1024)
                time.sleep(MEMORY_SECONDS)
        except (OSError, TypeError):
            return


def turn(bench, figures, row, ours, theirs, folder, memory=None):
    """One execution of each side."""
    for side, tool in (("ours", ours), ("theirs", theirs)):
        before = bench.registry.bytes_held()
        cost = measure.run_once(tool, watch=memory.watch if memory and side == "ours" else None)
        figures.add(row, side, cost)
        figures.fact(row, side, bench.registry.bytes_held() - before)
    image, sent = told(folder)
    figures.fact(row, "sent", sent)
    return image


def rebuild(bench, bytecode=True, kernel=False):
    """Cold, one pin changed, other known wheels, unchanged: each repeat in repositories and caches that are new."""
    what = " and a kernel that nobody asked for" if kernel else ""
    print(f"\n### Builds, {'with' if bytecode else 'without'} byte-code{what} on both sides\n", flush=True)
    load, figures, memory, digests, asked = os.getloadavg()[0], Figures(), Memory(), set(), []
    text = bench.locks.text
    small, asked_for, own = ("pandas", SCIENCE, []) if kernel else ("attrs", EVERYTHING, KERNEL)
    rows = [
        ("cold", text(asked_for)),
        (f"one pin changed: {small}", text(asked_for, [small])),
        ("one pin changed: scipy", text(asked_for, ["scipy"])),
        ("another notebook, known wheels", text([*own, "pandas", "matplotlib"])),
        ("unchanged", text(asked_for)),
    ]
    for number in range(bench.repeats):
        ours, theirs, cache = bench.fresh("ours"), bench.fresh("theirs"), bench.scratch / bench.fresh("cache")
        bench.containers.forget(bench.base_id)
        for row, requirements in rows:
            folder = bench.folder(requirements)
            options = ["--no-cache"] if row == "cold" else []
            image = turn(
                bench,
                figures,
                row,
                bench.ours(folder, ours, cache, bytecode, kernel),
                bench.theirs(folder, theirs, *options, bytecode=bytecode, kernel=kernel),
                folder,
                memory if row == "cold" else None,
            )
            if row == "cold":
                digests.add(image.split("@")[1])
        before = len(bench.registry.requests())
        measure.run_once(bench.ours(folder, ours, cache, bytecode, kernel))
        time.sleep(0.2)
        asked = bench.registry.requests()[before:]
        shutil.rmtree(cache, ignore_errors=True)
        print(f"<!-- round {number + 1} of {bench.repeats}, load {os.getloadavg()[0]:.1f} -->", flush=True)
    figures.table()
    print(f"\n{bench.repeats} repeats, medians; load {load:.1f} before, {os.getloadavg()[0]:.1f} after.")
    print(f"nbvet's own peak memory, cold: {memory.peak / 1e6:.0f} MB.")
    builds = f"{bench.repeats} cold builds by nbvet, each from empty caches into a new repository"
    print(f"Digests of {builds}: {len(digests)}.")
    print(f"Requests of an unchanged build: {', '.join(f'{method} {status}' for method, _, status in asked)}.")
    for row in (rows[1][0], rows[2][0]):
        target(f"{row}: wall of nbvet to that of buildah", 1 / figures.ratio(row), 0.1)
    known = rows[3][0]
    target("known wheels", figures.median(known, "ours", "wall"), 2.0, " s")
    target("known wheels, sent", statistics.median(figures.facts[known]["sent"]) / 1e6, 1.0, " MB")
    target("unchanged, requests", len(asked), 1)
    target("digests of the same build", len(digests), 1)


def compilers(bench):
    """Whether several compilers at once help: cold builds with all of them on one core, and with one core each."""
    print("\n### Cold builds by nbvet, with the Pythons that compile on one core and on one each\n", flush=True)
    load, costs, digests = os.getloadavg()[0], {}, set()
    python, one = Path(shutil.which("python3")), bench.scratch / "one-core-python"
    first = min(os.sched_getaffinity(0))
    one.write_text(f'#!/bin/sh\nexec taskset -c {first} {python} "$@"\n', encoding="utf-8")
    one.chmod(0o755)
    folder = bench.folder(bench.locks.text(EVERYTHING))
    for _ in range(bench.repeats):
        for name, program in (("on one core", one), ("on one core each", python)):
            cache = bench.scratch / bench.fresh("cache")
            cost = measure.run_once(bench.ours(folder, bench.fresh("compilers"), cache, program))
            costs.setdefault(name, []).append(cost)
            digests.add(told(folder)[0].split("@")[1])
            shutil.rmtree(cache, ignore_errors=True)
    print("| compilers | wall s | CPU s |\n|---|---|---|")
    for name, all_ in costs.items():
        wall, cpu = (statistics.median(getattr(cost, field) for cost in all_) for field in ("wall", "cpu"))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    print(f"\n{bench.repeats} repeats, medians; load {load:.1f} before, {os.getloadavg()[0]:.1f} after.")
    target("digests of the same build", len(digests), 1)


def digests(bench):
    """Whether the peer's builds from nothing are one image, with its clock set to 0."""
    print("\n### Two builds by buildah, `--timestamp 0 --no-cache`\n", flush=True)
    for words, bytecode in (("with byte-code", True), ("pip --no-compile", False)):
        found = set()
        for _ in range(2):
            bench.containers.forget(bench.base_id)
            folder = bench.folder(bench.locks.text(EVERYTHING))
            options = ["--no-cache", "--timestamp", "0"]
            measure.run_once(bench.theirs(folder, bench.fresh("same"), *options, bytecode=bytecode, push=False))
            found.add((folder / "iid").read_text())
            time.sleep(1)
        print(f"- {words}: {len(found)} image ids of 2 builds", flush=True)


def start(bench):
    """CPU seconds until a notebook's usual imports are done, in the images of both sides."""
    print("\n### Imports of pandas, scikit-learn and matplotlib in the image\n", flush=True)
    images, load = {}, os.getloadavg()[0]
    for name, bytecode in (("nbvet, byte-code", True), ("nbvet, none", False)):
        folder, cache = bench.folder(bench.locks.text(EVERYTHING)), bench.scratch / bench.fresh("cache")
        measure.run_once(bench.ours(folder, bench.fresh("start"), cache, bytecode))
        images[name] = told(folder)[0]
    for name, bytecode in (("pip", True), ("pip --no-compile", False)):
        folder, repository = bench.folder(bench.locks.text(EVERYTHING)), bench.fresh("start")
        measure.run_once(bench.theirs(folder, repository, bytecode=bytecode))
        images[name] = f"{bench.registry.host}/{repository}:latest"
    for image in images.values():
        bench.containers.pull(image)
    seconds = {name: [] for name in images}
    for number in range(max(bench.repeats, 5) + 1):
        for name, image in images.items():
            took = float(bench.containers.python(image, IMPORTS))
            seconds[name] += [took] if number else []
    medians = {name: statistics.median(all_) for name, all_ in seconds.items()}
    print("| image | CPU s of the imports (min-max) | against pip's |\n|---|---|---|")
    for name, all_ in seconds.items():
        ratio = medians[name] / medians["pip"]
        print(f"| {name} | {medians[name]:.2f} ({min(all_):.2f}-{max(all_):.2f}) | {ratio:.2f}x |")
    print(f"\n{max(bench.repeats, 5)} repeats, medians; load {load:.1f} before, {os.getloadavg()[0]:.1f} after.")
    target("start against the pip-built image", medians["nbvet, byte-code"] / medians["pip"], 1.2, "x")


def storage(bench):
    """What ten notebooks take up in a registry of their own, and on a node that runs all of them."""
    print("\n### Ten notebooks, three of them with other pins; byte-code on both sides\n", flush=True)
    held, node = {}, {}
    for side in ("nbvet", "buildah"):
        with containers.Registry(bench.scratch / bench.fresh("registry")) as registry:
            bench.use(registry)
            # The base counts once; what it was made from is there too, and counts for nobody.
            others_bytes = registry.bytes_held() - registry.bytes_of(*bench.base.split("/", 1)[1].split("@"))
            images, cache = [], bench.scratch / bench.fresh("cache")
            for asked, others in NOTEBOOKS:
                folder = bench.folder(bench.locks.text([*KERNEL, *asked], others))
                if side == "nbvet":
                    repository = "team/notebooks"
                    measure.run_once(bench.ours(folder, repository, cache))
                    reference = told(folder)[0].split("@")[1]
                else:
                    repository, reference = bench.fresh("team/notebook"), "latest"
                    measure.run_once(bench.theirs(folder, repository))
                    bench.containers.forget(bench.base_id)
                images.append(registry.layers(repository, reference))
            held[side], node[side] = registry.bytes_held() - others_bytes, containers.on_a_node(images)
            print(f"<!-- {side} done -->", flush=True)
    print("| | nbvet | one-layer Dockerfile images by buildah | ratio |\n|---|---|---|---|")
    for words, of in (("registry, bytes of all blobs", held), ("node, unpacked, each stack once", node)):
        ours, theirs = of["nbvet"], of["buildah"]
        print(f"| {words} | {size(ours)} | {size(theirs)} | {theirs / ours:.2f}x |")
    target("registry, part of the Dockerfile images'", held["nbvet"] / held["buildah"], 0.25)
    target("node, part of the Dockerfile images'", node["nbvet"] / node["buildah"], 1 / 3)


ROWS = {
    "rebuild": rebuild,
    "plain": lambda bench: rebuild(bench, bytecode=False),
    "kernel": lambda bench: rebuild(bench, kernel=True),
    "compilers": compilers,
    "digests": digests,
    "start": start,
    "storage": storage,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="|".join(ROWS), help="what to measure; all by default")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="repeats of each build (3)")
    arguments = parser.parse_args()
    if set(arguments.rows) - ROWS.keys() or arguments.repeats < 3:
        parser.error(f"rows are {', '.join(ROWS)}; a median needs 3 repeats or more")
    if lacking := containers.missing():
        parser.error(f"not installed: {', '.join(lacking)} (`make test` installs them)")
    nbvet = peers.binary()
    measure.adopt_orphans()
    for name in [name for name in os.environ if name.startswith(("PYTHON", "PIP_", "UV_"))]:
        del os.environ[name]
    print("# Images: nbvet and buildah\n")
    for program in (nbvet, "buildah", "podman"):
        print("-", subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    print(f"- {peers.processor()}, {len(os.sched_getaffinity(0))} cores")
    with (
        tempfile.TemporaryDirectory(prefix="nbvet-bench-") as scratch,
        containers.Containers(Path(scratch) / "containers") as own,
    ):
        bench = Bench(nbvet, Path(scratch), own, arguments.repeats)
        wheels = list(bench.locks.blocks["mid"])
        total = sum(wheel.stat().st_size for wheel in bench.locks.wheels.glob("*.whl"))
        print(f"- {len(wheels)} distributions; all wheels, with other pins, {size(total)}")
        for row in arguments.rows or ROWS:
            with containers.Registry(bench.scratch / bench.fresh("registry")) as registry:
                if row != "storage":
                    bench.use(registry)
                ROWS[row](bench)
            bench.containers.forget("")


if __name__ == "__main__":
    main()
