"""Faults that let errors pass unheard, put into clean notebooks mechanically."""

import ast
import textwrap

from common import Edit, trees
from stand_ins import (
    DOWN,
    NO,
    absent,
    attempt,
    body_of,
    free,
    indented,
    loops,
    middle,
    put,
    required,
    results,
    stand_ins,
    text_of,
    used_functions,
)


def down(names, error="ConnectionError"):
    return f"{DOWN.format(error=error)}\n{stand_ins(names, 'Down')}"


def swallowed(cells, handler, at, check, before="", error="ConnectionError"):
    """A handler put around a call of the notebook whose result a later cell reads."""
    place = middle(results(cells)) if absent(cells, at) else None
    if not place:
        return None
    _, _, node, text = place
    name = node.targets[0].id
    changed = attempt(text, handler.format(name=name))
    check = f"{down(free(node), error)}{changed}\n{check.format(name=name)}"
    said = "executed with stand-ins: the call fails, the cell goes on, and nothing says so"
    return put(place, changed, at, check, said, before)


def swallowed_in_loop(cells, handler, at, before="", error="ConnectionError"):
    """A handler put around the body of a loop of the notebook."""
    place = middle(loops(cells)) if absent(cells, at) else None
    if not place:
        return None
    _, _, node, text = place
    changed = attempt(text, handler)
    names = sorted(set().union(*(free(statement) for statement in node.body)))
    looped = f"for turn in range(3):\n{indented(textwrap.dedent(changed))}\nassert turn == 2"
    said = "executed with stand-ins: each round fails, and the loop goes on to its end"
    return put(place, changed, at, down(names, error) + looped, said, before)


def swallowed_in_function(cells, handler, at, gives="None", before=""):
    """A handler put around the body of a function of the notebook whose value is used."""
    functions = [f for f in used_functions(cells) if body_of(f[1], f[2])] if absent(cells, at) else []
    place = middle([f for f in functions if calls_first(f[2])])
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    changed = f"{head}\n{attempt(body, handler)}"
    said = f"executed with stand-ins: what the function works on fails, and its caller gets {gives}"
    return put(place, changed, at, called(node, changed, gives), said, before)


def called(function, changed, gives, kind="Down"):
    """A check: the changed function, called with stand-ins, gives this."""
    names = stand_ins(free(function), kind)
    kinds = DOWN.format(error="ConnectionError") if kind == "Down" else NO
    arguments = ", ".join([f"{kind}()"] * required(function))
    return f"{kinds}\n{names}{changed}\ngiven = {function.name}({arguments})\nassert given == {gives}, given"


def calls_first(function):
    """Its first statement calls something: a stand-in makes it fail."""
    first = next(n for n in function.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)))
    works = isinstance(first, (ast.Assign, ast.Expr, ast.Return))
    return works and any(isinstance(n, ast.Call) for n in ast.walk(first))


def bare_noted(cells):
    handler = 'except:\n    missing.append("{name}")'
    check = "assert missing == ['{name}']"
    return swallowed(cells, handler, "except:", check, before="missing = []", error="KeyboardInterrupt")


def bare_count(cells):
    return swallowed_in_loop(
        cells, "except:\n    failed_rounds += 1", "except:", "failed_rounds = 0", "KeyboardInterrupt"
    )


def result_passed(cells):
    return swallowed(cells, "except Exception:\n    pass", "except Exception:", "assert '{name}' not in globals()")


def round_skipped(cells):
    return swallowed_in_loop(cells, "except:\n    continue", "except:")


def result_printed(cells):
    handler = 'except Exception as problem:\n    print("step failed:", problem)'
    return swallowed(cells, handler, "except Exception as problem:", "assert '{name}' not in globals()")


def function_logs(cells):
    handler = 'except Exception:\n    logging.exception("failed")'
    return swallowed_in_function(cells, handler, "except Exception:", before="import logging")


def result_defaulted(cells):
    return swallowed(cells, "except Exception:\n    {name} = None", "except Exception:", "assert {name} is None")


def function_defaults(cells):
    return swallowed_in_function(cells, "except:\n    return []", "except:", "[]")


def result_suppressed(cells):
    place = middle(results(cells)) if absent(cells, "suppress(") else None
    if not place:
        return None
    _, _, node, text = place
    name = node.targets[0].id
    changed = f"with contextlib.suppress(Exception):\n{indented(text)}"
    check = f"{down(free(node))}{changed}\nassert '{name}' not in globals()"
    said = "executed with stand-ins: the call fails, the cell goes on, and nothing says so"
    return put(place, changed, "suppress(", check, said, "import contextlib")


