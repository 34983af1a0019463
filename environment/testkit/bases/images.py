"""The base images: a plain Debian with Python, a venv as OpenShift AI's images have, a prefix as conda's have. Each
holds an older pandas than the tests' lock, and layers that replace and take away what lower ones have."""

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import oci
import wheels

# What mmdebstrap is asked for; the root's key.
ROOT = [
    *("--variant=minbase", "--format=tar", "--include=python3,python3-pip,ca-certificates"),
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info")),
    *("--dpkgopt=force-unsafe-io", "--aptopt=Acquire::Languages \"none\""),
    *('--customize-hook=rm -rf "$1"/etc/apt/sources.list* "$1"/var/log/*', "bookworm"),
]
# The locks of what base images hold.
LOCKS = ["kernel", "newer", "old"]
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STDLIB = "usr/lib/python3.11"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "metadata": {"debugger": True}}


def root(cache: Path, key: str) -> Path:
    """Debian's packages as one tar, made once and for long."""
    tar = cache / "bases" / f"root-{key}.tar"
    if not tar.exists():
        half = tar.with_suffix(".half")
        half.parent.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": SYSTEM_PATH, "SOURCE_DATE_EPOCH": str(oci.EPOCH), "LC_ALL": "C"}
        command = ["mmdebstrap", "--quiet", *ROOT, str(half)]
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        half.rename(tar)
    return tar


