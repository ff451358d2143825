"""A release that comes after this one: all of it, and a few migrations more.

What `manage.py migrate` and `restore` do on a site at work is tried with these, whether or not this release has
migrations after 0.1.0.
"""

from __future__ import annotations

import pkgutil
from types import ModuleType

#: So many migrations it has that this release does not know.
MIGRATIONS = 3
SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.later_release.settings"}
#: The same for a process that has settings already.
OVERRIDES = {
    "MIGRATION_MODULES": {
        app: f"tests.later_release.{app}.migrations" for app in ("users", "assignments", "spreadsheets")
    }
}


def newest(migrations: ModuleType) -> str:
    """The name of the newest migration in this package."""
    return max(name for _, name, _ in pkgutil.iter_modules(migrations.__path__))
