"""One statement for many assignments. The write methods call it with the users locked and checked.

It is SQL because the rows need not leave PostgreSQL: 20,000 model instances take many seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from assignments.querysets import UserWarehouse
from config.database.periods import ALWAYS, Period

_TABLE = "assignments_warehouseuserassignment"
_KEYS = "unnest(%s::bigint[], %s::bigint[]) AS wanted (user_id, warehouse_id)"
_ROWS = "unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS wanted (user_id, warehouse_id, is_active)"
_SAME = "assignment.user_id = wanted.user_id AND assignment.warehouse_id = wanted.warehouse_id"
#: As `config.database.periods.current`.
_IS_CURRENT = """(
    (starts_at IS NULL OR starts_at <= statement_timestamp()) AND (ends_at IS NULL OR ends_at > statement_timestamp())
)"""

_ASSIGN = f"""
    INSERT INTO {_TABLE} AS assignment (user_id, warehouse_id, is_active, activation, starts_at, ends_at)
    SELECT user_id, warehouse_id, is_active, is_active::integer, starts_at, ends_at
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::timestamptz[], %s::timestamptz[])
        AS wanted (user_id, warehouse_id, is_active, starts_at, ends_at)
    ON CONFLICT (user_id, warehouse_id) DO UPDATE SET
        is_active = excluded.is_active, activation = assignment.activation + excluded.activation,
        starts_at = excluded.starts_at, ends_at = excluded.ends_at, updated_at = statement_timestamp()
    WHERE assignment.ends_at <= statement_timestamp()
"""  # noqa: S608 (our own names)
_DEASSIGN = f"DELETE FROM {_TABLE} AS assignment USING {_KEYS} WHERE {_SAME}"  # noqa: S608 (our own names)
# Deactivates the given rows that are to be inactive, and all others of a user who gets an active one. It runs before
# _ASSIGN and _ACTIVATE, because PostgreSQL checks the partial index row by row.
_DEACTIVATE = f"""
    UPDATE {_TABLE} AS assignment SET is_active = false, updated_at = statement_timestamp() FROM {_ROWS}
    WHERE assignment.is_active AND assignment.user_id = wanted.user_id
        AND wanted.is_active <> (assignment.warehouse_id = wanted.warehouse_id)
"""  # noqa: S608 (our own names)
_ACTIVATE = f"""
    UPDATE {_TABLE} AS assignment SET is_active = true, activation = activation + 1, updated_at = statement_timestamp()
    FROM {_ROWS} WHERE NOT assignment.is_active AND wanted.is_active AND {_IS_CURRENT} AND {_SAME}
"""  # noqa: S608 (our own names)
_WANTED_BUT_NOT_CURRENT = f"""
    SELECT FROM {_TABLE} AS assignment JOIN {_ROWS} ON {_SAME} WHERE wanted.is_active AND NOT {_IS_CURRENT} LIMIT 1
"""
_DEACTIVATE_IF_NOT_CURRENT = f"""
    UPDATE {_TABLE} AS assignment SET is_active = false, updated_at = statement_timestamp() FROM {_KEYS}
    WHERE assignment.is_active AND NOT {_IS_CURRENT} AND {_SAME}
"""  # noqa: S608 (our own names)
_SET_PERIODS = f"""
    UPDATE {_TABLE} AS assignment
    SET starts_at = wanted.starts_at, ends_at = wanted.ends_at, updated_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
        AS wanted (user_id, warehouse_id, starts_at, ends_at)
    WHERE {_SAME} AND (assignment.starts_at, assignment.ends_at) IS DISTINCT FROM (wanted.starts_at, wanted.ends_at)
"""  # noqa: S608 (our own names)


def assign(rows: Iterable[UserWarehouse], period: Period) -> int:
    """Inserts the missing ones and renews those whose period is over, inactive. Returns their number."""
    return _run(_ASSIGN, ((*row, False, *period) for row in rows))


def deassign(rows: Iterable[UserWarehouse]) -> int:
    """Deletes the existing ones, and by cascade their grants. Returns their number."""
    return _run(_DEASSIGN, rows)


def set_active(rows: Iterable[tuple[int, int, bool]], periods: Mapping[UserWarehouse, Period]) -> bool:
    """Inserts, renews, activates and deactivates by user id, warehouse id, is active.

    Returns whether all that are to be active are: the period of each is now. Writes only real changes, and each once,
    so that the history has one event for each.
    """
    rows = list(rows)
    _run(_DEACTIVATE, rows)
    _run(_ASSIGN, ((*row, *periods.get(row[:2], ALWAYS)) for row in rows))
    _run(_ACTIVATE, rows)
    return not _run(_WANTED_BUT_NOT_CURRENT, rows)


def switch(rows: Iterable[tuple[int, int, bool]]) -> None:
    """Deactivates and activates existing ones by user id, warehouse id, is active; only current ones are activated."""
    rows = list(rows)
    _run(_DEACTIVATE, rows)
    _run(_ACTIVATE, rows)


def set_periods(periods: dict[UserWarehouse, Period]) -> int:
    """Sets the periods of existing ones. Returns the number of those that changed.

    What is not current before must not become active by a later end, and what is not current afterwards is not active.
    """
    deactivate_if_not_current(periods)
    changed = _run(_SET_PERIODS, ((*key, *period) for key, period in periods.items()))
    deactivate_if_not_current(periods)
    return changed


def deactivate_if_not_current(rows: Iterable[UserWarehouse]) -> None:
    """Stores what does not count as active any more, as its period is not now."""
    _run(_DEACTIVATE_IF_NOT_CURRENT, rows)


def _run(sql: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Passes one array per column. Returns the number of rows written."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql, columns)
        return int(cursor.rowcount)
