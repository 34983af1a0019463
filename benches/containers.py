"""What images.py stands on: Debian's docker-registry on loopback, buildah and podman with storage of their own.

Knows nothing of nbvet. Needs root, as the container tools on most machines without user namespaces do.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import measure

MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
REQUEST = re.compile(r'"(GET|HEAD|POST|PATCH|PUT|DELETE) (\S+) HTTP/[\d.]+" (\d+)')
START_SECONDS = 60


def missing():
    """Programs that are not installed."""
    return [name for name in ("docker-registry", "buildah", "podman", "skopeo", "runc") if not shutil.which(name)]


class Registry:
    """A registry with a folder of its own; ends with the `with` block."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.storage, self.log = folder / "storage", folder / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        config = folder / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: info, accesslog: {disabled: false}}\n"
            f"storage:\n  filesystem: {{rootdirectory: {self.storage}}}\n"
            f"http: {{addr: '{self.host}', secret: not-a-secret}}\n",
            encoding="utf-8",
        )
        with self.log.open("wb") as log:
            command = ["docker-registry", "serve", config]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        measure.SERVICES.add(self.process.pid)
        deadline = time.monotonic() + START_SECONDS
        while "listening on" not in self.log.read_text(errors="replace"):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise OSError(f"docker-registry does not listen:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        measure.SERVICES.discard(self.process.pid)

    def push(self, layout, name):
        """Puts an image of an OCI layout into the registry; its reference by digest."""
        command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests"]
        goal = f"{self.host}/bases/{name}"
        command += ["--dest-tls-verify=false", f"oci:{layout}:{name}", f"docker://{goal}:latest"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        index = json.loads((Path(layout) / "index.json").read_text(encoding="utf-8"))
        named = {one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"] for one in index["manifests"]}
        return f"{goal}@{named[name]}"

    def blob_files(self):
        """Every blob that it holds, manifests among them, once each."""
        return list((self.storage / "docker/registry/v2/blobs").glob("*/*/*/data"))

    def bytes_held(self):
        return sum(file.stat().st_size for file in self.blob_files())

    def requests(self):
        """All answered requests so far: method, path, status."""
        found = REQUEST.findall(self.log.read_text(errors="replace"))
        return [(method, path, int(status)) for method, path, status in found]

    def document(self, path):
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", headers={"Accept": MANIFESTS})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)

    def layers(self, repository, reference):
        """Of an image, from the bottom up: diff id, and bytes unpacked."""
        manifest = self.document(f"{repository}/manifests/{reference}")
        config = self.document(f"{repository}/blobs/{manifest['config']['digest']}")
        sizes = [self.unpacked(layer["digest"]) for layer in manifest["layers"]]
        return list(zip(config["rootfs"]["diff_ids"], sizes, strict=True))

    def bytes_of(self, repository, reference):
        """Packed bytes of an image's layers."""
        return sum(layer["size"] for layer in self.document(f"{repository}/manifests/{reference}")["layers"])

    def unpacked(self, digest):
        """Bytes of a gzipped blob once unpacked: the last four of it tell, below 4 GB."""
        name = digest.removeprefix("sha256:")
        with (self.storage / f"docker/registry/v2/blobs/sha256/{name[:2]}/{name}/data").open("rb") as blob:
            blob.seek(-4, 2)
            return int.from_bytes(blob.read(), "little")


def on_a_node(images):
    """Bytes that a node stores which runs all of these: a layer once for each different stack below it."""
    chains = {}
    for layers in images:
        for height, (_, size) in enumerate(layers):
            chains[tuple(diff for diff, _ in layers[: height + 1])] = size
    return sum(chains.values())


class Containers:
    """buildah and podman with storage in a folder; the machine's own is left alone."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "registries.conf").write_text(
            'unqualified-search-registries = []\n[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n'
        )
        (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        (folder / "storage.conf").write_text(
            f"[storage]\ndriver = \"overlay\"\nrunroot = '{folder}/run'\ngraphroot = '{folder}/root'\n"
        )
        self.env = {
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
        # What is known of blobs in registries is kept there: by it a base's layers are mounted and not sent again.
        self.env["XDG_DATA_HOME"] = str(folder / "data")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The storage holds its own folder mounted, and what a build that failed has left.
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        for at in reversed(mounted):
            if Path(at).is_relative_to(self.folder):
                subprocess.run(["umount", "--lazy", at], check=False, stdin=subprocess.DEVNULL)

    def storage(self, program):
        at = ["--root", self.folder / "root", "--runroot", self.folder / "run", "--storage-driver", "overlay"]
        return [str(word) for word in [program, *at]]

    def buildah(self, *words):
        command = self.storage("buildah")
        return [*command, *map(str, words)]

    def podman(self, *words):
        # crun refuses machines with hybrid cgroups.
        command = self.storage("podman") + ["--runtime", "runc", "--cgroup-manager", "cgroupfs"]
        command += ["--events-backend", "none", "--tmpdir", str(self.folder / "tmp")]
        return [*command, *map(str, words)]

    def attempt(self, command):
        env = {**os.environ, **self.env}
        return subprocess.run(
            command, check=False, env=env, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8"
        )

    def call(self, command):
        done = self.attempt(command)
        if done.returncode != 0:
            raise OSError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
        return done.stdout

    def pull(self, reference):
        self.call(self.buildah("pull", "--quiet", "--tls-verify=false", reference))

    def forget(self, base):
        """Removes every image but the base."""
        for line in self.call(self.buildah("images", "--all", "--quiet", "--no-trunc")).split():
            if line != base:
                # One that another stands upon has gone with that.
                self.attempt(self.buildah("rmi", "--force", line))

    def python(self, image, program):
        """What a Python program prints in an image, under a uid that it does not know, without network."""
        limits = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]
        run = ["run", "--rm", "--network", "none", "--pull", "never", "--user", "12345:0", *limits]
        return self.call(self.podman(*run, "--entrypoint", "python3", image, "-c", program))
