"""The page of `nbvet report` in a real browser: it fetches nothing, what a hostile notebook put out runs nothing, and
every cell that fails the notebook is one click from the verdict."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import browser as chromium
import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
pytestmark = pytest.mark.skipif(not chromium.CHROMIUM, reason="no chromium (make setup)")

# Each acts in a browser that believes it: sets a global, a title, asks a server or opens a dialog.
ACTS = "window.pwned=1;document.title='pwned';fetch('http://SERVER/fetch');alert(1)"
SVG = f"""<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload="{ACTS}"><script>{ACTS}</script>
<image href='http://SERVER/svg.png'/><rect width='9' height='9'/></svg>"""
HOSTILE_HTML = [
    f"<script>{ACTS}</script>",
    f"<img src=x onerror=\"{ACTS}\"><img src='http://SERVER/a.png'><video src='http://SERVER/v.mp4' autoplay></video>",
    f"<svg onload=\"{ACTS}\"><animate onbegin=\"{ACTS}\" attributeName=x dur=1s /></svg>",
    f"<iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe><iframe src=\"javascript:{ACTS}\"></iframe>",
    "<meta http-equiv=refresh content='0;url=http://SERVER/refresh'><base href='http://SERVER/'>",
    ("<link rel=stylesheet href='http://SERVER/a.css'><style>@import 'http://SERVER/b.css'; "
    "body{background:url(http://SERVER/c.png);display:none} .verdict{display:none}</style>"),
    "<div style=\"position:fixed;inset:0;z-index:9;background:url(http://SERVER/d.png)\">Passed</div>",
    f"</pre></code></div></section></main></body></html><script>{ACTS}</script>",
    f"<details open ontoggle=\"{ACTS}\"></details><body onload=\"{ACTS}\"><input autofocus onfocus=\"{ACTS}\">",
    "<div id=n0 class=verdict>Passed</div><form action='http://SERVER/f'><button id=go>go</button></form>",
    f"<a id=link href=\"javascript:{ACTS}\">click</a><a href=' jav&#x09;ascript:{ACTS}'>click</a>",
    f"<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror={ACTS}&gt;\">",
    f"<noscript><p title=\"</noscript><img src=x onerror={ACTS}>\">",
    f"<table><tr><td><div><!-- <p>--><b><i>open <script>{ACTS}</script>",
]
FORGED = {"image/png": f'x" onerror="{ACTS}', "image/svg+xml": SVG}
UNKNOWN = {"application/x-own": f"<script>{ACTS}</script>", "text/plain": f"</pre><script>{ACTS}</script>"}
PRINTED = f"</pre></script><script>{ACTS}</script>\x1b]0;pwned\x07\x1b[2J\x1b[31mred\x1b[0m \u202eevil"
RAISED = f"</pre><script>{ACTS}</script><img src=x onerror={ACTS}>"
HOSTILE_CELLS = [
    "from IPython.display import HTML, Javascript, SVG, Markdown, display\nimport sys",
    *[f"display(HTML({text!r}))" for text in HOSTILE_HTML],
    *[f"display(Markdown({text!r}))" for text in HOSTILE_HTML],
    f"display(SVG({SVG!r}))",
    f"display(Javascript({ACTS!r}))",
    f"display({FORGED!r}, raw=True)",
    f"display({UNKNOWN!r}, raw=True)",
    f"print({PRINTED!r})",
    "sys.stdout.write('x' * 15_000_000)",
    "class Odd:\n    def _repr_html_(self):\n        return '<b>' * 50_000\nOdd()",
    "values = [3, 1]\nvalues = values.sort()  # </script><script>window.pwned=1</script>\nprint(values)",
    f"raise ValueError({RAISED!r})",
]


@pytest.fixture(scope="module")
def server():
    """Counts whoever comes."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def nbvet(*arguments, folder):
    program = TARGET / "debug/nbvet"
    if not program.is_file():
        subprocess.run(["cargo", "build", "-p", "nbvet"], cwd=ROOT, check=True)
    command = [program, *map(str, arguments), "--python", sys.executable]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if "carries no worker" in done.stdout:
        pytest.skip("no worker in this build (make assets)")
    return done


def notebook(path, sources):
    cells = [{"cell_type": "code", "id": f"c{index}", "metadata": {}, "source": source, "execution_count": None,
              "outputs": []} for index, source in enumerate(sources)]
    cells.insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "\n\n".join(["# Title", *HOSTILE_HTML])})
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))


@pytest.fixture(scope="module")
def hostile(server, tmp_path_factory):
    """The page of a notebook that wants to do harm, and its report."""
    folder = tmp_path_factory.mktemp("hostile")
    address, _ = server
    notebook(folder / "hostile.ipynb", [source.replace("SERVER", address) for source in HOSTILE_CELLS])
    return page(folder, "hostile.ipynb", "staging")


