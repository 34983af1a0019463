"""Workers for the tests: in the interpreter that runs pytest, and in those named by NBVET_TEST_PYTHONS."""

import os
import sys

import pytest
from driver import Worker, extension


@pytest.fixture(scope="session")
def so():
    return extension()


@pytest.fixture
def start(so, tmp_path):
    """Starts workers in a fresh folder and ends them."""
    workers = []

    def start_one(python=sys.executable, **options):
        options.setdefault("cwd", tmp_path)
        worker = Worker(python, so, **options)
        workers.append(worker)
        return worker.start()

    yield start_one
    for worker in workers:
        worker.close()


@pytest.fixture
def worker(start):
    return start()


def pythons():
    """Interpreters with IPython, separated by colons in NBVET_TEST_PYTHONS; always the one that runs the tests."""
    named = [path for path in os.environ.get("NBVET_TEST_PYTHONS", "").split(":") if path]
    return [sys.executable, *named]


@pytest.fixture(params=pythons())
def each(request, start):
    """A worker in each interpreter at hand."""
    return start(python=request.param)
