"""Compiles the Python files of wheels into byte-code: the same bytes for the same wheel, whatever came before it.

Started by nbvet with the Python of an image, which may be any from 3.8 on. On standard input comes, for each file, the
length of its path and the path, the length of its source and the source (lengths have 32 bits, little-endian); a path of
no length ends a wheel. On standard output goes a line that says which Python this is, and for each file one byte (0:
compiled, 1: not), a length and so many bytes.

Python's own `compileall` does not give the same bytes twice. What `marshal` writes of an object depends on where else it
is used, and which constants are one object on the names that are known already: each wheel has a process of its own,
which starts from the same state. The order of constant sets follows from hashes: their seed is fixed, and before Python
3.11, from which on `marshal` sorts them, a file with a set of what is hashed by its address is not compiled.
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
IS_SORTED = sys.version_info >= (3, 11)
HASHED_BY_VALUE = (str, bytes, int, float, complex)
MOST_MEMORY = 4 << 30


def is_ordered(value):
    """Each set among the constants has the same order in each run."""
    if isinstance(value, Code):
        return all(map(is_ordered, value.co_consts))
    if isinstance(value, tuple):
        return all(map(is_ordered, value))
    return not isinstance(value, frozenset) or all(map(is_hashed_by_value, value))


def is_hashed_by_value(value):
    if isinstance(value, (tuple, frozenset)):
        return all(map(is_hashed_by_value, value))
    return isinstance(value, HASHED_BY_VALUE)


def compiled(path, source):
    """The contents of a `.pyc` that is not compared with its source, or None."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
        if not IS_SORTED and not is_ordered(code):
            return None
        return MAGIC_NUMBER + b"\1\0\0\0" + source_hash(source) + marshal.dumps(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
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


def limit_memory():
    """A source of a few megabytes can be made to need any number of gigabytes."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > MOST_MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, hard))


def main():
    warnings.simplefilter("ignore")
    # What else might print must not do so into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    name, (major, minor, micro) = sys.implementation.name, sys.version_info[:3]
    version = f"{name}-{major}.{minor}.{micro}"
    answers.write(f"nbvet-bytecode 1 {sys.implementation.cache_tag} {MAGIC_NUMBER.hex()} {version}\n".encode())
    answers.flush()
    while True:
        header = os.read(0, 1)
        if not header:
            return
        header += exactly(3)
        child = os.fork()
        if child == 0:
            limit_memory()
            wheel(header, answers)
            return
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise SystemExit(f"the process of a wheel ended with status {status}")


main()
