"""Writes the table of the standard library's top-level modules, from the interpreters that are given.

    python3 tools/stdlib_table.py ~/.pyenv/versions/3.*/bin/python > environment/deps/src/inference/standard_library.rs

3.10 and newer tell their modules for all platforms themselves; 3.9 does not: it is read as 3.10 without what only 3.10
finds, and with what only 3.9 finds. 3.14 is read as 3.13 with what its release notes add, where it is not given.
"""

import subprocess
import sys

OLDEST, NEWEST = 9, 14
# What's New in Python 3.14: new modules at the top; none was removed.
NEW_IN_14 = ["annotationlib", "compression"]

ASK = """
import importlib.machinery, os, sys, sysconfig
names = sorted(getattr(sys, "stdlib_module_names", ()))
folder = sysconfig.get_path("stdlib")
here = set(sys.builtin_module_names)
for place in (folder, os.path.join(folder, "lib-dynload")):
    for name in os.listdir(place):
        module = name.split(".")[0]
        is_package = os.path.exists(os.path.join(place, name, "__init__.py"))
        if module.isidentifier() and (is_package or name.endswith((".py", ".so"))):
            here.add(module)
print(sys.version_info[1], ",".join(names), ",".join(sorted(here)))
"""
NEVER = {"site-packages", "test", "idlelib", "lib2to3.tests", "__phello__", "__hello__"}


def ask(python):
    minor, told, here = (
        subprocess.run([python, "-I", "-c", ASK], check=True, capture_output=True, text=True)
        .stdout.strip("\n")
        .split(" ")
    )
    return int(minor), clean(told), clean(here)


def clean(names):
    return {name for name in names.split(",") if name and name not in NEVER}


def is_for_tests_or_builds(name):
    return name.startswith(("_sysconfigdata", "_xx", "xx", "_test"))


def main(pythons):
    told, here = {}, {}
    for python in pythons:
        minor, names, found = ask(python)
        told[minor], here[minor] = names, found
    only = {name for name in here[9] - here[10] if not name.startswith("_") and not is_for_tests_or_builds(name)}
    told[9] = (told[10] - (here[10] - here[9])) | only
    told.setdefault(14, told[13] | set(NEW_IN_14))
    rows = []
    for module in sorted(set().union(*(told[minor] for minor in range(OLDEST, NEWEST + 1)))):
        minors = [minor for minor in range(OLDEST, NEWEST + 1) if module in told[minor]]
        assert minors == list(range(minors[0], minors[-1] + 1)), (module, minors)
        since = 0 if minors[0] == OLDEST else minors[0]
        until = 255 if minors[-1] == NEWEST else minors[-1] + 1
        rows.append(f'    ("{module}", {since}, {until}),')
    print("//! The modules of the standard library. Written by `tools/stdlib_table.py`; not by hand.")
    print()
    print("/// Each with the first minor version of Python 3 that has it (0: before 3.9) and the first that has it no")
    print("/// more (255: none so far), sorted.")
    print("#[rustfmt::skip]")
    print(f"pub(super) const MODULES: [(&str, u8, u8); {len(rows)}] = [")
    print("\n".join(rows))
    print("];")


main(sys.argv[1:])
