#!/usr/bin/env bash
# Builds the programs of a Kubernetes cluster for tests from the Go modules that stand here, and prints the folder that
# holds them: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl. They are kept in the
# user's cache by the digest of what they are built from; six minutes on two cores the first time, then nothing.
# With --find it builds nothing. Exit status 3: there is no such folder; the last line says why and how to mend it.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")"

version=v1.35.4
component=k8s.io/component-base/version
# Without a version of its own a server is v0.0.0, and kubectl refuses to speak to it.
flags="-s -w -X $component.gitVersion=$version -X $component.gitMajor=1 -X $component.gitMinor=35"
# One row a program: its name, its module's folder here, its package. In the order in which tests need them.
programs="
etcd etcd go.etcd.io/etcd/server/v3
kube-apiserver kubernetes k8s.io/kubernetes/cmd/kube-apiserver
kubectl kubernetes k8s.io/kubernetes/cmd/kubectl
kube-controller-manager kubernetes k8s.io/kubernetes/cmd/kube-controller-manager
kube-scheduler kubernetes k8s.io/kubernetes/cmd/kube-scheduler
kubelet kubernetes k8s.io/kubernetes/cmd/kubelet
"

say() { echo "controlplane: $*" >&2; }
missing() { say "$*"; exit 3; }

key=$({ cat {etcd,kubernetes}/go.{mod,sum}; echo "$flags" "$programs"; } | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nbvet
folder=$cache/controlplane-$key

# The names of programs that are not there yet.
absent() {
    local name
    while read -r name _; do
        [ -z "$name" ] || [ -x "$folder/$name" ] || echo "$name"
    done <<<"$programs"
}

# Kubernetes 1.35 needs Go 1.25; with the json/v2 that Go 1.27 has on by default its OpenAPI cannot be read.
usable_go() {
    command -v go >/dev/null || missing "no Go: install Go 1.26, then run tools/controlplane/build.sh"
    local found minor
    found=$(GOTOOLCHAIN=local go env GOVERSION)
    minor=${found#go1.}
    minor=${minor%%[!0-9]*}
    [ "${minor:-0}" -ge 25 ] || missing "$found is too old for Kubernetes $version: install Go 1.26"
    [ "$minor" -le 26 ] || export GOEXPERIMENT="${GOEXPERIMENT:+$GOEXPERIMENT,}nojsonv2"
}

build() {
    local name=$1 module=$2 package=$3
    say "building $name"
    # Each is whole or not there at all.
    (cd "$module" && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly \
        nice -n 10 go build -trimpath -ldflags="$flags" -o "$folder/.$name" "$package") </dev/null >&2 ||
        missing "$name could not be built: see above"
    mv "$folder/.$name" "$folder/$name"
}

if [ "${1-}" = --find ]; then
    [ -d "$folder" ] || missing "not built: run tools/controlplane/build.sh (\`make test\` does)"
elif [ -n "$(absent)" ]; then
    usable_go
    mkdir -p "$folder"
    # One builder at a time on a machine; the lock goes with this process.
    exec 9>"$cache/controlplane.lock"
    flock 9
    while read -r name module package; do
        [ -z "$name" ] || [ -x "$folder/$name" ] || build "$name" "$module" "$package"
    done <<<"$programs"
fi
echo "$folder"
