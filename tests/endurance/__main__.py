"""`python -m tests.endurance [PART ...]`: drills too long for `make test`; prints, and writes RESULTS.md.

A part is a module of this folder with `run()`, which raises AssertionError where a promise was broken.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys

import django

#: In the order in which they run; all together stay under 30 minutes.
PARTS = ("faults", "restarts", "failover", "floods", "fuzz", "pages", "rights", "mutations", "drills")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    modules = {part: importlib.import_module(f"tests.endurance.{part}") for part in PARTS}
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"some of: {', '.join(PARTS)}")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"There is no part {', '.join(sorted(unknown))}.")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that servers are stopped
    logging.getLogger("httpx").setLevel(logging.WARNING)  # not a line for each request, of thousands
    for part in options.parts:
        modules[part].run()


if __name__ == "__main__":
    main()
