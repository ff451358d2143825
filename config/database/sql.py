"""The answers of SQL statements: of PostgreSQL's clock, locks, settings and catalogue, which the ORM does not know."""

from __future__ import annotations

from typing import Any

from django.db import connection


def rows_of(statement: str, *values: Any, using: Any = connection) -> list[tuple[Any, ...]]:
    """All rows. A statement without values may contain percent signs."""
    with using.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall()


def row_of(statement: str, *values: Any, using: Any = connection) -> tuple[Any, ...]:
    """The first row of a statement that returns one."""
    return rows_of(statement, *values, using=using)[0]
