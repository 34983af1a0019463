#!/usr/bin/env bash
# Writes the locks anew: the IPython kits, each resolved by its own Python (3.9, 3.10, 3.11), the tests'
# packages, what the tests' base images hold (for Debian 12's Python, 3.11), and the kernels that images get. Run
# it by hand after an edit of a .in file; nothing else calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Finds a Python by version on PATH or among pyenv's.
find_python() {
    local candidate
    for candidate in "python$1" "$HOME/.pyenv/versions/$1."*/bin/"python$1"; do
        "$candidate" -c '' 2>/dev/null && { echo "$candidate"; return; }
    done
    echo "error: no python$1 on PATH or under ~/.pyenv" >&2
    return 1
}

# lock PYTHON_VERSION NAME OPTION...: writes NAME.txt from NAME.in.
lock() {
    local version=$1 name=$2 python
    shift 2
    python=$(find_python "$version")
    [ -d "$scratch/$version" ] || {
        "$python" -m venv "$scratch/$version"
        "$scratch/$version/bin/pip" install --quiet --disable-pip-version-check pip-tools
    }
    CUSTOM_COMPILE_COMMAND="make lock" "$scratch/$version/bin/pip-compile" --quiet --generate-hashes \
        --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@" \
        --output-file "$name.txt" "$name.in"
}

kit=(--no-annotate --unsafe-package jedi --unsafe-package parso --unsafe-package psutil)
lock 3.9 tools/kit/py39 "${kit[@]}"
lock 3.10 tools/kit/py310 "${kit[@]}"
lock 3.11 tools/kit/py311 "${kit[@]}"
lock 3.11 tools/requirements-test --allow-unsafe
for name in old newer kernel test feedback; do
    lock 3.11 "environment/testkit/bases/locks/$name" --no-annotate
done
.venv/bin/python tools/kernel.py