def rounds_suppressed(cells):
    place = middle(loops(cells)) if absent(cells, "suppress(") else None
    if not place:
        return None
    _, _, node, text = place
    margin = text[: len(text) - len(text.lstrip())]
    changed = f"{margin}with suppress(BaseException):\n{indented(text)}"
    names = sorted(set().union(*(free(statement) for statement in node.body)))
    looped = f"for turn in range(3):\n{indented(textwrap.dedent(changed))}\nassert turn == 2"
    check = down(names, "KeyboardInterrupt") + looped
    said = "executed with stand-ins: each round fails, and the loop goes on to its end"
    return put(place, changed, "suppress(BaseException)", check, said, "from contextlib import suppress")


def returned_in_finally(cells):
    """`return value` of a function moved into a `finally`."""
    functions = [f for f in used_functions(cells) if body_of(f[1], f[2]) and calls_first(f[2])]
    functions = [f for f in functions if isinstance(f[2].body[-1], ast.Return) and f[2].body[-1].value]
    place = middle([f for f in functions if len(f[2].body) > 2])
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    margin = body[: len(body) - len(body.lstrip())]
    above, value = indented(body).rsplit("return ", 1)
    changed = (
        f"{head}\n{margin}outcome = None\n{margin}try:\n{above}outcome = {value}\n"
        f"{margin}finally:\n{margin}    return outcome"
    )
    said = "executed with stand-ins: what the function works on fails, and its caller gets None"
    return put(place, changed, "return outcome", called(node, changed, "None"), said)


def continued_in_finally(cells):
    return swallowed_in_loop(cells, "finally:\n    rounds_done += 1\n    continue", "continue", "rounds_done = 0")


def guarded_body(cells):
    """A function's body put under a condition, without anything for the other case."""
    functions = [f for f in used_functions(cells) if required(f[2]) and isinstance(f[2].body[-1], ast.Return)]
    place = middle([f for f in functions if body_of(f[1], f[2])])
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    parameter = (node.args.posonlyargs + node.args.args)[0].arg
    margin = body[: len(body) - len(body.lstrip())]
    changed = f"{head}\n{margin}if {parameter}:\n{indented(body)}"
    said = "executed with stand-ins: a call whose value is used gives None"
    return put(place, changed, f"def {node.name}", called(node, changed, "None", "No"), said)


def last_return_lost(cells):
    """`if …: return a` and then `return b`, without the last line."""
    for place in used_functions(cells):
        _, _, node, text = place
        if len(node.body) < 2 or not isinstance(node.body[-1], ast.Return) or not node.body[-1].value:
            continue
        test = node.body[-2]
        returns = isinstance(test, ast.If) and isinstance(test.body[-1], ast.Return) and test.body[-1].value
        lines = text.split("\n")
        last = node.end_lineno - node.body[-1].lineno + 1
        if returns and len(lines) > last:
            changed = "\n".join(lines[:-last]).rstrip()
            said = "executed with stand-ins: a call whose value is used gives None"
            return put(place, changed, f"def {node.name}", called(node, changed, "None", "No"), said)
    return None


UNHEARD = """
import warnings as _w
with _w.catch_warnings(record=True) as heard:
    _w.warn("mean of empty slice", RuntimeWarning)
assert not heard, heard
"""
HEARD = "import warnings\nwarnings.resetwarnings()\nwarnings.simplefilter('default')"


def warnings_off(cells, lines, at):
    """All warnings switched off in the first cell that imports something."""
    if not absent(cells, "warnings"):
        return None
    for index, _, tree in trees(cells):
        if any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body):
            said = "executed: a RuntimeWarning that was heard before is heard no more"
            change = {"cell": index, "prepend": lines}
            return Edit(change, at, index, lines + UNHEARD, said, cells=[], before=HEARD)
    return None


def filtered(cells):
    return warnings_off(cells, "import warnings\nwarnings.filterwarnings('ignore')", "filterwarnings('ignore')")


def filtered_simply(cells):
    lines = 'from warnings import simplefilter\nsimplefilter(action="ignore", category=Warning)'
    return warnings_off(cells, lines, "simplefilter(action")


def filtered_all(cells):
    return warnings_off(cells, 'import warnings as w\nw.simplefilter("ignore")', 'w.simplefilter("ignore")')


