"""`python -m tests.drill [FAULT ...]`: breaks an installation of several servers in every way that it should survive.

Prints a table, and writes RESULTS.md. Raises AssertionError where a promise was broken.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.drill import drill
    from tests.drill.faults import FAULTS

    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("faults", nargs="*", help=f"some of: {', '.join(FAULTS)}")
    options = parser.parse_args()
    if unknown := set(options.faults) - set(FAULTS):
        parser.error(f"There is no fault {', '.join(sorted(unknown))}.")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that servers are stopped
    logging.getLogger("httpx").setLevel(logging.WARNING)
    drill.run(options.faults or list(FAULTS), is_whole=not options.faults)


if __name__ == "__main__":
    main()
