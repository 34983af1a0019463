"""Running notebooks: nbvet, jupyter execute, papermill, nbmake and ploomber-engine. See peers.py for how to start it."""

import json
import os
import subprocess
from dataclasses import replace

import notebooks
from measure import Tool, compare, target


class Bench:
    """The commands of all tools in one Python environment, each writing what it writes by default."""

    def __init__(self, binary, environment, scratch, repeats):
        self.binary, self.bin, self.scratch, self.repeats = binary, environment / "bin", scratch, repeats
        # State of IPython and Jupyter goes to the scratch folder, for every tool the same.
        self.env = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(environment),
            "IPYTHONDIR": str(scratch / "ipython"),
            "JUPYTER_CONFIG_DIR": str(scratch / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
            "MPLCONFIGDIR": str(scratch / "matplotlib"),
            # It would tell its makers of each run.
            "PLOOMBER_STATS_ENABLED": "false",
        }

    def tool(self, name, *command):
        return Tool(name, list(command), (0,), self.env, self.scratch)

    def nbvet(self, command, *paths):
        options = ["--python", self.bin / "python", "-j", "1"]
        return self.tool(f"nbvet {command}", self.binary, command, *options, *paths)

    def jupyter_execute(self, *paths):
        return self.tool("jupyter execute", self.bin / "jupyter-execute", *paths)

    def papermill(self, path):
        output = self.scratch / "papermill.ipynb"
        return self.tool("papermill", self.bin / "papermill", "--no-progress-bar", path, output)

    def ploomber_engine(self, path):
        output = self.scratch / "ploomber.ipynb"
        return self.tool("ploomber-engine", self.bin / "ploomber-engine", path, output, "--no-progress-bar")

    def nbmake(self, *paths):
        return self.tool("pytest --nbmake", self.bin / "pytest", "-p", "no:cacheprovider", "--nbmake", "-q", *paths)

    def floors(self):
        """What nothing that runs IPython in this Python can go below, on this machine and at this load."""
        shell = "from IPython.core.interactiveshell import InteractiveShell as S; S()"
        return [
            self.tool("floor: IPython's shell made", self.bin / "python", "-c", shell),
            self.tool("floor: python -c pass", self.bin / "python", "-c", "pass"),
        ]

    def bare(self, count):
        """IPython's shell alone runs trivial cells: no probes, no outputs kept."""
        code = "from IPython.core.interactiveshell import InteractiveShell as S; import sys; shell = S()\n"
        code += "for i in range(int(sys.argv[1])): shell.run_cell(f'x{i} = {i}\\nx{i} + 1', store_history=True)"
        return self.tool(f"floor: IPython runs {count} cells", self.bin / "python", "-c", code, str(count))

    def compare(self, title, path):
        """All tools on one notebook."""
        tools = [
            self.nbvet("run", path),
            self.nbvet("validate", path),
            self.jupyter_execute(path),
            self.papermill(path),
            self.nbmake(path),
            self.ploomber_engine(path),
            *self.floors(),
        ]
        return compare(title, tools, self.repeats)

    def check_that_all_cells_run(self, paths):
        """A runner that skips cells is fast for nothing."""
        command = [self.binary, "run", "--format", "json", "--python", self.bin / "python", *paths]
        env = {**os.environ, **self.env}
        output = subprocess.run(command, stdout=subprocess.PIPE, env=env, check=False).stdout
        for notebook in json.loads(output or b'{"notebooks": []}')["notebooks"]:
            idle = [cell["cell"] for cell in notebook.get("cells", []) if cell["outcome"] != "ok"]
            if idle or not notebook.get("cells"):
                print(
                    f"warning: nbvet did not run cells {idle or 'at all'} of {notebook['path']}: {notebook['verdict']}"
                )


def best_ratio(rows):
    """CPU of the cheapest kernel tool against nbvet's; None where one side is missing."""
    ours = rows["nbvet run"]
    peers = [row.cpu for row in rows.values() if not row.failure and not row.tool.name.startswith(("nbvet", "floor"))]
    return None if ours.failure or not peers else min(peers) / ours.cpu