def read_files(cells):
    """(cell, source, statement, text, path) of `name = pd.read_csv("folder/file.csv")` and its like."""
    found = []
    for index, source, node, text in results(cells):
        callee, arguments = node.value.func, node.value.args
        reads = isinstance(callee, ast.Attribute) and callee.attr.startswith("read_")
        literal = arguments and isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str)
        path = arguments[0].value if literal else ""
        if reads and literal and "://" not in path and not any(sign in path for sign in " {}$'\"\\\n:"):
            found.append((index, source, node, text, path))
    return found


def command_before_read(cells, command, at):
    """A `!command` that gets the file which the next line reads; it fails here."""
    place = middle(read_files(cells)) if absent(cells, at) else None
    if not place:
        return None
    *place, path = place
    command = command.format(path=path, name=path.rsplit("/", 1)[-1])
    check = f"!{command}\nassert _exit_code != 0\nimport os\nassert not os.path.exists({path!r})"
    said = "executed: the command fails, the cell goes on, and the file that is read next is not there"
    return put(place, f"!{command}\n{place[3]}", at, check, said)


def downloaded(cells):
    return command_before_read(
        cells, "wget -q http://localhost:9/{name} -O {path}.part && mv {path}.part {path}", "!wget"
    )


def unpacked(cells):
    return command_before_read(cells, "tar -xzf {name}.tar.gz", "!tar")


def converted(cells):
    return command_before_read(cells, "python prepare.py --out {path}", "!python prepare.py")


def shell_lines(cells):
    """(cell, source, command, line) of `!command` lines that fetch or make something, without variables."""
    found = []
    for index, source in cells:
        for line in source.split("\n"):
            words = line[1:].split()
            makes = words and words[0] in ("wget", "curl", "unzip", "tar", "git", "python", "gsutil", "aws", "cp", "mv")
            plain = not source.startswith("%%") and not any(sign in line for sign in "$~`{}'\"\\")
            if line.startswith("!") and makes and plain and source.count(line) == 1:
                found.append((index, source, line[1:].strip(), line))
    return found


# No program is found any more: a stand-in for a command that fails.
NOTHING = "import os\nos.environ['PATH'] = '/nowhere'\n"


def command_by(cells, call, module, at, status):
    """A `!command` of the notebook, written as a call."""
    place = middle(shell_lines(cells)) if absent(cells, at) else None
    if not place:
        return None
    changed = call.format(command=place[2], words=place[2].split())
    check = f"{NOTHING}{changed}\nstatus = {status.format(changed=changed)}\nassert status != 0"
    said = "executed where no program is found: the command fails and the cell goes on"
    return put(place, changed, at, check, said, f"import {module}")


def by_system(cells):
    return command_by(cells, 'os.system("{command}")', "os", "os.system(", "{changed}")


def by_run(cells):
    call = 'subprocess.run("{command}", shell=True)'
    return command_by(cells, call, "subprocess", "subprocess.run(", "({changed}).returncode")


def by_call_in_function(cells):
    """A function of the notebook fetches by a command what it works on."""
    functions = [f for f in used_functions(cells) if body_of(f[1], f[2])] if absent(cells, "subprocess") else []
    place = middle(functions)
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    margin = body[: len(body) - len(body.lstrip())]
    line = f'subprocess.call(["rsync", "-a", "store:{node.name}/", "input/"])'
    check = "def rsync():\n    subprocess.call(['sh', '-c', 'exit 3'])\n    return 'on'\nassert rsync() == 'on'"
    said = "executed: a command that ends with status 3 leaves no trace"
    return put(place, f"{head}\n{margin}{line}\n{body}", "subprocess.call(", check, said, "import subprocess")


def joined(cells, magic, end):
    """`!command` lines that are a whole cell, written as one script."""
    for index, source in cells:
        lines = [line for line in source.split("\n") if line.strip()]
        fetching = [line for _, _, _, line in shell_lines([(index, source)])]
        script = "\n".join(line[1:].strip() for line in lines)
        if len(lines) < 2 or set(lines) != set(fetching):
            continue
        check = (
            "import subprocess\n"
            f"done = subprocess.run(['/bin/{magic}', '-c', {script + chr(10) + end!r}], capture_output=True, "
            "text=True, env={'PATH': '/nowhere'})\nassert done.returncode == 0 and 'not found' in done.stderr, done"
        )
        said = "executed where no program is found: commands fail, and the script's status is 0"
        change = {"cell": index, "replace": source, "with": f"%%{magic}\n{script}\n{end}"}
        return Edit(change, f"%%{magic}", index, check, said, cells=[])
    return None


def joined_bash(cells):
    return joined(cells, "bash", "echo done")


