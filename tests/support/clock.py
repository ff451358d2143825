"""PostgreSQL's clock, which a test moves: what `now()` and the like return on this connection.

Functions of the same names in a schema that comes before `pg_catalog` in the search path. They end with the test's
transaction. The defaults of columns are bound to the real functions.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from config.database.periods import database_now

_FUNCTION = """
    CREATE FUNCTION clock.{name}() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT current_setting('clock.now')::timestamptz $$
"""


class Clock:
    """Stands at the time of its making until it is moved."""

    def __init__(self) -> None:
        self.now = database_now()
        self.move(timedelta())
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA clock")
            for name in ("now", "statement_timestamp", "clock_timestamp"):
                cursor.execute(_FUNCTION.format(name=name))
            cursor.execute("SET LOCAL search_path = clock, pg_catalog, public")

    def move(self, by: timedelta) -> None:
        """Forwards, or backwards if negative."""
        self.now += by
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('clock.now', %s, true)", [self.now.isoformat()])


@pytest.fixture
def clock(db: None) -> Clock:
    return Clock()
