"""Writes the notebooks that the benches run or lint: seeded, so that every machine measures the same bytes."""

import base64
import json
import random
from pathlib import Path

SEED = 20261123

TRIVIAL = ["import math", "x = 1", "y = x + 1", "print(y)", "y * 2"]

NINE_CELLS = [
    "import json\nimport math\nimport random",
    "random.seed({seed})\nvalues = [random.random() for _ in range(100)]",
    "def mean(items):\n    return sum(items) / len(items)",
    "centre = mean(values)\nprint(f'mean {{centre:.4f}}')",
    "spread = math.sqrt(mean([(value - centre) ** 2 for value in values]))\nspread",
    "table = {{str(index): value for index, value in enumerate(values)}}\nlen(table)",
    "text = json.dumps(table)\njson.loads(text) == table",
    "words = 'the quick brown fox'.split()\nsorted(words, key=len)",
    "assert 0 <= centre <= 1",
]

PANDAS = [
    "import matplotlib.pyplot as plt\nimport numpy as np\nimport pandas as pd",
    """rng = np.random.default_rng(0)
df = pd.DataFrame({'day': pd.date_range('2026-01-01', periods=20_000, freq='h'),
                   'city': rng.choice(['Bern', 'Oslo', 'Lima'], 20_000), 'degrees': rng.normal(12, 8, 20_000)})""",
    "df.describe()",
    "monthly = df.groupby([df['day'].dt.to_period('M'), 'city'])['degrees'].mean().unstack()\nmonthly.head()",
    "ax = monthly.plot(figsize=(8, 4))\nax.set_ylabel('degrees')\nplt.show()",
    "df['degrees'].hist(bins=40)\nplt.show()",
    "assert df['degrees'].notna().all()",
]

# Lines as real notebooks have them; some of them with faults that a linter reports.
LINT_LINES = [
    "import numpy as np",
    "import pandas as pd",
    "import matplotlib.pyplot as plt",
    "df = pd.read_csv('data_{n}.csv')",
    "df_{n} = df.dropna().groupby('key')['value'].mean()",
    "result_{n} = [item ** 2 for item in range({n}) if item % 3 == 0]",
    "print(f'{{len(df)}} rows, {{df.shape}} in all')",
    "%matplotlib inline",
    "!ls -l data_{n}",
    "names_{n} = sorted(df.columns)",
    "if df['value'].mean() == np.nan:\n    print('empty')",
    "try:\n    total_{n} = df['value'].sum()\nexcept:\n    pass",
    """def load_{n}(path, *, sep=','):
    with open(path) as file:
        return [line.rstrip().split(sep) for line in file]""",
    "plt.plot(df['x'], df['y'], label='series {n}')\nplt.legend()",
    "model_{n} = {{'depth': {n}, 'rate': 0.1, 'names': ['a', 'b', 'c']}}",
]


def code_cell(source, outputs=()):
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": list(outputs),
        "source": source.splitlines(keepends=True),
    }


def write(path, cells):
    """Writes a notebook for the kernel `python3`, as Jupyter formats it."""
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")
    return path


def trivial(path):
    """Five cells that do nothing to speak of."""
    return write(path, [code_cell(source) for source in TRIVIAL])


def small_batch(folder, count=20):
    """`count` notebooks of nine small cells each, which need the standard library only."""
    return [
        write(
            Path(folder) / f"small_{number:02}.ipynb",
            [code_cell(source.format(seed=SEED + number)) for source in NINE_CELLS],
        )
        for number in range(count)
    ]


def many_cells(path, count):
    """`count` trivial cells."""
    return write(path, [code_cell(f"v{number} = {number}") for number in range(count)])


def pandas_and_plots(path):
    """A table of 20,000 rows, grouped, described and plotted twice."""
    return write(path, [code_cell(source) for source in PANDAS])


def pandas_batch(folder, count=10):
    """`count` such notebooks."""
    return [pandas_and_plots(Path(folder) / f"pandas_{number:02}.ipynb") for number in range(count)]


def picture(generator, size):
    """An output that looks like a plot: base64 of `size` random bytes."""
    data = base64.b64encode(generator.randbytes(size)).decode()
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": data, "text/plain": ["<Figure>"]}}


def for_lint(path, generator, cells, picture_bytes=0):
    """`cells` cells of one to eight lines, every fourth with a picture of `picture_bytes`."""

    def source():
        lines = generator.choices(LINT_LINES, k=generator.randint(1, 8))
        return "\n".join(line.format(n=generator.randint(0, 9999)) for line in lines)

    return write(
        path,
        [
            code_cell(source(), [picture(generator, picture_bytes)] if picture_bytes and number % 4 == 0 else [])
            for number in range(cells)
        ],
    )


def lint_set(folder, count=1000):
    """A stand-in for a corpus: sizes spread as in real repositories, a few large ones."""
    generator = random.Random(SEED)
    for number in range(count):
        cells = int(min(400, generator.lognormvariate(3, 0.8))) + 1
        for_lint(Path(folder) / f"{number % 20}" / f"notebook_{number}.ipynb", generator, cells, 12_000)
