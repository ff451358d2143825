"""What is too long for `make test` starts at least: all of its modules load."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.installation import BASE_DIR

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("module", ["tests.endurance", "tests.drill", "tests.benchmarks"])
def test_every_part_loads(module: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
