#!/usr/bin/env bash
# Sets up a fresh Debian machine that has Rust (rustup), Python 3.11 or newer and a network: Debian's packages,
# the toolchain's parts, and .venv with what tools/requirements-test.txt pins. Fast when nothing is to be done.
# With --tests also what only some tests need, which are skipped where it cannot be had: Chromium for the HTML page;
# a registry and container tools for images; an ssh server for sources; Kubernetes, built from its Go modules, and what a
# node of it runs on. With --cluster the tools for images and all of Kubernetes alone.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }
fail() { say "error: $*"; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo -n "$@"
    else fail "need root for: $*"
    fi
}

# Debian packages, only those whose command is missing.
debian_packages() {
    local missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v musl-gcc >/dev/null || missing+=(musl-tools)
    command -v unshare >/dev/null || missing+=(util-linux)
    command -v git >/dev/null || missing+=(git)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || fail "install these by hand: ${missing[*]}"
    say "installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
}

# Gives the pinned name to a toolchain of the same release that is here under another, such as `stable`.
name_same_release() {
    local channel=$1 toolchains=${RUSTUP_HOME:-$HOME/.rustup}/toolchains folder host
    for folder in "$toolchains"/*; do
        [[ "$("$folder/bin/rustc" --version 2>/dev/null)" == "rustc $channel "* ]] || continue
        host=$("$folder/bin/rustc" -vV | sed -n 's/^host: //p')
        ln -s "$folder" "$toolchains/$channel-$host"
        return
    done
    return 1
}

# The pinned toolchain with its target and components. A toolchain that has them needs no network.
rust_toolchain() {
    command -v cargo >/dev/null || fail "no cargo: install Rust by rustup (https://rustup.rs)"
    command -v rustup >/dev/null || { say "no rustup: taking cargo as it is"; return; }
    local channel target component
    channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
    target=$(sed -n 's/^targets = \["\(.*\)"\]/\1/p' rust-toolchain.toml)
    if ! rustup run "$channel" rustc --version >/dev/null 2>&1 && ! name_same_release "$channel"; then
        say "installing Rust $channel"
        rustup toolchain install "$channel" --profile minimal --no-self-update
    fi
    # Asked of the toolchain itself: rustup knows nothing of one that was linked.
    for component in clippy-driver rustfmt; do
        rustup run "$channel" "$component" --version >/dev/null 2>&1 ||
            rustup component add --toolchain "$channel" "${component%-driver}"
    done
    [ -d "$(rustup run "$channel" rustc --print target-libdir --target "$target")" ] ||
        rustup target add --toolchain "$channel" "$target"
}

# .venv for tests, benches and builds; made anew when Python changed, filled anew when the lock did.
python_packages() {
    local stamp=.venv/.nbvet-setup key
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "python3 is $(python3 --version 2>&1); the pinned packages need 3.11 or newer"
    key=$({ python3 -VV; cat tools/requirements-test.txt; } | sha256sum | cut -d' ' -f1)
    [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && return
    say "filling .venv with $(grep -c '==' tools/requirements-test.txt) packages"
    python3 -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
        --only-binary=:all: -r tools/requirements-test.txt </dev/null
    echo "$key" >"$stamp"
}

# Debian packages that only some tests need: their absence stops nothing, and that they could not be had is remembered for
# a day. First a name for them and what is skipped without them.
for_tests() {
    local name=$1 skipped=$2
    local failed=.venv/.nbvet-no-$name
    shift 2
    [ $# = 0 ] && return
    [ -n "$(find "$failed" -mtime -1 2>/dev/null)" ] && return
    say "installing $*"
    { command -v apt-get >/dev/null && as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
    } || { say "no $*: $skipped are skipped"; touch "$failed"; }
}

# Debian starts a service as soon as its package is there, and some on every address of the machine.
stays_off() {
    ! [ -d /run/systemd/system ] || as_root systemctl mask --quiet "$1" || true
}

# Chromium. Nothing else needs it.
browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    for_tests browser "tests of the HTML page" chromium fonts-dejavu-core
}

# A registry, runtimes and what makes base images. Nothing of them is left running, or set up outside of its package.
image_tools() {
    local missing=() name
    for name in docker-registry mmdebstrap podman buildah runc skopeo fuse-overlayfs openssl curl zstd faketime; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null || missing+=("$name")
    done
    command -v newuidmap >/dev/null || missing+=(uidmap)
    [[ " ${missing[*]} " != *" docker-registry "* ]] || stays_off docker-registry.service
    for_tests image-tools "tests of images" "${missing[@]}"
}

# What serves a source over ssh. Only its test starts it.
ssh_server() {
    local missing=()
    command -v ssh >/dev/null || missing+=(openssh-client)
    if ! PATH=$PATH:/usr/sbin:/sbin command -v sshd >/dev/null; then
        missing+=(openssh-server)
        stays_off ssh.service
    fi
    for_tests ssh-server "tests of sources over ssh" "${missing[@]}"
}

# What a node of a test's cluster runs on. Nothing of it is started here.
node_tools() {
    local missing=() name
    for name in containerd socat; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null || missing+=("$name")
    done
    command -v busybox >/dev/null || missing+=(busybox-static)
    PATH=$PATH:/usr/sbin:/sbin command -v ip >/dev/null || missing+=(iproute2)
    [ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
    for_tests node-tools "tests on a node" "${missing[@]}"
}

# Kubernetes itself: six minutes the first time on a machine.
control_plane() {
    tools/controlplane/build.sh >/dev/null || say "no Kubernetes: tests on a cluster are skipped"
}

debian_packages
rust_toolchain
python_packages
[ "${1-}" != --tests ] || { browser; ssh_server; }
case ${1-} in
    --tests | --cluster) image_tools; node_tools; control_plane ;;
esac
