"""`make test` leaves the tests marked `thorough` out, but not in continuous integration, and never many."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from config.installation import BASE_DIR

#: Of all tests.
LEAST_PERCENT = 85


def arguments_of_pytest(target: str, **variables: str) -> list[str]:
    """What `make` would run for it, from `pytest` on."""
    environment = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("MAKE")}
    command = ["make", "--dry-run", "--always-make", target]
    done = subprocess.run(
        command, cwd=BASE_DIR, env=environment | variables, capture_output=True, text=True, check=True
    )
    _, _, arguments = done.stdout.splitlines()[-1].partition(" -m pytest")
    return shlex.split(arguments)


def test_continuous_integration_leaves_nothing_out() -> None:
    assert "-m" not in arguments_of_pytest("test-all")
    assert arguments_of_pytest("test", CI="true") == arguments_of_pytest("test-all")
    assert 'CI="${CI:-true}" make test' in (BASE_DIR / ".ci" / "run").read_text().splitlines()


def test_before_a_commit_the_thorough_ones_are_left_out() -> None:
    assert arguments_of_pytest("test") == [*arguments_of_pytest("test-all"), "-m", "not thorough"]


@pytest.mark.thorough  # it finds all tests once more
def test_most_are_run_before_a_commit_and_how_many_are_not_is_said() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not thorough"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=True)
    told = re.search(r"(\d+)/(\d+) tests collected \((\d+) deselected\)", done.stdout)
    assert told
    run, all_tests, left_out = map(int, told.groups())
    assert f"{left_out} thorough tests were left out: `make test-all` runs all" in done.stdout
    assert left_out > 0
    assert run / all_tests * 100 >= LEAST_PERCENT