@pytest.fixture(scope="module")
def feedback(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feedback")
    for file in ("sensor_report.ipynb",):
        (folder / file).write_text((ROOT / "fixtures/feedback" / file).read_text())
    return page(folder, "sensor_report.ipynb", "production")


def page(folder, name, level):
    made = folder / "page.html"
    done = nbvet("report", name, "-o", made, "--level", level, "--format", "json", folder=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return made, json.loads(done.stdout)["notebooks"][0]


def failing_cells(report):
    failing = {"staging": ("error",), "production": ("error", "warning")}[report["verdict"]["level"]]
    found = {one["location"].get("cell") for one in report["diagnostics"] if one["severity"] in failing}
    stopped = {run["cell"] for run in report["cells"] if run["outcome"] in ("error", "timeout")}
    return sorted((found | stopped) - {None})


def check_quiet(browser, server, title):
    _, asked = server
    assert browser.requests() == [] and asked == []
    assert browser.told("Page.javascriptDialogOpening") == []
    assert len([one for one in browser.told("Page.frameNavigated")]) == 1, "no frame, and no other page"
    assert browser.value("window.pwned") is None
    assert browser.value("document.title") == title
    assert browser.value("document.scripts.length + document.querySelectorAll('iframe,object,embed,form,link').length") == 0


def test_the_harness_sees_what_acts(browser, server, tmp_path):
    """The same parts in a page that does not defend itself: otherwise the tests below could not fail."""
    address, asked = server
    raw = tmp_path / "raw.html"
    raw.write_text(f"<title>t</title>{HOSTILE_HTML[1]}{HOSTILE_HTML[0]}".replace("SERVER", address))
    browser.open(raw)
    assert browser.value("window.pwned") == 1 and browser.value("document.title") == "pwned"
    assert browser.told("Page.javascriptDialogOpening") and browser.requests() and asked
    asked.clear()


def test_a_page_fetches_nothing(browser, server, feedback):
    made, _ = feedback
    browser.open(made)
    check_quiet(browser, server, "Failed: sensor_report.ipynb · nbvet")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_outputs_run_nothing_and_stay_in_their_place(browser, server, hostile, scheme):
    made, report = hostile
    outcomes = [run["outcome"] for run in report["cells"]]
    assert outcomes == ["ok"] * (len(outcomes) - 1) + ["error"], "all of it was put out"
    assert made.stat().st_size < 8_000_000, "15 MB of output are cut"
    browser.open(made, scheme=scheme)
    # What a person may do by mistake.
    browser.value("document.querySelectorAll('.rich a').forEach(a => a.href.startsWith('http') || a.click())")
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.next(1)
    check_quiet(browser, server, "Failed: hostile.ipynb · nbvet")
    assert browser.value("document.querySelectorAll('main').length") == 1
    assert browser.value("document.querySelectorAll('main > .notebook > .verdict').length") == 1
    assert browser.value("document.querySelectorAll('.verdict').length") == 1
    assert browser.value("document.querySelectorAll('main > .notebook > .cells > section.cell').length") == len(report["cells"])
    twice = "(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size })()"
    assert browser.value(twice) == 0
    covered = "!!document.elementFromPoint(640, 300).closest('.verdict')"
    assert browser.value(covered), "nothing lies over the verdict"
    assert "\u202e" not in made.read_text() and "\x1b" not in made.read_text()


@pytest.mark.parametrize("name", ["feedback", "hostile"])
def test_every_failing_cell_is_a_link_of_the_verdict(browser, request, name):
    made, report = request.getfixturevalue(name)
    browser.open(made, quiet=0.2)
    failing = failing_cells(report)
    assert failing
    for cell in failing:
        leads = f"""[...document.querySelectorAll('.verdict .list a')].some(a => {{
            const target = document.getElementById(a.getAttribute('href').slice(1));
            return target && target.closest('section.cell').id === 'n0-c{cell}';
        }})"""
        assert browser.value(leads), cell
        assert browser.value(f"!!document.querySelector('.map a[href=\"#n0-c{cell}\"]')"), cell
    dead = "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.hash)"
    assert browser.value(dead) == []


@pytest.mark.parametrize("name", ["feedback", "hostile"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_fits_any_width(browser, request, name, width):
    made, _ = request.getfixturevalue(name)
    browser.open(made, width=width, quiet=0.2)
    assert browser.value("document.documentElement.scrollWidth") <= width


# WCAG 2: contrast of each text with what lies behind it, at least 4.5.
CONTRAST = """(() => {
  const number = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = number(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const weak = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || parent.closest('.hidden, style, svg')) continue;
    const [a, b] = [number(getComputedStyle(parent).color), behind(parent)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${ratio.toFixed(2)} ${parent.className} ${walker.currentNode.data.slice(0, 40)}`);
  }
  return [...new Set(weak)];
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["feedback", "hostile"])
def test_all_text_can_be_read_in_light_and_dark(browser, request, name, scheme):
    made, _ = request.getfixturevalue(name)
    browser.open(made, scheme=scheme, quiet=0.2)
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.value(CONTRAST) == []


def test_the_page_has_one_outline_and_a_way_past_the_bar(browser, feedback):
    made, _ = feedback
    browser.open(made, quiet=0.2)
    assert browser.value("document.documentElement.lang") == "en"
    levels = browser.value("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert browser.value("document.querySelector('a.skip').hash") == "#main"
    nameless = "[...document.querySelectorAll('a')].filter(a => !a.textContent.trim() && !a.ariaLabel).length"
    assert browser.value(nameless) == 0
