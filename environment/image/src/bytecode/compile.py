"""Compiles the Python files of wheels into byte-code: the same bytes for the same wheel, whatever came before it.

Started by nbvet with the Python of an image, which may be any from 3.8 on. On standard input comes, for each file, the
length of its path and the path, the length of its source and the source (lengths have 32 bits, little-endian); a path of
no length ends a wheel. On standard output goes a line that says which Python this is, and for each file one byte (0:
compiled, 1: not), a length and so many bytes.

Python's own `compileall` does not give the same bytes twice. `marshal` marks each object that is used elsewhere too, so
that it can be referred to; what is used elsewhere depends on what the process did before. Here every object is in use,
by a list, while it is written. Which constants are one object depends on the names that are known already: each wheel
has a process of its own. The order of constant sets follows from hashes: their seed is fixed, and before Python 3.11 a file
with a set of what is hashed by its address is not compiled.
"""

import sys

if sys.path[:1] == [""]:
    # With `-c` modules would come from the current folder first.
    del sys.path[0]

import marshal
import os
import warnings
from importlib.util import MAGIC_NUMBER, source_hash

if sys.flags.hash_randomization:
    with open("/proc/self/cmdline", "rb") as file:
        script = file.read().split(b"\0")[-2]
    environment = {name: value for name, value in os.environb.items() if not name.startswith(b"PYTHON")}
    environment[b"PYTHONHASHSEED"] = b"0"
    os.chdir("/")
    os.execve(sys.executable, [sys.executable, "-s", "-S", "-B", "-X", "utf8", "-c", script], environment)

Code = type(compile("", "", "exec"))
PARTS = ("co_consts", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_filename", "co_name", "co_qualname")
TABLES = ("co_linetable", "co_exceptiontable") if sys.version_info >= (3, 10) else ("co_lnotab", "co_code")
# `marshal` sorts sets from 3.11 on.
IS_SORTED = sys.version_info >= (3, 11)
HASHED_BY_VALUE = (str, bytes, int, float, complex)


class Unordered(Exception):
    """A constant set whose order differs from run to run."""


def is_ordered(value):
    if isinstance(value, (tuple, frozenset)):
        return all(map(is_ordered, value))
    return isinstance(value, HASHED_BY_VALUE)


def keep(value, kept):
    """Puts the value, and all that it is made of, into the list."""
    if isinstance(value, frozenset) and not IS_SORTED and not is_ordered(value):
        raise Unordered
    kept.append(value)
    if isinstance(value, Code):
        for name in PARTS + TABLES:
            keep(getattr(value, name, None), kept)
    elif isinstance(value, (tuple, frozenset)):
        for part in value:
            keep(part, kept)


def compiled(path, source):
    """The contents of a `.pyc` that is not compared with its source, or None."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
        kept = []
        keep(code, kept)
        return MAGIC_NUMBER + b"\1\0\0\0" + source_hash(source) + marshal.dumps(code)
    except (Unordered, SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        # Templates, tests of broken files, syntax of other versions: Python says so when such a file is imported.
        return None


def exactly(count):
    data = b""
    while len(data) < count:
        more = os.read(0, count - len(data))
        if not more:
            raise SystemExit("the input ended within a file")
        data += more
    return data


def number(data):
    return int.from_bytes(data, "little")


def wheel(header, answers):
    """Compiles files up to the end of the wheel; the first length of the first file was read already."""
    while number(header):
        path = exactly(number(header)).decode()
        answer = compiled(path, exactly(number(exactly(4))))
        answers.write(b"\1" if answer is None else b"\0")
        answers.write(len(answer or b"").to_bytes(4, "little"))
        answers.write(answer or b"")
        answers.flush()
        header = exactly(4)


def main():
    warnings.simplefilter("ignore")
    # What else might print must not do so into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    version = "%s-%d.%d.%d" % ((sys.implementation.name,) + sys.version_info[:3])
    line = "nbvet-bytecode 1 %s %s %s\n" % (sys.implementation.cache_tag, MAGIC_NUMBER.hex(), version)
    answers.write(line.encode())
    answers.flush()
    while True:
        header = os.read(0, 1)
        if not header:
            return
        header += exactly(3)
        child = os.fork()
        if child == 0:
            try:
                wheel(header, answers)
            except BaseException as error:
                os.write(2, repr(error).encode())
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise SystemExit("the process of a wheel ended with status %d" % status)


main()
