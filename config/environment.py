"""The environment, read with the kind of value each setting wants."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):
    """A value of the wrong kind stops the start and names its variable."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError:
            kind = kwargs.get("cast", str).__name__
            raise ImproperlyConfigured(f"{var} must be {_KINDS.get(kind, kind)}, not {self.ENVIRON[var]!r}.") from None

    def time_zone(self, var: str, default: str) -> str:
        """The name of a zone in the IANA database."""
        name = str(self.str(var, default=default))
        try:
            return ZoneInfo(name).key
        except (ValueError, OSError, ZoneInfoNotFoundError):  # no name, a folder of zones, a name of none
            raise ImproperlyConfigured(f"{var} must be a time zone such as Europe/Berlin, not {name!r}.") from None


_KINDS = {"int": "a whole number", "float": "a number"}
