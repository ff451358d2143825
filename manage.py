#!/usr/bin/env python
"""The command line of the site. Starts the embedded PostgreSQL unless `DATABASE_URL` names another."""

import os
import signal
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    for ending in (signal.SIGTERM, signal.SIGHUP):  # so that the embedded server is stopped on the way out
        signal.signal(ending, lambda number, frame: sys.exit(128 + number))
    try:
        from config.database import embedded  # reads the settings of the installation

        embedded.start()
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
