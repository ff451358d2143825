"""Periods: from when until when something is valid. PostgreSQL's clock decides, at every reading.

A period is half-open: it includes `starts_at` and excludes `ends_at`. Either may be None.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import Q
from django.db.models.functions import Now

from config.database.sql import row_of

#: Bounds of all moments of a period, which every time zone can show. They stand for None when rows are sorted.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Period(NamedTuple):
    """From when (None: since ever) until when (None: open-ended)."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def is_valid(self) -> bool:
        """Whether it ends after it starts, within `EARLIEST` and `LATEST`."""
        return EARLIEST <= (self.starts_at or EARLIEST) < (self.ends_at or LATEST) <= LATEST

    @property
    def is_current(self) -> bool:
        """Whether now lies inside. One query, if it has bounds."""
        return self == ALWAYS or self.includes(database_now())

    def includes(self, moment: datetime) -> bool:
        """Whether the moment lies inside."""
        return (self.starts_at or EARLIEST) <= moment < (self.ends_at or LATEST)


ALWAYS = Period()


def database_now() -> datetime:
    """Now, by the database's clock."""
    return row_of("SELECT statement_timestamp()")[0]


def current(path: str = "") -> Q:
    """The condition that now lies inside of a row's period. `path` is the lookup to the row, such as `assignment__`."""
    return includes(Now(), path)


def includes(moment: Any, path: str = "") -> Q:
    """The condition that a row's period includes this moment: an expression or a datetime."""
    has_begun = Q(**{f"{path}starts_at": None}) | Q(**{f"{path}starts_at__lte": moment})
    return has_begun & not_ended(path, moment)


def not_ended(path: str = "", moment: Any = Now()) -> Q:  # noqa: B008 (an expression, which nothing changes)
    """The condition that a row's period is not over, now or at another moment."""
    return not_past(f"{path}ends_at", moment)


def not_past(column: str, moment: Any = Now()) -> Q:  # noqa: B008 (an expression, which nothing changes)
    """The condition that the moment in this column, or lookup, has not come, or that there is none."""
    return Q(**{column: None}) | Q(**{f"{column}__gt": moment})


def ended() -> Q:
    """The condition that a row's period is over."""
    return Q(ends_at__lte=Now())
