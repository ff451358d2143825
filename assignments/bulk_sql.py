"""Many assignments written by one statement each: what the write methods for many do inside.

A pair is (user id, warehouse id). Whoever calls has locked the people and asked whether they may be assigned. Written
in SQL because the rows never need to leave PostgreSQL: by way of the models, 20,000 of them take many seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

Pair = tuple[int, int]

_TABLE = "assignments_warehouseuserassignment"
_ASSIGN = f"""
    INSERT INTO {_TABLE} (uuid, user_id, warehouse_id, is_active, activation)
    SELECT gen_random_uuid(), user_id, warehouse_id, false, 0
    FROM unnest(%s::bigint[], %s::bigint[]) AS told (user_id, warehouse_id)
    ON CONFLICT (user_id, warehouse_id) DO NOTHING
"""  # noqa: S608 (our own name)
_DEASSIGN = f"""
    DELETE FROM {_TABLE} AS one
    USING unnest(%s::bigint[], %s::bigint[]) AS told (user_id, warehouse_id)
    WHERE one.user_id = told.user_id AND one.warehouse_id = told.warehouse_id
"""  # noqa: S608 (our own name)
# Who stands here stands nowhere else, and who does not stand here leaves. First all leave, then they come: the
# partial index is checked row by row.
_LEAVE = f"""
    UPDATE {_TABLE} AS one SET is_active = false, updated_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS told (user_id, warehouse_id, stands_here)
    WHERE one.is_active AND one.user_id = told.user_id
        AND told.stands_here <> (one.warehouse_id = told.warehouse_id)
"""  # noqa: S608 (our own name)
_COME = f"""
    UPDATE {_TABLE} AS one SET is_active = true, activation = activation + 1, updated_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS told (user_id, warehouse_id, stands_here)
    WHERE NOT one.is_active AND told.stands_here
        AND one.user_id = told.user_id AND one.warehouse_id = told.warehouse_id
"""  # noqa: S608 (our own name)


def assign(pairs: Iterable[Pair]) -> int:
    """Adds those that are not there yet, inactive. Returns how many that were."""
    return _run(_ASSIGN, pairs)


def deassign(pairs: Iterable[Pair]) -> int:
    """Removes those that are there, and with them their grants. Returns how many that were."""
    return _run(_DEASSIGN, pairs)


def switch(told: Iterable[tuple[int, int, bool]]) -> None:
    """Makes true what is told of each pair: whether the person stands there. Writes real changes only."""
    rows = list(told)
    _run(_LEAVE, rows)
    _run(_COME, rows)


def _run(sql: str, rows: Iterable[tuple[int, ...]]) -> int:
    """With one array for each column. Returns how many rows were written."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql, columns)
        return int(cursor.rowcount)
