"""Secrets that are put into a clean notebook: made by chance, of the shapes that services give out, and no real ones."""

import ast
import hashlib
import random
import string

from common import Edit, named, trees

MIXED = string.ascii_letters + string.digits
BASE32 = string.ascii_uppercase + "234567"
HEX = "0123456789abcdef"


def chance(cells):
    """Numbers by chance, the same for a notebook each time."""
    text = "".join(source for _, source in cells)
    return random.Random(hashlib.sha256(text.encode()).digest())


def drawn(chance, count, alphabet=MIXED):
    return "".join(chance.choice(alphabet) for _ in range(count))


SHAPES = [
    ("AWS_ACCESS_KEY_ID", lambda c: "AKIA" + drawn(c, 16, BASE32), r"AKIA[A-Z2-7]{16}"),
    ("GITHUB_TOKEN", lambda c: "ghp_" + drawn(c, 36), r"ghp_[A-Za-z0-9]{36}"),
    ("OPENAI_API_KEY", lambda c: "sk-proj-" + drawn(c, 100), r"sk-proj-[A-Za-z0-9]{100}"),
    ("OPENAI_API_KEY", lambda c: "sk-" + drawn(c, 48), r"sk-[A-Za-z0-9]{48}"),
    ("SLACK_TOKEN", lambda c: f"xoxb-{drawn(c, 12, HEX[:10])}-{drawn(c, 24)}", r"xoxb-\d{12}-\w{24}"),
    ("GOOGLE_API_KEY", lambda c: "AIza" + drawn(c, 35), r"AIza[A-Za-z0-9]{35}"),
    ("STRIPE_KEY", lambda c: "sk_" + "live_" + drawn(c, 24), r"sk_live_[A-Za-z0-9]{24}"),
    ("HF_TOKEN", lambda c: "hf_" + drawn(c, 34, string.ascii_letters), r"hf_[A-Za-z]{34}"),
    ("DATABRICKS_TOKEN", lambda c: "dapi" + drawn(c, 32, HEX), r"dapi[0-9a-f]{32}"),
    (
        "AZURE_STORAGE",
        lambda c: f"DefaultEndpointsProtocol=https;AccountName=sales;AccountKey={drawn(c, 86)}==",
        r".*AccountKey=[A-Za-z0-9]{86}==",
    ),
    (
        "DATABASE_URL",
        lambda c: f"postgresql://report:{drawn(c, 14)}@db.acme.io:5432/sales",
        r"postgresql://report:\w{14}@db.acme.io:5432/sales",
    ),
]


def secret(cells):
    """(name, value, expression) of one kind, which kind depends on the notebook."""
    numbers = chance(cells)
    name, make, expression = numbers.choice(SHAPES)
    return name, make(numbers), expression


def matches(value, expression):
    """Raises unless the value has the shape and nothing else in it."""
    return f"import re\nassert re.fullmatch({expression!r}, {value})"


def instead_of_environment(cells):
    """What the notebook reads from the environment is written into it."""
    _, value, expression = secret(cells)
    for index, source, tree in trees(cells):
        for node in ast.walk(tree):
            reads = isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.getenv", "os.environ.get", "getpass")
            reads |= isinstance(node, ast.Call) and named(node) == "getpass"
            reads |= isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ"
            stored = isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del))
            text = ast.get_source_segment(source, node)
            if reads and not stored and text and source.count(text) == 1 and "\n" not in text:
                return Edit(
                    {"cell": index, "replace": text, "with": repr(value)},
                    value,
                    index,
                    matches(f"({value!r})", expression),
                    "executed: the expression gives the whole secret without a look at the environment",
                    cells=[],
                )
    return None


def among_imports(cells):
    """A constant below the notebook's first imports."""
    name, value, expression = secret(cells)
    for index, _, tree in trees(cells):
        imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        if imports and imports == tree.body:
            return Edit(
                {"cell": index, "append": f'{name} = "{value}"'},
                value,
                index,
                f'{name} = "{value}"\n' + matches(name, expression),
                "executed: the name holds the whole secret",
                cells=[],
            )
    return None


def set_by_magic(cells):
    """`%env NAME=…` above a cell."""
    name, value, expression = secret(cells)
    for index, _, tree in trees(cells):
        if any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body):
            return Edit(
                {"cell": index, "prepend": f"%env {name}={value}"},
                value,
                index,
                f"get_ipython().run_line_magic('env', {f'{name}={value}'!r})\nimport os\n"
                + matches(f"os.environ[{name!r}]", expression),
                "executed: the environment holds the whole secret afterwards",
                cells=[],
            )
    return None


def stored(cells, output, check):
    """An output that the file keeps of a cell that prints."""
    name, value, expression = secret(cells)
    for index, source, tree in trees(cells):
        prints = any(isinstance(node, ast.Call) and named(node) in ("print", "display") for node in ast.walk(tree))
        first = next((line for line in source.split("\n") if line.strip() and not line.startswith(("#", "%"))), "")
        if prints and first:
            return Edit(
                {"cell": index, "output": output(name, value)},
                first.strip(),
                index,
                check(name, value) + matches("shown", expression),
                "executed: what is printed, and kept in the file, holds the whole secret",
                cells=[],
            )
    return None


PRINTS = """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as out:
    {statement}
shown = out.getvalue(){part}
"""


def printed(cells):
    return stored(
        cells,
        lambda name, value: {"output_type": "stream", "name": "stdout", "text": [f"{name} {value}\n"]},
        lambda name, value: PRINTS.format(statement=f"print({name!r}, {value!r})", part=".split()[1]"),
    )


def shown_in_settings(cells):
    return stored(
        cells,
        lambda name, value: {
            "output_type": "execute_result",
            "execution_count": 1,
            "metadata": {},
            "data": {"text/plain": [repr({"region": "eu", name: value})]},
        },
        lambda name, value: PRINTS.format(
            statement=f"print(repr({ {'region': 'eu', name: value}!r}))",
            part=f".split({name!r} + chr(39) + ': ')[1].strip().strip(chr(39) + '}}')",
        ),
    )


OPERATORS = {
    "NB801": [instead_of_environment, among_imports, set_by_magic],
    "NB802": [printed, shown_in_settings],
}
