"""A database as release 0.1.0 made it: its tables, and some hundred rows written by SQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from tests.support.api.client import PASSWORD
from tests.support.servers.databases import connected, installation
from users.models import Session

#: The newest migration of each app in release 0.1.0. All of those of other packages are applied.
MIGRATIONS = {
    "users": "0002_roles_and_triggers",
    "warehouses": "0001_initial",
    "assignments": "0001_initial",
    "spreadsheets": "0001_initial",
}

#: Which columns it knew, of the tables it filled.
COLUMNS = {
    "warehouses_warehouse": "id, uuid, name, is_active, created_at, updated_at",
    "users_user": "id, password, last_login, is_superuser, uuid, email, first_name, last_name, status, "
    "is_warehouse_user, language, roles, has_two_factor, password_changed_at, has_warehouse, signed_out_at, "
    "created_at, updated_at",
    "users_session": "id, created_at, expires_at, refresh_digest, previous_refresh_digest, refreshed_at, retry_used, "
    "client_id, requested_scope, address, user_agent, last_used_at, ended_at, end_reason, user_id",
    "assignments_warehouseuserassignment": "id, uuid, is_active, activation, created_at, updated_at, user_id, "
    "warehouse_id",
    "assignments_warehousegrant": "id, created_at, expires_at, refresh_digest, previous_refresh_digest, refreshed_at, "
    "retry_used, activation, session_id, assignment_id",
    "users_user_groups": "id, user_id, group_id",
    "users_userevent": "pgh_id, pgh_created_at, pgh_label, pgh_context, pgh_obj_id, id, uuid, email, first_name, "
    "last_name, status, is_superuser, is_warehouse_user, language, roles, has_two_factor, password_changed_at",
    "assignments_warehouseuserassignmentevent": "pgh_id, pgh_created_at, pgh_label, pgh_context, pgh_obj_id, id, "
    "uuid, is_active, activation, user_id, warehouse_id",
}

WAREHOUSES = ("North Dock", "River Annex", "Old Mill", "South Yard")
PEOPLE = 200
#: Everybody has this password; it was hashed then as it is now.
PERSON = """
INSERT INTO users_user (password, is_superuser, uuid, email, first_name, last_name, status, is_warehouse_user, language)
VALUES (%s, %s, gen_random_uuid(), %s, %s, %s, %s, %s, %s) RETURNING id
"""
ASSIGNMENT = """
INSERT INTO assignments_warehouseuserassignment (uuid, user_id, warehouse_id, is_active, activation)
VALUES (gen_random_uuid(), %s, (SELECT id FROM warehouses_warehouse WHERE name = %s), %s, %s) RETURNING id
"""
SESSION = """
INSERT INTO users_session (id, user_id, client_id, requested_scope, address, user_agent, created_at, last_used_at,
                           expires_at, ended_at, end_reason, refresh_digest, retry_used)
VALUES (%s, %s, 'frontend', '', '192.0.2.7', 'Scanner', now(), now(), now() + %s * interval '1 day',
        CASE WHEN %s THEN now() END, '', %s, false)
"""
_GRANT = """
INSERT INTO assignments_warehousegrant (id, session_id, assignment_id, activation, created_at, expires_at,
                                        refresh_digest, retry_used)
VALUES (gen_random_uuid(), %s, %s, 1, now(), now() + interval '7 days', %s, false)
"""
_GROUP = """
WITH made AS (INSERT INTO auth_group (name) VALUES ('Night shift') RETURNING id)
INSERT INTO users_user_groups (user_id, group_id) SELECT users_user.id, made.id FROM users_user, made
WHERE NOT is_warehouse_user AND is_superuser = false AND users_user.id < 30
"""


def make(url: str) -> str:
    """Fills the empty database. Returns the refresh token of a person who is signed in: `pat.picker@example.test`."""
    with connected(installation(url)):
        _migrate()
    with psycopg.connect(url) as connection:
        for name in WAREHOUSES:
            connection.execute(
                "INSERT INTO warehouses_warehouse (uuid, name, is_active) VALUES (gen_random_uuid(), %s, %s)",
                [name, name != "Old Mill"],
            )
        hashed = make_password(PASSWORD)
        pat, *others = [_value(connection, PERSON, [hashed, *person]) for person in _people()]
        token = sign_in(connection, pat)
        for number, person in enumerate(others):
            if number % 10 != 9:  # who works in the Back Office has no warehouse
                work(connection, number, person)
        connection.execute(_GROUP)
    return token


def _migrate() -> None:
    for app, name in MIGRATIONS.items():
        call_command("migrate", app, name, verbosity=0)
    for app in sorted(MigrationLoader(None).migrated_apps - MIGRATIONS.keys()):
        call_command("migrate", app, verbosity=0)


def _people() -> Iterator[list[Any]]:
    """Of all kinds and states; one in ten works in the Back Office."""
    yield [False, "pat.picker@example.test", "Pat", "Picker", "active", True, "en_US"]
    yield [True, "Ada.Admin@Example.test", "Ada", "Admin", "active", False, "de_DE"]
    states = ("active", "active", "active", "blocked", "deleted")
    for number in range(2, PEOPLE):
        email = f"{'Person' if number % 3 else 'person'}.{number}@example.test"
        yield [False, email, "Jo", f"Müller-{number}", states[number % 5], number % 10 != 0, "en_US"]


def sign_in(connection: psycopg.Connection[Any], person: int, *, days: int = 31, ended: bool = False) -> str:
    """A session that lasts so many days, with its first refresh token, which it gives back."""
    session = Session()
    token = session.first_refresh_token()
    connection.execute(SESSION, [session.id, person, days, ended, session.refresh_digest])
    if not ended:
        first = assign(connection, person, WAREHOUSES[0], is_active=True)
        connection.execute(_GRANT, [session.id, first, uuid.uuid4().hex * 2])
    return token


def assign(connection: psycopg.Connection[Any], person: int, name: str, *, is_active: bool) -> int:
    return int(_value(connection, ASSIGNMENT, [person, name, is_active, int(is_active)]))


def work(connection: psycopg.Connection[Any], number: int, person: int) -> None:
    """Of five: one has no warehouse, two have some and none is active, two are signed in and the first is active."""
    if number % 5 > 2:
        sign_in(connection, person, days=31 if number % 2 else -1)
    else:
        sign_in(connection, person, ended=True)
    for name in WAREHOUSES[1 : 1 + number % 5]:
        assign(connection, person, name, is_active=False)


def _value(connection: psycopg.Connection[Any], query: str, values: list[Any]) -> Any:
    ((value,),) = connection.execute(query, values).fetchall()
    return value
