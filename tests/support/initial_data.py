"""What is in the database before each test: what migrations made, the shipped roles and a signing key.

After a test that has committed, only the tables that it has changed are written.
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
    _empty([name for name in _filled() if name not in TABLES])


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


def _read(name: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT * FROM {name} ORDER BY 1) TO STDOUT") as rows:
        return b"".join(map(bytes, rows))


def _write(name: str) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as rows:
        rows.write(_contents[name])
