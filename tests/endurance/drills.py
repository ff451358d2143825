"""The tests that have a long form (the marker `drill`), in that form."""

from __future__ import annotations

import subprocess
import sys


def run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "drill", "--whole", "-n", "2", "--dist", "loadgroup", "-q"], check=False
    )
    assert done.returncode == 0, "a test has failed: see above"
