"""What pip's own code makes of requirements; one line of JSON for each line of stdin.

`files`: a line names a folder that holds `requirements.txt` and what it includes. A list of
[file, line, kind, text, constraint, hashes], or null: refused.

`entries`: a line is JSON: [requirement, editable, constraint]. An object with what it asks for, or null: refused, be it
when it is read or as its marker is asked. The folder has `dir/pyproject.toml` in it.
"""

import json
import os
import sys

import pip
from pip._internal.exceptions import PipError
from pip._internal.network.session import PipSession
from pip._internal.req import constructors
from pip._internal.req.req_file import RequirementsFileParser, get_line_parser
from pip._internal.req.req_install import check_invalid_constraint_type
from pip._internal.utils.urls import url_to_path
from pip._internal.vcs import vcs
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version

ENVIRONMENTS = [
    ("cpython", "3.11.7", "posix", "x86_64", "CPython", "6.1.0-13-amd64", "Linux", "#1 SMP", "linux"),
    ("cpython", "3.8.10", "nt", "AMD64", "CPython", "10", "Windows", "10.0.19045", "win32"),
    ("pypy", "3.10.14", "posix", "arm64", "PyPy", "23.1.0", "Darwin", "Darwin Kernel", "darwin"),
    ("cpython", "3.9.0", "posix", "aarch64", "CPython", "5.10.0", "Linux", "#2", "linux"),
]


def environment(values: tuple) -> dict:
    name, full, os_name, machine, implementation, release, system, version, platform = values
    return {
        "implementation_name": name,
        "implementation_version": "7.3.15" if name == "pypy" else full,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_python_implementation": implementation,
        "platform_release": release,
        "platform_system": system,
        "platform_version": version,
        "python_full_version": full,
        "python_version": ".".join(full.split(".")[:2]),
        "sys_platform": platform,
    }


def of_folder(folder: str, session: PipSession) -> list | None:
    os.chdir(folder)
    try:
        parser = RequirementsFileParser(session, get_line_parser(None))
        found = []
        for line in parser.parse("requirements.txt", False):
            text = line.requirement
            kind = "options" if text is None else "editable" if text in line.opts.editables else "requirement"
            hashes = {name: values for name, values in (line.opts.hashes or {}).items()}
            found.append([os.path.relpath(line.filename), line.lineno, kind, text or "", line.constraint, hashes])
        return found
    except (PipError, RecursionError, UnicodeDecodeError):
        return None


def link_of(link) -> list | None:
    if link is None:
        return None
    if link.is_vcs:
        backend = vcs.get_backend_for_scheme(link.scheme)
        url, revision, _ = backend.get_url_rev_and_auth(link.url)
        return ["vcs", backend.name, url, revision]
    if link.scheme == "file":
        return ["file", os.path.normpath(url_to_path(link.url_without_fragment))]
    return ["url", link.url.split("#")[0]]


def specifier(one) -> str:
    if one.operator == "===":
        return f"==={one.version}"
    if one.version.endswith(".*"):
        return f"{one.operator}{Version(one.version[:-2])}.*"
    return f"{one.operator}{Version(one.version)}"


def of_entry(text: str, editable: bool, constraint: bool) -> dict | None:
    try:
        if editable:
            found = constructors.install_req_from_editable(text, constraint=constraint)
        else:
            found = constructors.install_req_from_line(text, constraint=constraint)
        if constraint and check_invalid_constraint_type(found):
            return None
        link = link_of(found.link)
        markers = [found.markers is None or found.markers.evaluate(environment(one)) for one in ENVIRONMENTS]
    except (PipError, ValueError, KeyError, AssertionError, RecursionError):
        return None
    name = canonicalize_name(found.req.name) if found.req else None
    return {
        "name": name,
        "extras": sorted({canonicalize_name(extra) for extra in found.extras}),
        "versions": sorted({specifier(one) for one in found.req.specifier}) if link is None else [],
        "link": link,
        "when": markers,
        "editable": found.editable,
        "constraint": found.constraint,
        "hashes": [f"{found.link.hash_name}:{found.link.hash}"] if found.link and found.link.hash else [],
    }


def main() -> None:
    mode, lines = sys.argv[1], sys.stdin.read().splitlines()
    if tuple(map(int, pip.__version__.split(".")[:2])) < (26, 2):
        print(json.dumps("too old"))
    elif mode == "files":
        session = PipSession()
        for folder in lines:
            print(json.dumps(of_folder(folder, session)))
    else:
        os.chdir(lines[0])
        for line in lines[1:]:
            print(json.dumps(of_entry(*json.loads(line))))


main()
