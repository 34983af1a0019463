"""Figures that show nothing are told as they are shown."""

import pytest

pytest.importorskip("matplotlib")


def figures(cell):
    return [(fact["axes"], fact["empty"]) for fact in cell.of("figure")]


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        ("plt.plot([1, 2], [3, 4])", []),
        ("plt.plot([])", [(1, 1)]),
        ("plt.plot([1, 2], [float('nan')] * 2)", [(1, 1)]),
        ("plt.scatter([], [])", [(1, 1)]),
        ("plt.scatter([1], [2])", []),
        ("plt.bar(['a'], [1])", []),
        ("plt.imshow([[1, 2]])", []),
        ("plt.axhline(3)", []),
        ("plt.fill_between([1, 2], [1, 2])", []),
        ("fig, axes = plt.subplots(1, 3)\naxes[0].plot([1])\naxes[1].axis('off')", [(2, 1)]),
        ("plt.figure().text(0.5, 0.5, 'nothing')", []),
        ("plt.plot([1], [1]); plt.gca().set_visible(False)", []),
        ("plt.figure().add_subplot(projection='polar').plot([])", [(1, 1)]),
    ],
)
@pytest.mark.parametrize("shown", ["", "\nplt.show()", "\ndisplay(plt.gcf()); plt.close('all')", "\nplt.gcf()"])
def test_a_figure_without_anything_in_it_is_told(worker, drawn, told, shown):
    cell = worker.run(f"import matplotlib.pyplot as plt\n{drawn}{shown};None")
    assert cell.kind == "ok" and set(figures(cell)) == set(told)


def test_a_figure_or_axes_of_the_notebooks_own_class_is_left_alone(worker):
    cell = worker.run(
        "import matplotlib.pyplot as plt, matplotlib.figure\nasked = []\n"
        "class Own(matplotlib.figure.Figure):\n    @property\n    def texts(self):\n        asked.append(1)\n        return []\n"
        "    @texts.setter\n    def texts(self, value):\n        pass\n"
        "plt.figure(FigureClass=Own).add_subplot()\nbefore = len(asked)\nplt.show()\n"
    )
    assert figures(cell) == []
