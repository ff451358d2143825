"""What is too long for `make test` starts at least: all of its modules load."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.installation import BASE_DIR
from tests.endurance.__main__ import PARTS
from tests.endurance.mutations import MUTATIONS_TRIED


@pytest.mark.thorough
@pytest.mark.parametrize("module", ["tests.endurance", "tests.drill", "tests.benchmarks"])
def test_every_program_starts(module: str) -> None:
    assert _python("-m", module, "--help").returncode == 0


@pytest.mark.thorough
@pytest.mark.parametrize("part", PARTS)
def test_every_part_loads_with_the_settings_that_it_chooses(part: str) -> None:
    """Parts that start pytest choose none: it would take those of the site for its own."""
    program = (
        "import os; from django.conf import settings; from tests.endurance.__main__ import load; "
        f"assert load({part!r}).run; chosen = settings.SETTINGS_MODULE if settings.configured else None; "
        "assert os.environ.get('DJANGO_SETTINGS_MODULE') == chosen"
    )
    assert _python("-c", program).returncode == 0


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=BASE_DIR, env=environment, text=True, check=False)


def test_every_place_of_the_mutations_is_there_once() -> None:
    """Else `make endurance` would end at it after a quarter of an hour."""
    gone = [one for one in MUTATIONS_TRIED if (BASE_DIR / one.file).read_text().count(one.text) != 1]
    assert gone == []
