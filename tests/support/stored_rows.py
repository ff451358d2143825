"""The rows of tables as they are stored, read by one query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection
from psycopg import sql

#: Table → its rows as JSON, sorted.
Rows = dict[str, list[str]]


def stored_rows(tables: Iterable[str]) -> Rows:
    found: Rows = {table: [] for table in tables}
    one = sql.SQL("SELECT {}, to_jsonb(t)::text FROM {} t")
    parts: list[Any] = [one.format(table, sql.Identifier(table)) for table in found]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(parts).as_string())
        for table, row in cursor.fetchall():
            found[table].append(row)
    return {table: sorted(rows) for table, rows in found.items()}
