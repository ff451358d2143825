"""`python -m tests.endurance [PART ...]`: drills too long for `make test`; prints, and writes RESULTS.md.

A part is a module of this folder with `run()`, which raises AssertionError where a promise was broken.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import subprocess
import sys
from types import ModuleType

import django

#: In the order in which they run; all together stay under 30 minutes.
PARTS = ("faults", "restarts", "failover", "floods", "fuzz", "pages", "rights", "mutations", "drills")
#: Those that use the site's settings in their process. The others have a database of their own, or start pytest.
SITE_SETTINGS = ("faults", "restarts", "failover", "floods")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"some of: {', '.join(PARTS)}")
    parts = parser.parse_args().parts
    if unknown := set(parts) - set(PARTS):
        parser.error(f"There is no part {', '.join(sorted(unknown))}.")
    if len(parts) == 1:
        return _run(parts[0])
    for part in parts:
        _run_elsewhere(part)


def load(part: str) -> ModuleType:
    if part in SITE_SETTINGS:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
    return importlib.import_module(f"tests.endurance.{part}")


def _run(part: str) -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that servers are stopped
    logging.getLogger("httpx").setLevel(logging.WARNING)  # not a line for each request, of thousands
    load(part).run()


def _run_elsewhere(part: str) -> None:
    """In a process of its own: parts have different settings. Ends this one, too, if it fails."""
    process = subprocess.Popen([sys.executable, "-m", "tests.endurance", part])
    signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    if status := process.wait():
        sys.exit(status)


if __name__ == "__main__":
    main()
