"""The wheel, unpacked for the tests that only need what is in it."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """What the wheel puts into site-packages, and its program."""
    wheels = list((ROOT / "dist").glob("nbvet-*.whl"))
    assert len(wheels) == 1, f"`cargo xtask dist` makes one wheel, not {wheels}"
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(folder)
    [program] = folder.glob("*.data/scripts/nbvet")
    program.chmod(0o755)
    return folder, program


@pytest.fixture(scope="session")
def interpreter():
    """Finds the Python of a version on this machine; skips the test where there is none."""

    def find(version):
        name = "python{}.{}".format(*version)
        candidates = [shutil.which(name), *Path.home().glob(".pyenv/versions/{}.{}.*/bin/python".format(*version))]
        for candidate in filter(None, candidates):
            # A shim of pyenv is there and does not work.
            if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
                return str(candidate)
        return pytest.skip(f"no {name} on this machine")

    return find
