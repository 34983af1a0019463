"""An OCI layout folder, and the layers that go into it: the same bytes for the same entries."""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path, PurePosixPath

EPOCH = 1_700_000_000
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Hashing:
    """A file being written, with the digest and the length of what went through."""

    def __init__(self, file):
        self.file, self.sha, self.size = file, hashlib.sha256(), 0

    def write(self, data) -> int:
        self.sha.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()

    def tell(self) -> int:
        return self.size

    def digest(self) -> str:
        return "sha256:" + self.sha.hexdigest()


class Layout:
    """A folder of blobs with an index of named images."""

    def __init__(self, folder: Path):
        self.folder, self.named = folder, []
        self.blobs = folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def add(self, value: dict, media_type: str) -> dict:
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        name = digest(data)
        (self.blobs / name.removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def keep(self, blob: Path, descriptor: dict) -> None:
        goal = self.blobs / descriptor["digest"].removeprefix("sha256:")
        if not goal.exists():
            shutil.copyfile(blob, goal)

    def image(self, layers: list, config: dict, architecture: str, system: str = "linux") -> dict:
        """`layers` are pairs of descriptor and diff id."""
        whole = {
            "architecture": architecture,
            "os": system,
            "created": "2023-11-14T22:13:20Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.add(whole, CONFIG),
            "layers": [descriptor for descriptor, _ in layers],
        }
        return self.add(manifest, MANIFEST)

    def name(self, name: str, descriptor: dict) -> None:
        self.named.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})

    def close(self) -> None:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.named}
        (self.folder / "index.json").write_text(json.dumps(index, indent=1))


def compress(source, goal: Path) -> tuple[dict, str]:
    """Gzips a tar: its descriptor and its diff id."""
    diff = hashlib.sha256()
    with goal.open("wb") as raw:
        out = Hashing(raw)
        with gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
            while piece := source.read(1 << 20):
                diff.update(piece)
                packed.write(piece)
    return {"mediaType": LAYER, "digest": out.digest(), "size": out.size}, "sha256:" + diff.hexdigest()


class Layer:
    """A layer that is being written. Parents come before what they hold, times are all the same."""

    def __init__(self, folder: Path, owner: tuple[int, int] = (0, 0)):
        self.folder, self.owner, self.seen = folder, owner, set()
        self.path = folder / "layer.tar"
        self.raw = self.path.open("wb")
        self.tar = tarfile.TarFile(mode="w", fileobj=self.raw, format=tarfile.GNU_FORMAT)

    def _add(self, path: str, kind: bytes, mode: int, data: bytes = b"", target: str = "") -> None:
        for parent in reversed(PurePosixPath(path).parents):
            self.directory(str(parent))
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.size, entry.linkname, entry.mtime = kind, mode, len(data), target, EPOCH
        entry.uid, entry.gid = self.owner
        self.tar.addfile(entry, io.BytesIO(data))

    def directory(self, path: str, mode: int = 0o775) -> None:
        if path != "." and path not in self.seen:
            self.seen.add(path)
            # The system's own folders stay root's.
            system = path.split("/")[0] in ("usr", "etc") or path in ("opt", "home")
            owner, self.owner = self.owner, (0, 0) if system else self.owner
            self._add(path, tarfile.DIRTYPE, 0o755 if system else mode)
            self.owner = owner

    def file(self, path: str, data: bytes | str, mode: int = 0o664) -> None:
        self._add(path, tarfile.REGTYPE, mode, data.encode() if isinstance(data, str) else data)

    def symlink(self, path: str, target: str) -> None:
        self._add(path, tarfile.SYMTYPE, 0o777, target=target)

    def hard_link(self, path: str, target: str) -> None:
        self._add(path, tarfile.LNKTYPE, 0o664, target=target)

    def remove(self, path: str) -> None:
        """A whiteout: what lower layers have there is gone."""
        parent, name = path.rsplit("/", 1)
        self.file(f"{parent}/.wh.{name}", b"")

    def empty(self, folder: str) -> None:
        """An opaque whiteout: what lower layers have in the folder is gone."""
        self.file(f"{folder}/.wh..wh..opq", b"")

    def close(self, layout: Layout) -> tuple[dict, str]:
        self.tar.close()
        self.raw.close()
        packed = self.folder / "layer.tar.gz"
        with self.path.open("rb") as source:
            done = compress(source, packed)
        layout.keep(packed, done[0])
        packed.unlink()
        self.path.unlink()
        return done
