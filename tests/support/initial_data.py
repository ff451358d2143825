"""What is in the database before each test: what migrations made, the shipped roles and a signing key.

After a test that has committed, only the tables that it has changed are written. PostgreSQL empties a small table by
DELETE in a tenth of the time that TRUNCATE takes, which makes new files for it and for each of its indexes.
"""

from __future__ import annotations

from django.db import OperationalError, connection, transaction
from psycopg import sql
from psycopg.errors import DeadlockDetected

from tests.support import underway

#: The tables that have rows then, in the order of their foreign keys and triggers.
TABLES = (
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "users_roleevent",
    "users_signingkey",
)
_TRIES = 20
#: A larger table is truncated.
_MOST_DELETED_BYTES = 1 << 18
#: The rows of these, as PostgreSQL's COPY writes them.
_contents: dict[str, bytes] = {}


def remember() -> None:
    """Takes what is there for the initial data."""
    assert set(_filled()) == set(TABLES)
    _contents.update({name: _read(name) for name in TABLES})


def restore() -> None:
    """The initial data and no other rows. Tries again if a server that is still at work is in its way."""
    underway.wait_for_all()
    for _ in range(_TRIES):
        try:
            return _restore()
        except OperationalError as problem:
            if not isinstance(problem.__cause__, DeadlockDetected):
                raise
    raise AssertionError("a server does not stop writing")


def _restore() -> None:
    _empty_others()
    if any(_read(name) != _contents[name] for name in TABLES):
        for name in TABLES:
            if _read(name) != _contents[name]:
                with transaction.atomic():  # a server that reads its keys now would make one of its own
                    _empty([name])
                    _write(name)
        _empty_others()  # the history of what was just written


def _empty_others() -> None:
    names = [name for name in _filled() if name not in TABLES]
    small = _small(names)
    _empty([name for name in names if name not in small])
    _delete(small)


def _filled() -> list[str]:
    """The tables of the site's models that have rows."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    one = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    query = sql.SQL(" UNION ALL ").join(one.format(name, sql.Identifier(name)) for name in names)
    with connection.cursor() as cursor:
        cursor.execute(query.as_string())
        return [name for (name,) in cursor.fetchall()]


def _empty(names: list[str]) -> None:
    """Also the tables that refer to these. No trigger for single rows notices."""
    if names:
        tables = sql.SQL(", ").join(map(sql.Identifier, names))
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(tables).as_string())


def _small(names: list[str]) -> list[str]:
    """Those of the tables that may be emptied by DELETE: as a superuser, who alone may leave triggers out."""
    query = """
        SELECT name FROM unnest(%s::text[]) AS name
        WHERE pg_relation_size(name::regclass) <= %s AND current_setting('is_superuser')::boolean
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [names, _MOST_DELETED_BYTES])
        return [name for (name,) in cursor.fetchall()]


def _delete(names: list[str]) -> None:
    """All rows of them. No trigger notices, those of foreign keys neither."""
    if names:
        deletions = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in names]
        statements = sql.SQL("; ").join([sql.SQL("SET LOCAL session_replication_role = replica"), *deletions])
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statements.as_string())


def _read(name: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT * FROM {name} ORDER BY 1) TO STDOUT") as rows:
        return b"".join(map(bytes, rows))


def _write(name: str) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as rows:
        rows.write(_contents[name])
