"""The count of `make test`: what runners print becomes passed, failed and skipped, and no fault is lost."""

import importlib.util
from pathlib import Path

import pytest

path = Path(__file__).resolve().parent.parent / "run-tests.py"
spec = importlib.util.spec_from_file_location("run_tests", path)
run_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_tests)
Count, Step = run_tests.Count, run_tests.Step

CARGO = """
     Running tests/first.rs (target/debug/deps/first-0)

running 4 tests
test one ... ok
test two ... ok
test three ... ok
test four ... ignored

successes:

---- one stdout ----
skipped: no corpus

---- two stdout ----
looked at 3 files, none skipped: fine


successes:
    one
    three
    two

test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s

     Running tests/second.rs (target/debug/deps/second-0)

running 1 test
test five ... FAILED

failures:

---- five stdout ----
skipped: nothing, for it fails

thread 'five' (7) panicked at src/lib.rs:1:1:
no

failures:
    five

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.05s
"""


def test_rust_tests_that_say_skipped_are_not_passed():
    assert run_tests.count_cargo(CARGO) == Count(passed=2, failed=1, skipped=2)


def test_of_many_tests_those_that_failed_are_shown():
    shown = run_tests.failures(CARGO)
    assert shown.startswith("     Running tests/second.rs"), shown
    assert "panicked at src/lib.rs" in shown and "looked at 3 files" not in shown, shown
    ended = "\n     Running tests/third.rs (third-0)\nerror: test failed\n\nCaused by:\n  (signal: 6, SIGABRT)\n\n"
    assert "third" in run_tests.failures(CARGO + ended) and "error: test failed" in run_tests.failures(CARGO + ended)
    assert run_tests.failures("no line of a runner") == "no line of a runner"


@pytest.mark.parametrize(
    "closing, expected",
    [
        ("3 passed in 0.10s", Count(3, 0, 0)),
        ("1 failed, 41 passed, 2 skipped, 1 warning in 61.20s (0:01:01)", Count(41, 1, 2)),
        ("===== 2 errors in 0.20s =====", Count(0, 2, 0)),
        ("1 xfailed, 1 xpassed in 0.20s", Count(0, 1, 1)),
        ("no tests ran in 0.01s", Count()),
        ("", Count()),
    ],
)
def test_the_closing_line_of_pytest_is_read(closing, expected):
    assert run_tests.count_pytest(f"....\n{closing}\n") == expected


@pytest.mark.parametrize(
    "count, status, output, expected",
    [
        (run_tests.count_cargo, 101, CARGO, Count(2, 1, 2)),
        (run_tests.count_cargo, 101, "error: could not compile", Count(0, 1, 0)),
        (run_tests.count_cargo, 124, CARGO.split("running 1 test")[0], Count(2, 1, 2)),
        (run_tests.count_cargo, 0, "", Count(0, 1, 0)),
        (run_tests.count_pytest, 5, "no tests ran in 0.01s", Count(0, 1, 0)),
        (run_tests.count_one, 0, "", Count(1, 0, 0)),
        (run_tests.count_one, 1, "", Count(0, 1, 0)),
    ],
)
def test_a_step_that_fails_without_a_failed_test_is_a_failure(count, status, output, expected):
    assert run_tests.judge(Step("step", [], 1, count=count), status, output) == expected


def test_a_step_that_does_not_end_is_ended_with_its_children(tmp_path):
    step = Step("endless", ["sh", "-c", "echo begun; sleep 600 & wait"], minutes=0.01)
    log = tmp_path / "log"
    assert run_tests.execute(step, log) == 124
    assert log.read_text().startswith("begun\n") and "out of time" in log.read_text()