def joined_sh(cells):
    return joined(cells, "sh", "cd .")


PAGE = """
import requests
class Page:
    status_code, ok, text, content = 404, False, "<html>,not found</html>", b"<html>,not found</html>"
    def json(self):
        return {"error": "not found"}
    def raise_for_status(self):
        raise requests.HTTPError("404")
requests.get = requests.post = lambda *arguments, **keywords: Page()
"""
ENDLESS = """
import requests
def send(self, request, timeout=None, **keywords):
    limits.append(timeout)
    raise requests.ConnectionError("nobody there")
limits = []
requests.adapters.HTTPAdapter.send = send
try:
    {}
except requests.ConnectionError:
    pass
assert limits == [None], limits
"""


def fetched(cells):
    """(place, lines above it) of a file that is read, got by a request just before."""
    place = middle(read_files(cells)) if absent(cells, "requests") else None
    return (place[:4], place[4], place[4].rsplit("/", 1)[-1]) if place else None


def page_saved(cells):
    found = fetched(cells)
    if not found:
        return None
    place, path, name = found
    lines = f'with open({path!r}, "wb") as file:\n    file.write(requests.get("https://example.org/{name}").content)'
    check = (
        f"{PAGE}import os\nos.makedirs(os.path.dirname({path!r}) or '.', exist_ok=True)\n{lines}\n"
        f"assert 'not found' in open({path!r}).read()"
    )
    said = "executed with a server that says 404: its page is saved as the data"
    return put(place, f"{lines}\n{place[3]}", "requests.get(", check, said, "import requests")


def page_parsed(cells):
    found = fetched(cells)
    if not found:
        return None
    place, _, name = found
    target = place[2].targets[0].id
    lines = f'answer = requests.get("https://example.org/{name}", params={{"rows": 100}})\n{target} = answer.text.splitlines()'
    check = f"{PAGE}{lines}\nassert {target} == ['<html>,not found</html>']"
    said = "executed with a server that says 404: its page takes the place of the data"
    return put(place, lines, "requests.get(", check, said, "import requests")


def page_in_function(cells):
    """A function of the notebook asks a service and gives back what it says."""
    functions = [f for f in used_functions(cells) if isinstance(f[2].body[-1], ast.Return) and f[2].body[-1].value]
    functions = [f for f in functions if body_of(f[1], f[2]) and required(f[2])] if absent(cells, "requests") else []
    place = middle([f for f in functions if f[2].body[-1].lineno == f[2].end_lineno])
    if not place:
        return None
    _, _, node, text = place
    margin = " " * node.body[-1].col_offset
    parameter = (node.args.posonlyargs + node.args.args)[0].arg
    lines = (
        f'{margin}reply = requests.post("https://example.org/{node.name}", json={{"value": str({parameter})}})\n'
        f"{margin}return reply.text"
    )
    changed = "\n".join([*text.split("\n")[:-1], lines])
    check = f"{PAGE}{parameter} = 1\ndef ask():\n{indented(textwrap.dedent(lines))}\nassert 'not found' in ask()"
    said = "executed with a server that says 404: its page is what the caller gets"
    return put(place, changed, "requests.post(", check, said, "import requests")


def endless_get(cells):
    found = fetched(cells)
    if not found:
        return None
    place, _, name = found
    line = f'page = requests.get("https://example.org/{name}")'
    after = "page.raise_for_status()"
    said = "executed: the request is sent without any limit of time"
    return put(place, f"{line}\n{after}\n{place[3]}", "requests.get(", ENDLESS.format(line), said, "import requests")


def endless_post(cells):
    place = middle(results(cells)) if absent(cells, "requests") else None
    if not place:
        return None
    name = place[2].targets[0].id
    call = f'http.post("http://example.org/log", json={{"step": "{name}"}}).raise_for_status()'
    said = "executed: the request is sent without any limit of time"
    check = "import requests as http\n" + ENDLESS.format(call)
    return put(place, f"{place[3]}\n{call}", "http.post(", check, said, "import requests as http")


def calls_of(cells, names):
    """(cell, source, call, its text) of calls of these names, in one line and found once."""
    found = []
    for index, source, tree in trees(cells):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and named_any(node, names) and node.lineno == node.end_lineno:
                text = ast.get_source_segment(source, node)
                keywords = {keyword.arg for keyword in node.keywords}
                if source.count(text) == 1 and not keywords & {"errors", None}:
                    found.append((index, source, node, text))
    return found


