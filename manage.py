#!/usr/bin/env python
"""The command line of the site. Starts the embedded PostgreSQL unless `DATABASE_URL` names another."""

import os
import sys

from config import database


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        database.start_embedded()
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