class Maker:
    """Makes all images into one layout: they share the root's layer, and wheels' where they can."""

    def __init__(self, folder: Path, tar: Path, cache: Path):
        self.folder, self.tar, self.cache = folder, tar, cache
        self.layout = oci.Layout(folder / "layout")
        self.architecture = {"x86_64": "amd64", "aarch64": "arm64"}[wheels.platforms()[-1].removeprefix("linux_")]
        packed = folder / "root.tar.gz"
        with tar.open("rb") as source:
            self.root = oci.compress(source, packed)
        self.layout.keep(packed, self.root[0])
        packed.unlink()

    def layer(self, owner=(0, 0)) -> oci.Layer:
        return oci.Layer(self.folder, owner)

    def install(self, layer: oci.Layer, lock: str, prefix: str, site: str, interpreter: str, but=()) -> None:
        for wheel in sorted(wheels.download(lock, self.cache).iterdir()):
            if not wheel.name.startswith(tuple(f"{name}-" for name in but)):
                wheels.install(layer, wheel, prefix, site, interpreter)

    def replace_six(self, layer: oci.Layer, prefix: str, site: str, interpreter: str) -> None:
        """As a second `RUN pip install` leaves it; and a distribution that is uninstalled."""
        layer.remove(f"{site}/six-1.15.0.dist-info")
        self.install(layer, "newer", prefix, site, interpreter)
        layer.empty(f"{site}/leftover")
        layer.file(f"{site}/leftover/note.txt", "not a distribution any more\n")
        layer.remove(f"{site}/leftover-1.0.dist-info")

    def leftover(self, layer: oci.Layer, site: str) -> None:
        layer.file(f"{site}/leftover/__init__.py", "")
        layer.file(f"{site}/leftover-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: leftover\nVersion: 1.0\n")

    def plain(self) -> dict:
        prefix, site, interpreter = "usr/local", "usr/local/lib/python3.11/dist-packages", "usr/bin/python3"
        lower = self.layer()
        self.install(lower, "old", prefix, site, interpreter)
        self.leftover(lower, site)
        lower = lower.close(self.layout)
        upper = self.layer()
        self.replace_six(upper, prefix, site, interpreter)
        config = {"Env": [f"PATH={SYSTEM_PATH}", "LANG=C.UTF-8"], "Cmd": ["python3"]}
        return self.layout.image([self.root, lower, upper.close(self.layout)], config, self.architecture)

    def venv(self) -> dict:
        prefix = "opt/app-root"
        site, interpreter = f"{prefix}/lib/python3.11/site-packages", f"{prefix}/bin/python3.11"
        lower = self.layer((1001, 0))
        home = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {self.python_version()}\n"
        lower.file(f"{prefix}/pyvenv.cfg", home + "executable = /usr/bin/python3.11\n")
        lower.symlink(f"{prefix}/bin/python3.11", "/usr/bin/python3.11")
        lower.symlink(f"{prefix}/bin/python3", "python3.11")
        lower.symlink(f"{prefix}/bin/python", "python3")
        lower.symlink(f"{prefix}/lib64", "lib")
        lower.directory(f"{prefix}/src")
        self.leftover(lower, site)
        self.install(lower, "old", prefix, site, interpreter)
        self.install(lower, "kernel", prefix, site, interpreter, but=("six", "python_dateutil"))
        lower = lower.close(self.layout)
        upper = self.layer((1001, 0))
        self.replace_six(upper, prefix, site, interpreter)
        path = f"/{prefix}/bin:/{prefix}/src/.local/bin:/{prefix}/src/bin:{SYSTEM_PATH}"
        environment = [f"PATH={path}", f"APP_ROOT=/{prefix}", f"HOME=/{prefix}/src", f"VIRTUAL_ENV=/{prefix}"]
        config = {"Env": environment, "User": "1001", "WorkingDir": f"/{prefix}/src", "Cmd": ["python3"]}
        return self.layout.image([self.root, lower, upper.close(self.layout)], config, self.architecture)

    def conda(self) -> dict:
        prefix = "opt/conda"
        site, interpreter = f"{prefix}/lib/python3.11/site-packages", f"{prefix}/bin/python3.11"
        lower = self.layer((1000, 100))
        self.relocated_python(lower, prefix)
        version = self.python_version()
        package = {"name": "python", "version": version, "build": "h0_0_cpython", "channel": "conda-forge"}
        lower.file(f"{prefix}/conda-meta/history", "==> 2023-11-14 22:13:20 <==\n")
        lower.file(f"{prefix}/conda-meta/python-{version}-h0_0_cpython.json", json.dumps(package))
        kernel = {"argv": [f"/{prefix}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], **KERNEL}
        self.leftover(lower, site)
        self.install(lower, "old", prefix, site, interpreter)
        self.install(lower, "kernel", prefix, site, interpreter, but=("six", "python_dateutil"))
        # conda's packages are hard links to its store.
        meta = "extracted-1.0.dist-info/METADATA"
        lower.file(f"{prefix}/pkgs/extracted-1.0-0/{meta}", "Metadata-Version: 2.1\nName: extracted\nVersion: 1.0\n")
        lower.hard_link(f"{site}/{meta}", f"{prefix}/pkgs/extracted-1.0-0/{meta}")
        lower.directory("home/jovyan")
        lower = lower.close(self.layout)
        upper = self.layer((1000, 100))
        self.replace_six(upper, prefix, site, interpreter)
        upper.file(f"{prefix}/share/jupyter/kernels/python3/kernel.json", json.dumps(kernel, indent=1))
        environment = [f"PATH=/{prefix}/bin:{SYSTEM_PATH}", f"CONDA_DIR=/{prefix}", "HOME=/home/jovyan", "NB_UID=1000"]
        config = {"Env": environment, "User": "1000", "WorkingDir": "/home/jovyan", "Cmd": ["python"]}
        return self.layout.image([self.root, lower, upper.close(self.layout)], config, self.architecture)

    def relocated_python(self, layer: oci.Layer, prefix: str) -> None:
        """Debian's Python, moved, and looking for packages where any other Python does."""
        with tarfile.open(self.tar) as tar:
            for entry in tar:
                name = entry.name.removeprefix("./")
                inside = name.startswith(f"{STDLIB}/") and "/__pycache__/" not in name
                if entry.isfile() and name == "usr/bin/python3.11":
                    layer.file(f"{prefix}/bin/python3.11", tar.extractfile(entry).read(), 0o775)
                elif entry.isfile() and inside and not name.endswith("EXTERNALLY-MANAGED"):
                    data = without_debian(name, tar.extractfile(entry).read())
                    layer.file(f"{prefix}/{name.removeprefix('usr/')}", data)
        # `site` is frozen into Debian's interpreter, which does not read the file.
        packages = f"/{prefix}/lib/python3.11/site-packages"
        layer.file(f"{prefix}/lib/python3.11/sitecustomize.py", f"import site\n\nsite.addsitedir({packages!r})\n")
        layer.symlink(f"{prefix}/bin/python3", "python3.11")
        layer.symlink(f"{prefix}/bin/python", "python3.11")

    def python_version(self) -> str:
        with tarfile.open(self.tar) as tar:
            status = tar.extractfile("./var/lib/dpkg/status").read().decode()
        stanza = next(s for s in status.split("\n\n") if s.startswith("Package: python3.11\n"))
        return re.search(r"^Version: ([\d.]+)", stanza, re.MULTILINE)[1]

    def index(self, plain: dict) -> dict:
        """`plain` for this machine, a stub for another, and an attestation, as BuildKit writes them."""
        other = "arm64" if self.architecture == "amd64" else "amd64"
        layer = self.layer()
        layer.file("etc/stub", "an image of another architecture\n")
        stub = self.layout.image([layer.close(self.layout)], {"Env": [f"PATH={SYSTEM_PATH}"]}, other)
        attestation = self.layout.image([], {}, "unknown", "unknown")
        listed = [
            {**stub, "platform": {"architecture": other, "os": "linux"}},
            {**plain, "platform": {"architecture": self.architecture, "os": "linux"}},
            {**attestation, "platform": {"architecture": "unknown", "os": "unknown"}},
        ]
        return self.layout.add({"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": listed}, oci.INDEX)


def without_debian(name: str, data: bytes) -> bytes:
    """Debian's Python looks for `site-packages` in virtual environments alone; conda's does always."""
    if name in (f"{STDLIB}/site.py", f"{STDLIB}/sysconfig.py"):
        changed = data.replace(b'sys.base_prefix != sys.prefix or hasattr(sys, "real_prefix")', b"True")
        if changed == data:
            raise SystemExit(f"{name} is not as it was: no place to patch")
        return changed
    return data


def make(folder: Path, tar: Path, cache: Path) -> None:
    maker = Maker(folder, tar, cache)
    plain = maker.plain()
    named = {"plain": plain, "venv": maker.venv(), "conda": maker.conda(), "index": maker.index(plain)}
    for name, descriptor in named.items():
        maker.layout.name(name, descriptor)
    maker.layout.close()


def tools() -> str | None:
    """The command that is missing."""
    return None if shutil.which("mmdebstrap", path=SYSTEM_PATH) else "mmdebstrap"
