"""Statements for many assignments. The write methods run them with the users locked and checked.

It is SQL because the rows need not leave PostgreSQL: 20,000 model instances take many seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection

_TABLE = "assignments_warehouseuserassignment"
_KEYS = "unnest(%s::bigint[], %s::bigint[]) AS wanted (user_id, warehouse_id)"
_ROWS = "unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS wanted (user_id, warehouse_id, is_active)"
_SAME = "assignment.user_id = wanted.user_id AND assignment.warehouse_id = wanted.warehouse_id"
#: As `config.database.periods.current`.
_IS_CURRENT = """(
    (starts_at IS NULL OR starts_at <= statement_timestamp()) AND (ends_at IS NULL OR ends_at > statement_timestamp())
)"""

#: Inserts the missing ones and renews those whose period is over: user id, warehouse id, is active, and the period.
ASSIGN = f"""
    INSERT INTO {_TABLE} AS assignment (user_id, warehouse_id, is_active, activation, starts_at, ends_at)
    SELECT user_id, warehouse_id, is_active, is_active::integer, starts_at, ends_at
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::timestamptz[], %s::timestamptz[])
        AS wanted (user_id, warehouse_id, is_active, starts_at, ends_at)
    ON CONFLICT (user_id, warehouse_id) DO UPDATE SET
        is_active = excluded.is_active, activation = assignment.activation + excluded.activation,
        starts_at = excluded.starts_at, ends_at = excluded.ends_at, updated_at = statement_timestamp()
    WHERE assignment.ends_at <= statement_timestamp()
"""  # noqa: S608 (our own names)
#: Deletes the existing ones, and by cascade their grants: user id, warehouse id.
DEASSIGN = f"DELETE FROM {_TABLE} AS assignment USING {_KEYS} WHERE {_SAME}"  # noqa: S608 (our own names)
#: Deactivates the given rows that are to be inactive, and all others of a user who gets an active one: user id,
#: warehouse id, is active. It runs before `ASSIGN` and `ACTIVATE`, as PostgreSQL checks the partial index row by row.
DEACTIVATE = f"""
    UPDATE {_TABLE} AS assignment SET is_active = false, updated_at = statement_timestamp() FROM {_ROWS}
    WHERE assignment.is_active AND assignment.user_id = wanted.user_id
        AND wanted.is_active <> (assignment.warehouse_id = wanted.warehouse_id)
"""  # noqa: S608 (our own names)
#: Activates the current ones of these rows that are to be active.
ACTIVATE = f"""
    UPDATE {_TABLE} AS assignment SET is_active = true, activation = activation + 1, updated_at = statement_timestamp()
    FROM {_ROWS} WHERE NOT assignment.is_active AND wanted.is_active AND {_IS_CURRENT} AND {_SAME}
"""  # noqa: S608 (our own names)
#: Finds one of these rows that is to be active and is not current.
WANTED_BUT_NOT_CURRENT = f"""
    SELECT FROM {_TABLE} AS assignment JOIN {_ROWS} ON {_SAME} WHERE wanted.is_active AND NOT {_IS_CURRENT} LIMIT 1
"""
#: Stores what does not count as active any more, as its period is not now: user id, warehouse id.
DEACTIVATE_IF_NOT_CURRENT = f"""
    UPDATE {_TABLE} AS assignment SET is_active = false, updated_at = statement_timestamp() FROM {_KEYS}
    WHERE assignment.is_active AND NOT {_IS_CURRENT} AND {_SAME}
"""  # noqa: S608 (our own names)
#: Changes the periods of existing ones that differ: user id, warehouse id, and the period.
SET_PERIODS = f"""
    UPDATE {_TABLE} AS assignment
    SET starts_at = wanted.starts_at, ends_at = wanted.ends_at, updated_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
        AS wanted (user_id, warehouse_id, starts_at, ends_at)
    WHERE {_SAME} AND (assignment.starts_at, assignment.ends_at) IS DISTINCT FROM (wanted.starts_at, wanted.ends_at)
"""  # noqa: S608 (our own names)


def run(sql: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Runs a statement for these rows, one array per column. Returns the number of rows written, or found."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql, columns)
        return int(cursor.rowcount)
