#!/usr/bin/env bash
# Shows what a user sees: a notebook that works, one that only seems to, and the same one mended. Builds without
# optimisation, since that is ready soonest on a fresh machine. Fails when a verdict is not the expected one.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "demo: building nbvet" >&2
cargo build --quiet --package nbvet
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
PATH="$target/debug:$PATH"
surprises=0

# show STATUS ARGUMENT...: runs nbvet and compares its exit status.
show() {
    local expected=$1 status=0
    shift
    printf '\n$ nbvet %s\n' "$*"
    nbvet "$@" || status=$?
    if [ "$status" != "$expected" ]; then
        printf 'demo: exit status %s where %s was expected\n' "$status" "$expected" >&2
        surprises=$((surprises + 1))
    fi
}

show 0 validate --level production fixtures/demo/temperatures.ipynb
show 0 validate --level learning fixtures/feedback/sensor_report.ipynb
show 1 validate --level production fixtures/feedback/sensor_report.ipynb
show 0 validate --level production fixtures/feedback/sensor_report_fixed.ipynb

if [ "$surprises" -gt 0 ]; then
    echo "demo: $surprises of 4 verdicts were not the expected ones" >&2
    exit 1
fi
printf '\ndemo: all 4 verdicts are the expected ones\n'