def one_trivial(bench):
    path = notebooks.trivial(bench.scratch / "trivial.ipynb")
    bench.check_that_all_cells_run([path])
    rows = bench.compare("One notebook of 5 trivial cells, cold", path)
    if not rows["nbvet run"].failure:
        target("CPU of a trivial notebook, cold", rows["nbvet run"].cpu, 0.15, " s")
    if ratio := best_ratio(rows):
        target("share of the cheapest kernel tool's CPU", 1 / ratio, 1 / 5)


def hundred_cells(bench):
    path = notebooks.many_cells(bench.scratch / "hundred.ipynb", 100)
    rows = bench.compare("One notebook of 100 trivial cells", path)
    few = notebooks.many_cells(bench.scratch / "ten.ipynb", 10)
    less = compare("The same, 10 cells", [bench.nbvet("run", few), bench.jupyter_execute(few)], bench.repeats, False)
    bare = compare("Bare IPython: 110 cells and 10", [bench.bare(110), bench.bare(10)], bench.repeats, False)
    many, some = (bare[f"floor: IPython runs {count} cells"].cpu for count in (110, 10))
    print(f"floor: IPython's own run_cell: {(many - some) / 100 * 1000:.2f} ms of CPU for each further cell")
    for name in ("nbvet run", "jupyter execute"):
        if not rows[name].failure and not less[name].failure:
            each = (rows[name].cpu - less[name].cpu) / 90 * 1000
            print(f"{name}: {each:.2f} ms of CPU for each further cell")
            if name == "nbvet run":
                target("CPU of each further cell", each, 0.3, " ms")


def batch(bench):
    paths = notebooks.small_batch(bench.scratch / "batch")
    bench.check_that_all_cells_run(paths)
    tools = [
        bench.nbvet("run", *paths),
        bench.nbvet("validate", *paths),
        bench.jupyter_execute(*paths),
        bench.nbmake(*paths),
    ]
    rows = compare("20 notebooks of 9 small cells, one command", tools, bench.repeats)
    if ratio := best_ratio(rows):
        target("share of the cheapest kernel tool's CPU", 1 / ratio, 1 / 18)
    one = compare("The first of them alone", [bench.nbvet("run", paths[0])], bench.repeats, False)["nbvet run"]
    ours = rows["nbvet run"]
    if not ours.failure and not one.failure:
        target("CPU of each further notebook", (ours.cpu - one.cpu) / (len(paths) - 1) * 1000, 20, " ms")


def pandas_and_plots(bench):
    path = notebooks.pandas_and_plots(bench.scratch / "pandas.ipynb")
    bench.check_that_all_cells_run([path])
    rows = bench.compare("A notebook of pandas and matplotlib, cold", path)
    if not rows["nbvet run"].failure:
        target("CPU of a pandas notebook, cold", rows["nbvet run"].cpu, 1.1, " s")


def pandas_batch(bench):
    paths = notebooks.pandas_batch(bench.scratch / "pandas")
    alone = bench.nbvet("run", "--isolation", "spawn", *paths)
    tools = [
        bench.nbvet("run", *paths),
        replace(alone, name="nbvet run --isolation spawn"),
        bench.jupyter_execute(*paths),
        bench.nbmake(*paths),
    ]
    rows = compare(f"{len(paths)} notebooks of pandas and matplotlib, one command", tools, bench.repeats)
    ours = rows["nbvet run"]
    if not ours.failure:
        target("CPU of a pandas notebook in a batch", ours.cpu / len(paths), 0.3, " s")


def main(binary, environment, scratch, repeats):
    print("\n## Run")
    bench = Bench(binary, environment, scratch, repeats)
    for path in (one_trivial, hundred_cells, batch, pandas_and_plots, pandas_batch):
        path(bench)
