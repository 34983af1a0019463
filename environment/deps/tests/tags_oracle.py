"""Tells tags and markers as packaging has them, for the targets on standard input."""

import json
import sys
import sysconfig

from packaging import _manylinux, _musllinux, markers, tags, utils


def platforms(arch, libc, major, minor):
    """As on a machine with that C library."""
    is_glibc = libc == "glibc"
    _manylinux._have_compatible_abi = lambda *_: is_glibc
    _manylinux._get_glibc_version = lambda: _manylinux._GLibCVersion(major, minor)
    musl = None if is_glibc else _musllinux._MuslVersion(major, minor)
    _musllinux._get_musl_version = lambda _: musl
    sysconfig.get_platform = lambda: f"linux-{arch}"
    return list(tags._linux_platforms(is_32bit=False))


def told(target):
    """The tags in the order of sys_tags."""
    arch, libc, major, minor, python, abis = target
    names = platforms(arch, libc, major, minor)
    ordered = [*tags.cpython_tags(python, abis, names)]
    ordered += tags.compatible_tags(python, f"cp{python[0]}{python[1]}", names)
    return [str(tag) for tag in ordered]


def wheel(name):
    """A wheel's name, taken apart; None: refused."""
    try:
        name, version, build, found = utils.parse_wheel_filename(name)
    except utils.InvalidWheelFilename:
        return None
    return [name, str(version), list(build), sorted(map(str, found))]


given = json.load(sys.stdin)
environment = markers.default_environment()
del environment["platform_release"], environment["platform_version"]
json.dump(
    {
        "tags": [told(target) for target in given["targets"]],
        "wheels": [wheel(name) for name in given["wheels"]],
        "markers": environment,
    },
    sys.stdout,
)
