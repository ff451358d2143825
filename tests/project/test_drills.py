"""What is too long for `make test` starts at least: all of its modules load."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.installation import BASE_DIR
from tests.endurance.mutations import MUTATIONS_TRIED


@pytest.mark.thorough
@pytest.mark.parametrize("module", ["tests.endurance", "tests.drill", "tests.benchmarks"])
def test_every_part_loads(module: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_place_of_the_mutations_is_there_once() -> None:
    """Else `make endurance` would end at it after a quarter of an hour."""
    gone = [one for one in MUTATIONS_TRIED if (BASE_DIR / one.file).read_text().count(one.text) != 1]
    assert gone == []