def named_any(call, names):
    return isinstance(call.func, ast.Attribute) and call.func.attr in names


def errors_ignored(cells, names, check):
    place = middle(calls_of(cells, names)) if absent(cells, "ignore") else None
    if not place:
        return None
    changed = f'{place[3][:-1].rstrip().rstrip(",")}, errors="ignore")'
    said = "executed: a text that is no number stays a text without a sign, or this pandas refuses the argument"
    return put(place, changed, 'errors="ignore"', check.format(place[2].func.attr), said)


def parsed_if_possible(cells):
    check = (
        "import pandas\ntexts = pandas.Series(['12', 'n/a'], dtype=object)\ntry:\n"
        "    assert pandas.{}(texts, errors='ignore').dtype == object\nexcept ValueError as refused:\n"
        "    assert 'errors' in str(refused) or 'invalid error' in str(refused), refused"
    )
    return errors_ignored(cells, ("to_numeric", "to_datetime"), check)


def cast_if_possible(cells):
    check = (
        "import pandas\ntexts = pandas.Series(['12', 'n/a'], dtype=object)\n"
        "assert texts.{}(int, errors='ignore').dtype == object"
    )
    calls = [c for c in calls_of(cells, ("astype",)) if c[2].args]
    return errors_ignored(cells, ("astype",), check) if calls else None


def pattern_in_function(cells):
    """A function of the notebook takes a number out of its first argument."""
    functions = [f for f in used_functions(cells) if required(f[2]) and body_of(f[1], f[2])]
    place = middle(functions) if absent(cells, "re.") else None
    if not place:
        return None
    _, source, node, _ = place
    head, body = body_of(source, node)
    margin = body[: len(body) - len(body.lstrip())]
    parameter = (node.args.posonlyargs + node.args.args)[0].arg
    line = f'serial = re.search(r"#(\\d+)", str({parameter})).group(1)'
    check = (
        f"import re\n{parameter} = 'no number'\ntry:\n    {line}\nexcept AttributeError:\n    pass\nelse:\n    1 / 0"
    )
    said = "executed: a text without the pattern raises AttributeError for None"
    return put(place, f"{head}\n{margin}{line}\n{body}", "re.search(", check, said, "import re")


def match_kept(cells):
    """A pattern is looked for in what a call of the notebook gives, and the match is taken for granted."""
    place = middle(results(cells)) if absent(cells, "re.") else None
    if not place:
        return None
    name = place[2].targets[0].id
    lines = f'found = re.match(r"<(\\w+) shape=(\\d+)", repr({name}))\nkind = found[1]\nsize = int(found.group(2))'
    check = f"import re\n{name} = 5\ntry:\n{indented(lines)}\nexcept TypeError:\n    pass\nelse:\n    1 / 0"
    said = "executed: a text without the pattern raises TypeError for None"
    return put(place, f"{place[3]}\n{lines}", "found[1]", check, said, "import re")


def lookup_taken(cells):
    """What a dict of the notebook has under some other key."""
    for index, source, tree in trees(cells):
        for node in tree.body:
            named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            if named and isinstance(node.value, ast.Dict) and len(node.value.keys) > 1:
                text = text_of(source, node)
                name = node.targets[0].id
                at = f'{name}.get("settings")'
                if text and absent(cells, at):
                    line = f"{at}.items()"
                    check = f"{name} = {{'a': 1}}\ntry:\n    {line}\nexcept AttributeError:\n    pass\nelse:\n    1 / 0"
                    said = "executed: a key that is not there raises AttributeError for None"
                    return put(
                        (index, source, node, text),
                        f"{text}\nfor key, value in {line}:\n    print(key)",
                        at,
                        check,
                        said,
                    )
    return None


OPERATORS = {
    "NB201": [bare_noted, bare_count],
    "NB202": [result_passed, round_skipped],
    "NB203": [result_printed, function_logs],
    "NB204": [result_defaulted, function_defaults],
    "NB205": [guarded_body, last_return_lost],
    "NB206": [filtered, filtered_simply, filtered_all],
    "NB207": [downloaded, unpacked, converted],
    "NB208": [by_system, by_run, by_call_in_function],
    "NB209": [joined_bash, joined_sh],
    "NB210": [page_saved, page_parsed, page_in_function],
    "NB216": [endless_get, endless_post],
    "NB217": [result_suppressed, rounds_suppressed],
    "NB218": [returned_in_finally, continued_in_finally],
    "NB219": [parsed_if_possible, cast_if_possible],
    "NB220": [pattern_in_function, match_kept, lookup_taken],
}
