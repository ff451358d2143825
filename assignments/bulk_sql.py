"""One statement for many assignments. The write methods call it with the users locked and checked.

It is SQL because the rows need not leave PostgreSQL: 20,000 model instances take many seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

#: User id, warehouse id.
UserWarehouse = tuple[int, int]

_TABLE = "assignments_warehouseuserassignment"
_ASSIGN = f"""
    INSERT INTO {_TABLE} (user_id, warehouse_id, is_active, activation)
    SELECT user_id, warehouse_id, is_active, is_active::integer
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS wanted (user_id, warehouse_id, is_active)
    ON CONFLICT (user_id, warehouse_id) DO NOTHING
"""  # noqa: S608 (our own name)
_DEASSIGN = f"""
    DELETE FROM {_TABLE} AS assignment
    USING unnest(%s::bigint[], %s::bigint[]) AS wanted (user_id, warehouse_id)
    WHERE assignment.user_id = wanted.user_id AND assignment.warehouse_id = wanted.warehouse_id
"""  # noqa: S608 (our own name)
# Deactivates the given rows that are to be inactive, and all others of a user who gets an active one. It runs before
# _ASSIGN and _ACTIVATE, because PostgreSQL checks the partial index row by assignment.
_DEACTIVATE = f"""
    UPDATE {_TABLE} AS assignment SET is_active = false, updated_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS wanted (user_id, warehouse_id, is_active)
    WHERE assignment.is_active AND assignment.user_id = wanted.user_id
        AND wanted.is_active <> (assignment.warehouse_id = wanted.warehouse_id)
"""  # noqa: S608 (our own name)
_ACTIVATE = f"""
    UPDATE {_TABLE} AS assignment SET is_active = true, activation = activation + 1, updated_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS wanted (user_id, warehouse_id, is_active)
    WHERE NOT assignment.is_active AND wanted.is_active
        AND assignment.user_id = wanted.user_id AND assignment.warehouse_id = wanted.warehouse_id
"""  # noqa: S608 (our own name)


def assign(rows: Iterable[UserWarehouse]) -> int:
    """Inserts the missing ones, inactive. Returns their number."""
    return _run(_ASSIGN, ((user_id, warehouse_id, False) for user_id, warehouse_id in rows))


def deassign(rows: Iterable[UserWarehouse]) -> int:
    """Deletes the existing ones, and by cascade their grants. Returns their number."""
    return _run(_DEASSIGN, rows)


def set_active(rows: Iterable[tuple[int, int, bool]]) -> None:
    """Inserts, activates and deactivates by user id, warehouse id, is active.

    Writes only real changes, and each once, so that the history has one event for each.
    """
    rows = list(rows)
    _run(_DEACTIVATE, rows)
    _run(_ASSIGN, rows)
    _run(_ACTIVATE, rows)


def _run(sql: str, rows: Iterable[tuple[int, ...]]) -> int:
    """Passes one array per column. Returns the number of rows written."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql, columns)
        return int(cursor.rowcount)
